"""Visits told as stories, one in each file, for a physician to read: who was told what and when, who saw
whom, and what stands in the record afterwards. Everything runs in memory, on a clock that the story moves.
"""

from collections.abc import AsyncIterator

import pytest
from tests.stories.telling import Clinic, opened


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    """Return a clinic in Geneva, on a Wednesday at nine, with every service that comes with the library."""
    async with opened() as clinic:
        yield clinic

"""Two pages in a call, and a worker, Redis or PostgreSQL fails under them.

The picture never stands still for a second, both pages are back in order within three back-offs, whatever
was written stands on both once and in order, and the patient needs no other SMS. Two of the faults are tried
here, all of them with `--hypothesis-profile=proof`; `benchmarks/across_failures.py` reports the figures.
"""

from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests import servers
from tests.lives import is_in_full
from tests.pages.across_failures import FAULTS, LONGEST_PAUSE, TRIES, back_offs, visit_across
from tests.pages.proxies import HAS_HAPROXY

SAMPLE = ("kill of the patient's worker, on postgresql", "kill of redis with all its data")
"""One that leaves the log as it was, and one after which each page makes its connections anew."""
pytestmark = [
    pytest.mark.media,
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_HAPROXY, reason="haproxy is not installed: scripts/system-packages"),
    pytest.mark.skipif(
        not (servers.HAS_REDIS and servers.HAS_POSTGRESQL), reason="no servers can be started as their user"
    ),
]


@pytest.mark.parametrize("name", FAULTS if is_in_full() else SAMPLE)
async def test_a_visit_on_two_pages_goes_on_across(name: str, tmp_path: Path, chromium: Browser) -> None:
    outcome = await visit_across(FAULTS[name], tmp_path, chromium)

    for page in (outcome.doctor, outcome.patient):
        assert page.longest_pause < LONGEST_PAUSE
        assert page.tries <= TRIES
        assert page.away <= page.back_offs
    assert outcome.messages == 1


def test_three_back_offs_are_those_of_a_device() -> None:
    assert back_offs(0, 3) == 0.5 + 1 + 2
    assert back_offs(4, 3) == 8 + 15 + 15

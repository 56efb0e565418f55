"""Every attack that a host can make, made on this project's own codes: each store, with a loop and without.

Each is a test whose name holds its number; `benchmarks/attacks.py` runs the races in full.
"""

from collections.abc import Iterator
from contextlib import closing

import pytest

from hugathome import OneTimeCodes, blocking
from hugathome.testing.attacks import ATTACKS, OpenCodes, campaign_against, make_attack
from hugathome.testing.attacks._crowd import Processes


@pytest.fixture(scope="module")
def processes() -> Iterator[Processes]:
    """Sixteen of them, for all the races."""
    with closing(Processes()) as started:
        yield started


@pytest.mark.parametrize("codes", [OneTimeCodes, blocking.OneTimeCodes], ids=["async", "blocking"])
@pytest.mark.parametrize("attack", ATTACKS)
async def test_codes_withstand(
    attack: str, codes: OpenCodes, code_store_url: str, processes: Processes
) -> None:
    await make_attack(attack, campaign_against(code_store_url, codes=codes, runs=1, processes=processes))

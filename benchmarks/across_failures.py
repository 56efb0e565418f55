"""Visits of two Chromium pages on two workers, with everything failing in turn, each in a visit of its own.

A worker, Redis or PostgreSQL is killed, a worker stands still for a minute, Redis comes back empty or older.
A text that is lost, doubled or out of order, and an SMS too many, end this with an error. Measured is, of
both pages, how long the picture stood still, how often the page tried to come back, and for how long.

    scripts/loopback python benchmarks/across_failures.py ["a fault" …]
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from playwright.async_api import async_playwright
from tests.pages.across_failures import FAULTS, Outcome, visit_across
from tests.pages.browsing import FLAGS


async def measure(names: Iterable[str]) -> dict[str, float]:
    """Return the worst of all faults, then what each page noted of each."""
    outcomes = {name: await across(name) for name in names}
    pages = [page for outcome in outcomes.values() for page in (outcome.doctor, outcome.patient)]
    worst = {
        "longest_pause_s": max(page.longest_pause for page in pages),
        "tries": max(page.tries for page in pages),
        "away_s": max(page.away for page in pages),
    }
    return worst | {key: value for name in names for key, value in told(name, outcomes[name]).items()}


async def across(name: str) -> Outcome:
    """Hold one visit."""
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            outcome = await visit_across(FAULTS[name], Path(folder), browser)
    if outcome.messages != 1:
        raise RuntimeError(f"{name}: the patient was sent {outcome.messages} messages")
    return outcome


def told(name: str, outcome: Outcome) -> dict[str, float]:
    """Return what both pages noted of a fault."""
    return {
        f"{name}: {who} {what}": value
        for who, page in (("doctor", outcome.doctor), ("patient", outcome.patient))
        for what, value in (("pause s", page.longest_pause), ("away s", page.away), ("tries", page.tries))
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(sys.argv[1:] or list(FAULTS)))))

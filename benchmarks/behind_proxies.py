"""Two-minute visits in Chromium behind HAProxy, which ends what is silent for 25 s, as hospitals' proxies do.

Once WebSockets pass; once they are refused, and the clinician has no stream either. Nobody says a word
meanwhile. Counted is how often a page had to come back; picture, sound and the end must still arrive.

    scripts/loopback python benchmarks/behind_proxies.py
"""

import asyncio
import json
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright
from tests.pages.browsing import FLAGS
from tests.pages.proxies import Held, visit_behind_a_proxy

TIMEOUT, LASTS = 25.0, 120.0


async def measure() -> dict[str, float]:
    """Return how often a connection was opened anew, in both visits."""
    tunnelled, refused = await held(refuses_upgrade=False), await held(refuses_upgrade=True)
    opened = (*(each.sockets for each in tunnelled), refused.patient.streams, refused.clinician.polls)
    return {
        "came_back": sum(opened) - len(opened),
        "sockets_tried_in_vain": sum(each.sockets for each in refused),
    }


async def held(*, refuses_upgrade: bool) -> Held:
    """Hold one visit."""
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            return await visit_behind_a_proxy(
                Path(folder), browser, refuses_upgrade=refuses_upgrade, timeout=TIMEOUT, lasts=LASTS
            )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure())))

"""Two-minute visits in Chromium behind HAProxy, which ends what is silent for 25 s, as hospitals' proxies do.

Once WebSockets pass, once they are refused. Nobody says a word meanwhile. Counted is how often the
patient's page had to come back, and seen that picture, sound and the end of the visit still arrive.

    scripts/loopback python benchmarks/behind_proxies.py
"""

import asyncio
import json
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright
from tests.pages.browsing import FLAGS
from tests.pages.proxies import Connections, visit_behind_a_proxy

TIMEOUT, LASTS = 25.0, 120.0


async def measure() -> dict[str, float]:
    """Return how often a connection was opened anew, in both visits."""
    tunnelled, streamed = await held(refuses_upgrade=False), await held(refuses_upgrade=True)
    return {
        "came_back": tunnelled.sockets - 1 + streamed.streams - 1,
        "sockets_tried_in_vain": streamed.sockets,
    }


async def held(*, refuses_upgrade: bool) -> Connections:
    """Hold one visit."""
    with tempfile.TemporaryDirectory() as folder:
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            return await visit_behind_a_proxy(
                Path(folder), browser, refuses_upgrade=refuses_upgrade, timeout=TIMEOUT, lasts=LASTS
            )


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure())))

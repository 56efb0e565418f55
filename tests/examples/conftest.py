"""What the tests of the examples share."""

import socket
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright
from tests.pages.browsing import FLAGS


@pytest.fixture
def free_port() -> int:
    """Return a port on loopback that nobody listens on: a site must know its address before it is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        await browser.close()

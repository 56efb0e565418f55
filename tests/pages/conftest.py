"""A clinic and a browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright
from tests.pages.browsing import FLAGS
from tests.pages.clinic import Clinic


@pytest.fixture
async def clinic(tmp_path: Path) -> AsyncIterator[Clinic]:
    clinic = Clinic(tmp_path)
    await clinic.start()
    yield clinic
    await clinic.stop()


@pytest.fixture
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        await browser.close()

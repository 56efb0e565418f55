"""The server is killed in mid-visit, as by a power cut: the picture never stops, and the pages come back."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect
from tests.pages.browsing import DESKTOP, device, in_state, open_from_sms, sees_and_hears, use
from tests.pages.clinic import Clinic
from tests.whole_visits.server import prepared

pytestmark = [pytest.mark.media, pytest.mark.browser]

WATCH = """
(participant) => {
    const video = document.querySelector(`video[data-participant="${participant}"]`);
    let last = performance.now();
    window.longestPause = 0;
    const seen = () => {
        window.longestPause = Math.max(window.longestPause, performance.now() - last);
        last = performance.now();
        video.requestVideoFrameCallback(seen);
    };
    video.requestVideoFrameCallback(seen);
}
"""
"""Measure the longest time, in milliseconds, between two frames that were shown."""
STANDSTILL = 2000
"""Milliseconds: a busy machine drops frames, but a connection that is made anew shows none for longer."""


async def back(page: Page) -> None:
    await expect(page.locator("body")).to_have_attribute("data-link", "live", timeout=30_000)
    await in_state(page, "visit")


async def test_the_picture_never_stops_and_both_pages_come_back_by_themselves(
    clinic: Clinic, tmp_path: Path, chromium: Browser
) -> None:
    session = await clinic.plan()
    room = clinic.room_url(session, "dr-rossi")
    await clinic.stop()  # from here on, a process of its own serves the same database at the same place
    server = prepared(tmp_path, port=urlsplit(clinic.base).port or 0, site=f"{clinic.base}/visit")
    await server.start()
    try:
        patient = await open_from_sms(await device(chromium), clinic)
        clinician = await (await device(chromium, viewport=DESKTOP)).new_page()
        await clinician.goto(room)
        for page in (patient, clinician):
            await use(page, "join")
        await use(clinician, "admit")
        await sees_and_hears(patient, "dr-rossi")
        await sees_and_hears(clinician, "p-1")
        for page, other in ((patient, "dr-rossi"), (clinician, "p-1")):
            await page.evaluate(WATCH, other)

        await server.kill()
        for page in (patient, clinician):
            await expect(page.locator("body")).to_have_attribute("data-link", "reconnecting")
        await sees_and_hears(patient, "dr-rossi")
        await server.start()
        for page in (patient, clinician):
            await back(page)
        await sees_and_hears(patient, "dr-rossi")
        await sees_and_hears(clinician, "p-1")

        for page in (patient, clinician):
            assert await page.evaluate("window.longestPause") < STANDSTILL
            assert await page.evaluate("window.connections.length") == 1, "a connection was made anew"
        assert len(clinic.sms.outbox) + server.sent == 1, "nobody needs another message"
    finally:
        await server.aclose()

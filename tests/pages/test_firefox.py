"""The patient's page in Firefox: how it joins, and that sound and picture go both ways."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.pages.browsing import (
    BRIGHTNESS,
    DESKTOP,
    RECEIVED,
    device,
    in_state,
    open_room,
    sees_and_hears,
    use,
)
from tests.pages.clinic import PHONE, Clinic
from tests.pages.firefox import PATIENCE, Firefox, Tab, firefox

from hugathome.testing import Outbox, Robot
from hugathome.web.files import File, Files

pytestmark = [pytest.mark.media, pytest.mark.browser]

BLACK = 16
"""The brightness of a black point in a decoded picture."""


@pytest.fixture
async def browser(tmp_path: Path) -> AsyncIterator[Firefox]:
    profile = tmp_path / "firefox"
    profile.mkdir()
    async with firefox(profile) as running:
        yield running


async def test_a_patient_in_firefox_and_a_clinician_in_chromium_see_and_hear_each_other(
    clinic: Clinic, browser: Firefox, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await waits_in_firefox(browser, clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await use(clinician, "join")
    await use(clinician, "admit")

    await patient.visible("[data-state='visit']")
    await sees_and_hears_in_firefox(patient, "dr-rossi")
    await sees_and_hears(clinician, "p-1")
    await use(clinician, "end")
    await use(clinician, "confirm-end")

    await in_state(clinician, "ended")
    await patient.visible("[data-state='ended']")


async def test_a_patient_in_firefox_meets_a_python_endpoint(clinic: Clinic, browser: Firefox) -> None:
    session = await clinic.plan()
    patient = await waits_in_firefox(browser, clinic)

    grant = clinic.hug.grant(session.id, "dr-rossi")
    async with Robot.from_grant(grant, at=f"{clinic.base}/visit") as clinician:
        await clinician.admit("p-1")
        await clinician.connected("p-1")
        await clinician.hears("p-1")
        # not `sees`: Firefox's fake camera changes its colour and nothing else
        frames = [await clinician.peer.video("p-1").recv() for _ in range(10)]
        assert max(bytes(frames[-1].planes[0])) > BLACK
        await sees_and_hears_in_firefox(patient, "dr-rossi")
        await clinician.complete()
        await patient.visible("[data-state='ended']")


async def test_a_firefox_that_could_not_have_a_module_has_it_by_another_address(
    clinic: Clinic, browser: Firefox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await clinic.plan()
    refusals = 2
    served = Files.get

    def not_at_first(files: Files, name: str, *, accepted: str) -> File | None:
        nonlocal refusals
        if name != "visit/visit.js" or refusals == 0:
            return served(files, name, accepted=accepted)
        refusals -= 1
        return None

    monkeypatch.setattr(Files, "get", not_at_first)

    await waits_in_firefox(browser, clinic)

    assert refusals == 0


async def waits_in_firefox(browser: Firefox, clinic: Clinic) -> Tab:
    """Come by the SMS as far as the waiting room."""
    message = Outbox(clinic.sms).last(to=PHONE)
    patient = await browser.open(str(message.link))
    await patient.type("[name=code]", str(message.code))
    await patient.click("[data-action=check-in]")
    await patient.visible("[data-state='devices']")
    await patient.click("[data-action=join]")
    await patient.visible("[data-state='waiting']")
    return patient


async def sees_and_hears_in_firefox(patient: Tab, participant: str) -> None:
    """Return once picture and sound of `participant` have come and go on coming."""
    await patient.visible(f'video[data-participant="{participant}"]')
    first = await patient.evaluate(RECEIVED)
    async with asyncio.timeout(PATIENCE):
        while True:
            now = await patient.evaluate(RECEIVED)
            if now["frames"] >= first["frames"] + 10 and now["energy"] > first["energy"]:
                break
            await asyncio.sleep(0.1)
    assert await patient.evaluate(BRIGHTNESS, participant) > 0, "a black picture"

"""The visit in Chromium with a fake camera: page and page, page and Python endpoint, over the real server."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect
from tests.pages.browsing import (
    DESKTOP,
    NO_DEVICES,
    device,
    frames_of,
    in_state,
    open_from_sms,
    open_room,
    sees_and_hears,
    use,
)
from tests.pages.clinic import PHONE, Clinic

from hugathome import Step
from hugathome.peer import IceSettings, Peer
from hugathome.testing import Outbox
from hugathome.transports.websockets import connect

pytestmark = [pytest.mark.media, pytest.mark.browser]


async def test_two_pages_hold_the_whole_visit(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    phone, desktop = await device(chromium), await device(chromium, viewport=DESKTOP)
    message = Outbox(clinic.sms).last(to=PHONE)

    patient = await phone.new_page()
    heard = frames_of(patient)
    await patient.goto(str(message.link))
    await in_state(patient, "code")
    await expect(patient.locator("html")).to_have_attribute("lang", "fr")
    await expect(patient.locator("[data-help]")).to_have_attribute("href", "tel:+41223723311")
    await patient.fill("[name=code]", f"{(int(message.code or 0) + 1) % 10**6:06}")
    await use(patient, "check-in")
    await expect(patient.locator("[data-notice]")).to_contain_text("valable")
    await patient.fill("[name=code]", str(message.code))
    await use(patient, "check-in")
    await in_state(patient, "devices")
    await use(patient, "join")
    await in_state(patient, "waiting")

    clinician = await open_room(desktop, clinic, session, "dr-rossi")
    assert "grant" not in clinician.url
    await use(clinician, "join")
    await in_state(clinician, "visit")
    await expect(clinician.locator('[data-person="p-1"]')).to_contain_text("Wartezimmer")
    assert not [each for each in heard if "Rossi" in each or "a=fingerprint" in each or "candidate:" in each]
    await use(clinician, "admit")
    await in_state(patient, "visit")
    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(clinician, "p-1")
    await expect(clinician.locator(".tile")).to_contain_text("M. Dupont")

    await use(patient, "mute")
    await expect(patient.locator("[data-action=mute]")).to_have_text("Remettre le micro")
    await use(clinician, "end")
    await clinician.select_option("[data-outcome]", "prescription")
    await use(clinician, "confirm-end")
    await in_state(patient, "ended")
    await in_state(clinician, "ended")

    record = await clinic.hug.sessions.get(session.id)
    assert (record.status, record.outcome) == ("completed", "prescription")
    steps = {change.step for change in record.steps("p-1")}
    assert {Step.PAGE_OPENED, Step.CODE_REFUSED, Step.DEVICES_ALLOWED, Step.MEDIA_CONNECTED} <= steps
    assert len(clinic.sms.outbox) == 1


async def test_a_patients_page_meets_a_python_endpoint(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    await use(patient, "join")
    await in_state(patient, "waiting")

    transport = await connect(f"ws{clinic.base.removeprefix('http')}/visit/signal")
    grant = clinic.hug.grant(session.id, "dr-rossi")
    async with Peer(transport, grant, audio=True, video=True, ice=IceSettings(loopback=True)) as clinician:
        await clinician.arrived("p-1")
        await clinician.admit("p-1")
        await in_state(patient, "visit")
        await clinician.connected("p-1")
        frame: Any = await clinician.video("p-1").recv()
        sound: Any = await clinician.audio("p-1").recv()
        await sees_and_hears(patient, "dr-rossi")
        await clinician.complete("completed")
        await in_state(patient, "ended")

    assert frame.width * frame.height > 0
    assert sound.samples > 0


async def test_a_third_page_joins_and_everybody_sees_everybody(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    nurse = await open_room(await device(chromium), clinic, session, "nurse")
    for page in (patient, clinician, nurse):
        await use(page, "join")
    await in_state(clinician, "visit")
    for person in ("p-1", "nurse"):
        await clinician.click(f'[data-person="{person}"] [data-action=admit]')

    for page, others in ((clinician, ("p-1", "nurse")), (patient, ("dr-rossi", "nurse")), (nurse, ("p-1",))):
        for other in others:
            await sees_and_hears(page, other)


@pytest.mark.parametrize("without", ["patient", "clinician"])
async def test_whoever_has_no_camera_sees_and_hears_all_the_same(
    clinic: Clinic, chromium: Browser, without: str
) -> None:
    session = await clinic.plan()
    phone = await device(chromium, *([NO_DEVICES] if without == "patient" else []))
    desktop = await device(chromium, *([NO_DEVICES] if without == "clinician" else []), viewport=DESKTOP)
    patient = await open_from_sms(phone, clinic)
    clinician = await open_room(desktop, clinic, session, "dr-rossi")
    for page in (patient, clinician):
        await use(page, "join")
    await use(clinician, "admit")
    await in_state(patient, "visit")

    page, other = (patient, "dr-rossi") if without == "patient" else (clinician, "p-1")
    await sees_and_hears(page, other)
    await expect(page.locator("[data-action=mute]")).to_be_hidden()


async def test_a_page_that_is_loaded_again_is_where_it_was_without_a_new_code(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    await patient.reload()
    await in_state(patient, "devices")
    await use(patient, "join")
    await in_state(patient, "waiting")
    await patient.reload()
    await in_state(patient, "waiting")
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await use(clinician, "join")
    await use(clinician, "admit")
    await in_state(patient, "visit")

    for page in (patient, clinician):
        await page.reload()
        await in_state(page, "visit")

    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(clinician, "p-1")
    assert len(clinic.sms.outbox) == 1


async def test_the_picture_goes_on_while_the_server_is_away(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    for page in (patient, clinician):
        await use(page, "join")
    await use(clinician, "admit")
    await sees_and_hears(patient, "dr-rossi")

    await clinic.stop()
    await expect(patient.locator("body")).to_have_attribute("data-link", "reconnecting")
    await sees_and_hears(patient, "dr-rossi")
    await clinic.start()
    for page in (patient, clinician):
        await expect(page.locator("body")).to_have_attribute("data-link", "live", timeout=30_000)
        await in_state(page, "visit")

    await sees_and_hears(patient, "dr-rossi")
    assert await patient.evaluate("window.connections.length") == 1, "the connection was never replaced"


async def test_leaving_ends_nothing_and_the_visit_can_be_taken_over_by_another_window(
    clinic: Clinic, chromium: Browser
) -> None:
    await clinic.plan()
    phone = await device(chromium)
    patient = await open_from_sms(phone, clinic)
    await use(patient, "join")
    await in_state(patient, "waiting")
    await use(patient, "leave")
    await in_state(patient, "ended")
    await use(patient, "join")
    await in_state(patient, "waiting")

    second = await phone.new_page()
    await second.goto(patient.url)
    await in_state(second, "waiting")

    await in_state(patient, "error")
    await expect(patient.locator("[data-error-text]")).to_contain_text("autre appareil")
    await use(patient, "again")
    await in_state(patient, "waiting")


async def test_a_link_or_a_grant_that_is_not_valid_says_whom_to_call(
    clinic: Clinic, chromium: Browser
) -> None:
    page = await (await device(chromium)).new_page()

    await page.goto(f"{clinic.base}/visit/j/AAAAAAAAAAA")
    await in_state(page, "error")
    await expect(page.locator("[data-help]")).to_be_visible()
    await page.goto(f"{clinic.base}/visit/room#grant=nonsense")
    await in_state(page, "error")
    await expect(page.locator("[data-error-text]")).to_contain_text("no longer valid")
    assert "nonsense" not in page.url

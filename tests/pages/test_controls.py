"""What each control of the pages does, to this page and to the others."""

import pytest
from playwright.async_api import Browser, Page, expect
from tests.pages.browsing import DESKTOP, NO_DEVICES, device, in_state, open_from_sms, open_room, use
from tests.pages.clinic import PHONE, Clinic

from hugathome import Session, Step
from hugathome.testing import Outbox

pytestmark = [pytest.mark.media, pytest.mark.browser]

TWO_CAMERAS = """
const list = navigator.mediaDevices.enumerateDevices.bind(navigator.mediaDevices);
navigator.mediaDevices.enumerateDevices = async () => {
    const found = await list();
    return [...found, ...found.filter(({ kind }) => kind === "videoinput")];
};
"""
A_SCREEN = """
navigator.mediaDevices.getDisplayMedia = async () => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
    const pen = canvas.getContext("2d");
    setInterval(() => pen.fillRect(0, 0, 320, 180), 50);
    return canvas.captureStream(20);
};
"""
READS_SMS = """
window.OTPCredential = class {};
navigator.credentials.get = () => new Promise((found) => { window.found = (code) => found({ code }); });
"""


async def steps_of(clinic: Clinic, session: Session) -> list[Step | None]:
    return [change.step for change in (await clinic.hug.sessions.get(session.id)).steps("p-1")]


async def in_a_visit(clinic: Clinic, patient: Page, clinician: Page) -> None:
    for page in (patient, clinician):
        await use(page, "join")
    await clinician.click('[data-person="p-1"] [data-action=admit]')
    await in_state(patient, "visit")
    await expect(patient.locator(".is-playing")).to_be_visible(timeout=20_000)


async def test_the_others_are_told_what_somebody_sends(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium, TWO_CAMERAS), clinic)
    clinician = await open_room(
        await device(chromium, A_SCREEN, viewport=DESKTOP), clinic, session, "dr-rossi"
    )
    await in_a_visit(clinic, patient, clinician)
    theirs = clinician.locator(".tile")

    await use(patient, "mute")
    await expect(theirs.locator("[data-muted]")).to_be_visible()
    await use(patient, "mute")
    await expect(theirs.locator("[data-muted]")).to_be_hidden()
    await use(patient, "camera")
    await expect(theirs.locator(".veil")).to_contain_text("Kamera aus")
    await expect(patient.locator("[data-action=camera]")).to_have_text("Remettre la caméra")
    await use(patient, "camera")
    await use(patient, "flip")
    await expect(theirs.locator(".veil")).to_be_hidden()
    await expect(patient.locator("[data-action=screen]")).to_be_hidden()
    await use(clinician, "screen")
    await expect(patient.locator(".tile")).to_have_class("tile is-playing is-screen")
    await use(clinician, "screen")
    await expect(patient.locator(".is-screen")).to_have_count(0)

    await use(clinician, "text-panel")
    await clinician.fill("[data-text]", "<b>Guten Tag</b>")
    await clinician.press("[data-text]", "Enter")
    await expect(patient.locator("[data-unread]")).to_have_text("1")
    await expect(patient.locator("[data-said]")).to_have_text("Nouveau message de Dr A. Rossi")
    await use(patient, "text-panel")
    await expect(patient.locator(".text [data-words]")).to_have_text("<b>Guten Tag</b>")
    await expect(patient.locator("[data-unread]")).to_be_hidden()
    await expect(patient.locator("[data-text]")).to_be_focused()

    await clinician.click('[data-person="p-1"] summary')
    await clinician.click('[data-person="p-1"] [data-action=return-to-waiting]')
    await in_state(patient, "waiting")
    await clinician.click('[data-person="p-1"] summary')
    await clinician.click('[data-person="p-1"] [data-action=deny]')
    await in_state(patient, "error")
    await expect(patient.locator("[data-help-call]")).to_be_visible()


async def test_a_call_rings_the_page_until_it_is_answered(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    for page in (patient, clinician):
        await use(page, "join")
    call = clinician.locator('[data-person="p-1"] [data-action=call]')

    await call.click()
    await expect(call).to_be_disabled()
    await expect(call).to_have_text("Es läutet…")
    await expect(patient.locator("[data-action=answer]")).to_be_focused()
    await patient.keyboard.press("Enter")
    await expect(patient.locator("[data-ringing]")).to_be_hidden()
    await expect(clinician.locator('[data-person="p-1"] [data-last]')).to_contain_text(
        "hat den Ruf angenommen"
    )
    await expect(call).to_be_enabled()

    assert Step.CALL_ANSWERED in await steps_of(clinic, session)


async def test_whoever_has_no_devices_can_listen_or_be_called_back(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium, NO_DEVICES), clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await use(clinician, "join")

    await expect(patient.locator("[data-devices-how]")).to_contain_text("refusé")
    await expect(patient.locator("[data-action=join]:visible")).to_have_text("Entrer pour écouter seulement")
    await use(patient, "call-me-back")
    await expect(patient.locator("[data-called-back]")).to_be_visible()
    last = clinician.locator('[data-person="p-1"] [data-last]')
    await expect(last).to_contain_text("wünscht einen Rückruf")
    await use(patient, "join")
    await in_state(patient, "waiting")
    await expect(last).to_contain_text("wünscht einen Rückruf")  # what a device says does not cover a wish

    assert Step.CALL_ME_BACK in await steps_of(clinic, session)


async def test_the_code_is_read_from_the_sms_where_the_browser_can(clinic: Clinic, chromium: Browser) -> None:
    await clinic.plan()
    message = Outbox(clinic.sms).last(to=PHONE)
    patient = await (await device(chromium, READS_SMS)).new_page()
    await patient.goto(str(message.link))
    await in_state(patient, "code")

    await use(patient, "send-code")
    await expect(patient.locator("[data-action=send-code]")).to_be_disabled()
    await expect(patient.locator("[data-action=send-code]")).to_contain_text(" s)")
    await patient.evaluate("(code) => window.found(code)", message.code)

    await in_state(patient, "devices")
    await expect(patient.locator("[data-level-row]")).to_be_visible()


async def test_the_keyboard_alone_leads_into_the_visit_and_out(clinic: Clinic, chromium: Browser) -> None:
    await clinic.plan()
    message = Outbox(clinic.sms).last(to=PHONE)
    patient = await (await device(chromium)).new_page()
    await patient.goto(str(message.link))
    await in_state(patient, "code")

    await patient.focus("[name=code]")
    await patient.keyboard.type(str(message.code))
    await patient.keyboard.press("Enter")
    for state, action, key in (("devices", "join", "Enter"), ("waiting", "leave", "Space")):
        await in_state(patient, state)
        await expect(patient.locator(f'[data-view="{state}"] h1')).to_be_focused()
        await patient.locator(f"[data-action={action}]:visible").focus()
        await patient.keyboard.press(key)

    await in_state(patient, "ended")
    await expect(patient.locator('[data-view="ended"] h1')).to_be_focused()

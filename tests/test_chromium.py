"""The visit in Chromium with a fake camera: page and page, page and Python endpoint, over the real server."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, WebSocket, async_playwright, expect

from hugathome import HugAtHome, Participant, Session, Step
from hugathome.peer import IceSettings, Peer
from hugathome.serving import listening, serving
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing import Outbox
from hugathome.transports.websockets import connect

pytestmark = [pytest.mark.media, pytest.mark.browser]

FLAGS = [
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
PHONE = "+41791234567"
DESKTOP = {"width": 1280, "height": 800}
HANDHELD = {"width": 390, "height": 844}
KEEP_CONNECTIONS = """
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
        super(...options);
        window.connections.push(this);
    }
};
"""
NO_DEVICES = """
navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); };
"""
RECEIVED = """
async () => {
    const received = { frames: 0, energy: 0 };
    for (const connection of window.connections) {
        for (const figures of (await connection.getStats()).values()) {
            if (figures.type !== "inbound-rtp") continue;
            received.frames += figures.framesDecoded || 0;
            received.energy += figures.totalAudioEnergy || 0;
        }
    }
    return received;
}
"""
BRIGHTNESS = """
(participant) => {
    const video = document.querySelector(`video[data-participant="${participant}"]`);
    const canvas = Object.assign(document.createElement("canvas"), { width: 16, height: 12 });
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 16, 12);
    return Math.max(...context.getImageData(0, 0, 16, 12).data.filter((_, index) => index % 4 !== 3));
}
"""


class Clinic:
    """A deployment behind a real server on loopback, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self._store = f"sqlite:///{folder}/clinic.db"
        self._stack = AsyncExitStack()
        self._port = 0
        self.sms = OutboxSms()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    async def start(self) -> None:
        """Serve; the second time at the same address, as a server does that was started again."""
        bound = listening(port=self._port)
        self._port = bound.getsockname()[1]
        self.hug = HugAtHome(
            key=b"a key that is only ever used in tests",
            store=open_store(self._store),
            sms=self.sms,
            site=f"{self.base}/visit",
            timezone="Europe/Zurich",
            brand="HUG@home",
            help_phone="+41 22 372 33 11",
            language="en",
        )
        await self._stack.enter_async_context(self.hug)
        await self._stack.enter_async_context(serving(self.hug.asgi(otherwise=nothing_else), bound))

    async def stop(self) -> None:
        await self._stack.aclose()

    async def plan(self) -> Session:
        now = datetime.now(UTC)
        session = await self.hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            modality="video",
            starts_at=now,
            ends_at=now + timedelta(minutes=30),
            participants=[
                Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi", language="de"),
                Participant(id="p-1", role="patient", name="M. Dupont", language="fr", phone=PHONE),
                Participant(id="nurse", role="nurse", name="N. Favre", language="it"),
            ],
        )
        await self.hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        await self.hug.invite(session.id, "p-1")
        return session

    def room_url(self, session: Session, participant: str) -> str:
        return self.hug.room_url(self.hug.grant(session.id, participant))


async def nothing_else(_scope: object, _receive: object, _send: object) -> None:
    raise AssertionError("nothing but the visit is asked for")


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


async def device(chromium: Browser, *scripts: str, viewport: dict[str, int] = HANDHELD) -> BrowserContext:
    context = await chromium.new_context(permissions=["camera", "microphone"], viewport=viewport)  # type: ignore[arg-type]
    for script in (KEEP_CONNECTIONS, *scripts):
        await context.add_init_script(script)
    return context


async def open_from_sms(context: BrowserContext, clinic: Clinic) -> Page:
    """Open the link and type the code of the last SMS; return the page before its devices."""
    message = Outbox(clinic.sms).last(to=PHONE)
    page = await context.new_page()
    await page.goto(str(message.link))
    await page.fill("[name=code]", str(message.code))
    await page.click("[data-action=check-in]")
    await in_state(page, "devices")
    return page


async def open_room(context: BrowserContext, clinic: Clinic, session: Session, participant: str) -> Page:
    page = await context.new_page()
    await page.goto(clinic.room_url(session, participant))
    await in_state(page, "devices")
    return page


async def in_state(page: Page, state: str) -> None:
    await expect(page.locator("body")).to_have_attribute("data-state", state, timeout=15_000)


async def use(page: Page, action: str) -> None:
    await page.locator(f"[data-action={action}]:visible").first.click()


async def received(page: Page) -> dict[str, float]:
    figures: dict[str, float] = await page.evaluate(RECEIVED)
    return figures


async def sees_and_hears(page: Page, participant: str) -> None:
    """Return once picture and sound of `participant` have come and go on coming."""
    await expect(page.locator(f'video[data-participant="{participant}"]')).to_be_visible(timeout=15_000)
    first = await received(page)
    async with asyncio.timeout(20):
        while True:
            now = await received(page)
            if now["frames"] >= first["frames"] + 10 and now["energy"] > first["energy"]:
                break
            await asyncio.sleep(0.1)
    assert await page.evaluate(BRIGHTNESS, participant) > 0, "a black picture"


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
    await expect(patient.locator("[data-action=mute]")).to_have_attribute("aria-pressed", "true")
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


def frames_of(page: Page) -> list[str]:
    """Return the list into which everything goes that the page hears over its WebSocket."""
    heard: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on(
            "framereceived", lambda text: heard.append(json.dumps(text) if isinstance(text, bytes) else text)
        )

    page.on("websocket", listen)
    return heard

"""What people do with the pages, in a real Chromium with a fake camera and microphone."""

import asyncio
import json
from typing import Protocol

from playwright.async_api import Browser, BrowserContext, Frame, Page, WebSocket, expect
from tests.pages.clinic import PHONE, Clinic

from hugathome import Session
from hugathome.sms import OutboxSms
from hugathome.testing import Outbox

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
    const element = document.querySelector("hugathome-visit");
    const root = element ? element.shadowRoot : document;
    const video = root.querySelector(`video[data-participant="${participant}"]`);
    const canvas = Object.assign(document.createElement("canvas"), { width: 16, height: 12 });
    const context = canvas.getContext("2d");
    context.drawImage(video, 0, 0, 16, 12);
    return Math.max(...context.getImageData(0, 0, 16, 12).data.filter((_, index) => index % 4 !== 3));
}
"""


class HasOutbox(Protocol):
    """A clinic whose messages can be read."""

    @property
    def sms(self) -> OutboxSms: ...


async def device(
    chromium: Browser, *scripts: str, viewport: dict[str, int] = HANDHELD, agent: str | None = None
) -> BrowserContext:
    context = await chromium.new_context(
        permissions=["camera", "microphone"],
        viewport=viewport,  # type: ignore[arg-type]
        user_agent=agent,
    )
    for script in (KEEP_CONNECTIONS, *scripts):
        await context.add_init_script(script)
    return context


async def open_from_sms(context: BrowserContext, clinic: HasOutbox) -> Page:
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


async def in_state(page: Page | Frame, state: str) -> None:
    await expect(page.locator("body")).to_have_attribute("data-state", state, timeout=15_000)


async def use(page: Page | Frame, action: str) -> None:
    await page.locator(f"[data-action={action}]:visible").first.click()


async def comes_true(page: Page | Frame, expression: str, arg: object = None) -> None:
    """Return once `expression` is true in the page.

    `wait_for_function` would evaluate the text in the page itself from its second look on, and the policy
    of our pages refuses that.
    """
    async with asyncio.timeout(20):
        while True:
            if await page.evaluate(expression, arg):
                return
            await asyncio.sleep(0.05)


async def received(page: Page | Frame) -> dict[str, float]:
    figures: dict[str, float] = await page.evaluate(RECEIVED)
    return figures


async def sees_and_hears(page: Page | Frame, participant: str) -> None:
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


def frames_of(page: Page) -> list[str]:
    """Return the list into which everything goes that the page hears over its WebSocket."""
    heard: list[str] = []

    def listen(socket: WebSocket) -> None:
        socket.on(
            "framereceived", lambda text: heard.append(json.dumps(text) if isinstance(text, bytes) else text)
        )

    page.on("websocket", listen)
    return heard

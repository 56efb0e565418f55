"""What a device sends changes in mid-visit: the client of the pages without a page, in Chromium."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Browser, Page
from tests.pages.browsing import comes_true, device
from tests.pages.clinic import Clinic

from hugathome import Session
from hugathome.peer import IceSettings, Peer
from hugathome.transports.websockets import connect

pytestmark = [pytest.mark.media, pytest.mark.browser]

CAMERA = 4 / 3
SCREEN = 4
"""Width by height: a browser that has little to spare sends a smaller picture, but none of another shape."""
ATTEND = """
async ([grant, kinds]) => {
    const { Visit } = await import(location.href);
    const tracks = async (wanted) => (await navigator.mediaDevices.getUserMedia(wanted)).getTracks();
    window.camera = async () => (await tracks({ video: { width: 640, height: 480 } }))[0];
    window.screen = () => {
        const [width, height] = [640, 160];
        const canvas = Object.assign(document.createElement("canvas"), { width, height });
        const context = canvas.getContext("2d");
        setInterval(() => {
            context.fillStyle = `hsl(${Date.now() % 360}, 90%, 50%)`;
            context.fillRect(0, 0, width, height);
        }, 50);
        return canvas.captureStream(20).getVideoTracks()[0];
    };
    const sent = kinds.includes("video") ? [await window.camera()] : [];
    if (kinds.includes("audio")) sent.push(...(await tracks({ audio: true })));
    window.visit = new Visit({
        tracks: sent,
        freshGrant: async () => grant,
        changed: () => undefined,
        rang: () => undefined,
        texted: () => undefined,
        refused: (problem) => { throw problem; },
        disallowed: (code) => { throw new Error(code); },
    });
    window.visit.start();
}
"""
SEEN = """
async () => {
    const seen = { frames: 0, shape: 0, heard: 0, connections: window.connections.length };
    for (const figures of (await window.connections[seen.connections - 1].getStats()).values()) {
        if (figures.type !== "inbound-rtp") continue;
        seen.frames += figures.framesDecoded || 0;
        if (figures.kind === "video") seen.shape = figures.frameWidth / figures.frameHeight;
        else seen.heard += figures.packetsReceived;
    }
    return seen;
}
"""
QUALITY = "(participant) => window.visit.quality.get(participant) || {}"


async def attends(chromium: Browser, clinic: Clinic, session: Session, who: str, *kinds: str) -> Page:
    """Return a page in which `who` attends and nothing else happens: it shows the text of a module."""
    page = await (await device(chromium)).new_page()
    await page.route("**/favicon.ico", lambda route: route.abort())
    room = await (await page.request.get(f"{clinic.base}/visit/room")).text()
    await page.goto(f"{clinic.base}/visit/{re.findall('browser/[^/]+/', room)[0]}visit/visit.js")
    await page.evaluate(ATTEND, [clinic.hug.grant(session.id, who).token, kinds])
    await comes_true(page, "window.visit.client.phase === 'live'")
    return page


async def meet(clinic: Clinic, session: Session, *pages: Page) -> None:
    await clinic.hug.sessions.admit(session.id, "p-1", by="dr-rossi")
    for page in pages:
        await comes_true(page, "[...window.visit.client.lines.values()].some((line) => line.isConnected)")


async def becomes(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(20):
        while True:
            if await is_so():
                return
            await asyncio.sleep(0.1)


async def shows(page: Page, shape: float) -> None:
    """Return once frames of this shape come, and more of them."""
    first: dict[str, Any] = await page.evaluate(SEEN)

    async def is_shown() -> bool:
        now: dict[str, Any] = await page.evaluate(SEEN)
        return bool(now["frames"] >= first["frames"] + 10 and abs(now["shape"] - shape) < 0.1)

    await becomes(is_shown)


async def goes_dark(page: Page) -> None:
    """Return once a second has passed without a frame."""

    async def is_dark() -> bool:
        before: dict[str, Any] = await page.evaluate(SEEN)
        await asyncio.sleep(1)
        now: dict[str, Any] = await page.evaluate(SEEN)
        return bool(now["frames"] == before["frames"] and now["heard"] > before["heard"])

    await becomes(is_dark)


async def test_the_other_side_sees_the_camera_the_screen_nothing_and_the_camera_again(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    clinician = await attends(chromium, clinic, session, "dr-rossi", "audio", "video")
    patient = await attends(chromium, clinic, session, "p-1", "audio", "video")
    await meet(clinic, session, clinician, patient)
    await shows(patient, CAMERA)

    await clinician.evaluate("window.visit.send('video', window.screen())")
    await shows(patient, SCREEN)
    await clinician.evaluate("window.visit.say({ type: 'sending', sound: true, picture: 'none' })")
    await clinician.evaluate("window.visit.send('video', null)")
    await goes_dark(patient)

    async def is_not_judged() -> bool:
        quality: dict[str, str] = await patient.evaluate(QUALITY, "dr-rossi")
        return quality == {"sound": "good"}

    await becomes(is_not_judged)
    await clinician.evaluate("window.camera().then((track) => window.visit.send('video', track))")
    await shows(patient, CAMERA)

    for page in (clinician, patient):
        assert (await page.evaluate(SEEN))["connections"] == 1
        assert await page.evaluate("[...window.visit.client.lines.values()][0].neg") == 1, "negotiated again"


async def test_whoever_came_with_sound_alone_shows_a_picture_later(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    clinician = await attends(chromium, clinic, session, "dr-rossi", "audio")
    patient = await attends(chromium, clinic, session, "p-1", "audio")
    await meet(clinic, session, clinician, patient)

    for page, other in ((patient, clinician), (clinician, patient)):
        await page.evaluate("window.camera().then((track) => window.visit.send('video', track))")
        await shows(other, CAMERA)

    for page in (clinician, patient):
        assert (await page.evaluate(SEEN))["connections"] == 1


async def test_a_visit_with_a_python_endpoint_goes_on_by_sound_alone_by_telephone_and_by_picture_again(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await attends(chromium, clinic, session, "p-1", "audio", "video")
    transport = await connect(f"ws{clinic.base.removeprefix('http')}/visit/signal")
    grant = clinic.hug.grant(session.id, "dr-rossi")

    async with Peer(transport, grant, audio=True, video=True, ice=IceSettings(loopback=True)) as clinician:
        await meet(clinic, session, patient)
        await clinician.connected("p-1")
        await clinician.video("p-1").recv()

        await clinician.change_modality("audio")
        await comes_true(patient, "window.visit.client.session.modality === 'audio'")
        await patient.evaluate("window.visit.send('video', null)")
        await becomes(lambda: is_dark(clinician))
        await clinician.audio("p-1").recv()
        await clinician.change_modality("video")
        await patient.evaluate("window.camera().then((track) => window.visit.send('video', track))")
        async with asyncio.timeout(20):
            await clinician.video("p-1").recv()
        assert (await patient.evaluate(SEEN))["connections"] == 1

        await clinician.change_modality("phone")
        await comes_true(patient, "window.visit.client.lines.size === 0")
        assert await patient.evaluate("window.connections[0].connectionState") == "closed"
        await clinician.change_modality("video")
        await comes_true(patient, "window.connections.length === 2")
        await shows(patient, CAMERA)
        async with asyncio.timeout(20):
            await clinician.video("p-1").recv()


async def is_dark(peer: Peer) -> bool:
    """Whether a second passes without a picture."""
    try:
        async with asyncio.timeout(1):
            await peer.video("p-1").recv()
    except TimeoutError:
        return True
    return False

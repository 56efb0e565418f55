"""How soon a click becomes a picture: two of our pages against two PeerJS pages, in Chromium.

Ours begins with the click on *admit*, once both pages wait with their devices open, and goes through
uvicorn, the hub and SQLite. PeerJS begins with the click on a button that is a `peer.call()`, once both pages
are registered at a PeerServer with their devices open. Either ends when a page shows the first frame of the
other. Both send the same sound and picture, and neither asks any STUN server. Each page has a browser of its
own, as two people have: of two that share one fake camera, either may keep the other's pictures waiting.

    make build/peerjs/.installed
    scripts/loopback python benchmarks/click_to_picture.py
"""

import asyncio
import json
import statistics
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from typing import NamedTuple

from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from hugathome import HugAtHome, Participant
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing import Outbox
from hugathome.web.serving import listening, serving

ROUNDS = 15
PEERJS = Path(__file__).parents[1] / "build/peerjs/node_modules"
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
HANDHELD: ViewportSize = {"width": 390, "height": 844}
Pair = tuple[Browser, Browser]
PATIENT, CLINICIAN = "p-1", "dr-rossi"
FLAGS = [
    "--allow-loopback-in-peer-connection",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
WATCH = """
window.now = () => performance.timeOrigin + performance.now();
window.shown = new Promise((shown) => {
    const watched = new Set();
    new MutationObserver(() => {
        for (const video of document.querySelectorAll("video[data-participant]")) {
            if (!watched.has(video)) video.requestVideoFrameCallback(() => shown(now()));
            watched.add(video);
        }
    }).observe(document, { childList: true, subtree: true });
});
document.addEventListener("click", ({ target }) => {
    if (target.closest("[data-action=admit], [data-action=call]")) window.begun = now();
}, true);
"""
"""Notes when *admit*, or its like, was clicked, and when the page showed the first frame of the other."""
ATTEND = """
async ({ id, port }) => {
    const stream = await navigator.mediaDevices.getUserMedia({
        audio: { echoCancellation: true, noiseSuppression: true },
        video: { width: { ideal: 640 }, height: { ideal: 480 } },
    });
    const shown = (style, srcObject = null) => {
        const video = document.createElement("video");
        Object.assign(video.style, style);
        return Object.assign(video, { autoplay: true, muted: true, srcObject });
    };
    const other = shown({ width: "100vw", height: "100vh", background: "black" });
    other.dataset.participant = id;
    document.body.style.margin = 0;
    document.body.append(other, shown({ position: "fixed", right: 0, bottom: 0, width: "8rem" }, stream));
    const show = (call) => call.on("stream", (remote) => { other.srcObject = remote; });
    const peer = new Peer(id, { host: "127.0.0.1", port, config: { iceServers: [] } });
    peer.on("call", (call) => { show(call); call.answer(stream); });
    const button = Object.assign(document.createElement("button"), { textContent: "Call" });
    Object.assign(button.style, { position: "fixed", left: 0, top: 0 });
    button.dataset.action = "call";
    button.onclick = () => show(peer.call("callee", stream));
    document.body.append(button);
    await new Promise((opened) => peer.on("open", opened));
}
"""
"""All of a PeerJS page: the devices, as ours asks for them; the other's picture as large as the window and
one's own in a corner, as ours shows them; and a peer that answers, or calls at a click."""


class Took(NamedTuple):
    """The milliseconds of one round, at the page where it began and at the other one."""

    here: float
    there: float

    @property
    def both(self) -> float:
        """Until each saw the other."""
        return max(self)


async def library(hug: HugAtHome, outbox: Outbox, browsers: Pair) -> Took:
    """Time a visit on our pages."""
    phone = f"+4179{1234567 + len(outbox)}"  # one number is sent only so many codes a day
    session = await _planned(hug, phone)
    async with _pages(browsers) as (clinician, patient):
        await clinician.goto(hug.room_url(hug.grant(session, CLINICIAN)))
        await clinician.click("[data-action=join]:visible")
        sms = outbox.last(to=phone)
        await patient.goto(str(sms.link))
        await patient.fill("[name=code]", str(sms.code))
        await patient.click("[data-action=check-in]")
        await patient.click("[data-action=join]:visible")
        await patient.wait_for_selector("[data-state=waiting]")
        await clinician.click("[data-action=admit]:visible")
        return await _took(clinician, patient)


async def floor(port: int, browsers: Pair) -> Took:
    """Time a call with PeerJS."""
    async with _pages(browsers) as (caller, callee):
        for name, page in (("caller", caller), ("callee", callee)):
            await page.goto(f"http://127.0.0.1:{port}/")
            await page.add_script_tag(path=PEERJS / "peerjs/dist/peerjs.min.js")
            await page.evaluate(ATTEND, {"id": name, "port": port})
        await caller.click("[data-action=call]:visible")
        return await _took(caller, callee)


@asynccontextmanager
async def _pages(browsers: Pair) -> AsyncGenerator[tuple[Page, Page]]:
    contexts = [
        await browser.new_context(permissions=["camera", "microphone"], viewport=screen)
        for browser, screen in zip(browsers, (DESKTOP, HANDHELD), strict=True)
    ]
    for context in contexts:
        await context.add_init_script(WATCH)
    here, there = [await context.new_page() for context in contexts]
    yield here, there
    for context in contexts:
        await context.close()


async def _took(here: Page, there: Page) -> Took:
    begun: float = await here.evaluate("begun")
    return Took(await here.evaluate("shown") - begun, await there.evaluate("shown") - begun)


async def _planned(hug: HugAtHome, phone: str) -> str:
    now = hug.clock.now()
    session = await hug.sessions.plan(
        organisation="hug",
        service="benchmark",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id=CLINICIAN, role="practitioner", name="Dr A. Rossi"),
            Participant(id=PATIENT, role="patient", name="M. Dupont", phone=phone),
        ],
    )
    await hug.sessions.accept(session.id, PATIENT, recorded_by=CLINICIAN)
    await hug.invite(session.id, PATIENT)
    return session.id


# --- The servers, and the rounds -----------------------------------------------------------------


@asynccontextmanager
async def served(sms: OutboxSms) -> AsyncGenerator[HugAtHome]:
    """Give a deployment over SQLite behind a server on loopback."""
    with tempfile.TemporaryDirectory() as folder:
        bound = listening()
        hug = HugAtHome(
            key=token_bytes(32),
            store=open_store(f"sqlite:///{Path(folder) / 'clinic.db'}"),
            sms=sms,
            site=f"http://127.0.0.1:{bound.getsockname()[1]}/visit",
            timezone="Europe/Zurich",
            brand="HUG@home",
        )
        async with hug, serving(hug.asgi(otherwise=hug.asgi()), bound):
            yield hug


@asynccontextmanager
async def peer_server() -> AsyncGenerator[int]:
    """Run a PeerServer on loopback, and give its port."""
    program = PEERJS / "peer/dist/bin/peerjs.js"
    if not program.exists():
        raise SystemExit("PeerJS is not here: make build/peerjs/.installed")
    with listening() as free:
        port: int = free.getsockname()[1]
    options = ("--host", "127.0.0.1", "--port", str(port), "--path", "/")
    running = await asyncio.create_subprocess_exec("node", program, *options, stdout=asyncio.subprocess.PIPE)
    assert running.stdout is not None
    await running.stdout.readline()  # it says where it listens, once it does
    try:
        yield port
    finally:
        running.terminate()
        await running.wait()


@asynccontextmanager
async def two_browsers() -> AsyncGenerator[Pair]:
    """Start two Chromium, each with a fake camera and microphone."""
    async with async_playwright() as playwright:
        one, other = [
            await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
            for _ in range(2)
        ]
        yield one, other
        for each in (one, other):
            await each.close()


async def _pairs(rounds: int) -> list[tuple[Took, Took]]:
    """Time both, in turn, after one round that warms up; each goes first in every other round."""
    sms = OutboxSms()
    async with served(sms) as hug, peer_server() as port, two_browsers() as browsers:
        both: tuple[Callable[[], Awaitable[Took]], ...] = (
            lambda: floor(port, browsers),
            lambda: library(hug, Outbox(sms), browsers),
        )
        pairs = []
        for number in range(rounds + 1):
            order = both if number % 2 else both[::-1]
            first, second = [await each() for each in order]
            pairs.append((first, second) if number % 2 else (second, first))
        return pairs[1:]


def measure(*, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the medians in milliseconds, and median and quartiles of the pairwise ratio."""
    pairs = asyncio.run(_pairs(rounds))
    ratios = [ours.both / theirs.both for theirs, ours in pairs]
    quartiles = statistics.quantiles(ratios, method="inclusive") if rounds > 1 else 3 * ratios
    return {
        "peerjs_caller_ms": statistics.median(theirs.here for theirs, _ in pairs),
        "peerjs_callee_ms": statistics.median(theirs.there for theirs, _ in pairs),
        "clinician_ms": statistics.median(ours.here for _, ours in pairs),
        "patient_ms": statistics.median(ours.there for _, ours in pairs),
        "ratio": statistics.median(ratios),
        "ratio_lower_quartile": quartiles[0],
        "ratio_upper_quartile": quartiles[2],
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

"""The patient's page on an old phone with a bad connection, in a real Chromium that acts as one.

Its processor is six times slower, its connection gives 400 kbit/s each way after 150 ms, and its cache is
empty (Chromium's own emulation). Measured is how long the page takes from the tap on the link until it
answers to a touch, a round trip to the server included; every byte that it received until then, headers
too; and after the admission, how long until the patient hears the clinician, who is a Python endpoint.

    scripts/loopback python benchmarks/slow_phone.py
"""

import asyncio
import json
import statistics
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from time import perf_counter
from typing import Any

from playwright.async_api import Browser, CDPSession, Page, ViewportSize, async_playwright

from hugathome import HugAtHome, Participant
from hugathome.peer import IceSettings, Peer
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing import Outbox
from hugathome.transports.websockets import connect
from hugathome.web.serving import listening, serving

ROUNDS = 5
SLOWER = 6
CONNECTION = {"offline": False, "latency": 150, "downloadThroughput": 50_000, "uploadThroughput": 50_000}
"""In milliseconds and bytes a second."""
HANDHELD: ViewportSize = {"width": 390, "height": 844}
PATIENT, CLINICIAN, PHONE = "p-1", "dr-rossi", "+41791234567"
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
window.times = {};
window.connections = [];
window.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...options) {
        super(...options);
        window.connections.push(this);
    }
};
const first = (name, selector) => {
    if (window.times[name] || !document.querySelector(selector)) return false;
    window.times[name] = performance.now();
    return true;
};
const point = () => {
    const { x, y, width, height } = document.querySelector("[data-action=check-in]").getBoundingClientRect();
    window.tell(JSON.stringify({ x: x + width / 2, y: y + height / 2 }));
};
new MutationObserver(() => {
    if (first("shown", "[data-state=code]")) requestAnimationFrame(point);
    if (first("answered", "[data-notice]:not([hidden])")) window.tell(JSON.stringify(window.times));
}).observe(document, { attributes: true, childList: true, subtree: true });
"""
"""Tells where the button is as soon as the first state is shown, and both times once it has answered."""
UNTIL_IT_HEARS = """
async () => {
    for (;;) {
        for (const connection of window.connections) {
            for (const figures of (await connection.getStats()).values()) {
                if (figures.type === "inbound-rtp" && figures.totalAudioEnergy > 0) return;
            }
        }
        await new Promise((go) => setTimeout(go, 20));
    }
}
"""


class Phone:
    """A page on a slow phone, and how many bytes it has received, headers included.

    It is touched and watched without Playwright, whose own script takes such a phone a second to read.
    """

    def __init__(self, session: CDPSession) -> None:
        self.received = 0
        self._session = session
        self._told: asyncio.Queue[str] = asyncio.Queue()
        session.on("Network.loadingFinished", self._add)
        session.on("Runtime.bindingCalled", lambda called: self._told.put_nowait(called["payload"]))

    @classmethod
    async def of(cls, page: Page) -> "Phone":
        """Make a phone of a page that shows nothing yet."""
        session = await page.context.new_cdp_session(page)
        phone = cls(session)
        await session.send("Runtime.enable")
        await session.send("Runtime.addBinding", {"name": "tell"})
        await session.send("Network.enable")
        await session.send("Network.emulateNetworkConditions", CONNECTION)
        await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        return phone

    async def touched(self) -> dict[str, float]:
        """Touch the button as soon as it is there; return when it was, and when the touch was answered."""
        place = json.loads(await self._told.get())
        for kind in ("mousePressed", "mouseReleased"):
            event = {"type": kind, "button": "left", "clickCount": 1, **place}
            await self._session.send("Input.dispatchMouseEvent", event)
        times: dict[str, float] = json.loads(await self._told.get())
        return times

    def _add(self, finished: dict[str, Any]) -> None:
        self.received += finished["encodedDataLength"]


async def visit(hug: HugAtHome, outbox: Outbox, chromium: Browser) -> dict[str, float]:
    """Measure one visit, from the link to the first sound."""
    session = await _planned(hug)
    sms = outbox.last(to=PHONE)
    context = await chromium.new_context(permissions=["camera", "microphone"], viewport=HANDHELD)
    await context.add_init_script(WATCH)
    page = await context.new_page()
    phone = await Phone.of(page)
    await page.goto(str(sms.link), wait_until="commit")
    times, received = await phone.touched(), phone.received
    await page.fill("[name=code]", str(sms.code))
    await page.click("[data-action=check-in]")
    await page.click("[data-action=join]:visible")
    sound = await _until_sound(hug, session, page)
    await context.close()
    return {
        "shown_s": times["shown"] / 1e3,
        "usable_s": times["answered"] / 1e3,
        "kilobytes": received / 1e3,
        "sound_s": sound,
    }


async def _until_sound(hug: HugAtHome, session: str, page: Page) -> float:
    """Return the seconds from the admission of whoever waits on `page` until they hear something."""
    transport = await connect(f"ws{hug.site.removeprefix('http')}/signal")
    ice = IceSettings(loopback=True)
    async with Peer(transport, hug.grant(session, CLINICIAN), audio=True, video=True, ice=ice) as clinician:
        await clinician.arrived(PATIENT)
        await page.wait_for_selector("[data-state=waiting]")
        began = perf_counter()
        await clinician.admit(PATIENT)
        await page.evaluate(UNTIL_IT_HEARS)
        return perf_counter() - began


async def _planned(hug: HugAtHome) -> str:
    now = hug.clock.now()
    session = await hug.sessions.plan(
        organisation="hug",
        service="benchmark",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id=CLINICIAN, role="practitioner", name="Dr A. Rossi"),
            Participant(id=PATIENT, role="patient", name="M. Dupont", phone=PHONE),
        ],
    )
    await hug.sessions.accept(session.id, PATIENT, recorded_by=CLINICIAN)
    await hug.invite(session.id, PATIENT)
    return session.id


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
            help_phone="+41 22 372 33 11",
        )
        async with hug, serving(hug.asgi(otherwise=hug.asgi()), bound):
            yield hug


async def _visits(rounds: int) -> list[dict[str, float]]:
    """Hold some visits, each on a phone of its own, and by a deployment that has not heard of it."""
    values = []
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        for _ in range(rounds):
            sms = OutboxSms()
            async with served(sms) as hug:
                values.append(await visit(hug, Outbox(sms), chromium))
        await chromium.close()
    return values


def measure(*, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the medians: seconds, and thousands of bytes."""
    visits = asyncio.run(_visits(rounds))
    return {key: statistics.median(each[key] for each in visits) for key in visits[0]}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

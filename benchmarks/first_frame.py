"""How soon two people see each other: through the library, against two bare aiortc connections.

The library's clock starts when both devices know that they are admitted, and all of it is real: uvicorn,
two WebSockets, the hub, SQLite for record and log, two `Peer`s that negotiate through them. The floor is
two `RTCPeerConnection`s that are handed each other's descriptions directly, with the same tracks and the
same way to gather on loopback. Either clock stops when both sides have decoded a picture of the other.

    scripts/loopback python benchmarks/first_frame.py
"""

import asyncio
import json
import statistics
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from secrets import token_bytes
from time import perf_counter

from aiortc import MediaStreamTrack, RTCBundlePolicy, RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import MediaStreamError

from hugathome import HugAtHome, JoinGrant, Participant
from hugathome.peer import IceSettings, MovingPicture, Peer, Tone
from hugathome.peer._ice import gather
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.transports.websockets import connect
from hugathome.web.serving import listening, serving

ROUNDS = 31
LOOPBACK = IceSettings(loopback=True)
PATIENT, CLINICIAN = "p-1", "dr-rossi"


class BareEnd:
    """One bare connection with a tone and a moving picture; `seen` is set by the first picture decoded."""

    def __init__(self) -> None:
        self.seen = asyncio.Event()
        self.sources = (Tone(), MovingPicture())
        self.connection = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self._drains: list[asyncio.Task[None]] = []
        self.connection.on("track", self._received)

    async def describe(self) -> None:
        """Gather, and describe this end: with an offer, or with the answer to the one that it was given."""
        await gather(self.connection, LOOPBACK)
        await self.connection.setLocalDescription()

    def send(self) -> None:
        """Add both tracks."""
        for source in self.sources:
            self.connection.addTrack(source)

    async def aclose(self) -> None:
        """Close the connection, and wait until nothing of it runs."""
        await self.connection.close()
        for source in self.sources:
            source.stop()
        for drain in self._drains:
            drain.cancel()
        await asyncio.gather(*self._drains, return_exceptions=True)

    def _received(self, track: MediaStreamTrack) -> None:
        self._drains.append(asyncio.create_task(self._drain(track)))

    async def _drain(self, track: MediaStreamTrack) -> None:
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            if track.kind == "video":
                self.seen.set()


async def floor() -> float:
    """Return the milliseconds that two bare connections take."""
    one, other = BareEnd(), BareEnd()
    began = perf_counter()
    one.send()
    await one.describe()
    await other.connection.setRemoteDescription(one.connection.localDescription)
    other.send()
    await other.describe()
    await one.connection.setRemoteDescription(other.connection.localDescription)
    await asyncio.gather(one.seen.wait(), other.seen.wait())
    took = perf_counter() - began
    await asyncio.gather(one.aclose(), other.aclose())
    return took * 1e3


async def library(hug: HugAtHome) -> float:
    """Return the milliseconds that two people take who have just been admitted."""
    session = await _planned(hug)
    async with AsyncExitStack() as stack:
        patient = await stack.enter_async_context(await _peer(hug, hug.grant(session, PATIENT)))
        clinician = await stack.enter_async_context(await _peer(hug, hug.grant(session, CLINICIAN)))
        await clinician.arrived(PATIENT)
        await hug.sessions.admit(session, PATIENT, by=CLINICIAN)
        await asyncio.gather(patient.admitted(), clinician.admitted())
        began = perf_counter()
        await asyncio.gather(patient.video(CLINICIAN).recv(), clinician.video(PATIENT).recv())
        return (perf_counter() - began) * 1e3


async def _planned(hug: HugAtHome) -> str:
    now = hug.clock.now()
    session = await hug.sessions.plan(
        organisation="hug",
        service="benchmark",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id=CLINICIAN, role="practitioner", name="Dr A. Rossi"),
            Participant(id=PATIENT, role="patient", name="M. Dupont"),
        ],
    )
    return session.id


async def _peer(hug: HugAtHome, grant: JoinGrant) -> Peer:
    transport = await connect(f"ws{hug.site.removeprefix('http')}/signal")
    return Peer(transport, grant, audio=True, video=True, ice=LOOPBACK)


@asynccontextmanager
async def served() -> AsyncGenerator[HugAtHome]:
    """Give a deployment over SQLite behind a server on loopback."""
    with tempfile.TemporaryDirectory() as folder:
        bound = listening()
        hug = HugAtHome(
            key=token_bytes(32),
            store=open_store(f"sqlite:///{Path(folder) / 'clinic.db'}"),
            sms=OutboxSms(),
            site=f"http://127.0.0.1:{bound.getsockname()[1]}/visit",
            timezone="Europe/Zurich",
            brand="HUG@home",
        )
        async with hug, serving(hug.asgi(otherwise=hug.asgi()), bound):
            yield hug


async def _pairs(rounds: int) -> list[tuple[float, float]]:
    """Time both, in turn, after one round that warms up; each goes first in every other round."""
    async with served() as hug:
        both: tuple[Callable[[], Awaitable[float]], ...] = (floor, lambda: library(hug))
        pairs = []
        for number in range(rounds + 1):
            order = both if number % 2 else both[::-1]
            first, second = [await each() for each in order]
            pairs.append((first, second) if number % 2 else (second, first))
        return pairs[1:]


def measure(*, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the medians in milliseconds, and median and quartiles of the pairwise ratio."""
    pairs = asyncio.run(_pairs(rounds))
    ratios = [ours / bare for bare, ours in pairs]
    quartiles = statistics.quantiles(ratios, method="inclusive") if rounds > 1 else 3 * ratios
    return {
        "floor_ms": statistics.median(bare for bare, _ in pairs),
        "library_ms": statistics.median(ours for _, ours in pairs),
        "ratio": statistics.median(ratios),
        "ratio_lower_quartile": quartiles[0],
        "ratio_upper_quartile": quartiles[2],
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

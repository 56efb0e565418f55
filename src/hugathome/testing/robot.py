"""Robots that hold a visit: they read the SMS, open its link, type the code, wait, see and hear.

    async with Robot.from_sms(sms, media=False) as patient:
        await patient.admitted()

In memory beside `FakeHugAtHome`, or over HTTP and WebSocket against any site. With `media` a robot is an
aiortc endpoint with a moving picture and a tone; without, it says and sees what a page does and no more.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from itertools import permutations
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from hugathome.errors import CodeError, InvalidInput
from hugathome.grants import JoinGrant
from hugathome.protocol.messages import Close
from hugathome.record.history import AnyOutcome
from hugathome.signalling import Transport
from hugathome.sms import SentSms
from hugathome.testing.outbox import Outbox, ReceivedSms
from hugathome.testing.site import HttpSite, Site

if TYPE_CHECKING:
    from hugathome.peer import AudioFrame, Peer, VideoFrame

PATIENCE = timedelta(seconds=30)
"""How long a robot waits, by the clock on the wall, before it raises `TimeoutError`."""

_MOVED = 4.0
"""Of 255: more than a codec makes of a still picture."""
_LOUD = 300
"""Of 32767: more than a codec makes of silence."""


class Robot:
    """One participant, on one device; entering the block brings them into the waiting room or the visit."""

    def __init__(
        self,
        site: Site,
        *,
        media: bool,
        admission: Callable[[], Awaitable[str]],
    ) -> None:
        """Prefer `from_sms` and `from_grant`; `admission` returns the pass that the visit lives on."""
        self._site = site
        self._has_media = media
        self._admission = admission
        self._pass: str | None = None
        self._peer: Peer | None = None
        self._to = ""
        self.link: str | None = None

    # --- Whose robot it is -----------------------------------------------------------------------

    @classmethod
    def from_sms(
        cls,
        sms: ReceivedSms | SentSms,
        *,
        media: bool = True,
        inbox: Outbox | None = None,
        site: Site | None = None,
    ) -> "Robot":
        """Be whoever got this SMS: `inbox` is where a code arrives that the SMS does not hold."""
        if isinstance(sms, SentSms):
            sms = ReceivedSms(to=sms.to, text=sms.text)
        received, link = sms, sms.link
        if link is None or "/j/" not in link:
            raise InvalidInput("this SMS has no link to a visit")
        base, _, link_id = link.rpartition("/j/")
        where = site or received.site or HttpSite(base)

        async def admission() -> str:
            code = received.code or await robot.ask_for_code(inbox or received.inbox)
            return str((await where.ask("check-in", link=link_id, code=code))["pass"])

        robot = cls(where, media=media, admission=admission)
        robot.link = link_id
        robot._to = str(received.to)
        return robot

    @classmethod
    def from_grant(cls, grant: JoinGrant, *, at: Site | str, media: bool = True) -> "Robot":
        """Be whoever holds a grant, at a site or its address."""
        where = HttpSite(at) if isinstance(at, str) else at

        async def admission() -> str:
            return str((await where.ask("pass", grant=grant.token))["pass"])

        return cls(where, media=media, admission=admission)

    # --- The way in ------------------------------------------------------------------------------

    async def open(self) -> dict[str, Any]:
        """Open the link and return what the page is told; it sends and uses up nothing."""
        return dict(await self._site.ask("link", link=self.link or ""))

    async def ask_for_code(self, inbox: Outbox | None) -> str:
        """Press "send me the code" and read it from `inbox`."""
        await self._site.ask("send-code", link=self.link or "")
        code = inbox.last(to=self._to).code if inbox is not None else None
        if code is None:
            raise CodeError("no code has arrived: give from_sms(inbox=…)")
        return code

    async def type_code(self, code: str) -> None:
        """Type a code; raise the `CodeError` that the page would show."""
        self._pass = str((await self._site.ask("check-in", link=self.link or "", code=code))["pass"])

    async def __aenter__(self) -> Self:
        from hugathome.peer import IceSettings, Peer

        try:
            if self._pass is None:
                self._pass = await self._admission()
            transport, grant = await self._connect()
            self._peer = Peer(
                transport,
                grant,
                audio=self._has_media,
                video=self._has_media,
                media=self._has_media,
                ice=IceSettings(loopback=True),
                reconnect=self._connect,
                clock=self._site.clock,
            )
            await self._peer.__aenter__()
        except BaseException:
            await self._site.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._peer is not None:
            await self._peer.__aexit__(kind, error, trace)
        await self._site.aclose()

    # --- In the visit ----------------------------------------------------------------------------

    @property
    def peer(self) -> "Peer":
        """The device: what it knows, sees and hears, and all that it may do."""
        if self._peer is None:
            raise InvalidInput("a robot meets others inside its `async with`")
        return self._peer

    async def waiting(self) -> None:
        """Return once the robot is in the waiting room."""
        async with _patience():
            await self.peer.until(lambda peer: peer.client.state == "waiting")

    async def admitted(self) -> None:
        """Return once the robot is in the visit."""
        async with _patience():
            await self.peer.admitted()

    async def connected(self, participant: str) -> None:
        """Return once sound and picture have a way to somebody."""
        async with _patience():
            await self.peer.connected(participant)

    async def sees(self, participant: str, *, frames: int = 1) -> None:
        """Return once so many new pictures of somebody have come, and have moved."""
        video = self.peer.video(participant)
        goal = video.frames + frames
        async with _patience():
            first = _luma(await video.recv())
            while _mean_distance(first, _luma(await video.recv())) < _MOVED or video.frames < goal:
                pass

    async def hears(self, participant: str) -> None:
        """Return once something other than silence has come from somebody."""
        audio = self.peer.audio(participant)
        async with _patience():
            while _loudest(await audio.recv()) < _LOUD:
                pass

    async def rang(self) -> None:
        """Return once the clinician has called this page."""
        async with _patience():
            await self.peer.rang()

    async def ended(self) -> Close:
        """Return the hub's last word to this device once it is said."""
        async with _patience():
            return await self.peer.ended()

    async def admit(self, participant: str) -> None:
        """Let somebody in, as soon as they wait."""
        async with _patience():
            await self.peer.arrived(participant)
            await self.peer.admit(participant)

    async def leave(self) -> None:
        """Leave; it ends nothing for the others."""
        async with _patience():
            await self.peer.leave()

    async def complete(self, outcome: AnyOutcome = "completed") -> None:
        """End the visit for all."""
        async with _patience():
            await self.peer.complete(outcome)

    async def _connect(self) -> tuple[Transport, str]:
        grant = str((await self._site.ask("grant", **{"pass": self._pass or ""}))["grant"])
        return await self._site.connect(), grant


async def meet(*robots: Robot) -> None:
    """Return once each robot has seen and heard each other one."""
    async with asyncio.TaskGroup() as scope:
        for robot, other in permutations(robots, 2):
            scope.create_task(robot.sees(other.peer.participant))
            scope.create_task(robot.hears(other.peer.participant))


def _patience() -> asyncio.Timeout:
    """Bound a wait: a test that hangs says less than one that fails."""
    return asyncio.timeout(PATIENCE.total_seconds())


def _luma(frame: "VideoFrame") -> bytes:
    """Return the brightness of some points all over a picture."""
    return bytes(frame.planes[0])[::89]


def _mean_distance(one: bytes, other: bytes) -> float:
    return sum(abs(a - b) for a, b in zip(one, other, strict=False)) / len(one)


def _loudest(frame: "AudioFrame") -> int:
    """Return the greatest amplitude of 16-bit samples."""
    return max(map(abs, memoryview(bytes(frame.planes[0])).cast("h")))

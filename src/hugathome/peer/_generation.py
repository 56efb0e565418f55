"""One generation of one connection: a peer connection of aiortc, given its work in order."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any, Protocol

from aiortc import MediaStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from hugathome.device.effects import AddCandidates, Apply, Describe
from hugathome.device.line import MediaState
from hugathome.peer._ice import IceSettings, admissible, gather, is_admissible
from hugathome.peer._streams import Shared, Stream, Tap
from hugathome.protocol.wire import CandidateInit, PairView

logger = logging.getLogger(__name__)

Work = Describe | Apply | AddCandidates
_LATELY = 10.0
"""Seconds in which something of a kind has come that is brought: no picture is, where the camera is off."""


class Listener(Protocol):
    """Who is told what an endpoint has done."""

    def offered(self, pc: str, gen: int, sdp: str) -> None:
        """An offer is made."""
        ...

    def answered(self, pc: str, gen: int, sdp: str) -> None:
        """An answer is made."""
        ...

    def fared(self, pc: str, gen: int, state: MediaState) -> None:
        """The state of the connection has changed."""
        ...


class Generation:
    """One peer connection; `run` does its work until `end`, and closes it."""

    def __init__(
        self,
        pair: PairView,
        *,
        ice: IceSettings,
        sends: Iterable[Shared],
        receives: Callable[[str], Stream[Any]],
        plays: Callable[["Generation"], bool],
        listener: Listener,
    ) -> None:
        self.pair = pair
        self.state: MediaState = "new"
        self.is_replaced = False
        """Whether another one is played in its place."""
        self._ice = ice
        self._sends = tuple(sends)
        self._receives = receives
        self._plays = plays
        self._listener = listener
        self._work: asyncio.Queue[Work | None] = asyncio.Queue()
        self._brought_at: dict[str, float] = {}
        self._is_over = False

    @property
    def brings(self) -> set[str]:
        """The kinds of which something has come lately."""
        since = asyncio.get_running_loop().time() - _LATELY
        return {kind for kind, at in self._brought_at.items() if at >= since}

    def do(self, work: Work) -> None:
        """Let work wait for its turn."""
        self._work.put_nowait(work)

    def end(self) -> None:
        """Close as soon as what is being done is done: cut short, gathering would leave sockets behind."""
        self._is_over = True
        self._work.put_nowait(None)

    async def run(self, configuration: RTCConfiguration, kinds: Iterable[str]) -> None:
        """Make the peer connection, do what is asked of it, close it."""
        pc = RTCPeerConnection(configuration)
        taps = {source: source.tap() for source in self._sends}
        drains: list[asyncio.Task[None]] = []
        pc.on("connectionstatechange", lambda: self._fared(pc.connectionState))
        pc.on("track", lambda track: drains.append(self._drain(track)))
        try:
            await self._tried(self._prepare(pc, kinds, {tap.kind: tap for tap in taps.values()}))
            while (work := await self._work.get()) is not None and not self._is_over:
                await self._tried(self._do(pc, work))
        finally:
            self._is_over = True
            await pc.close()
            for source, tap in taps.items():
                source.untap(tap)
            for drain in drains:  # a track that never began never ends
                drain.cancel()
            await asyncio.gather(*drains, return_exceptions=True)

    async def _tried(self, doing: Coroutine[Any, Any, None]) -> None:
        """Do something; what a stranger's words make the library raise costs this connection only."""
        try:
            await doing
        except Exception as error:  # noqa: BLE001 - assertions and look-ups among them; their texts may quote
            logger.info("generation %d of %s: %s", self.pair.gen, self.pair.pc, type(error).__name__)
            self._fared("failed")

    async def _prepare(self, pc: RTCPeerConnection, kinds: Iterable[str], taps: Mapping[str, Tap]) -> None:
        """Add what is sent and received, and gather while the other side still speaks."""
        for kind in kinds:
            tap = taps.get(kind)
            pc.addTransceiver(tap or kind, direction="sendrecv" if tap else "recvonly")
        await gather(pc, self._ice)

    async def _do(self, pc: RTCPeerConnection, work: Work) -> None:
        match work:
            case Describe():
                await pc.setLocalDescription()
                self._listener.offered(work.pc, work.gen, pc.localDescription.sdp)
            case Apply():
                await self._apply(pc, work)
            case AddCandidates():
                for candidate in work.candidates:
                    await self._add(pc, candidate)

    async def _apply(self, pc: RTCPeerConnection, work: Apply) -> None:
        sdp = admissible(work.sdp, self._ice)
        await pc.setRemoteDescription(RTCSessionDescription(sdp=sdp, type=work.kind))
        if work.kind == "offer":
            await pc.setLocalDescription()
            self._listener.answered(work.pc, work.gen, pc.localDescription.sdp)

    async def _add(self, pc: RTCPeerConnection, init: CandidateInit) -> None:
        if not is_admissible(init.candidate, self._ice):
            return
        candidate = candidate_from_sdp(init.candidate.removeprefix("candidate:"))
        candidate.sdpMid = init.sdp_mid
        candidate.sdpMLineIndex = init.sdp_m_line_index
        await pc.addIceCandidate(candidate)

    def _drain(self, track: MediaStreamTrack) -> asyncio.Task[None]:
        stream = self._receives(track.kind)
        return asyncio.create_task(stream.drain(track, is_played=lambda: self._takes(track.kind)))

    def _takes(self, kind: str) -> bool:
        """Take note that a frame has come, and say whether it is played."""
        self._brought_at[kind] = asyncio.get_running_loop().time()
        return not self._is_over and self._plays(self)

    def _fared(self, state: Any) -> None:
        if not self._is_over and state != self.state:
            self.state = state
            self._listener.fared(self.pair.pc, self.pair.gen, state)

"""Frames on their way: what comes in is always read, what goes out is read once for everybody.

A received track that nobody reads grows by 30 MB a second, and a track can be sent on one connection only.
So every received track is emptied into a `Stream`, which keeps the newest frames for whoever asks, and
every source is `Shared` among the connections. Neither side can hold up the other.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

from hugathome.errors import TransportClosed

F = TypeVar("F", VideoFrame, AudioFrame)

_KEPT = {"video": 1, "audio": 50}
"""The newest picture, or a second of sound."""


class Stream(Generic[F]):
    """What one participant sends of one kind, over all generations of the connection with them."""

    def __init__(self, kind: str, *, changed: Callable[[], None]) -> None:
        self.kind = kind
        self.frames = 0
        """How many have come."""
        self.seconds = 0.0
        """How much sound has come; always 0 for pictures."""
        self._kept: deque[F] = deque(maxlen=_KEPT[kind])
        self._arrival = asyncio.Event()
        self._changed = changed
        self._is_over = False

    async def recv(self) -> F:
        """Return the next frame; a slow reader misses some. Raises `TransportClosed` once the peer closed."""
        while not self._kept:
            if self._is_over:
                raise TransportClosed("nothing more comes")
            self._arrival.clear()
            await self._arrival.wait()
        return self._kept.popleft()

    async def drain(self, track: MediaStreamTrack, *, is_played: Callable[[], bool]) -> None:
        """Take everything from a received track until it ends, and keep what `is_played` at that moment."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if not is_played():
                continue
            self.frames += 1
            if isinstance(frame, AudioFrame):
                self.seconds += frame.samples / frame.sample_rate
            self._kept.append(cast(F, frame))
            self._arrival.set()
            self._changed()

    def close(self) -> None:
        """Tell whoever waits that nothing more comes."""
        self._is_over = True
        self._arrival.set()


class Shared:
    """A source and its copies, one for each connection; it is read from the first one on, never stopped."""

    def __init__(self, source: MediaStreamTrack) -> None:
        self.kind = source.kind
        self._source = source
        self._newest: list[Any] = []
        self._taps: set[Tap] = set()
        self._reading: asyncio.Task[None] | None = None

    def tap(self) -> "Tap":
        """Return a copy for one connection; it begins with the newest frame, without waiting for the next."""
        tap = Tap(self.kind, first=self._newest)
        self._taps.add(tap)
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        return tap

    def untap(self, tap: "Tap") -> None:
        """End one copy."""
        self._taps.discard(tap)
        tap.stop()

    async def aclose(self) -> None:
        """End all copies; the source stays its owner's."""
        for tap in tuple(self._taps):
            self.untap(tap)
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self) -> None:
        while True:
            try:
                frame = await self._source.recv()
            except MediaStreamError:
                return
            self._newest = [frame]
            for tap in self._taps:
                tap.put(frame)


class Tap(MediaStreamTrack):
    """One copy of a source: the newest frames, for one reader."""

    def __init__(self, kind: str, *, first: list[Any]) -> None:
        super().__init__()
        self.kind = kind
        self._kept: deque[Any] = deque(first, maxlen=_KEPT[kind])
        self._arrival = asyncio.Event()

    def put(self, frame: Any) -> None:
        """Add a frame, and drop the oldest where the reader is slow."""
        self._kept.append(frame)
        self._arrival.set()

    async def recv(self) -> Any:
        """Return the next frame."""
        while not self._kept:
            if self.readyState != "live":
                raise MediaStreamError
            self._arrival.clear()
            await self._arrival.wait()
        return self._kept.popleft()

    def stop(self) -> None:
        """End this copy; the source goes on."""
        super().stop()
        self._arrival.set()

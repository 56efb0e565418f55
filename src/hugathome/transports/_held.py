"""One connection between the requests that carry it: numbered frames both ways, until nobody asks any more.

It knows no HTTP. Two requests for the same frames are told the same; they are let go once a later one says
that they have arrived.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from hugathome.errors import RemoteProtocolError, TransportClosed
from hugathome.transports._posted import CAPACITY, Asked, Told
from hugathome.transports._wire import FRAME_LIMIT
from hugathome.transports.memory import memory_pair

_TAKEN_WITHIN = 10.0
"""Seconds that a request waits for room for its frames; those without are sent again."""


class Held:
    """A connection; `transport` is the hub's end, and `gone` is called once nobody can come back to it."""

    def __init__(self, *, patience: timedelta, gone: Callable[[], None]) -> None:
        self.transport, self._far = memory_pair(capacity=CAPACITY)
        self.is_served = True
        """Whether anybody still is at the hub's end."""
        self._patience = patience.total_seconds()
        self._gone = gone
        self._asking = 0
        self._is_left = False
        self._leaving: asyncio.TimerHandle | None = None
        self._taking, self._telling = asyncio.Lock(), asyncio.Lock()
        self._taken = 0
        self._arrived = 0
        """The last frame that is known to have arrived."""
        self._told: Sequence[str] = ()
        """The frames behind it that were told."""

    @property
    def is_established(self) -> bool:
        """Whether the device was told something, and is served on: so it is with those who were let in."""
        return self.is_served and bool(self._told or self._arrived)

    @contextmanager
    def asked(self) -> Iterator[None]:
        """Stay while a request lasts, and for `patience` after the last."""
        self._asking += 1
        if self._leaving is not None:
            self._leaving.cancel()
        try:
            yield
        finally:
            self._asking -= 1
            if self._asking == 0 and not self._is_left:
                self._leaving = asyncio.get_running_loop().call_later(self._patience, self.cut)

    async def exchanged(self, asked: Asked) -> Told:
        """Do what one request asks; raise what `take` raises."""
        taken = await self.take(asked.number, asked.frames)
        if asked.ends:
            await self.end()
        if asked.after is None:
            return Told(taken=taken)
        return await self.tell(asked.after, wait=asked.wait)

    async def take(self, number: int, frames: Sequence[str]) -> int:
        """Take the frames that are new, as far as there is room; return the number of the last one taken.

        Raises `RemoteProtocolError` where one is missing before them, `TransportClosed` where nobody reads.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(_TAKEN_WITHIN), self._taking:
                for each, frame in enumerate(frames, start=number):
                    if each > self._taken + 1:
                        raise RemoteProtocolError("a frame is missing", code=4000)
                    if each == self._taken + 1:
                        await self._far.send(frame)
                        self._taken = each
        return self._taken

    async def tell(self, after: int, *, wait: float) -> Told:
        """Return the frames behind number `after`; those up to it have arrived."""
        is_ended = False
        with suppress(TimeoutError):
            async with asyncio.timeout(wait), self._telling:
                arrived = min(max(after - self._arrived, 0), len(self._told))
                self._arrived, self._told = self._arrived + arrived, self._told[arrived:]
                self._told = self._told or await self._next()
                is_ended = not self._told
        if is_ended:
            self._leave()
        return Told(taken=self._taken, number=self._arrived + 1, frames=tuple(self._told), ended=is_ended)

    async def _next(self) -> Sequence[str]:
        try:
            return await self._far.receive_some(size=FRAME_LIMIT)
        except TransportClosed:
            return ()

    async def end(self) -> None:
        """Close from the device's side; what was taken is still read."""
        await self._far.aclose()
        self._leave()

    def cut(self) -> None:
        """End it: nobody comes back, and nothing that is under way arrives."""
        self._far.cut()
        self._leave()

    def _leave(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
        self._is_left = True
        self._gone()

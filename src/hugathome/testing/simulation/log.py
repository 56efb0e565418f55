"""A log whose past can change, and its view from each worker: late, unreachable, twice, or in doubt."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from random import Random
from typing import Self

from hugathome.errors import StoreUnavailable
from hugathome.logs._reading import Rows, Tail
from hugathome.testing.simulation.loop import VirtualLoop, tell

_NEAR, _POLLED = 0.02, 0.25
"""Seconds that it takes at most to reach the log, and for a follower that only looks now and then."""


class Bell:
    """Wakes one reader: an `asyncio.Event` that need not ask the system whose loop it is on."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._is_rung = False
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake the reader, or keep it from waiting."""
        self._is_rung = True
        if self._waiting is not None:
            tell(self._waiting)

    def hush(self) -> None:
        """Let the reader wait for the next ring."""
        self._is_rung = False

    async def rung(self) -> None:
        """Return once it was rung."""
        if not self._is_rung:
            self._waiting = self._loop.create_future()
            await self._waiting
            self._waiting = None


class SimulatedLog:
    """What all workers share: one sequence of records, of the only room that there is."""

    def __init__(self, *, on_append: Callable[[str, bytes], None]) -> None:
        self.kept_from = 1
        """The first offset that is still there."""
        self.snapshot: tuple[int, bytes] | None = None
        self._records: list[bytes] = []
        self._bells: dict[Bell, None] = {}
        self._on_append = on_append

    def append(self, room: str, record: bytes) -> None:
        """Add a record, and wake the readers."""
        self._records.append(record)
        self._on_append(room, record)
        self.ring()

    def rows(self, offset: int) -> Rows:
        """Return what there is from `offset` on."""
        first = max(offset, self.kept_from)
        return list(enumerate(self._records[first - self.kept_from :], start=first))

    def cut(self, offset: int, snapshot: bytes) -> None:
        """Keep a snapshot in place of the records up to `offset`, if that record is there."""
        if self.kept_from <= offset < self.kept_from + len(self._records):
            del self._records[: offset + 1 - self.kept_from]
            self.kept_from, self.snapshot = offset + 1, (offset, snapshot)

    def rewind(self, to: int) -> int:
        """Lose what is behind offset `to`, or everything if that is no longer kept; return where it ends."""
        if to + 1 < self.kept_from:
            self.kept_from, self.snapshot, to = 1, None, 0
        del self._records[to + 1 - self.kept_from :]
        return to

    def ring(self) -> None:
        """Wake the readers: there is something new, or the connection to the log was made again."""
        for bell in self._bells:
            bell.ring()

    def listen(self, bell: Bell) -> None:
        """Ring `bell` at every ring."""
        self._bells[bell] = None

    def ignore(self, bell: Bell) -> None:
        """Ring `bell` no more."""
        del self._bells[bell]


class LogFrom:
    """Fills `SignallingLog`: the log as one worker reaches it."""

    def __init__(self, log: SimulatedLog, *, loop: VirtualLoop, draw: Random) -> None:
        self.is_cut_off = False
        """Whether nothing can be written or read."""
        self.is_twice = False
        """Whether the next append is made twice."""
        self.is_doubtful = False
        """Whether the next append succeeds and says that it did not."""
        self._log = log
        self._loop = loop
        self._draw = draw

    async def append(self, room: str, record: bytes) -> None:
        """Add a record."""
        await self._travel()
        self._log.append(room, record)
        if self.is_twice:
            self.is_twice = False
            self._log.append(room, record)
        if self.is_doubtful:
            self.is_doubtful = False
            raise StoreUnavailable("the answer was lost")
        await self._travel()

    async def load(self, room: str, after: int) -> Rows:
        """Return the records behind offset `after` that are there now."""
        await self._travel()
        return self._next(Tail(after))

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield the records behind offset `after`, then follow for ever."""
        tail, bell = Tail(after), Bell(self._loop)
        self._log.listen(bell)
        try:
            while True:
                bell.hush()
                await self._travel(_POLLED if self._draw.random() < 0.3 else _NEAR)
                for row in self._next(tail):
                    yield row
                await bell.rung()
        finally:
            self._log.ignore(bell)

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        """Return the newest snapshot."""
        await self._travel()
        return self._log.snapshot

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        """Keep a snapshot."""
        await self._travel()
        self._log.cut(offset, snapshot)

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        self._log.rewind(0)

    def for_blocking(self) -> Self:
        """Return itself."""
        return self

    async def aclose(self) -> None:
        """Do nothing: the log outlives its workers."""

    async def _travel(self, longest: float = _NEAR) -> None:
        await self._loop.pause(self._draw.random() * longest)
        if self.is_cut_off:
            raise StoreUnavailable("the log cannot be reached")

    def _next(self, tail: Tail) -> Rows:
        return tail.take(self._log.rows(tail.offset), kept_from=self._log.kept_from)

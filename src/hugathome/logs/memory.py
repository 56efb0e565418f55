"""A log in memory: for tests, and for a deployment of one process that may forget its rooms.

It refuses a second process, in which it would be another log.
"""

import os
from collections.abc import AsyncGenerator
from typing import Self, final

from hugathome.errors import ConfigurationError
from hugathome.logs._reading import Bell, Rows, Tail


@final
class MemoryLog:
    """Fills `SignallingLog`; appending works from any thread, with an event loop or without."""

    def __init__(self) -> None:
        self._rooms: dict[str, _Records] = {}
        self._bell = Bell()
        self._process: int | None = None

    async def append(self, room: str, record: bytes) -> None:
        """Add a record."""
        self._serving_one_process()
        self._rooms.setdefault(room, _Records()).tail.append(record)
        self._bell.ring(room)

    async def load(self, room: str, after: int) -> Rows:
        """Return the records behind offset `after` that are there now."""
        return self._next(room, Tail(after))

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield the records behind offset `after`, then follow for ever."""
        tail = Tail(after)
        with self._bell.watching(room) as rung:
            while True:
                rung.clear()
                for row in self._next(room, tail):
                    yield row
                await rung.wait()

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        """Return the newest snapshot and the offset that it stands for."""
        return self._of(room).snapshot

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        """Keep a snapshot and drop the records up to `offset`."""
        records = self._of(room)
        if records.kept_from <= offset < records.kept_from + len(records.tail):
            del records.tail[: offset + 1 - records.kept_from]
            records.kept_from = offset + 1
            records.snapshot = offset, snapshot

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        self._rooms.pop(room, None)
        self._bell.ring(room)

    def for_blocking(self) -> Self:
        """Return itself."""
        return self

    async def aclose(self) -> None:
        """Do nothing: memory is all there is."""

    def _next(self, room: str, tail: Tail) -> Rows:
        records = self._of(room)
        first = max(tail.offset, records.kept_from)
        rows = list(enumerate(records.tail[first - records.kept_from :], start=first))
        return tail.take(rows, kept_from=records.kept_from)

    def _of(self, room: str) -> "_Records":
        """Return what is there of a room; to look at one keeps nothing of it."""
        self._serving_one_process()
        return self._rooms.get(room) or _Records()

    def _serving_one_process(self) -> None:
        process = os.getpid()
        if self._process not in {None, process}:
            raise ConfigurationError("a memory log serves one process: give every worker log=open_log(…)")
        self._process = process


class _Records:
    def __init__(self) -> None:
        self.kept_from = 1
        self.tail: list[bytes] = []
        self.snapshot: tuple[int, bytes] | None = None

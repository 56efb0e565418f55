"""Appending together: what waits in an event loop goes to the log at once, each with its own outcome.

A batch has at most one record of a room, and goes when the one before it was answered: so those of a room
keep their order. A record that nobody waits for any more is not sent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, NamedTuple

from hugathome.errors import HugathomeError, StoreUnavailable
from hugathome.logs._loops import ended
from hugathome.logs._reading import named

MOST_RECORDS: Final = 64
_TRIES: Final = 64
"""For a place in a room's log that others want as well; each time, one of them gets it."""

Write = Callable[[Sequence[tuple[str, bytes]]], Awaitable[Sequence[bool]]]
"""Append one record to each of some rooms; return to which: somebody else was first in the others."""


class _Wish(NamedTuple):
    room: str
    record: bytes
    done: asyncio.Future[None]
    tries: int = 0


class Appends:
    """The records of one event loop that are to be appended; a task writes while there are any."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._waiting: list[_Wish] = []
        self._writing: asyncio.Task[None] | None = None

    async def append(self, room: str, record: bytes) -> None:
        """Return once the record is in the log."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Wish(named(room), record, done))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._run())
        await done

    async def aclose(self) -> None:
        """Return once nothing is being written."""
        await ended(self._writing)

    async def _run(self) -> None:
        batch: list[_Wish] = []
        try:
            while batch := self._next_batch():
                await self._write_all(batch)
        finally:
            for wish in (*batch, *self._waiting):  # none, unless the task is ended from outside
                _fail(wish, StoreUnavailable("writing was ended"))
            self._waiting.clear()

    def _next_batch(self) -> list[_Wish]:
        """Take the first record of each room for which anybody still waits."""
        batch: dict[str, _Wish] = {}
        later: list[_Wish] = []
        for wish in self._waiting:
            if wish.done.done():
                continue
            if wish.room in batch or len(batch) == MOST_RECORDS:
                later.append(wish)
            else:
                batch[wish.room] = wish
        self._waiting = later
        return list(batch.values())

    async def _write_all(self, batch: Sequence[_Wish]) -> None:
        try:
            are_written = await self._write([(wish.room, wish.record) for wish in batch])
        except HugathomeError as failed:
            for wish in batch:
                _fail(wish, failed)
            return
        again = []
        for wish, is_written in zip(batch, are_written, strict=True):
            if is_written:
                _succeed(wish)
            elif wish.tries + 1 < _TRIES:
                again.append(wish._replace(tries=wish.tries + 1))
            else:
                _fail(wish, crowded())
        self._waiting[:0] = again


async def append_alone(write: Write, room: str, record: bytes) -> None:
    """Append for a host without an event loop."""
    for _ in range(_TRIES):
        if all(await write([(room, record)])):
            return
    raise crowded()


def crowded() -> StoreUnavailable:
    """Return what a writer is told for whom there was no place."""
    return StoreUnavailable("too many write to this room at once")


def _succeed(wish: _Wish) -> None:
    if not wish.done.done():
        wish.done.set_result(None)


def _fail(wish: _Wish, failure: HugathomeError) -> None:
    if not wish.done.done():
        wish.done.set_exception(failure)

"""A log in a database: SQLite for the processes of one machine, PostgreSQL for many.

Offsets are dense within a room, and an offset can be read only when no smaller one can still commit. What
waits to be appended goes in one statement for all rooms, and readers of this process get it from the answer,
which says what stands before. Those of others are woken, on PostgreSQL by a notification; what comes without
one is found by asking every 250 ms, for all rooms at once.
"""

from collections.abc import AsyncGenerator, Sequence
from functools import partial
from typing import NamedTuple, final

from hugathome.logs import _statements
from hugathome.logs._appending import Appends, append_alone
from hugathome.logs._follower import Answer, Place
from hugathome.logs._following import Followers
from hugathome.logs._listening import Listener
from hugathome.logs._loops import Loops
from hugathome.logs._reading import Rows, Tail
from hugathome.logs._statements import METADATA
from hugathome.stores._database import Database

__all__ = ["METADATA", "SqlLog"]

_ASKED_EVERY = 0.25
_ROWS_AT_ONCE = 256


class _Loop(NamedTuple):
    """What is one event loop's."""

    appends: Appends
    followers: Followers

    async def aclose(self) -> None:
        """End both."""
        await self.appends.aclose()
        await self.followers.aclose()

    def hand_over(self, rooms: Sequence[str], written: Sequence[Rows | None]) -> None:
        """Give readers what was written to each room, if it was."""
        for room, rows in zip(rooms, written, strict=True):
            if rows is not None:
                self.followers.hand_over(room, rows)

    def tell(self, news: Sequence[tuple[str, int]]) -> None:
        """Note how far rooms go."""
        for room, offset in news:
            self.followers.tell(room, offset)


@final
class SqlLog:
    """Fills `SignallingLog` in whatever `database` runs its functions."""

    def __init__(
        self, database: Database, *, listen: str | None = None, loops: "Loops[_Loop] | None" = None
    ) -> None:
        self._database = database
        self._listener = Listener(listen, self._heard) if listen is not None else None
        self._is_blocking = loops is not None
        self._loops = loops or Loops(self._loop)
        """Given where the loops are another log's, of which this is the blocking variant."""

    async def append(self, room: str, record: bytes) -> None:
        """Add a record, and hand it to this process's readers."""
        if self._is_blocking:
            await append_alone(self._written, room, record)
        else:
            await self._loops.here().appends.append(room, record)

    async def load(self, room: str, after: int) -> Rows:
        """Return the records behind offset `after` that are there now."""
        tail = Tail(after)
        rows: list[tuple[int, bytes]] = []
        while True:
            asked = partial(_statements.read, places=[Place(room, tail.offset)], most=_ROWS_AT_ONCE)
            (answer,) = await self._database.read(asked)
            rows += tail.take(answer.rows, kept_from=answer.kept_from)
            if len(answer.rows) < _ROWS_AT_ONCE:
                return rows

    def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield the records behind offset `after`, then follow for ever."""
        return self._loops.here().followers.read(room, after)

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        """Return the newest snapshot and the offset that it stands for."""
        return await self._database.read(partial(_statements.snapshot, room=room))

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        """Keep a snapshot and drop the records up to `offset`."""
        saved = partial(_statements.save_snapshot, room=room, offset=offset, snapshot=snapshot)
        await self._database.run(saved)

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        await self._database.run(partial(_statements.forget, room=room))
        self._loops.each(lambda here: here.followers.tell(room))

    def for_blocking(self) -> "SqlLog":
        """Return the same log over the blocking driver; it hands over to the same readers."""
        return SqlLog(self._database.for_blocking(), loops=self._loops)

    async def aclose(self) -> None:
        """Close the database connections."""
        if not self._is_blocking:
            await self._loops.here().aclose()
        if self._listener is not None:
            await self._listener.aclose()
        await self._database.aclose()

    def _loop(self) -> _Loop:
        followers = Followers(self._asked, silence=self._silence)

        async def write(records: Sequence[tuple[str, bytes]]) -> list[bool]:
            with followers.expecting([room for room, _ in records]):
                return await self._written(records)

        return _Loop(Appends(write), followers)

    async def _written(self, records: Sequence[tuple[str, bytes]]) -> list[bool]:
        written = await self._database.run(partial(_statements.append, records=records))
        self._loops.each(partial(_Loop.hand_over, rooms=[room for room, _ in records], written=written))
        return [rows is not None for rows in written]

    async def _asked(self, places: Sequence[Place]) -> Sequence[Answer]:
        return await self._database.read(partial(_statements.read, places=places))

    async def _silence(self) -> float:
        if self._listener is not None:
            await self._listener.listen(within=_ASKED_EVERY)
        return _ASKED_EVERY

    def _heard(self, news: Sequence[tuple[str, int]]) -> None:
        self._loops.each(partial(_Loop.tell, news=news))

"""A log in a database: SQLite for the processes of one machine, PostgreSQL for many.

Offsets are dense within a room, and an offset can be read only when no smaller one can still commit.
Readers of this process are woken at once, and on PostgreSQL by a notification those of the others too; what
comes without one is found by asking every 250 ms.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import partial
from typing import final

import sqlalchemy as sa

from hugathome.logs._listening import CHANNEL, Listener
from hugathome.logs._reading import Bell, Rows, Tail
from hugathome.stores._database import Database

METADATA = sa.MetaData()
"""What `hugathome schema` prints for this log."""

_RECORDS = sa.Table(
    "hugathome_log",
    METADATA,
    sa.Column("room", sa.String(64), primary_key=True),
    sa.Column("position", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("record", sa.LargeBinary, nullable=False),
)
_SNAPSHOTS = sa.Table(
    "hugathome_log_snapshot",
    METADATA,
    sa.Column("room", sa.String(64), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("snapshot", sa.LargeBinary, nullable=False),
)
_ASKED_EVERY = 0.25
_ROWS_AT_ONCE = 256


@final
class SqlLog:
    """Fills `SignallingLog` in whatever `database` runs its functions."""

    def __init__(
        self, database: Database, *, bell: Bell | None = None, listener: Listener | None = None
    ) -> None:
        self._database = database
        self._bell = bell or Bell()
        self._listener = listener

    async def append(self, room: str, record: bytes) -> None:
        """Add a record and wake this process's readers."""
        await self._database.run(partial(_append, room=room, record=record))
        self._bell.ring(room)

    async def load(self, room: str, after: int) -> Rows:
        """Return the records behind offset `after` that are there now."""
        tail = Tail(after)
        rows: list[tuple[int, bytes]] = []
        while True:
            more = await self._next(room, tail)
            rows += more
            if not _is_full(more):
                return rows

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield the records behind offset `after`, then follow for ever."""
        tail = Tail(after)
        with self._bell.watching(room) as rung:
            while True:
                rung.clear()
                rows = await self._next(room, tail)
                for row in rows:
                    yield row
                if not _is_full(rows) and not rung.is_set():
                    if self._listener is not None:
                        await self._listener.listen(within=_ASKED_EVERY)
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_ASKED_EVERY):
                            await rung.wait()

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        """Return the newest snapshot and the offset that it stands for."""
        return await self._database.read(partial(_snapshot, room=room))

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        """Keep a snapshot and drop the records up to `offset`."""
        await self._database.run(partial(_save_snapshot, room=room, offset=offset, snapshot=snapshot))

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        await self._database.run(partial(_forget, room=room))
        self._bell.ring(room)

    def for_blocking(self) -> "SqlLog":
        """Return the same log over the blocking driver; it wakes the same readers."""
        return SqlLog(self._database.for_blocking(), bell=self._bell)

    async def aclose(self) -> None:
        """Close the database connections."""
        if self._listener is not None:
            await self._listener.aclose()
        await self._database.aclose()

    async def _next(self, room: str, tail: Tail) -> Rows:
        kept_from, rows = await self._database.read(partial(_rows, room=room, first=tail.offset))
        return tail.take(rows, kept_from=kept_from)


_ROOM = sa.bindparam("in_room", type_=sa.String)
_LAST = sa.select(sa.func.max(_RECORDS.c.position)).where(_RECORDS.c.room == _ROOM)
_TRIMMED = sa.select(_SNAPSHOTS.c.position).where(_SNAPSHOTS.c.room == _ROOM)
_APPEND = _RECORDS.insert().values(
    room=_ROOM,
    position=sa.func.coalesce(_LAST.scalar_subquery(), _TRIMMED.scalar_subquery(), 0) + 1,
    record=sa.bindparam("appended"),
)
_READ = (
    sa.select(_RECORDS.c.position, _RECORDS.c.record)
    .where(_RECORDS.c.room == _ROOM, _RECORDS.c.position >= sa.bindparam("first"))
    .order_by(_RECORDS.c.position)
    .limit(_ROWS_AT_ONCE)
)
_APPENDED = _APPEND.returning(_RECORDS.c.position).cte("appended_row")
_APPEND_AND_NOTIFY = sa.select(sa.func.pg_notify(CHANNEL, _ROOM)).select_from(_APPENDED)
_TAKE_TURNS = sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(_ROOM, 0)))


def _append(connection: sa.Connection, *, room: str, record: bytes) -> None:
    if connection.dialect.name == "postgresql":  # commit order is offset order: writers of a room take turns
        connection.execute(_TAKE_TURNS, {"in_room": room})
        connection.execute(_APPEND_AND_NOTIFY, {"in_room": room, "appended": record})
    else:
        connection.execute(_APPEND, {"in_room": room, "appended": record})


def _rows(connection: sa.Connection, *, room: str, first: int) -> tuple[int, Rows]:
    """Return where the kept part begins, and a batch of it from `first` on."""
    trimmed = connection.scalar(_TRIMMED, {"in_room": room})
    rows = connection.execute(_READ, {"in_room": room, "first": first})
    return (trimmed or 0) + 1, [(row.position, row.record) for row in rows]


def _is_full(batch: Rows) -> bool:
    """Whether there may be more: of a full batch, the first row may be the one that was read before."""
    return len(batch) >= _ROWS_AT_ONCE - 1


def _snapshot(connection: sa.Connection, *, room: str) -> tuple[int, bytes] | None:
    row = connection.execute(sa.select(_SNAPSHOTS).where(_SNAPSHOTS.c.room == room)).one_or_none()
    return (row.position, row.snapshot) if row else None


def _save_snapshot(connection: sa.Connection, *, room: str, offset: int, snapshot: bytes) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(_TAKE_TURNS, {"in_room": room})
    kept = sa.select(_RECORDS.c.position).where(_RECORDS.c.room == room, _RECORDS.c.position == offset)
    if connection.scalar(kept) is None:
        return
    connection.execute(_SNAPSHOTS.delete().where(_SNAPSHOTS.c.room == room))
    connection.execute(_SNAPSHOTS.insert().values(room=room, position=offset, snapshot=snapshot))
    connection.execute(_RECORDS.delete().where(_RECORDS.c.room == room, _RECORDS.c.position <= offset))


def _forget(connection: sa.Connection, *, room: str) -> None:
    for table in (_RECORDS, _SNAPSHOTS):
        connection.execute(table.delete().where(table.c.room == room))

"""The tables of a log in a database, and what is said to them: in PostgreSQL to many rooms at once.

A position is taken behind the last one that is committed, which is why commit order is offset order. What
two want at once one of them gets; the other is told nothing of it, and asks again.
"""

from collections.abc import Sequence
from itertools import accumulate
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from hugathome.logs._follower import MOST_ROWS, Answer, Place
from hugathome.logs._listening import CHANNEL
from hugathome.logs._reading import Rows
from hugathome.stores._statement import Statement

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

# Rooms in order, so that no two writers wait for one another. Records in one value: a list of bytes is text
# to the driver, and costs ten times as much. A payload that would be too long says nothing.
_APPEND_TO_MANY: Final = Statement(
    sa.text("""
WITH wanted AS MATERIALIZED (
    SELECT room, number, last.position AS behind, last.record AS before,
        substring(CAST(:records AS bytea) FROM starts FOR size) AS record,
        coalesce(last.position, kept.position, 0) + 1 AS position
    FROM unnest(CAST(:rooms AS text[]), CAST(:starts AS int[]), CAST(:sizes AS int[]))
        WITH ORDINALITY AS given (room, starts, size, number)
    LEFT JOIN hugathome_log_snapshot AS kept USING (room)
    LEFT JOIN LATERAL (
        SELECT position, record FROM hugathome_log
        WHERE hugathome_log.room = given.room ORDER BY position DESC LIMIT 1
    ) AS last ON true
    ORDER BY room
), written AS (
    INSERT INTO hugathome_log (room, position, record) SELECT room, position, record FROM wanted
    ON CONFLICT DO NOTHING RETURNING room, position
), said AS (
    SELECT string_agg(position || ' ' || room, chr(10)) AS news FROM written HAVING count(*) > 0
), told AS (
    SELECT pg_notify(:channel, CASE WHEN octet_length(news) < 8000 THEN news ELSE '' END) FROM said
)
SELECT number, position, behind, before FROM wanted JOIN written USING (room, position) CROSS JOIN told
""")
)
_READ_MANY: Final = Statement(
    sa.text("""
SELECT asked.number, kept.position AS trimmed, found.position, found.record
FROM unnest(CAST(:rooms AS text[]), CAST(:offsets AS bigint[])) WITH ORDINALITY AS asked (room, first, number)
LEFT JOIN hugathome_log_snapshot AS kept USING (room)
LEFT JOIN LATERAL (
    SELECT position, record FROM hugathome_log
    WHERE hugathome_log.room = asked.room AND position >= asked.first
    ORDER BY position LIMIT CAST(:most AS int)
) AS found ON true
ORDER BY asked.number, found.position
""")
)

_APPEND_TO_ONE: Final = Statement(
    sa.text("""
INSERT INTO hugathome_log (room, position, record) VALUES (:room, 1 + coalesce(
    (SELECT max(position) FROM hugathome_log WHERE room = :room),
    (SELECT position FROM hugathome_log_snapshot WHERE room = :room),
    0), :record)
RETURNING position
""")
)
_READ_ONE: Final = Statement(
    sa.text("""
SELECT position, record FROM hugathome_log WHERE room = :room AND position >= :first
ORDER BY position LIMIT :most
""")
)
_TRIMMED: Final = Statement(sa.text("SELECT position FROM hugathome_log_snapshot WHERE room = :room"))


def append(connection: sa.Connection, records: Sequence[tuple[str, bytes]]) -> list[Rows | None]:
    """Add a record to each of some rooms; return it with the one before, `None` where another was first."""
    if connection.dialect.name != "postgresql":
        return [_append_to_one(connection, room, record) for room, record in records]
    rooms, bodies = [room for room, _ in records], [record for _, record in records]
    written: list[Rows | None] = [None] * len(records)
    sizes = [len(body) for body in bodies]
    starts = list(accumulate(sizes[:-1], initial=1))
    values = {"rooms": rooms, "starts": starts, "sizes": sizes, "records": b"".join(bodies)}
    answer = _APPEND_TO_MANY.on(connection, channel=CHANNEL, **values)
    for number, position, behind, before in answer.rows:
        here = (position, bodies[number - 1])
        written[number - 1] = [(behind, before), here] if behind == position - 1 else [here]
    return written


def read(connection: sa.Connection, places: Sequence[Place], *, most: int = MOST_ROWS) -> list[Answer]:
    """Return for each place the batch of rows that begins there, and where the kept part begins."""
    if connection.dialect.name != "postgresql":
        return [_read_one(connection, place, most) for place in places]
    rooms, offsets = [place.room for place in places], [place.offset for place in places]
    found: list[tuple[int, list[tuple[int, bytes]]]] = [(0, [])] * len(places)
    for number, trimmed, position, record in _READ_MANY.on(
        connection, rooms=rooms, offsets=offsets, most=most
    ).rows:
        if not found[number - 1][0]:
            found[number - 1] = (trimmed or 0) + 1, []
        if position is not None:
            found[number - 1][1].append((position, record))
    return [_kept(kept_from, rows) for kept_from, rows in found]


def snapshot(connection: sa.Connection, *, room: str) -> tuple[int, bytes] | None:
    """Return a room's snapshot and its position."""
    row = connection.execute(sa.select(_SNAPSHOTS).where(_SNAPSHOTS.c.room == room)).one_or_none()
    return (row.position, row.snapshot) if row else None


def save_snapshot(connection: sa.Connection, *, room: str, offset: int, snapshot: bytes) -> None:
    """Save, then drop: each may be a transaction of its own, and what lies between them harms nobody."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    values = (_RECORDS.c.room, _RECORDS.c.position, sa.literal(snapshot, sa.LargeBinary))
    kept = sa.select(*values).where(_RECORDS.c.room == room, _RECORDS.c.position == offset)
    saved = dialect.insert(_SNAPSHOTS).from_select(["room", "position", "snapshot"], kept)
    new = {"position": saved.excluded.position, "snapshot": saved.excluded.snapshot}
    is_newer = _SNAPSHOTS.c.position < saved.excluded.position
    connection.execute(saved.on_conflict_do_update(index_elements=["room"], set_=new, where=is_newer))
    trimmed = sa.select(_SNAPSHOTS.c.position).where(_SNAPSHOTS.c.room == room).scalar_subquery()
    connection.execute(_RECORDS.delete().where(_RECORDS.c.room == room, _RECORDS.c.position <= trimmed))


def forget(connection: sa.Connection, *, room: str) -> None:
    """Delete everything of a room."""
    for table in (_RECORDS, _SNAPSHOTS):
        connection.execute(table.delete().where(table.c.room == room))


def _append_to_one(connection: sa.Connection, room: str, record: bytes) -> Rows:
    ((position,),) = _APPEND_TO_ONE.on(connection, room=room, record=record).rows
    return _READ_ONE.on(connection, room=room, first=position - 1, most=2).rows


def _read_one(connection: sa.Connection, place: Place, most: int) -> Answer:
    trimmed = _TRIMMED.on(connection, room=place.room).rows
    rows = _READ_ONE.on(connection, room=place.room, first=place.offset, most=most).rows
    return _kept(trimmed[0][0] + 1 if trimmed else 1, rows)


def _kept(kept_from: int, rows: Rows) -> Answer:
    """Leave out what a snapshot stands for: it may not be deleted yet."""
    return Answer(kept_from, [row for row in rows if row[0] >= kept_from])

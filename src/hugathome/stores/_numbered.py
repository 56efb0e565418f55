"""What is numbered within an organisation: its events, and the entries of its audit trail.

Both are written behind the organisation's counter, whose row whoever numbers first locks until they commit.
So positions are dense, in the order of commits, and two entries are never linked to the same one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from hugathome.record.audit import START, Append, Head, SealedEntry
from hugathome.stores._statement import Statement, together
from hugathome.stores._tables import AUDIT, COUNTERS, EVENTS


def append(
    connection: sa.Connection,
    organisation: str,
    *,
    session_id: str = "",
    events: Sequence[bytes] = (),
    audit: Append | None = None,
) -> None:
    """Number events, and link what `audit` makes of the trail's head, in the transaction of `connection`."""
    if not events and audit is None:
        return
    last, head = _behind_the_lock(connection, organisation, count=len(events))
    names = {"organisation": organisation, "session_id": session_id}
    numbered = enumerate(events, start=last - len(events) + 1)
    rows = [_INSERT_EVENT.with_(**names, position=position, body=body) for position, body in numbered]
    entries = () if audit is None else audit(head)
    rows += [_INSERT_ENTRY.with_(organisation=organisation, **_columns(entry)) for entry in entries]
    together(connection, *rows)


def events_of(
    connection: sa.Connection, organisation: str, *, after: int, limit: int
) -> list[tuple[int, bytes]]:
    """Return the events after a position, in order."""
    mine = sa.and_(EVENTS.c.organisation == organisation, EVENTS.c.position > after)
    query = sa.select(EVENTS.c.position, EVENTS.c.body).where(mine).order_by(EVENTS.c.position).limit(limit)
    return [(row.position, row.body) for row in connection.execute(query)]


def events_of_session(connection: sa.Connection, session_id: str) -> list[tuple[int, bytes]]:
    """Return the events of one session, in order."""
    query = sa.select(EVENTS.c.position, EVENTS.c.body).where(EVENTS.c.session_id == session_id)
    return [(row.position, row.body) for row in connection.execute(query.order_by(EVENTS.c.position))]


def rewrite_events(connection: sa.Connection, session_id: str, write: Callable[[bytes], bytes]) -> None:
    """Put what `write` makes of each event of a session into its place."""
    mine = EVENTS.c.session_id == session_id
    locked = sa.select(EVENTS).where(mine).order_by(EVENTS.c.position).with_for_update()
    rows = connection.execute(locked).all()  # whoever else rewrites them must not put back what goes here
    for row in rows:
        here = sa.and_(EVENTS.c.organisation == row.organisation, EVENTS.c.position == row.position)
        connection.execute(sa.update(EVENTS).where(here).values(body=write(row.body)))


def entries_of(connection: sa.Connection, organisation: str, *, after: int, limit: int) -> list[SealedEntry]:
    """Return the entries after a position, in order."""
    mine = sa.and_(AUDIT.c.organisation == organisation, AUDIT.c.position > after)
    query = sa.select(*_ENTRY.values()).where(mine).order_by(AUDIT.c.position).limit(limit)
    return [SealedEntry(**row) for row in connection.execute(query).mappings()]


def head_of(connection: sa.Connection, organisation: str) -> Head:
    """Return the head of the trail."""
    last = sa.select(_ENTRY["position"], _ENTRY["digest"]).order_by(AUDIT.c.position.desc()).limit(1)
    row = connection.execute(last.where(AUDIT.c.organisation == organisation)).first()
    return START if row is None else Head(position=row.position, digest=row.digest)


def _behind_the_lock(connection: sa.Connection, organisation: str, *, count: int) -> tuple[int, Head]:
    """Count events, and return the position of the last one and the head of the trail."""
    last = _LAST.with_(of=organisation)
    counted, found = together(connection, _COUNT.with_(of=organisation, more=count), last)
    if counted.changed == 0:
        connection.execute(sa.insert(COUNTERS).values(organisation=organisation, position=count))
        (found,) = together(connection, last)
    ((position, of_entry, digest),) = found.rows
    return position, START if digest is None else Head(position=of_entry, digest=digest)


def _columns(entry: SealedEntry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _ENTRY}


def _as_it_should_be(column: sa.Column[Any]) -> sa.Label[Any]:
    """Return a column as what it should hold: in SQLite it may hold whatever somebody wrote there."""
    return sa.cast(column, column.type).label(column.name)


_ENTRY = {
    column.name: _as_it_should_be(column) for column in AUDIT.columns if column is not AUDIT.c.organisation
}


def _of_the_last_entry(name: str) -> sa.Label[Any]:
    mine = AUDIT.c.organisation == COUNTERS.c.organisation
    query = sa.select(_ENTRY[name]).where(mine).order_by(AUDIT.c.position.desc()).limit(1)
    return query.scalar_subquery().label(name)


_MINE = COUNTERS.c.organisation == sa.bindparam("of")
_COUNT = Statement(
    sa.update(COUNTERS).where(_MINE).values(position=COUNTERS.c.position + sa.bindparam("more"))
)
_LAST = Statement(
    sa.select(COUNTERS.c.position, _of_the_last_entry("position"), _of_the_last_entry("digest")).where(_MINE)
)
_INSERT_EVENT = Statement(sa.insert(EVENTS))
_INSERT_ENTRY = Statement(sa.insert(AUDIT))

"""What is numbered within an organisation: its events, and the entries of its audit trail.

Both are written behind the organisation's counter, whose row whoever numbers first locks until they commit.
So positions are dense, in the order of commits, and two entries are never linked to the same one.
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from hugathome.record.audit import START, Append, Head, SealedEntry
from hugathome.record.shelf import StoredSession
from hugathome.stores._statement import Answer, Said, Statement, together
from hugathome.stores._tables import AUDIT, COUNTERS, EVENTS, SESSIONS


def append(connection: sa.Connection, organisation: str, audit: Append) -> None:
    """Link what `audit` makes of the trail's head, in the transaction of `connection`."""
    answers = together(connection, _COUNT.with_(of=organisation, more=0), _LAST.with_(of=organisation))
    _, head = _place(connection, organisation, answers, 0)
    together(connection, *_linked(organisation, audit(head)))


def counted_if_saved(session: StoredSession, *, count: int) -> tuple[Said, Said]:
    """Return what counts events if a session was saved before in the same transaction, and then looks there.

    To be sent together with what saves it; a save that was refused locks nothing. That its body stands there,
    which is sealed under a number of its own, says that it was this one; or this one before, see `uncounted`.
    """
    of = session.organisation
    count_it = _COUNT_IF_SAVED.with_(of=of, more=count, saved=session.id, written=session.body)
    return count_it, _LAST.with_(of=of)


def uncounted(session: StoredSession, *, count: int) -> Said:
    """Return what takes back that events were counted: nobody has seen it, behind the lock."""
    return _COUNT.with_(of=session.organisation, more=-count)


def numbered(
    connection: sa.Connection,
    session: StoredSession,
    answers: Sequence[Answer],
    *,
    events: Sequence[bytes],
    audit: Append | None,
) -> list[Said]:
    """Return what inserts a session's events and entries, from what `counted_if_saved` was answered."""
    last, head = _place(connection, session.organisation, answers, len(events))
    names = {"organisation": session.organisation, "session_id": session.id}
    in_order = enumerate(events, start=last - len(events) + 1)
    rows = [_INSERT_EVENT.with_(**names, position=position, body=body) for position, body in in_order]
    return rows if audit is None else rows + _linked(session.organisation, audit(head))


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


def _place(
    connection: sa.Connection, organisation: str, answers: Sequence[Answer], count: int
) -> tuple[int, Head]:
    """Return the position of the last event that was counted, and the head of the trail."""
    counted, found = answers
    if counted.changed == 0:
        connection.execute(sa.insert(COUNTERS).values(organisation=organisation, position=count))
        found = _LAST.on(connection, of=organisation)
    ((position, of_entry, digest),) = found.rows
    return position, START if digest is None else Head(position=of_entry, digest=digest)


def _linked(organisation: str, entries: Sequence[SealedEntry]) -> list[Said]:
    return [_INSERT_ENTRY.with_(organisation=organisation, **_columns(entry)) for entry in entries]


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
_SAVED = sa.exists().where(SESSIONS.c.id == sa.bindparam("saved"), SESSIONS.c.body == sa.bindparam("written"))
_COUNT_IF_SAVED = Statement(
    sa.update(COUNTERS).where(_MINE, _SAVED).values(position=COUNTERS.c.position + sa.bindparam("more"))
)
_LAST = Statement(
    sa.select(COUNTERS.c.position, _of_the_last_entry("position"), _of_the_last_entry("digest")).where(_MINE)
)
_INSERT_EVENT = Statement(sa.insert(EVENTS))
_INSERT_ENTRY = Statement(sa.insert(AUDIT))

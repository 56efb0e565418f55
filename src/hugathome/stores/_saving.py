"""How a session is saved: its row, under compare-and-swap, what leads to it, and what it gave rise to.

Two round trips where the driver can: what changes its row and asks for places behind the organisation's
lock, and then all that is written there. Everybody takes the lock before what leads to a session, so that two
who want the same slot never wait for each other.
"""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from hugathome.record.audit import Append
from hugathome.record.shelf import StoredSession
from hugathome.stores._numbered import counted_if_saved, numbered, uncounted
from hugathome.stores._records import microseconds
from hugathome.stores._statement import Answer, Said, Statement, together
from hugathome.stores._tables import LOOKUPS, SESSIONS, TAGS

Lead = tuple[str, int | None]
"""The digest of a look-up, or of a tag and where the session stands there."""


def saved(
    connection: sa.Connection,
    session: StoredSession,
    *,
    expected: int,
    events: Sequence[bytes],
    audit: Append | None,
) -> bool:
    """Save a session with all of it; return False, having changed nothing, if it may not be."""
    is_told = bool(events) or audit is not None
    count = counted_if_saved(session, count=len(events)) if is_told else ()
    if expected == 0:
        kept, counted = _inserted(connection, session, count)
    else:
        kept, counted = _updated(connection, session, count, expected=expected)
    if kept is None:
        if counted and counted[0].changed:  # what was to be saved stands there: it was saved before
            together(connection, uncounted(session, count=len(events)))
        return False
    rows = _leads(session, kept=kept)
    if is_told:
        rows += numbered(connection, session, counted, events=events, audit=audit)
    if rows:
        together(connection, *rows)
    return True


def _inserted(
    connection: sa.Connection, session: StoredSession, count: Sequence[Said]
) -> tuple[set[Lead] | None, list[Answer]]:
    """Insert a session, and return what leads there and how it was counted; None if it may not be."""
    if _is_taken(connection, session):
        return None, []
    connection.execute(sa.insert(SESSIONS).values(_columns(session)))
    return set(), together(connection, *count) if count else []


def _updated(
    connection: sa.Connection, session: StoredSession, count: Sequence[Said], *, expected: int
) -> tuple[set[Lead] | None, list[Answer]]:
    """Change a session, and return what leads there and how it was counted; None if another was faster."""
    update = _UPDATE.with_(expected=expected, **_plain(_columns(session)))
    updated, leading, *counted = together(connection, update, _LEADING.with_(of=session.id), *count)
    return {(digest, at) for digest, at in leading.rows} if updated.changed else None, counted


def _columns(session: StoredSession) -> dict[str, Any]:
    return {column.name: getattr(session, column.name) for column in SESSIONS.columns}


def _is_taken(connection: sa.Connection, session: StoredSession) -> bool:
    taken = sa.select(sa.literal(1)).where(
        sa.exists().where(SESSIONS.c.id == session.id)
        | sa.exists().where(LOOKUPS.c.digest.in_(session.lookups))
    )
    return connection.execute(taken).first() is not None


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a session's columns as a driver takes them."""
    due_at = values["due_at"]
    plain = {
        "status": values["status"].value,
        "starts_at": microseconds(values["starts_at"]),
        "due_at": None if due_at is None else microseconds(due_at),
    }
    return {f"new_{name}": value for name, value in {**values, **plain}.items()}


def _leads(session: StoredSession, *, kept: set[Lead]) -> list[Said]:
    """Return what lets look-ups and tags lead to a session; mostly, they do already.

    In the order of their digests: two sessions that want the same look-ups never wait for each other.
    """
    wanted: set[Lead] = {(digest, None) for digest in session.lookups}
    wanted |= {(digest, microseconds(at)) for digest, at in session.tags.items()}
    return [
        _forgotten(lead, session.id) if lead in kept else _added(lead, session.id)
        for lead in sorted(kept ^ wanted, key=itemgetter(0))
    ]


def _forgotten(lead: Lead, session_id: str) -> Said:
    digest, at = lead
    if at is None:
        return _DELETE_LOOKUP.with_(gone=digest)
    return _DELETE_TAG.with_(gone=digest, was=at, of=session_id)


def _added(lead: Lead, session_id: str) -> Said:
    digest, at = lead
    if at is None:
        return _INSERT_LOOKUP.with_(digest=digest, session_id=session_id)
    return _INSERT_TAG.with_(digest=digest, at=at, session_id=session_id)


_UPDATE = Statement(
    sa.update(SESSIONS)
    .where(SESSIONS.c.id == sa.bindparam("new_id"), SESSIONS.c.version == sa.bindparam("expected"))
    .values(
        {name: sa.bindparam(f"new_{name}") for name in ("version", "status", "starts_at", "due_at", "body")}
    )
)
_OF: sa.BindParameter[str] = sa.bindparam("of")
_LEADING = Statement(
    sa.union_all(
        sa.select(LOOKUPS.c.digest, sa.cast(sa.null(), sa.BigInteger)).where(LOOKUPS.c.session_id == _OF),
        sa.select(TAGS.c.digest, sa.type_coerce(TAGS.c.at, sa.BigInteger)).where(TAGS.c.session_id == _OF),
    )
)
_INSERT_LOOKUP = Statement(sa.insert(LOOKUPS))
_INSERT_TAG = Statement(sa.insert(TAGS))
_DELETE_LOOKUP = Statement(sa.delete(LOOKUPS).where(LOOKUPS.c.digest == sa.bindparam("gone")))
_DELETE_TAG = Statement(
    sa.delete(TAGS).where(
        TAGS.c.digest == sa.bindparam("gone"),
        TAGS.c.at == sa.bindparam("was", type_=sa.BigInteger),
        TAGS.c.session_id == _OF,
    )
)

"""How a session is saved: its row, under compare-and-swap, and the look-ups and tags that lead to it."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from hugathome.record.shelf import StoredSession
from hugathome.stores._records import microseconds
from hugathome.stores._statement import Said, Statement, together
from hugathome.stores._tables import LOOKUPS, SESSIONS, TAGS

Lead = tuple[str, int | None]
"""The digest of a look-up, or of a tag and where the session stands there."""


def saved(connection: sa.Connection, session: StoredSession, *, expected: int) -> bool:
    """Save a session with what leads to it; return False, having changed nothing, if it may not be."""
    values = {column.name: getattr(session, column.name) for column in SESSIONS.columns}
    if expected == 0:
        if _is_taken(connection, session):
            return False
        connection.execute(sa.insert(SESSIONS).values(values))
        _lead_to(connection, session, kept=set())
        return True
    update = _UPDATE.with_(expected=expected, **_plain(values))
    updated, leading = together(connection, update, _LEADING.with_(of=session.id))
    if updated.changed == 0:
        return False
    _lead_to(connection, session, kept={(digest, at) for digest, at in leading.rows})
    return True


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


def _lead_to(connection: sa.Connection, session: StoredSession, *, kept: set[Lead]) -> None:
    """Let look-ups and tags lead to a session; mostly, they do already.

    In the order of their digests: two sessions that want the same look-ups never wait for each other.
    """
    wanted: set[Lead] = {(digest, None) for digest in session.lookups}
    wanted |= {(digest, microseconds(at)) for digest, at in session.tags.items()}
    changes = [
        _forgotten(lead, session.id) if lead in kept else _added(lead, session.id)
        for lead in sorted(kept ^ wanted, key=itemgetter(0))
    ]
    if changes:
        together(connection, *changes)


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

"""Sessions, events and codes in a SQL database: SQLite by default, PostgreSQL, and what SQLAlchemy speaks.

The statements are functions of a connection; `_database.py` decides where they run.
Look-ups are HMACs and bodies come sealed, but for a code's: less its number, that is readable.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from hugathome.codes import Challenge, Kept
from hugathome.errors import StoreUnavailable
from hugathome.quotas import Tally
from hugathome.record.audit import Append, Head, SealedEntry
from hugathome.record.shelf import Listing, StoredSession
from hugathome.record.transitions import Status
from hugathome.stores._database import Database
from hugathome.stores._numbered import (
    append,
    entries_of,
    events_of,
    events_of_session,
    head_of,
    rewrite_events,
)
from hugathome.stores._records import microseconds, read_record, write_record
from hugathome.stores._saving import saved
from hugathome.stores._statement import arranged
from hugathome.stores._tables import CODES, LOOKUPS, METADATA, SESSIONS, TAGS

__all__ = ["METADATA", "SqlCodes", "SqlSessions"]


class SqlSessions:
    """Sessions and what they gave rise to, through SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_session(self, session_id: str) -> StoredSession | None:
        """Return the session of this id."""
        return await self._database.read(lambda c: _loaded(c, SESSIONS.c.id == session_id))

    async def find_session(self, lookup: str) -> StoredSession | None:
        """Return the session that has this look-up."""
        named = sa.select(LOOKUPS.c.session_id).where(LOOKUPS.c.digest == lookup).scalar_subquery()
        return await self._database.read(lambda c: _loaded(c, SESSIONS.c.id == named))

    async def list_sessions(self, listing: Listing) -> Sequence[StoredSession]:
        """Return the sessions that are asked for."""
        query = _listed(listing)
        return await self._database.read(lambda c: _without_lookups(c.execute(query).mappings()))

    async def tagged_sessions(
        self, tags: Collection[str], *, limit: int, skip: int = 0
    ) -> Sequence[StoredSession]:
        """Return sessions with one of these tags, in their order."""
        tagged = SESSIONS.join(TAGS, TAGS.c.session_id == SESSIONS.c.id)
        query = sa.select(SESSIONS).select_from(tagged).where(TAGS.c.digest.in_(tags))
        query = query.order_by(TAGS.c.at, TAGS.c.session_id).limit(limit).offset(skip)
        return await self._database.read(lambda c: _without_lookups(c.execute(query).mappings()))

    async def count_tagged(self, tags: Collection[str], *, before: tuple[datetime, str]) -> int:
        """Return how many come before this place and id."""
        at, session_id = before
        earlier = (TAGS.c.at < at) | sa.and_(TAGS.c.at == at, TAGS.c.session_id < session_id)
        query = sa.select(sa.func.count()).where(TAGS.c.digest.in_(tags), earlier)
        return await self._database.read(lambda c: c.execute(query).scalar_one())

    async def due_sessions(self, now: datetime, *, limit: int) -> Sequence[str]:
        """Return ids of sessions with something due."""
        query = (
            sa.select(SESSIONS.c.id).where(SESSIONS.c.due_at <= now).order_by(SESSIONS.c.due_at).limit(limit)
        )
        return await self._database.read(lambda c: list(c.execute(query).scalars()))

    async def next_due(self) -> datetime | None:
        """Return when something is next due."""
        return await self._database.read(
            lambda c: c.execute(sa.select(sa.func.min(SESSIONS.c.due_at))).scalar()
        )

    async def save_session(
        self,
        session: StoredSession,
        *,
        expected: int,
        events: Sequence[bytes],
        audit: Append | None = None,
    ) -> bool:
        """Save all of it in one transaction, or nothing."""

        def save(connection: sa.Connection) -> bool:
            return saved(connection, session, expected=expected, events=events, audit=audit)

        try:
            return await self._database.run(save)
        except sa.exc.IntegrityError:
            return False  # a look-up, or the organisation's first event, was taken in the same moment

    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return the events after a position; the first has position 1."""
        return await self._database.read(lambda c: events_of(c, organisation, after=after, limit=limit))

    async def session_events(self, session_id: str) -> Sequence[tuple[int, bytes]]:
        """Return the events of one session, in order."""
        return await self._database.read(lambda c: events_of_session(c, session_id))

    async def rewrite_events(self, session_id: str, rewrite: Callable[[bytes], bytes]) -> None:
        """Put what `rewrite` makes of each event of a session into its place."""
        await self._database.run(lambda c: rewrite_events(c, session_id, rewrite))

    async def append_audit(self, organisation: str, audit: Append) -> None:
        """Append what `audit` makes of the trail's head, in a transaction."""

        def work(connection: sa.Connection) -> None:
            append(connection, organisation, audit)

        try:
            await self._database.run(work)
        except sa.exc.IntegrityError:  # the organisation's first entry was written in the same moment
            await self._database.run(work)

    async def load_audit(self, organisation: str, *, after: int, limit: int) -> Sequence[SealedEntry]:
        """Return the entries after a position, in order."""
        return await self._database.read(lambda c: entries_of(c, organisation, after=after, limit=limit))

    async def load_audit_head(self, organisation: str) -> Head:
        """Return the head of the organisation's trail."""
        return await self._database.read(lambda c: head_of(c, organisation))

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` once what was saved can no longer be rolled back."""
        await self._database.after_commit(work)


def _loaded(connection: sa.Connection, which: sa.ColumnElement[bool]) -> StoredSession | None:
    row = connection.execute(sa.select(SESSIONS).where(which)).mappings().one_or_none()
    if row is None:
        return None
    digests = sa.select(LOOKUPS.c.digest).where(LOOKUPS.c.session_id == row["id"])
    tags = sa.select(TAGS.c.digest, TAGS.c.at).where(TAGS.c.session_id == row["id"])
    return _stored(
        row,
        lookups=frozenset(connection.execute(digests).scalars()),
        tags={tag.digest: tag.at for tag in connection.execute(tags)},
    )


def _without_lookups(rows: Iterable[sa.RowMapping]) -> list[StoredSession]:
    return [_stored(row, lookups=frozenset(), tags={}) for row in rows]


def _stored(row: sa.RowMapping, *, lookups: frozenset[str], tags: Mapping[str, datetime]) -> StoredSession:
    return StoredSession(**{**row, "status": Status(row["status"])}, lookups=lookups, tags=tags)


def _listed(listing: Listing) -> sa.Select[Any]:
    """Ask for a page, by the index of the organisation's sessions, or of a tag's: both have them in order."""
    query = sa.select(SESSIONS).where(
        SESSIONS.c.organisation == listing.organisation,
        SESSIONS.c.starts_at >= listing.since,
        SESSIONS.c.starts_at < listing.until,
    )
    if listing.statuses != frozenset(Status):
        query = query.where(SESSIONS.c.status.in_(listing.statuses))
    if listing.after is not None:
        starts_at, session_id = listing.after
        later = SESSIONS.c.starts_at > starts_at
        query = query.where(
            later | sa.and_(SESSIONS.c.starts_at == starts_at, SESSIONS.c.id > session_id),
            SESSIONS.c.starts_at >= starts_at,  # said once more, for whoever plans the query
        )
    for digests in listing.tags:
        tag = TAGS.alias()
        stands_there = sa.and_(tag.c.at >= listing.since, tag.c.at < listing.until)
        has_one = sa.and_(tag.c.session_id == SESSIONS.c.id, tag.c.digest.in_(digests), stands_there)
        query = query.join(tag, has_one)
    return query.order_by(SESSIONS.c.starts_at, SESSIONS.c.id).limit(listing.limit)


class _Statement:
    """One statement in the words of a driver: it is compiled once, and costs less than to send it."""

    def __init__(self, statement: sa.Select[Any] | sa.Update) -> None:
        self._statement = statement
        self._compiled: sa.Compiled | None = None

    def on(self, connection: sa.Connection, **values: object) -> Any:
        """Execute it and return the cursor; what the driver refuses is SQLAlchemy's to judge."""
        self._compiled = compiled = self._compiled or self._statement.compile(dialect=connection.dialect)
        try:
            cursor = connection.connection.cursor()
            cursor.execute(str(compiled), arranged(compiled, values))
        except connection.dialect.loaded_dbapi.Error:
            return connection.execute(self._statement, values)  # it knows a lost connection from a bad one
        return cursor


class SqlCodes:
    """Challenges and tallies through SQLAlchemy, in a database that takes each statement alone.

    Never on a host's connection: its rollback would refill a budget of attempts.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        here = sa.and_(CODES.c.kind == sa.bindparam("of_kind"), CODES.c.key == sa.bindparam("of_key"))
        unchanged = sa.and_(here, CODES.c.version == sa.bindparam("expected"))
        after: dict[str, Any] = {
            "version": sa.bindparam("after"),
            "over_at": sa.bindparam("until", type_=sa.BigInteger),
            "body": sa.bindparam("written"),
        }
        self._select = _Statement(sa.select(CODES.c.body).where(here))
        self._update = _Statement(sa.update(CODES).where(unchanged).values(after))

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record under `key`."""

        def select(connection: sa.Connection) -> Any:
            return self._select.on(connection, of_kind=kind.__name__, of_key=key).fetchone()

        try:
            row = await self._database.read(select)
        except StoreUnavailable:  # a connection that has lain idle may be lost; the next one is new
            row = await self._database.read(select)
        return None if row is None else read_record(kind, row[0])

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        """Save if the version is still `expected`."""
        if expected == 0:
            return await self._insert(record)

        def update(connection: sa.Connection) -> bool:
            cursor = self._update.on(
                connection,
                of_kind=type(record).__name__,
                of_key=record.key,
                expected=expected,
                after=record.version,
                until=microseconds(record.over_at),
                written=write_record(record),
            )
            return bool(cursor.rowcount == 1)

        return await self._database.run(update)

    async def _insert(self, record: Challenge | Tally) -> bool:
        names = {"kind": type(record).__name__, "key": record.key}
        values = {"version": record.version, "over_at": record.over_at, "body": write_record(record)}
        insert = sa.insert(CODES).values(**names, **values)
        try:
            await self._database.run(lambda connection: connection.execute(insert))
        except sa.exc.IntegrityError:
            return False
        return True

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Delete records that were over before that, by their names: not every database limits a DELETE."""
        over = CODES.c.over_at < before
        select = sa.select(CODES.c.kind, CODES.c.key).where(over).limit(limit)

        def delete(connection: sa.Connection) -> int:
            names: dict[str, list[str]] = defaultdict(list)
            for kind, key in connection.execute(select):
                names[kind].append(key)
            deletes = [
                sa.delete(CODES).where(CODES.c.kind == kind, CODES.c.key.in_(keys), over)
                for kind, keys in names.items()
            ]
            return sum(connection.execute(each).rowcount for each in deletes)

        return await self._database.run(delete)

    def for_blocking(self) -> "SqlCodes":
        """Return the same store for callers without an event loop."""
        return SqlCodes(self._database.for_blocking())

    async def aclose(self) -> None:
        """Close the connections of its own."""
        await self._database.aclose()

"""Sessions, events and codes in a SQL database: SQLite by default, PostgreSQL, and what SQLAlchemy speaks.

The statements are functions of a connection; `_database.py` decides where they run.
Look-ups are HMACs and bodies come sealed, but for a code's: less its number, that is readable.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from hugathome.codes import Challenge, Kept
from hugathome.errors import StoreUnavailable
from hugathome.quotas import Tally
from hugathome.session import StoredSession
from hugathome.stores._database import Database
from hugathome.stores._records import microseconds, read_record, write_record
from hugathome.transitions import Status


class _Instant(sa.TypeDecorator[datetime]):
    """An instant as whole microseconds since 1970: the same in every database."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        """Count the microseconds."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:
        """Return an aware datetime in UTC."""
        return None if value is None else datetime.fromtimestamp(value / 1_000_000, UTC)


METADATA = sa.MetaData()

SESSIONS = sa.Table(
    "hugathome_session",
    METADATA,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("organisation", sa.String(32), nullable=False, index=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("starts_at", _Instant, nullable=False),
    sa.Column("due_at", _Instant, index=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
LOOKUPS = sa.Table(
    "hugathome_lookup",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("session_id", sa.String(64), nullable=False, index=True),
)
EVENTS = sa.Table(
    "hugathome_event",
    METADATA,
    sa.Column("organisation", sa.String(32), primary_key=True),
    sa.Column("position", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
COUNTERS = sa.Table(
    "hugathome_counter",
    METADATA,
    sa.Column("organisation", sa.String(32), primary_key=True),
    sa.Column("position", sa.BigInteger, nullable=False),
)
CODES = sa.Table(
    "hugathome_code",
    METADATA,
    sa.Column("kind", sa.String(16), primary_key=True),
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("over_at", _Instant, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
)


class SqlSessions:
    """Sessions and events through SQLAlchemy."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load_session(self, session_id: str) -> StoredSession | None:
        """Return the session of this id."""
        return await self._database.read(lambda c: _loaded(c, SESSIONS.c.id == session_id))

    async def find_session(self, lookup: str) -> StoredSession | None:
        """Return the session that has this look-up."""
        named = sa.select(LOOKUPS.c.session_id).where(LOOKUPS.c.digest == lookup).scalar_subquery()
        return await self._database.read(lambda c: _loaded(c, SESSIONS.c.id == named))

    async def list_sessions(
        self, organisation: str, *, since: datetime, until: datetime, after: str, limit: int
    ) -> Sequence[StoredSession]:
        """Return an organisation's sessions of a span of time, in the order of their ids."""
        mine = sa.and_(SESSIONS.c.organisation == organisation, SESSIONS.c.id > after)
        then = sa.and_(SESSIONS.c.starts_at >= since, SESSIONS.c.starts_at < until)
        query = sa.select(SESSIONS).where(mine, then).order_by(SESSIONS.c.id).limit(limit)
        return await self._database.read(
            lambda c: [_stored(row, frozenset()) for row in c.execute(query).mappings()]
        )

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

    async def save_session(self, session: StoredSession, *, expected: int, events: Sequence[bytes]) -> bool:
        """Save all of it in one transaction, or nothing."""

        def save(connection: sa.Connection) -> bool:
            if not _saved(connection, session, expected=expected):
                return False
            _replace_lookups(connection, session)
            _append_events(connection, session.organisation, events)
            return True

        try:
            return await self._database.run(save)
        except sa.exc.IntegrityError:
            return False  # a look-up, or the organisation's first event, was taken in the same moment

    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return the events after a position; the first has position 1."""
        mine = sa.and_(EVENTS.c.organisation == organisation, EVENTS.c.position > after)
        query = (
            sa.select(EVENTS.c.position, EVENTS.c.body).where(mine).order_by(EVENTS.c.position).limit(limit)
        )
        return await self._database.read(lambda c: [(row.position, row.body) for row in c.execute(query)])

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` once what was saved can no longer be rolled back."""
        await self._database.after_commit(work)


def _loaded(connection: sa.Connection, which: sa.ColumnElement[bool]) -> StoredSession | None:
    row = connection.execute(sa.select(SESSIONS).where(which)).mappings().one_or_none()
    if row is None:
        return None
    digests = sa.select(LOOKUPS.c.digest).where(LOOKUPS.c.session_id == row["id"])
    return _stored(row, frozenset(connection.execute(digests).scalars()))


def _stored(row: sa.RowMapping, lookups: frozenset[str]) -> StoredSession:
    return StoredSession(**{**row, "status": Status(row["status"])}, lookups=lookups)


def _saved(connection: sa.Connection, session: StoredSession, *, expected: int) -> bool:
    values = {column.name: getattr(session, column.name) for column in SESSIONS.columns}
    if expected == 0:
        taken = sa.select(sa.literal(1)).where(
            sa.exists().where(SESSIONS.c.id == session.id)
            | sa.exists().where(LOOKUPS.c.digest.in_(session.lookups))
        )
        if connection.execute(taken).first() is not None:
            return False
        connection.execute(sa.insert(SESSIONS).values(values))
        return True
    unchanged = sa.and_(SESSIONS.c.id == session.id, SESSIONS.c.version == expected)
    return connection.execute(sa.update(SESSIONS).where(unchanged).values(values)).rowcount == 1


def _replace_lookups(connection: sa.Connection, session: StoredSession) -> None:
    mine = LOOKUPS.c.session_id == session.id
    kept = set(connection.execute(sa.select(LOOKUPS.c.digest).where(mine)).scalars())
    if gone := kept - session.lookups:
        connection.execute(sa.delete(LOOKUPS).where(LOOKUPS.c.digest.in_(gone)))
    if new := session.lookups - kept:
        connection.execute(
            sa.insert(LOOKUPS), [{"digest": digest, "session_id": session.id} for digest in new]
        )


def _append_events(connection: sa.Connection, organisation: str, events: Sequence[bytes]) -> None:
    """Number the events; the counter's row lock keeps positions dense and in the order of commits."""
    if not events:
        return
    mine = COUNTERS.c.organisation == organisation
    moved = sa.update(COUNTERS).where(mine).values(position=COUNTERS.c.position + len(events))
    if connection.execute(moved).rowcount == 0:
        connection.execute(sa.insert(COUNTERS).values(organisation=organisation, position=len(events)))
    last = connection.execute(sa.select(COUNTERS.c.position).where(mine)).scalar_one()
    first = last - len(events) + 1
    rows = [
        {"organisation": organisation, "position": first + i, "body": body} for i, body in enumerate(events)
    ]
    connection.execute(sa.insert(EVENTS), rows)


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
            cursor.execute(str(compiled), _arranged(compiled, values))
        except connection.dialect.loaded_dbapi.Error:
            return connection.execute(self._statement, values)  # it knows a lost connection from a bad one
        return cursor


def _arranged(compiled: Any, values: dict[str, object]) -> Any:
    """Return the values as the driver takes them: by name, or in order."""
    return [values[name] for name in compiled.positiontup] if compiled.positional else values


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

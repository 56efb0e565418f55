"""SQL for two kinds of host: one function on a connection, run with or without an event loop.

A store writes its SQL once, as plain functions of a `sqlalchemy.Connection`. A `Database` runs such a
function in one transaction: through an asynchronous driver where there is a loop, directly where there
is none, or inside the transaction that a host's own connection is in (`_host.py`).
"""

import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Protocol, Self, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import greenlet_spawn

from hugathome.errors import ConfigurationError, MissingExtra, StoreUnavailable
from hugathome.stores._statement import PIPELINED, Statement

T = TypeVar("T")
Work = Callable[[sa.Connection], T]


class Database(Protocol):
    """Where a store's functions run."""

    async def run(self, work: Work[T]) -> T:
        """Run `work` in one transaction that may write; raise `StoreUnavailable` if it cannot."""
        ...

    async def read(self, work: Work[T]) -> T:
        """Run `work` that only reads; raise `StoreUnavailable` if it cannot."""
        ...

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` once what was written can no longer be rolled back."""
        ...

    def for_blocking(self) -> "Database":
        """Return the same database for callers without an event loop."""
        ...

    async def aclose(self) -> None:
        """Close what was opened here; a host's connection stays the host's."""
        ...


@contextmanager
def translated() -> Iterator[None]:
    """Raise a driver's errors as ours, naming the kind and no value; a broken constraint is the caller's."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except (sa.exc.SQLAlchemyError, OSError) as failed:
        if _is_of_another_version(failed):
            raise StoreUnavailable(ANOTHER_VERSION) from None
        raise StoreUnavailable(f"the database refused: {type(failed).__name__}") from None


ANOTHER_VERSION = (
    "a table or a column is missing: create the tables that `hugathome schema` prints, "
    "or bring those of an earlier version up to date"
)


def _is_of_another_version(failed: Exception) -> bool:
    """Whether a table or a column is not there: PostgreSQL has states for it, SQLite only words."""
    cause = getattr(failed, "orig", None)
    states = {"42P01", "42703"}
    words = ("no such table", "no such column", "has no column named")
    return getattr(cause, "sqlstate", None) in states or any(said in str(cause) for said in words)


@contextmanager
def _naming_the_extra() -> Iterator[None]:
    """Raise `MissingExtra` where a driver is not installed."""
    try:
        yield
    except ImportError:
        raise MissingExtra("sql") from None


_BEGIN, _BEGIN_IMMEDIATE = Statement(sa.text("BEGIN")), Statement(sa.text("BEGIN IMMEDIATE"))


class _Owned:
    """Engines of our own, made at the first use in a process: constructing one does no I/O.

    What a process has opened is never its children's: two on one connection would read each other's answers.
    """

    def __init__(
        self, url: sa.URL, *, metadata: sa.MetaData, synchronous: str, is_each_alone: bool = False
    ) -> None:
        self._url = url
        self._metadata = metadata
        self._synchronous = synchronous
        self._is_each_alone = is_each_alone
        self._is_ready = False
        self._engines: dict[int, Any] = {}
        """By their processes: none is closed for another's."""
        self._at_hand: dict[int, sa.Connection] = {}
        """The connection that wrote last, by its process."""

    @property
    def _is_sqlite(self) -> bool:
        return self._url.get_backend_name() == "sqlite"

    def _tuned(self, engine: sa.Engine) -> None:
        """SQLite: write-ahead log, and writers queue at BEGIN instead of failing in the middle.

        What is replaced is overwritten: it would else lie in free pages for as long as the file does.
        """
        if not self._is_sqlite:
            sa.event.listen(engine, "connect", _refrain_behind_a_pooler)
            return

        @sa.event.listens_for(engine, "connect")
        def _opened(raw: Any, _record: object) -> None:
            cursor = raw.cursor()
            cursor.execute("PRAGMA busy_timeout=0")
            with suppress(sqlite3.OperationalError):  # somebody is writing: a later connection will
                cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA busy_timeout=5000")
            cursor.execute(f"PRAGMA synchronous={self._synchronous}")
            cursor.execute("PRAGMA secure_delete=ON")
            cursor.close()

        @sa.event.listens_for(engine, "begin")
        def _begun(connection: sa.Connection) -> None:
            reads = connection.get_execution_options().get("hugathome_reads", False)
            (_BEGIN if reads else _BEGIN_IMMEDIATE).on(connection)

    def _options(self) -> dict[str, Any]:
        """SQLite's driver begins nothing by itself; with a server, what takes a round trip is weighed."""
        if self._is_sqlite:
            return {"connect_args": {"isolation_level": None}}
        if self._is_each_alone:
            return {"isolation_level": "AUTOCOMMIT", "pool_reset_on_return": None}
        return {"pool_pre_ping": True, "execution_options": {PIPELINED: _has_pipelines()}}

    def _alone(self, engine: sa.Engine, work: Work[T]) -> T:
        """Run one statement; to have its connection from the pool would cost half as much again."""
        connection = self._at_hand.pop(os.getpid(), None) or engine.connect()
        try:
            result = work(connection)
        except BaseException:
            _give_up(connection)
            raise
        if connection.in_transaction():
            connection.close()
        else:
            self._keep_at_hand(connection)
        return result

    def _committed(self, engine: sa.Engine, work: Work[T]) -> T:
        """Run `work` in a transaction of its own."""
        connection, result = self._begun(engine, work)
        try:
            connection.commit()
        except BaseException:
            _give_up(connection)
            raise
        self._is_ready = True  # now that the tables are committed
        self._keep_at_hand(connection)
        return result

    def _begun(self, engine: sa.Engine, work: Work[T]) -> tuple[sa.Connection, T]:
        """Return what came of `work`, and the connection on which it waits to be committed.

        One that is at hand may be lost by now. That shows before anything is committed, and costs nothing
        where it is not; one from the pool, of which that is asked, does the work then.
        """
        if (at_hand := self._at_hand.pop(os.getpid(), None)) is not None:
            try:
                return at_hand, self._tried(at_hand, work)
            except sa.exc.DBAPIError as failed:
                if not failed.connection_invalidated:
                    raise
        connection = engine.connect()
        return connection, self._tried(connection, work)

    def _tried(self, connection: sa.Connection, work: Work[T]) -> T:
        try:
            connection.begin()
            return self._done(connection, work)
        except BaseException:
            _give_up(connection)
            raise

    def _keep_at_hand(self, connection: sa.Connection) -> None:
        """Keep a connection for the next call, unless there is one already, or all were closed meanwhile."""
        if os.getpid() not in self._engines:
            connection.invalidate()  # its pool is closed, and would only put it aside
            connection.close()
        elif self._at_hand.setdefault(os.getpid(), connection) is not connection:
            connection.close()

    def _let_go(self) -> None:
        """Give back to the pool what is at hand."""
        if (connection := self._at_hand.pop(os.getpid(), None)) is not None:
            connection.close()

    def _done(self, connection: sa.Connection, work: Work[T]) -> T:
        self._prepared(connection)
        return work(connection)

    def _prepared(self, connection: sa.Connection) -> None:
        """SQLite creates its tables; in a server database the hospital's own people do."""
        if not self._is_ready and self._is_sqlite:
            self._metadata.create_all(connection)

    def _is_readable(self, connection: sa.Connection) -> bool:
        """Whether there are tables to read; asking takes no write lock, which a host may hold just now."""
        if self._is_ready or not self._is_sqlite:
            return True
        are_there = self._metadata.tables.keys() <= set(sa.inspect(connection).get_table_names())
        self._is_ready = self._is_ready or are_there
        return are_there  # as this connection sees it: another may have created them only now

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` now: each call here has committed before it returns."""
        await work()


def _give_up(connection: sa.Connection) -> None:
    """Close a connection for an error, which is raised: that it is lost, too, would hide a cancellation."""
    with suppress(sa.exc.SQLAlchemyError):
        connection.close()


class AsyncDatabase(_Owned):
    """Runs on an event loop, over psycopg; what is SQLite's is done in a thread instead (`_thread.py`)."""

    _engines: dict[int, AsyncEngine]

    @property
    def _engine(self) -> AsyncEngine:
        return self._engines.get(os.getpid()) or self._engines.setdefault(os.getpid(), self._made())

    def _made(self) -> AsyncEngine:
        with _naming_the_extra():
            engine = create_async_engine(
                self._url.set(drivername=_DRIVERS[self._url.get_backend_name()]), **self._options()
            )
        self._tuned(engine.sync_engine)
        return engine

    async def run(self, work: Work[T]) -> T:
        """Run `work` in a transaction of its own."""
        if self._is_each_alone:
            return await self._straight(work)
        with translated():
            return await greenlet_spawn(self._committed, self._engine.sync_engine, work)

    async def read(self, work: Work[T]) -> T:
        """Run `work` in a transaction that takes no write lock."""
        if self._is_each_alone:
            return await self._straight(work)
        with translated():
            async with self._engine.connect() as connection:
                await connection.execution_options(hugathome_reads=True)
                if await connection.run_sync(self._is_readable):
                    return await connection.run_sync(work)
        return await self.run(work)

    async def _straight(self, work: Work[T]) -> T:
        """Run `work` on a connection in one switch; SQLAlchemy's own way in takes three, and a task."""
        with translated():
            return await greenlet_spawn(self._alone, self._engine.sync_engine, work)

    def for_blocking(self) -> "BlockingDatabase":
        """Return the same database over the blocking driver."""
        return BlockingDatabase(
            self._url,
            metadata=self._metadata,
            synchronous=self._synchronous,
            is_each_alone=self._is_each_alone,
        )

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        if (engine := self._engines.pop(os.getpid(), None)) is not None:
            await greenlet_spawn(self._let_go)
            await engine.dispose()


class BlockingDatabase(_Owned):
    """Runs in the caller's thread; its coroutines never suspend."""

    _engines: dict[int, sa.Engine]

    @property
    def _engine(self) -> sa.Engine:
        return self._engines.get(os.getpid()) or self._engines.setdefault(os.getpid(), self._made())

    def _made(self) -> sa.Engine:
        with _naming_the_extra():
            engine = sa.create_engine(
                self._url.set(drivername=_DRIVERS[self._url.get_backend_name()]), **self._options()
            )
        self._tuned(engine)
        return engine

    async def run(self, work: Work[T]) -> T:
        """Run `work` in a transaction of its own."""
        if self._is_each_alone:
            return self._straight(work)
        with translated():
            return self._committed(self._engine, work)

    async def read(self, work: Work[T]) -> T:
        """Run `work` in a transaction that takes no write lock."""
        if self._is_each_alone:
            return self._straight(work)
        with translated(), self._engine.connect() as connection:
            connection.execution_options(hugathome_reads=True)
            if self._is_readable(connection):
                return work(connection)
        return await self.run(work)

    def _straight(self, work: Work[T]) -> T:
        with translated():
            return self._alone(self._engine, work)

    def for_blocking(self) -> Self:
        """Return itself."""
        return self

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        if (engine := self._engines.pop(os.getpid(), None)) is not None:
            self._let_go()
            engine.dispose()


def _refrain_behind_a_pooler(raw: Any, record: sa.pool.ConnectionPoolEntry) -> None:
    """Have nothing prepared on a connection that a pooler lends another server process for each transaction.

    What is prepared in one process the next does not know, or has under the same name. A pooler is told by
    the number of its process: it makes one up, and PostgreSQL says another.
    """
    cursor = raw.cursor()
    cursor.execute("SELECT pg_backend_pid()")
    (answering,) = cursor.fetchone()
    cursor.close()
    raw.rollback()
    connection: Any = record.driver_connection
    if connection.info.backend_pid != answering:
        connection.prepare_threshold = None


def _has_pipelines() -> bool:
    import psycopg

    return psycopg.Pipeline.is_supported()


_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}


def open_database(
    url: str, *, metadata: sa.MetaData, synchronous: str = "FULL", is_each_alone: bool = False
) -> AsyncDatabase:
    """Return the database that `url` names; nothing is opened before its first use.

    In a server's database where `is_each_alone`, a statement is a transaction of its own: one round trip.
    Whether a connection is still good is not asked before, so a call may fail on one that is not.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigurationError("this is not a database URL") from None
    if parsed.get_backend_name() not in _DRIVERS:
        raise ConfigurationError(f"no store speaks {parsed.get_backend_name()!r}")
    return AsyncDatabase(parsed, metadata=metadata, synchronous=synchronous, is_each_alone=is_each_alone)

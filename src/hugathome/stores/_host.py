"""Sessions on a connection that the host already has, inside the transaction that it is in.

What the host rolls back was never planned, and nothing is sent before the host commits. Two kinds are
known: Django's `connection`, and a `sqlalchemy.Connection`. Only synchronous hosts have one to share.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cached_property, partial
from typing import Any, Protocol, Self, TypeVar
from urllib.parse import quote

import sqlalchemy as sa

from hugathome._drive import drive
from hugathome.errors import ConfigurationError, HugathomeError, StoreUnavailable
from hugathome.stores._database import Work, translated
from hugathome.stores.sql import METADATA

T = TypeVar("T")

_LOGGER = logging.getLogger("hugathome")


class DjangoConnection(Protocol):
    """As much of `django.db.connection` as is used."""

    vendor: str
    alias: str
    connection: Any
    settings_dict: dict[str, Any]

    def ensure_connection(self) -> None:
        """Connect, if it is not connected."""
        ...


class _Host:
    """The parts that both kinds share."""

    def __init__(self, joined: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        self._joined = joined

    async def read(self, work: Work[T]) -> T:
        """Run `work` in the host's transaction."""
        return await self.run(work)

    async def run(self, work: Work[T]) -> T:
        """Run `work` in the host's transaction, or in one of its own if the host is in none."""
        with translated(), self._joined() as connection:
            if connection.dialect.name == "sqlite":
                METADATA.create_all(connection)  # asked each time: a rollback takes new tables with it
            return work(connection)

    def for_blocking(self) -> Self:
        """Return itself."""
        return self

    async def aclose(self) -> None:
        """Leave the connection open: it is the host's."""


class _Borrowed:
    """A driver's connection whose transactions and end are somebody else's."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def commit(self) -> None:
        """Do nothing: the host commits."""

    def rollback(self) -> None:
        """Do nothing: the host rolls back."""

    def close(self) -> None:
        """Do nothing: the host closes."""


_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg"}
_OPTIONS = {"postgresql": {"use_native_hstore": False}}
"""Psycopg looks types up on connections of its own class only."""


class DjangoDatabase(_Host):
    """Runs on Django's own connection, whichever thread's it is at the moment of the call."""

    def __init__(self, connection: DjangoConnection) -> None:
        if connection.vendor not in _DRIVERS:
            raise ConfigurationError(f"no store speaks Django's {connection.vendor!r}")
        super().__init__(self._inside)
        self._connection = connection

    @contextmanager
    def _inside(self) -> Iterator[sa.Connection]:
        from django.db import Error, transaction

        try:
            with transaction.atomic(using=self._connection.alias), self._engine.connect() as connection:
                yield connection
        except Error as failed:
            raise StoreUnavailable(f"the database refused: {type(failed).__name__}") from None

    @cached_property
    def _engine(self) -> sa.Engine:
        """Kept for what it learns of the server at its first use; it holds no connection of its own."""
        return sa.create_engine(
            f"{_DRIVERS[self._connection.vendor]}://",
            creator=lambda: _Borrowed(self._of_this_thread().connection),
            poolclass=sa.NullPool,
            **_OPTIONS.get(self._connection.vendor, {}),
        )

    def _of_this_thread(self) -> Any:
        """Return what `connections[alias]` is here: the one that was given may be another thread's."""
        from django.db import transaction

        return transaction.get_connection(self._connection.alias)

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` when Django commits, at once if no transaction is open.

        What fails after the commit is logged by Django: it must not look like a failed transaction.
        """
        from django.db import transaction

        current = self._of_this_thread()
        if current.get_autocommit() and not current.in_atomic_block:
            await work()
            return
        transaction.on_commit(lambda: drive(_awaited(work)), using=current.alias, robust=True)


class SharedConnection(_Host):
    """Runs on a `sqlalchemy.Connection` of the host's, in a savepoint of its transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        super().__init__(self._inside)
        self._connection = connection
        self._waiting: list[Callable[[], Awaitable[None]]] = []
        self._waited_at: dict[str, int] = {}
        """How much was waiting when each savepoint that is open was made."""
        for name, told in (
            ("commit", self._committing),
            ("rollback", self._rolling_back),
            ("savepoint", self._saving),
            ("rollback_savepoint", self._rolling_back_to),
        ):
            sa.event.listen(connection, name, told)

    @contextmanager
    def _inside(self) -> Iterator[sa.Connection]:
        _begin_on_sqlite(self._connection)
        with self._connection.begin_nested():
            yield self._connection

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` when the host has committed; what fails then is logged."""
        self._waiting.append(work)

    def _committing(self, connection: sa.Connection) -> None:
        """Commit, then do what waited for it: SQLAlchemy tells of a commit only before it happens.

        What each work has written is committed before the next begins, which may want to write to the
        same database over a connection of its own.
        """
        if not (waiting := self._taken()):
            return
        commit = partial(connection.dialect.do_commit, connection.connection)
        commit()
        while waiting:
            for work in waiting:
                _attempt(partial(drive, _awaited(work)))
                _attempt(commit)
            waiting = self._taken()

    def _rolling_back(self, _connection: sa.Connection) -> None:
        self._taken()

    def _saving(self, _connection: sa.Connection, name: str) -> None:
        self._waited_at[name] = len(self._waiting)

    def _rolling_back_to(self, _connection: sa.Connection, name: str, _context: object) -> None:
        """Forget what came since a savepoint: it was never done."""
        del self._waiting[self._waited_at.get(name, 0) :]

    def _taken(self) -> list[Callable[[], Awaitable[None]]]:
        waiting, self._waiting = self._waiting, []
        self._waited_at.clear()
        return waiting


def _begin_on_sqlite(connection: sa.Connection) -> None:
    """Begin what Python's driver does not: for it, a savepoint by itself is no transaction."""
    if connection.dialect.name != "sqlite":
        return
    raw = connection.connection.dbapi_connection
    if raw is not None and not raw.in_transaction:
        connection.exec_driver_sql("BEGIN")


def _attempt(work: Callable[[], object]) -> None:
    """Call `work`; whatever it raises, the host has committed and is not told otherwise."""
    try:
        work()
    except HugathomeError as refused:
        _LOGGER.error("what should follow the host's commit failed: %s", refused)
    except Exception as unexpected:  # noqa: BLE001 - somebody else's, whose message may quote anybody
        _LOGGER.error("what should follow the host's commit failed: %s", type(unexpected).__name__)


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    await work()


def url_of(connection: DjangoConnection) -> str:
    """Return the URL of the database that a Django connection is to."""
    settings = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{settings['NAME']}"
    user, password = quote(settings["USER"], safe=""), quote(settings["PASSWORD"], safe="")
    host, port = quote(settings["HOST"], safe=""), settings["PORT"] or 5432
    return f"postgresql://{user}:{password}@/{settings['NAME']}?host={host}&port={port}"

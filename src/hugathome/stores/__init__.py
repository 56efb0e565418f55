"""Stores for sessions, codes and events: where they are kept, and how one is opened.

    open_store("memory://")                  for tests
    open_store("sqlite:///clinic.db")        the default: one file, and one for codes beside it
    open_store("postgresql://…")             tables as `hugathome schema` prints them
    open_store(connection)                   joins the transaction of Django's, or a `sqlalchemy.Connection`

Opening one does no input or output.
"""

from typing import TYPE_CHECKING, Protocol, final, runtime_checkable

from hugathome._drive import blocking_variant
from hugathome.codes import ChallengeStore
from hugathome.errors import ConfigurationError, MissingExtra
from hugathome.record.shelf import SessionStore
from hugathome.stores._records import read_record, write_record
from hugathome.stores.memory import MemoryCodes, MemorySessions

if TYPE_CHECKING:
    import sqlalchemy as sa

    from hugathome.stores._database import Database
    from hugathome.stores._host import DjangoConnection

__all__ = ["Store", "open_code_store", "open_store", "read_record", "schema", "write_record"]


@runtime_checkable
class _Closing(Protocol):
    async def aclose(self) -> None: ...


@final
class Store:
    """What `open_store` returns: sessions with their events, codes, and where signalling may live."""

    def __init__(
        self,
        *,
        sessions: SessionStore,
        codes: ChallengeStore,
        log_url: str = "memory://",
        database: "Database | None" = None,
    ) -> None:
        self.sessions = sessions
        self.codes = codes
        self.log_url = log_url
        """What `open_log` takes if the host names no log of its own."""
        self._database = database

    def for_blocking(self) -> "Store":
        """Return the same store for callers without an event loop."""
        codes = blocking_variant(self.codes)
        if self._database is None:
            return Store(sessions=self.sessions, codes=codes, log_url=self.log_url)
        return _on(self._database.for_blocking(), codes=codes, log_url=self.log_url)

    async def aclose(self) -> None:
        """Close what was opened; a host's connection stays open."""
        if isinstance(self.codes, _Closing):
            await self.codes.aclose()
        if self._database is not None:
            await self._database.aclose()


def open_store(where: "str | sa.Connection | DjangoConnection") -> Store:
    """Return the store at a URL, or on a connection of the host's; see the module."""
    if isinstance(where, str):
        return _at(where)
    try:
        import sqlalchemy as sa

        from hugathome.stores import _host
    except ImportError:
        raise MissingExtra("sql") from None
    if isinstance(where, sa.Connection):
        return _beside(_host.SharedConnection(where), where.engine.url.render_as_string(hide_password=False))
    if hasattr(where, "ensure_connection"):
        return _beside(_host.DjangoDatabase(where), _host.url_of(where))
    raise ConfigurationError("open_store takes a URL, Django's connection or a sqlalchemy.Connection")


def open_code_store(url: str) -> ChallengeStore:
    """Return the store for codes at `url`: `memory://`, `sqlite:///…`, `postgresql://…` or `redis://…`."""
    if url == "memory://" or _is_in_memory(url):
        return MemoryCodes()
    if url.startswith(("redis://", "rediss://", "unix://")):
        try:
            from hugathome.stores.redis import RedisCodes
        except ImportError:
            raise MissingExtra("redis") from None
        return RedisCodes(url)
    driver, _, path = url.partition(":///")
    if path and driver.partition("+")[0] == "sqlite":
        from hugathome.stores.sqlite import SqliteCodes

        return SqliteCodes(f"{path}-codes")
    database = _opened(url, is_each_alone=True)
    from hugathome.stores.sql import SqlCodes

    return SqlCodes(database)


def schema(dialect: str) -> str:
    """Return the tables of stores and logs as SQL of a dialect: `sqlite` or `postgresql`."""
    if dialect not in {"sqlite", "postgresql"}:
        raise ConfigurationError(f"no store speaks {dialect!r}")
    try:
        from sqlalchemy import make_url
        from sqlalchemy.schema import CreateIndex, CreateTable

        from hugathome.logs.sql import METADATA as LOGS
        from hugathome.stores.sql import METADATA as STORES
    except ImportError:
        raise MissingExtra("sql") from None
    spoken = make_url(f"{dialect}://").get_dialect()()
    tables = [*STORES.sorted_tables, *LOGS.sorted_tables]
    parts: list[CreateTable | CreateIndex] = [CreateTable(table) for table in tables]
    parts += [CreateIndex(index) for table in tables for index in sorted(table.indexes, key=str)]
    return "".join(f"{str(part.compile(dialect=spoken)).strip()};\n" for part in parts)


def _at(url: str) -> Store:
    if url == "memory://":
        return Store(sessions=MemorySessions(), codes=MemoryCodes())
    if _is_in_memory(url):
        raise ConfigurationError("SQLite in memory is not shared between connections: use memory://")
    return _on(_threaded(_opened(url), url), codes=open_code_store(url), log_url=url)


def _threaded(database: "Database", url: str) -> "Database":
    if not url.startswith("sqlite"):
        return database
    from hugathome.stores._thread import ThreadedDatabase

    return ThreadedDatabase(database)


def _is_in_memory(url: str) -> bool:
    return url in ("sqlite://", "sqlite:///:memory:") or "mode=memory" in url


def _opened(url: str, *, is_each_alone: bool = False) -> "Database":
    try:
        from hugathome.stores._database import open_database
        from hugathome.stores.sql import METADATA
    except ImportError:
        raise MissingExtra("sql") from None
    return open_database(url, metadata=METADATA, is_each_alone=is_each_alone)


def _beside(host: "Database", url: str) -> Store:
    """Return sessions on a host's connection; codes and logs have connections of their own to its database.

    To a database in memory, as Django's tests have it, there can be no other connection.
    """
    log_url = "memory://" if _is_in_memory(url) else url
    return _on(host, codes=open_code_store(log_url), log_url=log_url)


def _on(database: "Database", *, codes: ChallengeStore, log_url: str) -> Store:
    from hugathome.stores.sql import SqlSessions

    return Store(sessions=SqlSessions(database), codes=codes, log_url=log_url, database=database)

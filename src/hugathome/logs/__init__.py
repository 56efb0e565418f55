"""The ordered logs through which workers share rooms, and how one is opened.

    open_log("memory://")                one process; lost with it
    open_log("sqlite:///clinic.db")      every process of this machine
    open_log("postgresql://…")           every process that reaches the database
    open_log("redis://…")                every process that reaches the server; rediss:// and unix:// too

Opening one does no input or output.
"""

from hugathome.errors import ConfigurationError, MissingExtra
from hugathome.logs.memory import MemoryLog
from hugathome.signalling import SignallingLog

__all__ = ["MemoryLog", "open_log"]


def open_log(url: str, *, listen: str | None = None) -> SignallingLog:
    """Return the log at `url`, or raise `ConfigurationError`; see the module.

    `listen` is where PostgreSQL itself is, if `url` leads to a pooler such as PgBouncer.
    """
    if listen is not None and not url.startswith("postgresql"):
        raise ConfigurationError("listen= goes with a log on PostgreSQL")
    if url == "memory://":
        return MemoryLog()
    if url.startswith(("redis://", "rediss://", "unix://")):
        try:
            from hugathome.logs.redis import RedisLog
        except ImportError:
            raise MissingExtra("redis") from None
        return RedisLog(url)
    if url in ("sqlite://", "sqlite:///:memory:") or "mode=memory" in url:
        raise ConfigurationError("SQLite in memory is not shared between connections: use memory://")
    try:
        from hugathome.logs.sql import METADATA, SqlLog
        from hugathome.stores._database import open_database
        from hugathome.stores._thread import ThreadedDatabase
    except ImportError:
        raise MissingExtra("sql") from None
    # What a power cut takes from a log, its readers notice and mend; codes and sessions are written FULL.
    is_sqlite = url.startswith("sqlite")
    database = open_database(url, metadata=METADATA, synchronous="NORMAL", is_each_alone=not is_sqlite)
    if is_sqlite:
        return SqlLog(ThreadedDatabase(database))
    return SqlLog(database, listen=listen or url)

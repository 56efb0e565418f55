"""Codes on SQLite, through the standard library.

A code is worth one use only if that use survives a power cut, so each save is a transaction of its own
in a write-ahead log that is synced in full. They live in a file beside the sessions' one: a host that
holds a transaction open on its own file must neither block a code's save nor roll it back.
"""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from threading import Lock

from hugathome.codes import Challenge, Kept
from hugathome.errors import StoreUnavailable
from hugathome.quotas import Tally
from hugathome.stores._records import microseconds, read_record, write_record

_TABLE = """
CREATE TABLE IF NOT EXISTS hugathome_code (
    kind TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, over_at INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX IF NOT EXISTS ix_hugathome_code_over_at ON hugathome_code (over_at)"
_SELECT = "SELECT body FROM hugathome_code WHERE kind = ? AND key = ?"
_INSERT = "INSERT OR IGNORE INTO hugathome_code (body, over_at, version, kind, key) VALUES (?, ?, ?, ?, ?)"
_UPDATE = """
UPDATE hugathome_code SET body = ?, over_at = ?, version = ? WHERE kind = ? AND key = ? AND version = ?
"""
# A challenge's deadline never moves: to say it again would cost a page of the index, written and synced.
_STEP = "UPDATE hugathome_code SET body = ?, version = ? WHERE kind = ? AND key = ? AND version = ?"
_FORGET = """
DELETE FROM hugathome_code
WHERE (kind, key) IN (SELECT kind, key FROM hugathome_code WHERE over_at < ? LIMIT ?)
"""


class SqliteCodes:
    """Challenges and tallies in a SQLite file; in a thread under asyncio, straight without a loop."""

    def __init__(self, path: str, *, is_blocking: bool = False) -> None:
        self._path = path
        self._is_blocking = is_blocking
        self._connection: sqlite3.Connection | None = None
        self._lock = Lock()

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record under `key`."""
        row, _ = await self._run(_SELECT, kind.__name__, key)
        return None if row is None else read_record(kind, row[0])

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        """Save if the version is still `expected`; durable once it returns."""
        name = (type(record).__name__, record.key)
        body, over_at = write_record(record), microseconds(record.over_at)
        if expected == 0:
            _, count = await self._run(_INSERT, body, over_at, record.version, *name)
        elif isinstance(record, Challenge):
            _, count = await self._run(_STEP, body, record.version, *name, expected)
        else:
            _, count = await self._run(_UPDATE, body, over_at, record.version, *name, expected)
        return count == 1

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Delete records that were over before that, in one transaction."""
        _, count = await self._run(_FORGET, microseconds(before), limit)
        return count

    def for_blocking(self) -> "SqliteCodes":
        """Return the same store for callers without an event loop."""
        return SqliteCodes(self._path, is_blocking=True)

    async def aclose(self) -> None:
        """Close the file; the next call opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    async def _run(self, statement: str, *values: str | int) -> tuple[tuple[str] | None, int]:
        """Return the row that a statement finds, and how many it changed."""
        if self._is_blocking:
            return self._locked(statement, values)
        return await asyncio.to_thread(self._locked, statement, values)

    def _locked(self, statement: str, values: Sequence[str | int]) -> tuple[tuple[str] | None, int]:
        try:
            with self._lock:
                self._connection = self._connection or self._opened()
                cursor = self._connection.execute(statement, values)
                return cursor.fetchone(), cursor.rowcount
        except sqlite3.Error as failed:
            raise StoreUnavailable(_said(failed)) from None

    def _opened(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=5)
        with closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(_TABLE)
            cursor.execute(_INDEX)
        return connection


def _said(failed: sqlite3.Error) -> str:
    """Say what is wrong: what a file of an earlier version holds, is over before long."""
    if "no such column" in str(failed) or "has no column named" in str(failed):
        return "the file of codes is of another version: delete it, and whoever has one out asks anew"
    return f"the code store refused: {type(failed).__name__}"

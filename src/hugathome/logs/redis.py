"""A log on Redis Streams, for many workers: a stream for each room, whose entries bear their offset as id.

    append   XADD … 0-*           the server counts, so offsets are dense and ids are offsets
    follow   XREAD BLOCK, XRANGE  woken by the stream itself; nothing is ever published

Redis answers before what it was told is safe. A restart or a fail-over may therefore lose the end of a
log; its readers notice at the latest when they look again, every two seconds. What the keys of a room are
named falls into one slot of a cluster. A server that evicts keys takes rooms from people who are in them.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final, final

from redis.exceptions import NoScriptError

from hugathome.logs._reading import Rows, Tail
from hugathome.stores._redis import (
    PATIENCE,
    AsyncLine,
    BlockingLine,
    Line,
    Script,
    connection,
    run,
    translated,
)

_ROWS_AT_ONCE: Final = 256
_LOOKED_AFTER: Final = 2000
"""Milliseconds of silence, after which a reader looks whether the log is still what it has read."""

# A log that is gone takes its snapshot along: offsets begin anew, and must not lie below what it trimmed.
_BEGIN: Final = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then redis.call('DEL', KEYS[2]) end
return redis.call('XADD', KEYS[1], '0-*', 'r', ARGV[1])
""")
_READ: Final = Script("""
local kept = redis.call('EXISTS', KEYS[1]) == 1 and redis.call('HGET', KEYS[2], 'offset')
return {kept or '0', redis.call('XRANGE', KEYS[1], '0-' .. ARGV[1], '+', 'COUNT', ARGV[2])}
""")
_SNAPSHOT: Final = Script("""
if redis.call('EXISTS', KEYS[1]) == 0 then return {false, false} end
return redis.call('HMGET', KEYS[2], 'offset', 'snapshot')
""")
_SAVE_SNAPSHOT: Final = Script("""
local offset, snapshot = unpack(ARGV)
if #redis.call('XRANGE', KEYS[1], '0-' .. offset, '0-' .. offset) == 0 then return end
redis.call('HSET', KEYS[2], 'offset', offset, 'snapshot', snapshot)
redis.call('XTRIM', KEYS[1], 'MINID', '0-' .. string.format('%d', offset + 1))
""")


@final
class RedisLog:
    """Fills `SignallingLog` on a Redis primary, 7.0 or later; a room that is followed takes a connection."""

    def __init__(self, url: str, *, is_blocking: bool = False) -> None:
        self._url = url
        self._line: Line = BlockingLine(url) if is_blocking else AsyncLine(url)

    async def append(self, room: str, record: bytes) -> None:
        """Add a record; the first of a room, and only that, takes a script."""
        stream, snapshot = _keys(room)
        with translated():
            if await self._line.ask("XADD", stream, "NOMKSTREAM", "0-*", "r", record) is None:
                await run(self._line, _BEGIN, (stream, snapshot), record)

    async def load(self, room: str, after: int) -> Rows:
        """Return the records behind offset `after` that are there now."""
        tail = Tail(after)
        rows: list[tuple[int, bytes]] = []
        while True:
            with translated():
                answer = await run(self._line, _READ, _keys(room), tail.offset, _ROWS_AT_ONCE)
            more = _taken(tail, answer)
            rows += more
            if not _is_full(more):
                return rows

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield the records behind offset `after`, then follow for ever."""
        tail = Tail(after)
        reader = _Reader(self._url, room)
        try:
            must_wait = False
            while True:
                rows = _taken(tail, await reader.next(tail.offset, must_wait=must_wait))
                for row in rows:
                    yield row
                must_wait = not _is_full(rows)
        finally:
            await reader.aclose()

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        """Return the newest snapshot and the offset that it stands for."""
        with translated():
            offset, snapshot = await run(self._line, _SNAPSHOT, _keys(room))
        return None if offset is None else (int(offset), snapshot)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        """Keep a snapshot and drop the records up to `offset`."""
        with translated():
            await run(self._line, _SAVE_SNAPSHOT, _keys(room), offset, snapshot)

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        with translated():
            await self._line.ask("DEL", *_keys(room))

    def for_blocking(self) -> "RedisLog":
        """Return the same log for callers without an event loop."""
        return RedisLog(self._url, is_blocking=True)

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._line.aclose()


class _Reader:
    """A connection that waits for a room's next record; waiting and reading are one round trip."""

    def __init__(self, url: str, room: str) -> None:
        self._connection = connection(url)
        self._keys = _keys(room)

    async def next(self, offset: int, *, must_wait: bool) -> Any:
        """Return what `_READ` answers from `offset` on, at once or when there is more or reason to look."""
        wait = ("XREAD", "COUNT", 1, "BLOCK", _LOOKED_AFTER, "STREAMS", self._keys[0], f"0-{offset}")
        values = (len(self._keys), *self._keys, offset, _ROWS_AT_ONCE)
        read = ("EVALSHA", _READ.digest, *values)
        with translated():
            *_, answer = await self._asked(*([wait, read] if must_wait else [read]))
            if isinstance(answer, NoScriptError):
                (answer,) = await self._asked(("EVAL", _READ.text, *values))
        return answer

    async def aclose(self) -> None:
        await self._connection.disconnect()

    async def _asked(self, *commands: tuple[str | int, ...]) -> list[Any]:
        async with asyncio.timeout(PATIENCE + _LOOKED_AFTER / 1000):
            await self._connection.send_packed_command(self._connection.pack_commands(commands))
            return [await self._answer() for _ in commands]

    async def _answer(self) -> Any:
        """Return an error as an answer: those of the commands behind it are still to be read."""
        try:
            return await self._connection.read_response()
        except NoScriptError as unknown:
            return unknown


def _keys(room: str) -> tuple[str, str]:
    return f"hugathome:log:{{{room}}}", f"hugathome:log:{{{room}}}:snapshot"


def _taken(tail: Tail, answer: Any) -> Rows:
    trimmed, entries = answer
    rows = [(int(number.removeprefix(b"0-")), record) for number, (_, record) in entries]
    return tail.take(rows, kept_from=int(trimmed) + 1)


def _is_full(batch: Rows) -> bool:
    """Whether there may be more: of a full batch, the first row may be the one that was read before."""
    return len(batch) >= _ROWS_AT_ONCE - 1

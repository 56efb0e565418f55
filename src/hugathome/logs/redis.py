"""A log on Redis Streams, for many workers: a stream for each room, whose entries bear their offset as id.

    append   XREVRANGE, XADD … 0-*   the server counts, so offsets are dense and ids are offsets
    follow   CLIENT TRACKING          woken by the server for what others change; nothing is ever published

All rooms of an event loop share one connection. Readers of a room that is written to from here get the entry
from the answer, which says what stands before. Redis answers before what it was told is safe. A restart or a
fail-over may therefore lose the end of a log; its readers notice at the latest when they look again, every
two seconds. What the keys of a room are named falls into one slot of a cluster. A server that evicts keys
takes rooms from people who are in them.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any, Final, final

from hugathome.errors import HugathomeError, StoreUnavailable
from hugathome.logs._follower import MOST_ROWS, Answer, Place
from hugathome.logs._following import Followers
from hugathome.logs._loops import Loops
from hugathome.logs._reading import Rows, Tail
from hugathome.stores._redis import BlockingLine, Line, Script, accepted, run, server_at, translated
from hugathome.stores._resp import Refusal
from hugathome.stores._shared_line import SharedLine

_ROWS_AT_ONCE: Final = 256
_LOOKED_AFTER: Final = 2.0
"""Seconds of silence, after which all rooms are looked at."""
_LOOKED_AFTER_IN_VAIN: Final = 0.25
"""The same where the server tells of nothing."""
_PREFIX: Final = "hugathome:log:{"

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
    """Fills `SignallingLog` on a Redis primary, 7.0 or later."""

    def __init__(self, url: str, *, is_blocking: bool = False) -> None:
        self._url = url
        self._blocking = BlockingLine(url) if is_blocking else None
        self._loops = Loops(lambda: _Loop(url))
        server_at(url)  # refuses here what it cannot read

    async def append(self, room: str, record: bytes) -> None:
        """Add a record; the first of a room, and only that, takes a script."""
        with translated():
            if self._blocking is None:
                number = await self._loops.here().append(room, record)
            else:
                number = await self._blocking.ask(*_xadd(room, record))
            if number is None:
                await run(self._line, _BEGIN, _keys(room), record)
                self._look_at(room)

    async def load(self, room: str, after: int) -> Rows:
        """Return the records behind offset `after` that are there now."""
        tail = Tail(after)
        rows: list[tuple[int, bytes]] = []
        while True:
            with translated():
                answer = _answer(await run(self._line, _READ, _keys(room), tail.offset, _ROWS_AT_ONCE))
            rows += tail.take(answer.rows, kept_from=answer.kept_from)
            if len(answer.rows) < _ROWS_AT_ONCE:
                return rows

    def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield the records behind offset `after`, then follow for ever."""
        return self._loops.here().followers.read(room, after)

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
        self._look_at(room)

    def for_blocking(self) -> "RedisLog":
        """Return the same log for callers without an event loop."""
        return RedisLog(self._url, is_blocking=True)

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        if self._blocking is None:
            await self._loops.here().followers.aclose()
        await self._line.aclose()

    def _look_at(self, room: str) -> None:
        if self._blocking is None:
            self._loops.here().followers.tell(room)

    @property
    def _line(self) -> Line:
        return self._blocking or self._loops.here().line


class _Loop:
    """What is one event loop's: a connection, and the readers that it serves."""

    def __init__(self, url: str) -> None:
        self.line = SharedLine(url, watched=_PREFIX, hear=self._hear, lost=self._lose)
        self.followers = Followers(self._ask, silence=self._silence)

    async def append(self, room: str, record: bytes) -> Any:
        """Add a record to a log that there is, and hand it over; return its id."""
        if not self.followers.is_followed(room):
            return await self.line.ask(*_xadd(room, record))
        last = ("XREVRANGE", _keys(room)[0], "+", "-", "COUNT", 1)
        try:
            before, number = map(accepted, await self.line.ask_all(last, _xadd(room, record)))
        except asyncio.CancelledError:
            self.followers.tell(room)  # asked behind what was sent, on the same connection
            raise
        if number is not None:
            self._hand_over(room, [*_rows(before), (_offset(number), record)])
        return number

    def _hand_over(self, room: str, rows: Rows) -> None:
        """Give readers the last row, if what stands before is known, and not what somebody put in between."""
        if rows[0][0] >= rows[-1][0] - 1:
            self.followers.hand_over(room, rows)
        else:
            self.followers.tell(room, rows[-1][0])

    async def _ask(self, places: Sequence[Place]) -> Sequence[Answer | HugathomeError]:
        with translated():
            answers = await self.line.ask_all(*(("EVALSHA", _READ.digest, *_words(each)) for each in places))
            if any(isinstance(each, Refusal) and each.kind == "NOSCRIPT" for each in answers):
                answers = await self.line.ask_all(*(("EVAL", _READ.text, *_words(each)) for each in places))
        return [_answer_or_failure(each) for each in answers]

    async def _silence(self) -> float:
        return _LOOKED_AFTER if self.line.hears else _LOOKED_AFTER_IN_VAIN

    def _hear(self, keys: Sequence[bytes] | None) -> None:
        """Look at the rooms that others have changed; without keys, at all of them."""
        if keys is None:
            self.followers.tell_all()
        for key in keys or ():
            if key.endswith(b"}"):  # not its snapshot
                self.followers.tell(key.decode()[len(_PREFIX) : -1])

    def _lose(self) -> None:
        self.followers.fail(StoreUnavailable("the connection to Redis has ended"))


def _keys(room: str) -> tuple[str, str]:
    return f"{_PREFIX}{room}}}", f"{_PREFIX}{room}}}:snapshot"


def _xadd(room: str, record: bytes) -> tuple[str | bytes, ...]:
    return "XADD", _keys(room)[0], "NOMKSTREAM", "0-*", "r", record


def _words(place: Place) -> tuple[str | int, ...]:
    return 2, *_keys(place.room), place.offset, MOST_ROWS


def _answer_or_failure(answer: Any) -> Answer | HugathomeError:
    try:
        with translated():
            return _answer(accepted(answer))
    except StoreUnavailable as failed:
        return failed


def _answer(answer: Any) -> Answer:
    trimmed, entries = answer
    return Answer(int(trimmed) + 1, _rows(entries))


def _rows(entries: Any) -> Rows:
    return [(_offset(number), record) for number, (_, record) in entries]


def _offset(number: bytes) -> int:
    return int(number.removeprefix(b"0-"))

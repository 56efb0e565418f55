"""Codes on Redis: a key for each record, and one script that saves it if its version is still the same.

Redis answers before what it was told is safe, so a restart or a fail-over may bring back an earlier state,
in which a used code is open again. A challenge therefore bears the *run* of the server that it was saved
on, and is there on no other: whoever answers it then is told that it has expired, and asks for a new code.
Both scripts look the run up themselves, so no connection, proxy or replica can be wrong about it. Tallies
outlive a run, less what was rewound.

A record is forgotten a week after it was last saved: no deadline and no span of a quota is near as long.
"""

import asyncio
import hashlib
from typing import Any, Final, Protocol

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError
from redis.retry import Retry

from hugathome.codes import Challenge, Kept
from hugathome.errors import ConfigurationError, StoreUnavailable
from hugathome.quotas import Tally
from hugathome.stores._records import read_record, write_record

_KEPT_SECONDS: Final = 7 * 24 * 3600
_CONNECTIONS: Final = 50
"""At most, for each process; a call waits for one that is free."""
_PATIENCE_SECONDS: Final = 5
"""How long an answer may take, and a connection."""


class _Script:
    """A script on one key, known to the server by its digest once it was given."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


# `master_replid` is new with every start of a primary, as `run_id` is, and with every promotion besides: a
# server that was demoted and promoted again has taken over what another one had, without a start.
_RUN: Final = """
local function run()
    return redis.call('INFO', 'replication'):match('master_replid:(%w+)')
end
"""
_LOAD: Final = _Script(f"""{_RUN}
local body, saved_on = unpack(redis.call('HMGET', KEYS[1], 'body', 'run'))
if saved_on and saved_on ~= run() then return false end
return body
""")
_SAVE: Final = _Script(f"""{_RUN}
local expected, version, body, is_bound, seconds = unpack(ARGV)
local kept, saved_on = unpack(redis.call('HMGET', KEYS[1], 'version', 'run'))
local now_on = is_bound == '1' and run()
if (kept or '0') ~= expected or (saved_on and saved_on ~= now_on) then return 0 end
redis.call('HSET', KEYS[1], 'version', version, 'body', body)
if now_on then redis.call('HSET', KEYS[1], 'run', now_on) end
redis.call('EXPIRE', KEYS[1], seconds)
return 1
""")


class RedisCodes:
    """Challenges and tallies on one Redis primary, at `redis://`, `rediss://` or `unix://`."""

    def __init__(self, url: str, *, is_blocking: bool = False) -> None:
        self._url = url
        self._line: _Line = _BlockingLine(url) if is_blocking else _AsyncLine(url)

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record under `key`; a challenge of another run of the server is none."""
        body = await self._run(_LOAD, _name(kind, key))
        return None if body is None else read_record(kind, body)

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        """Save if the version is still `expected`, and a challenge's run is still the server's."""
        is_bound = int(isinstance(record, Challenge))
        values = (expected, record.version, write_record(record), is_bound, _KEPT_SECONDS)
        return bool(await self._run(_SAVE, _name(type(record), record.key), *values))

    def for_blocking(self) -> "RedisCodes":
        """Return the same store for callers without an event loop."""
        return RedisCodes(self._url, is_blocking=True)

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        await self._line.aclose()

    async def _run(self, script: _Script, key: str, *values: str | int) -> Any:
        try:
            try:
                return await self._line.ask("EVALSHA", script.digest, 1, key, *values)
            except NoScriptError:  # a server that has just begun; it keeps what it is given here
                return await self._line.ask("EVAL", script.text, 1, key, *values)
        except (RedisError, OSError) as failed:
            raise StoreUnavailable(f"Redis refused: {type(failed).__name__}") from None


def _name(kind: type, key: str) -> str:
    return f"hugathome:{kind.__name__}:{key}"


class _Line(Protocol):
    """Connections to a server, each for one question at a time.

    Nothing is asked twice: a save whose answer was lost would find its own version, and refuse itself. The
    clients of redis-py would add as much again to what an answer costs; its connections are enough here.
    """

    async def ask(self, *words: str | int) -> Any: ...
    async def aclose(self) -> None: ...


class _AsyncLine:
    """Has one deadline for all of a question: redis-py's pool and its timeouts take three, and a task."""

    def __init__(self, url: str) -> None:
        self._pool: Any = _pool(redis.asyncio.ConnectionPool, url, socket_timeout=None)
        self._idle: list[Any] = []
        self._places = asyncio.Semaphore(_CONNECTIONS)

    async def ask(self, *words: str | int) -> Any:
        async with asyncio.timeout(_PATIENCE_SECONDS), self._places:
            connection = self._idle.pop() if self._idle else self._pool.make_connection()
            try:
                await self._pool.ensure_connection(connection)
                await connection.send_command(*words)
                answer = await connection.read_response()
            except BaseException:  # also when cancelled: its answer may still come, and is nobody else's
                await connection.disconnect(nowait=True)
                raise
            self._idle.append(connection)
            return answer

    async def aclose(self) -> None:
        while self._idle:
            await self._idle.pop().disconnect()


class _BlockingLine:
    def __init__(self, url: str) -> None:
        self._pool: Any = _pool(redis.BlockingConnectionPool, url, socket_timeout=_PATIENCE_SECONDS)

    async def ask(self, *words: str | int) -> Any:
        connection = self._pool.get_connection()
        try:
            connection.send_command(*words)
            return connection.read_response()
        finally:
            self._pool.release(connection)

    async def aclose(self) -> None:
        self._pool.disconnect()


def _pool(kind: Any, url: str, *, socket_timeout: float | None) -> Any:
    options = {
        "protocol": 2,
        "retry": Retry(NoBackoff(), 0),
        "socket_timeout": socket_timeout,
        "socket_connect_timeout": _PATIENCE_SECONDS,
    }
    try:
        pool = kind.from_url(url, max_connections=_CONNECTIONS, **options)
        pool.connection_class(**pool.connection_kwargs)  # refuses here what it cannot read
    except (ValueError, TypeError, RedisError):
        raise ConfigurationError("this is not a URL of Redis") from None
    return pool

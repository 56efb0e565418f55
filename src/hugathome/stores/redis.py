"""Codes on Redis: a key for each record, and one script that saves it if its version is still the same.

Redis answers before what it was told is safe, so a restart or a fail-over may bring back an earlier state,
in which a used code is open again. A challenge therefore bears the *run* of the server that it was saved
on, and is there on no other: whoever answers it then is told that it has expired, and asks for a new code.
Both scripts look the run up themselves, so no connection, proxy or replica can be wrong about it. Tallies
outlive a run, less what was rewound.

A record is forgotten a week after it was last saved: no deadline and no span of a quota is near as long.
"""

from collections.abc import Awaitable
from typing import Any, Final

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from hugathome.codes import Challenge, Kept
from hugathome.errors import ConfigurationError, StoreUnavailable
from hugathome.quotas import Tally
from hugathome.stores._records import read_record, write_record

_KEPT_SECONDS: Final = 7 * 24 * 3600
_CONNECTIONS: Final = 50
"""At most, for each process; a call waits for one that is free."""

# `run_id` changes with every start, `master_replid` with every promotion of a replica: a server that was
# demoted and promoted again has rewound without having started.
_RUN: Final = """
local function run()
    local server, replication = redis.call('INFO', 'server'), redis.call('INFO', 'replication')
    return server:match('run_id:(%w+)') .. replication:match('master_replid:(%w+)')
end
"""
_LOAD: Final = f"""{_RUN}
local body, saved_on = unpack(redis.call('HMGET', KEYS[1], 'body', 'run'))
if saved_on and saved_on ~= run() then return false end
return body
"""
_SAVE: Final = f"""{_RUN}
local expected, version, body, is_bound, seconds = unpack(ARGV)
local kept, saved_on = unpack(redis.call('HMGET', KEYS[1], 'version', 'run'))
local now_on = is_bound == '1' and run()
if (kept or '0') ~= expected or (saved_on and saved_on ~= now_on) then return 0 end
redis.call('HSET', KEYS[1], 'version', version, 'body', body)
if now_on then redis.call('HSET', KEYS[1], 'run', now_on) end
redis.call('EXPIRE', KEYS[1], seconds)
return 1
"""


class RedisCodes:
    """Challenges and tallies on one Redis primary, at `redis://`, `rediss://` or `unix://`."""

    def __init__(self, url: str, *, is_blocking: bool = False) -> None:
        self._url = url
        client = _client(url, redis if is_blocking else redis.asyncio)
        self._client = client
        self._load = client.register_script(_LOAD)
        self._save = client.register_script(_SAVE)

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record under `key`; a challenge of another run of the server is none."""
        body = await self._asked(self._load, _name(kind, key))
        return None if body is None else read_record(kind, body)

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        """Save if the version is still `expected`, and a challenge's run is still the server's."""
        is_bound = int(isinstance(record, Challenge))
        values = (expected, record.version, write_record(record), is_bound, _KEPT_SECONDS)
        return bool(await self._asked(self._save, _name(type(record), record.key), *values))

    def for_blocking(self) -> "RedisCodes":
        """Return the same store for callers without an event loop."""
        return RedisCodes(self._url, is_blocking=True)

    async def aclose(self) -> None:
        """Close the connections; the next call opens new ones."""
        closing = self._client.connection_pool.disconnect()
        if isinstance(closing, Awaitable):
            await closing

    async def _asked(self, script: Any, key: str, *values: object) -> Any:
        """Run a script; a coroutine of the blocking client's never suspends, for it has answered already."""
        try:
            answer = script(keys=[key], args=values)
            return await answer if isinstance(answer, Awaitable) else answer
        except (RedisError, OSError) as failed:
            raise StoreUnavailable(f"Redis refused: {type(failed).__name__}") from None


def _name(kind: type, key: str) -> str:
    return f"hugathome:{kind.__name__}:{key}"


def _client(url: str, driver: Any) -> Any:
    """Return a client that tries nothing twice: a save whose answer was lost would refuse itself."""
    try:
        pool = driver.BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            socket_timeout=5,
            socket_connect_timeout=5,
        )
        pool.connection_class(**pool.connection_kwargs)  # refuses here what it cannot read
    except (ValueError, TypeError, RedisError):
        raise ConfigurationError("this is not a URL of Redis") from None
    return driver.Redis(connection_pool=pool)

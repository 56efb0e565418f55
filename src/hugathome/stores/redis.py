"""Codes on Redis: a key for each record, and one script that saves it if its version is still the same.

Redis answers before what it was told is safe, so a restart or a fail-over may bring back an earlier state,
in which a used code is open again. A challenge therefore bears the *run* of the server that it was saved
on, and is there on no other: whoever answers it then is told that it has expired, and asks for a new code.
Both scripts look the run up themselves, so no connection, proxy or replica can be wrong about it. Tallies
outlive a run, less what was rewound.

A record is forgotten a week after it was last saved: no deadline and no span of a quota is near as long.
"""

from typing import Any, Final

from hugathome.codes import Challenge, Kept
from hugathome.quotas import Tally
from hugathome.stores._records import read_record, write_record
from hugathome.stores._redis import AsyncLine, BlockingLine, Line, Script, run, translated

_KEPT_SECONDS: Final = 7 * 24 * 3600

# `master_replid` is new with every start of a primary, as `run_id` is, and with every promotion besides: a
# server that was demoted and promoted again has taken over what another one had, without a start.
_RUN: Final = """
local function run()
    return redis.call('INFO', 'replication'):match('master_replid:(%w+)')
end
"""
_LOAD: Final = Script(f"""{_RUN}
local body, saved_on = unpack(redis.call('HMGET', KEYS[1], 'body', 'run'))
if saved_on and saved_on ~= run() then return false end
return body
""")
_SAVE: Final = Script(f"""{_RUN}
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
        self._line: Line = BlockingLine(url) if is_blocking else AsyncLine(url)

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

    async def _run(self, script: Script, key: str, *values: str | int) -> Any:
        with translated():
            return await run(self._line, script, [key], *values)


def _name(kind: type, key: str) -> str:
    return f"hugathome:{kind.__name__}:{key}"

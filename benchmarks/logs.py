"""What a log costs by itself: entries appended and seen by a follower, against the bare commands for each.

In each of 32 rooms one entry of 2 kB is under way: it is appended, its follower sees it, and the next one
follows. The bare relays are those of `signalling.py` without their server: XADD, and XREAD in each room;
INSERT with NOTIFY over eight connections, and one that listens and one that reads. They compare nothing with
what they read before, count nothing, and go on past anything. What counts is this process's processor time,
for the disk that a server waits for is worth what it is. Sides are measured in turn.

    PYTHONPATH=. python benchmarks/logs.py
"""

import asyncio
import json
import os
import statistics
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from time import perf_counter, process_time
from typing import Any, NamedTuple

import psycopg
import redis.asyncio
from benchmarks.relays.servers import PUT, TABLE, TAKE
from tests import servers

from hugathome.logs import open_log
from hugathome.signalling import SignallingLog
from hugathome.stores import schema

ROOMS = 32
ROUNDS = 7
SECONDS = 1.0
RECORD = os.urandom(2048)
TEXT = RECORD.hex()[: len(RECORD)]

Seen = Callable[[str], None]
Append = Callable[[str, bytes], Awaitable[object]]


class Passed(NamedTuple):
    """What one round came to."""

    entries: int
    seconds: float
    computed: float

    @property
    def processor(self) -> float:
        """Seconds that each entry has cost this process."""
        return self.computed / self.entries


class Rooms:
    """Rooms with one entry under way in each, over whatever appends and tells what it sees."""

    def __init__(self) -> None:
        self._seen = {f"hug.room-{number}": asyncio.Event() for number in range(ROOMS)}

    def saw(self, room: str) -> None:
        """Note that a room's follower has the entry."""
        self._seen[room].set()

    async def follow(self, log: SignallingLog, room: str) -> None:
        """See what a log of ours brings, for ever."""
        async with aclosing(log.read(room, 0)) as records:
            async for _ in records:
                self.saw(room)

    async def passed(self, append: Append, seconds: float) -> Passed:
        """Pass entries on for so long."""
        began, computed = perf_counter(), process_time()
        counts = await asyncio.gather(*(self._one(append, room, began + seconds) for room in self._seen))
        return Passed(sum(counts), perf_counter() - began, process_time() - computed)

    async def _one(self, append: Append, room: str, until: float) -> int:
        count = 0
        while perf_counter() < until:
            self._seen[room].clear()
            await append(room, RECORD)
            await self._seen[room].wait()
            count += 1
        return count

    def __iter__(self) -> Any:
        return iter(self._seen)


# --- The sides -----------------------------------------------------------------------------------


@asynccontextmanager
async def ours(rooms: Rooms, url: str) -> AsyncGenerator[Append]:
    """Give a log of the library's, followed in every room."""
    log = open_log(url)
    async with _running(*(rooms.follow(log, room) for room in rooms)):
        yield log.append
    await log.aclose()


@asynccontextmanager
async def bare_redis(rooms: Rooms, url: str) -> AsyncGenerator[Append]:
    """Give XADD, and a reader that waits with XREAD in every room."""

    async def follow(room: str) -> None:
        last: Any = "0"
        async with redis.asyncio.Redis.from_url(url) as waiting:
            while True:
                answer: Any = await waiting.xread({room: last}, block=0)
                for last, _ in answer[0][1]:  # noqa: B007 - where the next answer begins
                    rooms.saw(room)

    async with redis.asyncio.Redis.from_url(url) as client, _running(*map(follow, rooms)):
        yield lambda room, record: client.xadd(room, {"r": record})


@asynccontextmanager
async def bare_postgresql(rooms: Rooms, url: str) -> AsyncGenerator[Append]:
    """Give INSERT with NOTIFY, one connection that listens, and one that reads."""
    free: asyncio.Queue[Any] = asyncio.Queue()
    told: list[int] = []
    rung = asyncio.Event()

    async def append(room: str, _: bytes) -> None:
        connection = await free.get()
        await connection.execute(PUT, (room, "me", TEXT))
        free.put_nowait(connection)

    async def listen(connection: Any) -> None:
        async for notify in connection.notifies():
            told.append(int(notify.payload))
            rung.set()

    async def follow(connection: Any) -> None:
        while await rung.wait():
            rung.clear()
            numbers = told.copy()
            told.clear()
            found = await connection.execute(TAKE, (numbers,))
            for room, _, _ in await found.fetchall():
                rooms.saw(room)

    async with AsyncExitStack() as stack:
        listener, reader, *writers = [
            await stack.enter_async_context(await psycopg.AsyncConnection.connect(url, autocommit=True))
            for _ in range(10)
        ]
        for each in writers:
            free.put_nowait(each)
        await reader.execute(TABLE)
        await listener.execute("LISTEN relay")
        async with _running(listen(listener), follow(reader)):
            yield append


@asynccontextmanager
async def _running(*work: Any) -> AsyncGenerator[None]:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


# --- Figures -------------------------------------------------------------------------------------


async def compared(
    name: str, url: str, *, rounds: int = ROUNDS, seconds: float = SECONDS
) -> dict[str, float]:
    """Compare ours with the bare one on the same server."""
    bare = {"redis": bare_redis, "postgresql": bare_postgresql}[name]
    found: dict[str, list[Passed]] = {"ours": [], "bare": []}
    async with AsyncExitStack() as stack:
        sides = []
        for kind, side in (("ours", ours), ("bare", bare)):
            rooms = Rooms()
            sides.append((kind, rooms, await stack.enter_async_context(side(rooms, url))))
        for each in range(rounds + 1):
            for kind, rooms, append in sides if each % 2 else sides[::-1]:
                passed = await rooms.passed(append, seconds)
                if each:  # the first warms up
                    found[kind].append(passed)
    values: dict[str, float] = {}
    for kind, runs in found.items():
        values[f"{kind}_{name}_log_processor_us"] = 1e6 * statistics.median(run.processor for run in runs)
        values[f"{kind}_{name}_log_per_second"] = statistics.median(run.entries / run.seconds for run in runs)
    pairs = list(zip(found["ours"], found["bare"], strict=True))
    values[f"{name}_log_ratio"] = statistics.median(our.processor / other.processor for our, other in pairs)
    return values


def measure() -> dict[str, float]:
    """Return every figure."""
    with servers.postgresql(fsync=True) as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(schema("postgresql").encode())
        values = asyncio.run(compared("postgresql", url))
    with servers.redis() as server:
        return values | asyncio.run(compared("redis", server.url))


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

"""A log on Redis: what a server that forgets, begins anew or fills up does to those who read."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import pytest
import redis as driver
from tests import servers

from hugathome.errors import LogForked, StoreUnavailable
from hugathome.logs import open_log
from hugathome.logs.redis import RedisLog

ROOM = "hug.room"
SOON = 10
"""Seconds."""

pytestmark = pytest.mark.skipif(not servers.HAS_REDIS, reason="no Redis can be started as its own user")


@pytest.fixture
def server() -> Iterator[servers.RedisServer]:
    with servers.redis() as server:
        yield server


@pytest.fixture
async def log(server: servers.RedisServer) -> AsyncGenerator[RedisLog]:
    log = RedisLog(server.url)
    yield log
    await log.aclose()


async def fill(log: RedisLog, *records: bytes) -> None:
    for record in records:
        await log.append(ROOM, record)


async def test_a_reader_is_told_that_the_server_has_gone_and_finds_what_it_forgot(
    server: servers.RedisServer, log: RedisLog
) -> None:
    await fill(log, b"1", b"2")

    async with asyncio.timeout(SOON), aclosing(log.read(ROOM, 0)) as records:
        assert [await anext(records) for _ in range(2)] == [(1, b"1"), (2, b"2")]
        waiting = asyncio.ensure_future(anext(records))
        await asyncio.sleep(0)
        server.restart()
        with pytest.raises(StoreUnavailable):
            await waiting

    with pytest.raises(LogForked):
        await log.load(ROOM, 2)
    await fill(log, b"anew")
    assert await log.load(ROOM, 0) == [(1, b"anew")]


async def test_nothing_is_lost_where_the_server_writes_it_down() -> None:
    with servers.redis(fsync=True) as server:
        log = open_log(server.url)
        await log.append(ROOM, b"1")
        await log.aclose()
        server.restart()
        await log.append(ROOM, b"2")
        rows = await log.load(ROOM, 0)
        await log.aclose()

    assert rows == [(1, b"1"), (2, b"2")]


async def test_a_reader_that_hears_nothing_notices_that_the_log_has_gone(
    server: servers.RedisServer, log: RedisLog
) -> None:
    await fill(log, b"1", b"2")

    async with asyncio.timeout(SOON), aclosing(log.read(ROOM, 1)) as records:
        assert await anext(records) == (2, b"2")
        waiting = asyncio.ensure_future(anext(records))
        await asyncio.sleep(0)
        with driver.Redis.from_url(server.url) as client:
            client.flushall()
        with pytest.raises(LogForked):
            await waiting


async def test_a_snapshot_does_not_outlive_its_log(server: servers.RedisServer, log: RedisLog) -> None:
    await fill(log, b"1", b"2", b"3")
    await log.save_snapshot(ROOM, 3, b"three")
    with driver.Redis.from_url(server.url) as client:
        client.delete(f"hugathome:log:{{{ROOM}}}")

    assert await log.snapshot(ROOM) is None
    await fill(log, b"anew")

    assert await log.snapshot(ROOM) is None
    assert await log.load(ROOM, 0) == [(1, b"anew")]


async def test_readers_go_on_where_the_server_has_dropped_its_scripts(
    server: servers.RedisServer, log: RedisLog
) -> None:
    async with asyncio.timeout(SOON), aclosing(log.read(ROOM, 0)) as records:
        for number in (1, 2):
            waiting = asyncio.ensure_future(anext(records))
            await asyncio.sleep(0)
            with driver.Redis.from_url(server.url) as client:
                client.script_flush()
            await fill(log, b"news")
            assert await waiting == (number, b"news")


async def test_the_keys_of_a_room_lie_in_one_slot(server: servers.RedisServer, log: RedisLog) -> None:
    await fill(log, b"1", b"2")
    await log.save_snapshot(ROOM, 1, b"one")

    with driver.Redis.from_url(server.url) as client:
        tags = [key.partition(b"{")[2].partition(b"}")[0] for key in client.scan_iter()]

    assert tags == [ROOM.encode()] * 2


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    log = open_log("unix:///nowhere/socket")

    with pytest.raises(StoreUnavailable):
        await log.append(ROOM, b"1")
    with pytest.raises(StoreUnavailable):
        await anext(log.read(ROOM, 0))

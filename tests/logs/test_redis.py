"""A log on Redis: what a server that forgets, begins anew or fills up does to those who read."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing

import pytest
import redis as driver
from tests import servers

from hugathome.errors import LogForked, StoreUnavailable
from hugathome.logs import open_log
from hugathome.logs import redis as logs
from hugathome.logs.redis import RedisLog
from hugathome.testing.check_log import check_log

ROOM = "hug.room"
SOON = 30
"""Seconds."""
NEVER = 3600.0
NEEDED = {
    *("XADD", "XRANGE", "XREVRANGE", "XTRIM", "EXISTS", "DEL", "HGET", "HMGET", "HSET"),
    *("EVAL", "EVALSHA", "CLIENT|TRACKING"),
}
"""What the how-to says that a user needs."""

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


async def test_what_others_append_is_heard_without_looking(
    server: servers.RedisServer, log: RedisLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_LOOKED_AFTER", NEVER)
    elsewhere = open_log(server.url)

    async with asyncio.timeout(SOON), aclosing(log.read(ROOM, 0)) as records:
        for number in (1, 2, 3):
            waiting = asyncio.ensure_future(anext(records))
            await elsewhere.append(ROOM, b"%d" % number)
            assert await waiting == (number, b"%d" % number)
    await elsewhere.aclose()


async def test_what_a_server_does_not_tell_of_is_found_by_looking(
    server: servers.RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_LOOKED_AFTER", NEVER)
    with driver.Redis.from_url(server.url) as client:
        client.acl_setuser(
            "deaf", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-client|tracking"]
        )
    here, elsewhere = open_log(f"{server.url}?username=deaf&password=any"), open_log(server.url)

    async with asyncio.timeout(SOON), aclosing(here.read(ROOM, 0)) as records:
        for number in (1, 2):
            waiting = asyncio.ensure_future(anext(records))
            await elsewhere.append(ROOM, b"%d" % number)
            assert await waiting == (number, b"%d" % number)
    await here.aclose()
    await elsewhere.aclose()


async def test_a_log_keeps_every_rule_for_a_user_who_may_do_no_more_than_it_needs(
    server: servers.RedisServer,
) -> None:
    with driver.Redis.from_url(server.url) as client:
        commands = [f"+{command.lower()}" for command in NEEDED]
        client.acl_setuser(
            "log", enabled=True, passwords=["+secret"], keys=["hugathome:log:*"], commands=commands
        )

    await check_log(lambda: open_log(f"{server.url}?username=log&password=secret"))


async def test_a_password_that_is_wrong_says_so_and_not_which_one(server: servers.RedisServer) -> None:
    log = open_log(f"{server.url}?username=nobody&password=secret")

    with pytest.raises(StoreUnavailable, match=r"^(?!.*secret)"):
        await log.append(ROOM, b"1")
    await log.aclose()


async def test_all_rooms_of_a_process_share_one_connection(
    server: servers.RedisServer, log: RedisLog
) -> None:
    readers = [log.read(f"hug.{number}", 0) for number in range(20)]
    async with asyncio.timeout(SOON):
        waiting = [asyncio.ensure_future(anext(reader)) for reader in readers]
        await asyncio.gather(*(log.append(f"hug.{number}", b"1") for number in range(20)))
        await asyncio.gather(*waiting)
        with driver.Redis.from_url(server.url) as client:
            clients = client.client_list()
    for reader in readers:
        await reader.aclose()

    assert len(clients) == 2, "one is this test's"


async def test_a_record_that_others_put_between_our_two_commands_is_no_fork(
    server: servers.RedisServer, log: RedisLog
) -> None:
    await fill(log, b"1", b"2")
    async with asyncio.timeout(SOON), aclosing(log.read(ROOM, 1)) as records:
        assert await anext(records) == (2, b"2")
        waiting = asyncio.ensure_future(anext(records))
        await asyncio.sleep(0)
        with driver.Redis.from_url(server.url) as client:
            client.xadd(f"hugathome:log:{{{ROOM}}}", {"r": b"3"}, id="0-*")
        log._loops.here()._hand_over(ROOM, [(1, b"1"), (3, b"3")])

        assert await waiting == (3, b"3")


async def test_what_a_writer_sent_who_did_not_wait_is_seen_here_all_the_same(
    server: servers.RedisServer, log: RedisLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_LOOKED_AFTER", NEVER)
    await fill(log, b"1")
    async with asyncio.timeout(SOON), aclosing(log.read(ROOM, 0)) as records:
        await anext(records)
        for number in (2, 3):  # until the first look is over
            waiting = asyncio.ensure_future(anext(records))
            await fill(log, b"%d" % number)
            await waiting
        waiting = asyncio.ensure_future(anext(records))
        writing = asyncio.ensure_future(log.append(ROOM, b"sent"))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)

        assert await waiting == (4, b"sent")


async def test_what_is_written_here_is_not_read_back(
    server: servers.RedisServer, log: RedisLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "_LOOKED_AFTER", NEVER)
    read = []
    async with asyncio.timeout(SOON), aclosing(log.read(ROOM, 0)) as records:
        with driver.Redis.from_url(server.url) as client:
            for number in range(1, 6):
                waiting = asyncio.ensure_future(anext(records))
                await log.append(ROOM, b"%d" % number)
                assert await waiting == (number, b"%d" % number)
                read.append(client.info("commandstats")["cmdstat_evalsha"]["calls"])

    assert read[1:] == read[1:2] * 4, "the first is a script's"


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

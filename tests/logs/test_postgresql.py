"""A log on PostgreSQL: other processes are heard at once, and what was not heard is found all the same."""

import asyncio
from contextlib import aclosing

import psycopg
import pytest
from tests import servers

from hugathome._drive import drive
from hugathome.errors import ConfigurationError
from hugathome.logs import _listening, _statements, open_log, sql

ROOM = "hug.room"
SOON = 30
"""Seconds."""
NEVER = 3600.0

pytestmark = pytest.mark.skipif(
    not servers.HAS_POSTGRESQL, reason="no PostgreSQL can be started as its own user"
)


async def ears(url: str, *, at_least: int) -> list[int]:
    """Return the server processes that listen, once there are so many."""
    asked = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    async with asyncio.timeout(SOON), await psycopg.AsyncConnection.connect(url) as connection:
        while True:
            await connection.rollback()  # what a transaction sees of this view does not change
            found = await (await connection.execute(asked)).fetchall()
            if len(found) >= at_least:
                return [pid for (pid,) in found]
            await asyncio.sleep(0.01)


async def test_what_another_process_appends_is_heard_without_asking(
    emptied_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, elsewhere = open_log(emptied_postgresql), open_log(emptied_postgresql)
    blocking = elsewhere.for_blocking()
    await elsewhere.append(ROOM, b"0")
    async with asyncio.timeout(SOON), aclosing(here.read(ROOM, 0)) as records:
        await anext(records)
        waiting = asyncio.ensure_future(anext(records))
        await ears(emptied_postgresql, at_least=1)
        monkeypatch.setattr(sql, "_ASKED_EVERY", NEVER)
        await elsewhere.append(ROOM, b"1")
        assert await waiting == (2, b"1")

        waiting = asyncio.ensure_future(anext(records))
        await asyncio.to_thread(lambda: drive(blocking.append(ROOM, b"2")))
        assert await waiting == (3, b"2")
    for log in (here, elsewhere, blocking):
        await log.aclose()


async def test_what_is_written_here_is_not_read_back(
    emptied_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sql, "_ASKED_EVERY", NEVER)
    log = open_log(emptied_postgresql)
    asked = []

    async with asyncio.timeout(SOON), aclosing(log.read(ROOM, 0)) as records:
        for number in range(1, 6):
            waiting = asyncio.ensure_future(anext(records))
            await log.append(ROOM, b"%d" % number)
            assert await waiting == (number, b"%d" % number)
            await ears(emptied_postgresql, at_least=1)
            monkeypatch.setattr(_statements, "read", lambda *_, **values: asked.append(values))
    await log.aclose()

    assert asked == []


async def test_what_waits_at_once_is_one_transaction(emptied_postgresql: str) -> None:
    log = open_log(emptied_postgresql)

    await asyncio.gather(*(log.append(f"hug.{number}", b"1") for number in range(20)))
    with psycopg.connect(emptied_postgresql) as connection:
        found = connection.execute(
            "SELECT count(DISTINCT xmin::text), count(*) FROM hugathome_log"
        ).fetchone()
    await log.aclose()

    assert found == (1, 20)


async def test_workers_that_write_to_the_same_rooms_at_once_come_to_one_order(
    emptied_postgresql: str,
) -> None:
    logs = [open_log(emptied_postgresql) for _ in range(3)]
    rooms = [f"hug.{number}" for number in range(8)]

    async with asyncio.timeout(SOON):
        await asyncio.gather(
            *(
                log.append(room, b"%d %d" % (worker, number))
                for number in range(10)
                for worker, log in enumerate(logs)
                for room in (rooms if worker else rooms[::-1])
            )
        )
        for room in rooms:
            rows = await logs[0].load(room, 0)
            assert [offset for offset, _ in rows] == list(range(1, 31))
            for worker in range(3):
                own = [record for _, record in rows if record.startswith(b"%d " % worker)]
                assert own == [b"%d %d" % (worker, number) for number in range(10)]
    for log in logs:
        await log.aclose()


async def test_a_notification_that_would_be_too_long_says_nothing(emptied_postgresql: str) -> None:
    here, elsewhere = open_log(emptied_postgresql), open_log(emptied_postgresql)
    rooms = [f"hug.{number:02}".ljust(64, "\N{GRINNING FACE}") for number in range(64)]

    async with asyncio.timeout(SOON), aclosing(here.read(rooms[-1], 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        await asyncio.gather(*(elsewhere.append(room, b"1") for room in rooms))
        assert await waiting == (1, b"1")
    await here.aclose()
    await elsewhere.aclose()


async def test_what_nobody_could_hear_is_found_by_asking(emptied_postgresql: str) -> None:
    here = open_log(emptied_postgresql, listen="postgresql://postgres@/postgres?host=/nowhere")
    elsewhere = open_log(emptied_postgresql)

    async with asyncio.timeout(SOON), aclosing(here.read(ROOM, 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        await asyncio.sleep(0)
        await elsewhere.append(ROOM, b"1")
        assert await waiting == (1, b"1")
    await here.aclose()
    await elsewhere.aclose()


async def test_a_listener_that_was_cut_off_listens_again(
    emptied_postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_listening, "_TRIED_EVERY", 0.0)
    here, elsewhere = open_log(emptied_postgresql), open_log(emptied_postgresql)

    async with asyncio.timeout(SOON), aclosing(here.read(ROOM, 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        (pid,) = await ears(emptied_postgresql, at_least=1)
        with psycopg.connect(emptied_postgresql, autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        (another,) = await ears(emptied_postgresql, at_least=1)
        await elsewhere.append(ROOM, b"1")
        assert await waiting == (1, b"1")
    await here.aclose()
    await elsewhere.aclose()

    assert another != pid


@pytest.mark.parametrize(
    ("url", "listen"),
    [
        ("sqlite:///x.db", "postgresql://x/y"),
        ("memory://", "postgresql://x/y"),
        ("redis://x", "postgresql://x/y"),
        ("postgresql://x/y", "sqlite:///x.db"),
        ("postgresql://x/y", "nonsense"),
    ],
)
def test_only_postgresql_is_listened_to(url: str, listen: str) -> None:
    with pytest.raises(ConfigurationError):
        open_log(url, listen=listen)

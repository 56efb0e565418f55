"""A log behind PgBouncer, which lends a connection for one transaction: asked, and heard beside it."""

import asyncio
from contextlib import aclosing
from datetime import timedelta

import psycopg
import pytest
from tests import servers

from hugathome.logs import open_log, sql
from hugathome.testing.check_log import check_log

ROOM = "hug.room"
SOON = 30
"""Seconds."""
NEVER = 3600.0

pytestmark = pytest.mark.skipif(not servers.HAS_PGBOUNCER, reason="no PgBouncer: scripts/system-packages")


async def one_listens(url: str) -> None:
    """Return once a connection to the server itself listens."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND application_name = 'ear'"
    async with asyncio.timeout(SOON), await psycopg.AsyncConnection.connect(url, autocommit=True) as raw:
        while True:
            if await (await raw.execute(asked)).fetchone() == (1,):
                return
            await asyncio.sleep(0.01)


async def test_a_log_behind_a_pooler_keeps_every_rule(emptied_postgresql: str, pgbouncer: str) -> None:
    def opened() -> sql.SqlLog:
        log = open_log(pgbouncer, listen=emptied_postgresql)
        assert isinstance(log, sql.SqlLog)
        return log

    await check_log(opened, patience=timedelta(seconds=30))


async def test_what_is_appended_through_a_pooler_is_heard_beside_it(
    emptied_postgresql: str, pgbouncer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = open_log(pgbouncer, listen=f"{emptied_postgresql}&application_name=ear")
    elsewhere = open_log(pgbouncer)
    await elsewhere.append(ROOM, b"0")

    async with asyncio.timeout(SOON), aclosing(here.read(ROOM, 0)) as records:
        await anext(records)
        waiting = asyncio.ensure_future(anext(records))
        await one_listens(emptied_postgresql)
        monkeypatch.setattr(sql, "_ASKED_EVERY", NEVER)
        await elsewhere.append(ROOM, b"1")
        assert await waiting == (2, b"1")
    await here.aclose()
    await elsewhere.aclose()


async def test_what_a_pooler_keeps_to_itself_is_found_by_asking(
    emptied_postgresql: str, pgbouncer: str
) -> None:
    here, elsewhere = open_log(pgbouncer), open_log(pgbouncer)

    async with asyncio.timeout(SOON), aclosing(here.read(ROOM, 0)) as records:
        for number in (1, 2, 3):
            waiting = asyncio.ensure_future(anext(records))
            await asyncio.sleep(0)
            await elsewhere.append(ROOM, b"%d" % number)
            assert await waiting == (number, b"%d" % number)
    await here.aclose()
    await elsewhere.aclose()

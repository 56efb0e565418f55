"""Sessions on PostgreSQL: a save on a connection that was lost, beside others who count, and broken off."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import psycopg
import pytest
from tests import servers
from tests.stores.stored import STORED

from hugathome._drive import drive
from hugathome.record.shelf import SessionStore
from hugathome.stores import open_store

FIRST = replace(STORED, lookups=frozenset({"reference"}), body=b"sealed once")
SECOND = replace(FIRST, version=2, body=b"sealed twice", lookups=frozenset({"reference", "link"}))
COUNT = "SELECT position FROM hugathome_counter WHERE organisation = 'hug'"
WITHIN = 30
"""Seconds after which nothing comes any more."""

pytestmark = pytest.mark.skipif(
    not servers.HAS_POSTGRESQL, reason="no PostgreSQL can be started as its own user"
)


@pytest.fixture
def raw(emptied_postgresql: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(emptied_postgresql, autocommit=True) as connection:
        yield connection


@pytest.fixture
async def sessions(emptied_postgresql: str) -> AsyncIterator[SessionStore]:
    store = open_store(emptied_postgresql)
    yield store.sessions
    await store.aclose()


def drop_the_others(raw: psycopg.Connection) -> None:
    raw.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )


async def test_a_save_outlives_a_connection_that_the_server_has_dropped_meanwhile(
    raw: psycopg.Connection, sessions: SessionStore
) -> None:
    assert await sessions.save_session(FIRST, expected=0, events=[b"one"])
    drop_the_others(raw)

    assert await sessions.save_session(SECOND, expected=1, events=[b"two"])

    assert await sessions.load_events("hug", after=0, limit=9) == [(1, b"one"), (2, b"two")]


def test_a_save_without_a_loop_outlives_it_too(raw: psycopg.Connection, emptied_postgresql: str) -> None:
    store = open_store(emptied_postgresql).for_blocking()
    drive(store.sessions.save_session(FIRST, expected=0, events=[b"one"]))
    drop_the_others(raw)

    assert drive(store.sessions.save_session(SECOND, expected=1, events=[b"two"]))

    assert drive(store.sessions.load_session("hug.s1")) == SECOND
    drive(store.aclose())


async def test_who_lost_a_race_counts_nothing_and_waits_for_nobody_who_counts(
    raw: psycopg.Connection, sessions: SessionStore
) -> None:
    await sessions.save_session(FIRST, expected=0, events=[b"one"])

    with raw.transaction():
        raw.execute(f"{COUNT} FOR UPDATE")
        async with asyncio.timeout(WITHIN):
            late = replace(FIRST, version=8, body=b"sealed late")
            assert not await sessions.save_session(late, expected=7, events=[b"eight"])

    assert raw.execute(COUNT).fetchall() == [(1,)]
    assert await sessions.load_session("hug.s1") == FIRST


async def test_the_same_save_once_more_counts_nothing(sessions: SessionStore) -> None:
    await sessions.save_session(FIRST, expected=0, events=[b"one"])
    await sessions.save_session(SECOND, expected=1, events=[b"two"])

    assert not await sessions.save_session(SECOND, expected=1, events=[b"two"])

    third = replace(SECOND, version=3, body=b"sealed thrice")
    assert await sessions.save_session(third, expected=2, events=[b"three"])
    assert await sessions.load_events("hug", after=0, limit=9) == [(1, b"one"), (2, b"two"), (3, b"three")]


async def test_two_who_want_the_same_slot_at_once_never_wait_for_each_other(
    raw: psycopg.Connection, sessions: SessionStore
) -> None:
    await sessions.save_session(FIRST, expected=0, events=[b"one"])
    moved = replace(SECOND, lookups=frozenset({"reference", "slot"}))
    other = replace(FIRST, id="hug.s2", body=b"sealed elsewhere", lookups=frozenset({"slot"}), tags={})

    with raw.transaction():
        raw.execute(f"{COUNT} FOR UPDATE")
        planning = asyncio.create_task(sessions.save_session(other, expected=0, events=[b"two"]))
        await so_many_wait(raw, 1)
        moving = asyncio.create_task(sessions.save_session(moved, expected=1, events=[b"three"]))
        await so_many_wait(raw, 2)
    async with asyncio.timeout(WITHIN):
        won = [await planning, await moving]

    assert sorted(won) == [False, True]
    assert len(await sessions.load_events("hug", after=0, limit=9)) == 2


async def test_a_save_that_is_broken_off_leaves_nothing_and_stands_in_nobodys_way(
    raw: psycopg.Connection, sessions: SessionStore
) -> None:
    await sessions.save_session(FIRST, expected=0, events=[b"one"])
    with raw.transaction():
        raw.execute(f"{COUNT} FOR UPDATE")
        saving = asyncio.create_task(sessions.save_session(SECOND, expected=1, events=[b"two"]))
        await so_many_wait(raw, 1)
        saving.cancel()
        with pytest.raises(asyncio.CancelledError):
            async with asyncio.timeout(WITHIN):
                await saving

    assert await sessions.load_session("hug.s1") == FIRST
    assert await sessions.save_session(SECOND, expected=1, events=[b"two"])
    assert await sessions.load_events("hug", after=0, limit=9) == [(1, b"one"), (2, b"two")]


async def test_a_save_that_is_broken_off_as_its_connection_is_lost_is_not_done_again(
    raw: psycopg.Connection, sessions: SessionStore
) -> None:
    await sessions.save_session(FIRST, expected=0, events=[b"one"])
    with raw.transaction():
        raw.execute(f"{COUNT} FOR UPDATE")
        saving = asyncio.create_task(sessions.save_session(SECOND, expected=1, events=[b"two"]))
        await so_many_wait(raw, 1)
        drop_the_others(raw)
        saving.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(WITHIN):
            await saving

    assert await sessions.load_session("hug.s1") == FIRST
    assert await sessions.save_session(SECOND, expected=1, events=[b"two"])


async def test_a_save_during_which_its_store_is_closed_leaves_no_connection_open(
    raw: psycopg.Connection, emptied_postgresql: str
) -> None:
    store = open_store(emptied_postgresql)
    await store.sessions.save_session(FIRST, expected=0, events=[b"one"])
    with raw.transaction():
        raw.execute(f"{COUNT} FOR UPDATE")
        saving = asyncio.create_task(store.sessions.save_session(SECOND, expected=1, events=[b"two"]))
        await so_many_wait(raw, 1)
        await store.aclose()

    assert await saving

    others = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
    async with asyncio.timeout(WITHIN):
        while raw.execute(f"SELECT pid FROM pg_stat_activity WHERE {others}").fetchone():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def so_many_wait(raw: psycopg.Connection, count: int) -> None:
    """Return once so many clients wait for a lock; the server tells nobody by itself."""
    asked = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
    async with asyncio.timeout(WITHIN):
        while raw.execute(asked).fetchone() != (count,):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

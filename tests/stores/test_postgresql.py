"""Codes on PostgreSQL: each statement is a transaction of its own, on a connection that may be lost."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import psycopg
import pytest
from tests import servers

from hugathome._drive import drive
from hugathome.codes import Challenge, issue
from hugathome.errors import StoreUnavailable
from hugathome.policy import CodePolicy
from hugathome.stores import open_code_store, schema
from hugathome.stores.sql import SqlCodes

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ISSUED = issue(
    CodePolicy(),
    challenge_id="c1",
    organisation="hug",
    purpose="check-in",
    subject="hug.s1/p-1",
    address="sealed",
    key_id="0123456789ab",
    now=NOW,
)
FIRST, SECOND = replace(ISSUED, version=1), replace(ISSUED, version=2)

pytestmark = pytest.mark.skipif(
    not servers.HAS_POSTGRESQL, reason="no PostgreSQL can be started as its own user"
)


@pytest.fixture
def raw(postgresql: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute(schema("postgresql").encode())
        yield connection


@pytest.fixture
def codes(postgresql: str) -> SqlCodes:
    store = open_code_store(postgresql)
    assert isinstance(store, SqlCodes)
    return store


def drop_the_others(raw: psycopg.Connection) -> None:
    raw.execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )


async def test_a_load_outlives_connections_that_the_server_has_dropped(
    raw: psycopg.Connection, codes: SqlCodes
) -> None:
    await codes.save(FIRST, expected=0)
    drop_the_others(raw)

    assert await codes.load(Challenge, "c1") == FIRST
    assert await codes.save(SECOND, expected=1)
    await codes.aclose()


def test_a_load_without_a_loop_outlives_them_too(raw: psycopg.Connection, codes: SqlCodes) -> None:
    blocking = codes.for_blocking()
    drive(blocking.save(FIRST, expected=0))
    drop_the_others(raw)

    assert drive(blocking.load(Challenge, "c1")) == FIRST
    assert drive(blocking.save(SECOND, expected=1))
    drive(blocking.aclose())


async def test_a_save_on_a_lost_connection_is_not_tried_again(
    raw: psycopg.Connection, codes: SqlCodes
) -> None:
    await codes.save(FIRST, expected=0)
    drop_the_others(raw)

    with pytest.raises(StoreUnavailable):
        await codes.save(SECOND, expected=1)

    assert await codes.load(Challenge, "c1") == FIRST
    await codes.aclose()


def test_a_child_process_takes_no_connection_that_its_parent_has_at_hand(
    raw: psycopg.Connection, codes: SqlCodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocking = codes.for_blocking()
    drive(blocking.load(Challenge, "c1"))

    with monkeypatch.context() as in_child:
        in_child.setattr(os, "getpid", lambda: -1)
        drive(blocking.load(Challenge, "c1"))
        ((backends,),) = raw.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()
        drive(blocking.aclose())

    assert backends == 2
    drive(blocking.aclose())


def test_each_step_is_one_statement_and_no_transaction_around_it(
    raw: psycopg.Connection, codes: SqlCodes
) -> None:
    blocking = codes.for_blocking()
    drive(blocking.save(FIRST, expected=0))

    for step, said in (
        (blocking.load(Challenge, "c1"), "SELECT"),
        (blocking.save(SECOND, expected=1), "UPDATE"),
    ):
        drive(step)
        ((query, state),) = raw.execute(
            "SELECT query, state FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        ).fetchall()
        assert (query.partition(" ")[0], state) == (said, "idle")
    drive(blocking.aclose())

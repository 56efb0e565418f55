"""Every store of ours keeps the promises of the seams, and what is wrong with one is said in our words."""

import gc
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.stores.stored import NOW, STORED

from hugathome._drive import drive
from hugathome.codes import Challenge, issue
from hugathome.errors import ConfigurationError, StoreUnavailable
from hugathome.policy import CodePolicy
from hugathome.quotas import Tally
from hugathome.record.shelf import Listing, StoredSession
from hugathome.record.transitions import Status
from hugathome.stores import Store, open_code_store, open_store, schema
from hugathome.stores._database import BlockingDatabase
from hugathome.stores.sql import METADATA, SqlCodes, SqlSessions
from hugathome.stores.sqlite import SqliteCodes
from hugathome.testing.check_store import check_store

TABLES = [f"hugathome_{name}" for name in ("audit", "code", "counter", "event", "lookup", "session")]


def challenge() -> Challenge:
    return issue(
        CodePolicy(),
        challenge_id="c1",
        organisation="hug",
        purpose="check-in",
        subject="hug.s1/p-1",
        address="sealed",
        key_id="0123456789ab",
        now=NOW,
    )


# --- The promises --------------------------------------------------------------------------------


async def test_the_store_in_memory_keeps_every_rule() -> None:
    store = open_store("memory://")

    await check_store(lambda: store)


async def test_a_store_in_a_database_keeps_every_rule(database: str) -> None:
    await check_store(lambda: open_store(database))


def test_a_store_in_a_database_keeps_every_rule_without_an_event_loop(database: str) -> None:
    drive(check_store(lambda: open_store(database)))


async def test_a_store_for_codes_alone_keeps_every_rule(code_store_url: str) -> None:
    store = open_code_store(code_store_url)

    await check_store(lambda: store if code_store_url == "memory://" else open_code_store(code_store_url))


def test_a_store_for_codes_alone_keeps_every_rule_without_an_event_loop(code_store_url: str) -> None:
    store = open_code_store(code_store_url)

    drive(check_store(lambda: store if code_store_url == "memory://" else open_code_store(code_store_url)))


def test_a_tally_whose_day_begins_anew_while_what_is_over_is_deleted_stays(tmp_path: Path) -> None:
    database = BlockingDatabase(
        sa.make_url(f"sqlite:///{tmp_path / 'codes'}"), metadata=METADATA, synchronous="OFF"
    )
    codes = SqlCodes(database)
    tally = Tally(key="t", since=NOW - timedelta(days=9), count=3, version=1)
    assert drive(codes.save(tally, expected=0))

    @sa.event.listens_for(database._engine, "after_cursor_execute")
    def begin_anew(_: sa.Connection, cursor: Any, statement: str, *_more: object) -> None:
        if statement.startswith("SELECT hugathome_code"):
            over_at = int(NOW.timestamp()) * 1_000_000
            cursor.connection.execute("UPDATE hugathome_code SET over_at = ?", [over_at])

    assert drive(codes.forget(NOW - timedelta(days=1), limit=9)) == 0
    assert drive(codes.load(Tally, "t")) == tally
    drive(codes.aclose())


def test_a_step_of_a_challenge_writes_one_page_to_the_file_of_codes(tmp_path: Path) -> None:
    codes = SqliteCodes(str(tmp_path / "codes"), is_blocking=True)
    after = [replace(challenge(), attempts=attempts, version=attempts + 1) for attempts in range(2)]
    drive(codes.save(after[0], expected=0))

    with closing(sqlite3.connect(tmp_path / "codes")) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        drive(codes.save(after[1], expected=1))
        (_, pages, _) = raw.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    assert pages == 1
    drive(codes.aclose())


def test_look_ups_are_taken_in_one_order_so_that_two_who_want_them_never_wait_for_each_other(
    tmp_path: Path,
) -> None:
    store = open_store(f"sqlite:///{tmp_path}/clinic.db").for_blocking()
    wanted = [f"look-up {number:02}" for number in range(20)]
    drive(store.sessions.save_session(replace(STORED, lookups=frozenset(wanted)), expected=0, events=[b"1"]))
    drive(store.aclose())

    with closing(sqlite3.connect(tmp_path / "clinic.db")) as raw:
        taken = raw.execute("SELECT digest FROM hugathome_lookup ORDER BY rowid").fetchall()

    assert [digest for (digest,) in taken] == wanted


async def test_two_stores_in_memory_share_nothing() -> None:
    await open_store("memory://").codes.save(challenge(), expected=0)

    assert await open_store("memory://").codes.load(Challenge, "c1") is None


@pytest.mark.parametrize(
    ("starts_at", "due_at"),
    [
        (NOW + timedelta(microseconds=1), NOW - timedelta(microseconds=1)),
        (datetime(1970, 1, 1, tzinfo=UTC), None),
        (datetime(2099, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), NOW),
    ],
    ids=str,
)
async def test_instants_are_kept_to_the_microsecond(
    database: str, starts_at: datetime, due_at: datetime | None
) -> None:
    store = open_store(database)
    planned = StoredSession(
        id="hug.s1",
        organisation="hug",
        version=1,
        status=Status.PLANNED,
        starts_at=starts_at,
        due_at=due_at,
        lookups=frozenset(),
        tags={"a tag": starts_at},
        body=b"",
    )

    await store.sessions.save_session(planned, expected=0, events=[])

    assert await store.sessions.load_session("hug.s1") == planned
    assert await store.sessions.next_due() == due_at
    await store.aclose()


# --- Opening -------------------------------------------------------------------------------------


def test_opening_does_no_input_or_output(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/clinic.db")
    open_store(f"sqlite:///{tmp_path}/missing/clinic.db").for_blocking()
    open_store("postgresql://nobody@192.0.2.1:1/nothing").for_blocking()

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "where",
    ["", "clinic.db", "sqlite://", "sqlite:///:memory:", "sqlite:///file:x?mode=memory&uri=true", "oracle://x",
     "redis://localhost", "mongodb://x", "postgres", None, 5, object(), b"sqlite:///clinic.db"],
    ids=lambda where: where if isinstance(where, str) else type(where).__name__,
)  # fmt: skip
def test_what_is_no_store_is_refused_when_it_is_opened(where: Any) -> None:
    with pytest.raises(ConfigurationError):
        open_store(where)


def test_a_refusal_does_not_repeat_the_url() -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_store("oracle://scott:tiger@db")

    assert "tiger" not in str(refused.value)


async def test_codes_are_found_whatever_driver_a_hosts_url_names(tmp_path: Path) -> None:
    codes = open_code_store(f"sqlite+pysqlite:///{tmp_path}/codes.db")

    assert await codes.load(Challenge, "nobody's") is None


def test_codes_may_live_elsewhere(tmp_path: Path) -> None:
    codes = open_code_store(f"sqlite:///{tmp_path}/codes.db")

    assert Store(sessions=open_store("memory://").sessions, codes=codes).codes is codes


def test_a_missing_extra_is_named() -> None:
    script = """
import sys
sys.modules["sqlalchemy"] = None
import asyncio
from hugathome.errors import MissingExtra
from hugathome.stores import open_store
try:
    store = open_store("sqlite:///nowhere/clinic.db")
    asyncio.run(store.sessions.load_session("x"))
except MissingExtra as refused:
    print(refused.extra)
"""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )

    assert done.stdout == "sql\n"


# --- Life ----------------------------------------------------------------------------------------


async def test_closing_twice_is_fine_and_the_next_call_opens_again(database: str) -> None:
    store = open_store(database)
    await store.aclose()
    await store.codes.save(challenge(), expected=0)
    await store.aclose()
    await store.aclose()

    assert await store.codes.load(Challenge, "c1") == challenge()
    await store.aclose()


def test_the_blocking_variant_is_its_own_blocking_variant(database: str) -> None:
    store = open_store(database).for_blocking().for_blocking()

    assert drive(store.sessions.load_session("hug.s1")) is None
    drive(store.aclose())


async def test_nothing_is_left_open(tmp_path: Path) -> None:
    def open_files() -> list[str]:
        gc.collect()
        return [link for fd in Path("/proc/self/fd").iterdir() if str(tmp_path) in (link := _target(fd))]

    store = open_store(f"sqlite:///{tmp_path}/clinic.db")
    await store.sessions.save_session(STORED, expected=0, events=[b"1"])
    await store.codes.save(challenge(), expected=0)
    assert open_files()

    await store.aclose()

    assert open_files() == []


def _target(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:
        return ""


def test_a_file_of_sqlite_gets_its_tables_and_codes_a_file_of_their_own(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/clinic.db").for_blocking()
    drive(store.sessions.save_session(STORED, expected=0, events=[b"1"]))
    drive(store.codes.save(challenge(), expected=0))
    drive(store.aclose())

    names = {path.name for path in tmp_path.iterdir()}

    assert names == {"clinic.db", "clinic.db-codes"}


def test_codes_are_synced_in_full(tmp_path: Path) -> None:
    store = open_code_store(f"sqlite:///{tmp_path}/clinic.db").for_blocking()  # type: ignore[attr-defined]
    drive(store.load(Challenge, "c1"))

    assert store._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    drive(store.aclose())


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_schema_names_every_table(dialect: str) -> None:
    statements = schema(dialect)

    assert [table for table in TABLES if f"CREATE TABLE {table} (" not in statements] == []


def test_the_schema_of_no_database_of_ours_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        schema("cobol")


async def test_a_server_database_gets_no_tables_from_us(tmp_path: Path) -> None:
    """Stand in for a server with a SQLite file: what matters is that the tables are missing."""

    class Server(BlockingDatabase):
        def _prepared(self, connection: sa.Connection) -> None:
            self._is_ready = True

    database = Server(sa.make_url(f"sqlite:///{tmp_path}/clinic.db"), metadata=METADATA, synchronous="FULL")
    with pytest.raises(StoreUnavailable):
        await SqlCodes(database).load(Challenge, "c1")
    with pytest.raises(StoreUnavailable):
        await SqlSessions(database).load_session("hug.s1")
    await database.aclose()


# --- What goes wrong -----------------------------------------------------------------------------

CALLS: dict[str, Callable[[Store], Any]] = {
    "load": lambda store: store.codes.load(Challenge, "c1"),
    "save": lambda store: store.codes.save(challenge(), expected=0),
    "load_session": lambda store: store.sessions.load_session("hug.s1"),
    "find_session": lambda store: store.sessions.find_session("a look-up"),
    "list_sessions": lambda store: store.sessions.list_sessions(
        Listing(organisation="hug", since=NOW, until=NOW, limit=1)
    ),
    "tagged_sessions": lambda store: store.sessions.tagged_sessions(["a tag"], limit=1),
    "count_tagged": lambda store: store.sessions.count_tagged(["a tag"], before=(NOW, "hug.s1")),
    "rewrite_events": lambda store: store.sessions.rewrite_events("hug.s1", bytes),
    "session_events": lambda store: store.sessions.session_events("hug.s1"),
    "due_sessions": lambda store: store.sessions.due_sessions(NOW, limit=1),
    "next_due": lambda store: store.sessions.next_due(),
    "save_session": lambda store: store.sessions.save_session(STORED, expected=0, events=[b"1"]),
    "load_events": lambda store: store.sessions.load_events("hug", after=0, limit=1),
}


@pytest.fixture(params=["missing folder", "no database", "a folder"])
def useless(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a SQLite database that cannot be used."""
    if request.param == "missing folder":
        return f"sqlite:///{tmp_path}/missing/clinic.db"
    for name in ("clinic.db", "clinic.db-codes"):
        if request.param == "a folder":
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).write_bytes(b"this is no database " * 100)
    return f"sqlite:///{tmp_path}/clinic.db"


@pytest.mark.parametrize("call", CALLS)
async def test_a_store_that_cannot_be_used_says_so(useless: str, call: str) -> None:
    store = open_store(useless)

    with pytest.raises(StoreUnavailable) as refused:
        await CALLS[call](store)

    assert "hug.s1" not in str(refused.value)
    await store.aclose()


@pytest.mark.parametrize("call", CALLS)
def test_a_store_that_cannot_be_used_says_so_without_an_event_loop(useless: str, call: str) -> None:
    store = open_store(useless).for_blocking()

    with pytest.raises(StoreUnavailable):
        drive(CALLS[call](store))

    drive(store.aclose())


@pytest.mark.parametrize("body", ["", "{}", "null", "not json", '{"id": "c1"}', "[]"])
async def test_a_code_that_was_changed_outside_is_refused(tmp_path: Path, body: str) -> None:
    store = open_store(f"sqlite:///{tmp_path}/clinic.db")
    await store.codes.save(challenge(), expected=0)
    with sqlite3.connect(tmp_path / "clinic.db-codes") as raw:
        raw.execute("UPDATE hugathome_code SET body = ?", (body,))
    raw.close()

    with pytest.raises(StoreUnavailable) as refused:
        await store.codes.load(Challenge, "c1")

    assert refused.value.__cause__ is None
    await store.aclose()


async def test_a18_an_older_row_does_not_come_back_through_the_port(database: str) -> None:
    store = open_store(database)
    old = replace(challenge(), version=1)
    await store.codes.save(old, expected=0)
    await store.codes.save(replace(old, version=2, attempts=1), expected=1)

    for expected in (0, 1):
        assert await store.codes.save(old, expected=expected) is False

    kept = await store.codes.load(Challenge, "c1")
    assert kept is not None
    assert kept.attempts == 1
    await store.aclose()

"""The audit trail as it is kept: with every change and refusal, on each store, and what tampering shows."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from tests import servers

from hugathome import AuditBroken, AuditEntry, HugAtHome, Organisation, Participant, Session, blocking
from hugathome._drive import drive
from hugathome.errors import (
    ConfigurationError,
    ConsentMissing,
    HugathomeError,
    InvalidInput,
    InvalidTransition,
    NotPermitted,
    SessionEnded,
    StoreUnavailable,
    UnknownParticipant,
)
from hugathome.keys import KeyRing
from hugathome.record.audit import DONE, START
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store, schema
from hugathome.stores.memory import MemoryCodes
from hugathome.testing.clock import FakeClock
from hugathome.visits.trail import Trail

KEY, OLD = b"a secret of thirty-two bytes, no", b"an older secret of thirty-two by"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
PEOPLE = [
    Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
    Participant(id="p-1", role="patient", name="M. Dupont", reference="urn:pid:77", phone="+41791234567"),
]


def options(**other: Any) -> dict[str, Any]:
    return {
        "key": KEY,
        "sms": OutboxSms(),
        "site": "https://www.example.ch/visit",
        "timezone": "Europe/Zurich",
        "brand": "HUG",
        "clock": FakeClock(NOW),
        **other,
    }


@pytest.fixture
async def hug(database: str) -> AsyncIterator[HugAtHome]:
    async with HugAtHome(store=open_store(database), **options()) as hug:
        yield hug


PLAN: dict[str, Any] = {
    "organisation": "hug",
    "service": "cardiology",
    "starts_at": NOW,
    "ends_at": NOW + timedelta(minutes=30),
    "participants": PEOPLE,
}


async def planned(hug: HugAtHome, **other: Any) -> Session:
    session = await hug.sessions.plan(**{**PLAN, **other})
    return await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")


async def held(hug: HugAtHome) -> Session:
    """Hold a visit of six entries."""
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1")
    await hug.sessions.admit(session.id, "p-1", by="dr-rossi")
    await hug.sessions.depart(session.id, "p-1")
    return await hug.sessions.complete(session.id, by="dr-rossi", outcome="in-person-visit-needed")


async def told(hug: HugAtHome, organisation: str = "hug", *, after: int = 0) -> list[AuditEntry]:
    return [entry async for entry in hug.audit(organisation=organisation, after=after)]


def lines(entries: Sequence[AuditEntry]) -> list[tuple[int, str, str | None, str | None, str]]:
    return [(e.position, e.action, e.by, e.participant, e.result) for e in entries]


# --- What is written -----------------------------------------------------------------------------


async def test_a_visit_leaves_who_did_what_and_when(hug: HugAtHome) -> None:
    session = await held(hug)

    entries = await told(hug)

    assert lines(entries) == [
        (1, "plan", None, None, DONE),
        (2, "accept", "dr-rossi", "p-1", DONE),
        (3, "arrive", None, "p-1", DONE),
        (4, "admit", "dr-rossi", "p-1", DONE),
        (5, "depart", None, "p-1", DONE),
        (6, "complete", "dr-rossi", None, DONE),
    ]
    assert {(entry.session, entry.at) for entry in entries} == {(session.id, NOW)}
    assert await told(hug, after=4) == entries[4:]


async def test_each_event_has_an_entry_in_the_same_write(hug: HugAtHome) -> None:
    await held(hug)

    events = [event async for event in hug.events(organisation="hug")]

    assert [(e.session, e.change.action, e.change.at) for e in events] == [
        (e.session, e.action, e.at) for e in await told(hug)
    ]


REFUSALS: dict[str, tuple[type[HugathomeError], str, Callable[[HugAtHome, str], Any]]] = {
    "admit": (NotPermitted, "p-1", lambda hug, it: hug.sessions.admit(it, "p-1", by="p-1")),
    "deny": (InvalidTransition, "dr-rossi", lambda hug, it: hug.sessions.deny(it, "p-1", by="dr-rossi")),
    "hold": (InvalidTransition, "dr-rossi", lambda hug, it: hug.sessions.hold(it, by="dr-rossi")),
    "remove": (UnknownParticipant, "nobody", lambda hug, it: hug.sessions.remove(it, "p-1", by="nobody")),
    "complete": (NotPermitted, "p-1", lambda hug, it: hug.sessions.complete(it, by="p-1")),
    "call": (NotPermitted, "p-1", lambda hug, it: hug.call(it, "p-1", by="p-1")),
    "identify": (NotPermitted, "p-1", lambda hug, it: hug.identify(it, "p-1", by="p-1", how="passport")),
    "change-modality": (
        NotPermitted,
        "p-1",
        lambda hug, it: hug.sessions.change_modality(it, "audio", by="p-1"),
    ),
}


@pytest.mark.parametrize("action", REFUSALS)
async def test_what_was_refused_is_in_the_trail_before_it_is_told(hug: HugAtHome, action: str) -> None:
    error, by, attempt = REFUSALS[action]
    session = await planned(hug)

    with pytest.raises(error):
        await attempt(hug, session.id)

    (refused,) = await told(hug, after=2)
    assert (refused.session, refused.action, refused.by) == (session.id, action, by)
    assert refused.result == error.problem.rpartition(":")[2]
    assert await hug.sessions.get(session.id) == session
    assert [event.position async for event in hug.events(organisation="hug")] == [1, 2]


async def test_whoever_is_refused_again_and_again_does_not_fill_the_trail() -> None:
    clock = FakeClock(NOW)
    async with HugAtHome(store=open_store("memory://"), **options(clock=clock)) as hug:
        session = await planned(hug)

        async def hammers(times: int, by: str = "p-1") -> int:
            """Return how many refusals have been written by then."""
            for _ in range(times):
                with pytest.raises(NotPermitted):
                    await hug.sessions.discontinue(session.id, by=by)
            return [entry.result for entry in await told(hug)].count("not-permitted")

        most = await hammers(70)
        assert 20 < most < 70
        assert await hammers(10) == most
        await clock.advance(hours=1)
        assert await hammers(1) == most + 1


async def test_how_often_one_is_refused_hides_no_refusal_of_another() -> None:
    async with HugAtHome(store=open_store("memory://"), **options()) as hug:
        nurse = Participant(id="nurse", role="nurse", name="N. Favre")
        session = await planned(hug, participants=[*PEOPLE, nurse])
        for by in [*["p-1"] * 70, "nurse"]:
            with pytest.raises(NotPermitted):
                await hug.sessions.discontinue(session.id, by=by)

        assert (await told(hug))[-1].by == "nurse"


@pytest.mark.parametrize("limit", [0, -1, "3", 2**70, None])
async def test_a_trail_is_read_in_pages_of_a_number(limit: Any) -> None:
    store = open_store("memory://")
    trail = Trail(store=store.sessions, keys=KeyRing(KEY))

    with pytest.raises(InvalidInput):
        await trail.entries("hug", limit=limit)


async def test_an_invitation_without_consent_and_a_step_after_the_end_are_refusals(hug: HugAtHome) -> None:
    session = await hug.sessions.plan(**PLAN)
    with pytest.raises(ConsentMissing):
        await hug.invite(session.id, "p-1")
    await hug.sessions.cancel(session.id, by="the secretary")
    with pytest.raises(SessionEnded):
        await hug.sessions.extend(session.id, closes_at=NOW + timedelta(hours=5), by="dr-rossi")

    assert lines(await told(hug))[1:] == [
        (2, "invite", None, "p-1", "consent-missing"),
        (3, "cancel", "the secretary", None, DONE),
        (4, "extend", "dr-rossi", None, "session-ended"),
    ]


async def test_no_entry_holds_a_name_a_number_a_reference_or_a_reason(hug: HugAtHome) -> None:
    session = await planned(hug, reference="appointment/4711")
    await hug.sessions.arrive(session.id, "p-1")
    await hug.sessions.deny(session.id, "p-1", by="dr-rossi", reason="unwell")

    written = "".join(entry.to_json() for entry in await told(hug))

    for canary in ("Dupont", "Rossi", "41791234567", "urn:pid:77", "4711", "unwell", "cardiology"):
        assert canary not in written


# --- Organisations -------------------------------------------------------------------------------


async def test_each_organisation_has_a_trail_of_its_own(hug: HugAtHome) -> None:
    for organisation in ("hug", "chuv", "hug"):
        await planned(hug, organisation=organisation)

    assert [len(await told(hug, name)) for name in ("hug", "chuv", "insel")] == [4, 2, 0]
    assert (await hug.verify_audit(organisation="chuv")).position == 2
    assert await hug.verify_audit(organisation="insel") == START


@pytest.mark.parametrize("organisation", ["chuv", "", "a b", None, 5, "x" * 33])
async def test_the_trail_of_no_organisation_of_ours_is_refused(organisation: Any) -> None:
    named = {"hug": Organisation()}
    async with HugAtHome(store=open_store("memory://"), organisations=named, **options()) as hug:
        for asked in (
            hug.audit_head(organisation=organisation),
            hug.verify_audit(organisation=organisation),
            told(hug, organisation),
        ):
            with pytest.raises(InvalidInput):
                await asked


@pytest.mark.parametrize("noted", ["", "5", 5, b"", "1:xyz"])
async def test_what_is_no_head_or_position_is_refused(noted: Any) -> None:
    async with HugAtHome(store=open_store("memory://"), **options()) as hug:
        for asked in (
            hug.verify_audit(organisation="hug", head=noted),
            hug.verify_audit(organisation="hug", after=noted),
            told(hug, after=-1),
            told(hug, after="1"),  # type: ignore[arg-type]
        ):
            with pytest.raises(InvalidInput):
                await asked


# --- Keys ----------------------------------------------------------------------------------------


async def test_a_trail_goes_on_under_a_new_key(database: str) -> None:
    async with HugAtHome(store=open_store(database), **options(key=OLD)) as hug:
        await held(hug)
    async with HugAtHome(store=open_store(database), **options(key={"new": KEY, "old": OLD})) as hug:
        await held(hug)

        assert (await hug.verify_audit(organisation="hug")).position == 12
        assert len(await told(hug)) == 12
    async with HugAtHome(store=open_store(database), **options()) as hug:
        with pytest.raises(AuditBroken) as broken:
            await hug.verify_audit(organisation="hug")
    assert (broken.value.position, broken.value.fault) == (1, "unknown-key")


# --- Tampering -----------------------------------------------------------------------------------


def executed(url: str, *statements: str) -> None:
    """Do to the database what its own people could do."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
    engine.dispose()


SWAP = tuple(
    f"UPDATE hugathome_audit SET position = {after} WHERE position = {before}"
    for before, after in ((2, 99), (5, 2), (99, 5))
)
RENUMBER = (
    "UPDATE hugathome_audit SET position = position + 100 WHERE position > 3",
    "UPDATE hugathome_audit SET position = position - 101 WHERE position > 100",
)
COPY = """
    INSERT INTO hugathome_audit
    SELECT organisation, 7, previous, digest, body FROM hugathome_audit WHERE position = 4
"""
TAMPERING: dict[str, tuple[int, Sequence[str], str]] = {
    "altered": (4, ["UPDATE hugathome_audit SET body = digest WHERE position = 4"], "unknown-key"),
    "its digest altered": (4, ["UPDATE hugathome_audit SET digest = previous WHERE position = 4"], "altered"),
    "removed": (3, ["DELETE FROM hugathome_audit WHERE position = 3"], "removed"),
    "removed and renumbered": (
        3,
        ["DELETE FROM hugathome_audit WHERE position = 3", *RENUMBER],
        "removed",
    ),
    "the first removed": (1, ["DELETE FROM hugathome_audit WHERE position < 3"], "removed"),
    "copied": (
        7,
        [COPY],
        "inserted",
    ),
    "swapped": (2, SWAP, "moved"),
}


@pytest.mark.parametrize("done", TAMPERING)
async def test_the_first_entry_that_somebody_touched_is_named(
    hug: HugAtHome, database: str, done: str
) -> None:
    position, statements, fault = TAMPERING[done]
    await held(hug)
    executed(database, *statements)

    with pytest.raises(AuditBroken) as broken:
        await hug.verify_audit(organisation="hug")

    assert (broken.value.position, broken.value.fault) == (position, fault)


async def test_a_cut_end_shows_only_by_the_head_that_was_noted(hug: HugAtHome, database: str) -> None:
    await held(hug)
    noted = str(await hug.audit_head(organisation="hug"))
    executed(database, "DELETE FROM hugathome_audit WHERE position > 4")

    assert (await hug.verify_audit(organisation="hug")).position == 4
    with pytest.raises(AuditBroken, match="audit entry 5: removed"):
        await hug.verify_audit(organisation="hug", head=noted)


async def test_what_is_written_after_a_cut_does_not_hide_it(hug: HugAtHome, database: str) -> None:
    await held(hug)
    noted = await hug.audit_head(organisation="hug")
    executed(database, "DELETE FROM hugathome_audit WHERE position > 4")
    await held(hug)

    assert (await hug.verify_audit(organisation="hug")).position == 10
    with pytest.raises(AuditBroken, match="audit entry 6: removed"):
        await hug.verify_audit(organisation="hug", head=noted)


async def test_old_entries_may_go_once_their_head_was_noted(hug: HugAtHome, database: str) -> None:
    await held(hug)
    noted = await hug.audit_head(organisation="hug")
    await held(hug)
    executed(database, f"DELETE FROM hugathome_audit WHERE position <= {noted.position}")

    assert (await hug.verify_audit(organisation="hug", after=noted)).position == 12
    with pytest.raises(AuditBroken, match="audit entry 1: removed"):
        await hug.verify_audit(organisation="hug")


async def test_a_trail_of_many_pages_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hugathome.visits.trail._AT_ONCE", 2)
    async with HugAtHome(store=open_store("memory://"), **options()) as hug:
        await held(hug)
        await held(hug)
        trails: Any = hug._store.sessions

        assert (await hug.verify_audit(organisation="hug")).position == 12
        trails._trails["hug"][4:6] = reversed(trails._trails["hug"][4:6])
        with pytest.raises(AuditBroken, match="audit entry 5"):
            await hug.verify_audit(organisation="hug")


@pytest.mark.parametrize("column", ["position", "previous", "digest", "body"])
@pytest.mark.parametrize("value", ["'no bytes'", "''", "9.5", "'ä'", "-1"])
async def test_whatever_sqlite_lets_somebody_write_is_found(tmp_path: Path, column: str, value: str) -> None:
    url = f"sqlite:///{tmp_path}/clinic.db"
    async with HugAtHome(store=open_store(url), **options()) as hug:
        await held(hug)
        with closing(sqlite3.connect(tmp_path / "clinic.db")) as raw:
            raw.execute(f"UPDATE hugathome_audit SET {column} = {value} WHERE position = 3")
            raw.commit()

        with pytest.raises(AuditBroken) as broken:
            await hug.verify_audit(organisation="hug")
        with suppress(StoreUnavailable):
            await told(hug)

    assert broken.value.position == 3


# --- Stores and hosts ----------------------------------------------------------------------------


class KeepsNoTrail:
    """A store that was written before there was an audit trail."""

    async def load_session(self, session_id: str) -> None:
        """Return none."""


def test_a_store_that_keeps_no_trail_is_refused_at_construction() -> None:
    sessions: Any = KeepsNoTrail()

    with pytest.raises(ConfigurationError, match="keeps no audit trail"):
        HugAtHome(store=Store(sessions=sessions, codes=MemoryCodes()), **options())


def test_a_trail_is_read_and_verified_without_an_event_loop(database: str) -> None:
    with blocking.HugAtHome(store=open_store(database), **options()) as hug:
        session = hug.sessions.plan(**PLAN)
        with pytest.raises(NotPermitted):
            hug.sessions.complete(session.id, by="p-1")

        assert lines(list(hug.audit(organisation="hug")))[1:] == [
            (2, "complete", "p-1", None, "not-permitted")
        ]
        assert hug.verify_audit(organisation="hug") == hug.audit_head(organisation="hug")


async def test_of_many_who_write_at_once_each_has_an_entry(hug: HugAtHome) -> None:
    session = await planned(hug)

    async def refused() -> None:
        with pytest.raises(NotPermitted):
            await hug.sessions.admit(session.id, "p-1", by="p-1")

    await asyncio.gather(*(work() for _ in range(4) for work in (refused, lambda: planned(hug))))

    entries = await told(hug)
    assert [entry.position for entry in entries] == list(range(1, 15))
    assert sum(entry.result != DONE for entry in entries) == 4
    assert (await hug.verify_audit(organisation="hug")).position == 14


def host_of(url: str) -> sa.Engine:
    return sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))


def test_what_a_host_rolls_back_leaves_no_entry_and_what_it_commits_leaves_all(database: str) -> None:
    engine = host_of(database)
    with engine.connect() as connection:
        hug = blocking.HugAtHome(store=open_store(connection), **options())
        transaction = connection.begin()
        hug.sessions.plan(**PLAN)
        transaction.rollback()
        with connection.begin():
            session = hug.sessions.plan(**PLAN)
            with pytest.raises(NotPermitted):
                hug.sessions.complete(session.id, by="p-1")

        with connection.begin():
            assert [entry.result for entry in hug.audit(organisation="hug")] == [DONE, "not-permitted"]
            assert hug.verify_audit(organisation="hug").position == 2
    engine.dispose()


@pytest.mark.skipif(not servers.HAS_POSTGRESQL, reason="no PostgreSQL can be started as its own user")
@pytest.mark.parametrize("commits", [True, False], ids=["committed", "rolled back"])
def test_two_open_transactions_of_a_host_make_one_chain(postgresql: str, commits: bool) -> None:
    """The second waits for the first, however that ends: it may not link to what may never have been."""
    with psycopg.connect(postgresql, autocommit=True) as watching:
        watching.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        watching.execute(schema("postgresql").encode())
        engine = host_of(postgresql)

        def plan_in(connection: sa.Connection) -> None:
            blocking.HugAtHome(store=open_store(connection), **options()).sessions.plan(**PLAN)

        def second() -> None:
            with engine.begin() as connection:
                plan_in(connection)

        with engine.begin() as connection:
            plan_in(connection)  # the organisation's first
        with engine.connect() as first:
            transaction = first.begin()
            plan_in(first)
            thread = threading.Thread(target=second)
            thread.start()
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
            while watching.execute(waiting).fetchone() != (1,):
                assert thread.is_alive()
            (transaction.commit if commits else transaction.rollback)()
            thread.join()
        engine.dispose()

    store = open_store(postgresql).for_blocking()
    assert drive(Trail(store=store.sessions, keys=KeyRing(KEY)).verify("hug")).position == 2 + commits
    drive(store.aclose())

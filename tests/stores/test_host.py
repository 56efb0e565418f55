"""Sessions on a host's `sqlalchemy.Connection`: in its transaction, and nothing is sent before it commits."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.stores.stored import NOW, STORED

from hugathome._drive import drive
from hugathome.blocking import HugAtHome
from hugathome.codes import Sms
from hugathome.errors import SessionNotFound, SmsNotSent
from hugathome.record.participants import Participant
from hugathome.record.transitions import Status
from hugathome.rooms.journal import Journal
from hugathome.session import Session
from hugathome.signalling import Recorded
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.stores.sql import METADATA
from hugathome.testing.clock import FakeClock


class RefusingSms:
    """A gateway whose provider is away."""

    async def send(self, message: Sms) -> None:
        raise SmsNotSent("the provider is away")


class BrokenSms:
    """A gateway that raises what it should not."""

    async def send(self, message: Sms) -> None:
        raise ZeroDivisionError(str(message.to))


class Undecided(Exception):
    """What a host raises after it has planned."""


@pytest.fixture
def engine(database: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(database.replace("postgresql://", "postgresql+psycopg://"))
    METADATA.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: sa.Engine) -> Iterator[sa.Connection]:
    with engine.connect() as connection:
        yield connection


Embed = Callable[[OutboxSms | RefusingSms | BrokenSms], HugAtHome]


@pytest.fixture
def embed(connection: sa.Connection) -> Iterator[Embed]:
    """Return what makes a deployment on the host's connection; it is closed afterwards."""
    with ExitStack() as stack:

        def embed(sms: OutboxSms | RefusingSms | BrokenSms) -> HugAtHome:
            return stack.enter_context(
                HugAtHome(
                    key=b"a secret of thirty-two bytes, no",
                    store=open_store(connection),
                    sms=sms,
                    site="https://www.example.ch/visit",
                    timezone="Europe/Zurich",
                    brand="HUG",
                    clock=FakeClock(NOW),
                )
            )

        yield embed


def plan(hug: HugAtHome) -> Session:
    session = hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=NOW,
        ends_at=NOW + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
        ],
    )
    return hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")


def others_see(engine: sa.Engine, table: str = "session") -> int:
    with engine.connect() as other:
        return other.execute(
            sa.select(sa.func.count()).select_from(METADATA.tables[f"hugathome_{table}"])
        ).scalar_one()


def test_what_the_host_commits_is_kept_and_then_sent(
    embed: Embed, connection: sa.Connection, engine: sa.Engine
) -> None:
    sms = OutboxSms()
    hug = embed(sms)

    with connection.begin():
        session = plan(hug)
        hug.invite(session.id, "p-1")
        assert (sms.outbox, others_see(engine)) == ([], 0)

    assert (len(sms.outbox), others_see(engine)) == (1, 1)
    with connection.begin():
        assert hug.sessions.get(session.id).of("p-1").messages[0].status == "sent"


def test_what_the_host_rolls_back_was_never_planned(
    embed: Embed, connection: sa.Connection, engine: sa.Engine
) -> None:
    sms = OutboxSms()
    hug = embed(sms)

    with suppress(Undecided), connection.begin():
        session = plan(hug)
        hug.invite(session.id, "p-1")
        raise Undecided
    with connection.begin():
        plan(hug)

    assert (sms.outbox, others_see(engine)) == ([], 1)
    with pytest.raises(SessionNotFound):
        hug.sessions.get(session.id)


WRITTEN = ("session", "lookup", "tag", "event", "audit", "counter")


def test_what_is_written_beside_a_session_commits_with_it(
    embed: Embed, connection: sa.Connection, engine: sa.Engine
) -> None:
    hug = embed(OutboxSms())

    with suppress(Undecided), connection.begin():
        hug.invite(plan(hug).id, "p-1")
        raise Undecided
    assert {table: others_see(engine, table) for table in WRITTEN} == dict.fromkeys(WRITTEN, 0)

    with connection.begin():
        hug.invite(plan(hug).id, "p-1")
    assert [table for table in WRITTEN if not others_see(engine, table)] == []


def room_of(hug: HugAtHome, session: Session) -> list[object]:
    """Return what the log of a session's room holds."""
    journal: Journal = hug._crew.consultations._journal
    return [entry for _, entry in drive(journal.load(session.id))]


def test_what_only_a_savepoint_rolled_back_is_neither_sent_nor_told(
    embed: Embed, connection: sa.Connection
) -> None:
    sms = OutboxSms()
    hug = embed(sms)

    with connection.begin():
        session = plan(hug)
        with suppress(Undecided), connection.begin_nested():
            hug.invite(session.id, "p-1")
            hug.sessions.arrive(session.id, "p-1")
            hug.sessions.admit(session.id, "p-1", by="dr-rossi")
            raise Undecided
        with connection.begin_nested():
            hug.sessions.cancel(session.id, by="dr-rossi")

    assert sms.outbox == []
    assert [getattr(entry, "status", None) for entry in room_of(hug, session)] == [Status.CANCELLED]


def test_the_room_is_told_beside_what_is_sent(embed: Embed, connection: sa.Connection) -> None:
    sms = OutboxSms()
    hug = embed(sms)

    with connection.begin():
        session = plan(hug)
        hug.invite(session.id, "p-1")
        hug.sessions.arrive(session.id, "p-1")
        hug.sessions.admit(session.id, "p-1", by="dr-rossi")

    assert len(sms.outbox) == 1
    admitted, delivered = room_of(hug, session)
    assert isinstance(admitted, Recorded)
    assert isinstance(delivered, Recorded)
    assert admitted.status == Status.IN_PROGRESS
    assert delivered.version > admitted.version


def test_nothing_is_sent_of_what_others_cannot_read(
    embed: Embed, connection: sa.Connection, engine: sa.Engine
) -> None:
    seen: list[int] = []
    store = open_store(connection).sessions

    async def look() -> None:
        seen.append(others_see(engine))

    with connection.begin():
        plan(embed(OutboxSms()))
        drive(store.after_commit(look))

    assert seen == [1]


def test_a_commit_that_fails_sends_nothing(
    embed: Embed, connection: sa.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    sms = OutboxSms()
    hug = embed(sms)

    def refuse(_connection: object) -> None:
        raise Undecided

    with suppress(Undecided), connection.begin():
        hug.invite(plan(hug).id, "p-1")
        monkeypatch.setattr(connection.dialect, "do_commit", refuse)
    monkeypatch.undo()
    connection.rollback()
    with connection.begin():
        plan(hug)

    assert sms.outbox == []


def test_a_gateway_that_is_away_fails_no_transaction(embed: Embed, connection: sa.Connection) -> None:
    hug = embed(RefusingSms())

    with connection.begin():
        session = plan(hug)
        hug.invite(session.id, "p-1")

    with connection.begin():
        assert hug.sessions.get(session.id).of("p-1").messages[0].status == "failed"


def test_a_gateway_that_breaks_its_promise_fails_no_transaction_either(
    embed: Embed, connection: sa.Connection, caplog: pytest.LogCaptureFixture
) -> None:
    hug = embed(BrokenSms())

    with connection.begin():
        session = plan(hug)
        hug.invite(session.id, "p-1")

    with connection.begin():
        assert hug.sessions.get(session.id).of("p-1").messages[0].status == "failed"
    assert caplog.messages[0] == "a gateway raised ZeroDivisionError, and not SmsNotSent"


def test_what_waits_is_done_once_and_in_order(connection: sa.Connection) -> None:
    done: list[str] = []
    store = open_store(connection).sessions

    def noting(what: str) -> Callable[[], Awaitable[None]]:
        async def note() -> None:
            done.append(what)

        return note

    for _ in range(2):
        with connection.begin():
            for what in ("one", "two"):
                drive(store.after_commit(noting(what)))
        with connection.begin():
            pass

    assert done == ["one", "two"] * 2


def test_the_hosts_connection_stays_open(embed: Embed, connection: sa.Connection) -> None:
    hug = embed(OutboxSms())
    with connection.begin():
        plan(hug)
    hug.close()

    assert not connection.closed


def test_who_is_there_can_be_asked_while_the_host_holds_its_transaction_open(
    embed: Embed, connection: sa.Connection
) -> None:
    with connection.begin():
        first = embed(OutboxSms())
        session = plan(first)
        first.sessions.arrive(session.id, "p-1")
        first.sessions.admit(session.id, "p-1", by="dr-rossi")  # makes the log's tables, once committed

    sms = OutboxSms()
    begun = embed(sms)  # a process that has not used the log before
    with connection.begin():
        begun.invite(session.id, "p-1")
        begun.call(session.id, "p-1", by="dr-rossi")

    assert len(sms.outbox) == 2


def test_everything_is_kept_in_the_schema_that_the_host_says(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/clinic.db")
    METADATA.create_all(engine)  # where nothing may go
    with engine.connect() as connection:
        connection.exec_driver_sql(f"ATTACH DATABASE '{tmp_path}/visits.db' AS visits")
        connection.execution_options(schema_translate_map={None: "visits"})
        sessions = open_store(connection).sessions
        drive(sessions.save_session(STORED, expected=0, events=[b"1"]))
        again = replace(STORED, version=2, lookups=frozenset(), tags={})

        assert drive(sessions.save_session(again, expected=1, events=[b"2"]))
        assert drive(sessions.load_session("hug.s1")) == again
        assert drive(sessions.load_events("hug", after=0, limit=9)) == [(1, b"1"), (2, b"2")]
    engine.dispose()

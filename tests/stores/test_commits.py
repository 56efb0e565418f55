"""Two hosts' transactions that are open at the same time: whoever commits last, no event or entry is lost."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import sqlalchemy as sa
from tests import servers

from hugathome._drive import drive
from hugathome.blocking import HugAtHome
from hugathome.record.participants import Participant
from hugathome.record.shelf import StoredSession
from hugathome.record.transitions import Status
from hugathome.sms import OutboxSms
from hugathome.stores import open_store, schema
from hugathome.testing.clock import FakeClock

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)

SESSION = StoredSession(
    id="hug.s1",
    organisation="hug",
    version=1,
    status=Status.PLANNED,
    starts_at=NOW,
    due_at=None,
    lookups=frozenset(),
    tags={},
    body=b"sealed",
)

pytestmark = pytest.mark.skipif(
    not servers.HAS_POSTGRESQL, reason="no PostgreSQL can be started as its own user"
)


@pytest.fixture
def raw(postgresql: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute(schema("postgresql").encode())
        connection.execute("CREATE TABLE appointment (number INTEGER)")
        yield connection


class Host:
    """A host with a connection of its own, and ours on it."""

    def __init__(self, connection: sa.Connection, stack: ExitStack) -> None:
        self.connection = connection
        self.hug = stack.enter_context(
            HugAtHome(
                key=b"a secret of thirty-two bytes, no",
                store=open_store(connection),
                sms=OutboxSms(),
                site="https://www.example.ch/visit",
                timezone="Europe/Zurich",
                brand="HUG",
                clock=FakeClock(NOW),
            )
        )

    def begin(self) -> None:
        """Begin a transaction with a row of the host's own."""
        self.connection.execute(sa.text("INSERT INTO appointment VALUES (1)"))

    def plan(self, organisation: str = "hug") -> str:
        session = self.hug.sessions.plan(
            organisation=organisation,
            service="cardiology",
            starts_at=NOW,
            ends_at=NOW + timedelta(minutes=30),
            participants=[
                Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
                Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
            ],
        )
        return session.id

    def told(self, organisation: str = "hug") -> list[tuple[int, str]]:
        events = [(event.position, event.session) for event in self.hug.events(organisation=organisation)]
        self.connection.rollback()
        return events


@pytest.fixture
def hosts(raw: psycopg.Connection, postgresql: str) -> Iterator[list[Host]]:
    engine = sa.create_engine(postgresql.replace("postgresql://", "postgresql+psycopg://"))
    with ExitStack() as stack:
        stack.callback(engine.dispose)
        yield [Host(stack.enter_context(closing(engine.connect())), stack) for _ in range(3)]


def is_somebody_waiting(raw: psycopg.Connection) -> bool:
    return bool(raw.execute("SELECT 1 FROM pg_locks WHERE NOT granted").fetchone())


def test_who_began_first_and_commits_last_is_told_last(hosts: list[Host]) -> None:
    early, late, reader = hosts
    early.begin()
    late.begin()

    second = late.plan()
    late.connection.commit()
    assert reader.told() == [(1, second)]
    first = early.plan()
    early.connection.commit()

    assert reader.told() == [(1, second), (2, first)]
    assert reader.hug.verify_audit(organisation="hug").position == 2


def test_who_saves_behind_somebody_waits_until_they_have_committed(
    hosts: list[Host], raw: psycopg.Connection
) -> None:
    early, late, reader = hosts
    first = early.plan()
    with ThreadPoolExecutor(1) as thread:
        saved = thread.submit(late.plan)
        while not is_somebody_waiting(raw):
            assert not saved.done()
        assert reader.told() == []
        early.connection.commit()
        second = saved.result(timeout=20)

    assert reader.told() == [(1, first)]
    late.connection.commit()

    assert reader.told() == [(1, first), (2, second)]
    assert reader.hug.verify_audit(organisation="hug").position == 2


def test_who_saves_behind_somebody_that_rolls_back_leaves_no_gap(
    hosts: list[Host], raw: psycopg.Connection
) -> None:
    early, late, reader = hosts
    early.plan()
    with ThreadPoolExecutor(1) as thread:
        saved = thread.submit(late.plan)
        while not is_somebody_waiting(raw):
            assert not saved.done()
        early.connection.rollback()
        second = saved.result(timeout=20)
    late.connection.commit()

    assert reader.told() == [(1, second)]
    assert reader.hug.verify_audit(organisation="hug").position == 1


def test_another_organisation_waits_for_nobody(hosts: list[Host]) -> None:
    early, late, reader = hosts
    first = early.plan("hug")
    second = late.plan("chuv")
    late.connection.commit()
    early.connection.commit()

    assert (reader.told("hug"), reader.told("chuv")) == ([(1, first)], [(1, second)])


def test_who_rewrites_an_event_behind_somebody_else_puts_nothing_back(
    raw: psycopg.Connection, postgresql: str
) -> None:
    first, second = (open_store(postgresql).for_blocking() for _ in range(2))
    drive(first.sessions.save_session(SESSION, expected=0, events=[b"told"]))
    with ThreadPoolExecutor(1) as thread:

        def rewrite(body: bytes) -> bytes:
            other = thread.submit(
                drive, second.sessions.rewrite_events(SESSION.id, lambda body: body + b", by another")
            )
            while not is_somebody_waiting(raw) and not other.done():
                pass
            return body + b", by one"

        drive(first.sessions.rewrite_events(SESSION.id, rewrite))

    assert drive(first.sessions.load_events("hug", after=0, limit=9)) == [(1, b"told, by one, by another")]
    for store in (first, second):
        drive(store.aclose())

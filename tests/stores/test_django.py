"""Sessions on Django's own connection: what a view rolls back was never planned, and nothing is sent."""

import logging
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import django
import pytest
from django.conf import settings
from django.db import DatabaseError, connection, connections, transaction

from hugathome._drive import drive
from hugathome.blocking import HugAtHome
from hugathome.codes import Sms
from hugathome.errors import ConfigurationError, SessionNotFound, SmsNotSent, StoreUnavailable
from hugathome.record.participants import Participant
from hugathome.session import Session
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store, schema
from hugathome.stores._database import Work
from hugathome.stores._host import DjangoDatabase
from hugathome.stores.sql import SqlSessions
from hugathome.testing.check_store import check_store
from hugathome.testing.clock import FakeClock

T = TypeVar("T")

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


class Undecided(Exception):
    """What a view raises after it has planned."""


class RefusingSms:
    """A gateway whose provider is away."""

    async def send(self, message: Sms) -> None:
        raise SmsNotSent("the provider is away")


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture(scope="module", autouse=True)
def configured(folder: Path, socket: str | None) -> None:
    """Give Django a file, and a server where one can be started."""
    if settings.configured:
        return
    options = {"transaction_mode": "IMMEDIATE", "timeout": 5}
    file = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / "clinic.db"), "OPTIONS": options}
    server = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "template1",
        "USER": "postgres",
        "HOST": socket,
    }
    settings.configure(DATABASES={"default": file, "server": server} if socket else {"default": file})
    django.setup()


@pytest.fixture(autouse=True)
def emptied(configured: None) -> Iterator[None]:
    yield
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"DELETE FROM {table}")
    connections.close_all()


@pytest.fixture
def sms() -> OutboxSms:
    return OutboxSms()


def hug_with(sms: OutboxSms | RefusingSms) -> HugAtHome:
    return HugAtHome(
        key=b"a secret of thirty-two bytes, no",
        store=open_store(connection),
        sms=sms,
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
        clock=FakeClock(NOW),
    )


@pytest.fixture
def hug(sms: OutboxSms) -> Iterator[HugAtHome]:
    with hug_with(sms) as hug:
        yield hug


def plan(hug: HugAtHome, *, reference: str = "appointment/4711") -> Session:
    session = hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=NOW,
        ends_at=NOW + timedelta(minutes=30),
        reference=reference,
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
        ],
    )
    return hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")


def rows(table: str) -> int:
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return 0
        cursor.execute(f"SELECT COUNT(*) FROM {table}")
        count: int = cursor.fetchone()[0]
        return count


def rolled_back(view: Callable[[], object]) -> None:
    """Run a view whose transaction fails at its end."""
    with suppress(Undecided), transaction.atomic():
        view()
        raise Undecided


KEPT = tuple(f"hugathome_{name}" for name in ("session", "lookup", "tag", "event", "audit", "counter"))

# --- The promises --------------------------------------------------------------------------------


class OneRequestPerThread(DjangoDatabase):
    """Closes what another thread has opened, as Django does at the end of a request."""

    async def run(self, work: Work[T]) -> T:
        try:
            return await super().run(work)
        finally:
            if threading.current_thread() is not threading.main_thread():
                self._of_this_thread().close()


def test_the_store_on_djangos_connection_keeps_every_rule(alias: str) -> None:
    host = connections[alias]
    if host.vendor == "postgresql":
        with host.cursor() as cursor:
            cursor.execute(schema("postgresql"))
    codes = open_store("memory://").codes

    drive(check_store(lambda: Store(sessions=SqlSessions(OneRequestPerThread(host)), codes=codes)))


def test_a_view_that_raises_leaves_nothing_and_sends_nothing(hug: HugAtHome, sms: OutboxSms) -> None:
    planned: list[Session] = []

    def view() -> None:
        planned.append(plan(hug))
        hug.invite(planned[0].id, "p-1")
        assert hug.sessions.find(organisation="hug", reference="appointment/4711").id == planned[0].id

    rolled_back(view)

    assert {table: rows(table) for table in KEPT} == dict.fromkeys(KEPT, 0)
    assert sms.outbox == []
    assert list(hug.events(organisation="hug")) == []
    with pytest.raises(SessionNotFound):
        hug.sessions.get(planned[0].id)


def test_a_view_that_returns_leaves_all_of_it(hug: HugAtHome) -> None:
    with transaction.atomic():
        hug.invite(plan(hug).id, "p-1")

    assert [table for table in KEPT if not rows(table)] == []


def test_the_next_view_is_not_haunted_by_the_one_that_raised(hug: HugAtHome, sms: OutboxSms) -> None:
    rolled_back(lambda: hug.invite(plan(hug).id, "p-1"))

    with transaction.atomic():
        plan(hug)

    assert sms.outbox == []
    assert [event.position for event in hug.events(organisation="hug")] == [1, 2]


def test_a_view_that_returns_keeps_all_of_it_and_then_sends(hug: HugAtHome, sms: OutboxSms) -> None:
    with transaction.atomic():
        session = plan(hug)
        invitation = hug.invite(session.id, "p-1")
        assert invitation.delivery == "queued"
        assert sms.outbox == []

    assert len(sms.outbox) == 1
    assert invitation.url in sms.outbox[0].text
    assert hug.invite(session.id, "p-1").delivery == "sent"
    assert len(sms.outbox) == 1


def test_what_only_an_inner_block_rolled_back_is_not_sent_either(hug: HugAtHome, sms: OutboxSms) -> None:
    with transaction.atomic():
        kept = plan(hug, reference="kept")
        rolled_back(lambda: hug.invite(kept.id, "p-1"))

    assert sms.outbox == []
    assert not hug.sessions.get(kept.id).of("p-1").messages


def test_without_a_transaction_of_the_views_each_call_commits(hug: HugAtHome, sms: OutboxSms) -> None:
    session = plan(hug)

    assert hug.invite(session.id, "p-1").delivery == "sent"
    assert len(sms.outbox) == 1
    assert not connection.in_atomic_block


def test_what_was_saved_stands_in_djangos_database(hug: HugAtHome) -> None:
    plan(hug)

    assert rows("hugathome_session") == 1
    connections.close_all()
    assert hug.sessions.find(organisation="hug", reference="appointment/4711").consent is not None


def test_the_hosts_own_rows_and_ours_commit_together(hug: HugAtHome) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE IF NOT EXISTS appointment (session TEXT PRIMARY KEY)")

    def book_twice() -> None:
        session = plan(hug)
        with connection.cursor() as cursor:
            for _ in range(2):
                cursor.execute("INSERT INTO appointment VALUES (%s)", [session.id])

    with pytest.raises(DatabaseError):
        transaction.atomic(book_twice)()

    assert (rows("appointment"), rows("hugathome_session")) == (0, 0)


# --- What goes wrong -----------------------------------------------------------------------------


def test_a_gateway_that_is_away_is_told_to_a_view_without_a_transaction() -> None:
    with hug_with(RefusingSms()) as hug:
        session = plan(hug)

        with pytest.raises(SmsNotSent):
            hug.invite(session.id, "p-1")

        assert hug.sessions.get(session.id).of("p-1").messages[0].status == "failed"


def test_a_gateway_that_is_away_fails_no_transaction(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with hug_with(RefusingSms()) as hug, caplog.at_level(logging.DEBUG):
        with transaction.atomic():
            session = plan(hug)
            hug.invite(session.id, "p-1")

        assert hug.sessions.get(session.id).of("p-1").messages[0].status == "failed"
    assert "791234567" not in caplog.text


def test_a_database_that_refuses_is_said_to_be_unavailable(hug: HugAtHome) -> None:
    plan(hug)
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE hugathome_lookup")
        cursor.execute("CREATE VIEW hugathome_lookup AS SELECT '' AS digest, '' AS session_id")

    with pytest.raises(StoreUnavailable):
        plan(hug, reference="another")

    with connection.cursor() as cursor:
        cursor.execute("DROP VIEW hugathome_lookup")
    assert not connection.in_atomic_block
    assert connection.is_usable()


class OracleConnection:
    vendor = "oracle"
    alias = "default"
    connection = None
    settings_dict: dict[str, str] = {}  # noqa: RUF012 - as Django has it

    def ensure_connection(self) -> None:
        return


def test_a_database_that_no_store_speaks_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        open_store(OracleConnection())

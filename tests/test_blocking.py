"""Without an event loop: every coroutine of the coordinators runs to its end in one step."""

import asyncio
import inspect
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hugathome import app, blocking
from hugathome._drive import drive
from hugathome.codes import Sms
from hugathome.consultations import Consultations
from hugathome.errors import (
    CodeRejected,
    ConfigurationError,
    ConsentMissing,
    NotDelivered,
    SendTooSoon,
    SessionEnded,
    SessionNotFound,
    SmsNotSent,
)
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.reach.channels import Addressee
from hugathome.reach.receipts import Receipt
from hugathome.record.expertise import Expertise
from hugathome.record.history import Action, DeliveryStatus
from hugathome.record.imaging import Site, Territory
from hugathome.record.offers import Offer, Slot
from hugathome.record.participants import Participant
from hugathome.roles import Language, Step
from hugathome.rooms.census import Census
from hugathome.sending.check_in_codes import CheckInCodes
from hugathome.sending.deliveries import Deliveries
from hugathome.sending.dispatch import Dispatch
from hugathome.sending.ways import Ways
from hugathome.session import Session
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store
from hugathome.stores.memory import MemoryCodes, MemorySessions
from hugathome.testing.clock import FakeClock
from hugathome.verifier import Verifier
from hugathome.visits.bookings import Bookings
from hugathome.visits.doorkeeper import Doorkeeper
from hugathome.visits.queues import Queues
from hugathome.visits.reception import Reception
from hugathome.visits.retention import Retention
from hugathome.visits.switchboard import Switchboard

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
COORDINATORS = (
    Bookings,
    Census,
    CheckInCodes,
    Consultations,
    Reception,
    Switchboard,
    Doorkeeper,
    Deliveries,
    Dispatch,
    Queues,
    Retention,
    Verifier,
    Ways,
)


class StoppedClock(FakeClock):
    """Is put forward without an event loop."""

    def put(self, minutes: float) -> None:
        self._now += timedelta(minutes=minutes)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/clinic.db")


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock(NOW)


@pytest.fixture
def sms() -> OutboxSms:
    return OutboxSms()


class Agenda:
    """A directory that waits for nothing."""

    whose = Offer(
        id="rossi",
        organisation="hug",
        service="cardiology",
        practitioner=Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
        discipline="cardiology",
        languages=("fr",),
        registered_in=Territory(nation="CH"),
    )

    async def offers(self, organisation: str) -> Sequence[Offer]:
        return [self.whose]

    async def slots(self, offer: Offer, *, since: datetime, until: datetime) -> Sequence[Slot]:
        monday = NOW + timedelta(days=1)
        half_hours = [monday + timedelta(minutes=30 * n) for n in range(4)]
        return [Slot(id=f"{at:%H:%M}", starts_at=at, ends_at=at + timedelta(minutes=30)) for at in half_hours]


def hug_over(store: Store, sms: Any, clock: StoppedClock) -> blocking.HugAtHome:
    return blocking.HugAtHome(
        key=b"a secret of thirty-two bytes, no",
        store=store,
        sms=sms,
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
        clock=clock,
        directory=Agenda(),
    )


@pytest.fixture
def hug(store: Store, sms: OutboxSms, clock: StoppedClock) -> Iterator[blocking.HugAtHome]:
    with hug_over(store, sms, clock) as hug:
        yield hug


def planned(hug: blocking.HugAtHome, **facts: Any) -> Session:
    return hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=NOW,
        ends_at=NOW + timedelta(minutes=30),
        **facts,
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
            Participant(id="nurse", role="nurse", name="B. Keller"),
        ],
    )


def code_in(sms: OutboxSms) -> str:
    return sms.outbox[-1].text.rpartition("#")[2]


# --- Every coroutine -----------------------------------------------------------------------------


class Visit:
    """One visit, and two others on the way, in the order in which a host would call."""

    def __init__(self, hug: blocking.HugAtHome, sms: OutboxSms, clock: StoppedClock) -> None:
        self.hug, self.sms, self.clock = hug, sms, clock
        self.done: list[str] = []

    def calls(self, name: str, call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Make one call, or drive one coroutine, and note whose it was."""
        self.done.append(name)
        result = call(*args, **kwargs)
        return drive(result) if inspect.iscoroutine(result) else result

    def hold(self) -> None:
        hug, sessions = self.hug, self.hug.sessions
        session = planned(hug, reference="appointment/4711")
        self.done.append("Consultations.plan")
        by = {"by": "dr-rossi"}
        self.calls("Consultations.accept", sessions.accept, session.id, "p-1", recorded_by="dr-rossi")
        self.calls("Consultations.withdraw", sessions.withdraw, session.id, "p-1", recorded_by="dr-rossi")
        sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        invitation = self.calls("Reception.invite", hug.invite, session.id, "p-1")
        self.calls("Reception.opened", hug.opened, invitation.link_id)
        assert self.calls("Reception.code_channels", hug.code_channels, invitation.link_id) == ("sms",)
        self.clock.put(minutes=1)
        self.calls("Reception.send_code", hug.send_code, invitation.link_id)
        grant = self.calls("Reception.check_in", hug.check_in, invitation.link_id, code_in(self.sms))
        visit_pass = self.calls("Doorkeeper.passes", hug.visit_pass, grant.token)
        self.calls("Doorkeeper.regrants", hug.regrant, visit_pass.token)
        self.calls("Doorkeeper.holder", hug.holder, visit_pass.token)
        self.calls("Doorkeeper.judge", hug._crew.doorkeeper.judge, grant.token)
        self.calls("Consultations.step", sessions.step, session.id, "p-1", Step.DEVICES_ALLOWED)
        self.calls("Consultations.depart", sessions.depart, session.id, "p-1")
        self.calls("Switchboard.call", hug.call, session.id, "p-1", **by)
        self.calls("Consultations.arrive", sessions.arrive, session.id, "p-1")
        self.calls("Consultations.admit", sessions.admit, session.id, "p-1", **by)
        self.calls("Consultations.return_to_waiting", sessions.return_to_waiting, session.id, "p-1", **by)
        sessions.arrive(session.id, "nurse")
        self.calls("Consultations.deny", sessions.deny, session.id, "nurse", **by)
        self.calls("Consultations.remove", sessions.remove, session.id, "p-1", **by)
        self.calls("Consultations.hold", sessions.hold, session.id, **by)
        self.calls("Consultations.resume", sessions.resume, session.id, **by)
        hug.invite(session.id, "p-1")
        self.clock.put(minutes=1)
        self.calls("Switchboard.send_code_for", hug.send_code_for, session.id, "p-1", **by)
        self.calls(
            "Reception.judge",
            hug._crew.reception.judge,
            hug.sessions.get(session.id),
            "p-1",
            code_in(self.sms),
        )
        self.calls("Reception.calendar", hug.calendar, session.id, "p-1")
        self.calls("Switchboard.callback_word", hug.callback_word, session.id, "p-1")
        self.calls("Switchboard.identify", hug.identify, session.id, "p-1", how="passport", **by)
        self.calls("Reception.note", hug._crew.reception.note, session.id, "p-1", Step.CALL_ANSWERED)
        self.calls("Consultations.change_modality", sessions.change_modality, session.id, "phone", **by)
        later = NOW + timedelta(hours=5)
        self.calls("Consultations.extend", sessions.extend, session.id, closes_at=later, **by)
        self.calls("Consultations.complete", sessions.complete, session.id, outcome="no-show", **by)
        self.look(session)
        self.end_otherwise()
        self.plan_otherwise()
        self.look_inside()
        self.say_and_erase()

    def look(self, session: Session) -> None:
        sessions, consultations = self.hug.sessions, self.hug._crew.consultations
        span = {"since": NOW, "until": NOW + timedelta(hours=1)}
        self.calls("Consultations.get", sessions.get, session.id)
        self.calls("Consultations.find", sessions.find, organisation="hug", reference="appointment/4711")
        assert self.calls("Consultations.list", sessions.list, organisation="hug", **span)
        assert self.calls("Consultations.events", consultations.events, organisation="hug")
        self.calls("Consultations.find_by_link", consultations.find_by_link, "nobody's")
        self.calls("Consultations.find_by_message", consultations.find_by_message, "nobody's")
        self.calls("Consultations.find_by_handle", consultations.find_by_handle, "nobody:1")
        self.calls("Consultations.change", consultations.change, session.id, lambda known: known)
        self.calls("Consultations.decided", consultations.decided, session, lambda known: known, trying=None)
        self.clock.put(minutes=60)
        self.calls("Dispatch.run_due", self.hug.run_due)
        self.calls("Consultations.forget_room", consultations.forget_room, session.id)

    def end_otherwise(self) -> None:
        sessions = self.hug.sessions
        self.calls("Consultations.cancel", sessions.cancel, planned(self.hug).id, by="the secretary")
        other = planned(self.hug)
        sessions.arrive(other.id, "p-1")
        sessions.admit(other.id, "p-1", by="dr-rossi")
        self.calls("Consultations.discontinue", sessions.discontinue, other.id, by="dr-rossi")

    def plan_otherwise(self) -> None:
        sessions, by = self.hug.sessions, {"by": "dr-rossi"}
        held = planned(self.hug, slot="tuesday 9:00", held_until=NOW + timedelta(days=1))
        self.calls("Consultations.confirm", sessions.confirm, held.id)
        later = NOW + timedelta(days=1)
        self.calls("Consultations.reschedule", sessions.reschedule, held.id, starts_at=later, **by)
        student = Participant(id="student", role="observer", name="S. Tudent")
        self.calls("Consultations.join", sessions.join, held.id, student, **by)
        self.calls("Consultations.transfer", sessions.transfer, held.id, service="oncology", **by)
        patient = Participant(id="p-1", role="patient", name="M. Dupont")
        queue_up = sessions.queue_up
        self.calls(
            "Consultations.queue_up", queue_up, organisation="hug", service="s", participants=[patient]
        )
        self.calls("Consultations.keep", self.hug._crew.consultations.keep, held.but(id="hug.new", slot=None))
        self.wait_and_take()
        self.choose()
        self.ask_experts()

    def wait_and_take(self) -> None:
        queue, doctor = self.hug.queue, Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi")
        patient = Participant(id="p-1", role="patient", name="M. Dupont")
        where: dict[str, Any] = {"organisation": "hug", "service": "urgent"}
        first = self.calls("Queues.enter", queue.enter, **where, participants=[patient])
        self.clock.put(minutes=1)
        second = queue.enter(**where, participants=[patient])
        assert self.calls("Queues.waiting", queue.waiting, **where) == [first, second]
        assert self.calls("Queues.place", queue.place, second.id).ahead == 1
        self.calls("Queues.take_next", queue.take_next, **where, by=doctor)
        self.calls("Queues.take", queue.take, second.id, by=doctor)
        consultations = self.hug._crew.consultations
        self.calls("Consultations.queued", consultations.queued, **where)
        self.calls("Consultations.ahead_of", consultations.ahead_of, second)
        find_by_slot = consultations.find_by_slot
        self.calls("Consultations.find_by_slot", find_by_slot, organisation="hug", slot="tuesday 9:00")

    def choose(self) -> None:
        offers, days = self.hug.offers, {"since": NOW, "until": NOW + timedelta(days=7)}
        patient = {"participants": [Participant(id="p-1", role="patient", name="M. Dupont")]}
        (found,) = self.calls("Bookings.search", offers.search, organisation="hug")
        first, second, third, fourth = self.calls("Bookings.slots", offers.slots, found.offer, **days)
        held = self.calls("Bookings.hold", offers.hold, found.offer, first, **patient)
        self.calls("Bookings.confirm", offers.confirm, held.id)
        self.calls("Bookings.book", offers.book, found.offer, second, **patient)
        self.calls("Bookings.move", offers.move, held.id, found.offer, third, by="the secretary")
        assert offers.slots(found.offer, **days) == [first, fourth]

    def ask_experts(self) -> None:
        sessions, by = self.hug.sessions, {"by": "dr-blanc"}
        expert = Participant(id="dr-blanc", role="practitioner", part="expert", name="Dr E. Blanc")
        question = Expertise(kind="SecondOpinion", requesting=Site(name="Regional hospital"))
        taken_on, declined = (
            sessions.join(planned(self.hug, expertise=question).id, expert, by="the secretary")
            for _ in range(2)
        )
        self.calls("Consultations.take_on", sessions.take_on, taken_on.id, **by)
        self.calls("Consultations.give_opinion", sessions.give_opinion, taken_on.id, opinion="r/1", **by)
        self.calls("Consultations.decline", sessions.decline, declined.id, **by)

    def say_and_erase(self) -> None:
        hug, sessions = self.hug, self.hug.sessions
        patient = Participant(id="p-1", role="patient", name="M. Dupont", reference="pid/4711")
        where: dict[str, Any] = {"organisation": "hug", "service": "s"}
        ended = [hug.queue.enter(**where, participants=[patient]) for _ in range(2)]
        for session in ended:
            sessions.cancel(session.id, by="the secretary")
        who = {"organisation": "hug", "reference": "pid/4711"}
        assert len(self.calls("Retention.export", hug.export, **who).sessions) == 2
        attend = hug._crew.retention.attend
        self.calls("Retention.attend", attend, sessions.get(ended[0].id))
        assert len(self.calls("Retention.erase", hug.erase, **who, by="the secretary")) == 2
        later = self.clock.now() + timedelta(days=1)
        assert self.calls("Retention.forget", hug.forget, organisation="hug", before=later, by="cron")

    def look_inside(self) -> None:
        """What other parts call: the same way, without a loop."""
        hug, policy = self.hug, CodePolicy()
        dispatch, reception = hug._crew.dispatch, hug._crew.reception
        codes, verifier = reception._codes, reception._verifier
        session = planned(hug)
        assert self.calls("Census.rooms", hug.rooms, organisation="hug") is not None
        self.calls("Census.ready", hug.ready)
        patient = session.participant("p-1")
        message = dispatch.message("invitation")
        self.calls("Dispatch.deliver", dispatch.deliver, session.id, "p-1", message)
        conclude = hug._crew.deliveries.conclude
        self.calls("Deliveries.conclude", conclude, session.id, "p-1", message, DeliveryStatus.SENT, texts=1)
        receipt = Receipt(reference="nobody.1", status=DeliveryStatus.DELIVERED)
        self.calls("Deliveries.receive", hug.receive_receipt, receipt)
        keep = hug._crew.deliveries.keep
        self.calls("Deliveries.keep", keep, session.id, "p-1", message, part=1, handle="ovhcloud:1")
        self.calls("CheckInCodes.send", codes.send, session, patient)
        self.calls("CheckInCodes.channels", codes.channels, session, patient)
        invited = hug.sessions.get(session.id)
        self.calls("CheckInCodes.reserved", codes.reserved, invited, patient, is_retry=True)
        ways = Ways.of(hug.house("hug"))
        to = Addressee(
            organisation="hug", id="p-1", phone=PhoneNumber.parse("+41791234567"), language=Language.FRENCH
        )
        self.calls("Ways.open_to", ways.open_to, to)
        self.calls("Ways.chosen", ways.chosen, to)
        challenge = self.calls(
            "Verifier.issue",
            verifier.issue,
            policy,
            organisation="hug",
            purpose="test",
            subject="s",
            phone=patient.phone,
        )
        code = self.calls("Verifier.reserve", verifier.reserve, challenge, policy)
        refusal = NotDelivered("no connection to the gateway", is_certain=True)
        self.calls("Verifier.not_delivered", verifier.not_delivered, code, refusal)
        self.calls("CheckInCodes.not_delivered", codes.not_delivered, code, refusal)
        self.calls("Verifier.note", verifier.note, code.idempotency_key, DeliveryStatus.SENT)
        self.calls("Verifier.find", verifier.find, challenge.id)
        self.calls("Verifier.verify", verifier.verify, challenge.id, code.code, policy=policy)
        self.calls("Verifier.revoke", verifier.revoke, challenge.id)
        self.calls("Verifier.forget_old", verifier.forget_old)


def test_every_coroutine_of_the_coordinators_runs_without_an_event_loop(
    hug: blocking.HugAtHome, sms: OutboxSms, clock: StoppedClock
) -> None:
    threads = set(threading.enumerate())
    visit = Visit(hug, sms, clock)

    visit.hold()

    assert set(visit.done) == {
        f"{coordinator.__name__}.{name}"
        for coordinator in COORDINATORS
        for name, _ in inspect.getmembers(coordinator, inspect.iscoroutinefunction)
        if not name.startswith("_")
    }
    assert set(threading.enumerate()) <= threads


def test_the_blocking_calls_are_those_of_the_other_kind_of_host() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(app.HugAtHome) - public(blocking.HugAtHome) == {"aclose", "drain", "serve", "asgi"}
    assert public(blocking.HugAtHome) - public(app.HugAtHome) == {"close"}
    inner = {"change", "decided", "events", "keep", "forget_room", "queued", "ahead_of", "service_of"}
    inner |= {"telemetry"}
    inner |= {"find_by_link", "find_by_message", "find_by_slot", "find_by_handle"}
    assert public(Consultations) - public(blocking.Sessions) == inner


@pytest.mark.parametrize("name", ["plan", "accept", "admit", "complete", "find", "list"])
def test_a_blocking_call_has_the_signature_and_the_words_of_its_coroutine(name: str) -> None:
    call, coroutine = getattr(blocking.Sessions, name), getattr(Consultations, name)

    assert call.__doc__ == coroutine.__doc__
    assert call.__name__ == name
    assert inspect.signature(call) == inspect.signature(coroutine)


# --- What a host sees ----------------------------------------------------------------------------


def test_errors_come_through_as_they_are(hug: blocking.HugAtHome, sms: OutboxSms) -> None:
    session = planned(hug)
    with pytest.raises(ConsentMissing):
        hug.invite(session.id, "p-1")
    hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    invitation = hug.invite(session.id, "p-1")

    with pytest.raises(SendTooSoon):
        hug.send_code(invitation.link_id)
    with pytest.raises(CodeRejected) as refused:
        hug.check_in(invitation.link_id, f"{(int(code_in(sms)) + 1) % 10**6:06}")
    assert refused.value.attempts_left == 4
    with pytest.raises(SessionNotFound):
        hug.sessions.get("hug.nowhere")
    hug.sessions.cancel(session.id, by="the secretary")
    with pytest.raises(SessionEnded):
        hug.invite(session.id, "p-1")


def test_events_are_read_to_the_present_and_from_where_one_was(hug: blocking.HugAtHome) -> None:
    for _ in range(3):
        planned(hug)
    every = list(hug.events(organisation="hug"))

    assert [(event.position, event.change.action) for event in every] == [(n, Action.PLAN) for n in (1, 2, 3)]
    assert list(hug.events(organisation="hug", after=2)) == every[2:]
    assert list(hug.events(organisation="hug", after=3)) == []


def test_many_events_come_in_one_iteration(hug: blocking.HugAtHome) -> None:
    session = planned(hug)
    for minutes in range(1, 121):
        closes_at = session.window.closes_at + timedelta(minutes=minutes)
        hug.sessions.extend(session.id, closes_at=closes_at, by="x")

    assert [event.position for event in hug.events(organisation="hug")] == list(range(1, 122))


def test_closing_twice_is_fine(hug: blocking.HugAtHome) -> None:
    planned(hug)

    hug.close()
    hug.close()


def test_two_kinds_of_host_share_one_store(sms: OutboxSms, clock: StoppedClock, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/clinic.db"
    with hug_over(open_store(url), sms, clock) as hug:
        session = planned(hug)
        hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        invitation = hug.invite(session.id, "p-1")

        async def check_in() -> None:
            async with app.HugAtHome(
                key=b"a secret of thirty-two bytes, no",
                store=open_store(url),
                sms=sms,
                site="https://www.example.ch/visit",
                timezone="Europe/Zurich",
                brand="HUG",
                clock=clock,
            ) as other:
                await other.check_in(invitation.link_id, code_in(sms))

        asyncio.run(check_in())

        assert [participant.id for participant in hug.sessions.get(session.id).waiting] == ["p-1"]


def test_threads_of_a_host_share_one_deployment(hug: blocking.HugAtHome) -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                planned(hug)
        except BaseException as failure:  # noqa: BLE001 - told in the test's own thread
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert [event.position for event in hug.events(organisation="hug")] == list(range(1, 31))


# --- Parts that do not fit -----------------------------------------------------------------------


class WaitingSms:
    """Waits for an event loop, and has no variant that does without."""

    async def send(self, message: Sms) -> None:
        await asyncio.sleep(0)


class BothSms(WaitingSms):
    """Waits, but has such a variant."""

    def __init__(self, outbox: OutboxSms) -> None:
        self._outbox = outbox

    def for_blocking(self) -> OutboxSms:
        return self._outbox


def test_a_part_that_waits_for_a_loop_is_named_as_the_mistake(store: Store, clock: StoppedClock) -> None:
    with hug_over(store, WaitingSms(), clock) as hug:
        session = planned(hug)
        hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")

        with pytest.raises(ConfigurationError, match="event loop"):
            hug.invite(session.id, "p-1")


def test_a_part_with_a_variant_that_does_without_is_used_through_it(
    store: Store, clock: StoppedClock, sms: OutboxSms
) -> None:
    with hug_over(store, BothSms(sms), clock) as hug:
        session = planned(hug)
        hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        hug.invite(session.id, "p-1")

    assert len(sms.outbox) == 1


def test_a_gateway_that_refuses_is_told(clock: StoppedClock) -> None:
    class Refusing:
        async def send(self, message: Sms) -> None:
            raise SmsNotSent("the provider is away")

    with hug_over(Store(sessions=MemorySessions(), codes=MemoryCodes()), Refusing(), clock) as hug:
        session = planned(hug)
        hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")

        with pytest.raises(SmsNotSent):
            hug.invite(session.id, "p-1")

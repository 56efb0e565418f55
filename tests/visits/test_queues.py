"""Queues: whoever came first is taken first, each exactly once, and whoever leaves waits no longer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hugathome.app import HugAtHome
from hugathome.codes import Sms, SmsGateway
from hugathome.errors import (
    AlreadyTaken,
    HugathomeError,
    InvalidInput,
    NotPermitted,
    ReferenceTaken,
    SessionEnded,
    SmsNotSent,
)
from hugathome.organisations import Organisation
from hugathome.presets import presets
from hugathome.record.history import Action
from hugathome.record.needs import Needs, lengthened
from hugathome.record.participants import Participant
from hugathome.record.services import parse_services
from hugathome.record.transitions import Status
from hugathome.rooms.journal import Journal
from hugathome.session import MOST_PARTICIPANTS, Session
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing.clock import FakeClock
from hugathome.visits.queues import Place

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROSSI = Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi")
MEIER = Participant(id="dr-meier", role="practitioner", name="Dr B. Meier")
URGENT: dict[str, Any] = {"organisation": "hug", "service": "urgent"}
SKIN: dict[str, Any] = {"organisation": "hug", "service": "dermatology"}


class Clock(FakeClock):
    """Moves when a test says so, and wakes nobody."""

    def put(self, minutes: float) -> None:
        self._now += minutes * MINUTE


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


def hug_over(url: str, clock: FakeClock, *, sms: SmsGateway | None = None, **options: Any) -> HugAtHome:
    return HugAtHome(
        key=b"a secret of thirty-two bytes, no",
        store=open_store(url),
        sms=sms or OutboxSms(),
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
        clock=clock,
        **options,
    )


@pytest.fixture
async def hug(clock: Clock) -> AsyncIterator[HugAtHome]:
    async with hug_over("memory://", clock) as hug:
        yield hug


async def entered(hug: HugAtHome, **other: Any) -> Session:
    patient = Participant(id="p-1", role="patient", name="M. Dupont")
    return await hug.queue.enter(**{**URGENT, "participants": [patient], **other})


async def came(hug: HugAtHome, clock: Clock, count: int = 3) -> list[str]:
    """Let patients come a minute apart, and return their sessions' ids."""
    ids = []
    for _ in range(count):
        ids.append((await entered(hug)).id)
        clock.put(minutes=1)
    return ids


async def waiting(hug: HugAtHome, where: dict[str, Any] = URGENT) -> list[str]:
    return [session.id for session in await hug.queue.waiting(**where)]


async def taken(hug: HugAtHome, by: Participant = ROSSI, where: dict[str, Any] = URGENT) -> Session:
    session = await hug.queue.take_next(**where, by=by)
    assert session is not None
    return session


# --- In their order ------------------------------------------------------------------------------


async def test_whoever_came_first_is_taken_first(hug: HugAtHome, clock: Clock) -> None:
    first, second, third = await came(hug, clock)
    assert await waiting(hug) == [first, second, third]
    assert [session.queue.since for session in await hug.queue.waiting(**URGENT) if session.queue] == [
        NOW + n * MINUTE for n in range(3)
    ]

    session = await taken(hug)

    assert session.id == first
    assert session.participants[-1] == ROSSI
    assert session.queue is not None
    assert (session.queue.taken_by, session.queue.taken_at) == ("dr-rossi", NOW + 3 * MINUTE)
    assert await waiting(hug) == [second, third]
    assert [(await taken(hug, MEIER)).id for _ in range(2)] == [second, third]
    assert await hug.queue.take_next(**URGENT, by=ROSSI) is None


async def test_a_queue_is_its_services_and_its_organisations_own(hug: HugAtHome) -> None:
    here = await entered(hug)
    there, elsewhere = await entered(hug, service="dermatology"), await entered(hug, organisation="chuv")

    assert await waiting(hug) == [here.id]
    assert await waiting(hug, SKIN) == [there.id]
    assert await waiting(hug, {**URGENT, "organisation": "chuv"}) == [elsewhere.id]
    assert await waiting(hug, {**SKIN, "organisation": "chuv"}) == []


async def test_entering_again_under_one_reference_is_entering_once(hug: HugAtHome, clock: Clock) -> None:
    first = await entered(hug, reference="visit/1")
    clock.put(minutes=5)

    assert await entered(hug, reference="visit/1") == first
    assert await waiting(hug) == [first.id]


async def test_whoever_entered_once_and_was_handed_on_does_not_enter_again(hug: HugAtHome) -> None:
    first = await entered(hug, reference="visit/1")
    await taken(hug)
    handed_on = await hug.sessions.transfer(first.id, by="dr-rossi", service="dermatology")

    assert await entered(hug, reference="visit/1") == handed_on
    with pytest.raises(ReferenceTaken):
        await entered(hug, reference="visit/1", service="dermatology")


async def test_a_page_of_a_queue_is_its_head(hug: HugAtHome, clock: Clock) -> None:
    ids = await came(hug, clock)

    assert [session.id for session in await hug.queue.waiting(**URGENT, limit=2)] == ids[:2]


# --- Out of turn, and out ------------------------------------------------------------------------


async def test_somebody_is_taken_by_name_and_by_nobody_after(hug: HugAtHome, clock: Clock) -> None:
    first, second, _ = await came(hug, clock)

    session = await hug.queue.take(second, by=ROSSI)

    assert session.queue is not None
    assert session.queue.taken_by == "dr-rossi"
    with pytest.raises(AlreadyTaken):
        await hug.queue.take(second, by=MEIER)
    assert await hug.queue.take(second, by=ROSSI) == session
    assert (await taken(hug)).id == first


async def test_whoever_leaves_waits_no_longer(hug: HugAtHome, clock: Clock) -> None:
    first, second, _ = await came(hug, clock)
    await hug.sessions.cancel(first, by="p-1")

    with pytest.raises(SessionEnded):
        await hug.queue.take(first, by=ROSSI)
    with pytest.raises(SessionEnded):
        await hug.queue.place(first)
    assert (await taken(hug)).id == second


async def test_whoever_is_handed_on_waits_there_since_they_first_came(hug: HugAtHome, clock: Clock) -> None:
    first = (await came(hug, clock, 1))[0]
    later = (await entered(hug, service="dermatology")).id
    await taken(hug)

    handed_on = await hug.sessions.transfer(first, by="dr-rossi", service="dermatology")

    assert handed_on.queue is not None
    assert handed_on.queue.since == NOW
    assert await waiting(hug) == []
    assert await waiting(hug, SKIN) == [first, later]
    assert (await taken(hug, MEIER, SKIN)).id == first


async def test_whoever_had_a_patient_may_have_them_again(hug: HugAtHome, clock: Clock) -> None:
    first = (await came(hug, clock, 1))[0]
    await taken(hug)
    await hug.sessions.transfer(first, by="dr-rossi", service="dermatology")

    session = await taken(hug, ROSSI.but(name="Dr Anna Rossi"), SKIN)

    assert session.queue is not None
    assert session.queue.taken_by == "dr-rossi"
    assert [each.id for each in session.participants] == ["p-1", "dr-rossi"]


async def test_whoever_is_put_off_to_an_hour_waits_in_no_queue(hug: HugAtHome, clock: Clock) -> None:
    first = (await came(hug, clock, 1))[0]

    await hug.sessions.reschedule(first, starts_at=NOW + timedelta(days=1), by="the secretary")

    assert await waiting(hug) == []
    with pytest.raises(AlreadyTaken):
        await hug.queue.take(first, by=ROSSI)


async def test_whoever_has_waited_in_vain_is_not_taken(hug: HugAtHome, clock: Clock) -> None:
    in_vain, still_there = await came(hug, clock, 2)
    await hug.sessions.arrive(still_there, "p-1")
    clock.put(minutes=13 * 60)
    fresh = await entered(hug)

    assert await waiting(hug) == [still_there, fresh.id]
    assert (await taken(hug)).id == still_there
    assert (await hug.sessions.get(in_vain)).status is Status.CANCELLED
    assert (await taken(hug)).id == fresh.id


async def test_whoever_has_waited_in_vain_hides_nobody_behind_them(hug: HugAtHome, clock: Clock) -> None:
    await came(hug, clock, 3)
    clock.put(minutes=13 * 60)
    fresh = await came(hug, clock, 3)

    shown = await hug.queue.waiting(**URGENT, limit=2)

    assert [session.id for session in shown] == fresh[:2]


async def test_whoever_had_an_hour_and_is_handed_on_has_a_place_in_the_queue_instead(
    hug: HugAtHome, clock: Clock
) -> None:
    planned = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=NOW + timedelta(days=1),
        ends_at=NOW + timedelta(days=1, minutes=30),
        participants=[ROSSI, Participant(id="p-1", role="patient", name="M. Dupont")],
        slot="monday 9:00",
    )
    assert not planned.is_enterable(NOW)

    handed_on = await hug.sessions.transfer(planned.id, by="dr-rossi", service="urgent")

    assert await waiting(hug) == [planned.id]
    assert handed_on.is_enterable(NOW)
    assert await hug.sessions.find_by_slot(organisation="hug", slot="monday 9:00") is None


async def test_whoever_has_an_hour_after_a_queue_may_come_in_as_for_any_visit(
    hug: HugAtHome, clock: Clock
) -> None:
    first = (await came(hug, clock, 1))[0]
    tomorrow = NOW + timedelta(days=1)

    window = (await hug.sessions.reschedule(first, starts_at=tomorrow, by="the secretary")).window

    assert window.opens_at == tomorrow - 30 * MINUTE
    assert window.closes_at == window.ends_at + 60 * MINUTE


async def test_a_visit_is_handed_on_only_to_somebody_who_can_hold_it(hug: HugAtHome, clock: Clock) -> None:
    first = (await came(hug, clock, 1))[0]
    await taken(hug)
    interpreter = Participant(id="i-1", role="interpreter", name="C. Interpreter")

    with pytest.raises(InvalidInput, match="handed on"):
        await hug.sessions.transfer(first, by="dr-rossi", to=interpreter)


async def test_a_visit_is_not_handed_on_to_where_only_questions_are_asked(clock: Clock) -> None:
    async with hug_over("memory://", clock, organisations={"hug": Organisation(services=presets())}) as hug:
        session = await entered(hug, service="primary-care")
        await hug.queue.take(session.id, by=ROSSI)

        with pytest.raises(InvalidInput, match="takes expertise="):
            await hug.sessions.transfer(session.id, by="dr-rossi", service="imaging-expertise")


async def test_whoever_was_put_out_takes_nobody(hug: HugAtHome, clock: Clock) -> None:
    first = (await came(hug, clock, 1))[0]
    await taken(hug)
    await hug.sessions.join(first, MEIER, by="dr-rossi")
    await hug.sessions.remove(first, "dr-rossi", by="dr-meier")
    await hug.sessions.transfer(first, by="dr-meier", service="dermatology")

    with pytest.raises(NotPermitted):
        await hug.queue.take(first, by=ROSSI)
    assert await waiting(hug, SKIN) == [first]


async def as_somebody_else(hug: HugAtHome, session_id: str) -> None:
    elsewhere = Participant(id="dr-rossi", role="nurse", name="A. Rossi")
    await hug.sessions.join(session_id, elsewhere, by="the front desk")


async def put_out(hug: HugAtHome, session_id: str) -> None:
    await hug.sessions.join(session_id, ROSSI, by="the front desk")
    await hug.sessions.join(session_id, MEIER, by="the front desk")
    await hug.sessions.remove(session_id, "dr-rossi", by="dr-meier")


async def in_company(hug: HugAtHome, session_id: str) -> None:
    for number in range(MOST_PARTICIPANTS - 1):
        one = Participant(id=f"relative-{number}", role="related-person", name="A. Dupont")
        await hug.sessions.join(session_id, one, by="the front desk")


@pytest.mark.parametrize("hinder", [as_somebody_else, put_out, in_company])
async def test_whom_one_clinician_cannot_take_is_passed_over_and_refused_nothing(
    hug: HugAtHome, clock: Clock, hinder: Callable[[HugAtHome, str], Awaitable[None]]
) -> None:
    first, second, third = await came(hug, clock)
    await hinder(hug, first)

    assert [(await taken(hug)).id for _ in range(2)] == [second, third]
    assert await hug.queue.take_next(**URGENT, by=ROSSI) is None
    assert await waiting(hug) == [first]
    assert {entry.result async for entry in hug.audit(organisation="hug")} == {"done"}


async def test_a_visit_is_not_handed_on_to_where_nobody_waits(clock: Clock) -> None:
    services = parse_services("[urgent]\non_demand = true\n[cardiology]\n")
    async with hug_over("memory://", clock, organisations={"hug": Organisation(services=services)}) as hug:
        session = await entered(hug)
        await hug.queue.take(session.id, by=ROSSI)

        with pytest.raises(InvalidInput, match="no queue"):
            await hug.sessions.transfer(session.id, by="dr-rossi", service="cardiology")


@pytest.mark.parametrize("service", ["cardiology", "nowhere"])
async def test_who_may_not_hand_a_visit_on_is_not_told_where_it_could_go(clock: Clock, service: str) -> None:
    services = parse_services("[urgent]\non_demand = true\n[cardiology]\n")
    async with hug_over("memory://", clock, organisations={"hug": Organisation(services=services)}) as hug:
        session = await entered(hug)

        with pytest.raises(NotPermitted):
            await hug.sessions.transfer(session.id, by="p-1", service=service)


# --- Whoever is taken is called ------------------------------------------------------------------


async def invited(hug: HugAtHome, phone: str | None = "+41791234567") -> Session:
    patient = Participant(id="p-1", role="patient", name="M. Dupont", language="en", phone=phone)
    session = await entered(hug, participants=[patient])
    await hug.sessions.accept(session.id, "p-1", recorded_by="the front desk")
    await hug.invite(session.id, "p-1")
    return session


@pytest.fixture
def outbox(clock: Clock) -> OutboxSms:
    return OutboxSms(clock=clock)


@pytest.fixture
async def calling(clock: Clock, outbox: OutboxSms) -> AsyncIterator[HugAtHome]:
    async with hug_over("memory://", clock, sms=outbox) as hug:
        yield hug


async def taken_out_of_turn(hug: HugAtHome) -> Session:
    return await hug.queue.take((await hug.queue.waiting(**URGENT))[0].id, by=ROSSI)


@pytest.mark.parametrize("take", [taken, taken_out_of_turn])
async def test_whoever_is_taken_with_their_page_closed_is_called_once(
    calling: HugAtHome, outbox: OutboxSms, clock: Clock, take: Callable[[HugAtHome], Awaitable[Session]]
) -> None:
    session = await invited(calling)
    clock.put(minutes=20)
    before = len(outbox.outbox)

    after = await take(calling)
    clock.put(minutes=5)
    await calling.queue.take(session.id, by=ROSSI)

    assert len(outbox.outbox) == before + 1
    assert "/j/" in outbox.outbox[-1].text
    assert [(change.action, change.how) for change in after.history if change.by == "dr-rossi"][:2] == [
        (Action.TAKE, None),
        (Action.CALL, "sms"),
    ]


async def test_whoever_has_their_page_open_is_sent_nothing(
    calling: HugAtHome, outbox: OutboxSms, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def has_a_page(_journal: Journal, _session: str, _participant: str) -> bool:
        return True

    monkeypatch.setattr(Journal, "is_connected", has_a_page)
    await invited(calling)
    before = len(outbox.outbox)

    after = await taken(calling)

    assert len(outbox.outbox) == before
    assert after.history[-1].action is Action.TAKE


async def test_whoever_cannot_be_called_is_taken_all_the_same(clock: Clock) -> None:
    class Silent:
        async def send(self, message: Sms) -> None:
            raise SmsNotSent("the gateway is away")

    async with hug_over("memory://", clock, sms=Silent()) as hug:
        session = await entered(
            hug,
            participants=[Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567")],
        )
        await hug.sessions.accept(session.id, "p-1", recorded_by="the front desk")
        await hug.invite(session.id, "p-1", deliver=False)

        assert (await taken(hug)).id == session.id


# --- How long ------------------------------------------------------------------------------------


async def test_a_place_says_who_is_ahead_and_how_long_that_may_take(hug: HugAtHome, clock: Clock) -> None:
    _, second, third = await came(hug, clock)

    assert await hug.queue.place(second) == Place(ahead=1, wait=30 * MINUTE)
    assert await hug.queue.place(third, clinicians=2) == Place(ahead=2, wait=25 * MINUTE)
    await taken(hug)
    assert await hug.queue.place(second) == Place(ahead=0, wait=10 * MINUTE)
    with pytest.raises(InvalidInput):
        await hug.queue.place(second, clinicians=0)


@pytest.mark.parametrize(("typical", "wait"), [("", 15), ('typical = "10 min"', 5)])
async def test_a_wait_is_estimated_by_what_a_visit_of_the_service_takes(
    clock: Clock, typical: str, wait: int
) -> None:
    services = parse_services(f'[urgent]\non_demand = true\nlength = "30 min"\n{typical}')
    async with hug_over("memory://", clock, organisations={"hug": Organisation(services=services)}) as hug:
        session = await entered(hug)

        assert (await hug.queue.place(session.id)).wait == wait * MINUTE


async def test_a_place_is_known_where_the_service_is_no_longer_in_the_settings(
    tmp_path: Path, clock: Clock
) -> None:
    services = dict(parse_services('[urgent]\non_demand = true\nlength = "40 min"\n[cardiology]\n'))
    url = f"sqlite:///{tmp_path / 'clinic.db'}"
    async with hug_over(url, clock, organisations={"hug": Organisation(services=services)}) as hug:
        session = await entered(hug)
    del services["urgent"]
    async with hug_over(url, clock, organisations={"hug": Organisation(services=services)}) as hug:
        assert (await hug.queue.place(session.id)).wait == 20 * MINUTE


async def test_whoever_needs_time_and_waits_has_a_longer_visit(clock: Clock) -> None:
    services = parse_services('[urgent]\non_demand = true\nlength = "30 min"')
    patient = Participant(id="p-1", role="patient", name="M. Dupont", needs=Needs(extra_time=True))
    async with hug_over("memory://", clock, organisations={"hug": Organisation(services=services)}) as hug:
        window = (await entered(hug, participants=[patient])).window

    assert window.ends_at - window.starts_at == lengthened(30 * MINUTE, [patient.needs]) > 30 * MINUTE


# --- Who may, and what is told -------------------------------------------------------------------


async def test_only_a_role_that_lets_in_takes(hug: HugAtHome, clock: Clock) -> None:
    first = (await came(hug, clock, 1))[0]
    mother = Participant(id="mother", role="related-person", name="A. Dupont")
    impostor = Participant(id="p-1", role="practitioner", name="M. Dupont")

    with pytest.raises(NotPermitted):
        await hug.queue.take_next(**URGENT, by=mother)
    for somebody in (mother, impostor):
        with pytest.raises(NotPermitted):
            await hug.queue.take(first, by=somebody)
    assert await hug.queue.take_next(**URGENT, by=impostor) is None
    assert await waiting(hug) == [first]


async def test_the_host_hears_who_came_was_taken_and_left(hug: HugAtHome, clock: Clock) -> None:
    _, second = await came(hug, clock, 2)
    await taken(hug)
    await hug.sessions.cancel(second, by="p-1")

    events = [event async for event in hug.events(organisation="hug")]

    assert [(event.change.action, event.change.by) for event in events] == [
        (Action.PLAN, None),
        (Action.PLAN, None),
        (Action.TAKE, "dr-rossi"),
        (Action.CANCEL, "p-1"),
    ]
    assert events[2].change.joining == ROSSI


@pytest.mark.parametrize(
    "bad",
    [{"organisation": "h/g"}, {"service": None}, {"service": 7}, {"by": "dr-rossi"}, {"by": None}],
)
async def test_what_cannot_be_asked_is_bad_input(hug: HugAtHome, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await hug.queue.take_next(**{**URGENT, "by": ROSSI, **bad})


@pytest.mark.parametrize("limit", [0, -1, "3", 2**70])
async def test_a_queue_is_paged_by_numbers(hug: HugAtHome, limit: Any) -> None:
    with pytest.raises(InvalidInput):
        await hug.queue.waiting(**URGENT, limit=limit)


# --- Under competition ---------------------------------------------------------------------------


async def test_many_take_at_once_and_each_patient_is_taken_once(store_url: str, clock: Clock) -> None:
    """Twenty clinicians and two hundred patients; `benchmarks/queue_of_2000.py` has ten times as many."""
    async with hug_over(store_url, clock) as hug, hug_over(store_url, clock) as there:
        other = hug if store_url == "memory://" else there
        ids = await came(hug, clock, 200)

        async def work(number: int) -> list[str]:
            clinician = Participant(id=f"dr-{number}", role="practitioner", name="Dr A. Rossi")
            site = (hug, other)[number % 2]
            mine = []
            while (session := await site.queue.take_next(**URGENT, by=clinician)) is not None:
                assert session.queue is not None
                assert session.queue.taken_by == clinician.id
                mine.append(session.id)
            return mine

        async with asyncio.TaskGroup() as clinicians:
            work_done = [clinicians.create_task(work(number)) for number in range(20)]

        assert sorted(one for each in work_done for one in each.result()) == sorted(ids)
        takes = [e for e in [e async for e in hug.events(organisation="hug")] if e.change.action == "take"]
        assert sorted(event.session for event in takes) == sorted(ids)
        trail = [entry async for entry in hug.audit(organisation="hug")]
        assert len(trail) == 400  # who lost a race was refused nothing


async def test_one_clinician_in_two_windows_gets_two_patients(hug: HugAtHome, clock: Clock) -> None:
    await came(hug, clock, 2)

    sessions = await asyncio.gather(taken(hug), taken(hug))

    assert len({session.id for session in sessions}) == 2


async def test_of_many_who_take_one_by_name_one_wins(store_url: str, clock: Clock) -> None:
    async with hug_over(store_url, clock) as hug:
        session = await entered(hug)
        colleagues = [ROSSI.but(id=f"dr-{number}") for number in range(20)]

        outcomes = await asyncio.gather(
            *(hug.queue.take(session.id, by=one) for one in colleagues), return_exceptions=True
        )

        refused = [outcome for outcome in outcomes if isinstance(outcome, HugathomeError)]
        assert [type(each) for each in refused] == [AlreadyTaken] * 19

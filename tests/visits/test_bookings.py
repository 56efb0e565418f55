"""Bookings: what patients see is free, one who books it has it, and whatever lets it go frees it."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hugathome.app import HugAtHome
from hugathome.errors import ConfigurationError, InvalidInput, ReferenceTaken, SlotTaken, StoreUnavailable
from hugathome.record.expertise import Expertise
from hugathome.record.history import Action
from hugathome.record.imaging import ImagingStudyRef, Site, Territory
from hugathome.record.needs import Needs
from hugathome.record.offers import UNKNOWN_COVER, Cover, Coverage, Offer, Price, Slot, Wish
from hugathome.record.participants import Participant
from hugathome.record.transitions import Status
from hugathome.roles import Language, Modality
from hugathome.session import Session
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing.clock import FakeClock

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
TOMORROW = NOW + DAY
ROSSI = Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi")
MEIER = Participant(id="dr-meier", role="practitioner", name="Dr B. Meier")
PATIENT = Participant(id="p-1", role="patient", name="M. Dupont")


def offer(practitioner: Participant = ROSSI, **changes: Any) -> Offer:
    whole: dict[str, Any] = {
        "id": f"{practitioner.id}/cardiology",
        "organisation": "hug",
        "service": "cardiology",
        "practitioner": practitioner,
        "discipline": "cardiology",
        "languages": ("fr",),
        "registered_in": Territory(nation="CH"),
        "modalities": ("video", "phone"),
        "price": Price(amount=Decimal("120.50"), currency="CHF"),
        "coverage": Coverage(covered_in=frozenset({"CH"})),
    }
    return Offer(**{**whole, **changes})


def half_hour(name: str, number: int) -> Slot:
    starts_at = TOMORROW + 30 * number * MINUTE
    return Slot(id=name, starts_at=starts_at, ends_at=starts_at + 30 * MINUTE)


NINE, HALF_PAST, TEN = half_hour("9:00", 0), half_hour("9:30", 1), half_hour("10:00", 2)


class Agenda:
    """A host's directory: Dr Rossi's mornings, and Dr Meier's, who also works elsewhere."""

    def __init__(self) -> None:
        self.free: dict[str, list[Slot]] = {
            "dr-rossi": [NINE, HALF_PAST, TEN],
            "dr-meier": [half_hour(f"meier {n}", n) for n in range(3)],
        }
        self.all = [offer(), offer(MEIER, discipline="dermatology"), offer(MEIER, organisation="chuv")]
        self.is_away = False

    async def offers(self, organisation: str) -> Sequence[Offer]:
        return self.all

    async def slots(self, offer: Offer, *, since: datetime, until: datetime) -> Sequence[Slot]:
        if self.is_away:
            raise StoreUnavailable("the agenda is being repaired")
        return self.free[offer.practitioner.id]


@pytest.fixture
def agenda() -> Agenda:
    return Agenda()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


KEY = b"a secret of thirty-two bytes, no"


def hug_over(url: str, clock: FakeClock, *, key: bytes | dict[str, bytes] = KEY, **options: Any) -> HugAtHome:
    return HugAtHome(
        key=key,
        store=open_store(url),
        sms=OutboxSms(),
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
        clock=clock,
        **options,
    )


@pytest.fixture
async def hug(agenda: Agenda, clock: FakeClock) -> AsyncIterator[HugAtHome]:
    async with hug_over("memory://", clock, directory=agenda) as hug:
        yield hug


async def booked(hug: HugAtHome, slot: Slot = NINE, **other: Any) -> Session:
    return await hug.offers.book(other.pop("offer", offer()), slot, **{"participants": [PATIENT], **other})


async def held(hug: HugAtHome, slot: Slot = NINE, **other: Any) -> Session:
    return await hug.offers.hold(offer(), slot, **{"participants": [PATIENT], **other})


async def free(hug: HugAtHome, whose: Offer | None = None) -> list[str]:
    found = await hug.offers.slots(whose or offer(), since=NOW, until=NOW + 7 * DAY)
    return [slot.id for slot in found]


# --- Choosing ------------------------------------------------------------------------------------


async def test_a_search_finds_what_meets_a_wish_in_this_organisation(hug: HugAtHome) -> None:
    found = await hug.offers.search(organisation="hug", wish=Wish(discipline="dermatology"), nation="CH")

    assert [each.offer.practitioner.id for each in found] == ["dr-meier"]
    assert (found[0].cover, found[0].notice) == (Cover.COVERED, None)
    assert len(await hug.offers.search(organisation="hug")) == 2
    assert [each.offer.organisation for each in await hug.offers.search(organisation="chuv")] == ["chuv"]


async def test_what_must_be_said_to_somebody_from_an_unknown_place_is_found_with_it(hug: HugAtHome) -> None:
    theirs = (await hug.offers.search(organisation="hug", language="de"))[0]
    houses = (await hug.offers.search(organisation="hug"))[0]

    assert (theirs.cover, theirs.notice) == (Cover.UNKNOWN, UNKNOWN_COVER[Language.GERMAN])
    assert houses.notice == UNKNOWN_COVER[Language.ENGLISH]


async def test_free_is_what_the_directory_has_and_nobody_has_booked_or_holds(hug: HugAtHome) -> None:
    assert await free(hug) == ["9:00", "9:30", "10:00"]
    await booked(hug)
    await held(hug, HALF_PAST)

    assert await free(hug) == ["10:00"]


async def test_free_is_nothing_outside_the_asked_time_and_nothing_that_has_begun(
    hug: HugAtHome, clock: FakeClock
) -> None:
    until = HALF_PAST.starts_at
    assert await hug.offers.slots(offer(), since=NOW, until=until) == [NINE]
    await clock.advance(minutes=24 * 60 + 15)

    assert await free(hug) == ["9:30", "10:00"]
    with pytest.raises(SlotTaken):
        await booked(hug)


# --- Booking -------------------------------------------------------------------------------------


async def test_a_booking_is_a_planned_session_with_the_practitioner(hug: HugAtHome) -> None:
    session = await booked(hug, reference="order/1")

    assert (session.status, session.slot, session.held_until) == (Status.PLANNED, "9:00", None)
    assert (session.organisation, session.service, session.modality) == ("hug", "cardiology", "video")
    assert session.participants == (ROSSI, PATIENT)
    assert (session.window.starts_at, session.window.ends_at) == (NINE.starts_at, NINE.ends_at)
    with pytest.raises(SlotTaken):
        await booked(hug, reference="order/2")


async def test_the_host_hears_which_slot_was_booked_and_which_instead(hug: HugAtHome) -> None:
    session = await booked(hug)
    await hug.offers.move(session.id, offer(), TEN, by="p-1")

    events = [event async for event in hug.events(organisation="hug")]

    assert [(event.change.action, event.change.slot) for event in events] == [
        (Action.PLAN, "9:00"),
        (Action.RESCHEDULE, "10:00"),
    ]


async def test_a_booking_is_repeated_under_its_reference_when_the_calendar_knows_of_it(
    hug: HugAtHome, agenda: Agenda
) -> None:
    session = await booked(hug, reference="order/1")
    agenda.free["dr-rossi"].remove(NINE)

    assert await booked(hug, reference="order/1") == session
    with pytest.raises(ReferenceTaken):
        await booked(hug, HALF_PAST, reference="order/1")


async def test_a_booking_is_repeated_under_its_reference_after_it_was_put_off(hug: HugAtHome) -> None:
    session = await booked(hug, reference="order/1")
    moved = await hug.offers.move(session.id, offer(), TEN, by="p-1")

    assert await booked(hug, reference="order/1") == moved


async def test_what_the_directory_does_not_have_cannot_be_booked(hug: HugAtHome) -> None:
    other_times = Slot(id="9:00", starts_at=NINE.starts_at, ends_at=NINE.ends_at + DAY)

    for slot in (half_hour("midnight", 30), other_times):
        with pytest.raises(SlotTaken):
            await booked(hug, slot)
    assert await free(hug) == ["9:00", "9:30", "10:00"]


async def test_a_visit_is_held_as_it_is_offered_and_as_its_people_need_it(hug: HugAtHome) -> None:
    by_phone = offer(modalities=("phone", "video"))
    reads = PATIENT.but(needs=Needs(captions=True))

    assert (await booked(hug, NINE, offer=by_phone)).modality == Modality.PHONE
    assert (await booked(hug, HALF_PAST, offer=by_phone, participants=[reads])).modality == Modality.VIDEO
    assert (await booked(hug, TEN, modality="phone")).modality == Modality.PHONE
    with pytest.raises(InvalidInput):
        await booked(hug, TEN, modality="audio")


# --- Holding -------------------------------------------------------------------------------------


async def test_what_is_held_is_booked_once_it_is_confirmed(hug: HugAtHome, clock: FakeClock) -> None:
    session = await held(hug)
    assert session.held_until == NOW + 10 * MINUTE
    with pytest.raises(SlotTaken):
        await booked(hug)

    confirmed = await hug.offers.confirm(session.id, by="p-1")
    await clock.advance(minutes=60)

    assert confirmed.held_until is None
    assert "9:00" not in await free(hug)


async def test_what_is_not_confirmed_in_time_is_free_again(hug: HugAtHome, clock: FakeClock) -> None:
    session = await held(hug, for_=5 * MINUTE)
    await clock.advance(minutes=5)

    assert "9:00" in await free(hug)
    with pytest.raises(SlotTaken):
        await hug.offers.confirm(session.id)
    assert (await booked(hug)).slot == "9:00"
    assert (await hug.sessions.get(session.id)).status is Status.CANCELLED


async def test_what_is_held_under_a_reference_is_booked_under_it(hug: HugAtHome) -> None:
    session = await held(hug, reference="order/1")

    assert await held(hug, reference="order/1") == session
    assert (await booked(hug, reference="order/1")).held_until is None
    assert (await held(hug, reference="order/1")).id == session.id


async def test_what_was_held_under_a_reference_and_ran_out_is_said_to_have(
    hug: HugAtHome, clock: FakeClock
) -> None:
    await held(hug, reference="order/1")
    await clock.advance(minutes=10)

    for call in (held, booked, held):
        with pytest.raises(SlotTaken):
            await call(hug, reference="order/1")
    await hug.run_due()
    for call in (held, booked):
        with pytest.raises(SlotTaken):
            await call(hug, reference="order/1")


async def test_what_was_booked_under_a_reference_and_cancelled_is_not_booked_by_repeating_it(
    hug: HugAtHome,
) -> None:
    session = await booked(hug, reference="order/1")
    await hug.sessions.cancel(session.id, by="p-1")

    for call in (booked, held):
        with pytest.raises(ReferenceTaken, match="ended"):
            await call(hug, reference="order/1")
    assert (await booked(hug, reference="order/2")).status is Status.PLANNED


# --- Letting go ----------------------------------------------------------------------------------


async def test_a_slot_is_free_once_its_session_is_cancelled(hug: HugAtHome) -> None:
    session = await booked(hug)
    await hug.sessions.cancel(session.id, by="p-1")

    assert "9:00" in await free(hug)
    assert (await booked(hug)).slot == "9:00"


async def test_a_slot_is_free_once_its_expert_declines(hug: HugAtHome) -> None:
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=NINE.starts_at,
        ends_at=NINE.ends_at,
        participants=[ROSSI.but(part="expert"), PATIENT],
        expertise=Expertise(kind="SecondOpinion", requesting=Site(name="Regional hospital")),
        slot=NINE.id,
    )
    assert "9:00" not in await free(hug)

    await hug.sessions.decline(session.id, by="dr-rossi")

    assert "9:00" in await free(hug)


async def test_a_question_on_another_study_is_another_plan(hug: HugAtHome) -> None:
    asked: dict[str, Any] = {
        "organisation": "hug",
        "service": "imaging",
        "starts_at": NINE.starts_at,
        "ends_at": NINE.ends_at,
        "participants": [ROSSI.but(part="expert"), PATIENT],
        "reference": "order/1",
    }
    request = Expertise(kind="SecondOpinion", requesting=Site(name="Regional hospital"))
    mri, scan = (
        request.but(study=ImagingStudyRef(study_uid=uid, modality="MR")) for uid in ("1.2.3", "1.2.4")
    )
    session = await hug.sessions.plan(**asked, expertise=mri)
    await hug.sessions.take_on(session.id, by="dr-rossi", site=Site(name="University hospital"))

    assert (await hug.sessions.plan(**asked, expertise=mri)).id == session.id
    with pytest.raises(ReferenceTaken):
        await hug.sessions.plan(**asked, expertise=scan)


async def test_a_slot_is_free_once_its_session_is_put_off(hug: HugAtHome) -> None:
    session = await booked(hug)

    later = await hug.sessions.reschedule(session.id, starts_at=NOW + 9 * DAY, by="the secretary")

    assert later.slot is None
    assert await free(hug) == ["9:00", "9:30", "10:00"]


async def test_what_is_only_held_and_put_off_by_staff_runs_out_no_more(
    hug: HugAtHome, clock: FakeClock
) -> None:
    session = await held(hug)
    await hug.sessions.reschedule(session.id, starts_at=NOW + 9 * DAY, by="the secretary")
    await clock.advance(minutes=60)
    await hug.run_due()

    assert (await hug.sessions.get(session.id)).status is Status.PLANNED


async def test_a_booking_moves_to_another_slot_and_frees_the_one_it_had(hug: HugAtHome) -> None:
    session = await booked(hug)

    moved = await hug.offers.move(session.id, offer(), TEN, by="p-1", reason="school")

    assert (moved.slot, moved.window.starts_at, moved.sequence) == ("10:00", TEN.starts_at, 1)
    assert await free(hug) == ["9:00", "9:30"]
    assert await hug.offers.move(session.id, offer(), TEN, by="p-1") == moved


async def test_a_booking_does_not_move_to_where_somebody_else_is(hug: HugAtHome, clock: FakeClock) -> None:
    session = await booked(hug)
    await booked(hug, HALF_PAST)
    await held(hug, TEN)

    for slot in (HALF_PAST, TEN, half_hour("midnight", 30)):
        with pytest.raises(SlotTaken):
            await hug.offers.move(session.id, offer(), slot, by="p-1")
    assert (await hug.sessions.get(session.id)).slot == "9:00"
    await clock.advance(minutes=10)
    assert (await hug.offers.move(session.id, offer(), TEN, by="p-1")).slot == "10:00"


async def test_a_booking_does_not_move_to_another_practitioner(hug: HugAtHome) -> None:
    session = await booked(hug)

    with pytest.raises(InvalidInput):
        await hug.offers.move(session.id, offer(MEIER), half_hour("meier 0", 0), by="p-1")


async def test_what_is_held_and_moved_is_held_as_long_as_before(hug: HugAtHome) -> None:
    session = await held(hug)

    assert (await hug.offers.move(session.id, offer(), TEN, by="p-1")).held_until == NOW + 10 * MINUTE


async def test_what_was_held_and_ran_out_moves_nowhere(hug: HugAtHome, clock: FakeClock) -> None:
    session = await held(hug)
    await clock.advance(minutes=10)

    with pytest.raises(SlotTaken):
        await hug.offers.move(session.id, offer(), TEN, by="p-1")
    assert "10:00" in await free(hug)


async def test_a_visit_that_has_begun_has_its_slot_and_does_not_run_out(
    hug: HugAtHome, clock: FakeClock
) -> None:
    session = await held(hug)
    await hug.sessions.arrive(session.id, "p-1")
    assert (await hug.sessions.admit(session.id, "p-1", by="dr-rossi")).held_until is None
    await clock.advance(minutes=10)
    await hug.run_due()

    with pytest.raises(SlotTaken):
        await booked(hug)
    assert (await hug.sessions.get(session.id)).status is Status.IN_PROGRESS


# --- Bad input -----------------------------------------------------------------------------------


async def test_without_a_directory_nothing_is_offered(clock: FakeClock) -> None:
    async with hug_over("memory://", clock) as hug:
        with pytest.raises(ConfigurationError, match="directory="):
            _ = hug.offers


async def test_a_directory_that_cannot_be_reached_is_said_to_be(hug: HugAtHome, agenda: Agenda) -> None:
    agenda.is_away = True

    with pytest.raises(StoreUnavailable):
        await booked(hug)


@pytest.mark.parametrize("bad", [{"organisation": "hug", "nation": "ch"}, {"organisation": "hug", "wish": 1}])
async def test_a_search_for_what_is_no_wish_is_bad_input(hug: HugAtHome, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await hug.offers.search(**bad)


@pytest.mark.parametrize("for_", [timedelta(0), -MINUTE, 2 * DAY, 10, None])
async def test_a_hold_takes_a_while_of_a_day_at_most(hug: HugAtHome, for_: Any) -> None:
    with pytest.raises(InvalidInput):
        await held(hug, for_=for_)


async def test_only_offers_and_slots_are_booked(hug: HugAtHome) -> None:
    anything: Any = "9:00"

    with pytest.raises(InvalidInput):
        await hug.offers.book(offer(), anything, participants=[PATIENT])
    with pytest.raises(InvalidInput):
        await hug.offers.slots(anything, since=NOW, until=NOW + DAY)
    with pytest.raises(InvalidInput):
        await hug.offers.move("hug.1", offer(), anything, by="p-1")


# --- Under competition ---------------------------------------------------------------------------


async def test_of_a_hundred_patients_one_gets_the_slot(
    store_url: str, clock: FakeClock, agenda: Agenda
) -> None:
    async with hug_over(store_url, clock, directory=agenda) as hug:
        outcomes = await asyncio.gather(
            *(booked(hug, reference=f"order/{n}") for n in range(100)), return_exceptions=True
        )

        assert [type(each) for each in outcomes if not isinstance(each, Session)] == [SlotTaken] * 99
        assert await free(hug) == ["9:30", "10:00"]


async def test_what_was_booked_under_an_old_key_is_booked(
    agenda: Agenda, clock: FakeClock, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/clinic.db"
    new_key = b"another secret of 32 bytes, also"
    async with (
        hug_over(url, clock, directory=agenda) as before,
        hug_over(url, clock, key={"new": new_key, "old": KEY}, directory=agenda) as after,
    ):
        await booked(before)
        with pytest.raises(SlotTaken):
            await booked(after)


async def test_of_many_who_move_to_a_slot_one_gets_it(
    store_url: str, clock: FakeClock, agenda: Agenda
) -> None:
    agenda.free["dr-rossi"] += [half_hour(f"afternoon {n}", 10 + n) for n in range(20)]
    async with hug_over(store_url, clock, directory=agenda) as hug:
        sessions = [await booked(hug, slot) for slot in agenda.free["dr-rossi"][3:]]

        outcomes = await asyncio.gather(
            *(hug.offers.move(each.id, offer(), NINE, by="p-1") for each in sessions), return_exceptions=True
        )

        assert [type(each) for each in outcomes if not isinstance(each, Session)] == [SlotTaken] * 19
        assert len(await free(hug)) == 3  # 9:30, 10:00, and the one that the winner had


async def test_of_one_booking_that_is_made_many_times_at_once_there_is_one(
    store_url: str, clock: FakeClock, agenda: Agenda
) -> None:
    async with hug_over(store_url, clock, directory=agenda) as hug:
        sessions = await asyncio.gather(*(booked(hug, reference="order/1") for _ in range(10)))

        assert len({session.id for session in sessions}) == 1
        assert sessions[0].slot == "9:00"


async def test_a_booking_that_is_moved_many_times_at_once_to_one_slot_moves_once(
    store_url: str, clock: FakeClock, agenda: Agenda
) -> None:
    async with hug_over(store_url, clock, directory=agenda) as hug:
        session = await booked(hug)

        await asyncio.gather(*(hug.offers.move(session.id, offer(), TEN, by="p-1") for _ in range(10)))

        moved = await hug.sessions.get(session.id)
        assert (moved.slot, moved.sequence) == ("10:00", 1)

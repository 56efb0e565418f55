"""Reminders and holds: due once, whatever dies, is late or comes back."""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.front_desk import DOCTOR, MINUTE, MOBILE, NOW, NURSE, Crash, Gateway, hug_over

from hugathome.app import HugAtHome
from hugathome.errors import SlotTaken
from hugathome.organisations import Organisation
from hugathome.record.history import Action, DeliveryStatus, Message
from hugathome.record.participants import Participant
from hugathome.record.reminders import due_reminders
from hugathome.record.services import Service
from hugathome.record.transitions import Status
from hugathome.roles import Step
from hugathome.session import Session
from hugathome.stores import Store, open_store
from hugathome.testing.clock import FakeClock

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STARTS = NOW + 3 * DAY
PATIENT = Participant(id="p-1", role="patient", name="M. Dupont", language="fr", phone=MOBILE)
MOTHER = Participant(id="mother", role="related-person", name="A. Dupont", phone="+41791234569")
CLINIC = {"hug": Organisation(services={"cardiology": Service(id="cardiology")})}


@pytest.fixture
async def hug(store: Store, sms: Gateway, clock: FakeClock) -> AsyncIterator[HugAtHome]:
    async with hug_over(store, sms, clock, organisations=CLINIC) as hug:
        yield hug


async def announced(hug: HugAtHome, sms: Gateway, *whom: str, **other: Any) -> Session:
    """Plan a visit that is three days from now, invite, and forget what was sent until now."""
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=STARTS,
        participants=[DOCTOR, PATIENT, MOTHER, NURSE],
        **other,
    )
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    for each in whom or ("p-1",):
        await hug.invite(session.id, each)
    sms.accepted.clear()
    return await hug.sessions.get(session.id)


async def at(clock: FakeClock, then: datetime) -> None:
    await clock.advance(seconds=(then - clock.now()).total_seconds())


async def reminders(hug: HugAtHome, session: Session, whom: str = "p-1") -> list[Message]:
    return [m for m in (await hug.sessions.get(session.id)).of(whom).messages if m.kind == "reminder"]


# --- Who is due, asked without doing anything ----------------------------------------------------


async def test_whoever_was_invited_is_due_and_asking_changes_nothing(hug: HugAtHome, sms: Gateway) -> None:
    session = await announced(hug, sms, "p-1", "nurse")
    await hug.sessions.remove(session.id, "nurse", by="dr-rossi")
    session = await hug.sessions.get(session.id)

    due = [
        [one.id for one in due_reminders(session, then)]
        for then in (STARTS - DAY - MINUTE, STARTS - DAY, STARTS - MINUTE, STARTS)
    ]

    assert due == [[], ["p-1"], ["p-1"], []]
    assert await hug.sessions.get(session.id) == session


async def test_whom_no_sms_reaches_is_due_for_the_host_to_remind_until_what_is_due_has_run(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    at_home = Participant(id="p-1", role="patient", name="M. Dupont")
    session = await hug.sessions.plan(
        organisation="hug", service="cardiology", starts_at=STARTS, participants=[DOCTOR, at_home]
    )
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await hug.invite(session.id, "p-1")

    await at(clock, STARTS - DAY)
    assert due_reminders(await hug.sessions.get(session.id), clock.now()) == (at_home,)
    await hug.run_due()

    assert due_reminders(await hug.sessions.get(session.id), clock.now()) == ()
    assert await reminders(hug, session) == []


# --- Sent, by whoever runs what is due -----------------------------------------------------------


async def test_everybody_invited_is_reminded_a_day_and_an_hour_before_without_a_code(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await announced(hug, sms, "p-1", "mother")
    link = session.of("p-1").link_id or ""
    assert await hug.run_due() == STARTS - DAY

    await at(clock, STARTS - DAY)
    assert await hug.run_due() == STARTS - HOUR
    await at(clock, STARTS - HOUR)
    assert await hug.run_due() is None

    assert [message.to for message in sms.accepted] == [PATIENT.phone, MOTHER.phone] * 2
    assert sms.codes == []
    assert sms.texts[0] == sms.texts[2]
    assert link in sms.texts[0]
    assert "rappel" in sms.texts[0]
    assert [m.status for m in await reminders(hug, session)] == [DeliveryStatus.SENT] * 2


async def test_a_visit_by_telephone_is_reminded_of_with_the_word_and_without_a_link(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await announced(hug, sms, modality="phone")
    word = await hug.callback_word(session.id, "p-1")
    await at(clock, STARTS - DAY)

    await hug.run_due()

    (text,) = sms.texts
    assert word in text
    assert "http" not in text


async def test_of_several_that_were_missed_one_goes_out_and_none_once_the_visit_should_have_begun(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    await announced(hug, sms)
    late = await announced(hug, sms)
    await at(clock, STARTS - 20 * MINUTE)
    await hug.run_due()
    assert len(sms.accepted) == 2

    third = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=clock.now() + 2 * HOUR,
        participants=[DOCTOR, PATIENT],
    )
    await hug.sessions.accept(third.id, "p-1", recorded_by="dr-rossi")
    await hug.invite(third.id, "p-1", deliver=False)
    await clock.advance(hours=2)
    await hug.run_due()

    assert len(sms.accepted) == 2
    assert [(await hug.sessions.get(each.id)).reminders for each in (late, third)] == [(), ()]


async def test_nobody_is_reminded_who_was_not_invited_or_put_out_or_no_longer_agrees(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await announced(hug, sms, "p-1", "mother")
    other = await announced(hug, sms)
    await hug.sessions.remove(session.id, "mother", by="dr-rossi")
    await hug.sessions.withdraw(other.id, "p-1", recorded_by="dr-rossi")
    await at(clock, STARTS - DAY)

    await hug.run_due()

    assert [message.to for message in sms.accepted] == [PATIENT.phone]
    assert await reminders(hug, other) == []


async def test_what_is_cancelled_reminds_nobody(hug: HugAtHome, sms: Gateway, clock: FakeClock) -> None:
    session = await announced(hug, sms)
    await hug.sessions.cancel(session.id, by="the secretary")
    await at(clock, STARTS - DAY)

    await hug.run_due()

    assert sms.accepted == []


# --- Deaths, and many at once --------------------------------------------------------------------


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_reminder_whose_sender_died_goes_out_once_by_another(
    hug: HugAtHome, sms: Gateway, clock: FakeClock, moment: str
) -> None:
    session = await announced(hug, sms, "p-1", "mother")
    sms.fails, sms.fails_after = (Crash(), None) if moment == "before" else (None, Crash())
    await at(clock, STARTS - DAY)
    with pytest.raises(Crash):
        await hug.run_due()
    assert [len(await reminders(hug, session, whom)) for whom in ("p-1", "mother")] == [1, 1]
    sms.fails = sms.fails_after = None

    for _ in range(3):
        await clock.advance(minutes=1)
        await hug.run_due()

    to = [message.to for message in sms.accepted]
    assert sorted(map(str, to)) == [MOBILE, "+41791234569"]
    assert (await hug.sessions.get(session.id)).due_at == STARTS - HOUR


async def test_a_deployment_that_starts_again_reminds_of_what_it_missed_once(
    tmp_path: Path, sms: Gateway, clock: FakeClock
) -> None:
    database = f"sqlite:///{tmp_path}/restarted.db"
    async with hug_over(open_store(database), sms, clock, organisations=CLINIC) as hug:
        await announced(hug, sms)
    await at(clock, STARTS - 2 * HOUR)

    for _ in range(2):
        async with hug_over(open_store(database), sms, clock, organisations=CLINIC) as hug:
            await hug.run_due()

    assert len(sms.accepted) == 1


async def test_of_many_that_run_what_is_due_at_once_one_reminds(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    await announced(hug, sms)
    await at(clock, STARTS - DAY)

    await asyncio.gather(*(hug.run_due() for _ in range(8)))

    assert len(sms.accepted) == 1


async def test_a_reminder_that_is_taken_over_too_late_is_given_up(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await announced(hug, sms)
    sms.fails = Crash()
    await at(clock, STARTS - HOUR)
    with pytest.raises(Crash):
        await hug.run_due()
    sms.fails = None
    await at(clock, STARTS)

    assert await hug.run_due() is None

    assert sms.accepted == []
    assert [m.status for m in await reminders(hug, session)] == [DeliveryStatus.FAILED]
    assert (await hug.sessions.get(session.id)).steps("p-1")[-1].step is Step.SMS_FAILED


# --- Holds ---------------------------------------------------------------------------------------


async def test_a_slot_that_was_only_held_is_let_go_of_in_time_and_reminds_nobody(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    held = await announced(hug, sms, slot="rossi/09:00", held_until=NOW + 10 * MINUTE)
    assert await hug.run_due() == NOW + 10 * MINUTE
    with pytest.raises(SlotTaken):
        await announced(hug, sms, slot="rossi/09:00")

    await clock.advance(minutes=10)
    await hug.run_due()

    after = await hug.sessions.get(held.id)
    assert (after.status, after.history[-1].reason) == (Status.CANCELLED, "not confirmed in time")
    assert (await announced(hug, sms, slot="rossi/09:00")).slot == "rossi/09:00"
    events = [event.change.action async for event in hug.events(organisation="hug")]
    assert events.count(Action.CANCEL) == 1


async def test_a_reminder_that_falls_into_a_hold_goes_out_once_that_is_confirmed(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    held = await announced(hug, sms, slot="rossi/09:00", held_until=STARTS - DAY + 10 * MINUTE)
    await at(clock, STARTS - DAY)
    await hug.run_due()
    assert sms.accepted == []

    await hug.sessions.confirm(held.id, by="p-1")
    await hug.run_due()

    assert len(sms.accepted) == 1


async def test_a_slot_that_was_confirmed_stays_and_reminds(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    held = await announced(hug, sms, slot="rossi/09:00", held_until=NOW + 10 * MINUTE)
    await hug.sessions.confirm(held.id, by="p-1")
    await at(clock, STARTS - DAY)

    await hug.run_due()

    assert (await hug.sessions.get(held.id)).status is Status.PLANNED
    assert len(sms.accepted) == 1

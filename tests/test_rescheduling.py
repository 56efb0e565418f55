"""A visit that is put off after it was confirmed: one link, silence on the old time, word of the new one."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.front_desk import DOCTOR, MINUTE, MOBILE, NOW, Crash, Gateway, hug_over

from hugathome.app import HugAtHome
from hugathome.errors import ConsentMissing, InvalidInput, NotYetOpen, SendTooSoon
from hugathome.organisations import Organisation
from hugathome.reach.receipts import Receipt
from hugathome.record.history import DeliveryStatus
from hugathome.record.participants import Participant
from hugathome.record.services import Service
from hugathome.roles import Step
from hugathome.session import Session
from hugathome.stores import Store
from hugathome.testing.clock import FakeClock
from hugathome.visits.reception import Invitation

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
STARTS, LATER = NOW + 2 * DAY, NOW + 9 * DAY
PATIENT = Participant(id="p-1", role="patient", name="M. Dupont", language="en", phone=MOBILE)
CLINIC = {"hug": Organisation(services={"cardiology": Service(id="cardiology")})}


@pytest.fixture
async def hug(store: Store, sms: Gateway, clock: FakeClock) -> AsyncIterator[HugAtHome]:
    async with hug_over(store, sms, clock, organisations=CLINIC) as hug:
        yield hug


async def accepted(hug: HugAtHome, *, starts_at: datetime = STARTS, **other: Any) -> Session:
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=starts_at,
        participants=[DOCTOR, PATIENT],
        **other,
    )
    return await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")


async def put_off(hug: HugAtHome, session_id: str, *, starts_at: datetime = LATER) -> Session:
    await hug.sessions.reschedule(session_id, starts_at=starts_at, by="the secretary", reason="on call")
    return await hug.sessions.accept(session_id, "p-1", recorded_by="the secretary")


async def at(clock: FakeClock, then: datetime) -> None:
    await clock.advance(seconds=(then - clock.now()).total_seconds())


async def test_a_visit_is_not_put_off_beyond_the_calendar(hug: HugAtHome) -> None:
    session = await accepted(hug)

    with pytest.raises(InvalidInput):
        await hug.sessions.reschedule(session.id, starts_at=datetime.max.replace(tzinfo=UTC), by="dr-rossi")

    assert (await hug.sessions.get(session.id)).window == session.window


async def test_a_visit_is_put_off_where_its_service_is_no_longer_in_the_settings(
    store: Store, sms: Gateway, clock: FakeClock
) -> None:
    async with hug_over(store, sms, clock, organisations=CLINIC) as hug:
        session = await accepted(hug)
    moved_on = {"hug": Organisation(services={"oncology": Service(id="oncology")})}
    async with hug_over(store, sms, clock, organisations=moved_on) as hug:
        moved = await put_off(hug, session.id)

    assert moved.window.starts_at == LATER
    assert moved.window.ends_at - moved.window.starts_at == session.window.ends_at - session.window.starts_at
    assert moved.reminders == tuple(LATER - (STARTS - at) for at in session.reminders) != ()


# --- As it goes ----------------------------------------------------------------------------------


async def test_a_visit_that_is_put_off_after_it_was_confirmed_is_held_at_its_new_time_by_the_same_link(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await accepted(hug)
    link = await hug.invite(session.id, "p-1")
    await at(clock, STARTS - DAY)
    await hug.run_due()
    assert len(sms.accepted) == 2  # the invitation, and a reminder

    await put_off(hug, session.id)
    told = await hug.invite(session.id, "p-1")
    assert (told.url, told.delivery) == (link.url, DeliveryStatus.SENT)
    assert "has been moved to Tuesday, 1 December 2026" in sms.texts[-1]
    assert link.url in sms.texts[-1]

    await at(clock, STARTS)
    await hug.run_due()
    with pytest.raises(NotYetOpen):
        await hug.send_code(link.link_id)
    assert len(sms.accepted) == 3

    await at(clock, LATER - HOUR)
    await hug.run_due()
    await at(clock, LATER)
    await hug.send_code(link.link_id)
    grant = await hug.check_in(link.link_id, sms.code)

    assert "reminder" in sms.texts[3]
    assert grant.participant == "p-1"


async def test_inviting_sends_once_for_each_time(hug: HugAtHome, sms: Gateway) -> None:
    session = await accepted(hug)

    for _ in range(2):
        await hug.invite(session.id, "p-1")
    await put_off(hug, session.id)
    for _ in range(2):
        await hug.invite(session.id, "p-1")
    await put_off(hug, session.id, starts_at=LATER + DAY)
    await hug.invite(session.id, "p-1")

    assert len(sms.accepted) == 3
    assert [text.count("moved") for text in sms.texts] == [0, 1, 1]


async def test_a_visit_by_telephone_that_is_put_off_tells_the_same_word(hug: HugAtHome, sms: Gateway) -> None:
    session = await accepted(hug, modality="phone")
    await hug.invite(session.id, "p-1")
    await put_off(hug, session.id)

    await hug.invite(session.id, "p-1")

    word = await hug.callback_word(session.id, "p-1")
    assert "appointment is moved: we will phone you on Tuesday" in sms.texts[-1]
    assert all(word in text for text in sms.texts)


async def test_whoever_was_never_told_of_the_old_time_is_not_told_that_it_was_moved(
    hug: HugAtHome, sms: Gateway
) -> None:
    session = await accepted(hug)
    await put_off(hug, session.id)

    await hug.invite(session.id, "p-1")

    assert "moved" not in sms.texts[0]


async def test_before_they_are_invited_anew_nothing_was_sent_of_the_new_time(hug: HugAtHome) -> None:
    session = await accepted(hug)
    await hug.invite(session.id, "p-1")
    await put_off(hug, session.id)

    again = await hug.invite(session.id, "p-1", deliver=False)

    assert again.delivery is None
    assert "has been moved" in again.texts[0]


async def test_without_the_new_consent_nobody_is_told_or_reminded(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await accepted(hug)
    await hug.invite(session.id, "p-1")
    sms.accepted.clear()
    await hug.sessions.reschedule(session.id, starts_at=LATER, by="the secretary")

    with pytest.raises(ConsentMissing):
        await hug.invite(session.id, "p-1")
    await at(clock, LATER - HOUR)
    await hug.run_due()

    assert sms.accepted == []


# --- What was on its way -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["invitation", "reminder"])
async def test_what_was_queued_for_the_old_time_never_goes_out(
    hug: HugAtHome, sms: Gateway, clock: FakeClock, kind: str
) -> None:
    session = await accepted(hug)
    if kind == "reminder":
        await hug.invite(session.id, "p-1")
        await at(clock, STARTS - HOUR)
    sms.fails = Crash()
    with pytest.raises(Crash):
        await (hug.run_due() if kind == "reminder" else hug.invite(session.id, "p-1"))
    sms.fails = None
    sms.accepted.clear()
    await put_off(hug, session.id)

    await clock.advance(minutes=10)
    await hug.run_due()
    assert sms.accepted == []

    await hug.invite(session.id, "p-1")
    (text,) = sms.texts
    assert "1 December" in text


async def test_a_reminder_of_the_old_time_that_falls_due_never_goes_out(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await accepted(hug)
    await hug.invite(session.id, "p-1", deliver=False)
    await put_off(hug, session.id)

    for then in (STARTS - DAY, STARTS - HOUR, STARTS):
        await at(clock, then)
        await hug.run_due()

    assert sms.accepted == []
    assert (await hug.sessions.get(session.id)).reminders == (LATER - DAY, LATER - HOUR)


async def test_that_a_message_of_the_old_time_never_arrived_is_no_longer_told_to_staff(
    hug: HugAtHome, sms: Gateway
) -> None:
    session = await accepted(hug)
    await hug.invite(session.id, "p-1")
    old = sms.accepted[-1].idempotency_key
    await put_off(hug, session.id)
    await hug.invite(session.id, "p-1")

    assert await hug.receive_receipt(Receipt(reference=old, status=DeliveryStatus.FAILED))

    after = await hug.sessions.get(session.id)
    assert [m.status for m in after.of("p-1").messages] == [DeliveryStatus.FAILED, DeliveryStatus.SENT]
    assert Step.SMS_FAILED not in {change.step for change in after.steps("p-1")}
    assert (await hug.invite(session.id, "p-1")).delivery is DeliveryStatus.SENT


async def test_that_a_reminder_of_the_new_time_never_arrived_is_told(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await accepted(hug)
    await put_off(hug, session.id)
    await hug.invite(session.id, "p-1", deliver=False)
    await at(clock, LATER - DAY)
    await hug.run_due()

    reference = sms.accepted[-1].idempotency_key
    await hug.receive_receipt(Receipt(reference=reference, status=DeliveryStatus.FAILED))

    assert (await hug.sessions.get(session.id)).steps("p-1")[-1].step is Step.SMS_FAILED


# --- A code that was open ------------------------------------------------------------------------


async def open_code(hug: HugAtHome, clock: FakeClock) -> Invitation:
    """Invite to a visit that opens now, with its code."""
    session = await accepted(hug)
    await at(clock, STARTS - 20 * MINUTE)
    return await hug.invite(session.id, "p-1")


async def test_an_open_code_lets_nobody_in_before_the_new_window_or_without_the_new_consent(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await open_code(hug, clock)
    await hug.sessions.reschedule(invitation.session, starts_at=clock.now() + 35 * MINUTE, by="the secretary")
    with pytest.raises(NotYetOpen):
        await hug.check_in(invitation.link_id, sms.code)

    await clock.advance(minutes=6)
    with pytest.raises(ConsentMissing):
        await hug.check_in(invitation.link_id, sms.code)
    await hug.sessions.accept(invitation.session, "p-1", recorded_by="dr-rossi")

    assert (await hug.check_in(invitation.link_id, sms.code)).participant == "p-1"


async def test_putting_a_visit_off_gives_no_more_codes_than_there_were(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await open_code(hug, clock)
    before = (await hug.sessions.get(invitation.session)).of("p-1").challenge_id
    await put_off(hug, invitation.session, starts_at=clock.now() + 10 * MINUTE)

    with pytest.raises(SendTooSoon):
        await hug.send_code(invitation.link_id)
    after = await hug.invite(invitation.session, "p-1")

    assert sms.codes == [sms.code]
    assert "has been moved" in after.texts[0]
    assert (await hug.sessions.get(invitation.session)).of("p-1").challenge_id == before

"""The way in: one link, one SMS, a code when it is asked for, and nobody in who should not be."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.front_desk import (
    FIXED,
    KEY,
    MINUTE,
    MOBILE,
    NOW,
    OLD,
    SITE,
    Crash,
    Gateway,
    InvitesAgainMeanwhile,
    hug_over,
    invited,
    planned,
    wrong,
)

from hugathome.app import HugAtHome
from hugathome.codes import Challenge, Kept
from hugathome.errors import (
    CodeAlreadyUsed,
    CodeExpired,
    CodeRejected,
    ConsentMissing,
    GrantRefused,
    HugathomeError,
    LinkUnknown,
    MalformedCode,
    NotDelivered,
    NotYetOpen,
    QuotaReached,
    SendTooSoon,
    SessionEnded,
    SessionNotFound,
    SmsNotSent,
    TooManyAttempts,
    UnknownParticipant,
)
from hugathome.policy import CodePolicy
from hugathome.quotas import Tally
from hugathome.record.history import IN_DOUBT
from hugathome.record.transitions import Presence, Status
from hugathome.roles import Step
from hugathome.session import ROOM_KEPT, Session
from hugathome.stores import Store, open_store
from hugathome.stores.memory import MemoryCodes, MemorySessions
from hugathome.testing.clock import FakeClock
from hugathome.visits.reception import Invitation


@pytest.fixture
async def hug(store: Store, sms: Gateway, clock: FakeClock) -> AsyncIterator[HugAtHome]:
    async with hug_over(store, sms, clock) as hug:
        yield hug
        positions = [event.position async for event in hug.events(organisation="hug")]
        assert positions == list(range(1, len(positions) + 1))


async def steps(hug: HugAtHome, invitation: Invitation) -> list[Step | None]:
    return [change.step for change in (await hug.sessions.get(invitation.session)).steps("p-1")]


async def test_a_consent_that_is_withdrawn_closes_the_link_until_it_is_given_again(
    hug: HugAtHome, sms: Gateway
) -> None:
    invitation = await invited(hug)
    await hug.sessions.withdraw(invitation.session, "p-1", recorded_by="dr-rossi")

    with pytest.raises(ConsentMissing):
        await hug.send_code(invitation.link_id)
    with pytest.raises(ConsentMissing):
        await hug.check_in(invitation.link_id, sms.code)
    with pytest.raises(ConsentMissing):
        await hug.call(invitation.session, "p-1", by="dr-rossi")
    assert len(sms.accepted) == 1

    await hug.sessions.accept(invitation.session, "p-1", recorded_by="dr-rossi")
    assert (await hug.check_in(invitation.link_id, sms.code)).participant == "p-1"


async def test_nothing_goes_out_once_consent_is_withdrawn(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails = Crash()
    with pytest.raises(Crash):
        await hug.invite(session.id, "p-1")
    sms.fails = None
    await hug.sessions.withdraw(session.id, "p-1", recorded_by="dr-rossi")

    await clock.advance(minutes=2)
    await hug.run_due()
    assert sms.accepted == []

    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await clock.advance(minutes=5)
    await hug.run_due()
    assert len(sms.accepted) == 1


# --- Inviting ------------------------------------------------------------------------------------


async def test_without_consent_nobody_is_invited(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug, accepted=False)

    for who in ("p-1", "nurse"):
        with pytest.raises(ConsentMissing):
            await hug.invite(session.id, who)

    assert sms.accepted == []
    assert (await hug.sessions.get(session.id)).of("p-1").link_id is None


async def test_an_appointment_is_announced_with_a_link_and_no_code(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug, starts_at=NOW + timedelta(days=1))

    (message,) = sms.accepted
    assert str(message.to) == MOBILE
    assert invitation.url == f"{SITE}/j/{invitation.link_id}"
    assert invitation.url in message.text
    assert sms.codes == []
    assert (invitation.texts, invitation.delivery) == ((message.text,), "sent")
    assert await steps(hug, invitation) == [Step.SMS_SENT]


@pytest.mark.parametrize(
    ("starts_at", "local"),
    [(datetime(2026, 12, 24, 13, tzinfo=UTC), "14:00"), (datetime(2027, 7, 1, 13, tzinfo=UTC), "15:00")],
    ids=["winter", "summer"],
)
async def test_an_announcement_says_the_time_of_the_place(
    hug: HugAtHome, sms: Gateway, starts_at: datetime, local: str
) -> None:
    await invited(hug, starts_at=starts_at)

    assert re.sub(r"[h.]", ":", sms.texts[0]).count(local) == 1


async def test_a_visit_that_is_now_brings_link_and_code_together(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)

    (text,) = sms.texts
    assert invitation.url in text
    assert text.endswith(f"@www.example.ch #{sms.code}")
    assert sms.code not in "".join(invitation.texts)
    assert (await hug.check_in(invitation.link_id, sms.code)).participant == "p-1"


@pytest.mark.parametrize(
    ("language", "word"), [("fr", "code"), ("de", "Code"), ("it", "codice"), ("en", "code")]
)
async def test_whoever_is_invited_reads_their_own_language(
    hug: HugAtHome, sms: Gateway, language: str, word: str
) -> None:
    await invited(hug, language=language)
    await invited(hug, language="en")

    assert re.search(rf"\b{word}\b", sms.texts[0])
    assert sms.texts[0].splitlines()[0].split()[0] != sms.texts[1].split()[0]


async def test_a_site_too_long_for_both_gets_the_link_first_and_then_the_code(
    store: Store, clock: FakeClock
) -> None:
    sms = Gateway()
    site = "https://telekonsultation.universitaetsspital-beispielstadt.example.ch/patientinnen-und-patienten/besuch"
    async with hug_over(store, sms, clock, site=site) as hug:
        invitation = await invited(hug)

        assert invitation.url in sms.texts[0]
        assert len(sms.texts) == 2
        assert [message.idempotency_key[-2:] for message in sms.accepted] == [".1", ".2"]
        await hug.check_in(invitation.link_id, sms.code)


async def test_inviting_twice_sends_once(hug: HugAtHome, sms: Gateway) -> None:
    first = await invited(hug)

    assert await hug.invite(first.session, "p-1") == first
    assert len(sms.accepted) == 1


async def test_inviting_many_times_at_once_sends_once(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug)

    invitations = await asyncio.gather(*(hug.invite(session.id, "p-1") for _ in range(8)))

    assert len({invitation.url for invitation in invitations}) == 1
    assert len(sms.accepted) == 1


async def test_the_host_may_deliver_by_itself(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug, starts_at=NOW + timedelta(days=1))

    invitation = await hug.invite(session.id, "p-1", deliver=False)

    assert invitation.delivery is None
    assert invitation.url in invitation.texts[0]
    assert sms.accepted == []
    assert (await hug.invite(session.id, "p-1")).url == invitation.url
    assert len(sms.accepted) == 1


@pytest.mark.parametrize("phone", [FIXED, None])
async def test_whom_no_sms_reaches_gets_link_and_texts(
    hug: HugAtHome, sms: Gateway, phone: str | None
) -> None:
    invitation = await invited(hug, phone=phone)

    assert (invitation.delivery, sms.accepted) == (None, [])
    assert invitation.url in invitation.texts[0]
    assert "SMS" not in invitation.texts[0]
    with pytest.raises(SmsNotSent):
        await hug.send_code(invitation.link_id)


async def test_a_phone_visit_is_announced_without_a_link(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug, modality="phone", starts_at=NOW + timedelta(days=1))

    assert invitation.link_id not in sms.texts[0]
    assert sms.texts == list(invitation.texts)


@pytest.mark.parametrize(("planned_as", "held_as"), [("video", "phone"), ("phone", "video")])
async def test_a_visit_that_is_held_otherwise_than_announced_is_announced_anew(
    hug: HugAtHome, sms: Gateway, planned_as: str, held_as: Any
) -> None:
    first = await invited(hug, modality=planned_as, starts_at=NOW + timedelta(days=1))
    await hug.sessions.change_modality(first.session, held_as, by="dr-rossi")

    again = await hug.invite(first.session, "p-1", again=True)

    assert len(sms.texts) == 2
    assert [invitation.url in text for invitation, text in zip((first, again), sms.texts, strict=True)] == [
        planned_as == "video",
        held_as == "video",
    ]


async def test_inviting_again_replaces_link_and_budget(hug: HugAtHome, sms: Gateway) -> None:
    first = await invited(hug)
    for _ in range(5):
        with pytest.raises(CodeRejected):
            await hug.check_in(first.link_id, wrong(sms.codes[0]))
    with pytest.raises(TooManyAttempts):
        await hug.send_code(first.link_id)

    second = await hug.invite(first.session, "p-1", again=True)

    assert second.link_id != first.link_id
    assert len(sms.accepted) == 2
    for ask in (
        hug.opened(first.link_id),
        hug.send_code(first.link_id),
        hug.check_in(first.link_id, sms.code),
    ):
        with pytest.raises(LinkUnknown):
            await ask
    await hug.check_in(second.link_id, sms.code)


async def test_a_gateway_that_refuses_is_told_and_the_next_invitation_tries_again(
    hug: HugAtHome, sms: Gateway
) -> None:
    session = await planned(hug)
    sms.fails = SmsNotSent("the provider is away")
    with pytest.raises(SmsNotSent):
        await hug.invite(session.id, "p-1")
    link = (await hug.sessions.get(session.id)).of("p-1").link_id

    sms.fails = None
    invitation = await hug.invite(session.id, "p-1")

    assert (invitation.link_id, invitation.delivery) == (link, "sent")
    assert len(sms.accepted) == 1
    assert await steps(hug, invitation) == [Step.SMS_FAILED, Step.SMS_SENT]


async def test_a_gateway_that_failed_costs_no_new_code(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails_after = SmsNotSent("it took too long")
    with pytest.raises(SmsNotSent):
        await hug.invite(session.id, "p-1")
    sms.fails_after = None
    await clock.advance(seconds=30)

    await hug.invite(session.id, "p-1")

    assert len(set(sms.codes)) == 1


async def test_whoever_is_invited_again_and_again_gets_no_more_codes_than_a_challenge_has_messages(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails_after = SmsNotSent("no answer from the gateway")
    for _ in range(6):
        with pytest.raises(SmsNotSent):
            await hug.invite(session.id, "p-1")
        await clock.advance(minutes=1.5)

    assert (len(sms.accepted), len(sms.codes)) == (6, CodePolicy().max_sends)


async def test_what_a_gateway_refused_for_certain_is_lost_to_no_budget_of_codes(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails = SmsNotSent("the gateway answered 403", is_certain=True)
    for _ in range(4):
        with pytest.raises(SmsNotSent):
            await hug.invite(session.id, "p-1")
        await clock.advance(minutes=1.5)
    sms.fails = None

    await hug.invite(session.id, "p-1")

    assert len(sms.codes) == 1


async def test_who_was_removed_comes_back_by_a_new_invitation_only(hug: HugAtHome, sms: Gateway) -> None:
    first = await invited(hug)
    await hug.check_in(first.link_id, sms.code)
    await hug.sessions.remove(first.session, "p-1", by="dr-rossi")
    with pytest.raises(LinkUnknown):
        await hug.opened(first.link_id)

    second = await hug.invite(first.session, "p-1")

    assert second.link_id != first.link_id
    assert (await hug.sessions.get(first.session)).of("p-1").presence is Presence.EXPECTED
    await hug.check_in(second.link_id, sms.code)


async def test_nobody_is_invited_to_what_is_over(hug: HugAtHome, clock: FakeClock, sms: Gateway) -> None:
    cancelled, missed = await planned(hug), await planned(hug)
    await hug.sessions.cancel(cancelled.id, by="the secretary")
    await clock.advance(minutes=90)

    for session in (cancelled, missed):
        with pytest.raises(SessionEnded):
            await hug.invite(session.id, "p-1")

    assert sms.accepted == []


async def test_nobody_unknown_is_invited(hug: HugAtHome) -> None:
    session = await planned(hug)

    with pytest.raises(UnknownParticipant):
        await hug.invite(session.id, "p-2")
    with pytest.raises(SessionNotFound):
        await hug.invite("hug.nowhere", "p-1")


async def test_an_invitation_shows_no_secret(hug: HugAtHome) -> None:
    invitation = await invited(hug)

    assert invitation.link_id not in repr(invitation)
    assert len(invitation.link_id) == 11


# --- Asking for a code ---------------------------------------------------------------------------

NO_LINKS = ["", "x" * 11, None, 0, "\ud800", "\x00", "../../etc", ["x"], b"x", "x" * 10**6]


@pytest.mark.parametrize("link", NO_LINKS, ids=lambda link: ascii(link)[:20])
async def test_a_link_of_nobody_opens_nothing(hug: HugAtHome, sms: Gateway, link: Any) -> None:
    await invited(hug, starts_at=NOW + timedelta(days=1))

    for ask in (hug.opened(link), hug.send_code(link), hug.check_in(link, "000000")):
        with pytest.raises(LinkUnknown):
            await ask
    assert len(sms.accepted) == 1


async def test_before_the_window_a_link_shows_the_appointment_and_sends_nothing(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug, starts_at=NOW + timedelta(days=1))

    session, participant = await hug.opened(invitation.link_id)

    assert (session.id, participant.id) == (invitation.session, "p-1")
    for ask in (hug.send_code(invitation.link_id), hug.check_in(invitation.link_id, "000000")):
        with pytest.raises(NotYetOpen) as refused:
            await ask
        assert refused.value.opens_at == NOW + timedelta(days=1) - 30 * MINUTE
    assert len(sms.accepted) == 1
    await clock.advance(hours=23, minutes=30)
    await hug.send_code(invitation.link_id)
    await hug.check_in(invitation.link_id, sms.code)


async def test_a45_looking_at_a_link_changes_nothing(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    before = await hug.sessions.get(invitation.session)

    for _ in range(100):
        await hug.opened(invitation.link_id)

    assert await hug.sessions.get(invitation.session) == before
    assert len(sms.accepted) == 1


async def test_an_open_code_is_sent_again_and_not_too_soon(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    with pytest.raises(SendTooSoon) as refused:
        await hug.send_code(invitation.link_id)
    assert refused.value.retry_after == timedelta(seconds=30)

    await clock.advance(seconds=30)
    await hug.send_code(invitation.link_id)

    assert len(sms.codes) == 2
    assert len(set(sms.codes)) == 1
    assert await steps(hug, invitation) == [Step.SMS_SENT, Step.CODE_ASKED]


async def test_an_invitation_goes_out_with_the_link_alone_while_no_code_may(
    hug: HugAtHome, sms: Gateway
) -> None:
    invitation = await hug.invite((await planned(hug)).id, "p-1", deliver=False)
    await hug.send_code(invitation.link_id)

    again = await hug.invite(invitation.session, "p-1")

    assert again.delivery == "sent"
    assert len(sms.accepted) == 2
    assert again.url in sms.accepted[-1].text
    assert len(sms.codes) == 1


async def test_an_expired_code_is_followed_by_another(hug: HugAtHome, sms: Gateway, clock: FakeClock) -> None:
    invitation = await invited(hug)
    await clock.advance(minutes=10)
    with pytest.raises(CodeExpired):
        await hug.check_in(invitation.link_id, sms.codes[0])

    await hug.send_code(invitation.link_id)

    assert len(set(sms.codes)) == 2, "one chance in a million"
    with pytest.raises(CodeRejected):
        await hug.check_in(invitation.link_id, sms.codes[0])
    await hug.check_in(invitation.link_id, sms.codes[1])


async def test_a_used_code_is_followed_by_another(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    await hug.check_in(invitation.link_id, sms.codes[0])
    with pytest.raises(CodeAlreadyUsed):
        await hug.check_in(invitation.link_id, sms.codes[0])

    await hug.send_code(invitation.link_id)

    await hug.check_in(invitation.link_id, sms.codes[1])


async def test_a_locked_code_is_followed_by_none(hug: HugAtHome, sms: Gateway, clock: FakeClock) -> None:
    invitation = await invited(hug)
    for left in (4, 3, 2, 1, 0):
        with pytest.raises(CodeRejected) as refused:
            await hug.check_in(invitation.link_id, wrong(sms.code))
        assert refused.value.attempts_left == left

    await clock.advance(minutes=20)

    for ask in (hug.send_code(invitation.link_id), hug.check_in(invitation.link_id, sms.code)):
        with pytest.raises(TooManyAttempts):
            await ask
    assert len(sms.accepted) == 1


async def test_a_challenge_has_three_messages_and_the_day_ten(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    await hug.sessions.extend(invitation.session, closes_at=NOW + timedelta(hours=10), by="dr-rossi")
    for _ in range(2):
        await clock.advance(minutes=1)
        await hug.send_code(invitation.link_id)
    await clock.advance(minutes=2)
    with pytest.raises(QuotaReached):
        await hug.send_code(invitation.link_id)

    for _ in range(7):
        await clock.advance(minutes=20)
        await hug.send_code(invitation.link_id)
    await clock.advance(minutes=20)
    with pytest.raises(QuotaReached) as refused:
        await hug.send_code(invitation.link_id)

    assert len(sms.codes) == 10
    assert clock.now() + refused.value.retry_after == NOW + timedelta(days=1)


async def test_a_gateway_that_fails_leaves_the_code_to_be_sent_again(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug, starts_at=NOW + 20 * MINUTE)
    await clock.advance(seconds=30)
    sms.fails = SmsNotSent("the provider is away")
    with pytest.raises(SmsNotSent):
        await hug.send_code(invitation.link_id)
    sms.fails = None
    await clock.advance(seconds=60)

    await hug.send_code(invitation.link_id)

    assert len(set(sms.codes)) == 1
    await hug.check_in(invitation.link_id, sms.code)


async def test_a06_asking_many_times_at_once_sends_one_code(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug)
    invitation = await hug.invite(session.id, "p-1", deliver=False)

    outcomes = await asyncio.gather(
        *(hug.send_code(invitation.link_id) for _ in range(16)), return_exceptions=True
    )

    assert [
        outcome for outcome in outcomes if outcome is not None and not isinstance(outcome, SendTooSoon)
    ] == []
    assert outcomes.count(None) == 1
    assert len(sms.accepted) == 1
    await hug.check_in(invitation.link_id, sms.code)


# --- Checking in ---------------------------------------------------------------------------------


async def test_who_checks_in_has_arrived_and_waits(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)

    grant = await hug.check_in(invitation.link_id, f" {sms.code[:3]} {sms.code[3:]}\n")

    session = await hug.sessions.get(invitation.session)
    assert [participant.id for participant in session.waiting] == ["p-1"]
    assert (grant.session, grant.participant, grant.organisation, grant.device) == (
        session.id,
        "p-1",
        "hug",
        1,
    )
    assert (await hug.visit_pass(grant.token)).device == 1


async def test_a_wrong_code_is_noted_for_the_clinician(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)

    with pytest.raises(CodeRejected):
        await hug.check_in(invitation.link_id, wrong(sms.code))
    with pytest.raises(MalformedCode):
        await hug.check_in(invitation.link_id, "what?")

    assert await steps(hug, invitation) == [Step.SMS_SENT, Step.CODE_REFUSED]


async def test_without_a_code_sent_none_is_right(hug: HugAtHome) -> None:
    session = await planned(hug)
    invitation = await hug.invite(session.id, "p-1", deliver=False)

    with pytest.raises(CodeExpired):
        await hug.check_in(invitation.link_id, "000000")


async def test_a_second_device_takes_over_and_the_admission_stays(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    first = await hug.visit_pass((await hug.check_in(invitation.link_id, sms.code)).token)
    await hug.sessions.admit(invitation.session, "p-1", by="dr-rossi")
    await hug.regrant(first.token)

    await hug.send_code(invitation.link_id)
    second = await hug.visit_pass((await hug.check_in(invitation.link_id, sms.code)).token)

    assert (await hug.sessions.get(invitation.session)).is_let_in("p-1")
    assert (await hug.regrant(second.token)).device == 2
    with pytest.raises(GrantRefused):
        await hug.regrant(first.token)


async def test_a_doctor_who_is_75_minutes_late_still_finds_the_patient(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    visit_pass = await hug.visit_pass((await hug.check_in(invitation.link_id, sms.code)).token)

    await clock.advance(minutes=75)
    assert [participant.id for participant in (await hug.sessions.get(invitation.session)).waiting] == ["p-1"]
    await clock.advance(minutes=75)
    await hug.regrant(visit_pass.token)
    session = await hug.sessions.admit(invitation.session, "p-1", by="dr-rossi")

    assert session.status is Status.IN_PROGRESS
    assert (await hug.sessions.complete(session.id, by="dr-rossi")).outcome == "completed"


async def test_the_window_lets_nobody_in_once_it_has_closed(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    await clock.advance(minutes=90)

    for ask in (hug.send_code(invitation.link_id), hug.check_in(invitation.link_id, sms.code)):
        with pytest.raises(SessionEnded):
            await ask
    await hug.sessions.extend(invitation.session, closes_at=NOW + timedelta(hours=3), by="dr-rossi")
    await hug.send_code(invitation.link_id)
    await hug.check_in(invitation.link_id, sms.code)


async def test_the_end_closes_links_codes_grants_and_passes(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    grant = await hug.check_in(invitation.link_id, sms.code)
    visit_pass = await hug.visit_pass(grant.token)
    staff = hug.grant(invitation.session, "dr-rossi")
    await hug.sessions.admit(invitation.session, "p-1", by="dr-rossi")

    await hug.sessions.complete(invitation.session, by="dr-rossi")

    for ask in (
        hug.send_code(invitation.link_id),
        hug.check_in(invitation.link_id, sms.code),
        hug.visit_pass(grant.token),
        hug.visit_pass(staff.token),
        hug.regrant(visit_pass.token),
    ):
        with pytest.raises(SessionEnded):
            await ask


async def test_a_phone_visit_starts_when_the_patient_checks_in(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug, modality="phone")
    invitation = await hug.invite(session.id, "p-1", deliver=False)
    await hug.send_code(invitation.link_id)

    await hug.check_in(invitation.link_id, sms.code)

    assert (await hug.sessions.get(session.id)).status is Status.IN_PROGRESS


async def test_a_link_that_is_replaced_in_the_same_moment_lets_nobody_in(
    sms: Gateway, clock: FakeClock
) -> None:
    codes = InvitesAgainMeanwhile()
    async with hug_over(Store(sessions=MemorySessions(), codes=codes), sms, clock) as hug:
        invitation = await invited(hug)
        codes.meanwhile = lambda: hug.invite(invitation.session, "p-1", again=True)

        with pytest.raises(LinkUnknown):
            await hug.check_in(invitation.link_id, sms.code)

        assert (await hug.sessions.get(invitation.session)).waiting == ()


async def test_a11_a_restart_between_invitation_and_check_in_costs_nothing(
    sms: Gateway, clock: FakeClock, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path}/clinic.db"
    async with hug_over(open_store(url), sms, clock) as before:
        invitation = await invited(before)

    async with hug_over(open_store(url), sms, clock) as after:
        grant = await after.check_in(invitation.link_id, sms.code)
    async with hug_over(open_store(url), sms, clock) as later:
        with pytest.raises(CodeAlreadyUsed):
            await later.check_in(invitation.link_id, sms.code)
        assert (await later.visit_pass(grant.token)).participant == "p-1"

    assert len(sms.accepted) == 1


async def test_a37_a_change_of_keys_between_invitation_and_check_in(
    store: Store, sms: Gateway, clock: FakeClock
) -> None:
    old = hug_over(store, sms, clock, key=OLD)
    one, other = await invited(old), await invited(old)
    code, other_code = sms.codes
    visit_pass = await old.visit_pass((await old.check_in(other.link_id, other_code)).token)

    both = hug_over(store, sms, clock, key={"new": KEY, "old": OLD})
    await both.check_in(one.link_id, code)
    await both.regrant(visit_pass.token)
    new = hug_over(store, sms, clock)
    await new.opened(one.link_id)

    with pytest.raises(LinkUnknown):
        await new.opened(other.link_id)
    with pytest.raises(GrantRefused):
        await new.regrant(visit_pass.token)
    await new.aclose()


async def test_a_host_vouches_for_whom_it_has_authenticated(hug: HugAtHome, clock: FakeClock) -> None:
    session = await planned(hug, starts_at=NOW + timedelta(days=1))

    early = await hug.visit_pass(hug.grant(session.id, "dr-rossi").token)
    patient = hug.grant(session.id, "p-1", claims={"portal": "login"})

    assert early.participant == "dr-rossi"
    assert patient.claims == {"portal": "login"}
    with pytest.raises(NotYetOpen):
        await hug.visit_pass(patient.token)
    for session_id, who in ((session.id, "nobody"), ("hug.nowhere", "p-1")):
        with pytest.raises(GrantRefused):
            await hug.visit_pass(hug.grant(session_id, who).token)
    await clock.advance(minutes=5)
    with pytest.raises(GrantRefused):
        await hug.visit_pass(patient.token)


@pytest.mark.parametrize("session_id", ["", "hug", None, 7, "hug@home.x", ".x", "h" * 33 + ".x"], ids=repr)
async def test_a_grant_for_what_is_no_session_is_refused(hug: HugAtHome, session_id: Any) -> None:
    with pytest.raises(HugathomeError):
        hug.grant(session_id, "p-1")


# --- What is due ---------------------------------------------------------------------------------


async def test_nothing_is_due_at_first_and_after_what_was_sent(hug: HugAtHome) -> None:
    assert await hug.run_due() is None
    await invited(hug)
    assert await hug.run_due() is None


async def crashing(hug: HugAtHome, session: Session) -> None:
    with pytest.raises(Crash):
        await hug.invite(session.id, "p-1")


async def test_a_message_whose_sender_died_is_sent_by_another(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails = Crash()
    await crashing(hug, session)
    sms.fails = None

    assert await hug.run_due() == NOW + MINUTE
    assert sms.accepted == []
    await clock.advance(minutes=1)
    assert await hug.run_due() is None

    assert len(sms.accepted) == 1
    link = (await hug.sessions.get(session.id)).of("p-1").link_id
    assert link is not None
    await hug.check_in(link, sms.code)


async def test_a_message_that_had_gone_out_already_goes_out_under_the_same_key(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails_after = Crash()
    await crashing(hug, session)
    sms.fails_after = None
    before = sms.accepted[0]
    sms.keys.clear()  # a gateway that does not know its keys shows what it was given
    await clock.advance(minutes=1)

    await hug.run_due()

    assert len(sms.accepted) == 2
    again = sms.accepted[1]
    assert (again.idempotency_key, again.to, again.text) == (before.idempotency_key, before.to, before.text)
    assert (await hug.sessions.get(session.id)).of("p-1").messages[0].status == "sent"


async def test_two_pumps_at_once_send_once(hug: HugAtHome, sms: Gateway, clock: FakeClock) -> None:
    session = await planned(hug)
    sms.fails = Crash()
    await crashing(hug, session)
    sms.fails = None
    await clock.advance(minutes=1)

    await asyncio.gather(*(hug.run_due() for _ in range(6)))

    assert len(sms.accepted) == 1


async def test_whoever_was_thought_dead_and_comes_back_sends_nothing_more(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails = Crash()
    await crashing(hug, session)
    slow = (await hug.sessions.get(session.id)).of("p-1").messages[0]
    sms.fails = None
    await clock.advance(minutes=1)
    await hug.run_due()
    sms.keys.clear()

    await hug._crew.dispatch.deliver(session.id, "p-1", slow)

    assert len(sms.accepted) == 1


async def test_a_message_that_kills_every_sender_is_given_up(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails = Crash()
    await crashing(hug, session)

    tries = 1
    while (due_at := await _next(hug)) is not None:
        await clock.advance(seconds=(due_at - clock.now()).total_seconds())
        tries += 1
        assert tries < 20

    assert (await hug.sessions.get(session.id)).of("p-1").messages[0].status == "failed"
    sms.fails = None
    assert (await hug.invite(session.id, "p-1")).delivery == "sent"


async def _next(hug: HugAtHome) -> datetime | None:
    """Pump once; a process that dies of it is started again."""
    try:
        return await hug.run_due()
    except Crash:
        return await hug._crew.dispatch._store.next_due()


async def test_a_gateway_that_refuses_the_pump_is_noted_and_the_others_go_on(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    for _ in range(3):
        sms.fails = Crash()
        await crashing(hug, await planned(hug))
    sms.fails = SmsNotSent("the provider is away")
    await clock.advance(minutes=1)

    assert await hug.run_due() is None

    failed = [e async for e in hug.events(organisation="hug") if e.change.step is Step.SMS_FAILED]
    assert len(failed) == 3


async def test_a_gateway_that_breaks_its_promise_holds_up_no_other_visit(
    hug: HugAtHome, sms: Gateway, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        sms.fails = Crash()
        await crashing(hug, await planned(hug))
    sms.fails = KeyError(MOBILE)
    await clock.advance(minutes=1)

    assert await hug.run_due() is None

    failed = [e async for e in hug.events(organisation="hug") if e.change.step is Step.SMS_FAILED]
    assert [event.change.reason for event in failed] == [IN_DOUBT, IN_DOUBT]
    assert caplog.messages == ["a gateway raised KeyError, and not SmsNotSent"] * 2


async def test_a_gateway_that_breaks_its_promise_fails_a_code_that_was_asked_for_as_any_other(
    hug: HugAtHome, sms: Gateway, caplog: pytest.LogCaptureFixture
) -> None:
    invitation = await hug.invite((await planned(hug)).id, "p-1", deliver=False)
    sms.fails = KeyError(MOBILE)

    with pytest.raises(NotDelivered, match="raised KeyError") as refused:
        await hug.send_code(invitation.link_id)

    assert MOBILE not in str(refused.value)
    assert caplog.messages == ["a gateway raised KeyError, and not NotDelivered"]


async def test_a_gateway_that_breaks_its_promise_is_told_as_one_that_failed(
    hug: HugAtHome, sms: Gateway
) -> None:
    session = await planned(hug)
    sms.fails = KeyError(MOBILE)

    with pytest.raises(SmsNotSent, match="raised KeyError") as refused:
        await hug.invite(session.id, "p-1")

    assert not refused.value.is_certain
    assert MOBILE not in str(refused.value)


async def test_in_doubt_a_code_that_was_asked_for_counts(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    link = (await hug.invite(session.id, "p-1", deliver=False)).link_id
    sms.fails_after = SmsNotSent("no answer from the gateway")
    for _ in range(3):
        with pytest.raises(SmsNotSent):
            await hug.send_code(link)
        await clock.advance(minutes=2)

    with pytest.raises(QuotaReached):
        await hug.send_code(link)

    assert len(sms.accepted) == 3


async def test_nothing_goes_out_for_a_visit_that_was_cancelled_meanwhile(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails = Crash()
    await crashing(hug, session)
    sms.fails = None
    await hug.sessions.cancel(session.id, by="the secretary")
    await clock.advance(minutes=1)
    await hug.run_due()

    assert sms.accepted == []


async def test_the_room_of_a_visit_that_has_ended_is_forgotten_in_time(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    await hug.check_in(invitation.link_id, sms.code)
    ended = await hug.sessions.cancel(invitation.session, by="the secretary")
    assert await hug.run_due() == NOW + ROOM_KEPT
    assert await hug.sessions._journal.load(ended.id)

    await clock.advance(seconds=ROOM_KEPT.total_seconds())
    await asyncio.gather(*(hug.run_due() for _ in range(3)))

    assert await hug.sessions._journal.load(ended.id) == []
    assert await hug.run_due() is None
    assert (await hug.sessions.get(ended.id)).version == ended.version + 1


async def test_inviting_again_takes_the_place_of_a_message_that_is_still_queued(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails = Crash()
    await crashing(hug, session)
    sms.fails = None

    await hug.invite(session.id, "p-1", again=True)
    await clock.advance(minutes=5)
    await hug.run_due()

    assert len(sms.accepted) == 1


async def test_a_session_that_cannot_be_read_holds_up_no_other(
    store: Store, sms: Gateway, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    old, new = hug_over(store, sms, clock, key=OLD), hug_over(store, sms, clock)
    sms.fails = Crash()
    for hug in (old, new):
        await crashing(hug, await planned(hug))
    sms.fails = None
    await clock.advance(minutes=1)

    assert await new.run_due() == clock.now() + MINUTE

    assert len(sms.accepted) == 1
    assert "no longer given" in caplog.text
    await new.aclose()


async def test_a_policy_of_the_hosts_own_holds(store: Store, sms: Gateway, clock: FakeClock) -> None:
    policy = CodePolicy(digits=8, max_attempts=1, lifetime=timedelta(minutes=2))
    async with hug_over(store, sms, clock, code_policy=policy) as hug:
        invitation = await invited(hug)
        assert len(sms.code) == 8
        with pytest.raises(CodeRejected):
            await hug.check_in(invitation.link_id, f"{(int(sms.code) + 1) % 10**8:08}")
        with pytest.raises(TooManyAttempts):
            await hug.check_in(invitation.link_id, sms.code)


class Interleaved(MemoryCodes):
    """Gives every other task a turn around each access."""

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        await asyncio.sleep(0)
        return await super().load(kind, key)

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        await asyncio.sleep(0)
        return await super().save(record, expected=expected)


async def test_of_parallel_check_ins_with_one_code_one_gets_in(sms: Gateway, clock: FakeClock) -> None:
    async with hug_over(Store(sessions=MemorySessions(), codes=Interleaved()), sms, clock) as hug:
        invitation = await invited(hug)

        outcomes = await asyncio.gather(
            *(hug.check_in(invitation.link_id, sms.code) for _ in range(16)), return_exceptions=True
        )

        assert sum(not isinstance(outcome, Exception) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, CodeAlreadyUsed) for outcome in outcomes) == 15
        assert (await hug.sessions.get(invitation.session)).of("p-1").device == 1

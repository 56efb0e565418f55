"""Staff's side of the way in: who is called how, and how somebody on the telephone is known."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from tests.front_desk import (
    FIXED,
    MINUTE,
    NOW,
    Gateway,
    InvitesAgainMeanwhile,
    hug_over,
    invited,
    planned,
    wrong,
)

from hugathome.app import HugAtHome
from hugathome.errors import (
    CodeAlreadyUsed,
    CodeExpired,
    CodeRejected,
    ConsentMissing,
    HugathomeError,
    InvalidInput,
    InvalidTransition,
    MalformedCode,
    NoMobileNumber,
    NotPermitted,
    NotYetOpen,
    SendTooSoon,
    SessionEnded,
    SessionNotFound,
    SmsNotSent,
    TooManyAttempts,
    UnknownParticipant,
)
from hugathome.record.history import Action, Change, Reach
from hugathome.record.transitions import Presence, Status
from hugathome.roles import Step
from hugathome.rooms.journal import Journal
from hugathome.session import Session
from hugathome.signalling import Called
from hugathome.stores import Store
from hugathome.stores.memory import MemorySessions
from hugathome.testing.clock import FakeClock
from hugathome.wording.origin_bound import parse_origin_bound


async def has_a_page(_journal: Journal, _session: str, participant: str) -> bool:
    return participant == "p-1"


def reaches(session: Session) -> list[str | None]:
    return [change.how for change in session.history if change.action is Action.CALL]


async def last(hug: HugAtHome, session_id: str) -> Change:
    return (await hug.sessions.get(session_id)).history[-1]


# --- Calling -------------------------------------------------------------------------------------


async def test_a_patient_whose_page_is_closed_is_called_by_sms(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)

    await hug.call(invitation.session, "p-1", by="dr-rossi")
    await hug.call(invitation.session, "p-1", by="dr-rossi")

    assert len(sms.texts) == 2
    assert invitation.url in sms.texts[1]
    assert parse_origin_bound(sms.texts[1]) is None
    await clock.advance(minutes=2)
    session = await hug.call(invitation.session, "p-1", by="dr-rossi")
    assert len(sms.texts) == 3
    assert reaches(session) == [Reach.SMS, Reach.SMS, Reach.SMS]


async def test_an_open_page_rings_and_no_sms_goes_out(
    hug: HugAtHome, sms: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = await invited(hug)

    monkeypatch.setattr(Journal, "is_connected", has_a_page)
    called = await hug.call(invitation.session, "p-1", by="dr-rossi")

    assert reaches(called) == [Reach.RING]
    entries = [entry for _, entry in await hug.sessions._journal.load(invitation.session)]
    assert [entry for entry in entries if isinstance(entry, Called)] == [
        Called(participant="p-1", by="dr-rossi")
    ]
    assert len(sms.accepted) == 1


async def test_who_has_no_link_is_not_called_by_sms(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug)

    called = await hug.call(session.id, "p-1", by="dr-rossi")

    assert sms.accepted == []
    assert reaches(called) == [Reach.NONE]


async def test_who_was_put_out_is_sent_no_link_that_is_dead(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    await hug.sessions.remove(invitation.session, "p-1", by="dr-rossi")

    called = await hug.call(invitation.session, "p-1", by="dr-rossi")

    assert reaches(called) == [Reach.NONE]
    assert [message.kind for message in called.of("p-1").messages] == ["invitation"]
    assert len(sms.accepted) == 1


@pytest.mark.parametrize(
    ("minutes", "refusal"), [(-31, NotYetOpen), (91, SessionEnded)], ids=["too early", "too late"]
)
async def test_nobody_is_called_to_a_closed_door(
    hug: HugAtHome, sms: Gateway, clock: FakeClock, minutes: int, refusal: type[HugathomeError]
) -> None:
    invitation = await invited(hug, starts_at=NOW + 60 * MINUTE)
    await clock.advance(minutes=60 + minutes)

    with pytest.raises(refusal):
        await hug.call(invitation.session, "p-1", by="dr-rossi")
    assert len(sms.accepted) == 1

    if refusal is SessionEnded:
        await hug.sessions.extend(invitation.session, closes_at=clock.now() + 60 * MINUTE, by="dr-rossi")
        await hug.call(invitation.session, "p-1", by="dr-rossi")
        assert invitation.url in sms.texts[-1]


async def test_who_waits_for_a_telephone_call_is_told_that_it_comes(
    hug: HugAtHome, sms: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = await invited(hug, modality="phone", language="en")
    monkeypatch.setattr(Journal, "is_connected", has_a_page)

    called = await hug.call(invitation.session, "p-1", by="dr-rossi")

    assert "we are about to phone you" in sms.texts[-1]
    assert invitation.link_id not in sms.texts[-1]
    assert reaches(called) == [Reach.SMS]


async def test_a_telephone_rings_at_any_hour_but_not_without_consent(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug, modality="phone", starts_at=NOW + timedelta(hours=5))
    await hug.call(invitation.session, "p-1", by="dr-rossi")
    await clock.advance(hours=9)
    await hug.call(invitation.session, "p-1", by="dr-rossi")
    assert len(sms.accepted) == 3

    await hug.sessions.withdraw(invitation.session, "p-1", recorded_by="dr-rossi")
    await clock.advance(minutes=2)
    with pytest.raises(ConsentMissing):
        await hug.call(invitation.session, "p-1", by="dr-rossi")


@pytest.mark.parametrize("modality", ["video", "phone"])
async def test_a_fixed_line_is_called_by_nothing_but_its_telephone(
    hug: HugAtHome, sms: Gateway, modality: str
) -> None:
    invitation = await invited(hug, modality=modality, phone=FIXED)

    called = await hug.call(invitation.session, "p-1", by="dr-rossi")

    assert (reaches(called), sms.accepted) == ([Reach.NONE], [])


@pytest.mark.parametrize(("by", "error"), [("p-1", NotPermitted), ("x", UnknownParticipant)])
async def test_only_a_practitioner_or_a_nurse_calls(
    hug: HugAtHome, sms: Gateway, by: str, error: type[Exception]
) -> None:
    invitation = await invited(hug)

    with pytest.raises(error):
        await hug.call(invitation.session, "p-1", by=by)

    assert len(sms.accepted) == 1


async def test_a_call_whose_sms_fails_is_told(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    sms.fails = SmsNotSent("the provider is away")
    with pytest.raises(SmsNotSent):
        await hug.call(invitation.session, "p-1", by="dr-rossi")

    sms.fails = None
    await hug.call(invitation.session, "p-1", by="dr-rossi")

    assert len(sms.accepted) == 2


# --- A code that is read out ---------------------------------------------------------------------


async def test_a_code_that_is_to_be_read_out_says_so_and_who_had_it_sent(
    hug: HugAtHome, sms: Gateway
) -> None:
    session = await planned(hug, modality="phone", language="en")

    await hug.send_code_for(session.id, "p-1", by="dr-rossi")

    (text,) = sms.texts
    assert text.startswith(f"{sms.code} is your HUG code. Read it to us by phone.")
    asked = await last(hug, session.id)
    assert (asked.step, asked.by, asked.at) == (Step.CODE_ASKED, "dr-rossi", NOW)


async def test_a_code_is_read_out_whoever_asked_for_it_in_a_phone_visit(hug: HugAtHome, sms: Gateway) -> None:
    video = await planned(hug, language="en")
    by_phone = await invited(hug, modality="phone", language="en")

    await hug.send_code_for(video.id, "p-1", by="dr-rossi")
    await hug.send_code(by_phone.link_id)

    assert ["Read it to us by phone." in text for text in sms.texts[1:]] == [True, True]


async def test_the_rules_of_sending_codes_are_the_same_for_staff(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    session_id = invitation.session

    with pytest.raises(SendTooSoon):
        await hug.send_code_for(session_id, "p-1", by="dr-rossi")
    await clock.advance(minutes=1)
    await hug.send_code_for(session_id, "p-1", by="dr-rossi")
    assert sms.codes[0] == sms.codes[1]

    for _ in range(5):
        with pytest.raises(CodeRejected):
            await hug.identify(session_id, "p-1", by="dr-rossi", code=wrong(sms.code))
    with pytest.raises(TooManyAttempts):
        await hug.send_code_for(session_id, "p-1", by="dr-rossi")
    await hug.invite(session_id, "p-1", again=True)
    await hug.identify(session_id, "p-1", by="dr-rossi", code=sms.code)


@pytest.mark.parametrize("phone", [None, FIXED])
async def test_without_a_mobile_number_staff_are_told_that_no_code_can_be_sent(
    hug: HugAtHome, sms: Gateway, phone: str | None
) -> None:
    session = await planned(hug, modality="phone", phone=phone)

    with pytest.raises(NoMobileNumber):
        await hug.send_code_for(session.id, "p-1", by="dr-rossi")

    assert sms.accepted == []
    assert await hug.sessions.get(session.id) == session


@pytest.mark.parametrize(("hours", "refusal"), [(-1, NotYetOpen), (2, SessionEnded)], ids=["early", "late"])
async def test_codes_work_inside_the_window_only_and_a_word_at_any_hour(
    hug: HugAtHome, sms: Gateway, clock: FakeClock, hours: int, refusal: type[HugathomeError]
) -> None:
    session = await planned(hug, modality="phone", starts_at=NOW + timedelta(hours=1))
    await clock.advance(hours=1 + hours)

    with pytest.raises(refusal):
        await hug.send_code_for(session.id, "p-1", by="dr-rossi")
    with pytest.raises(refusal):
        await hug.identify(session.id, "p-1", by="dr-rossi", code="493817")

    identified = await hug.identify(session.id, "p-1", by="dr-rossi", how="known to us")
    assert (identified.status, sms.accepted) == (Status.IN_PROGRESS, [])


# --- Who somebody is -----------------------------------------------------------------------------


async def test_a_code_that_was_read_out_starts_a_phone_visit(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug, modality="phone")
    await hug.send_code_for(session.id, "p-1", by="dr-rossi")

    identified = await hug.identify(session.id, "p-1", by="dr-rossi", code=f" {sms.code[:3]} {sms.code[3:]}")

    assert identified.status is Status.IN_PROGRESS
    assert [p.id for p in identified.present] == ["p-1"]
    check = identified.identity("p-1")
    assert check is not None
    assert (check.action, check.how, check.by, check.at) == (Action.IDENTIFY, "code", "dr-rossi", NOW)
    with pytest.raises(CodeAlreadyUsed):
        await hug.identify(session.id, "p-1", by="dr-rossi", code=sms.code)


async def test_of_parallel_identifications_with_one_code_one_counts(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug, modality="phone")
    await hug.send_code_for(session.id, "p-1", by="dr-rossi")

    results = await asyncio.gather(
        *(hug.identify(session.id, "p-1", by="dr-rossi", code=sms.code) for _ in range(8)),
        return_exceptions=True,
    )

    assert sum(isinstance(result, Session) for result in results) == 1
    assert all(isinstance(result, Session | CodeAlreadyUsed) for result in results)
    history = (await hug.sessions.get(session.id)).history
    assert [change.action for change in history].count(Action.IDENTIFY) == 1


async def test_an_identity_without_a_code_starts_a_phone_visit_on_a_fixed_line(
    hug: HugAtHome, sms: Gateway
) -> None:
    session = await planned(hug, modality="phone", phone=FIXED)

    identified = await hug.identify(session.id, "p-1", by="dr-rossi", how="date of birth and address")

    assert (identified.status, sms.accepted) == (Status.IN_PROGRESS, [])
    check = identified.identity("p-1")
    assert check is not None
    assert (check.how, check.by) == ("date of birth and address", "dr-rossi")


@pytest.mark.parametrize("how", ["code", " code\t"])
async def test_nobody_says_that_a_code_was_right_which_nobody_judged(hug: HugAtHome, how: str) -> None:
    session = await planned(hug, modality="phone")

    with pytest.raises(InvalidInput):
        await hug.identify(session.id, "p-1", by="dr-rossi", how=how)

    assert (await hug.sessions.get(session.id)).identity("p-1") is None


async def test_in_a_video_visit_a_code_that_was_read_out_moves_nobody_and_keeps_their_device(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    await hug.check_in(invitation.link_id, sms.code)
    before = await hug.sessions.get(invitation.session)
    assert before.identity("p-1") == before.history[-1]
    assert before.history[-1].how == "code"
    await clock.advance(minutes=1)
    await hug.send_code_for(before.id, "p-1", by="dr-rossi")

    after = await hug.identify(before.id, "p-1", by="dr-rossi", code=sms.code)

    assert (after.status, after.of("p-1").device) == (Status.PLANNED, 1)
    assert after.of("p-1").presence is Presence.ARRIVED
    assert [p.id for p in after.waiting] == ["p-1"]


async def test_a_wrong_code_that_was_read_out_is_noted_and_spends_the_same_budget(
    hug: HugAtHome, sms: Gateway
) -> None:
    invitation = await invited(hug)

    with pytest.raises(CodeRejected) as refused:
        await hug.identify(invitation.session, "p-1", by="dr-rossi", code=wrong(sms.code))
    assert refused.value.attempts_left == 4
    with pytest.raises(MalformedCode):
        await hug.identify(invitation.session, "p-1", by="dr-rossi", code="four nine three")
    with pytest.raises(CodeRejected) as refused:
        await hug.check_in(invitation.link_id, wrong(sms.code))

    assert refused.value.attempts_left == 3
    session = await hug.sessions.get(invitation.session)
    assert [c.step for c in session.steps("p-1")].count(Step.CODE_REFUSED) == 2
    assert session.identity("p-1") is None


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        ({}, InvalidInput),
        ({"code": "493817", "how": "passport"}, InvalidInput),
        ({"how": ""}, InvalidInput),
        ({"how": "  "}, InvalidInput),
        ({"how": "h" * 201}, InvalidInput),
        ({"how": 7}, InvalidInput),
        ({"code": ""}, MalformedCode),
        ({"code": "493817"}, CodeExpired),
        ({"by": "p-1"}, NotPermitted),
        ({"by": "nurse", "how": "I know him"}, NotPermitted),
        ({"by": "dr-nobody", "how": "I know him"}, UnknownParticipant),
        ({"by": None, "how": "I know him"}, UnknownParticipant),
        ({"participant_id": "p-2", "how": "I know him"}, UnknownParticipant),
        ({"participant_id": None, "how": "I know him"}, UnknownParticipant),
        ({"session_id": "hug.nowhere", "how": "I know him"}, SessionNotFound),
        ({"session_id": None, "how": "I know him"}, SessionNotFound),
    ],
    ids=str,
)
async def test_an_identity_that_cannot_be_recorded_changes_nothing(
    hug: HugAtHome, asked: dict[str, Any], error: type[HugathomeError]
) -> None:
    session = await planned(hug, modality="phone")
    whole: dict[str, Any] = {"session_id": session.id, "participant_id": "p-1", "by": "dr-rossi", **asked}
    if error is NotPermitted:
        whole.setdefault("how", "I know him")

    with pytest.raises(error):
        await hug.identify(**whole)

    assert await hug.sessions.get(session.id) == session


@pytest.mark.parametrize(
    ("by", "error"), [("p-1", NotPermitted), ("nurse", NotPermitted), ("x", UnknownParticipant)]
)
async def test_only_staff_have_codes_sent(
    hug: HugAtHome, sms: Gateway, by: str, error: type[HugathomeError]
) -> None:
    session = await planned(hug, modality="phone")

    with pytest.raises(error):
        await hug.send_code_for(session.id, "p-1", by=by)

    assert sms.accepted == []


async def test_what_is_refused_anyway_costs_no_attempt(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)

    with pytest.raises(NotPermitted):
        await hug.identify(invitation.session, "p-1", by="p-1", code=sms.code)
    await hug.sessions.withdraw(invitation.session, "p-1", recorded_by="dr-rossi")
    with pytest.raises(ConsentMissing):
        await hug.identify(invitation.session, "p-1", by="dr-rossi", code=sms.code)
    with pytest.raises(ConsentMissing):
        await hug.identify(invitation.session, "p-1", by="dr-rossi", how="I know him")

    await hug.sessions.accept(invitation.session, "p-1", recorded_by="dr-rossi")
    await hug.identify(invitation.session, "p-1", by="dr-rossi", code=sms.code)


@pytest.mark.parametrize("modality", ["video", "phone"])
async def test_whoever_was_put_out_is_sent_no_code_and_is_not_identified(
    hug: HugAtHome, sms: Gateway, modality: str
) -> None:
    session = await planned(hug, modality=modality)
    await hug.sessions.remove(session.id, "p-1", by="dr-rossi")

    with pytest.raises(InvalidTransition):
        await hug.send_code_for(session.id, "p-1", by="dr-rossi")
    with pytest.raises(InvalidTransition):
        await hug.identify(session.id, "p-1", by="dr-rossi", how="I know him")
    assert sms.accepted == []


async def test_what_has_ended_identifies_nobody(hug: HugAtHome, sms: Gateway) -> None:
    session = await planned(hug, modality="phone")
    await hug.sessions.complete(session.id, by="dr-rossi", outcome="no-show")

    with pytest.raises(SessionEnded):
        await hug.send_code_for(session.id, "p-1", by="dr-rossi")
    with pytest.raises(SessionEnded):
        await hug.identify(session.id, "p-1", by="dr-rossi", how="I know him")
    assert sms.accepted == []


async def test_a_code_that_is_replaced_in_the_same_moment_identifies_nobody(
    sms: Gateway, clock: FakeClock
) -> None:
    codes = InvitesAgainMeanwhile()
    async with hug_over(Store(sessions=MemorySessions(), codes=codes), sms, clock) as hug:
        invitation = await invited(hug)
        codes.meanwhile = lambda: hug.invite(invitation.session, "p-1", again=True)

        with pytest.raises(CodeExpired):
            await hug.identify(invitation.session, "p-1", by="dr-rossi", code=sms.code)

        assert (await hug.sessions.get(invitation.session)).identity("p-1") is None

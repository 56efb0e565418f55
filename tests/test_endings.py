"""How a visit ends, and how it does not: who was absent, who cancelled and why, and that an end is one."""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from tests.front_desk import MINUTE, NOW, Crash, Gateway, hug_over, invited, planned

from hugathome.app import HugAtHome
from hugathome.consultations import Consultations
from hugathome.errors import InvalidInput, SessionEnded, SlotTaken
from hugathome.organisations import Organisation
from hugathome.record.history import Absent, Action, DeliveryStatus, Outcome
from hugathome.record.participants import Participant
from hugathome.record.services import Service
from hugathome.record.transitions import Presence, Status
from hugathome.session import Session
from hugathome.stores import Store
from hugathome.testing.clock import FakeClock

# --- Who was absent ------------------------------------------------------------------------------


@pytest.mark.parametrize("came", [(), ("p-1",), ("dr-rossi",), ("p-1", "dr-rossi")])
@pytest.mark.parametrize("said", Absent)
async def test_who_was_absent_is_what_was_decided_whatever_the_evidence_shows(
    hug: HugAtHome, came: tuple[str, ...], said: Absent
) -> None:
    session = await planned(hug)
    for whom in came:
        await hug.sessions.arrive(session.id, whom)

    ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="no-show", absent=said)

    assert (ended.status, ended.outcome, ended.absent) == (Status.CANCELLED, Outcome.NO_SHOW, said)
    assert ended.history[-1].absent is said


@pytest.mark.parametrize(
    ("came", "absent"),
    [
        ((), Absent.BOTH),
        (("p-1",), Absent.PRACTITIONER),
        (("nurse",), Absent.PRACTITIONER),
        (("dr-rossi",), Absent.PATIENT),
        (("p-1", "dr-rossi"), None),
    ],
)
async def test_who_was_absent_is_read_off_the_history_where_nobody_says_it(
    hug: HugAtHome, came: tuple[str, ...], absent: Absent | None
) -> None:
    session = await planned(hug)
    for whom in came:
        await hug.sessions.arrive(session.id, whom)

    ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="no-show")

    assert (ended.outcome, ended.absent) == (Outcome.NO_SHOW, absent)


async def test_a_visit_that_began_keeps_what_was_decided_too(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "nurse")
    await hug.sessions.admit(session.id, "nurse", by="dr-rossi")

    ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="no-show", absent="patient")

    assert (ended.status, ended.absent) == (Status.COMPLETED, Absent.PATIENT)


async def test_whoever_took_part_was_not_absent(hug: HugAtHome) -> None:
    session = await planned(hug)

    with pytest.raises(InvalidInput, match="absent="):
        await hug.sessions.complete(session.id, by="dr-rossi", absent="patient")


# --- Who cancelled, and why ----------------------------------------------------------------------


async def test_who_cancelled_and_why_stands_in_the_record_the_events_and_the_audit_trail(
    hug: HugAtHome,
) -> None:
    session = await planned(hug)

    ended = await hug.sessions.cancel(session.id, by="the secretary", reason="the doctor is ill")

    last = ended.history[-1]
    assert (last.action, last.by, last.reason) == (Action.CANCEL, "the secretary", "the doctor is ill")
    events = [event async for event in hug.events(organisation="hug")]
    assert events[-1].change == last
    entries = [entry async for entry in hug.audit(organisation="hug")]
    assert (entries[-1].action, entries[-1].by) == (Action.CANCEL, "the secretary")


# --- What ends nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize("away", [1, 20, 3 * 60])
async def test_an_interruption_ends_nothing_and_who_comes_back_is_where_they_were(
    hug: HugAtHome, sms: Gateway, clock: FakeClock, away: int
) -> None:
    invitation = await invited(hug)
    visit_pass = await hug.visit_pass((await hug.check_in(invitation.link_id, sms.code)).token)
    await hug.sessions.arrive(invitation.session, "dr-rossi")
    await hug.sessions.admit(invitation.session, "p-1", by="dr-rossi")

    await hug.sessions.depart(invitation.session, "p-1")
    await clock.advance(minutes=away)
    await hug.run_due()
    assert (await hug.sessions.get(invitation.session)).status is Status.IN_PROGRESS

    await hug.regrant(visit_pass.token)
    back = await hug.sessions.arrive(invitation.session, "p-1")
    assert (back.status, back.of("p-1").presence) == (Status.IN_PROGRESS, Presence.ADMITTED)
    assert {one.id for one in back.present} == {"dr-rossi", "p-1"}


async def test_when_everybody_has_gone_the_visit_waits_for_somebody_to_end_it(
    hug: HugAtHome, clock: FakeClock
) -> None:
    session = await planned(hug)
    for whom in ("dr-rossi", "p-1"):
        await hug.sessions.arrive(session.id, whom)
    await hug.sessions.admit(session.id, "p-1", by="dr-rossi")
    for whom in ("dr-rossi", "p-1"):
        await hug.sessions.depart(session.id, whom)

    await clock.advance(days=2)
    await hug.run_due()

    left = await hug.sessions.get(session.id)
    assert (left.status, left.outcome, left.present) == (Status.IN_PROGRESS, None, ())
    assert (await hug.sessions.complete(session.id, by="dr-rossi")).status is Status.COMPLETED


# --- The end -------------------------------------------------------------------------------------

End = Callable[[HugAtHome, str], Awaitable[Session]]


async def completed(hug: HugAtHome, session_id: str) -> Session:
    await hug.sessions.arrive(session_id, "p-1")
    await hug.sessions.admit(session_id, "p-1", by="dr-rossi")
    return await hug.sessions.complete(session_id, by="dr-rossi")


async def discontinued(hug: HugAtHome, session_id: str) -> Session:
    await hug.sessions.arrive(session_id, "p-1")
    await hug.sessions.admit(session_id, "p-1", by="dr-rossi")
    return await hug.sessions.discontinue(session_id, by="dr-rossi")


async def cancelled(hug: HugAtHome, session_id: str) -> Session:
    return await hug.sessions.cancel(session_id, by="the secretary")


async def missed(hug: HugAtHome, session_id: str) -> Session:
    return await hug.sessions.complete(session_id, by="dr-rossi", outcome="no-show")


every_end = pytest.mark.parametrize("end", [completed, discontinued, cancelled, missed])

COLLEAGUE = Participant(id="dr-weber", role="practitioner", name="Dr B. Weber")
STAFF = {"by": "dr-rossi"}
ASKED: Mapping[str, Mapping[str, Any]] = {
    "accept": {"participant_id": "p-1", "recorded_by": "dr-rossi"},
    "admit": {"participant_id": "p-1", **STAFF},
    "call": {"participant_id": "p-1", **STAFF},
    "cancel": STAFF,
    "change_modality": {"modality": "phone", **STAFF},
    "check_in": {"code": "123456"},
    "complete": STAFF,
    "confirm": STAFF,
    "decline": STAFF,
    "deny": {"participant_id": "p-1", **STAFF},
    "discontinue": STAFF,
    "extend": {"closes_at": NOW + 99 * MINUTE, **STAFF},
    "give_opinion": {"opinion": "report/7", **STAFF},
    "hold": STAFF,
    "holder": {},
    "identify": {"participant_id": "p-1", "how": "known", **STAFF},
    "invite": {"participant_id": "p-1"},
    "join": {"participant": COLLEAGUE, **STAFF},
    "regrant": {},
    "remove": {"participant_id": "p-1", **STAFF},
    "reschedule": {"starts_at": NOW + 99 * MINUTE, **STAFF},
    "resume": STAFF,
    "return_to_waiting": {"participant_id": "p-1", **STAFF},
    "send_code": {},
    "send_code_for": {"participant_id": "p-1", **STAFF},
    "step": {"participant_id": "p-1", "step": "page-opened"},
    "take_on": STAFF,
    "transfer": {"to": COLLEAGUE, **STAFF},
    "visit_pass": {},
    "withdraw": {"participant_id": "p-1", "recorded_by": "dr-rossi"},
}
"""What is refused of a session that has ended, and with what it is asked here."""

LOOKS = {"calendar", "callback_word", "code_channels", "find_by_link", "get", "opened"}
"""What only looks at it."""
SILENT = {"arrive", "depart"}
"""What changes nothing, and is no error: a page that closes late."""
OURS = {"change", "forget_room"}
"""What is the library's own."""
KEYS = ("session_id", "link_id", "grant_token", "pass_token")


def public_calls() -> dict[str, type]:
    """Return every coroutine of a deployment that takes a session, a link, a grant or a pass."""
    return {
        name: kind
        for kind in (HugAtHome, Consultations)
        for name, call in inspect.getmembers(kind, inspect.iscoroutinefunction)
        if not name.startswith("_") and [*inspect.signature(call).parameters, "", ""][1] in KEYS
    }


def test_every_public_call_is_held_against_the_end() -> None:
    assert set(public_calls()) == set(ASKED) | LOOKS | SILENT | OURS


@every_end
async def test_after_the_end_every_call_refuses_and_nothing_changes_or_goes_out(
    hug: HugAtHome, sms: Gateway, end: End
) -> None:
    invitation = await invited(hug)
    grant = await hug.check_in(invitation.link_id, sms.code)
    keys = {
        "session_id": invitation.session,
        "link_id": invitation.link_id,
        "grant_token": grant.token,
        "pass_token": (await hug.visit_pass(grant.token)).token,
    }
    ended = await end(hug, invitation.session)
    sms.accepted.clear()

    for name, kind in public_calls().items():
        call = getattr(hug if kind is HugAtHome else hug.sessions, name)
        key = keys[next(iter(inspect.signature(call).parameters))]
        if name in ASKED:
            with pytest.raises(SlotTaken if name == "confirm" else SessionEnded):
                await call(key, **ASKED[name])
        elif name in SILENT:
            await call(key, "p-1")

    assert await hug.sessions.get(invitation.session) == ended
    assert sms.accepted == []


@every_end
async def test_the_end_and_all_that_dies_with_it_are_one_write(hug: HugAtHome, end: End) -> None:
    session = await planned(hug)
    ended = await end(hug, session.id)

    events = [event async for event in hug.events(organisation="hug")]

    assert events[-1].version == ended.version
    assert (ended.is_enterable(NOW), ended.is_let_in("dr-rossi"), ended.waiting, ended.present) == (
        False,
        False,
        (),
        (),
    )


async def crashing(work: Awaitable[Any], sms: Gateway) -> None:
    """Have whoever sends a message die as they hand it over."""
    sms.fails = Crash()
    with pytest.raises(Crash):
        await work
    sms.fails = None


async def _invitation(hug: HugAtHome, sms: Gateway, clock: FakeClock) -> str:
    session = await planned(hug)
    await crashing(hug.invite(session.id, "p-1"), sms)
    return session.id


async def _call(hug: HugAtHome, sms: Gateway, clock: FakeClock) -> str:
    invitation = await invited(hug)
    await crashing(hug.call(invitation.session, "p-1", by="dr-rossi"), sms)
    return invitation.session


async def _reminder(hug: HugAtHome, sms: Gateway, clock: FakeClock) -> str:
    invitation = await invited(hug, starts_at=NOW + 90 * MINUTE)
    await clock.advance(minutes=30)
    await crashing(hug.run_due(), sms)
    return invitation.session


@every_end
@pytest.mark.parametrize("queued", [_invitation, _call, _reminder])
async def test_a_message_that_was_queued_before_the_end_never_goes_out(
    store: Store,
    sms: Gateway,
    clock: FakeClock,
    end: End,
    queued: Callable[[HugAtHome, Gateway, FakeClock], Awaitable[str]],
) -> None:
    clinic = {"hug": Organisation(services={"cardiology": Service(id="cardiology")})}
    async with hug_over(store, sms, clock, organisations=clinic) as hug:
        session_id = await queued(hug, sms, clock)
        last = (await hug.sessions.get(session_id)).of("p-1").messages[-1]
        assert last.status is DeliveryStatus.QUEUED
        sms.accepted.clear()
        await end(hug, session_id)

        for _ in range(3):
            await clock.advance(minutes=10)
            await hug.run_due()

        assert sms.accepted == []

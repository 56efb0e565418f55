"""Consultations: a plan is kept once, each change is one write with its event, and races are won fairly."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hugathome.app import HugAtHome
from hugathome.errors import (
    ConsentMissing,
    HugathomeError,
    InvalidInput,
    InvalidTransition,
    NotPermitted,
    ReferenceTaken,
    SessionEnded,
    SessionNotFound,
    StaleSession,
    StoreUnavailable,
    UnknownParticipant,
)
from hugathome.organisations import Organisation
from hugathome.record.audit import Append
from hugathome.record.history import Action, Change, Outcome, window_around
from hugathome.record.participants import Participant
from hugathome.record.shelf import Event, StoredSession
from hugathome.record.transitions import Presence, Status
from hugathome.roles import Step
from hugathome.rooms.journal import Journal
from hugathome.session import Session
from hugathome.signalling import Recorded
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store
from hugathome.stores.memory import MemoryCodes, MemorySessions
from hugathome.testing.clock import FakeClock

KEY = b"a secret of thirty-two bytes, no"
OLD = b"an older secret of thirty-two by"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi")
PATIENT = Participant(
    id="p-1", role="patient", name="M. Dupont", language="fr", reference="urn:pid:77", phone="+41791234567"
)
NURSE = Participant(id="nurse", role="nurse", name="B. Keller")


def hug_over(store: Store, *, key: bytes | Mapping[str, bytes] = KEY, **options: Any) -> HugAtHome:
    return HugAtHome(
        key=key,
        store=store,
        sms=OutboxSms(),
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
        clock=FakeClock(NOW),
        **options,
    )


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/clinic.db")


@pytest.fixture
async def hug(store: Store) -> AsyncIterator[HugAtHome]:
    async with hug_over(store) as hug:
        yield hug


async def planned(hug: HugAtHome, **other: Any) -> Session:
    whole: dict[str, Any] = {
        "organisation": "hug",
        "service": "cardiology",
        "starts_at": NOW,
        "ends_at": NOW + 30 * MINUTE,
        "participants": [DOCTOR, PATIENT, NURSE],
    }
    return await hug.sessions.plan(**{**whole, **other})


async def under_way(hug: HugAtHome) -> Session:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1")
    return await hug.sessions.admit(session.id, "p-1", by="dr-rossi")


async def told(hug: HugAtHome, *, after: int = 0) -> list[Event]:
    return [event async for event in hug.events(organisation="hug", after=after)]


# --- Planning ------------------------------------------------------------------------------------


async def test_a_session_is_planned_and_found_again(hug: HugAtHome) -> None:
    session = await planned(hug, modality="video", reference="appointment/4711")

    assert session.id.startswith("hug.")
    assert (session.status, session.version) == (Status.PLANNED, 1)
    assert session.window == window_around(NOW, NOW + 30 * MINUTE)
    assert await hug.sessions.get(session.id) == session
    assert await hug.sessions.find(organisation="hug", reference="appointment/4711") == session


async def test_a_visit_may_be_now_or_have_begun(hug: HugAtHome) -> None:
    session = await planned(hug, starts_at=NOW - 10 * MINUTE, ends_at=NOW + 5 * MINUTE)

    assert session.is_enterable(NOW)


async def test_a_window_of_the_hosts_own_is_taken(hug: HugAtHome) -> None:
    window = window_around(NOW, NOW + MINUTE, early=timedelta(0), late=timedelta(hours=5))

    assert (await planned(hug, window=window)).window == window


async def test_the_same_reference_again_returns_the_same_session(hug: HugAtHome) -> None:
    first = await planned(hug, reference="appointment/4711")
    accepted = await hug.sessions.accept(first.id, "p-1", recorded_by="dr-rossi")
    extended = await hug.sessions.extend(first.id, closes_at=NOW + timedelta(hours=9), by="dr-rossi")

    again = await planned(hug, reference=" appointment/4711 ")

    assert again == extended
    assert again.consent == accepted.consent
    assert [event.change.action for event in await told(hug)] == [Action.PLAN, Action.ACCEPT, Action.EXTEND]


async def test_the_same_plan_is_the_same_however_the_visit_is_held_by_now(hug: HugAtHome) -> None:
    first = await planned(hug, reference="appointment/4711")
    by_phone = await hug.sessions.change_modality(first.id, "phone", by="dr-rossi")

    assert await planned(hug, reference="appointment/4711") == by_phone
    with pytest.raises(ReferenceTaken):
        await planned(hug, reference="appointment/4711", modality="phone")


@pytest.mark.parametrize(
    "other",
    [
        {"service": "dermatology"},
        {"modality": "phone"},
        {"starts_at": NOW + MINUTE},
        {"ends_at": NOW + MINUTE},
        {"participants": [DOCTOR, PATIENT]},
        {"participants": [DOCTOR, NURSE, PATIENT]},
        {"participants": [DOCTOR, PATIENT.but(phone="+41791234568"), NURSE]},
        {"window": window_around(NOW, NOW + 30 * MINUTE, late=MINUTE)},
    ],
    ids=lambda other: next(iter(other)),
)
async def test_the_same_reference_with_other_content_is_refused(
    hug: HugAtHome, other: dict[str, Any]
) -> None:
    await planned(hug, reference="appointment/4711")

    with pytest.raises(ReferenceTaken):
        await planned(hug, reference="appointment/4711", **other)


async def test_a_reference_belongs_to_its_organisation(hug: HugAtHome) -> None:
    one = await planned(hug, reference="appointment/4711")
    other = await planned(hug, reference="appointment/4711", organisation="chuv")

    assert one.id != other.id
    assert await hug.sessions.find(organisation="chuv", reference="appointment/4711") == other


async def test_a_session_without_a_reference_is_always_another(hug: HugAtHome) -> None:
    assert (await planned(hug)).id != (await planned(hug)).id


@pytest.mark.parametrize(
    "bad",
    [
        {"starts_at": datetime(2026, 11, 22, 9)},
        {"ends_at": NOW - MINUTE},
        {"ends_at": NOW},
        {"participants": [DOCTOR]},
        {"participants": []},
        {"participants": [PATIENT, PATIENT]},
        {"organisation": "hug@home"},
        {"organisation": ""},
        {"service": ""},
        {"service": "s" * 201},
        {"modality": "telepathy"},
        {"reference": ""},
        {"reference": "r" * 201},
        {"reference": "\ud800"},
    ],
    ids=ascii,
)
async def test_what_cannot_be_planned_leaves_nothing(hug: HugAtHome, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await planned(hug, **bad)

    assert await told(hug) == []


async def test_an_organisation_that_is_not_named_is_refused() -> None:
    async with hug_over(open_store("memory://"), organisations={"hug": Organisation()}) as hug:
        await planned(hug)
        with pytest.raises(InvalidInput):
            await planned(hug, organisation="chuv")


async def test_a_deployment_without_organisations_takes_none() -> None:
    async with hug_over(open_store("memory://"), organisations={}) as hug:
        with pytest.raises(InvalidInput):
            await planned(hug)


async def test_whoever_plans_at_once_plans_one_session(hug: HugAtHome) -> None:
    sessions = await asyncio.gather(*(planned(hug, reference="appointment/4711") for _ in range(8)))

    assert len({session.id for session in sessions}) == 1
    assert len(await told(hug)) == 1


async def test_the_first_sessions_of_an_organisation_are_planned_at_once(hug: HugAtHome) -> None:
    sessions = await asyncio.gather(*(planned(hug) for _ in range(8)))

    assert len({session.id for session in sessions}) == 8
    assert [event.position for event in await told(hug)] == list(range(1, 9))


# --- Each verb -----------------------------------------------------------------------------------

Verb = Callable[[HugAtHome, str], Awaitable[Session]]
VERBS: list[tuple[str, Verb, Action]] = [
    ("accept", lambda hug, s: hug.sessions.accept(s, "p-1", recorded_by="dr-rossi"), Action.ACCEPT),
    ("withdraw", lambda hug, s: hug.sessions.withdraw(s, "p-1", recorded_by="dr-rossi"), Action.WITHDRAW),
    (
        "extend",
        lambda hug, s: hug.sessions.extend(s, closes_at=NOW + timedelta(hours=9), by="x"),
        Action.EXTEND,
    ),
    ("arrive", lambda hug, s: hug.sessions.arrive(s, "nurse"), Action.ARRIVE),
    ("depart", lambda hug, s: hug.sessions.depart(s, "p-1"), Action.DEPART),
    ("admit", lambda hug, s: hug.sessions.admit(s, "p-1", by="dr-rossi"), Action.ADMIT),
    (
        "return",
        lambda hug, s: hug.sessions.return_to_waiting(s, "p-1", by="dr-rossi"),
        Action.RETURN_TO_WAITING,
    ),
    ("remove", lambda hug, s: hug.sessions.remove(s, "p-1", by="dr-rossi"), Action.REMOVE),
    ("hold", lambda hug, s: hug.sessions.hold(s, by="dr-rossi"), Action.HOLD),
    (
        "change-modality",
        lambda hug, s: hug.sessions.change_modality(s, "phone", by="dr-rossi"),
        Action.CHANGE_MODALITY,
    ),
    ("complete", lambda hug, s: hug.sessions.complete(s, by="dr-rossi", outcome="report"), Action.COMPLETE),
    ("discontinue", lambda hug, s: hug.sessions.discontinue(s, by="dr-rossi"), Action.DISCONTINUE),
    ("step", lambda hug, s: hug.sessions.step(s, "p-1", Step.DEVICES_ALLOWED), Action.STEP),
]


@pytest.mark.parametrize(
    ("verb", "action"), [(verb, action) for _, verb, action in VERBS], ids=[v[0] for v in VERBS]
)
async def test_each_verb_is_one_write_and_one_event(hug: HugAtHome, verb: Verb, action: Action) -> None:
    before = await under_way(hug)

    after = await verb(hug, before.id)

    assert after.version == before.version + 1
    assert await hug.sessions.get(before.id) == after
    (event,) = await told(hug, after=3)
    assert (event.position, event.version, event.session) == (4, after.version, before.id)
    assert (event.status, event.change) == (after.status, after.history[-1])
    assert event.change.action is action
    assert event.change.at == NOW


async def test_deny_resume_and_cancel_do_so_too(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "nurse")
    assert (await hug.sessions.deny(session.id, "nurse", by="dr-rossi")).of(
        "nurse"
    ).presence is Presence.DENIED
    assert (
        await hug.sessions.cancel(session.id, by="the secretary", reason="moved")
    ).status is Status.CANCELLED
    other = await under_way(hug)
    await hug.sessions.hold(other.id, by="dr-rossi")
    assert (await hug.sessions.resume(other.id, by="dr-rossi")).status is Status.IN_PROGRESS


async def test_a_visit_that_nobody_came_to_is_cancelled_with_that_outcome(hug: HugAtHome) -> None:
    session = await planned(hug)

    with pytest.raises(NotPermitted):
        await hug.sessions.complete(session.id, by="p-1", outcome="no-show")
    with pytest.raises(InvalidTransition):
        await hug.sessions.complete(session.id, by="dr-rossi")
    ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="no-show")

    assert (ended.status, ended.outcome) == (Status.CANCELLED, Outcome.NO_SHOW)


async def test_the_front_desk_says_that_nobody_came(hug: HugAtHome) -> None:
    session = await planned(hug)

    missed = await hug.sessions.complete(
        session.id, recorded_by="the front desk", outcome="no-show", absent="practitioner"
    )

    assert (missed.status, missed.outcome, missed.absent) == ("cancelled", "no-show", "practitioner")
    assert missed.history[-1].by == "the front desk"


@pytest.mark.parametrize(
    ("said", "refusal"),
    [
        ({"recorded_by": "p-1", "outcome": "no-show"}, NotPermitted),
        ({"recorded_by": "dr-rossi", "outcome": "no-show"}, NotPermitted),
        ({"recorded_by": "the front desk"}, InvalidInput),
        ({"recorded_by": "the front desk", "by": "dr-rossi", "outcome": "no-show"}, InvalidInput),
        ({"outcome": "no-show"}, InvalidInput),
    ],
)
async def test_the_front_desk_says_nothing_else_and_speaks_for_nobody_there(
    hug: HugAtHome, said: dict[str, Any], refusal: type[Exception]
) -> None:
    session = await planned(hug)

    with pytest.raises(refusal):
        await hug.sessions.complete(session.id, **said)


async def test_the_front_desk_does_not_end_what_has_begun(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1")
    await hug.sessions.admit(session.id, "p-1", by="dr-rossi")

    with pytest.raises(InvalidTransition):
        await hug.sessions.complete(session.id, recorded_by="the front desk", outcome="no-show")


async def test_the_front_desk_breaks_off_what_has_begun_and_everybody_has_left(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1")
    await hug.sessions.admit(session.id, "p-1", by="dr-rossi")
    await hug.sessions.depart(session.id, "p-1")

    with pytest.raises(UnknownParticipant):
        await hug.sessions.discontinue(session.id, by="the front desk")
    with pytest.raises(NotPermitted):
        await hug.sessions.discontinue(session.id, recorded_by="dr-rossi")
    with pytest.raises(InvalidInput):
        await hug.sessions.discontinue(session.id, by="dr-rossi", recorded_by="the front desk")
    ended = await hug.sessions.discontinue(session.id, recorded_by="the front desk", reason="nobody is left")

    assert ended.status is Status.DISCONTINUED
    assert (ended.history[-1].by, ended.history[-1].reason) == ("the front desk", "nobody is left")


async def test_a_visit_that_began_ends_with_any_outcome(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1")
    await hug.sessions.admit(session.id, "p-1", by="dr-rossi")

    ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="no-show")

    assert (ended.status, ended.outcome) == (Status.COMPLETED, Outcome.NO_SHOW)


async def test_a_device_that_repeats_itself_does_not_fill_the_record(hug: HugAtHome) -> None:
    session = await planned(hug)

    for _ in range(60):
        await hug.sessions.step(session.id, "p-1", Step.SCREEN_OFF)
    noted = await hug.sessions.step(session.id, "p-1", Step.MEDIA_CONNECTED)

    steps = [change.step for change in noted.steps("p-1")]
    assert steps == [*[Step.SCREEN_OFF] * 50, Step.MEDIA_CONNECTED]


async def test_a_visit_goes_on_by_telephone_and_back_and_says_who_when_and_why(hug: HugAtHome) -> None:
    session = await under_way(hug)

    by_phone = await hug.sessions.change_modality(session.id, "phone", by="dr-rossi", reason="no picture")
    back = await hug.sessions.change_modality(session.id, "video", by="dr-rossi")

    assert (by_phone.modality, back.modality) == ("phone", "video")
    assert [p.id for p in back.present] == ["p-1"]
    out, again = [event.change for event in await told(hug, after=3)]
    assert (out.modality, out.by, out.at, out.reason) == ("phone", "dr-rossi", NOW, "no picture")
    assert (again.modality, again.by, again.reason) == ("video", "dr-rossi", None)


async def test_the_same_modality_again_is_no_change(hug: HugAtHome) -> None:
    session = await under_way(hug)

    assert await hug.sessions.change_modality(session.id, "video", by="dr-rossi") == session
    with pytest.raises(NotPermitted):
        await hug.sessions.change_modality(session.id, "video", by="p-1")


@pytest.mark.parametrize("modality", ["phone", "video"])
async def test_what_has_ended_goes_on_by_no_other_means(hug: HugAtHome, modality: Any) -> None:
    session = await under_way(hug)
    await hug.sessions.complete(session.id, by="dr-rossi")

    with pytest.raises(SessionEnded):
        await hug.sessions.change_modality(session.id, modality, by="dr-rossi")


async def test_consent_keeps_what_was_said(hug: HugAtHome) -> None:
    session = await planned(hug)

    consent = (
        await hug.sessions.accept(
            session.id,
            "p-1",
            recorded_by="dr-rossi",
            how="by telephone",
            language="fr",
            text_version="2026-3",
        )
    ).consent

    assert consent is not None
    assert (consent.participant, consent.recorded_by, consent.at) == ("p-1", "dr-rossi", NOW)
    assert (consent.how, consent.language, consent.text_version) == ("by telephone", "fr", "2026-3")


async def test_a_withdrawn_consent_forbids_inviting(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await hug.sessions.withdraw(session.id, "p-1", recorded_by="dr-rossi")

    with pytest.raises(ConsentMissing):
        await hug.invite(session.id, "p-1")


async def test_an_appointment_can_be_extended_and_shortened(hug: HugAtHome) -> None:
    session = await planned(hug)

    later = await hug.sessions.extend(session.id, closes_at=NOW + timedelta(hours=5), by="dr-rossi")
    sooner = await hug.sessions.extend(session.id, closes_at=NOW + 10 * MINUTE, by="dr-rossi")

    assert (later.window.ends_at, later.window.closes_at) == (NOW + 30 * MINUTE, NOW + timedelta(hours=5))
    assert (sooner.window.ends_at, sooner.window.closes_at) == (NOW + 10 * MINUTE, NOW + 10 * MINUTE)


@pytest.mark.parametrize("closes_at", [datetime(2026, 11, 23), NOW, NOW - timedelta(days=1)], ids=str)
async def test_an_appointment_is_not_extended_to_what_cannot_be(hug: HugAtHome, closes_at: datetime) -> None:
    session = await planned(hug)

    with pytest.raises(InvalidInput):
        await hug.sessions.extend(session.id, closes_at=closes_at, by="dr-rossi")


async def test_parallel_extensions_and_ends_keep_their_order(hug: HugAtHome) -> None:
    session = await under_way(hug)

    results = await asyncio.gather(
        hug.sessions.complete(session.id, by="dr-rossi"),
        *(
            hug.sessions.extend(session.id, closes_at=NOW + n * timedelta(hours=1), by="x")
            for n in range(2, 6)
        ),
        return_exceptions=True,
    )

    assert all(isinstance(result, Session | SessionEnded) for result in results)
    assert (await hug.sessions.get(session.id)).status is Status.COMPLETED
    assert (await told(hug))[-1].change.action is Action.COMPLETE


@pytest.mark.parametrize(
    ("verb", "error"),
    [
        (lambda hug, s: hug.sessions.admit(s, "nurse", by="dr-rossi"), InvalidTransition),
        (lambda hug, s: hug.sessions.admit(s, "p-1", by="p-1"), NotPermitted),
        (lambda hug, s: hug.sessions.admit(s, "p-2", by="dr-rossi"), UnknownParticipant),
        (lambda hug, s: hug.sessions.accept(s, "nurse", recorded_by="dr-rossi"), NotPermitted),
        (lambda hug, s: hug.sessions.accept(s, "p 1", recorded_by="dr-rossi"), InvalidInput),
        (lambda hug, s: hug.sessions.accept(s, "p-1", recorded_by=""), InvalidInput),
        (lambda hug, s: hug.sessions.accept(s, "p-1", recorded_by="x", language="es"), InvalidInput),
        (lambda hug, s: hug.sessions.complete(s, by="dr-rossi", outcome="cured"), InvalidInput),
        (lambda hug, s: hug.sessions.step(s, "p-1", "danced"), InvalidInput),
        (lambda hug, s: hug.sessions.change_modality(s, "phone", by="p-1"), NotPermitted),
        (lambda hug, s: hug.sessions.change_modality(s, "phone", by="nurse"), NotPermitted),
        (lambda hug, s: hug.sessions.change_modality(s, "phone", by="p-2"), UnknownParticipant),
        (lambda hug, s: hug.sessions.change_modality(s, "phone", by=None), UnknownParticipant),
        (lambda hug, s: hug.sessions.change_modality(s, "smoke", by="dr-rossi"), InvalidInput),
        (lambda hug, s: hug.sessions.change_modality(s, None, by="dr-rossi"), InvalidInput),
        (lambda hug, s: hug.sessions.change_modality(s, "phone", by="dr-rossi", reason=""), InvalidInput),
        (lambda hug, s: hug.sessions.cancel(s, by="x"), InvalidTransition),
        (lambda hug, s: hug.sessions.remove(s, "p-1", by="dr-rossi", reason="r" * 201), InvalidInput),
    ],
)
async def test_what_is_refused_changes_nothing(
    hug: HugAtHome, verb: Any, error: type[HugathomeError]
) -> None:
    session = await under_way(hug)

    with pytest.raises(error):
        await verb(hug, session.id)

    assert await hug.sessions.get(session.id) == session
    assert len(await told(hug)) == 3


# --- Coming and going ----------------------------------------------------------------------------


async def test_a_coming_or_going_that_is_known_changes_nothing(hug: HugAtHome) -> None:
    session = await planned(hug)
    here = await hug.sessions.arrive(session.id, "p-1", position="1.a")

    assert await hug.sessions.arrive(session.id, "p-1", position="1.a") == here
    assert await hug.sessions.arrive(session.id, "p-1") == here
    gone = await hug.sessions.depart(session.id, "p-1", position="2.b")
    assert await hug.sessions.depart(session.id, "p-1", position="2.b") == gone
    assert (await hug.sessions.arrive(session.id, "p-1", position="3.c")).of("p-1").position == "3.c"


async def test_a_going_that_is_told_late_undoes_no_return(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1", position="1.a")
    await hug.sessions.depart(session.id, "p-1", position="5.b")
    await hug.sessions.arrive(session.id, "p-1", position="6.c")

    late = await hug.sessions.depart(session.id, "p-1", position="5.b")

    assert [participant.id for participant in late.waiting] == ["p-1"]


async def test_a_return_that_overtakes_the_going_stands(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1", position="1.a")
    await hug.sessions.arrive(session.id, "p-1", position="6.c")

    late = await hug.sessions.depart(session.id, "p-1", position="5.b")

    assert [participant.id for participant in late.waiting] == ["p-1"]
    assert (await hug.sessions.depart(session.id, "p-1", position="7.d")).waiting == ()


async def test_a_host_that_knows_no_position_is_believed(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1", position="6.c")

    assert (await hug.sessions.depart(session.id, "p-1")).waiting == ()
    assert len((await hug.sessions.arrive(session.id, "p-1")).waiting) == 1


async def test_a_room_whose_log_began_anew_is_believed(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.arrive(session.id, "p-1", position="57.a")

    await hug.sessions.arrive(session.id, "p-1", position="2.b")

    assert (await hug.sessions.depart(session.id, "p-1", position="3.c")).of(
        "p-1"
    ).presence is Presence.DEPARTED
    assert (await hug.sessions.arrive(session.id, "p-1", position="4.d")).of(
        "p-1"
    ).presence is Presence.ARRIVED


async def test_a_coming_or_going_after_the_end_is_nothing(hug: HugAtHome) -> None:
    session = await under_way(hug)
    ended = await hug.sessions.complete(session.id, by="dr-rossi")

    assert await hug.sessions.depart(session.id, "p-1") == ended
    assert await hug.sessions.arrive(session.id, "nurse") == ended


async def test_who_was_removed_does_not_come_back_by_arriving(hug: HugAtHome) -> None:
    session = await under_way(hug)
    await hug.sessions.remove(session.id, "p-1", by="dr-rossi")

    with pytest.raises(InvalidTransition):
        await hug.sessions.arrive(session.id, "p-1")
    await hug.sessions.depart(session.id, "p-1")
    assert (await hug.sessions.get(session.id)).of("p-1").presence is Presence.REMOVED


# --- Looking -------------------------------------------------------------------------------------

NO_IDS = ["", "hug.x", "hug", "hug." + "x" * 100, "hug.\x00", "\ud800", "hug.é", None, 7, b"hug.x", ["hug.x"]]


@pytest.mark.parametrize("session_id", NO_IDS, ids=ascii)
async def test_what_names_no_session_is_not_found(hug: HugAtHome, session_id: Any) -> None:
    with pytest.raises(SessionNotFound):
        await hug.sessions.get(session_id)
    with pytest.raises(SessionNotFound):
        await hug.sessions.hold(session_id, by="dr-rossi")


@pytest.mark.parametrize(
    "reference", ["", "appointment/1", "\ud800", "\x00", "r" * 10_000], ids=lambda r: ascii(r)[:20]
)
async def test_a_reference_that_names_nothing_is_not_found(hug: HugAtHome, reference: str) -> None:
    await planned(hug)

    with pytest.raises(SessionNotFound):
        await hug.sessions.find(organisation="hug", reference=reference)


async def test_sessions_are_listed_page_by_page(hug: HugAtHome) -> None:
    sessions = [
        await planned(hug, starts_at=NOW + n * MINUTE, ends_at=NOW + timedelta(days=1)) for n in range(7)
    ]
    span = {"organisation": "hug", "since": NOW + MINUTE, "until": NOW + 6 * MINUTE}

    pages: list[Session] = []
    while page := await hug.sessions.list(**span, after=pages[-1] if pages else None, limit=2):  # type: ignore[arg-type]
        assert len(page) <= 2
        pages += page

    assert pages == sessions[1:6]
    by_id = await hug.sessions.list(**span, after=sessions[2].id)  # type: ignore[arg-type]
    assert by_id == sessions[3:6]


async def test_sessions_are_listed_by_service_status_and_who(hug: HugAtHome) -> None:
    cardiology = await planned(hug)
    oncology = await planned(hug, service="oncology")
    cancelled = await hug.sessions.cancel((await planned(hug)).id, by="the secretary")
    span: dict[str, Any] = {"organisation": "hug", "since": NOW - MINUTE, "until": NOW + timedelta(days=1)}

    async def listed(**asked: Any) -> list[str]:
        return sorted(each.id for each in await hug.sessions.list(**span, **asked))

    every = sorted([cardiology.id, oncology.id, cancelled.id])
    assert await listed() == every
    assert await listed(service="oncology") == [oncology.id]
    assert await listed(service=" oncology ", status="planned") == [oncology.id]
    assert await listed(status="cancelled") == [cancelled.id]
    assert await listed(status=["planned", "cancelled"], service="cardiology") == sorted(
        [cardiology.id, cancelled.id]
    )
    assert await listed(who="urn:pid:77") == every
    assert await listed(who="urn:pid:78") == []


@pytest.mark.parametrize(
    "bad",
    [
        {"since": datetime(2026, 1, 1)},
        {"until": datetime(2026, 1, 1)},
        {"limit": 0},
        {"limit": -1},
        {"service": "\ud800"},
        {"who": 77},
        {"status": "asleep"},
        {"status": 1},
    ],
    ids=str,
)
async def test_a_list_of_what_cannot_be_is_refused(hug: HugAtHome, bad: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        await hug.sessions.list(**{"organisation": "hug", "since": NOW, "until": NOW, **bad})


@pytest.mark.parametrize("bad", [{"after": -1}, {"limit": 0}, {"limit": -5}], ids=str)
async def test_events_of_what_cannot_be_are_refused(hug: HugAtHome, bad: dict[str, int]) -> None:
    with pytest.raises(InvalidInput):
        await hug.sessions.events(organisation="hug", **bad)


async def test_events_go_on_where_the_host_had_left_off(hug: HugAtHome) -> None:
    for _ in range(3):
        await under_way(hug)

    every = await told(hug)

    assert [event.position for event in every] == list(range(1, 10))
    for after in range(10):
        assert await told(hug, after=after) == every[after:]
    assert await told(hug, after=99) == []


async def test_more_events_than_one_page_come_all_the_same(hug: HugAtHome) -> None:
    session = await planned(hug)
    for turn in range(120):
        await hug.sessions.step(session.id, "p-1", list(Step)[turn % 3])

    assert [event.position for event in await told(hug)] == list(range(1, 122))


async def test_events_can_be_followed() -> None:
    async with hug_over(open_store("memory://")) as hug:
        assert isinstance(hug.clock, FakeClock)
        seen: list[int] = []

        async def follow() -> None:
            nonlocal seen
            async for event in hug.events(organisation="hug", follow=True):
                seen += [event.position]

        async with asyncio.TaskGroup() as group:
            following = group.create_task(follow())
            for expected in ([1], [1, 2], [1, 2, 3]):
                await planned(hug)
                await hug.clock.advance(seconds=1)
                assert seen == expected
            following.cancel()


# --- Races ---------------------------------------------------------------------------------------


async def test_parallel_changes_are_all_kept(hug: HugAtHome) -> None:
    session = await planned(hug)

    await asyncio.gather(*(hug.sessions.step(session.id, "p-1", Step.SCREEN_ON) for _ in range(8)))

    after = await hug.sessions.get(session.id)
    assert (after.version, len(after.steps("p-1"))) == (9, 8)
    assert [event.version for event in await told(hug)] == list(range(1, 10))


async def test_of_parallel_ends_one_is_the_end(hug: HugAtHome) -> None:
    session = await under_way(hug)

    outcomes = await asyncio.gather(
        *(hug.sessions.complete(session.id, by="dr-rossi") for _ in range(4)),
        *(hug.sessions.discontinue(session.id, by="dr-rossi") for _ in range(4)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, Session) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, SessionEnded) for outcome in outcomes) == 7


class NeverSaves(MemorySessions):
    """Tells everybody that somebody else was faster."""

    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        return (
            await super().save_session(session, expected=expected, events=events, audit=audit)
            if not expected
            else False
        )


async def test_a_race_that_is_always_lost_ends_in_an_error_that_says_so() -> None:
    async with hug_over(Store(sessions=NeverSaves(), codes=MemoryCodes())) as hug:
        session = await planned(hug)

        with pytest.raises(StaleSession):
            await hug.sessions.arrive(session.id, "p-1")


async def test_a_decision_that_changes_nothing_saves_nothing(hug: HugAtHome) -> None:
    session = await planned(hug)

    assert await hug.sessions.change(session.id, lambda known: known) == session
    assert len(await told(hug)) == 1


# --- What the room is told -----------------------------------------------------------------------


def journal_of(hug: HugAtHome) -> Journal:
    return hug.sessions._journal


async def recorded(hug: HugAtHome, session: Session) -> list[Recorded]:
    entries = await journal_of(hug).load(session.id)
    return [entry for _, entry in entries if isinstance(entry, Recorded)]


async def test_the_room_is_told_what_the_record_shows_and_not_before(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await hug.sessions.arrive(session.id, "p-1")
    assert await recorded(hug, session) == []

    admitted = await hug.sessions.admit(session.id, "p-1", by="dr-rossi")
    await hug.sessions.remove(session.id, "nurse", by="dr-rossi")
    ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="report")

    first, _, last = await recorded(hug, session)
    assert (first.version, first.status, first.ended) == (admitted.version, "in-progress", False)
    assert {each.participant: each.admitted for each in first.participants} == {
        "dr-rossi": False,
        "p-1": True,
        "nurse": False,
    }
    assert (last.version, last.ended, last.outcome) == (ended.version, True, "report")
    assert {each.participant for each in last.participants if each.removed} == {"nurse"}


async def test_the_room_is_told_how_the_visit_goes_on_and_when_a_step_was_noted(hug: HugAtHome) -> None:
    session = await under_way(hug)
    await hug.sessions.step(session.id, "p-1", Step.DEVICES_ALLOWED)

    await hug.sessions.change_modality(session.id, "phone", by="dr-rossi")

    last = (await recorded(hug, session))[-1]
    assert last.modality == "phone"
    assert {each.participant: (each.step, each.step_at) for each in last.participants} == {
        "dr-rossi": (None, None),
        "p-1": (Step.DEVICES_ALLOWED, NOW),
        "nurse": (None, None),
    }


@pytest.mark.parametrize(
    ("later", "shown"),
    [(Step.SCREEN_OFF, Step.CALL_ME_BACK), (Step.CALL_ANSWERED, Step.CALL_ANSWERED)],
)
async def test_the_room_is_told_of_a_wish_to_be_called_back_until_it_is_answered(
    hug: HugAtHome, later: Step, shown: Step
) -> None:
    session = await under_way(hug)
    await hug.sessions.step(session.id, "p-1", Step.CALL_ME_BACK)

    await hug.sessions.step(session.id, "p-1", later)

    last = (await recorded(hug, session))[-1]
    assert [each.step for each in last.participants if each.participant == "p-1"] == [shown]


async def test_a_room_that_is_open_is_told_what_became_of_a_message(hug: HugAtHome) -> None:
    session = await planned(hug)
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await hug.invite(session.id, "p-1")
    assert await recorded(hug, session) == []  # the day before, there is no room yet

    await hug.sessions.step(session.id, "p-1", Step.PAGE_OPENED)
    await hug.call(session.id, "p-1", by="dr-rossi")

    steps = [each.step for told in await recorded(hug, session) for each in told.participants if each.step]
    assert steps == [Step.PAGE_OPENED, Step.SMS_SENT]


async def test_a_message_that_went_out_is_no_failure_where_the_room_cannot_be_told(
    hug: HugAtHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = await planned(hug)
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")

    async def away(_journal: Journal, _room: str) -> bool:
        raise StoreUnavailable("the log is away")

    monkeypatch.setattr(Journal, "is_open", away)
    assert (await hug.invite(session.id, "p-1")).delivery == "sent"


async def test_the_room_is_told_nothing_of_a_refusal(hug: HugAtHome) -> None:
    session = await planned(hug)

    with pytest.raises(InvalidTransition):
        await hug.sessions.admit(session.id, "p-1", by="dr-rossi")

    assert await recorded(hug, session) == []


# --- What is kept --------------------------------------------------------------------------------


async def test_what_is_kept_names_nobody(tmp_path: Path) -> None:
    async with hug_over(open_store(f"sqlite:///{tmp_path}/clinic.db")) as hug:
        session = await planned(hug, reference="appointment/4711")
        await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        invitation = await hug.invite(session.id, "p-1")
        code = hug._crew.reception._verifier.message(  # the code as its SMS had it
            await _challenge(hug, session.id)
        ).code
        await hug.check_in(invitation.link_id, code)
        await hug.sessions.admit(session.id, "p-1", by="dr-rossi")

        kept = _bytes_in(tmp_path)

    assert session.id.encode() in kept
    for secret in (
        "Dupont",
        "Rossi",
        "791234567",
        "urn:pid:77",
        "4711",
        "cardiology",
        invitation.link_id,
        code,
    ):
        assert secret.encode() not in kept


async def _challenge(hug: HugAtHome, session_id: str) -> Any:
    session = await hug.sessions.get(session_id)
    return await hug._crew.reception._verifier.find(session.of("p-1").challenge_id)


def _bytes_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_a_session_outlives_a_change_of_keys_while_its_own_is_given(store: Store) -> None:
    old = hug_over(store, key=OLD)
    untouched = await planned(old, reference="untouched")
    session = await planned(old, reference="appointment/4711")
    await old.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    link = (await old.invite(session.id, "p-1")).link_id

    both = hug_over(store, key={"new": KEY, "old": OLD})
    assert (await both.sessions.find(organisation="hug", reference="appointment/4711")).id == session.id
    assert (await both.opened(link))[0].id == session.id
    await both.sessions.arrive(session.id, "p-1")

    new = hug_over(store)
    assert (await new.sessions.find(organisation="hug", reference="appointment/4711")).id == session.id
    assert (await new.opened(link))[0].id == session.id
    with pytest.raises(StoreUnavailable):
        await new.sessions.get(untouched.id)
    with pytest.raises(SessionNotFound):
        await new.sessions.find(organisation="hug", reference="untouched")
    await new.aclose()


async def test_a_body_opens_only_in_its_own_row() -> None:
    sessions = MemorySessions()
    async with hug_over(Store(sessions=sessions, codes=MemoryCodes())) as hug:
        one, other = await planned(hug), await planned(hug)
        sessions._sessions[one.id] = replace(
            sessions._sessions[one.id], body=sessions._sessions[other.id].body
        )

        with pytest.raises(StoreUnavailable):
            await hug.sessions.get(one.id)


async def test_an_older_body_does_not_open_under_a_newer_version() -> None:
    sessions = MemorySessions()
    async with hug_over(Store(sessions=sessions, codes=MemoryCodes())) as hug:
        session = await planned(hug)
        old = sessions._sessions[session.id]
        await hug.sessions.remove(session.id, "p-1", by="dr-rossi")
        sessions._sessions[session.id] = replace(old, version=2)

        with pytest.raises(StoreUnavailable):
            await hug.sessions.get(session.id)


def test_a_change_that_is_told_has_a_time() -> None:
    with pytest.raises(InvalidInput):
        Change(action=Action.PLAN, at=datetime(2026, 1, 1))

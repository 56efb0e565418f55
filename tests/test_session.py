"""Sessions: every step of both axes, who may take it, when one may come in, and what can be read off."""

from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hugathome.errors import (
    AlreadyTaken,
    ConsentMissing,
    HugathomeError,
    InvalidInput,
    InvalidPhoneNumber,
    InvalidTransition,
    NotPermitted,
    SessionEnded,
    SessionError,
    UnknownParticipant,
)
from hugathome.phone import PhoneNumber
from hugathome.record.attendance import Attendance
from hugathome.record.expertise import Expertise, ExpertiseState
from hugathome.record.history import (
    Action,
    Change,
    Consent,
    DeliveryStatus,
    Message,
    Outcome,
    window_around,
)
from hugathome.record.imaging import Site
from hugathome.record.participants import Participant
from hugathome.record.queueing import Queued
from hugathome.record.shelf import Event
from hugathome.record.transitions import (
    ALSO_THE_HOSTS,
    NEVER_TO_ONESELF,
    PRESENCES,
    TRANSITIONS,
    Presence,
    Status,
)
from hugathome.roles import Kind, Language, Modality, Part, Role, Step
from hugathome.session import MOST_PARTICIPANTS, Session

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WINDOW = window_around(NOW, NOW + 30 * MINUTE)

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi")
PATIENT = Participant(
    id="p-1",
    role="patient",
    name="M. Dupont",
    language="fr",
    reference="urn:pid:77",
    phone=PhoneNumber.parse("079 123 45 67", region="CH"),
)
PARENT = Participant(id="parent", role="related-person", name="Mme Dupont")
NURSE = Participant(id="nurse", role="nurse", name="B. Keller")
INTERPRETER = Participant(id="interpreter", role="interpreter", name="C. Silva")
OBSERVER = Participant(id="observer", role="observer", name="D. Student")
EXPERT = Participant(id="dr-blanc", role="practitioner", part="expert", name="Dr E. Blanc")
EVERYBODY = (DOCTOR, PATIENT, PARENT, NURSE, INTERPRETER, OBSERVER, EXPERT)
REQUEST = Expertise(kind="SecondOpinion", requesting=Site(name="Regional hospital"))
ASKED_AT = {
    Action.TAKE_ON: ExpertiseState.REQUESTED,
    Action.DECLINE: ExpertiseState.REQUESTED,
    Action.GIVE_OPINION: ExpertiseState.TAKEN_ON,
}
EXAMPLES: dict[Action, dict[str, Any]] = {
    Action.CHANGE_MODALITY: {"modality": "audio"},
    Action.RESCHEDULE: {"window": WINDOW},
    Action.TRANSFER: {"joining": EXPERT},
    Action.JOIN: {"joining": EXPERT},
    Action.GIVE_OPINION: {"result": "report/12"},
}
"""What some changes have to say."""
WHO_MAY = "whoever may"
ADVISING = (Action.TAKE_ON, Action.DECLINE, Action.GIVE_OPINION)


def planned(
    *,
    modality: Any = "video",
    participants: tuple[Participant, ...] = EVERYBODY,
    expertise: Expertise | None = None,
) -> Session:
    return Session(
        id="hug.s1",
        organisation="hug",
        service="cardiology",
        modality=modality,
        window=WINDOW,
        participants=participants,
        queue=Queued(since=NOW),
        expertise=expertise,
        reference="appointment/4711",
        version=1,
    )


def at(
    presence: Presence,
    *,
    status: Status = Status.IN_PROGRESS,
    modality: Any = "video",
    action: Action | None = None,
) -> Session:
    """Return a session of `status` in which the patient is at `presence`, of the kind that has `action`."""
    asked = REQUEST.but(state=ASKED_AT[action]) if action in ADVISING else None
    session = planned(modality=modality, expertise=asked).but(status=status)
    return session.noting("p-1", presence=presence, is_admitted=presence is Presence.ADMITTED)


def change(
    action: Action, *, by: str | None = WHO_MAY, participant: str | None = "p-1", **facts: Any
) -> Change:
    if by is WHO_MAY:
        by = EXPERT.id if action in ADVISING else DOCTOR.id
    for fact, example in EXAMPLES.get(action, {}).items():
        facts.setdefault(fact, example)
    return Change(action=action, at=NOW, by=by, participant=participant, **facts)


def after(session: Session, *actions: Action, **facts: Any) -> Session:
    for action in actions:
        session = session.after(change(action, **facts))
    return session


# --- What may follow what ------------------------------------------------------------------------


def table(text: str) -> dict[tuple[str, str], str]:
    """Read a table: a row for each action, a column for each state."""
    head, *rows = text.strip().splitlines()
    cells = [row.split() for row in rows]
    return {(state, row[0]): cell for row in cells for state, cell in zip(head.split(), row[1:], strict=True)}


STATUSES = table("""
                    planned      in-progress   on-hold      completed  discontinued  cancelled
plan                –            –             –            ended      ended         ended
accept              planned      in-progress   on-hold      ended      ended         ended
withdraw            planned      in-progress   on-hold      ended      ended         ended
invite              planned      in-progress   on-hold      ended      ended         ended
deliver             planned      in-progress   on-hold      ended      ended         ended
check-in            planned      in-progress   on-hold      ended      ended         ended
identify            planned      in-progress   on-hold      ended      ended         ended
arrive              planned      in-progress   on-hold      ended      ended         ended
call                planned      in-progress   on-hold      ended      ended         ended
admit               in-progress  in-progress   on-hold      ended      ended         ended
deny                planned      in-progress   on-hold      ended      ended         ended
return-to-waiting   planned      in-progress   on-hold      ended      ended         ended
depart              planned      in-progress   on-hold      ended      ended         ended
remove              planned      in-progress   on-hold      ended      ended         ended
step                planned      in-progress   on-hold      ended      ended         ended
hold                –            on-hold       –            ended      ended         ended
resume              –            –             in-progress  ended      ended         ended
extend              planned      in-progress   on-hold      ended      ended         ended
change-modality     planned      in-progress   on-hold      ended      ended         ended
complete            –            completed     completed    ended      ended         ended
discontinue         –            discontinued  discontinued ended      ended         ended
cancel              cancelled    –             –            ended      ended         ended
reschedule          planned      –             –            ended      ended         ended
confirm             planned      –             –            ended      ended         ended
take                planned      in-progress   on-hold      ended      ended         ended
transfer            planned      in-progress   on-hold      ended      ended         ended
join                planned      in-progress   on-hold      ended      ended         ended
take-on             planned      in-progress   on-hold      ended      ended         ended
decline             cancelled    discontinued  discontinued ended      ended         ended
give-opinion        in-progress  in-progress   on-hold      ended      ended         ended
erase               –            –             –            completed  discontinued  cancelled
""")

PRESENCE = table("""
                    expected   arrived    admitted   departed   removed    denied
plan                –          –          –          –          –          –
accept              expected   arrived    admitted   departed   removed    denied
withdraw            expected   arrived    admitted   departed   removed    denied
invite              expected   arrived    admitted   departed   expected   expected
deliver             expected   arrived    admitted   departed   removed    denied
check-in            arrived    arrived    admitted   arrived    –          –
identify            expected   arrived    admitted   departed   –          –
arrive              arrived    arrived    admitted   arrived    –          –
call                expected   arrived    admitted   departed   removed    denied
admit               –          admitted   admitted   –          –          –
deny                –          denied     –          –          –          –
return-to-waiting   –          –          arrived    –          –          –
depart              –          departed   departed   departed   –          –
remove              removed    removed    removed    removed    –          –
step                expected   arrived    admitted   departed   removed    denied
hold                expected   arrived    admitted   departed   removed    denied
resume              –          –          –          –          –          –
extend              expected   arrived    admitted   departed   removed    denied
change-modality     expected   arrived    admitted   departed   removed    denied
complete            expected   arrived    admitted   departed   removed    denied
discontinue         expected   arrived    admitted   departed   removed    denied
cancel              –          –          –          –          –          –
reschedule          –          –          –          –          –          –
confirm             –          –          –          –          –          –
take                expected   arrived    admitted   departed   removed    denied
transfer            expected   arrived    admitted   departed   removed    denied
join                expected   arrived    admitted   departed   removed    denied
take-on             expected   arrived    admitted   departed   removed    denied
decline             expected   arrived    admitted   departed   removed    denied
give-opinion        expected   arrived    admitted   departed   removed    denied
erase               –          –          –          –          –          –
""")
"""In a session that is in progress; who is admitted stays so wherever they come back to."""

WHERE_IT_WORKS = {Action.DENY: Presence.ARRIVED, Action.RETURN_TO_WAITING: Presence.ADMITTED}


def test_the_tables_of_this_test_leave_nothing_out() -> None:
    assert set(STATUSES) == set(product(map(str, Status), map(str, Action)))
    assert set(PRESENCE) == set(product(map(str, Presence), map(str, Action)))


@pytest.mark.parametrize(("status", "action"), [*product(Status, Action)], ids=str)
def test_every_action_in_every_status(status: Status, action: Action) -> None:
    session = at(WHERE_IT_WORKS.get(action, Presence.ARRIVED), status=status, action=action)
    expected = STATUSES[status, action]

    if expected == "ended":
        with pytest.raises(SessionEnded):
            session.after(change(action))
    elif expected == "–":
        with pytest.raises(InvalidTransition) as refused:
            session.after(change(action))
        assert (refused.value.state, refused.value.action) == (status, action)
    else:
        assert session.after(change(action)).status == expected


@pytest.mark.parametrize(("presence", "action"), [*product(Presence, Action)], ids=str)
def test_every_action_in_every_presence(presence: Presence, action: Action) -> None:
    session = at(presence, action=action)
    expected = PRESENCE[presence, action]

    if expected == "–":
        with pytest.raises(InvalidTransition) as refused:
            session.after(change(action))
        assert refused.value.action == action
    else:
        assert session.after(change(action)).of("p-1").presence == expected


def test_the_tables_of_the_module_say_no_more_than_that() -> None:
    assert {pair for pair, cell in STATUSES.items() if cell not in ("–", "ended")} == set(TRANSITIONS)
    assert set(PRESENCES) <= {pair for pair, cell in PRESENCE.items() if cell != "–"}


@pytest.mark.parametrize("table", [TRANSITIONS, PRESENCES])
def test_the_tables_cannot_be_changed(table: Any) -> None:
    with pytest.raises(TypeError):
        table[Status.CANCELLED, Action.RESUME] = Status.PLANNED


def test_a_refusal_changes_nothing() -> None:
    session = at(Presence.EXPECTED)

    with pytest.raises(InvalidTransition):
        session.after(change(Action.ADMIT))

    assert session == at(Presence.EXPECTED)


def test_what_happened_stands_in_the_history() -> None:
    session = after(planned(), Action.ARRIVE, Action.ADMIT, Action.HOLD)

    assert [entry.action for entry in session.history] == [Action.ARRIVE, Action.ADMIT, Action.HOLD]
    assert planned().history == ()


# --- Admission, devices, phone visits ------------------------------------------------------------


@pytest.mark.parametrize("back", [Action.ARRIVE, Action.CHECK_IN])
def test_an_admission_outlives_a_lost_connection_and_a_change_of_device(back: Action) -> None:
    session = after(planned(), Action.ARRIVE, Action.ADMIT, Action.DEPART)
    assert session.of("p-1").presence is Presence.DEPARTED

    assert session.after(change(back)).of("p-1").presence is Presence.ADMITTED


@pytest.mark.parametrize("out", [Action.RETURN_TO_WAITING, Action.REMOVE])
def test_an_admission_ends_when_staff_end_it(out: Action) -> None:
    session = after(planned(), Action.ARRIVE, Action.ADMIT, out, Action.INVITE, Action.ARRIVE)

    assert session.of("p-1").presence is Presence.ARRIVED
    assert not session.is_let_in("p-1")


def test_each_check_in_is_another_device_and_coming_back_is_not() -> None:
    session = after(planned(), Action.CHECK_IN)
    assert session.of("p-1").device == 1

    assert after(session, Action.DEPART, Action.ARRIVE, Action.ADMIT).of("p-1").device == 1
    assert after(session, Action.CHECK_IN).of("p-1").device == 2


@pytest.mark.parametrize("out", [Action.DENY, Action.REMOVE])
def test_being_put_out_outdates_the_device(out: Action) -> None:
    session = after(planned(), Action.CHECK_IN, out)

    assert session.of("p-1").device == 2
    assert after(session, Action.INVITE).of("p-1").device == 2


def test_a_video_visit_starts_with_the_first_admission() -> None:
    assert after(planned(), Action.CHECK_IN).status is Status.PLANNED
    assert after(planned(), Action.CHECK_IN, Action.ADMIT).status is Status.IN_PROGRESS


IDENTIFIED = pytest.mark.parametrize("identified", [Action.CHECK_IN, Action.IDENTIFY])


@IDENTIFIED
@pytest.mark.parametrize("status", [Status.PLANNED, Status.IN_PROGRESS])
def test_a_phone_visit_starts_once_somebody_is_identified(status: Status, identified: Action) -> None:
    session = at(Presence.EXPECTED, status=status, modality="phone")

    assert after(session, identified).status is Status.IN_PROGRESS
    assert after(session, Action.ARRIVE).status is status


@IDENTIFIED
def test_identifying_somebody_does_not_resume_a_phone_visit_that_is_on_hold(identified: Action) -> None:
    session = at(Presence.EXPECTED, status=Status.ON_HOLD, modality="phone")

    assert after(session, identified).status is Status.ON_HOLD


@IDENTIFIED
@pytest.mark.parametrize("out", [Presence.REMOVED, Presence.DENIED])
def test_whoever_was_put_out_starts_no_phone_visit(out: Presence, identified: Action) -> None:
    session = at(out, status=Status.PLANNED, modality="phone")

    with pytest.raises(InvalidTransition) as refused:
        after(session, identified)

    assert (refused.value.state, refused.value.action) == (out, identified)


@pytest.mark.parametrize("modality", Modality)
def test_identifying_somebody_makes_no_other_device_and_arrives_by_telephone_only(modality: Modality) -> None:
    before = after(planned(modality=modality), Action.CHECK_IN, Action.DEPART)

    session = after(before, Action.IDENTIFY)

    arrived = modality is Modality.PHONE
    assert session.of("p-1").presence is (Presence.ARRIVED if arrived else Presence.DEPARTED)
    assert session.of("p-1").device == before.of("p-1").device


@pytest.mark.parametrize("modality", [Modality.VIDEO, Modality.AUDIO])
def test_identifying_somebody_starts_no_visit_that_has_a_waiting_room(modality: Modality) -> None:
    assert after(planned(modality=modality), Action.IDENTIFY).status is Status.PLANNED


def test_a_visit_changes_its_modality_and_its_history_says_why() -> None:
    session = planned().after(
        change(Action.CHANGE_MODALITY, participant=None, modality="phone", reason="no picture")
    )

    assert (session.modality, session.is_by_phone) == (Modality.PHONE, True)
    told = session.history[-1]
    assert (told.action, told.by, told.modality, told.reason) == (
        Action.CHANGE_MODALITY,
        "dr-rossi",
        Modality.PHONE,
        "no picture",
    )


def test_a_position_is_kept_until_there_is_a_later_one() -> None:
    session = after(planned(), Action.ARRIVE, position="3.ab")
    assert session.of("p-1").position == "3.ab"

    assert after(session, Action.ADMIT).of("p-1").position == "3.ab"
    assert after(session, Action.DEPART, position="7.cd").of("p-1").position == "7.cd"


# --- Put off, taken, handed on -------------------------------------------------------------------


LATER = window_around(NOW + timedelta(days=7), NOW + timedelta(days=7, minutes=30))
AGREED = Consent(participant="p-1", recorded_by="dr-rossi", at=NOW, how="oral")


def test_a_visit_that_is_put_off_asks_for_consent_again_and_forgets_what_was_about_to_go_out() -> None:
    session = planned().after(change(Action.ACCEPT, consent=AGREED)).but(reminders=(NOW - MINUTE,))
    session = after(session, Action.CHECK_IN)
    session = session.noting("p-1", link_id="l1nk", messages=(message(1), message(2, DeliveryStatus.SENT)))

    moved = session.after(change(Action.RESCHEDULE, window=LATER))

    assert (moved.window, moved.sequence, moved.consent, moved.reminders) == (LATER, 1, None, ())
    assert moved.of("p-1").presence is Presence.EXPECTED
    assert moved.of("p-1").link_id == "l1nk"
    assert [m.status for m in moved.of("p-1").messages] == [DeliveryStatus.SENT]


def test_whoever_was_put_out_stays_out_when_the_visit_is_put_off() -> None:
    session = after(planned(), Action.ARRIVE, Action.REMOVE, Action.RESCHEDULE)

    assert session.of("p-1").presence is Presence.REMOVED


def test_a_patient_is_taken_from_the_queue_once() -> None:
    newcomer = Participant(id="dr-new", role="practitioner", name="Dr N. Ew")
    waiting = planned(participants=(PATIENT,))

    taken = waiting.after(change(Action.TAKE, by="dr-new", participant=None, joining=newcomer))

    assert taken.queue == Queued(since=NOW, taken_by="dr-new", taken_at=NOW)
    assert ids(taken.participants) == ["p-1", "dr-new"]
    with pytest.raises(AlreadyTaken):
        taken.after(change(Action.TAKE, by="dr-rossi", participant=None, joining=DOCTOR))


def test_nobody_is_taken_who_waits_in_no_queue_nor_by_who_is_no_clinician() -> None:
    with pytest.raises(AlreadyTaken):
        after(planned().but(queue=None), Action.TAKE)
    with pytest.raises(NotPermitted):
        planned(participants=(PATIENT,)).after(
            change(Action.TAKE, by="nurse", participant=None, joining=NURSE)
        )


def test_handed_on_to_another_service_the_patient_waits_there_since_they_first_came() -> None:
    session = after(planned(), Action.TAKE, Action.ARRIVE, Action.ADMIT)

    handed_on = session.after(change(Action.TRANSFER, participant=None, service="psychiatry"))

    assert (handed_on.service, handed_on.queue) == ("psychiatry", Queued(since=NOW))
    assert ids(handed_on.waiting) == ["p-1"]
    assert not handed_on.is_let_in("p-1")


def test_handed_on_to_a_colleague_nobody_leaves_the_visit() -> None:
    session = after(planned(participants=(DOCTOR, PATIENT)), Action.TAKE, Action.ARRIVE, Action.ADMIT)

    handed_on = session.after(change(Action.TRANSFER, participant=None, joining=EXPERT))

    assert handed_on.queue is not None
    assert handed_on.queue.taken_by == EXPERT.id
    assert ids(handed_on.present) == ["p-1"]


def test_somebody_joins_a_visit_and_only_under_an_id_of_their_own() -> None:
    session = planned(participants=(DOCTOR, PATIENT))
    joined = session.after(change(Action.JOIN, participant=None, joining=INTERPRETER))
    assert ids(joined.participants) == ["dr-rossi", "p-1", "interpreter"]

    with pytest.raises(InvalidInput):
        session.after(change(Action.JOIN, joining=INTERPRETER.but(id="p-1")))


def test_a_session_has_room_for_32() -> None:
    nurses = tuple(NURSE.but(id=f"n-{number}") for number in range(30))
    full = planned(participants=(DOCTOR, PATIENT, *nurses))

    with pytest.raises(InvalidInput):
        full.after(change(Action.JOIN, joining=INTERPRETER))


def test_an_observer_is_let_in_only_with_the_patients_consent_to_that() -> None:
    session = after(
        planned().after(change(Action.ACCEPT, consent=AGREED)), Action.ARRIVE, participant="observer"
    )
    with pytest.raises(ConsentMissing):
        after(session, Action.ADMIT, participant="observer")

    agreed = session.after(change(Action.ACCEPT, consent=AGREED.but(observers=True)))
    inside = after(agreed, Action.ADMIT, participant="observer")
    assert inside.is_let_in("observer")
    assert not after(inside, Action.WITHDRAW).is_let_in("observer")


def test_a_companion_does_not_speak_for_the_patient() -> None:
    companion = PARENT.but(part=Part.COMPANION)
    session = planned(participants=(DOCTOR, PATIENT, companion))

    with pytest.raises(NotPermitted):
        session.after(change(Action.ACCEPT, participant="parent", consent=AGREED))


# --- Between clinicians --------------------------------------------------------------------------


def asked() -> Session:
    return planned(expertise=REQUEST).but(queue=None)


def test_a_second_opinion_is_taken_on_held_given_and_closed() -> None:
    session = asked()
    assert (session.kind, session.status) == (Kind.TELE_EXPERTISE, Status.PLANNED)

    session = session.after(change(Action.TAKE_ON, participant=None, site=Site(name="University hospital")))
    session = after(session, Action.ARRIVE, participant="dr-rossi")
    assert session.status is Status.PLANNED
    session = after(session, Action.ARRIVE, participant="dr-blanc")
    assert session.status is Status.IN_PROGRESS
    session = session.after(change(Action.GIVE_OPINION, participant=None, result="report/12"))
    session = after(session, Action.COMPLETE, participant=None, outcome="report")

    assert session.expertise is not None
    assert session.expertise.state is ExpertiseState.CLOSED
    assert session.expertise.opinion == "report/12"
    assert session.expertise.expert == Site(name="University hospital")


def test_an_expert_who_comes_ends_no_interruption() -> None:
    session = after(asked(), Action.TAKE_ON, participant=None)
    session = after(session, Action.ARRIVE, Action.ADMIT)
    session = after(session, Action.HOLD, participant=None)
    session = after(session, Action.ARRIVE, participant="dr-rossi")

    session = after(session, Action.ARRIVE, participant="dr-blanc")

    assert session.expertise is not None
    assert (session.expertise.state, session.status) == (ExpertiseState.LIVE, Status.ON_HOLD)


def test_an_opinion_may_be_given_without_meeting() -> None:
    session = after(asked(), Action.TAKE_ON, Action.GIVE_OPINION, Action.COMPLETE, participant=None)

    assert session.status is Status.COMPLETED


def test_what_an_expert_declines_is_cancelled() -> None:
    session = after(asked(), Action.DECLINE, participant=None, reason="no paediatric cases here")

    assert session.status is Status.CANCELLED
    assert session.history[-1].reason == "no paediatric cases here"


@pytest.mark.parametrize("modality", ["video", "phone"])
def test_a_request_is_taken_on_and_live_also_where_both_are_there_by_then(modality: Modality) -> None:
    session = asked().but(modality=modality)
    for clinician in ("dr-rossi", "dr-blanc"):
        session = after(session, Action.ARRIVE, participant=clinician)

    session = after(session, Action.TAKE_ON, participant=None)

    assert session.expertise is not None
    assert (session.expertise.state, session.status) == (ExpertiseState.LIVE, Status.IN_PROGRESS)


@pytest.mark.parametrize("comes", [Action.CHECK_IN, Action.IDENTIFY, Action.ARRIVE])
def test_a_request_is_live_once_the_expert_comes_however_that_shows(comes: Action) -> None:
    session = after(asked().but(modality="phone"), Action.TAKE_ON, participant=None)
    if comes is not Action.IDENTIFY:  # whoever says who is on the line is on it
        session = after(session, Action.ARRIVE, participant="dr-rossi")

    session = after(session, comes, participant="dr-blanc")

    assert session.expertise is not None
    assert session.expertise.state is ExpertiseState.LIVE


def test_one_clinician_and_the_patient_make_no_request_live() -> None:
    session = after(asked().but(modality="phone"), Action.TAKE_ON, participant=None)

    session = after(session, Action.IDENTIFY)

    assert session.expertise is not None
    assert session.expertise.state is ExpertiseState.TAKEN_ON


@pytest.mark.parametrize("start", [(Action.ARRIVE, Action.ADMIT), (Action.ARRIVE, Action.ADMIT, Action.HOLD)])
def test_what_has_begun_is_taken_on_and_answered_or_declined(start: tuple[Action, ...]) -> None:
    session = after(asked(), *start)

    answered = after(session, Action.TAKE_ON, Action.GIVE_OPINION, Action.COMPLETE, participant=None)
    declined = after(session, Action.DECLINE, participant=None)

    assert answered.status is Status.COMPLETED
    assert declined.status is Status.DISCONTINUED
    assert declined.expertise is not None
    assert declined.expertise.state is ExpertiseState.DECLINED


def test_which_of_the_experts_took_it_on_stands_in_the_request() -> None:
    second = EXPERT.but(id="dr-noir", name="Dr F. Noir")
    session = planned(participants=(*EVERYBODY, second), expertise=REQUEST)

    session = after(session, Action.TAKE_ON, by="dr-noir", participant=None)

    assert session.expertise is not None
    assert session.expertise.taken_on_by == "dr-noir"


def test_nothing_is_closed_without_an_opinion_but_by_discontinuing_it() -> None:
    session = after(asked(), Action.TAKE_ON, participant=None)
    for clinician in ("dr-rossi", "dr-blanc"):
        session = after(session, Action.ARRIVE, participant=clinician)

    with pytest.raises(InvalidTransition):
        after(session, Action.COMPLETE)
    assert after(session, Action.DISCONTINUE).status is Status.DISCONTINUED


@pytest.mark.parametrize("action", ADVISING)
def test_in_a_consultation_nobody_is_asked_as_an_expert(action: Action) -> None:
    with pytest.raises(InvalidTransition):
        after(planned(), action)


# --- Reminders -----------------------------------------------------------------------------------

DAY_BEFORE, HOUR_BEFORE = NOW - timedelta(days=1), NOW - timedelta(hours=1)


def to_be_reminded() -> Session:
    session = planned().after(change(Action.ACCEPT, consent=AGREED))
    return session.but(reminders=(DAY_BEFORE, HOUR_BEFORE))


@pytest.mark.parametrize(
    ("now", "left", "is_sent"),
    [
        (DAY_BEFORE - MINUTE, (DAY_BEFORE, HOUR_BEFORE), False),
        (DAY_BEFORE, (HOUR_BEFORE,), True),
        (HOUR_BEFORE + MINUTE, (), True),
        (NOW, (), False),
    ],
    ids=["early", "the first", "both missed: one", "begun: none"],
)
def test_reminders_are_due_once(now: datetime, left: tuple[datetime, ...], is_sent: bool) -> None:
    session, is_due = to_be_reminded().reminded(now)

    assert (session.reminders, is_due) == (left, is_sent)
    assert session.reminded(now) == (session, False)


@pytest.mark.parametrize("why", [{"consent": None}, {"status": Status.IN_PROGRESS}])
def test_nobody_is_reminded_of_what_they_have_not_accepted_or_what_has_begun(why: dict[str, Any]) -> None:
    session, is_due = to_be_reminded().but(**why).reminded(DAY_BEFORE)

    assert (session.reminders, is_due) == ((HOUR_BEFORE,), False)


def test_a_reminder_of_what_is_only_held_waits_until_it_is_confirmed() -> None:
    held = to_be_reminded().but(held_until=HOUR_BEFORE)
    assert held.reminded(DAY_BEFORE) == (held, False)
    assert held.due_at == HOUR_BEFORE, "and wakes nobody before"

    confirmed = held.after(change(Action.CONFIRM))

    assert confirmed.due_at == DAY_BEFORE
    assert confirmed.reminded(DAY_BEFORE + MINUTE)[1]


def test_a_reminder_and_the_end_of_a_hold_are_due() -> None:
    assert to_be_reminded().due_at == DAY_BEFORE
    assert planned().but(held_until=NOW).due_at == NOW


# --- Who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [Action.TRANSFER, Action.TAKE])
@pytest.mark.parametrize("joining", [PATIENT.but(name="M. Durand"), DOCTOR.but(id="dr-noir")])
def test_who_may_not_is_refused_whoever_they_name_and_learns_nothing_by_it(
    action: Action, joining: Participant
) -> None:
    with pytest.raises(NotPermitted):
        planned().after(change(action, by="p-1", joining=joining))


def test_nobody_hands_a_visit_on_to_themselves_and_so_comes_in() -> None:
    stranger = DOCTOR.but(id="dr-noir")

    with pytest.raises(UnknownParticipant):
        planned().after(change(Action.TRANSFER, by="dr-noir", joining=stranger))


def test_who_takes_nobody_in_is_refused_before_the_room_is_looked_at() -> None:
    crowd = tuple(PARENT.but(id=f"relative-{number}") for number in range(MOST_PARTICIPANTS - 1))
    nurse = NURSE.but(id="another")

    with pytest.raises(NotPermitted):
        planned(participants=(PATIENT, *crowd)).after(change(Action.TAKE, by="another", joining=nurse))


STAFF_ONLY = [
    Action.ADMIT,
    Action.DENY,
    Action.RETURN_TO_WAITING,
    Action.REMOVE,
    Action.IDENTIFY,
    Action.TAKE,
    Action.HOLD,
    Action.RESUME,
    Action.CHANGE_MODALITY,
    Action.TRANSFER,
    Action.COMPLETE,
    Action.DISCONTINUE,
]
"""What only a practitioner does; the rest is the host's own, or the participant's."""


def shown(each: Any) -> str:
    return each.id if isinstance(each, Participant) else str(each)


MAY = {
    **dict.fromkeys(STAFF_ONLY, (DOCTOR, EXPERT)),
    **dict.fromkeys(ADVISING, (EXPERT,)),
    Action.CALL: (DOCTOR, NURSE, EXPERT),
}


@pytest.mark.parametrize(
    ("action", "by"), [*product(MAY, EVERYBODY)], ids=lambda each: getattr(each, "id", each)
)
def test_only_who_may_takes_a_step(action: Action, by: Participant) -> None:
    status = Status.ON_HOLD if action is Action.RESUME else Status.IN_PROGRESS
    status = Status.PLANNED if action in (Action.TAKE_ON, Action.DECLINE) else status
    session = at(WHERE_IT_WORKS.get(action, Presence.ARRIVED), status=status, action=action)

    if by in MAY[action]:
        assert session.after(change(action, by=by.id)).history[-1].by == by.id
        return
    with pytest.raises(NotPermitted) as refused:
        session.after(change(action, by=by.id))
    assert refused.value.action == action


def test_who_may_not_admit_is_not_told_who_takes_part() -> None:
    with pytest.raises(NotPermitted):
        at(Presence.ARRIVED).after(change(Action.ADMIT, by=PATIENT.id, participant="nobody"))


@pytest.mark.parametrize("by", ["dr-nobody", None, ""])
@pytest.mark.parametrize("action", sorted(MAY.keys() - ALSO_THE_HOSTS))
def test_somebody_from_outside_admits_and_ends_nothing(action: Action, by: str | None) -> None:
    with pytest.raises(UnknownParticipant):
        at(Presence.ARRIVED).after(change(action, by=by))


def test_the_host_breaks_off_a_visit_but_somebody_has_to_say_so() -> None:
    broken_off = at(Presence.ARRIVED).after(change(Action.DISCONTINUE, by="the front desk"))

    assert broken_off.status is Status.DISCONTINUED
    for nobody in (None, ""):
        with pytest.raises(UnknownParticipant):
            at(Presence.ARRIVED).after(change(Action.DISCONTINUE, by=nobody))


@pytest.mark.parametrize("action", sorted(NEVER_TO_ONESELF))
@pytest.mark.parametrize("staff", [DOCTOR, EXPERT], ids=lambda each: each.id)
def test_nobody_puts_themselves_out_so_that_somebody_can_always_end_the_visit(
    staff: Participant, action: Action
) -> None:
    session = after(planned(), Action.ARRIVE, participant=staff.id)

    with pytest.raises(NotPermitted, match="who wants to go leaves") as refused:
        session.after(change(action, by=staff.id, participant=staff.id))
    assert (refused.value.action, refused.value.is_to_oneself) == (action, True)
    with pytest.raises(NotPermitted, match="role"):
        after(planned(), Action.ARRIVE).after(change(action, by="p-1", participant="p-1"))


@pytest.mark.parametrize("whom", EVERYBODY, ids=lambda p: p.role)
def test_the_patient_consents_or_who_may_speak_for_them(whom: Participant) -> None:
    consent = Consent(participant=whom.id, recorded_by="dr-rossi", at=NOW, how="oral")
    accepting = change(Action.ACCEPT, participant=whom.id, consent=consent)

    if whom in (PATIENT, PARENT):
        assert planned().after(accepting).consent == consent
        return
    with pytest.raises(NotPermitted):
        planned().after(accepting)


def test_a_withdrawn_consent_is_gone() -> None:
    consent = Consent(participant="p-1", recorded_by="dr-rossi", at=NOW, how="oral")
    accepted = planned().after(change(Action.ACCEPT, consent=consent))

    assert accepted.after(change(Action.WITHDRAW)).consent is None


@pytest.mark.parametrize("action", Action)
def test_nobody_is_done_anything_to_who_takes_no_part(action: Action) -> None:
    with pytest.raises(UnknownParticipant):
        at(Presence.ARRIVED).after(change(action, participant="p-2"))


@pytest.mark.parametrize(
    "action", [Action.ADMIT, Action.CHECK_IN, Action.INVITE, Action.REMOVE, Action.ACCEPT]
)
def test_what_is_done_to_somebody_names_them(action: Action) -> None:
    with pytest.raises(UnknownParticipant):
        at(Presence.ARRIVED).after(change(action, participant=None))


# --- What can be read off ------------------------------------------------------------------------


def ids(participants: tuple[Participant, ...]) -> list[str]:
    return [participant.id for participant in participants]


def test_nobody_waits_and_nobody_is_there_at_first() -> None:
    assert (planned().waiting, planned().present) == ((), ())


def test_who_has_arrived_waits_until_admitted() -> None:
    session = after(planned(), Action.CHECK_IN)
    assert (ids(session.waiting), ids(session.present)) == (["p-1"], [])

    session = after(session, Action.ADMIT)
    assert (ids(session.waiting), ids(session.present)) == ([], ["p-1"])

    session = after(session, Action.RETURN_TO_WAITING)
    assert (ids(session.waiting), ids(session.present)) == (["p-1"], [])


def test_nobody_waits_in_a_phone_visit_and_its_turning_back_lets_nobody_in() -> None:
    session = after(planned(), Action.CHECK_IN)
    session = after(session, Action.ARRIVE, participant="nurse")
    session = after(session, Action.ADMIT)

    by_phone = after(session, Action.CHANGE_MODALITY, modality="phone")
    assert (ids(by_phone.waiting), ids(by_phone.present)) == ([], ["p-1", "nurse"])
    assert not by_phone.is_let_in("nurse")

    again = after(by_phone, Action.CHANGE_MODALITY, modality="video")
    assert (ids(again.waiting), ids(again.present)) == (["nurse"], ["p-1"])


@pytest.mark.parametrize("gone", [Action.DEPART, Action.REMOVE, Action.COMPLETE])
def test_who_has_gone_from_a_phone_visit_is_not_present(gone: Action) -> None:
    session = after(planned(modality="phone"), Action.IDENTIFY)
    assert ids(session.present) == ["p-1"]

    assert after(session, gone).present == ()


def test_an_identity_is_the_last_check_of_it() -> None:
    session = after(planned(), Action.ARRIVE, Action.STEP)
    assert session.identity("p-1") is None

    session = after(session, Action.CHECK_IN, how="code")
    session = after(session, Action.IDENTIFY, how="passport, over the picture")
    session = after(session, Action.IDENTIFY, participant="nurse", how="known to us")
    session = after(session, Action.ADMIT)

    checked = session.identity("p-1")
    assert checked is not None
    assert (checked.how, checked.by, checked.at) == ("passport, over the picture", "dr-rossi", NOW)


@pytest.mark.parametrize("participant", EVERYBODY, ids=lambda p: p.role)
def test_a_practitioner_waits_for_nobody_and_everybody_else_does(participant: Participant) -> None:
    session = after(planned(), Action.ARRIVE, participant=participant.id)

    is_staff = participant in (DOCTOR, EXPERT)
    assert ids(session.present) == ([participant.id] if is_staff else [])
    assert ids(session.waiting) == ([] if is_staff else [participant.id])


def test_a_practitioner_who_arrives_admits_nobody_by_it_and_leaving_ends_nothing() -> None:
    session = after(planned(), Action.CHECK_IN)
    session = after(session, Action.ARRIVE, Action.DEPART, participant="dr-rossi")

    assert ids(session.waiting) == ["p-1"]
    assert session.status is Status.PLANNED


@pytest.mark.parametrize("gone", [Action.DEPART, Action.REMOVE, Action.DENY])
def test_who_has_gone_is_neither_waiting_nor_present(gone: Action) -> None:
    session = after(planned(), Action.CHECK_IN, gone)

    assert (session.waiting, session.present) == ((), ())


def test_a_removed_practitioner_is_let_in_no_more() -> None:
    session = planned().after(change(Action.REMOVE, by="dr-blanc", participant="dr-rossi"))

    assert not session.is_let_in("dr-rossi")


@pytest.mark.parametrize("end", [Action.COMPLETE, Action.DISCONTINUE])
def test_nobody_is_there_once_it_has_ended(end: Action) -> None:
    session = after(planned(), Action.CHECK_IN, Action.ADMIT)
    session = after(session, Action.ARRIVE, participant="dr-rossi").after(change(end))

    assert (session.waiting, session.present) == ((), ())
    assert not session.is_let_in("p-1")
    assert not session.is_let_in("dr-rossi")


def test_the_views_keep_the_order_of_the_plan() -> None:
    session = planned()
    for participant in reversed(EVERYBODY):
        session = after(session, Action.ARRIVE, participant=participant.id)

    assert ids(session.waiting) == ["p-1", "parent", "nurse", "interpreter", "observer"]


def test_steps_are_facts_with_a_time_that_drive_nothing() -> None:
    before = after(planned(), Action.INVITE)

    session = before.after(change(Action.STEP, step=Step.PAGE_OPENED))
    session = session.after(change(Action.STEP, participant="nurse", step=Step.DEVICES_REFUSED))
    session = session.after(change(Action.STEP, step=Step.DEVICES_ALLOWED))

    assert [(s.step, s.at) for s in session.steps("p-1")] == [
        (Step.PAGE_OPENED, NOW),
        (Step.DEVICES_ALLOWED, NOW),
    ]
    assert (session.attendance, session.status) == (before.attendance, before.status)


@pytest.mark.parametrize("ask", ["participant", "of", "steps", "identity", "is_let_in"])
def test_asking_about_somebody_unknown_is_refused(ask: str) -> None:
    with pytest.raises(UnknownParticipant):
        getattr(planned(), ask)("p-2")


@pytest.mark.parametrize(
    ("action", "status", "outcome"),
    [
        (Action.COMPLETE, Status.IN_PROGRESS, "in-person-visit-needed"),
        (Action.COMPLETE, Status.ON_HOLD, Outcome.PRESCRIPTION),
        (Action.DISCONTINUE, Status.IN_PROGRESS, Outcome.TECHNICAL_FAILURE),
        (Action.CANCEL, Status.PLANNED, Outcome.NO_SHOW),
    ],
)
def test_the_end_keeps_the_outcome(action: Action, status: Status, outcome: Any) -> None:
    ended = at(Presence.ARRIVED, status=status).after(change(action, outcome=outcome))

    assert ended.outcome is Outcome(outcome)
    assert ended.status.is_terminal


def message(minutes: int, status: DeliveryStatus = DeliveryStatus.QUEUED) -> Message:
    return Message(id=f"m{minutes}", kind="invitation", status=status, due_at=NOW + minutes * MINUTE)


def test_what_is_queued_first_is_due_first() -> None:
    session = planned().noting("p-1", messages=(message(3), message(1, DeliveryStatus.SENT)))
    session = session.noting("nurse", messages=(message(2),))

    assert session.due_at == NOW + 2 * MINUTE
    assert planned().due_at is None


def test_after_the_end_nothing_is_due_but_to_forget_the_room() -> None:
    session = planned().noting("p-1", messages=(message(1),))
    end = change(Action.CANCEL)

    ended = session.after(end)

    assert ended.due_at == end.at + timedelta(minutes=15)
    assert ended.but(room_kept_until=None).due_at is None


# --- When one may come in ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "is_enterable"),
    [
        (WINDOW.opens_at - timedelta(microseconds=1), False),
        (WINDOW.opens_at, True),
        (WINDOW.ends_at, True),
        (WINDOW.closes_at - timedelta(microseconds=1), True),
        (WINDOW.closes_at, False),
        (WINDOW.closes_at + timedelta(days=1), False),
    ],
    ids=["before", "opens", "ends", "just before it closes", "closes", "a day later"],
)
def test_the_window_gates_entry(now: datetime, is_enterable: bool) -> None:
    assert planned().is_enterable(now) == is_enterable


@pytest.mark.parametrize("who", ["p-1", "dr-rossi"])
def test_the_window_turns_out_nobody_who_is_there(who: str) -> None:
    session = after(planned(), Action.ARRIVE, participant=who)

    assert session.is_enterable(WINDOW.closes_at + timedelta(hours=5))
    assert not after(session, Action.DEPART, participant=who).is_enterable(WINDOW.closes_at)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.DISCONTINUED, Status.CANCELLED])
def test_what_has_ended_is_entered_by_nobody(status: Status) -> None:
    assert not at(Presence.ADMITTED, status=status).is_enterable(NOW)


def test_extending_moves_the_window() -> None:
    later = window_around(NOW, NOW + 30 * MINUTE, late=timedelta(hours=3))

    session = planned().after(change(Action.EXTEND, window=later))

    assert session.window == later
    assert session.is_enterable(WINDOW.closes_at)


# --- Bad input -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"participants": (DOCTOR,)},
        {"participants": ()},
        {"participants": (PATIENT, PATIENT)},
        {"participants": (PATIENT, Participant(id="p-1", role="nurse", name="Somebody else"))},
        {"organisation": "hug@home"},
        {"organisation": ""},
        {"organisation": "h" * 33},
        {"service": ""},
        {"service": "   "},
        {"service": "c" * 201},
        {"modality": "telepathy"},
        {"reference": "r" * 201},
        {"window": None},
        {"test_code": "000000"},
    ],
    ids=str,
)
def test_a_session_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    whole = {
        name: getattr(planned(), name)
        for name in ("id", "organisation", "service", "modality", "window", "participants")
    }

    with pytest.raises(InvalidInput):
        Session(**{**whole, **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "p 1"},
        {"id": "p/1"},
        {"id": "p" * 65},
        {"id": "pâtient"},
        {"id": "p-1\n"},
        {"id": 1},
        {"role": "doctor"},
        {"role": None},
        {"name": ""},
        {"name": " \t"},
        {"name": "N" * 201},
        {"language": "es"},
        {"reference": "r" * 201},
        {"born": "1970-01-01"},
    ],
    ids=str,
)
def test_a_participant_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Participant(**{"id": "p-1", "role": "patient", "name": "M. Dupont", **fields})


@pytest.mark.parametrize(
    "phone", ["079 123 45 67", "+4179123456", "+41791234567;ext=1", "144", "", 41791234567]
)
def test_a_participant_of_a_number_that_cannot_be_called_is_refused(phone: Any) -> None:
    with pytest.raises(InvalidPhoneNumber):
        Participant(id="p-1", role="patient", name="M. Dupont", phone=phone)


def test_a_number_in_e164_will_do() -> None:
    assert (
        Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567").phone == PATIENT.phone
    )


def test_words_and_enums_are_the_same() -> None:
    spelled = Participant(id="p", role="related-person", name="N", language="rm")

    assert spelled == Participant(id="p", role=Role.RELATED_PERSON, name="N", language=Language.ROMANSH)
    assert planned(modality="audio").modality is Modality.AUDIO


@given(
    st.dictionaries(
        st.sampled_from(["id", "role", "name", "language", "phone", "reference"]), st.text() | st.none()
    )
)
def test_anything_is_a_participant_or_our_own_error(fields: dict[str, Any]) -> None:
    try:
        participant = Participant(**fields)
    except HugathomeError:
        return
    assert Participant.from_json(participant.to_json()) == participant


# --- Read back, and shown ------------------------------------------------------------------------


def lived() -> Session:
    """Return a session with something of everything in it."""
    consent = Consent(
        participant="p-1", recorded_by="dr-rossi", at=NOW, how="oral", language="fr", text_version="3"
    )
    session = planned().after(change(Action.ACCEPT, consent=consent))
    session = session.after(change(Action.INVITE)).noting(
        "p-1", link_id="bGluaw8secret", challenge_id="ch4ll", messages=(message(1),)
    )
    session = session.after(change(Action.DELIVER, delivery=DeliveryStatus.SENT, step=Step.SMS_SENT))
    session = after(session, Action.CHECK_IN, Action.ADMIT, position="3.ab")
    session = after(session, Action.CHANGE_MODALITY, Action.IDENTIFY, how="Dupont said so")
    session = session.after(change(Action.EXTEND, window=WINDOW))
    session = session.after(change(Action.REMOVE, participant="nurse", reason="came to the wrong room"))
    return session.after(change(Action.COMPLETE, participant=None, outcome="prescription"))


def test_a_session_is_read_back_as_it_was_written() -> None:
    assert Session.from_json(lived().to_json()) == lived()
    assert Session.from_json(planned().to_json()) == planned()


def test_an_event_is_read_back_as_it_was_written() -> None:
    for position, entry in enumerate(lived().history, start=1):
        event = Event(
            position=position,
            organisation="hug",
            session="hug.s1",
            version=2,
            status=Status.PLANNED,
            change=entry,
        )
        assert Event.from_json(event.to_json()) == event


def test_what_is_no_session_is_not_read() -> None:
    for text in (
        "",
        "{}",
        "null",
        planned().to_json()[:-1],
        planned().to_json().replace("planned", "asleep"),
    ):
        with pytest.raises(InvalidInput):
            Session.from_json(text)


SECRETS = (
    "Dupont",
    "Rossi",
    "791234567",
    "79 123",
    "urn:pid:77",
    "appointment/4711",
    "bGluaw8secret",
    "ch4ll",
)


def test_neither_names_nor_numbers_nor_links_are_shown() -> None:
    session = lived()

    for shown in (
        repr(session),
        str(session),
        repr(session.participants),
        repr(session.of("p-1")),
        f"{PATIENT}",
    ):
        assert not [secret for secret in SECRETS if secret in shown]
    assert "hug.s1" in repr(session)


def test_a_refusal_shows_neither_names_nor_numbers() -> None:
    with pytest.raises(InvalidInput) as refused:
        Participant(id="Dupont is no id", role="patient", name="M. Dupont", phone="+41791234567")

    assert not [secret for secret in SECRETS if secret in str(refused.value)]


def test_attendance_of_who_has_done_nothing_is_expected() -> None:
    assert planned().of("p-1") == Attendance()


# --- All of it at once ---------------------------------------------------------------------------


class SessionLife(RuleBasedStateMachine):
    """Any order of changes by anybody: what holds whatever happens."""

    @initialize(modality=st.sampled_from(Modality))
    def plan(self, modality: Modality) -> None:
        self.session = planned(modality=modality)

    @rule(
        action=st.sampled_from(Action),
        whom=st.sampled_from(EVERYBODY),
        by=st.sampled_from(EVERYBODY),
        modality=st.sampled_from(Modality),
    )
    def happen(self, action: Action, whom: Participant, by: Participant, modality: Modality) -> None:
        before = self.session
        try:
            self.session = before.after(change(action, by=by.id, participant=whom.id, modality=modality))
        except SessionError:
            assert (
                STATUSES[before.status, action] != before.status
                or action in (*MAY, Action.ACCEPT)
                or (PRESENCE[before.of(whom.id).presence, action] == "–")
            )
            return
        assert len(self.session.history) == len(before.history) + 1
        assert self.session.of(whom.id).device >= before.of(whom.id).device
        if action is not Action.RESCHEDULE:
            assert all(self.session.of(p.id) == before.of(p.id) for p in EVERYBODY if p is not whom)

    @invariant()
    def nobody_is_in_two_places(self) -> None:
        waiting, present = set(ids(self.session.waiting)), set(ids(self.session.present))
        assert not waiting & present
        assert not (self.session.status.is_terminal and (waiting or present))

    @invariant()
    def nobody_is_let_in_without_an_admission(self) -> None:
        admitted = {entry.participant for entry in self.session.history if entry.action is Action.ADMIT}
        let_in = {p.id for p in EVERYBODY if self.session.is_let_in(p.id)}
        assert let_in - {DOCTOR.id, EXPERT.id} <= admitted
        assert self.session.is_by_phone or set(ids(self.session.present)) <= let_in

    @invariant()
    def it_can_be_written_down(self) -> None:
        assert Session.from_json(self.session.to_json()) == self.session


TestSessionLife = SessionLife.TestCase

"""What may be done to a visit by anybody, and what must hold of its record and events whatever was done.

For the state machine of `test_lives.py`; the sweep of `test_killed_worker.py` asks the same of what a dead
process left behind.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType

from hypothesis import settings

from hugathome import Action, AuditEntry, Event, HugAtHome, Participant, Session
from hugathome.record.audit import DONE
from hugathome.record.erasure import erasing, is_blank
from hugathome.record.transitions import NEEDS
from hugathome.roles import Capability, Role

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
COLLEAGUE = Participant(id="dr-weber", role="practitioner", name="Dr Weber")
PATIENT = Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567", reference="urn:pid:1")
MOTHER = Participant(id="mother", role="related-person", part="parent", name="A. Dupont")
AUNT = Participant(id="aunt", role="related-person", part="companion", name="S. Dupont")
NURSE = Participant(id="nurse", role="nurse", name="N. Favre")
STUDENT = Participant(id="student", role="observer", name="E. Roux")
INTERPRETER = Participant(id="i-1", role="interpreter", name="K. Frei", speaks_for="p-1")
PLANNED = (DOCTOR, PATIENT, MOTHER, AUNT, NURSE, STUDENT)
EVERYBODY = (*PLANNED, COLLEAGUE, INTERPRETER)

DESK = "the front desk"

Deed = Callable[[HugAtHome, str, str, str], Awaitable[object]]
"""One thing that is done with a deployment to the session of an id, `by` somebody and to somebody."""


async def _puts_off(hug: HugAtHome, session_id: str, by: str, _: str) -> object:
    starts_at = hug.clock.now() + timedelta(minutes=20)
    return await hug.sessions.reschedule(session_id, starts_at=starts_at, by=by)


async def _extends(hug: HugAtHome, session_id: str, by: str, _: str) -> object:
    return await hug.sessions.extend(session_id, closes_at=hug.clock.now() + timedelta(hours=2), by=by)


async def _asks_for_a_code(hug: HugAtHome, session_id: str, _: str, whom: str) -> object:
    invitation = await hug.invite(session_id, whom, deliver=False)
    await hug.send_code(invitation.link_id)
    return invitation


async def _guesses(hug: HugAtHome, session_id: str, _: str, whom: str) -> object:
    link = (await hug.sessions.get(session_id)).of(whom).link_id or ""
    return await hug.check_in(link, "123456")


DEEDS: Mapping[str, Deed] = MappingProxyType(
    {
        "accept": lambda hug, id, by, whom: hug.sessions.accept(id, whom, recorded_by=by),
        "accept with observers": lambda hug, id, by, whom: hug.sessions.accept(
            id, whom, recorded_by=by, observers=True
        ),
        "withdraw": lambda hug, id, by, whom: hug.sessions.withdraw(id, whom, recorded_by=by),
        "invite": lambda hug, id, by, whom: hug.invite(id, whom),
        "invite again": lambda hug, id, by, whom: hug.invite(id, whom, again=True),
        "ask for a code": _asks_for_a_code,
        "guess a code": _guesses,
        "arrive": lambda hug, id, by, whom: hug.sessions.arrive(id, whom),
        "depart": lambda hug, id, by, whom: hug.sessions.depart(id, whom),
        "call": lambda hug, id, by, whom: hug.call(id, whom, by=by),
        "identify": lambda hug, id, by, whom: hug.identify(id, whom, by=by, how="known for years"),
        "admit": lambda hug, id, by, whom: hug.sessions.admit(id, whom, by=by),
        "deny": lambda hug, id, by, whom: hug.sessions.deny(id, whom, by=by),
        "return": lambda hug, id, by, whom: hug.sessions.return_to_waiting(id, whom, by=by),
        "remove": lambda hug, id, by, whom: hug.sessions.remove(id, whom, by=by),
        "join": lambda hug, id, by, whom: hug.sessions.join(id, INTERPRETER, by=by),
        "hand over": lambda hug, id, by, whom: hug.sessions.transfer(id, by=by, to=COLLEAGUE),
        "hand on": lambda hug, id, by, whom: hug.sessions.transfer(id, by=by, service="primary-care"),
        "by phone": lambda hug, id, by, whom: hug.sessions.change_modality(id, "phone", by=by),
        "by video": lambda hug, id, by, whom: hug.sessions.change_modality(id, "video", by=by),
        "hold": lambda hug, id, by, whom: hug.sessions.hold(id, by=by),
        "resume": lambda hug, id, by, whom: hug.sessions.resume(id, by=by),
        "put off": _puts_off,
        "extend": _extends,
        "complete": lambda hug, id, by, whom: hug.sessions.complete(id, by=by, outcome="report"),
        "nobody came": lambda hug, id, by, whom: hug.sessions.complete(id, by=by, outcome="no-show"),
        "break off": lambda hug, id, by, whom: hug.sessions.discontinue(id, by=by),
        "break off at the desk": lambda hug, id, by, whom: hug.sessions.discontinue(id, recorded_by=DESK),
        "cancel": lambda hug, id, by, whom: hug.sessions.cancel(id, by=by),
    }
)
"""What staff, patients and pages do, well or badly timed, and whether they may or not."""


def is_in_full() -> bool:
    """Whether these tests are part of the proof: `--hypothesis-profile=proof`."""
    return settings.default is not None and settings.default.max_examples > 100


def refuse_gaps(events: Sequence[Event], *, after: int = 0) -> None:
    """Fail where a reader of the stream has missed an event, got one twice, or out of order."""
    assert [event.position for event in events] == list(range(after + 1, after + 1 + len(events)))


def refuse_disagreement(
    session: Session,
    events: Sequence[Event],
    trail: Sequence[AuditEntry],
    *,
    is_being_erased: bool = False,
) -> None:
    """Fail where the record, the stream and the audit trail of a session do not tell the same.

    While somebody is being erased, the stream may be ahead: then what stays has to be the same.
    """
    of_it = [event for event in events if event.session == session.id]
    told, known = tuple(event.change for event in of_it), session.history
    if is_being_erased:
        reduced = erasing(session, {each.id for each in session.participants})
        told, known = tuple(map(reduced, told)), tuple(map(reduced, known))
    assert told == known
    versions = [event.version for event in of_it]
    assert versions == sorted(versions)
    assert versions[-1] <= session.version
    assert of_it[-1].status is session.status
    done = [entry for entry in trail if entry.session == session.id and entry.result == DONE]
    assert [(entry.action, entry.at, entry.by, entry.participant) for entry in done] == [
        (change.action, change.at, change.by, change.participant) for change in session.history
    ]


def refuse_what_nobody_may(session: Session) -> None:
    """Fail where a history has what the role of whoever did it does not include."""
    for change in session.history:
        needed = NEEDS.get(change.action)
        if needed is not None and not _is_the_hosts(change.by, change.action):
            assert session.participant(change.by or "").may(needed), change.action
        if change.action is Action.ACCEPT:
            assert session.participant(change.participant or "").may(Capability.CONSENT)


def refuse_double_taking(session: Session) -> None:
    """Fail where somebody was taken from a queue whom another had already taken from there."""
    is_taken = False
    for change in session.history:
        if change.action is Action.TAKE:
            assert not is_taken
        if change.action in {Action.TAKE, Action.TRANSFER}:
            is_taken = change.service is None  # in the queue of another service they wait again


def _is_the_hosts(by: str | None, action: Action) -> bool:
    """Whether no participant did this: the front desk breaks off a visit that nobody in it ends."""
    return action is Action.DISCONTINUE and by == DESK


def refuse_double_booking(sessions: Iterable[Session]) -> None:
    """Fail where two visits that stand have booked, or hold, the same slot."""
    slots = [each.slot for each in sessions if each.slot is not None and not each.status.is_terminal]
    assert len(set(slots)) == len(slots)


def refuse_names(session: Session, events: Sequence[Event]) -> None:
    """Fail where an erased session, or what was told of it, still names somebody."""
    assert is_blank(session)
    kept = "".join([session.to_json(), *(each.to_json() for each in events if each.session == session.id)])
    assert [each.name for each in EVERYBODY if each.name in kept] == []


def refuse_uninvited(session: Session) -> None:
    """Fail where somebody is let in whom nobody admitted, or who only watches and nobody agreed to that."""
    inside = {each.id for each in session.participants if session.is_let_in(each.id)}
    assert not (session.status.is_terminal and inside)
    for whom in inside:
        role = session.participant(whom).role
        assert role == Role.PRACTITIONER or _is_admitted(session, whom)
        assert role != Role.OBSERVER or (session.consent and session.consent.observers)


def _is_admitted(session: Session, whom: str) -> bool:
    """Read off the history, and nothing else, whether the last word on somebody is that they are in."""
    admitted = False
    for change in session.history:
        if change.action is Action.TRANSFER and change.service is not None:
            admitted = False
        elif change.participant == whom and change.action in _LETS_IN_OR_OUT:
            admitted = change.action is Action.ADMIT
    return admitted


_LETS_IN_OR_OUT = frozenset({Action.ADMIT, Action.DENY, Action.RETURN_TO_WAITING, Action.REMOVE})


def refuse_afterlife(before: Session, after: Session) -> None:
    """Fail where something that was saved has gone, or anything has followed an end."""
    assert after.version >= before.version
    assert after.history[: len(before.history)] == before.history
    if before.status.is_terminal:
        assert after.history == before.history
        assert after.status is before.status

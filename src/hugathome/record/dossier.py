"""Everything that is held about one person, as far as it is theirs: what a host hands out on request.

To a patient belong the sessions in which they are one, with the words of staff, and the names and roles of
the others, whom they have seen there. What else is known of these others, such as a mother's number, is not
the patient's: the marks of `privacy.py` tell the two apart. Somebody who is no patient in a session gets what
is their own, and that it took place. Nobody gets what lets its holder in.
"""

from collections.abc import Collection
from functools import cache

from pydantic import Field

from hugathome._model import Instant, Record, ShortText
from hugathome.data_map import marks_of
from hugathome.privacy import Reader, Sensitivity
from hugathome.record.attendance import Attendance
from hugathome.record.audit import Attempt, AuditEntry
from hugathome.record.erasure import blanked, erasing
from hugathome.record.history import Change
from hugathome.record.participants import Participant
from hugathome.record.shelf import Event
from hugathome.roles import OrganisationId, Role
from hugathome.session import Session


class Dossier(Record):
    """Everything that is held about one person; `to_json()` writes it for whoever asked."""

    organisation: OrganisationId
    reference: ShortText = Field(repr=False)
    """What the host calls them."""
    at: Instant
    sessions: tuple[Session, ...]
    events: tuple[Event, ...]
    audit: tuple[AuditEntry, ...]
    """Who did what to these sessions, refusals included; in another's visit, theirs alone."""


def disclosed(session: Session, whom: Collection[str]) -> Session:
    """Return a session as far as it belongs to these persons, who take part in it."""
    if not _is_patient(session, whom):
        return _own_part(session, whom)
    return session.but(
        participants=tuple(_shown(each, whom) for each in session.participants),
        attendance={of: _attended(each, is_own=of in whom) for of, each in session.attendance.items()},
        history=tuple(disclosed_change(change, session, whom) for change in session.history),
    )


def disclosed_change(change: Change, session: Session, whom: Collection[str]) -> Change:
    """Return a change in a session as far as it belongs to these persons."""
    is_of_another = change.participant is not None and change.participant not in whom
    if not _is_patient(session, whom):
        bare = erasing(session, {each.id for each in session.participants})(change)
        is_joining = change.joining is not None and change.joining.id in whom
        return bare if is_of_another or not (change.participant or is_joining) else _own_change(change, bare)
    told = change.but(reason=None, how=None) if is_of_another else change
    return told if told.joining is None else told.but(joining=_shown(told.joining, whom))


def is_theirs(done: Change | Attempt, session: Session, whom: Collection[str]) -> bool:
    """Whether what was done, or refused, in a session is these persons' to know of."""
    if _is_patient(session, whom) or done.by in whom or done.participant in whom:
        return True
    return isinstance(done, Change) and done.joining is not None and done.joining.id in whom


def _own_part(session: Session, whom: Collection[str]) -> Session:
    """Return of a session that is another's visit what somebody brought into it."""
    bare, consent = blanked(session), session.consent
    theirs = {each.id: each for each in session.participants if each.id in whom}
    attendance = {of: _attended(each, is_own=True) for of, each in session.attendance.items() if of in whom}
    return bare.but(
        participants=tuple(theirs.get(each.id, each) for each in bare.participants),
        attendance={**bare.attendance, **attendance},
        consent=consent if consent is not None and consent.participant in whom else bare.consent,
        history=tuple(disclosed_change(change, session, whom) for change in session.history),
    )


def _own_change(change: Change, bare: Change) -> Change:
    """Return a change of somebody's own with what was said of them, and nothing of the visit."""
    return bare.but(reason=change.reason, how=change.how, joining=change.joining, consent=change.consent)


def _is_patient(session: Session, whom: Collection[str]) -> bool:
    return any(each.role == Role.PATIENT and each.id in whom for each in session.participants)


def _shown(participant: Participant, whom: Collection[str]) -> Participant:
    """Return a participant as the others in the visit see them, unless they are the person themselves."""
    if participant.id in whom:
        return participant
    return Participant(**{name: value for name, value in participant if name in _seen_by_others()})


@cache
def _seen_by_others() -> frozenset[str]:
    marks = ((name, mark) for record, name, mark in marks_of(Participant) if record is Participant)
    return frozenset(name for name, mark in marks if mark.reader is Reader.VISIT)


def _attended(attendance: Attendance, *, is_own: bool) -> Attendance:
    """Return where somebody is without the keys they were given; what was sent is told to them alone."""
    keys = dict.fromkeys(_keys())
    return attendance.but(**keys, messages=attendance.messages if is_own else ())


@cache
def _keys() -> frozenset[str]:
    marks = ((name, mark) for record, name, mark in marks_of(Attendance) if record is Attendance)
    return frozenset(name for name, mark in marks if mark.sensitivity is Sensitivity.SECRET)

"""Who came and who did not, as the history of a session shows it.

What was decided by hand is the record's and wins; this is for whoever has not looked. A screen that went
dark, a message that was read and a link that was opened are no coming.
"""

from hugathome.record.history import Absent, Action, Change
from hugathome.roles import Role
from hugathome.session import Session

_COMINGS = frozenset({Action.CHECK_IN, Action.ARRIVE, Action.ADMIT, Action.IDENTIFY})
"""What shows of whoever it happens to that they were there."""
_DOINGS = frozenset({Action.CALL, Action.TAKE, Action.ADMIT, Action.DENY, Action.IDENTIFY})
"""What shows of whoever does it that they were there."""
_FOR_THE_PATIENT = frozenset({Role.PATIENT, Role.RELATED_PERSON, Role.NURSE})


def absent(session: Session) -> Absent | None:
    """Return who did not come; None where both sides did."""
    there = {Role(session.participant(whom).role) for whom in _seen(session)}
    has_patient, has_practitioner = bool(there & _FOR_THE_PATIENT), Role.PRACTITIONER in there
    if has_patient and has_practitioner:
        return None
    if has_patient:
        return Absent.PRACTITIONER
    return Absent.PATIENT if has_practitioner else Absent.BOTH


def _seen(session: Session) -> set[str]:
    ids = {participant.id for participant in session.participants}
    return {whom for change in session.history for whom in _shows(change) if whom in ids}


def _shows(change: Change) -> set[str]:
    came = {change.participant} if change.action in _COMINGS else set()
    did = {change.by} if change.action in _DOINGS else set()
    return {whom for whom in came | did if whom is not None}

"""Remind people of a visit: whom, and once for all the times that were missed.

When stands in the session's record (`Session.reminders`). Taking what is due and reserving a message for
everybody whom one reaches is one change, so that no restart and no missed beat loses or doubles a reminder.

This module is pure: whoever sends (`dispatch.py`) saves, and asks again where a message found no gateway.
"""

from collections.abc import Callable
from datetime import datetime

from hugathome.record.history import Message
from hugathome.record.participants import Participant
from hugathome.record.transitions import OUT
from hugathome.session import Session


def due_reminders(session: Session, now: datetime) -> tuple[Participant, ...]:
    """Return who is to be reminded at `now`: everybody who was invited, also whom no SMS reaches.

    It changes nothing: they are due until `run_due` has taken the reminder, or the visit should have begun.
    """
    _, is_due = session.reminded(now)
    return tuple(one for one in session.participants if _is_invited(session, one)) if is_due else ()


def with_reminders(session: Session, now: datetime, *, reserve: Callable[[], Message]) -> Session:
    """Return the session less the reminders that are due, with a message for whomever an SMS reaches."""
    due = due_reminders(session, now)
    session, _ = session.reminded(now)
    for participant in due:
        if participant.takes_sms:
            message = reserve().but(sequence=session.sequence)
            messages = session.of(participant.id).messages
            session = session.noting(participant.id, messages=(*messages, message))
    return session


def is_too_late(session: Session, message: Message, now: datetime) -> bool:
    """Whether a message reminds of a visit that should have begun by now."""
    return message.kind == "reminder" and session.window.starts_at <= now


def _is_invited(session: Session, participant: Participant) -> bool:
    attendance = session.of(participant.id)
    return attendance.link_id is not None and attendance.presence not in OUT

"""Who may come in now, and what a coming or going adds to what is known.

Refusals are errors that say why not. They are about links and codes: staff whom their host has
authenticated come and go as they like.
"""

from datetime import datetime

from hugathome.errors import ConsentMissing, NotYetOpen, SessionEnded
from hugathome.record.history import Action, Change
from hugathome.record.transitions import HERE
from hugathome.session import Session


def refuse_entry(session: Session, now: datetime) -> None:
    """Raise `NotYetOpen`, `SessionEnded` or `ConsentMissing` where nobody may come in now."""
    if not session.status.is_terminal and now < session.window.opens_at:
        raise NotYetOpen(opens_at=session.window.opens_at)
    if not session.is_enterable(now):
        raise SessionEnded("the session has ended, or its window has closed")
    refuse_without_consent(session)


def refuse_invitation(session: Session, now: datetime) -> None:
    """Raise `SessionEnded` or `ConsentMissing` where a link would never open anything."""
    if session.status.is_terminal or (now >= session.window.closes_at and not session.is_enterable(now)):
        raise SessionEnded("the session has ended, or its window has closed")
    refuse_without_consent(session)


def refuse_without_consent(session: Session) -> None:
    """Raise `ConsentMissing` where nobody has accepted a remote visit, or it was taken back."""
    if session.consent is None:
        raise ConsentMissing("nobody has recorded that the patient accepts a remote visit")


def moved(session: Session, change: Change) -> Session:
    """Return the session after a coming or going, or as it was where that says nothing new.

    Every worker that follows the room tells of a going: one that is told late is older than the return.
    """
    whom = change.participant or ""
    attendance = session.of(whom)
    is_arrival = change.action is Action.ARRIVE
    if session.status.is_terminal or change.position == attendance.position is not None:
        return session
    if not is_arrival and _is_older(change.position, attendance.position):
        return session
    is_here = attendance.presence in HERE
    if is_here != is_arrival:
        return session.after(change)
    is_news = is_here and change.position is not None
    return session.noting(whom, position=change.position) if is_news else session


def _is_older(position: str | None, other: str | None) -> bool:
    if position is None or other is None:
        return False
    return int(position.partition(".")[0]) < int(other.partition(".")[0])

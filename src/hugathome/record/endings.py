"""How a visit ends, and who says so: somebody in it, or the host where nobody in it can.

A visit that nobody came to was never begun: it is cancelled, and not completed. Once it has begun, that
somebody did not come is an outcome like any other. Who was absent is read off the history where it is not
said. Nothing here reads a clock, or keeps what it returns.
"""

from hugathome.errors import NotPermitted
from hugathome.record import evidence
from hugathome.record.history import Action, Change, Outcome
from hugathome.record.transitions import Status
from hugathome.session import Session


def ended(session: Session, change: Change) -> Session:
    """Return the session once somebody who takes part has ended it; raise what `Session.after` would.

    Whoever takes no part is `UnknownParticipant` here, also where the host could speak for them.
    """
    if not session.status.is_terminal:
        session.participant(change.by or "")
        session.refuse_unless_permitted(change.by, change.action)  # as what it is, whatever it comes to
    return session.after(_missed(session, change) if _is_no_show(change) else change)


def recorded(session: Session, change: Change) -> Session:
    """Return the session once the host has ended it, in the name of somebody who takes no part.

    Raises `NotPermitted` for who takes part: their role says what they may, and they say it themselves.
    """
    if session.takes_part(change.by or ""):
        raise NotPermitted(action=change.action)
    if _is_no_show(change):
        return session.after(_missed(session, change).but(action=Action.CANCEL))
    return session.after(change)


def _is_no_show(change: Change) -> bool:
    return change.action is Action.COMPLETE and change.outcome == Outcome.NO_SHOW


def _missed(session: Session, change: Change) -> Change:
    missed = change.but(absent=change.absent or evidence.absent(session))
    return missed.but(action=Action.CANCEL) if session.status is Status.PLANNED else missed

"""What the room sees of the record: the entry that mirrors a session in its log.

Names and capabilities go in; telephone numbers, links and history stay out.
"""

from datetime import datetime
from functools import reduce

from hugathome.record.history import Action
from hugathome.record.participants import Participant
from hugathome.record.transitions import HERE, OUT, Presence
from hugathome.roles import Step
from hugathome.session import Session
from hugathome.signalling import Recorded, RecordedParticipant

QUIET = frozenset(
    {
        Action.ACCEPT,
        Action.WITHDRAW,
        Action.RESCHEDULE,
        Action.DELIVER,
        Action.TAKE,
        Action.TRANSFER,
        Action.JOIN,
    }
)
"""What opens no room: it is told of where there is one."""

SEEN = frozenset(
    {
        *QUIET,
        Action.CHECK_IN,
        Action.IDENTIFY,
        Action.ADMIT,
        Action.DENY,
        Action.RETURN_TO_WAITING,
        Action.REMOVE,
        Action.STEP,
        Action.HOLD,
        Action.RESUME,
        Action.CHANGE_MODALITY,
        Action.COMPLETE,
        Action.DISCONTINUE,
        Action.CANCEL,
        Action.DECLINE,
    }
)
"""What the room is told of at once; the rest it learns with the next of these."""


def recorded(session: Session) -> Recorded:
    """Return the entry for a session as it stands."""
    return Recorded(
        version=session.version,
        status=session.status,
        modality=session.modality,
        outcome=session.outcome,
        ended=session.status.is_terminal,
        participants=tuple(_recorded(session, participant) for participant in session.participants),
    )


def _recorded(session: Session, participant: Participant) -> RecordedParticipant:
    attendance = session.of(participant.id)
    step, step_at = standing(session, participant)
    return RecordedParticipant.made(
        participant=participant.id,
        role=str(participant.role),
        name=participant.name,
        can=participant.capabilities,
        admitted=session.is_admitted(participant.id),
        removed=attendance.presence in OUT,
        denied=attendance.presence is Presence.DENIED,
        here=attendance.presence in HERE and attendance.position is not None,
        device=attendance.device,
        step=step,
        step_at=step_at,
    )


def standing(session: Session, participant: Participant) -> tuple[Step, datetime] | tuple[None, None]:
    """Return the last step of a participant that no later one covers, and its time."""
    noted = [(change.step, change.at) for change in session.steps(participant.id) if change.step]
    if not noted:
        return None, None
    return reduce(lambda one, later: later if later[0].covers(one[0]) else one, noted)

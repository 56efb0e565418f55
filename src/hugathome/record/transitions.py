"""What may follow what: the steps of a session's status and of a participant's presence, and who may.

Three axes that never mix: the session's status, each participant's presence, and what became of each
message. Illegal is what is missing in these tables.

    planned ──admit──► in-progress ⇄ on-hold ──complete──► completed
       └──cancel──► cancelled       └────────discontinue──► discontinued        (FHIR R5 Encounter.status)

    expected ──check-in, arrive──► arrived ──admit──► admitted ──depart──► departed ──arrive──► …

Nothing here knows a session, or applies a step to one: that is `session.py`.
"""

from collections.abc import Mapping
from enum import StrEnum
from itertools import product
from types import MappingProxyType

from hugathome.record.history import Action
from hugathome.roles import Capability


class Status(StrEnum):
    """How a session stands; the words are FHIR R5's."""

    PLANNED = "planned"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    DISCONTINUED = "discontinued"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing can follow: links, codes, passes and grants are dead."""
        return self not in OPEN


class Presence(StrEnum):
    """Where a participant is."""

    EXPECTED = "expected"
    ARRIVED = "arrived"
    ADMITTED = "admitted"
    DEPARTED = "departed"
    REMOVED = "removed"
    DENIED = "denied"


OPEN = (Status.PLANNED, Status.IN_PROGRESS, Status.ON_HOLD)
_UNDER_WAY = (Status.IN_PROGRESS, Status.ON_HOLD)
_ENDED = (Status.COMPLETED, Status.DISCONTINUED, Status.CANCELLED)
_KEEPS_STATUS = (
    Action.ACCEPT,
    Action.WITHDRAW,
    Action.INVITE,
    Action.DELIVER,
    Action.CHECK_IN,
    Action.IDENTIFY,
    Action.ARRIVE,
    Action.CALL,
    Action.TAKE,
    Action.TRANSFER,
    Action.JOIN,
    Action.DENY,
    Action.RETURN_TO_WAITING,
    Action.DEPART,
    Action.REMOVE,
    Action.STEP,
    Action.EXTEND,
    Action.CHANGE_MODALITY,
    Action.TAKE_ON,
)
_BEFORE_IT_BEGINS = (Action.RESCHEDULE, Action.CONFIRM)

TRANSITIONS: Mapping[tuple[Status, Action], Status] = MappingProxyType(
    {
        **{(status, action): status for status, action in product(OPEN, _KEEPS_STATUS)},
        (Status.PLANNED, Action.ADMIT): Status.IN_PROGRESS,
        (Status.IN_PROGRESS, Action.ADMIT): Status.IN_PROGRESS,
        (Status.ON_HOLD, Action.ADMIT): Status.ON_HOLD,
        (Status.IN_PROGRESS, Action.HOLD): Status.ON_HOLD,
        (Status.ON_HOLD, Action.RESUME): Status.IN_PROGRESS,
        **{(status, Action.COMPLETE): Status.COMPLETED for status in _UNDER_WAY},
        **{(status, Action.DISCONTINUE): Status.DISCONTINUED for status in _UNDER_WAY},
        (Status.PLANNED, Action.CANCEL): Status.CANCELLED,
        **{(Status.PLANNED, action): Status.PLANNED for action in _BEFORE_IT_BEGINS},
        (Status.PLANNED, Action.DECLINE): Status.CANCELLED,
        **{(status, Action.DECLINE): Status.DISCONTINUED for status in _UNDER_WAY},
        (Status.PLANNED, Action.GIVE_OPINION): Status.IN_PROGRESS,
        **{(status, Action.GIVE_OPINION): status for status in _UNDER_WAY},
        **{(status, Action.ERASE): status for status in _ENDED},
    }
)
"""Every step of a session's status; what is missing here is refused."""

OUT = (Presence.REMOVED, Presence.DENIED)
"""Put out, or turned away at the door: only an invitation opens it again."""
HERE = (Presence.ARRIVED, Presence.ADMITTED)
_WELCOME = (Presence.EXPECTED, *HERE, Presence.DEPARTED)

PRESENCES: Mapping[tuple[Presence, Action], Presence] = MappingProxyType(
    {
        **{(there, Action.INVITE): there for there in _WELCOME},
        **{(there, Action.INVITE): Presence.EXPECTED for there in OUT},
        **{(there, Action.CHECK_IN): Presence.ARRIVED for there in _WELCOME},
        **{(there, Action.IDENTIFY): there for there in _WELCOME},
        **{(there, Action.ARRIVE): Presence.ARRIVED for there in _WELCOME},
        **{(there, Action.ADMIT): Presence.ADMITTED for there in HERE},
        (Presence.ARRIVED, Action.DENY): Presence.DENIED,
        (Presence.ADMITTED, Action.RETURN_TO_WAITING): Presence.ARRIVED,
        **{(there, Action.DEPART): Presence.DEPARTED for there in (*HERE, Presence.DEPARTED)},
        **{(there, Action.REMOVE): Presence.REMOVED for there in _WELCOME},
    }
)
"""Every step of a participant's presence. Whoever was admitted and comes (back) is admitted."""

IDENTIFIES = frozenset({Action.CHECK_IN, Action.IDENTIFY})
"""What says who somebody is; it begins a visit by telephone, as the first admission begins another."""

OF_EXPERTS = frozenset({Action.TAKE_ON, Action.DECLINE, Action.GIVE_OPINION})
"""What is done in a tele-expertise and in no other session."""

MOVES = frozenset(action for _, action in PRESENCES)
NEEDS = MappingProxyType(
    {
        **dict.fromkeys(
            (
                Action.IDENTIFY,
                Action.TAKE,
                Action.ADMIT,
                Action.DENY,
                Action.RETURN_TO_WAITING,
                Action.REMOVE,
            ),
            Capability.ADMIT,
        ),
        Action.CALL: Capability.CALL,
        **dict.fromkeys(OF_EXPERTS, Capability.ADVISE),
        **dict.fromkeys(
            (
                Action.HOLD,
                Action.RESUME,
                Action.CHANGE_MODALITY,
                Action.TRANSFER,
                Action.COMPLETE,
                Action.DISCONTINUE,
            ),
            Capability.END,
        ),
    }
)
"""What whoever takes a step must be able to; the other steps are the host's own, or the participant's."""

NEVER_TO_ONESELF = frozenset({Action.DENY, Action.REMOVE})
"""What nobody does to themselves: a visit whose last practitioner is put out would be nobody's to end."""

ALSO_THE_HOSTS = frozenset({Action.DISCONTINUE})
"""What somebody may say who takes no part, and for whom the host vouches: of a visit that all have left."""

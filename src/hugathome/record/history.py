"""What can happen to a session, and how it is written down.

A `Change` is one thing that happened: an entry of a session's history and the body of an event that the
host reads. Instants are aware and kept in UTC. Whether it may happen is `session.py`'s question.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from hugathome._model import Instant, Record, ShortText
from hugathome.errors import InvalidInput
from hugathome.privacy import Personal, Public
from hugathome.record.imaging import Site
from hugathome.record.participants import Participant
from hugathome.roles import AnyLanguage, AnyModality, ParticipantId, Step

_Id = Annotated[str, StringConstraints(max_length=200)]
_PositionText = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,16}\.[0-9a-f]{1,12}$")]


class Action(StrEnum):
    """Everything that can happen to a session."""

    PLAN = "plan"
    RESCHEDULE = "reschedule"
    CONFIRM = "confirm"
    ACCEPT = "accept"
    WITHDRAW = "withdraw"
    INVITE = "invite"
    DELIVER = "deliver"
    CHECK_IN = "check-in"
    IDENTIFY = "identify"
    ARRIVE = "arrive"
    CALL = "call"
    TAKE = "take"
    TRANSFER = "transfer"
    JOIN = "join"
    ADMIT = "admit"
    DENY = "deny"
    RETURN_TO_WAITING = "return-to-waiting"
    DEPART = "depart"
    REMOVE = "remove"
    STEP = "step"
    HOLD = "hold"
    RESUME = "resume"
    EXTEND = "extend"
    CHANGE_MODALITY = "change-modality"
    TAKE_ON = "take-on"
    DECLINE = "decline"
    GIVE_OPINION = "give-opinion"
    COMPLETE = "complete"
    DISCONTINUE = "discontinue"
    CANCEL = "cancel"
    ERASE = "erase"


class Outcome(StrEnum):
    """What came of a visit that took place, or did not."""

    COMPLETED = "completed"
    IN_PERSON_VISIT_NEEDED = "in-person-visit-needed"
    PRESCRIPTION = "prescription"
    REPORT = "report"
    REFERRED = "referred"
    TECHNICAL_FAILURE = "technical-failure"
    UNSUITABLE = "unsuitable"
    NO_SHOW = "no-show"


OutcomeName = Literal[
    "completed",
    "in-person-visit-needed",
    "prescription",
    "report",
    "referred",
    "technical-failure",
    "unsuitable",
    "no-show",
]
AnyOutcome = Annotated[Outcome | OutcomeName, AfterValidator(Outcome)]


class Absent(StrEnum):
    """Who did not come to a visit that did not take place."""

    PATIENT = "patient"
    PRACTITIONER = "practitioner"
    BOTH = "both"


AbsentName = Literal["patient", "practitioner", "both"]
AnyAbsent = Annotated[Absent | AbsentName, AfterValidator(Absent)]


BY_CODE = "code"
"""How an identity was checked where the one-time code did it."""


class Reach(StrEnum):
    """How a call reaches its participant."""

    RING = "ring"
    """Their open page rings."""
    SMS = "sms"
    """A message goes out, or has just gone out."""
    NONE = "none"
    """Neither a page nor a message reaches them: only their telephone does."""


IN_DOUBT = "in-doubt"
"""Why a message has failed that may have arrived all the same: its gateway's answer is not known."""


class DeliveryStatus(StrEnum):
    """What became of a message."""

    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class Window(Record):
    """When one may come in; it cuts no visit and turns out nobody who waits."""

    opens_at: Instant
    starts_at: Instant
    ends_at: Instant
    closes_at: Instant

    @model_validator(mode="after")
    def _in_order(self) -> "Window":
        if not self.opens_at <= self.starts_at < self.ends_at <= self.closes_at:
            raise ValueError("a window opens, starts, ends and closes in this order")
        return self


def window_around(
    starts_at: datetime,
    ends_at: datetime,
    *,
    early: timedelta = timedelta(minutes=30),
    late: timedelta = timedelta(minutes=60),
) -> Window:
    """Return the window of an appointment; naive or reversed times raise `InvalidInput`."""
    checked = Window(opens_at=starts_at, starts_at=starts_at, ends_at=ends_at, closes_at=ends_at)
    try:
        opens_at, closes_at = checked.starts_at - early, checked.ends_at + late
    except OverflowError:
        raise InvalidInput("a window lies within the calendar") from None
    return Window(
        opens_at=opens_at, starts_at=checked.starts_at, ends_at=checked.ends_at, closes_at=closes_at
    )


class Consent(Record):
    """That the patient, or whoever may speak for them, accepted a remote visit."""

    participant: Personal[ParticipantId]
    recorded_by: Personal[ShortText]
    at: Personal[Instant]
    how: Personal[ShortText] = Field(repr=False)
    language: Personal[AnyLanguage | None] = None
    text_version: Public[ShortText | None] = None
    observers: Personal[bool] = False
    """Whether it covers somebody who only watches, such as a student."""


MessageKind = Literal["invitation", "reminder", "call", "code"]


class Message(Record):
    """One message to a participant and what became of it; its text is computed when it is sent."""

    id: Public[str]
    kind: Public[MessageKind]
    status: Public[DeliveryStatus] = DeliveryStatus.QUEUED
    attempts: Public[int] = 0
    due_at: Public[Instant]
    """Not before; while somebody is sending it, when another may take over."""
    sequence: Public[int] = 0
    """Which plan of the visit it speaks of: a visit that was rescheduled is announced anew."""
    parts: Public[tuple[DeliveryStatus, ...]] = ()
    """The same of each of its texts, as far as it is known: each has a receipt of its own."""
    asked: Public[int] = 0
    """How many of its texts a gateway was asked to take; the last may be out without anybody knowing."""
    handles: Personal[tuple[str, ...]] = Field(default=(), repr=False)
    """What the gateway calls each of its texts, as far as it has said so (`handles.py`)."""


class Change(Record):
    """One thing that happened: an entry of the history, and the body of an event."""

    action: Personal[Action]
    at: Personal[Instant]
    by: Personal[_Id | None] = None
    participant: Personal[_Id | None] = None
    reason: Personal[ShortText | None] = Field(default=None, repr=False)
    how: Personal[ShortText | None] = Field(default=None, repr=False)
    """How an identity was checked, `BY_CODE` or in staff's own words; of a call, a `Reach`."""
    modality: Personal[AnyModality | None] = None
    """How the visit was planned to be held, or is held from here on."""
    outcome: Personal[AnyOutcome | None] = None
    result: Personal[ShortText | None] = Field(default=None, repr=False)
    """What it came to, as the host refers to it: a prescription, a report, a referral, an opinion."""
    absent: Personal[AnyAbsent | None] = None
    service: Personal[ShortText | None] = None
    """Where a visit was planned, or transferred to."""
    slot: Personal[ShortText | None] = Field(default=None, repr=False)
    """What a plan has booked, or holds; a visit that is rescheduled gives up what it had."""
    site: Site | None = None
    """Where the expert is who takes a request on."""
    joining: Participant | None = None
    """Who takes part from here on."""
    step: Personal[Step | None] = None
    consent: Consent | None = None
    window: Personal[Window | None] = None
    delivery: Public[DeliveryStatus | None] = None
    position: Public[_PositionText | None] = None
    once: Public[_Id | None] = None
    """What its caller calls it: a change of this name is made once, however often it is asked for."""

    @model_validator(mode="after")
    def _says_to_what_it_changes(self) -> "Change":
        says = {name for name in _SAYS.get(self.action, ()) if getattr(self, name) is not None}
        if self.action in _SAYS and not says:
            raise ValueError("a change says to what")
        return self


_SAYS = {
    Action.CHANGE_MODALITY: ("modality",),
    Action.TRANSFER: ("service", "joining"),
    Action.JOIN: ("joining",),
    Action.GIVE_OPINION: ("result",),
}
"""What each change has to say, one of these at least."""

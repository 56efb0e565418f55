"""A session: who meets, when, and how it stands.

A session is a frozen record; `Session.after` returns the next one or refuses, and what it accepted stands
in `history`. What may follow what is said by the tables of `transitions.py` alone.

Absence changes no status, and reaching the end of the window turns nobody out. Waiting, lateness and
no-show are read off the facts, never stored. This module never reads a clock, stores or sends.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import cache
from typing import Annotated, ClassVar

from pydantic import Field, model_validator

from hugathome._model import Instant, Record, ShortText
from hugathome.errors import (
    AlreadyTaken,
    ConsentMissing,
    InvalidInput,
    InvalidTransition,
    NotPermitted,
    SessionEnded,
    UnknownParticipant,
)
from hugathome.privacy import Life, Personal, Public, Shown
from hugathome.record.attendance import Attendance, moved, set_back
from hugathome.record.expertise import Expertise, ExpertiseState
from hugathome.record.history import (
    Action,
    AnyAbsent,
    AnyOutcome,
    Change,
    Consent,
    DeliveryStatus,
    Window,
)
from hugathome.record.participants import Participant
from hugathome.record.queueing import Queued
from hugathome.record.transitions import (
    ALSO_THE_HOSTS,
    HERE,
    IDENTIFIES,
    MOVES,
    NEEDS,
    NEVER_TO_ONESELF,
    OF_EXPERTS,
    OUT,
    PRESENCES,
    TRANSITIONS,
    Status,
)
from hugathome.roles import AnyModality, Capability, Kind, Modality, OrganisationId, Role

# --- Nouns -----------------------------------------------------------------------------------------

# --- Rules ---------------------------------------------------------------------------------------

MOST_PARTICIPANTS = 32
ROOM_KEPT = timedelta(minutes=15)
"""How long after the end the room's log is kept: for whoever is told late."""


class Session(Record):
    """One visit: what was planned, and all that has happened to it since."""

    kept: ClassVar = Life.SESSION

    id: Public[str]
    """`<organisation>.<random>`: it says in which organisation it is looked for."""
    organisation: Public[OrganisationId]
    service: Personal[ShortText]
    modality: Shown[AnyModality]
    window: Personal[Window]
    participants: Annotated[tuple[Participant, ...], Field(max_length=MOST_PARTICIPANTS)]
    reference: Personal[ShortText | None] = Field(default=None, repr=False)
    """The host's own key."""
    sequence: Public[int] = 0
    """How often it was rescheduled; what announces it says so, as calendars do."""
    reminders: Personal[tuple[Instant, ...]] = ()
    """When its participants are still to be reminded, earliest first."""
    queue: Queued | None = None
    """Where it waits for whoever is free, instead of for its hour."""
    expertise: Expertise | None = None
    """What an expert is asked, where it is no visit of the patient's."""
    slot: Personal[ShortText | None] = Field(default=None, repr=False)
    """The free time of a practitioner that it has booked, as the host calls it: no other session has it."""
    held_until: Personal[Instant | None] = None
    """Until when the slot is only held; whoever holds it confirms, or it is free again."""
    status: Public[Status] = Status.PLANNED
    outcome: Shown[AnyOutcome | None] = None
    result: Personal[ShortText | None] = Field(default=None, repr=False)
    """What the outcome points to: the host's reference of a prescription, a report, a referral."""
    absent: Personal[AnyAbsent | None] = None
    """Who did not come, where the outcome is that nobody or one of them did."""
    consent: Consent | None = None
    attendance: Mapping[str, Attendance] = Field(default_factory=dict, repr=False)
    history: tuple[Change, ...] = Field(default=(), repr=False)
    room_kept_until: Public[Instant | None] = None
    """When the log of the room, which holds network addresses, is forgotten; the end sets it."""
    kept_until: Public[Instant | None] = None
    """When whoever took part is erased, where the organisation says for how long it keeps them."""
    version: Public[int] = 0
    """How often it has been saved."""

    @model_validator(mode="after")
    def _has_a_patient_and_no_doubles(self) -> "Session":
        ids = [participant.id for participant in self.participants]
        if len(set(ids)) != len(ids):
            raise ValueError("two participants have the same id")
        if not any(participant.role == Role.PATIENT for participant in self.participants):
            raise ValueError("a session needs a patient")
        if any(p.speaks_for is not None and p.speaks_for not in ids for p in self.participants):
            raise ValueError("an interpreter speaks for somebody who takes part")
        return self

    def participant(self, participant_id: str) -> Participant:
        """Return the participant of this id, or raise `UnknownParticipant`."""
        for participant in self.participants:
            if participant.id == participant_id:
                return participant
        raise UnknownParticipant("nobody of this id takes part in the session")

    def takes_part(self, participant_id: str) -> bool:
        """Whether somebody of this id takes part."""
        return any(participant.id == participant_id for participant in self.participants)

    def of(self, participant_id: str) -> Attendance:
        """Return what is known of a participant; raise `UnknownParticipant`."""
        self.participant(participant_id)
        return self.attendance.get(participant_id, _unknown_so_far())

    def is_let_in(self, participant_id: str) -> bool:
        """Whether somebody may see and hear the others: admitted, or of a role that needs no admission."""
        if self.of(participant_id).presence in OUT or self.status.is_terminal:
            return False
        return self.is_admitted(participant_id) or self.participant(participant_id).may(Capability.ENTER)

    def is_admitted(self, participant_id: str) -> bool:
        """Whether staff have let somebody in, and the patient agrees to their being there."""
        return self.of(participant_id).is_admitted and not self._may_not_watch(participant_id)

    def _may_not_watch(self, participant_id: str) -> bool:
        """Whether somebody only watches, and the patient has not agreed to that."""
        is_observer = self.participant(participant_id).role == Role.OBSERVER
        return is_observer and not (self.consent and self.consent.observers)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended, if it has."""
        if not self.status.is_terminal:
            return None
        last = (change.at for change in reversed(self.history) if change.action is not Action.ERASE)
        return next(last, None)

    @property
    def kind(self) -> Kind:
        """What it is for."""
        return Kind.CONSULTATION if self.expertise is None else Kind.TELE_EXPERTISE

    @property
    def is_by_phone(self) -> bool:
        """Whether it is held by telephone: nobody waits, and no page starts it."""
        return self.modality == Modality.PHONE

    @property
    def waiting(self) -> tuple[Participant, ...]:
        """Who is in the waiting room; a visit by telephone has none."""
        return tuple(p for p in self.participants if self._is_here(p) and not self._is_inside(p))

    @property
    def present(self) -> tuple[Participant, ...]:
        """Who is in the visit."""
        return tuple(p for p in self.participants if self._is_here(p) and self._is_inside(p))

    def _is_inside(self, participant: Participant) -> bool:
        return self.is_by_phone or self.is_let_in(participant.id)

    def _is_here(self, participant: Participant) -> bool:
        return not self.status.is_terminal and self.of(participant.id).presence in HERE

    def is_enterable(self, now: datetime) -> bool:
        """Whether links, codes and passes work: the window is open, or somebody is still there."""
        if self.status.is_terminal or now < self.window.opens_at:
            return False
        return now < self.window.closes_at or bool(self.waiting or self.present)

    def steps(self, participant_id: str) -> tuple[Change, ...]:
        """Return the facts noted of a participant (`.step`, `.at`), oldest first; they drive nothing."""
        self.participant(participant_id)
        return tuple(c for c in self.history if c.participant == participant_id and c.step is not None)

    def identity(self, participant_id: str) -> Change | None:
        """Return how a participant's identity was last checked, if it was: `.how` (`code`), `.at`, `.by`."""
        self.participant(participant_id)
        checks = (
            c for c in reversed(self.history) if c.participant == participant_id and c.action in IDENTIFIES
        )
        return next(checks, None)

    @property
    def due_at(self) -> datetime | None:
        """When a message, a reminder or the end of a hold is next due; after the end, oblivion."""
        if self.status.is_terminal:
            return self.room_kept_until or self.kept_until
        messages = (m for a in self.attendance.values() for m in a.messages)
        queued = [m.due_at for m in messages if m.status is DeliveryStatus.QUEUED]
        waits_for = [self.held_until] if self.held_until else self.reminders
        return min((*queued, *waits_for), default=None)

    def reminded(self, now: datetime) -> tuple["Session", bool]:
        """Return the session less the reminders that are due, and whether one of them is still worth sending.

        Of several that were missed one goes out, and none once the visit should have begun or has no consent.
        Those of a visit that is only held wait until it is confirmed.
        """
        left = tuple(at for at in self.reminders if at > now)
        if left == self.reminders or self.held_until is not None:
            return self, False
        is_worth_it = now < self.window.starts_at and self.consent is not None
        return self.but(reminders=left), is_worth_it and self.status is Status.PLANNED

    def after(self, change: Change) -> "Session":
        """Return the session as it stands after `change`, or raise.

        `InvalidTransition` where a table has no such step, `SessionEnded` where nothing can follow,
        `NotPermitted` where the role of `change.by` does not include it, or nobody does it to themselves,
        `UnknownParticipant`.
        """
        if self.status.is_terminal and (self.status, change.action) not in TRANSITIONS:
            raise SessionEnded("the session has ended")
        if change.joining is not None and change.joining not in self.participants:
            self._permit_joining(change, change.joining)
            return self._joined(change.joining).after(change)
        self._permit(change)
        after = self.but(
            status=self._next_status(change),
            attendance=self._next_attendance(change),
            history=(*self.history, change),
        )
        after = after.but(**_recorded_facts(after, change))
        if after.expertise is not None:
            after = _asked(after, change, after.expertise)
        has_begun = after.status in (Status.IN_PROGRESS, Status.ON_HOLD)
        is_booked = has_begun and after.held_until is not None
        return after.but(held_until=None) if is_booked else after  # a visit that has begun runs out no more

    def _permit_joining(self, change: Change, joining: Participant) -> None:
        """Ask first whether `by` may: who may not is not told who is there, and nobody lets themselves in.

        But whoever takes a patient out of the queue takes part by it, in the role that they come with.
        """
        if self.takes_part(change.by or "") or change.action is not Action.TAKE or joining.id != change.by:
            self.refuse_unless_permitted(change.by, change.action)
        elif not joining.may(NEEDS[change.action]):
            raise NotPermitted(action=change.action)

    def _joined(self, participant: Participant) -> "Session":
        together = (*self.participants, participant)
        if len(together) > MOST_PARTICIPANTS or len({each.id for each in together}) < len(together):
            raise InvalidInput("joining= takes somebody with an id of their own, in a session with room")
        return self.but(participants=together)

    def _permit(self, change: Change) -> None:
        self.refuse_unless_permitted(change.by, change.action)  # first: who may not is not told who is there
        if change.participant is not None:
            self.participant(change.participant)
        if change.action in NEVER_TO_ONESELF and change.participant == change.by:
            raise NotPermitted(action=change.action, is_to_oneself=True)
        if change.action is Action.ACCEPT and not self.participant(change.participant or "").may(
            Capability.CONSENT
        ):
            raise NotPermitted(action=change.action)
        if change.action is Action.ADMIT and self._may_not_watch(change.participant or ""):
            raise ConsentMissing("nobody has recorded that the patient accepts an observer")
        if change.action in OF_EXPERTS and self.expertise is None:
            raise InvalidTransition(state=self.kind, action=change.action)
        if change.action is Action.TRANSFER and change.joining and not change.joining.may(Capability.END):
            raise InvalidInput("a visit is handed on to somebody whose role holds one")
        if change.action is Action.TAKE and not (self.queue and self.queue.is_waiting):
            raise AlreadyTaken("somebody has taken it, or it waits in no queue")

    def refuse_unless_permitted(self, by: str | None, action: Action) -> None:
        """Raise `NotPermitted` where `action` takes a capability that the role of `by` does not include.

        Whoever was put out has none until they are invited again.
        """
        needed = NEEDS.get(action)
        if needed is None or (action in ALSO_THE_HOSTS and by and not self.takes_part(by)):
            return
        if not self.participant(by or "").may(needed) or self.of(by or "").presence in OUT:
            raise NotPermitted(action=action)

    def _next_status(self, change: Change) -> Status:
        begins = change.action in IDENTIFIES and self.is_by_phone
        action = Action.ADMIT if begins else change.action
        try:
            return TRANSITIONS[self.status, action]
        except KeyError:
            raise InvalidTransition(state=self.status, action=change.action) from None

    def _next_attendance(self, change: Change) -> Mapping[str, Attendance]:
        is_on_the_line = change.action is Action.IDENTIFY and self.is_by_phone
        action = Action.ARRIVE if is_on_the_line else change.action
        if action is Action.RESCHEDULE or change.service is not None:
            return {whom: set_back(each, action) for whom, each in self.attendance.items()}
        if action not in MOVES:
            return self.attendance
        whom = change.participant or ""
        before = self.of(whom)
        try:
            presence = PRESENCES[before.presence, action]
        except KeyError:
            raise InvalidTransition(state=before.presence, action=change.action) from None
        return {**self.attendance, whom: moved(before, presence, change)}

    def noting(self, participant_id: str, **facts: object) -> "Session":
        """Return the session with facts of a participant's attendance replaced; part of the same write."""
        return self.but(attendance={**self.attendance, participant_id: self.of(participant_id).but(**facts)})


@cache
def _unknown_so_far() -> Attendance:
    """Return what is known of whoever has done nothing yet: asked for often, and always the same."""
    return Attendance()


def _recorded_facts(session: Session, change: Change) -> dict[str, object]:
    """Return what a change says beside where the session and its participants stand after it."""
    match change.action:
        case Action.ACCEPT | Action.WITHDRAW:
            return {"consent": change.consent}
        case Action.COMPLETE | Action.DISCONTINUE | Action.CANCEL | Action.DECLINE:
            said = {"outcome": change.outcome, "result": change.result, "absent": change.absent}
            return {**said, "room_kept_until": change.at + ROOM_KEPT}
        case Action.EXTEND if change.window is not None:
            return {"window": change.window}
        case Action.RESCHEDULE if change.window is not None:
            return {
                "window": change.window,
                "slot": change.slot,
                "held_until": session.held_until if change.slot else None,
                "queue": None,
                "sequence": session.sequence + 1,
                "consent": None,
                "reminders": (),
            }
        case Action.CONFIRM:
            return {"held_until": None}
        case Action.CHANGE_MODALITY:
            return {"modality": change.modality}
        case Action.TAKE if session.queue is not None:
            return {"queue": session.queue.taken(by=change.by or "", at=change.at)}
        case Action.TRANSFER if change.service is not None:
            queue = session.queue.handed_on() if session.queue else Queued(since=change.at)
            opens_at = min(session.window.opens_at, change.at)
            unplanned = {"slot": None, "held_until": None, "reminders": ()}
            window = session.window.but(opens_at=opens_at)
            return {"service": change.service, "queue": queue, "window": window, **unplanned}
        case Action.TRANSFER if session.queue is not None and change.joining is not None:
            return {"queue": session.queue.taken(by=change.joining.id, at=change.at)}
        case _:
            return {}


def _asked(session: Session, change: Change, expertise: Expertise) -> Session:
    """Return a session between clinicians with what its expert is asked, as it stands after a change.

    It is live once two of them are there.
    """
    expertise = _stepped(expertise, change)
    if expertise.state is not ExpertiseState.TAKEN_ON or not _are_clinicians_there(session):
        return session.but(expertise=expertise)
    begun = Status.IN_PROGRESS if session.status is Status.PLANNED else session.status
    return session.but(expertise=expertise.after(Action.ARRIVE), status=begun)


def _stepped(expertise: Expertise, change: Change) -> Expertise:
    match change.action:
        case Action.TAKE_ON:
            return expertise.after(change.action, expert=change.site, by=change.by)
        case Action.GIVE_OPINION:
            return expertise.after(change.action, opinion=change.result)
        case Action.DECLINE | Action.COMPLETE:
            return expertise.after(change.action)
        case _:
            return expertise


def _are_clinicians_there(session: Session) -> bool:
    """Whether two of them are: come, or on the telephone with whom they said that they know."""
    there = {participant.id for participant in session.present}
    if session.is_by_phone and not session.status.is_terminal:
        there |= {change.by for change in session.history if change.action is Action.IDENTIFY and change.by}
    clinicians = {each.id for each in session.participants if each.role == Role.PRACTITIONER}
    return len(there & clinicians) > 1

"""A session: who meets, when, and how it stands.

A session is a frozen record; `Session.after` returns the next one or refuses, and what it accepted stands
in `history`. What may follow what is said by the tables of `transitions.py` alone.

Absence changes no status, and reaching the end of the window turns nobody out. Waiting, lateness and
no-show are read off the facts, never stored. This module never reads a clock, stores or sends.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, ClassVar, Protocol

from pydantic import Field, model_validator

from hugathome._model import Instant, Record
from hugathome.errors import InvalidTransition, NotPermitted, SessionEnded, UnknownParticipant
from hugathome.history import Action, AnyOutcome, Change, Consent, DeliveryStatus, Message, ShortText, Window
from hugathome.phone import AnyPhone, PhoneNumber
from hugathome.privacy import Body, Dialled, Digest, Life, Personal, Public, Secret, Shown
from hugathome.roles import (
    CAPABILITIES,
    AnyLanguage,
    AnyModality,
    AnyRole,
    Capability,
    Modality,
    OrganisationId,
    ParticipantId,
    Role,
)
from hugathome.transitions import (
    HERE,
    IDENTIFIES,
    MOVES,
    NEEDS,
    OUT,
    PRESENCES,
    TRANSITIONS,
    Presence,
    Status,
)

# --- Nouns -----------------------------------------------------------------------------------------


class Participant(Record):
    """Somebody who takes part; `name` is shown to the others once they are admitted."""

    id: Shown[ParticipantId]
    """Seen by the others in the session: never a patient number."""
    role: Shown[AnyRole]
    name: Shown[ShortText] = Field(repr=False)
    language: Personal[AnyLanguage | None] = None
    """For texts and pages; none means the organisation's."""
    reference: Personal[ShortText | None] = Field(default=None, repr=False)
    """The host's own stable identifier of this person."""
    phone: Dialled[AnyPhone | None] = Field(default=None, repr=False)

    @property
    def takes_sms(self) -> bool:
        """Whether a text message reaches them."""
        return isinstance(self.phone, PhoneNumber) and self.phone.takes_sms

    def may(self, capability: Capability) -> bool:
        """Whether the role includes `capability`."""
        return capability in CAPABILITIES[Role(self.role)]


class Attendance(Record):
    """What is known of one participant beside who they are."""

    presence: Shown[Presence] = Presence.EXPECTED
    is_admitted: Shown[bool] = False
    """An admission belongs to the participant: it outlives a lost connection and a change of device."""
    device: Public[int] = 0
    """How often they have checked in: a pass of an earlier device is dead."""
    link_id: Secret[str | None] = Field(default=None, repr=False)
    challenge_id: Secret[str | None] = Field(default=None, repr=False)
    messages: tuple[Message, ...] = ()
    position: Public[str | None] = None
    """Where in the room's log their last coming or going stands."""


class Event(Record):
    """A change as the host's event stream tells it: dense and ordered within an organisation."""

    kept: ClassVar = Life.SESSION

    position: Public[int]
    organisation: Public[OrganisationId]
    session: Public[str]
    version: Public[int]
    status: Public[Status]
    change: Change


# --- Rules ---------------------------------------------------------------------------------------

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
    participants: Annotated[tuple[Participant, ...], Field(max_length=32)]
    reference: Personal[ShortText | None] = Field(default=None, repr=False)
    """The host's own key."""
    status: Public[Status] = Status.PLANNED
    outcome: Shown[AnyOutcome | None] = None
    consent: Consent | None = None
    attendance: Mapping[str, Attendance] = Field(default_factory=dict, repr=False)
    history: tuple[Change, ...] = Field(default=(), repr=False)
    room_kept_until: Public[Instant | None] = None
    """When the log of the room, which holds network addresses, is forgotten; the end sets it."""
    version: Public[int] = 0
    """How often it has been saved."""

    @model_validator(mode="after")
    def _has_a_patient_and_no_doubles(self) -> "Session":
        ids = [participant.id for participant in self.participants]
        if len(set(ids)) != len(ids):
            raise ValueError("two participants have the same id")
        if not any(participant.role == Role.PATIENT for participant in self.participants):
            raise ValueError("a session needs a patient")
        return self

    def participant(self, participant_id: str) -> Participant:
        """Return the participant of this id, or raise `UnknownParticipant`."""
        for participant in self.participants:
            if participant.id == participant_id:
                return participant
        raise UnknownParticipant("nobody of this id takes part in the session")

    def of(self, participant_id: str) -> Attendance:
        """Return what is known of a participant; raise `UnknownParticipant`."""
        self.participant(participant_id)
        return self.attendance.get(participant_id, Attendance())

    def is_let_in(self, participant_id: str) -> bool:
        """Whether somebody may see and hear the others: admitted, or of a role that needs no admission."""
        attendance = self.of(participant_id)
        if attendance.presence in OUT or self.status.is_terminal:
            return False
        return attendance.is_admitted or self.participant(participant_id).may(Capability.ENTER)

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
        """When something is next due, if anything is: a message, or after the end the room's oblivion."""
        if self.status.is_terminal:
            return self.room_kept_until
        queued = DeliveryStatus.QUEUED
        return min(
            (m.due_at for a in self.attendance.values() for m in a.messages if m.status is queued),
            default=None,
        )

    def after(self, change: Change) -> "Session":
        """Return the session as it stands after `change`, or raise.

        `InvalidTransition` where a table has no such step, `SessionEnded` where nothing can follow,
        `NotPermitted` where the role of `change.by` does not include it, `UnknownParticipant`.
        """
        if self.status.is_terminal:
            raise SessionEnded("the session has ended")
        self._permit(change)
        after = self.but(
            status=self._next_status(change),
            attendance=self._next_attendance(change),
            history=(*self.history, change),
        )
        return after.but(**_recorded_facts(change))

    def _permit(self, change: Change) -> None:
        self.refuse_unless_permitted(change.by, change.action)  # first: who may not is not told who is there
        if change.participant is not None:
            self.participant(change.participant)
        if change.action is Action.ACCEPT and not self.participant(change.participant or "").may(
            Capability.CONSENT
        ):
            raise NotPermitted(action=change.action)

    def refuse_unless_permitted(self, by: str | None, action: Action) -> None:
        """Raise `NotPermitted` where `action` takes a capability that the role of `by` does not include."""
        needed = NEEDS.get(action)
        if needed is not None and not self.participant(by or "").may(needed):
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
        if action not in MOVES:
            return self.attendance
        whom = change.participant or ""
        before = self.of(whom)
        try:
            presence = PRESENCES[before.presence, action]
        except KeyError:
            raise InvalidTransition(state=before.presence, action=change.action) from None
        return {**self.attendance, whom: _moved(before, presence, change)}

    def noting(self, participant_id: str, **facts: object) -> "Session":
        """Return the session with facts of a participant's attendance replaced; part of the same write."""
        return self.but(attendance={**self.attendance, participant_id: self.of(participant_id).but(**facts)})


def _moved(before: Attendance, presence: Presence, change: Change) -> Attendance:
    is_admitted = before.is_admitted
    if change.action is Action.ADMIT:
        is_admitted = True
    elif change.action in (Action.RETURN_TO_WAITING, Action.REMOVE, Action.DENY):
        is_admitted = False
    if presence is Presence.ARRIVED and is_admitted:
        presence = Presence.ADMITTED
    is_new_device = change.action is Action.CHECK_IN or presence in OUT
    device = before.device + 1 if is_new_device else before.device
    position = change.position or before.position
    return before.but(presence=presence, is_admitted=is_admitted, device=device, position=position)


def _recorded_facts(change: Change) -> dict[str, object]:
    if change.action in (Action.ACCEPT, Action.WITHDRAW):
        return {"consent": change.consent}
    if change.action in (Action.COMPLETE, Action.DISCONTINUE, Action.CANCEL):
        return {"outcome": change.outcome, "room_kept_until": change.at + ROOM_KEPT}
    if change.action is Action.EXTEND and change.window is not None:
        return {"window": change.window}
    if change.action is Action.CHANGE_MODALITY:
        return {"modality": change.modality}
    return {}


# --- Seams ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSession:
    """A session as a store sees it: what it must sort and find by, and a sealed body."""

    kept: ClassVar = Life.SESSION

    id: Public[str]
    organisation: Public[str]
    version: Public[int]
    status: Public[Status]
    starts_at: Personal[datetime]
    due_at: Public[datetime | None]
    lookups: Digest[frozenset[str]]
    """HMACs under which it is found: of its reference, its links and its messages."""
    body: Body[bytes]


class SessionStore(Protocol):
    """Keeps sessions and the events they gave rise to; every method raises `StoreUnavailable` at most."""

    async def load_session(self, session_id: str) -> StoredSession | None:
        """Return the session of this id."""
        ...

    async def find_session(self, lookup: str) -> StoredSession | None:
        """Return the session that has `lookup` among its look-ups."""
        ...

    async def list_sessions(
        self, organisation: str, *, since: datetime, until: datetime, after: str, limit: int
    ) -> Sequence[StoredSession]:
        """Return sessions that start from `since` to before `until`, by id, from the one after `after`."""
        ...

    async def due_sessions(self, now: datetime, *, limit: int) -> Sequence[str]:
        """Return ids of sessions with something due at `now`, the longest overdue first."""
        ...

    async def next_due(self) -> datetime | None:
        """Return when something is next due in any session."""
        ...

    async def save_session(self, session: StoredSession, *, expected: int, events: Sequence[bytes]) -> bool:
        """Save session, look-ups and events in one write if the stored version is `expected` (0: none).

        Return False, having changed nothing, if it is another or a look-up belongs to another session.
        Events get the organisation's next positions, dense, readable only once no earlier can come.
        """
        ...

    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return events with positions greater than `after`, in order."""
        ...

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` once what was saved can no longer be rolled back: now, or when the host commits."""
        ...

"""Plan sessions: who meets when, with whose consent, and what becomes of the plan before it begins.

What a service takes is said by `services.py`. A plan that is repeated under its reference is the same plan.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from hugathome.discretion import discreet
from hugathome.errors import InvalidInput, ReferenceTaken, SlotTaken
from hugathome.record.expertise import Expertise, ExpertiseState
from hugathome.record.history import Action, Change, Consent, Window, window_around
from hugathome.record.participants import Participant
from hugathome.record.queueing import Queued
from hugathome.record.services import USUAL_LENGTH, Service
from hugathome.roles import AnyLanguage, AnyModality, Kind, Modality
from hugathome.session import Session
from hugathome.verifier import opaque
from hugathome.visits.ledger import Ledger, aware, has_run_out

_QUEUED_FOR = timedelta(hours=12)
"""How long somebody's link lets them back into a queue that they came to."""


@discreet
class Planning(Ledger):
    """What is done to a session before anybody comes."""

    async def plan(
        self,
        *,
        organisation: str,
        service: str,
        starts_at: datetime,
        ends_at: datetime | None = None,
        participants: Sequence[Participant],
        modality: AnyModality | None = None,
        reference: str | None = None,
        window: Window | None = None,
        expertise: Expertise | None = None,
        slot: str | None = None,
        held_until: datetime | None = None,
    ) -> Session:
        """Plan a session; with a `reference` that is taken, return the session it names.

        What is left out the service says, where the organisation has said what its services take: the end,
        the modality, the reminders; else a visit is by video and its end is named. `window` replaces the
        usual thirty minutes before and sixty after. `expertise` makes it a question to an expert.
        A `slot` is nobody else's from here on, or until `held_until` if it is not confirmed by then.

        Raises `InvalidInput`, `ReferenceTaken` where the session of that reference has other content, and
        `SlotTaken`.
        """
        takes = self._takes(organisation, service)
        session = self._drafted(
            organisation=organisation,
            service=service,
            participants=tuple(participants),
            modality=modality or _modality(takes, participants),
            window=window or _window(takes, starts_at, ends_at, participants),
            reference=reference,
            expertise=expertise,
            slot=slot,
            held_until=held_until,
        )
        _refuse_unfit(takes, session)
        session = session.but(reminders=self._reminders(session.window, _leads(takes, session)))
        return _same_plan(await self.keep(session), session)

    async def queue_up(
        self,
        *,
        organisation: str,
        service: str,
        participants: Sequence[Participant],
        modality: AnyModality | None = None,
        reference: str | None = None,
    ) -> Session:
        """Let somebody wait for whoever is free in a service, from now on; the clinician comes later.

        Raises what `plan` raises, and `InvalidInput` for a service that takes nobody without an appointment.
        """
        takes, now = self._takes(organisation, service), self._clock.now()
        usual = _window(takes, now, None if takes else now + USUAL_LENGTH, participants)
        session = self._drafted(
            organisation=organisation,
            service=service,
            participants=tuple(participants),
            modality=modality or _modality(takes, participants),
            window=window_around(now, usual.ends_at, early=timedelta(0), late=_QUEUED_FOR),
            reference=reference,
            queue=Queued(since=now),
        )
        _refuse_unfit(takes, session)
        return _same_plan(await self.keep(session), session)

    async def confirm(self, session_id: str, *, by: str | None = None) -> Session:
        """Book the slot that a session holds; raise `SlotTaken` where it has run out."""
        at = self._clock.now()
        change = Change(action=Action.CONFIRM, at=at, by=by)

        def decide(session: Session) -> Session:
            if session.held_until is None and not session.status.is_terminal:
                return session
            if session.status.is_terminal or (session.held_until and session.held_until <= at):
                raise SlotTaken("the slot was not confirmed in time")
            return session.after(change)

        return await self.change(session_id, decide, trying=change)

    async def reschedule(
        self,
        session_id: str,
        *,
        starts_at: datetime,
        ends_at: datetime | None = None,
        by: str,
        reason: str | None = None,
        slot: str | None = None,
    ) -> Session:
        """Put a session that has not begun off to another time; its links stay, its consent is asked again.

        What is left out stays: without an end, it takes as long as before; people come in as early and late.
        The slot that it had is free again, and `slot` is its own; whoever waited in a queue has an hour now.
        Raises `SlotTaken`.
        """
        starts_at, at = aware(starts_at, "starts_at"), self._clock.now()
        ends_at = None if ends_at is None else aware(ends_at, "ends_at")
        change = Change(action=Action.RESCHEDULE, at=at, by=by, reason=reason, slot=slot)

        def decide(session: Session) -> Session:
            takes = self.service_of(session)
            window = _moved(session, takes, starts_at, ends_at)
            if slot is not None and session.slot == slot and session.window == window:
                return session  # the same call, made twice at once: nobody is to be told of it again
            if slot is not None and has_run_out(session, at):
                raise SlotTaken("the slot was not confirmed in time")
            moved = session.after(change.but(window=window))
            return moved.but(reminders=self._reminders(window, _leads(takes, session)))

        return await self.change(session_id, decide, trying=change)

    async def join(self, session_id: str, participant: Participant, *, by: str) -> Session:
        """Let one more take part: an interpreter, a colleague, somebody of the family."""
        return await self._do(session_id, Action.JOIN, by=by, joining=participant)

    async def accept(
        self,
        session_id: str,
        participant_id: str,
        *,
        recorded_by: str,
        how: str = "oral",
        language: AnyLanguage | None = None,
        text_version: str | None = None,
        observers: bool = False,
    ) -> Session:
        """Record that the patient, or who may speak for them, accepts a remote visit.

        What was said stays with it: `how`, in which `language`, which version of the text, and whether
        `observers`, such as students, may watch.
        """
        at = self._clock.now()
        consent = Consent(
            participant=participant_id,
            recorded_by=recorded_by,
            at=at,
            how=how,
            language=language,
            text_version=text_version,
            observers=observers,
        )
        change = Change(
            action=Action.ACCEPT, at=at, by=recorded_by, participant=participant_id, consent=consent
        )
        return await self.change(session_id, lambda session: session.after(change), trying=change)

    async def withdraw(self, session_id: str, participant_id: str, *, recorded_by: str) -> Session:
        """Record that the consent is taken back: nobody is invited any more until it is given again."""
        return await self._do(session_id, Action.WITHDRAW, participant_id, by=recorded_by)

    async def extend(self, session_id: str, *, closes_at: datetime, by: str) -> Session:
        """Let people in until `closes_at`; links and codes work as long."""
        closes_at, at = aware(closes_at, "closes_at"), self._clock.now()

        def decide(session: Session) -> Session:
            opens_at, starts_at = session.window.opens_at, session.window.starts_at
            ends_at = min(session.window.ends_at, closes_at)
            moved = Window(opens_at=opens_at, starts_at=starts_at, ends_at=ends_at, closes_at=closes_at)
            return session.after(Change(action=Action.EXTEND, at=at, by=by, window=moved))

        return await self.change(session_id, decide, trying=Change(action=Action.EXTEND, at=at, by=by))

    async def cancel(self, session_id: str, *, by: str, reason: str | None = None) -> Session:
        """Cancel a session that has not begun."""
        return await self._do(session_id, Action.CANCEL, by=by, reason=reason)

    def service_of(self, session: Session) -> Service | None:
        """Return what a session's service takes; None where nobody says, or no longer."""
        try:
            return self._takes(session.organisation, session.service)
        except InvalidInput:
            return None

    def _takes(self, organisation: str, service: str) -> Service | None:
        self._refuse_unless_ours(organisation)
        return self._organisations.get(organisation).service(service)

    def _drafted(self, *, organisation: str, **facts: Any) -> Session:
        at = self._clock.now()
        session = Session(
            id=f"{organisation}.{opaque(self._randomness(16))}", organisation=organisation, **facts
        )
        plan = Change(
            action=Action.PLAN,
            at=at,
            service=session.service,
            window=session.window,
            modality=session.modality,
            slot=session.slot,
        )
        return session.but(version=1, history=(plan,))

    def _reminders(self, window: Window, leads: Sequence[timedelta]) -> tuple[datetime, ...]:
        now = self._clock.now()
        due = (window.starts_at - lead for lead in leads)
        return tuple(sorted(at for at in due if at > now))


# --- Rules ---------------------------------------------------------------------------------------


def _modality(takes: Service | None, participants: Sequence[Participant]) -> Modality:
    return Modality.VIDEO if takes is None else takes.modality_for(each.needs for each in participants)


def _window(
    takes: Service | None, starts_at: datetime, ends_at: datetime | None, participants: Sequence[Participant]
) -> Window:
    if takes is not None:
        return takes.window(starts_at, ends_at, needs=[each.needs for each in participants])
    if ends_at is None:
        raise InvalidInput("ends_at= is left out only for a service that says how long a visit takes")
    return window_around(starts_at, ends_at)


def _leads(takes: Service | None, session: Session) -> Sequence[timedelta]:
    """Return how long before its start people are reminded: as was planned, if the service is gone."""
    if takes is None:
        return [session.window.starts_at - at for at in session.reminders]
    return takes.leads(each.needs for each in session.participants)


def _refuse_unfit(takes: Service | None, session: Session) -> None:
    if takes is None:
        return
    takes.refuse_unfit(session.participants, modality=session.modality, is_queued=session.queue is not None)
    _refuse_other_kind(takes, session.kind)


def _refuse_other_kind(takes: Service, kind: Kind) -> None:
    """Raise `InvalidInput` where a service is for visits, and this is none, or the other way round."""
    if takes.kind != kind:
        needed = "takes expertise=" if takes.kind == Kind.TELE_EXPERTISE else "is no tele-expertise"
        raise InvalidInput(f"this service {needed}")


def refuse_without_queue(takes: Service | None, kind: Kind) -> None:
    """Raise `InvalidInput` where nobody of a session of this kind can wait in a service."""
    if takes is None:
        return
    _refuse_other_kind(takes, kind)
    if not takes.on_demand:
        raise InvalidInput("this service has no queue")


def _moved(session: Session, takes: Service | None, starts_at: datetime, ends_at: datetime | None) -> Window:
    """Return the window of another time, with the margins that it had; those of a queue are no visit's."""
    window = session.window
    ends_at = ends_at or _later(starts_at, window.ends_at - window.starts_at)
    if session.queue is not None:
        return _window(takes, starts_at, ends_at, session.participants)
    early, late = window.starts_at - window.opens_at, window.closes_at - window.ends_at
    return window_around(starts_at, ends_at, early=early, late=late)


def _later(at: datetime, by: timedelta) -> datetime:
    try:
        return at + by
    except OverflowError:
        raise InvalidInput("a visit lies within the calendar") from None


def _same_plan(known: Session, wanted: Session) -> Session:
    """Return `known`, or raise `ReferenceTaken` where it was planned otherwise.

    What may change later is compared as it was planned: service, slot, window, modality, who took part, what
    an expert was asked.
    """
    plan = known.history[0]
    joined = [change.joining for change in known.history if change.joining is not None]
    is_same = (
        (known.organisation, known.kind) == (wanted.organisation, wanted.kind)
        and (plan.service or known.service) == wanted.service
        and plan.slot == wanted.slot
        and _question(known.expertise) == _question(wanted.expertise)
        and (plan.modality or known.modality) == wanted.modality
        and (plan.window == wanted.window or wanted.queue is not None)
        and tuple(each for each in known.participants if each not in joined) == wanted.participants
    )
    if not is_same:
        raise ReferenceTaken("this reference names a session with other content")
    return known


def _question(expertise: Expertise | None) -> Expertise | None:
    """Return what an expert was asked, without what has become of it."""
    if expertise is None:
        return None
    return expertise.but(state=ExpertiseState.REQUESTED, expert=None, taken_on_by=None, opinion=None)

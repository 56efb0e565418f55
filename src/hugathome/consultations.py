"""Plan, admit and end sessions: the record's coordinator.

The record owns what was planned, accepted, invited, admitted and ended. Every change follows one order:
load, decide with `Session.after`, save under the version that was loaded together with its events, and
only after the commit tell the room's log. A lost race starts again from what the winner left. Bodies
are sealed before a store sees them. Nothing here waits for anything but its seams.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from hugathome._model import in_utc
from hugathome.archive import Archive
from hugathome.clock import Clock
from hugathome.discretion import discreet
from hugathome.door import moved
from hugathome.errors import HugathomeError, InvalidInput, ReferenceTaken, SessionNotFound, StaleSession
from hugathome.history import (
    Action,
    AnyOutcome,
    Change,
    Consent,
    Outcome,
    Window,
    window_around,
)
from hugathome.journal import Journal
from hugathome.keys import KeyRing
from hugathome.mirror import SEEN, recorded
from hugathome.organisations import Organisations
from hugathome.roles import OPAQUE_ID, ORGANISATION_ID, AnyLanguage, AnyModality, Step
from hugathome.session import Event, Participant, Session, SessionStore
from hugathome.transitions import Status
from hugathome.verifier import Randomness, opaque

_RACES = 24
"""How often a change that lost a race starts again before `StaleSession`."""

_COUNTABLE = 2**63
"""What a database can count to."""

_STEPS_NOTED = 50
"""How often one fact of one participant is noted: a screen that flickers must not fill the record."""

Decide = Callable[[Session], Session]


@discreet
class Consultations:
    """Everything that is done to a session by name; `HugAtHome.sessions` is one."""

    def __init__(
        self,
        *,
        store: SessionStore,
        journal: Journal,
        keys: KeyRing,
        clock: Clock,
        randomness: Randomness,
        organisations: Organisations,
    ) -> None:
        self._archive = Archive(store=store, keys=keys, randomness=randomness)
        self._journal = journal
        self._clock = clock
        self._randomness = randomness
        self._organisations = organisations

    # --- Before the visit ------------------------------------------------------------------------

    async def plan(
        self,
        *,
        organisation: str,
        service: str,
        starts_at: datetime,
        ends_at: datetime,
        participants: Sequence[Participant],
        modality: AnyModality = "video",
        reference: str | None = None,
        window: Window | None = None,
    ) -> Session:
        """Plan a session; with a `reference` that is taken, return the session it names.

        `window` replaces the usual thirty minutes before and sixty after. Raises `InvalidInput`, and
        `ReferenceTaken` where the session of that reference has other content.
        """
        self._refuse_unless_ours(organisation)
        now = self._clock.now()
        session = Session(
            id=f"{organisation}.{opaque(self._randomness(16))}",
            organisation=organisation,
            service=service,
            modality=modality,
            window=window or window_around(starts_at, ends_at),
            participants=tuple(participants),
            reference=reference,
            version=1,
        )
        plan = Change(action=Action.PLAN, at=now, window=session.window, modality=session.modality)
        session = session.but(history=(plan,))
        for _ in range(_RACES):
            known = await self._archive.of_reference(organisation, session.reference)
            if known is not None:
                return _same_plan(known, session)
            if await self._save(session, before=None):
                return session
        raise StaleSession("the session could not be planned; try again")

    async def accept(
        self,
        session_id: str,
        participant_id: str,
        *,
        recorded_by: str,
        how: str = "oral",
        language: AnyLanguage | None = None,
        text_version: str | None = None,
    ) -> Session:
        """Record that the patient, or who may speak for them, accepts a remote visit.

        What was said stays with it: `how`, in which `language`, and which version of the text.
        """
        at = self._clock.now()
        consent = Consent(
            participant=participant_id,
            recorded_by=recorded_by,
            at=at,
            how=how,
            language=language,
            text_version=text_version,
        )
        change = Change(
            action=Action.ACCEPT, at=at, by=recorded_by, participant=participant_id, consent=consent
        )
        return await self.change(session_id, lambda session: session.after(change))

    async def withdraw(self, session_id: str, participant_id: str, *, recorded_by: str) -> Session:
        """Record that the consent is taken back: nobody is invited any more until it is given again."""
        return await self._do(session_id, Action.WITHDRAW, participant_id, by=recorded_by)

    async def extend(self, session_id: str, *, closes_at: datetime, by: str) -> Session:
        """Let people in until `closes_at`; links and codes work as long."""
        closes_at, at = _aware(closes_at, "closes_at"), self._clock.now()

        def decide(session: Session) -> Session:
            opens_at, starts_at = session.window.opens_at, session.window.starts_at
            ends_at = min(session.window.ends_at, closes_at)
            moved = Window(opens_at=opens_at, starts_at=starts_at, ends_at=ends_at, closes_at=closes_at)
            return session.after(Change(action=Action.EXTEND, at=at, by=by, window=moved))

        return await self.change(session_id, decide)

    async def cancel(self, session_id: str, *, by: str, reason: str | None = None) -> Session:
        """Cancel a session that has not begun."""
        return await self._do(session_id, Action.CANCEL, by=by, reason=reason)

    # --- The visit -------------------------------------------------------------------------------

    async def arrive(self, session_id: str, participant_id: str, *, position: str | None = None) -> Session:
        """Note that a participant is there; whoever was admitted before is admitted again."""
        return await self._move(session_id, participant_id, Action.ARRIVE, position)

    async def depart(self, session_id: str, participant_id: str, *, position: str | None = None) -> Session:
        """Note that a participant has gone; it ends nothing."""
        return await self._move(session_id, participant_id, Action.DEPART, position)

    async def admit(self, session_id: str, participant_id: str, *, by: str) -> Session:
        """Let somebody who waits into the visit; the first admission starts it."""
        return await self._do(session_id, Action.ADMIT, participant_id, by=by)

    async def deny(
        self, session_id: str, participant_id: str, *, by: str, reason: str | None = None
    ) -> Session:
        """Turn away somebody who waits."""
        return await self._do(session_id, Action.DENY, participant_id, by=by, reason=reason)

    async def return_to_waiting(self, session_id: str, participant_id: str, *, by: str) -> Session:
        """Send somebody who was admitted back to the waiting room."""
        return await self._do(session_id, Action.RETURN_TO_WAITING, participant_id, by=by)

    async def remove(
        self, session_id: str, participant_id: str, *, by: str, reason: str | None = None
    ) -> Session:
        """Put somebody out; they come back only if staff invite them again."""
        return await self._do(session_id, Action.REMOVE, participant_id, by=by, reason=reason)

    async def hold(self, session_id: str, *, by: str) -> Session:
        """Interrupt the visit."""
        return await self._do(session_id, Action.HOLD, by=by)

    async def resume(self, session_id: str, *, by: str) -> Session:
        """Go on with a visit that was put on hold."""
        return await self._do(session_id, Action.RESUME, by=by)

    async def change_modality(
        self, session_id: str, modality: AnyModality, *, by: str, reason: str | None = None
    ) -> Session:
        """Go on by video, by sound alone or by telephone; whoever was admitted stays so."""
        change = Change(
            action=Action.CHANGE_MODALITY, at=self._clock.now(), by=by, modality=modality, reason=reason
        )

        def decide(session: Session) -> Session:
            changed = session.after(change)
            return session if session.modality == changed.modality else changed

        return await self.change(session_id, decide)

    async def complete(self, session_id: str, *, by: str, outcome: AnyOutcome = "completed") -> Session:
        """End the visit with what came of it; every link, code, pass and grant dies with it.

        A visit that nobody came to has not begun: with the outcome `no-show` it is cancelled.
        """
        at = self._clock.now()

        def decide(session: Session) -> Session:
            action = Action.COMPLETE
            if session.status is Status.PLANNED and outcome == Outcome.NO_SHOW:
                session.refuse_unless_permitted(by, action)
                action = Action.CANCEL
            return session.after(Change(action=action, at=at, by=by, outcome=outcome))

        return await self.change(session_id, decide)

    async def discontinue(self, session_id: str, *, by: str, reason: str | None = None) -> Session:
        """End a visit that cannot go on."""
        return await self._do(session_id, Action.DISCONTINUE, by=by, reason=reason)

    async def step(
        self, session_id: str, participant_id: str, step: Step, *, by: str | None = None
    ) -> Session:
        """Note a fact of a participant; it drives nothing, and a device that repeats itself is not noted."""
        change = Change(
            action=Action.STEP, at=self._clock.now(), by=by, participant=participant_id, step=step
        )

        def decide(session: Session) -> Session:
            noted = sum(each.step == step for each in session.steps(participant_id))
            return session if noted >= _STEPS_NOTED else session.after(change)

        return await self.change(session_id, decide)

    async def forget_room(self, session_id: str) -> None:
        """Delete the log of a session's room, once its time is over."""
        await self._journal.forget(session_id)

        def decide(session: Session) -> Session:
            return session if session.room_kept_until is None else session.but(room_kept_until=None)

        await self.change(session_id, decide)

    # --- Looking ---------------------------------------------------------------------------------

    async def get(self, session_id: str) -> Session:
        """Return a session by its id, or raise `SessionNotFound`."""
        session = await self._archive.load(session_id)
        if session is None:
            raise SessionNotFound("no session has this id")
        return session

    async def find(self, *, organisation: str, reference: str) -> Session:
        """Return the session that the host calls `reference`, or raise `SessionNotFound`."""
        self._refuse_unless_ours(organisation)
        is_text = isinstance(reference, str)
        session = await self._archive.of_reference(organisation, reference.strip()) if is_text else None
        if session is None:
            raise SessionNotFound("no session has this reference")
        return session

    async def find_by_link(self, link_id: str) -> Session | None:
        """Return the session that an invitation's link belongs to."""
        return await self._archive.of_link(link_id)

    async def find_by_message(self, message_id: str) -> Session | None:
        """Return the session that a message was sent for."""
        return await self._archive.of_message(message_id)

    async def find_by_handle(self, handle: str) -> Session | None:
        """Return the session of the message that a gateway calls so."""
        return await self._archive.of_handle(handle)

    async def list(
        self, *, organisation: str, since: datetime, until: datetime, after: str = "", limit: int = 100
    ) -> Sequence[Session]:
        """Return an organisation's sessions that start from `since` to before `until`.

        At most `limit`, by id; the next page is `after` the last one's id.
        """
        self._refuse_unless_ours(organisation)
        since, until = _aware(since, "since"), _aware(until, "until")
        if after != "" and not (isinstance(after, str) and OPAQUE_ID.fullmatch(after)):
            raise InvalidInput("after= takes the id of a session")
        _refuse_to_page(limit)
        return await self._archive.list(organisation, since=since, until=until, after=after, limit=limit)

    async def events(self, *, organisation: str, after: int = 0, limit: int = 100) -> Sequence[Event]:
        """Return an organisation's events after a position, in order, at most `limit`."""
        self._refuse_unless_ours(organisation)
        _refuse_to_page(limit, after)
        return await self._archive.events(organisation, after=after, limit=limit)

    # --- The one way to change -------------------------------------------------------------------

    async def change(self, session_id: str, decide: Decide) -> Session:
        """Save what `decide` makes of the session; it is asked again whenever another was faster.

        It changes nothing by returning the session it was given, and refuses by raising.
        """
        for _ in range(_RACES):
            before = await self.get(session_id)
            decided = decide(before)
            if decided is before:
                return before
            after = decided.but(version=before.version + 1)
            if await self._save(after, before=before):
                return after
        raise StaleSession("the session changed under every attempt to change it")

    async def _do(
        self,
        session_id: str,
        action: Action,
        participant_id: str | None = None,
        *,
        by: str | None = None,
        reason: str | None = None,
        outcome: AnyOutcome | None = None,
        step: Step | None = None,
    ) -> Session:
        change = Change(
            action=action,
            at=self._clock.now(),
            by=by,
            participant=participant_id,
            reason=reason,
            outcome=outcome,
            step=step,
        )
        return await self.change(session_id, lambda session: session.after(change))

    async def _move(self, session_id: str, whom: str, action: Action, position: str | None) -> Session:
        change = Change(action=action, at=self._clock.now(), participant=whom, position=position)
        return await self.change(session_id, lambda session: moved(session, change))

    def _refuse_unless_ours(self, organisation: str) -> None:
        self._organisations.get(organisation)
        if not isinstance(organisation, str) or not ORGANISATION_ID.fullmatch(organisation):
            raise InvalidInput("an organisation's name has at most 32 of A-Z a-z 0-9 _ -")

    async def _save(self, after: Session, *, before: Session | None) -> bool:
        news = after.history[len(before.history) if before else 0 :]
        saved = await self._archive.save(after, expected=before.version if before else 0, news=news)
        if saved and any(change.action in SEEN for change in news):
            await self._archive.after_commit(lambda: self._tell(after, news))
        return saved

    async def _tell(self, session: Session, news: Sequence[Change]) -> None:
        if any(change.action is not Action.DELIVER for change in news):
            await self._journal.append(session.id, recorded(session))
            return
        with suppress(HugathomeError):  # what was sent was sent, and whoever comes later reads the record
            if await self._journal.is_open(session.id):  # an SMS of the day before opens no room
                await self._journal.append(session.id, recorded(session))


def _refuse_to_page(limit: int, after: int = 0) -> None:
    are_numbers = isinstance(limit, int) and isinstance(after, int)
    if not are_numbers or not 1 <= limit < _COUNTABLE or not 0 <= after < _COUNTABLE:
        raise InvalidInput("limit= is at least 1, and after= is a position or 0")


def _aware(at: datetime, name: str) -> datetime:
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise InvalidInput(f"{name}= takes an aware datetime")
    return in_utc(at)


_PLANNED = ("organisation", "service", "participants")


def _same_plan(known: Session, wanted: Session) -> Session:
    """Window and modality are compared as they were planned: they may have been changed since."""
    plan = known.history[0]
    is_same = plan.window == wanted.window and (plan.modality or known.modality) == wanted.modality
    if not is_same or any(getattr(known, field) != getattr(wanted, field) for field in _PLANNED):
        raise ReferenceTaken("this reference names a session with other content")
    return known

"""The record of every session, and the one way to change it.

Every change follows one order: load, decide, save under the version that was loaded together with its
events, and only after the commit tell the room's log. A lost race starts again from what the winner left.
Bodies are sealed before a store sees them. Nothing here waits for anything but its seams.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from hugathome._model import in_utc
from hugathome.clock import Clock
from hugathome.discretion import discreet
from hugathome.errors import HugathomeError, InvalidInput, SessionNotFound, SlotTaken, StaleSession
from hugathome.keys import KeyRing
from hugathome.organisations import Organisations, refuse_unless_a_name
from hugathome.record.history import Action, Change
from hugathome.record.shelf import Event, SessionStore
from hugathome.record.transitions import Status
from hugathome.roles import OPAQUE_ID
from hugathome.rooms.journal import Journal
from hugathome.rooms.mirror import QUIET, SEEN, recorded
from hugathome.session import Session
from hugathome.verifier import Randomness
from hugathome.visits.archive import Archive
from hugathome.visits.refusals import Refusals

_RACES = 24
"""How often a change that lost a race starts again before `StaleSession`."""

_COUNTABLE = 2**63
"""What a database can count to."""

Decide = Callable[[Session], Session]


@discreet
class Ledger:
    """Every session of one deployment: found, looked at, changed."""

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
        self._refusals = Refusals()
        self._journal = journal
        self._clock = clock
        self._randomness = randomness
        self._organisations = organisations

    # --- Looking ---------------------------------------------------------------------------------

    async def get(self, session_id: str) -> Session:
        """Return a session by its id, or raise `SessionNotFound`."""
        session = self._ours(await self._archive.load(session_id))
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
        return self._ours(await self._archive.of_link(link_id))

    async def find_by_message(self, message_id: str) -> Session | None:
        """Return the session that a message was sent for."""
        return self._ours(await self._archive.of_message(message_id))

    async def list(
        self,
        *,
        organisation: str,
        since: datetime,
        until: datetime,
        service: str | None = None,
        status: Status | Collection[Status] | None = None,
        who: str | None = None,
        after: Session | str | None = None,
        limit: int = 100,
    ) -> Sequence[Session]:
        """Return an organisation's sessions that start from `since` to before `until`, in their order.

        Of one `service`, in one `status` or several, and with the participant whom the host calls `who`
        (their `reference`), where these are given. At most `limit`; the next page is `after` the last one,
        or its id.
        """
        self._refuse_unless_ours(organisation)
        refuse_to_page(limit)
        named = {label: name for label, name in (("service", service), ("person", who)) if name is not None}
        return await self._archive.list(
            organisation,
            since=aware(since, "since"),
            until=aware(until, "until"),
            statuses=_statuses(status),
            named={label: _name(name) for label, name in named.items()},
            after=None if after is None else await self._last(after, organisation),
            limit=limit,
        )

    async def _last(self, after: Session | str, organisation: str) -> Session:
        is_id = isinstance(after, str) and OPAQUE_ID.fullmatch(after) is not None
        if not is_id and not isinstance(after, Session):
            raise InvalidInput("after= takes the last session of the page before, or its id")
        last = after if isinstance(after, Session) else await self.get(after)
        if last.organisation != organisation:
            raise SessionNotFound("no session of this organisation has this id")
        return last

    async def queued(
        self, *, organisation: str, service: str, limit: int = 100, skip: int = 0
    ) -> Sequence[Session]:
        """Return the sessions that wait in a service's queue, less the first few, in their order."""
        self._refuse_unless_ours(organisation)
        refuse_to_page(limit)
        service = _name(service)
        self._organisations.get(organisation).service(service)
        return await self._archive.queue(organisation, service, limit=limit, skip=skip)

    async def ahead_of(self, session: Session) -> int:
        """Return how many wait in the queue of a session that waits, and have come before it."""
        return await self._archive.ahead_of(session)

    async def find_by_handle(self, handle: str) -> Session | None:
        """Return the session of the message that a gateway calls so."""
        return await self._archive.of_handle(handle)

    async def find_by_slot(self, *, organisation: str, slot: str) -> Session | None:
        """Return the session that has booked a slot, or still holds it."""
        self._refuse_unless_ours(organisation)
        holder = await self._archive.of_slot(organisation, slot)
        return None if holder is None or has_run_out(holder, self._clock.now()) else holder

    async def events(self, *, organisation: str, after: int = 0, limit: int = 100) -> Sequence[Event]:
        """Return an organisation's events after a position, in order, at most `limit`."""
        self._refuse_unless_ours(organisation)
        refuse_to_page(limit, after)
        return await self._archive.events(organisation, after=after, limit=limit)

    # --- The one way to change -------------------------------------------------------------------

    async def change(self, session_id: str, decide: Decide, *, trying: Change | None = None) -> Session:
        """Save what `decide` makes of the session; it is asked again whenever another was faster.

        It changes nothing by returning the session it was given, and refuses by raising; what was being
        tried then stands in the audit trail.
        """
        for _ in range(_RACES):
            before = await self.get(session_id)
            decided = await self.decided(before, decide, trying=trying)
            if decided is before:
                return before
            after = decided.but(version=before.version + 1)
            if await self._save(after, before=before):
                return after
            if after.slot is not None and after.slot != before.slot:
                await self._free(after.slot, for_=after)
        raise StaleSession("the session changed under every attempt to change it")

    async def decided(self, session: Session, decide: Decide, *, trying: Change | None) -> Session:
        """Return what `decide` makes of a session; a refusal is in the audit trail before it is raised.

        Of many refusals only the first are written (`refusals.py`).
        """
        try:
            return decide(session)
        except HugathomeError as refused:
            if trying is not None and self._refusals.is_written(session.id, trying):
                await self._archive.note_refusal(session, trying, refused)
            raise

    async def keep(self, session: Session) -> Session:
        """Keep a new session, or return the one that has its reference; raise `SlotTaken`."""
        for _ in range(_RACES):
            known = await self._archive.of_reference(session.organisation, session.reference)
            if known is not None:
                return known
            if await self._save(session, before=None):
                return session
            if session.slot is not None:
                await self._free(session.slot, for_=session)
        raise StaleSession("the session could not be planned; try again")

    async def _free(self, slot: str, *, for_: Session) -> None:
        """Let go of a slot that was only held, and no longer is; raise `SlotTaken` if it is another's."""
        holder = await self._archive.of_slot(for_.organisation, slot)
        if holder is None or _is_same(holder, for_):
            return
        now = self._clock.now()
        if not has_run_out(holder, now):
            raise SlotTaken("this slot has been booked, or is held")
        await self.change(holder.id, lambda session: run_out(session, now))

    async def _do(
        self, session_id: str, action: Action, participant_id: str | None = None, **facts: Any
    ) -> Session:
        at = self._clock.now()
        change = Change(action=action, at=at, participant=participant_id, **facts)
        return await self.change(session_id, lambda session: session.after(change), trying=change)

    async def forget_room(self, session_id: str) -> None:
        """Delete the log of a session's room, once its time is over; what is due then is the people's."""
        await self._journal.forget(session_id)

        def decide(session: Session) -> Session:
            if session.room_kept_until is None:
                return session
            kept_until = self._organisations.kept_until(session.organisation, session.ended_at)
            return session.but(room_kept_until=None, kept_until=kept_until)

        await self.change(session_id, decide)

    def _ours(self, session: Session | None) -> Session | None:
        """Return a session of an organisation of this deployment; its store may have those of others."""
        return session if session is not None and self._organisations.has(session.organisation) else None

    def _refuse_unless_ours(self, organisation: str) -> None:
        self._organisations.get(organisation)
        refuse_unless_a_name(organisation)

    async def _save(self, after: Session, *, before: Session | None) -> bool:
        news = after.history[len(before.history) if before else 0 :]
        saved = await self._archive.save(after, expected=before.version if before else 0, news=news)
        if saved and any(change.action in SEEN for change in news):
            await self._archive.after_commit(lambda: self._tell(after, news))
        return saved

    async def _tell(self, session: Session, news: Sequence[Change]) -> None:
        if any(change.action not in QUIET for change in news):
            await self._journal.append(session.id, recorded(session))
            return
        with suppress(HugathomeError):  # what was done was done, and whoever comes later reads the record
            if await self._journal.is_open(session.id):  # an SMS of the day before opens no room
                await self._journal.append(session.id, recorded(session))


def run_out(session: Session, now: datetime) -> Session:
    """Return the session without its slot, if that was held until now at the latest and not confirmed."""
    if session.status.is_terminal or not has_run_out(session, now):
        return session
    return session.after(Change(action=Action.CANCEL, at=now, reason="not confirmed in time"))


def has_run_out(session: Session, now: datetime) -> bool:
    """Whether a slot was held until now at the latest, and not confirmed."""
    return session.held_until is not None and session.held_until <= now


def _is_same(holder: Session, wanted: Session) -> bool:
    """Whether what has a slot is what asks for it: the same call, made twice at once."""
    is_one_plan = wanted.reference is not None and holder.reference == wanted.reference
    return holder.id == wanted.id or is_one_plan


def refuse_to_page(limit: int, after: int = 0) -> None:
    """Raise `InvalidInput` for what is no number of things, or no position."""
    are_numbers = isinstance(limit, int) and isinstance(after, int)
    if not are_numbers or not 1 <= limit < _COUNTABLE or not 0 <= after < _COUNTABLE:
        raise InvalidInput("limit= is at least 1, and after= is a position or 0")


def aware(at: datetime, name: str) -> datetime:
    """Return an aware datetime in UTC; raise `InvalidInput` for what is none."""
    if not isinstance(at, datetime) or at.utcoffset() is None:
        raise InvalidInput(f"{name}= takes an aware datetime")
    return in_utc(at)


def _statuses(status: Status | Collection[Status] | None) -> frozenset[Status]:
    try:
        given = Status if status is None else [status] if isinstance(status, str) else status
        return frozenset(map(Status, given))
    except (ValueError, TypeError):
        raise InvalidInput("status= takes a status of a session, or several") from None


def _name(name: str) -> str:
    """Return a name as it is kept: without what stands around it."""
    try:
        name.encode()
    except (AttributeError, UnicodeEncodeError):
        raise InvalidInput("service= and who= take text") from None
    return name.strip()

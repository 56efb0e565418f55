"""Say what is held about a person, erase it, and let what was kept long enough go.

Erasing leaves evidence that names nobody (`erasure.py`): a session's events are rewritten first, then the
session itself, in one write with its look-ups and an entry in the audit trail. Whoever stops in between finds
it again, and goes on. No row is deleted: events stay numbered, and a trail keeps what it speaks of.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime

from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.discretion import discreet
from hugathome.errors import InvalidInput, StillOpen
from hugathome.organisations import Organisations
from hugathome.record.audit import AuditEntry
from hugathome.record.dossier import Dossier, disclosed, disclosed_change, is_theirs
from hugathome.record.erasure import erased, erasing, is_about, is_blank, people
from hugathome.record.history import Action, Change
from hugathome.record.shelf import Event
from hugathome.record.transitions import Status
from hugathome.session import Session
from hugathome.visits.archive import Archive
from hugathome.visits.ledger import aware
from hugathome.visits.trail import Trail

_AT_ONCE = 200
_EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


@discreet
class Retention:
    """How long things are kept, and what is said and erased on request."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        archive: Archive,
        trail: Trail,
        organisations: Organisations,
        clock: Clock,
    ) -> None:
        self._consultations = consultations
        self._archive = archive
        self._trail = trail
        self._organisations = organisations
        self._clock = clock

    async def export(self, *, organisation: str, reference: str) -> Dossier:
        """Return everything that is held about the person whom the host calls `reference`.

        Sessions as far as they belong to them, and of their events and the audit trail's entries those of the
        visits in which they are the patient, and their own in others; not the codes, which die within days.
        Reads the whole trail of the organisation.
        """
        sessions = {each.id: each for each in await self._sessions_of(organisation, reference)}
        whom = {session_id: people(each, reference.strip()) for session_id, each in sessions.items()}
        events = [event for each in sessions.values() for event in await self._archive.events_of(each)]
        events.sort(key=lambda event: event.position)
        entries = await self._entries(organisation, sessions)
        return Dossier(
            organisation=organisation,
            reference=reference,
            at=self._clock.now(),
            sessions=tuple(disclosed(each, whom[each.id]) for each in sessions.values()),
            events=tuple(
                _told(each, sessions[each.session], whom[each.session])
                for each in events
                if is_theirs(each.change, sessions[each.session], whom[each.session])
            ),
            audit=tuple(
                each for each in entries if is_theirs(each, sessions[each.session], whom[each.session])
            ),
        )

    async def erase(self, *, organisation: str, reference: str, by: str) -> tuple[str, ...]:
        """Erase the person whom the host calls `reference`, and return the ids of the sessions they were in.

        In a session of theirs as a patient everything goes that names anybody or says anything; in another's,
        what is their own. Raises `StillOpen`, having erased nothing, where a session has not ended. It may be
        repeated, and returns what was left to do.
        """
        sessions = await self._sessions_of(organisation, reference)
        still_open = tuple(each.id for each in sessions if not each.status.is_terminal)
        if still_open:
            raise StillOpen(sessions=still_open)
        for session in sessions:
            await self._erase(session, people(session, reference.strip()), by=by)
        return tuple(each.id for each in sessions)

    async def forget(self, *, organisation: str, before: datetime, by: str) -> int:
        """Erase everybody in the sessions of an organisation that ended before that; return how many."""
        before, count = aware(before, "before"), 0
        while page := await self._ended(organisation, before=before):
            for session in page:
                await self._erase(session, _everybody(session), by=by)
            count += len(page)
        return count

    async def attend(self, session: Session) -> None:
        """Let go of what has had its time, of a session that has ended: its room first, then its people."""
        if session.room_kept_until is not None:
            await self._consultations.forget_room(session.id)
            return
        until = self._organisations.kept_until(session.organisation, session.ended_at)
        if until is not None and until <= self._clock.now() and not is_blank(session):
            await self._erase(session, _everybody(session), by=None)
            return
        left = None if is_blank(session) else until
        await self._consultations.change(session.id, lambda known: known.but(kept_until=left))

    async def _erase(self, session: Session, whom: Collection[str], *, by: str | None) -> None:
        """Erase persons from the events of a session that has ended, then from it, and then its room."""
        change = Change(action=Action.ERASE, at=self._clock.now(), by=by)  # refused before anything is gone
        await self._archive.rewrite_events(session, erasing(session, whom))
        left = await self._consultations.change(
            session.id, lambda known: erased(known, whom).after(change), trying=change
        )
        if is_blank(left) and not is_about(session, whom):  # its other patient was erased meanwhile
            await self._archive.rewrite_events(left, erasing(left, _everybody(left)))
        await self._archive.after_commit(lambda: self._consultations.forget_room(session.id))

    # --- Looking, page by page -------------------------------------------------------------------

    async def _sessions_of(self, organisation: str, reference: str) -> list[Session]:
        named, last = {"person": _name(reference)}, None
        found: list[Session] = []
        while page := await self._page(organisation, named=named, after=last):
            found += page
            last = page[-1]
        return found

    async def _ended(self, organisation: str, *, before: datetime) -> list[Session]:
        """Return some that ended before that and name somebody: never one that was erased."""
        self._organisations.get(organisation)
        ended = await self._archive.ended(organisation, limit=_AT_ONCE)
        return [each for each in ended if each.ended_at is not None and each.ended_at < before]

    async def _page(
        self, organisation: str, *, named: Mapping[str, str], after: Session | None
    ) -> Sequence[Session]:
        self._organisations.get(organisation)
        since, until = _EVER
        return await self._archive.list(
            organisation,
            since=since,
            until=until,
            statuses=frozenset(Status),
            named=named,
            after=after,
            limit=_AT_ONCE,
        )

    async def _entries(self, organisation: str, sessions: Collection[str]) -> list[AuditEntry]:
        found: list[AuditEntry] = []
        after = 0
        while sessions and (page := await self._trail.entries(organisation, after=after, limit=_AT_ONCE)):
            found += (each for each in page if each.session in sessions)
            after = page[-1].position
        return found


def _name(reference: str) -> str:
    """Return what the host calls a person as it is kept, or raise `InvalidInput`."""
    try:
        reference.encode()
    except (AttributeError, UnicodeEncodeError):
        raise InvalidInput("reference= is what the host calls a person") from None
    return reference.strip()


def _everybody(session: Session) -> frozenset[str]:
    return frozenset(each.id for each in session.participants)


def _told(event: Event, session: Session, whom: Collection[str]) -> Event:
    return event.but(change=disclosed_change(event.change, session, whom))

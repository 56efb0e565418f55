"""How sessions, events and audit trails are kept: sealed before a store sees them, found by what keys make.

A body is sealed under the deployment's key and bound to organisation, session and version, so that it opens
only where it was put. References, links, messages and what gateways call these are looked up by an HMAC.
Nothing here decides anything.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime

from hugathome._model import Record
from hugathome.errors import HugathomeError
from hugathome.keys import NONCE_BYTES, KeyRing
from hugathome.record.audit import Append, Attempt, Chain, attempted
from hugathome.record.erasure import is_blank
from hugathome.record.history import Change
from hugathome.record.shelf import Event, Listing, SessionStore, StoredSession
from hugathome.record.transitions import Status
from hugathome.roles import OPAQUE_ID
from hugathome.session import Session
from hugathome.verifier import Randomness


class Archive:
    """A session store of one deployment, with its bodies opened."""

    def __init__(self, *, store: SessionStore, keys: KeyRing, randomness: Randomness) -> None:
        self._store = store
        self._keys = keys
        self._randomness = randomness

    async def load(self, session_id: str) -> Session | None:
        """Return the session of this id."""
        is_id = isinstance(session_id, str) and OPAQUE_ID.fullmatch(session_id) is not None
        stored = await self._store.load_session(session_id) if is_id else None
        return None if stored is None else self._opened(stored)

    async def of_reference(self, organisation: str, reference: str | None) -> Session | None:
        """Return the session that the host calls `reference`."""
        return None if reference is None else await self._looked_up("reference", organisation, reference)

    async def of_link(self, link_id: str) -> Session | None:
        """Return the session that an invitation's link belongs to."""
        return await self._looked_up("link", link_id)

    async def of_message(self, message_id: str) -> Session | None:
        """Return the session that a message was sent for."""
        return await self._looked_up("message", message_id)

    async def of_slot(self, organisation: str, slot: str) -> Session | None:
        """Return the session that has booked a slot, or holds it."""
        return await self._looked_up("slot", organisation, slot)

    async def of_handle(self, handle: str) -> Session | None:
        """Return the session of the message that a gateway calls so."""
        return await self._looked_up("handle", handle)

    async def list(
        self,
        organisation: str,
        *,
        since: datetime,
        until: datetime,
        statuses: frozenset[Status],
        named: Mapping[str, str],
        after: Session | None,
        limit: int,
    ) -> Sequence[Session]:
        """Return an organisation's sessions of a span of time; `named` says of what service, or of whom."""
        listing = Listing(
            organisation=organisation,
            since=since,
            until=until,
            statuses=statuses,
            tags=tuple(self._tagged(label, organisation, name) for label, name in named.items()),
            after=None if after is None else (after.window.starts_at, after.id),
            limit=limit,
        )
        return [self._opened(row) for row in await self._store.list_sessions(listing)]

    async def queue(self, organisation: str, service: str, *, limit: int, skip: int = 0) -> Sequence[Session]:
        """Return the sessions that wait in a service's queue, less the first few, in their order."""
        tags = self._tagged("queue", organisation, service)
        rows = await self._store.tagged_sessions(tags, limit=limit, skip=skip)
        return [self._opened(row) for row in rows]

    async def ended(self, organisation: str, *, limit: int) -> Sequence[Session]:
        """Return an organisation's sessions that have ended and name somebody, the longest ago first."""
        rows = await self._store.tagged_sessions(self._tagged("ended", organisation), limit=limit)
        return [self._opened(row) for row in rows]

    async def ahead_of(self, session: Session) -> int:
        """Return how many stand before a session in the queue in which it waits."""
        if session.queue is None:
            return 0
        tags = self._tagged("queue", session.organisation, session.service)
        return await self._store.count_tagged(tags, before=(session.queue.since, session.id))

    async def events(self, organisation: str, *, after: int, limit: int) -> Sequence[Event]:
        """Return an organisation's events after a position, in order."""
        return self._told(organisation, await self._store.load_events(organisation, after=after, limit=limit))

    async def events_of(self, session: Session) -> Sequence[Event]:
        """Return the events of one session, in order."""
        return self._told(session.organisation, await self._store.session_events(session.id))

    async def rewrite_events(self, session: Session, rewrite: Callable[[Change], Change]) -> None:
        """Put what `rewrite` makes of each change of a session into its event; the places stay."""

        def sealed(body: bytes) -> bytes:
            told = _Told.from_json(self._keys.open("event", body, bound_to=(session.organisation,)))
            return self._seal("event", told.but(change=rewrite(told.change)), session.organisation)

        await self._store.rewrite_events(session.id, sealed)

    async def save(self, session: Session, *, expected: int, news: Sequence[Change]) -> bool:
        """Save a session and tell its news in one write, if its stored version is `expected`."""
        events = [self._event(session, change) for change in news]
        done = [attempted(session.id, change) for change in news]
        audit = self._audited(session.organisation, done) if done else None
        return await self._store.save_session(
            self._sealed(session), expected=expected, events=events, audit=audit
        )

    async def note_refusal(self, session: Session, change: Change, refused: HugathomeError) -> None:
        """Write into the audit trail that a change was refused."""
        attempt = attempted(session.id, change, refused)
        await self._store.append_audit(session.organisation, self._audited(session.organisation, [attempt]))

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` once what was saved can no longer be rolled back."""
        await self._store.after_commit(work)

    def _told(self, organisation: str, rows: Sequence[tuple[int, bytes]]) -> Sequence[Event]:
        opened = ((at, self._keys.open("event", body, bound_to=(organisation,))) for at, body in rows)
        return [_Told.from_json(body).at(position) for position, body in opened]

    def _audited(self, organisation: str, attempts: Sequence[Attempt]) -> Append:
        bodies = [self._seal("audit", attempt, organisation) for attempt in attempts]
        return Chain(self._keys, organisation).append(bodies)

    def _event(self, session: Session, change: Change) -> bytes:
        told = _Told(
            organisation=session.organisation,
            session=session.id,
            version=session.version,
            status=session.status,
            change=change,
        )
        return self._seal("event", told, session.organisation)

    def _sealed(self, session: Session) -> StoredSession:
        return StoredSession(
            id=session.id,
            organisation=session.organisation,
            version=session.version,
            status=session.status,
            starts_at=session.window.starts_at,
            due_at=session.due_at,
            lookups=self._lookups(session),
            tags=self._tags(session),
            body=self._seal("session", session, session.organisation, session.id, str(session.version)),
        )

    def _opened(self, stored: StoredSession) -> Session:
        where = (stored.organisation, stored.id, str(stored.version))
        return Session.from_json(self._keys.open("session", stored.body, bound_to=where))

    def _seal(self, label: str, record: Record, *bound_to: str) -> bytes:
        nonce = self._randomness(NONCE_BYTES)
        return self._keys.seal(label, record.to_json().encode(), bound_to=bound_to, nonce=nonce)

    def _lookups(self, session: Session) -> frozenset[str]:
        """Return what leads to a session: what one alone may have under every key, as others may know it."""
        links = (attendance.link_id for attendance in session.attendance.values())
        digests = {self._keys.digest("link", link) for link in links if link is not None}
        messages = [message for attendance in session.attendance.values() for message in attendance.messages]
        digests |= {self._keys.digest("message", m.id) for m in messages if m.kind != "code"}
        if session.slot is not None and not session.status.is_terminal:
            digests |= self._tagged("slot", session.organisation, session.slot)
        digests |= {self._keys.digest("handle", handle) for m in messages for handle in m.handles if handle}
        if session.reference is not None:
            digests |= self._tagged("reference", session.organisation, session.reference)
        return frozenset(digests)

    def _tags(self, session: Session) -> dict[str, datetime]:
        starts_at, organisation = session.window.starts_at, session.organisation
        people = {participant.reference for participant in session.participants} - {None}
        named = [("service", session.service), *(("person", person) for person in people if person)]
        tags = {self._keys.digest(label, organisation, name): starts_at for label, name in named}
        if session.queue is not None and session.queue.is_waiting and not session.status.is_terminal:
            tags[self._keys.digest("queue", organisation, session.service)] = session.queue.since
        if session.ended_at is not None and not is_blank(session):
            tags[self._keys.digest("ended", organisation)] = session.ended_at
        return tags

    def _tagged(self, *labels: str) -> frozenset[str]:
        return frozenset(self._keys.digests(*labels))

    async def _looked_up(self, *labels: str) -> Session | None:
        try:
            digests = self._keys.digests(*labels)
        except UnicodeEncodeError:
            return None  # half a character names nothing
        for digest in digests:
            stored = await self._store.find_session(digest)
            if stored is not None:
                return self._opened(stored)
        return None


class _Told(Record):
    """An event before it has a position."""

    organisation: str
    session: str
    version: int
    status: Status
    change: Change

    def at(self, position: int) -> Event:
        return Event(
            position=position,
            organisation=self.organisation,
            session=self.session,
            version=self.version,
            status=self.status,
            change=self.change,
        )

"""Stores that live and die with the process: for tests, demonstrations and short-lived tools."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from threading import Lock

from hugathome.codes import Challenge, Kept
from hugathome.quotas import Tally
from hugathome.record.audit import START, Append, Head, SealedEntry
from hugathome.record.shelf import Listing, StoredSession


class MemoryCodes:
    """Challenges and tallies in a dictionary."""

    def __init__(self) -> None:
        self._records: dict[tuple[type, str], Challenge | Tally] = {}
        self._lock = Lock()

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record under `key`."""
        kept = self._records.get((kind, key))
        return kept if isinstance(kept, kind) else None

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        """Save if the version is still `expected`."""
        place = (type(record), record.key)
        with self._lock:
            before = self._records.get(place)
            if (before.version if before else 0) != expected:
                return False
            self._records[place] = record
            return True

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Delete records that were over before that."""
        with self._lock:
            over = [place for place, record in self._records.items() if record.over_at < before][:limit]
            for place in over:
                del self._records[place]
            return len(over)


class MemorySessions:
    """Sessions, events and audit trails in dictionaries."""

    def __init__(self) -> None:
        self._sessions: dict[str, StoredSession] = {}
        self._lookups: dict[str, str] = {}
        self._events: dict[str, list[tuple[str, bytes]]] = defaultdict(list)
        self._trails: dict[str, list[SealedEntry]] = defaultdict(list)
        self._lock = Lock()

    async def load_session(self, session_id: str) -> StoredSession | None:
        """Return the session of this id."""
        return self._sessions.get(session_id)

    async def find_session(self, lookup: str) -> StoredSession | None:
        """Return the session that has this look-up."""
        return self._sessions.get(self._lookups.get(lookup, ""))

    async def list_sessions(self, listing: Listing) -> Sequence[StoredSession]:
        """Return the sessions that are asked for."""
        asked = [each for each in self._sessions.values() if _is_asked_for(each, listing)]
        return sorted(asked, key=_place)[: listing.limit]

    async def tagged_sessions(
        self, tags: Collection[str], *, limit: int, skip: int = 0
    ) -> Sequence[StoredSession]:
        """Return sessions with one of these tags, in their order."""
        places = sorted(self._places(tags))[skip : skip + limit]
        return [self._sessions[session_id] for _, session_id in places]

    async def count_tagged(self, tags: Collection[str], *, before: tuple[datetime, str]) -> int:
        """Return how many come before this place and id."""
        return sum(place < before for place in self._places(tags))

    async def due_sessions(self, now: datetime, *, limit: int) -> Sequence[str]:
        """Return ids of sessions with something due."""
        due = [(s.due_at, s.id) for s in self._sessions.values() if s.due_at is not None and s.due_at <= now]
        return [session_id for _, session_id in sorted(due)[:limit]]

    async def next_due(self) -> datetime | None:
        """Return when something is next due."""
        return min((s.due_at for s in self._sessions.values() if s.due_at is not None), default=None)

    async def save_session(
        self,
        session: StoredSession,
        *,
        expected: int,
        events: Sequence[bytes],
        audit: Append | None = None,
    ) -> bool:
        """Save all of it, or nothing."""
        with self._lock:
            before = self._sessions.get(session.id)
            if (before.version if before else 0) != expected:
                return False
            if any(self._lookups.get(lookup, session.id) != session.id for lookup in session.lookups):
                return False
            for gone in (before.lookups if before else frozenset()) - session.lookups:
                del self._lookups[gone]
            self._lookups.update(dict.fromkeys(session.lookups, session.id))
            self._sessions[session.id] = session
            self._events[session.organisation].extend((session.id, event) for event in events)
            if audit is not None:
                self._append(session.organisation, audit)
            return True

    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return the events after a position; the first has position 1."""
        events = self._events.get(organisation, [])[after : after + limit]
        return list(enumerate((event for _, event in events), start=after + 1))

    async def session_events(self, session_id: str) -> Sequence[tuple[int, bytes]]:
        """Return the events of one session, in order."""
        streams = map(list, list(self._events.values()))
        return [
            (at, body) for stream in streams for at, (of, body) in enumerate(stream, 1) if of == session_id
        ]

    async def rewrite_events(self, session_id: str, rewrite: Callable[[bytes], bytes]) -> None:
        """Put what `rewrite` makes of each event of a session into its place."""
        with self._lock:
            for events in self._events.values():
                events[:] = [(of, rewrite(event) if of == session_id else event) for of, event in events]

    async def append_audit(self, organisation: str, audit: Append) -> None:
        """Append what `audit` makes of the trail's head."""
        with self._lock:
            self._append(organisation, audit)

    async def load_audit(self, organisation: str, *, after: int, limit: int) -> Sequence[SealedEntry]:
        """Return the entries after a position, in order."""
        return self._trails.get(organisation, [])[after : after + limit]

    async def load_audit_head(self, organisation: str) -> Head:
        """Return the head of the organisation's trail."""
        return self._head(organisation)

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` now: what was saved is saved."""
        await work()

    def _places(self, tags: Collection[str]) -> list[tuple[datetime, str]]:
        every = list(self._sessions.values())
        return [(at, each.id) for each in every for tag, at in each.tags.items() if tag in tags]

    def _append(self, organisation: str, audit: Append) -> None:
        self._trails[organisation].extend(audit(self._head(organisation)))

    def _head(self, organisation: str) -> Head:
        trail = self._trails.get(organisation)
        return Head(position=trail[-1].position, digest=trail[-1].digest) if trail else START


def _place(session: StoredSession) -> tuple[datetime, str]:
    return session.starts_at, session.id


def _is_asked_for(session: StoredSession, listing: Listing) -> bool:
    return (
        session.organisation == listing.organisation
        and listing.since <= session.starts_at < listing.until
        and session.status in listing.statuses
        and all(tags & session.tags.keys() for tags in listing.tags)
        and (listing.after is None or _place(session) > listing.after)
    )

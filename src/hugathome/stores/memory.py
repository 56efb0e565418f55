"""Stores that live and die with the process: for tests, demonstrations and short-lived tools."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from threading import Lock

from hugathome.codes import Challenge, Kept
from hugathome.quotas import Tally
from hugathome.session import StoredSession


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
    """Sessions and events in dictionaries."""

    def __init__(self) -> None:
        self._sessions: dict[str, StoredSession] = {}
        self._lookups: dict[str, str] = {}
        self._events: dict[str, list[bytes]] = defaultdict(list)
        self._lock = Lock()

    async def load_session(self, session_id: str) -> StoredSession | None:
        """Return the session of this id."""
        return self._sessions.get(session_id)

    async def find_session(self, lookup: str) -> StoredSession | None:
        """Return the session that has this look-up."""
        return self._sessions.get(self._lookups.get(lookup, ""))

    async def list_sessions(
        self, organisation: str, *, since: datetime, until: datetime, after: str, limit: int
    ) -> Sequence[StoredSession]:
        """Return an organisation's sessions of a span of time, in the order of their ids."""
        mine = (s for s in self._sessions.values() if s.organisation == organisation and s.id > after)
        return sorted((s for s in mine if since <= s.starts_at < until), key=lambda s: s.id)[:limit]

    async def due_sessions(self, now: datetime, *, limit: int) -> Sequence[str]:
        """Return ids of sessions with something due."""
        due = [(s.due_at, s.id) for s in self._sessions.values() if s.due_at is not None and s.due_at <= now]
        return [session_id for _, session_id in sorted(due)[:limit]]

    async def next_due(self) -> datetime | None:
        """Return when something is next due."""
        return min((s.due_at for s in self._sessions.values() if s.due_at is not None), default=None)

    async def save_session(self, session: StoredSession, *, expected: int, events: Sequence[bytes]) -> bool:
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
            self._events[session.organisation].extend(events)
            return True

    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return the events after a position; the first has position 1."""
        events = self._events.get(organisation, [])[after : after + limit]
        return list(enumerate(events, start=after + 1))

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` now: what was saved is saved."""
        await work()

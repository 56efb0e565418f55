"""What a store of sessions sees of them, and what it promises: the seam to `stores/`.

Nothing that tells anything about anybody gets here but sealed, or as an HMAC.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Protocol

from hugathome._model import Record
from hugathome.privacy import Body, Digest, Life, Personal, Public
from hugathome.record.audit import Append, AuditStore
from hugathome.record.history import Change
from hugathome.record.transitions import Status
from hugathome.roles import OrganisationId


class Event(Record):
    """A change as the host's event stream tells it: dense and ordered within an organisation."""

    kept: ClassVar = Life.SESSION

    position: Public[int]
    organisation: Public[OrganisationId]
    session: Public[str]
    version: Public[int]
    status: Public[Status]
    change: Change


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
    """HMACs that lead to it and to no other: of its reference, its links, its messages and its slot."""
    tags: Digest[Mapping[str, datetime]]
    """HMACs that it shares with others, and where among these it stands: of its service, who takes part,
    the queue in which it waits, and that it has ended."""
    body: Body[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Which sessions of an organisation are asked for."""

    organisation: str
    since: datetime
    until: datetime
    """Sessions that start from `since` to before `until`."""
    statuses: frozenset[Status] = frozenset(Status)
    tags: tuple[frozenset[str], ...] = ()
    """A session has one of each of these sets, and such a tag stands where the session starts."""
    after: tuple[datetime, str] | None = None
    """Start and id of the last session of the page before."""
    limit: int


class SessionStore(AuditStore, Protocol):
    """Keeps sessions and what they gave rise to: events, and the audit trail.

    Every method raises `StoreUnavailable` at most.
    """

    async def load_session(self, session_id: str) -> StoredSession | None:
        """Return the session of this id."""
        ...

    async def find_session(self, lookup: str) -> StoredSession | None:
        """Return the session that has `lookup` among its look-ups."""
        ...

    async def list_sessions(self, listing: Listing) -> Sequence[StoredSession]:
        """Return the sessions that are asked for, by start and then id; look-ups and tags may be left out."""
        ...

    async def tagged_sessions(
        self, tags: Collection[str], *, limit: int, skip: int = 0
    ) -> Sequence[StoredSession]:
        """Return sessions with one of these tags, by where it says they stand, and then their id.

        The first `skip` are passed over.
        """
        ...

    async def count_tagged(self, tags: Collection[str], *, before: tuple[datetime, str]) -> int:
        """Return how many sessions with one of these tags come before this place and id in their order."""
        ...

    async def rewrite_events(self, session_id: str, rewrite: Callable[[bytes], bytes]) -> None:
        """Put what `rewrite` makes of each event of a session into its place."""
        ...

    async def due_sessions(self, now: datetime, *, limit: int) -> Sequence[str]:
        """Return ids of sessions with something due at `now`, the longest overdue first."""
        ...

    async def next_due(self) -> datetime | None:
        """Return when something is next due in any session."""
        ...

    async def save_session(
        self,
        session: StoredSession,
        *,
        expected: int,
        events: Sequence[bytes],
        audit: Append | None = None,
    ) -> bool:
        """Save session, look-ups, events and audit in one write if the stored version is `expected`.

        A new one is `expected` at 0. Return False, having changed nothing, if it is another or a look-up
        belongs to another session.

        Events get the organisation's next positions, dense, readable only once no earlier can come; what
        `audit` makes of the head of the organisation's trail is appended there.
        """
        ...

    async def load_events(self, organisation: str, *, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """Return events with positions greater than `after`, in order."""
        ...

    async def session_events(self, session_id: str) -> Sequence[tuple[int, bytes]]:
        """Return the events of one session, with their positions in its organisation's, in order."""
        ...

    async def after_commit(self, work: Callable[[], Awaitable[None]]) -> None:
        """Await `work` once what was saved can no longer be rolled back: now, or when the host commits."""
        ...

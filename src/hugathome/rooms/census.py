"""See how a deployment is: which rooms are open, in numbers, and whether store and log answer.

It is read off the record and the log, so that any process may ask, whoever serves the devices. Nobody is
named: a room is told by the id of its session.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime, timedelta

from hugathome._model import Record
from hugathome.clock import Clock
from hugathome.codes import Challenge, ChallengeStore
from hugathome.consultations import Consultations
from hugathome.record.history import Action
from hugathome.record.shelf import SessionStore
from hugathome.record.transitions import OPEN, Status
from hugathome.rooms.journal import Journal
from hugathome.session import Session
from hugathome.signalling import Room

_LOOKS_BACK = timedelta(days=2)
_LOOKS_AHEAD = timedelta(days=1)
_AT_ONCE = 100
_NOTHING = "readiness"
"""Asked for, and never there."""


class OpenRoom(Record):
    """One session whose room somebody has entered, and that has not ended."""

    session: str
    status: Status
    modality: str
    starts_at: datetime
    opened_at: datetime
    """When somebody came first."""
    participants: int
    """How many take part, whether they are there or not."""
    waiting: int
    inside: int
    """How many were let in, or need not be, and have not left."""
    connected: int
    """Of how many a device is connected, as far as the log knows."""


def lines(rooms: Sequence[OpenRoom], *, now: datetime) -> Iterator[str]:
    """Write rooms as a table, the one that was opened first on top."""
    columns = "{:<28} {:<12} {:<8} {:>7} {:>7} {:>7} {:>9} {:>6}"
    yield columns.format(
        "session", "status", "modality", "minutes", "waiting", "inside", "connected", "people"
    )
    for room in sorted(rooms, key=lambda each: each.opened_at):
        minutes = (now - room.opened_at) // timedelta(minutes=1)
        counts = (minutes, room.waiting, room.inside, room.connected, room.participants)
        yield columns.format(room.session, room.status, room.modality, *counts)


class Census:
    """Counts, and changes nothing."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        journal: Journal,
        sessions: SessionStore,
        codes: ChallengeStore,
        clock: Clock,
    ) -> None:
        self._consultations = consultations
        self._journal = journal
        self._sessions = sessions
        self._codes = codes
        self._clock = clock

    async def rooms(self, *, organisation: str) -> Sequence[OpenRoom]:
        """Return an organisation's open rooms, of sessions that start between two days ago and tomorrow.

        Raises `StoreUnavailable`.
        """
        return tuple(
            [
                _counted(session, room)
                async for session in self._unended(organisation)
                if (room := await self._journal.room(session.id)).limits is not None
            ]
        )

    async def ready(self) -> None:
        """Return once sessions, codes and log have answered; raise `StoreUnavailable` where one does not."""
        await self._sessions.next_due()
        await self._codes.load(Challenge, _NOTHING)
        await self._journal.is_open(_NOTHING)

    async def _unended(self, organisation: str) -> AsyncIterator[Session]:
        now = self._clock.now()
        last: Session | None = None
        while True:
            page = await self._consultations.list(
                organisation=organisation,
                since=now - _LOOKS_BACK,
                until=now + _LOOKS_AHEAD,
                status=OPEN,
                after=last,
                limit=_AT_ONCE,
            )
            for session in page:
                yield session
            if len(page) < _AT_ONCE:
                return
            last = page[-1]


def _counted(session: Session, room: Room) -> OpenRoom:
    came = [change.at for change in session.history if change.action is Action.ARRIVE]
    return OpenRoom(
        session=session.id,
        status=session.status,
        modality=session.modality,
        starts_at=session.window.starts_at,
        opened_at=min(came, default=session.window.starts_at),
        participants=len(session.participants),
        waiting=len(session.waiting),
        inside=len(session.present),
        connected=sum(peer.is_attached for peer in room.peers.values()),
    )

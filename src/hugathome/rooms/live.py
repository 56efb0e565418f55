"""A room while somebody is connected to it here: the log followed and folded once for all of them.

Connections read `since` an offset at their own speed and are woken when there is more for them. A timer here
proposes that whoever has been away too long has left; the fold decides, so it does not matter how many
workers propose it; so it is with the host's seat. Connections that no worker vouches for are taken for
lost: their worker was killed. What the record says is told to the log, if whoever changed it could not.
When the last connection has gone and nobody is left to wait for, the room ends here.

A log that has grown long is cut: a snapshot stands for all but its end, which is left to those who resume.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterable, Iterator
from contextlib import aclosing, contextmanager, suppress
from typing import Any, NamedTuple

from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.errors import HugathomeError, LocalProtocolError, LogForked, LogTrimmed
from hugathome.protocol.messages import Answer, Candidates, Close, IceServers, Leave, Offer
from hugathome.protocol.wire import CloseCode, Limits, RoomView
from hugathome.rooms.journal import Journal
from hugathome.rooms.mirror import recorded
from hugathome.rooms.pulse import Pulse
from hugathome.rooms.snapshot import Point
from hugathome.rooms.waker import Waker
from hugathome.signalling import (
    START,
    Commanded,
    Detached,
    Doubted,
    Entry,
    Expired,
    Peer,
    Position,
    Room,
    Tell,
    Unread,
    Vacated,
    Vouched,
)
from hugathome.telemetry import SILENT, Telemetry

_VOUCHED_WITHIN = 10.0
"""Seconds: many times what an entry takes to reach another worker and the answer to come back."""
_LONG = 2 * 1024 * 1024
"""Bytes in a log, after which it is cut."""
_MANY = 512
"""Entries in a log, after which it is cut: a worker that takes a room over has to read them all."""
_UNHEARD = 16
"""Entries after which everybody is woken, though they concern others: few of those that are kept for them."""
_ANSWERED = (Offer, Answer, Candidates)
"""What is relayed concerns whom it goes to: whoever said it hears of it later."""

_HELD = 2 * _LONG
"""Bytes of a log whose entries are held here for those who resume; more than what a cut leaves of it."""


class Parts(NamedTuple):
    """What everything in a hub shares."""

    journal: Journal
    consultations: Consultations
    clock: Clock
    randomness: Callable[[int], bytes]
    limits: Limits
    mint: Callable[[str], IceServers]
    """Make the ICE servers for a peer."""
    pulse: Pulse
    telemetry: Telemetry = SILENT


class Step(NamedTuple):
    """One entry folded: the room after it, and what it tells whom."""

    position: Position
    room: Room
    told: tuple[Tell, ...]


class LiveRoom:
    """One room, followed; `run` does the following, everybody else looks."""

    def __init__(self, session_id: str, *, parts: Parts) -> None:
        self.session_id = session_id
        self.is_over = False
        """Whether nobody may enter any more: take a new one."""
        self.end: Close | None = None
        """Why all connections must end, once they must."""
        self._parts = parts
        self._last = Step(START, Room(session=session_id), ())
        self._kept: deque[Step] = deque([self._last], maxlen=parts.limits.kept)
        self._cut_at = START
        self._is_loaded = False
        self._watchers: dict[Waker, None] = {}
        """In the order of their coming, so that a simulated run repeats."""
        self._expecting: dict[Waker, None] = {}
        self._served: set[str] = set()
        self._away: set[tuple[str, int]] = set()
        self._empty_seats: set[int] = set()
        self._unanswered: set[tuple[str, int]] = set()
        """Connections that this worker has asked after, and that nobody has vouched for since."""
        self._until_idle: set[asyncio.Task[None]] = set()
        self._idle = Waker()
        self._tasks = asyncio.TaskGroup()

    @property
    def room(self) -> Room:
        """The room as far as it has been read."""
        return self._last.room

    @property
    def position(self) -> Position:
        """Where that is."""
        return self._last.position

    @contextmanager
    def watching(self) -> Iterator[Waker]:
        """Keep the room live, and give what is set whenever there is something new."""
        changed = Waker()
        self._watchers[changed] = None
        try:
            yield changed
        finally:
            del self._watchers[changed]
            self._look_if_idle()

    @contextmanager
    def expecting(self, changed: Waker) -> Iterator[None]:
        """Set `changed` now and then though nothing is new: the log may have lost what somebody waits for."""
        self._expecting[changed] = None
        try:
            yield
        finally:
            del self._expecting[changed]

    @contextmanager
    def serving(self, link: str) -> Iterator[None]:
        """Vouch for a connection while it is served here."""
        self._served.add(link)
        try:
            yield
        finally:
            self._served.discard(link)

    def since(self, offset: int) -> list[Step]:
        """Return the steps behind `offset`; those that are no longer kept are missing."""
        missing = min(self.position.offset - offset, len(self._kept))
        return [self._kept[index] for index in range(-missing, 0)]  # near its end, where a deque is quick

    def at(self, offset: int) -> Step | None:
        """Return the step at `offset`, if it is kept."""
        index = offset - self._kept[0].position.offset
        return self._kept[index] if 0 <= index < len(self._kept) else None

    def is_attached(self, peer: Peer) -> bool:
        """Whether the connection that `peer` stands for is still the peer's present one."""
        now = self.room.peers.get(peer.peer)
        return now is not None and now.conn == peer.conn and now.is_attached

    async def loaded(self, changed: Waker) -> None:
        """Return once the room has been read up to the present, or has ended."""
        while not self._is_loaded and self.end is None:
            await changed.wait()
            changed.clear()

    async def run(self) -> None:
        """Follow the log until nobody needs the room any more."""
        try:
            async with self._tasks:
                for each in (self._follow(), self._doubt_strangers(), self._mind_the_record()):
                    self._run_until_idle(each)
                await self._idle.wait()
                for task in self._until_idle:
                    task.cancel()
        except* LogForked:
            self.end = Close.because(CloseCode.STATE_LOST)
        except* LogTrimmed:  # this worker stood still for long; whoever comes back begins at the snapshot
            self.end = Close.because(CloseCode.SLOW_CONSUMER)
        except* LocalProtocolError:
            self.end = Close.because(CloseCode.GOING_AWAY, "another version serves this room")
        except* HugathomeError:
            self.end = Close.because(CloseCode.LOST_RACE, "the room cannot be read")
        except* Exception:  # a defect of ours: nobody may be left waiting for a room that nobody follows
            self.end = Close.because(CloseCode.LOST_RACE, "the room cannot be read")
            raise
        finally:
            self.is_over = True
            self._wake()

    async def _follow(self) -> None:
        await self._load()
        self._is_loaded = True
        self._cut_if_long()
        self._expect_the_away()
        self._expect_the_host()
        self._wake()
        async with aclosing(self._news()) as entries:
            async for position, entry in entries:
                before = self._last
                self._fold(entry, position)
                self._cut_if_long()
                if self.room.has_company_of(before.room) and isinstance(entry, Commanded):
                    self._wake_for(entry)
                    continue
                self._expect_the_away()
                self._expect_the_host()
                self._note_departures(before.room, entry, position)
                self._vouch(entry)
                self._wake()
                self._look_if_idle()

    async def _news(self) -> AsyncGenerator[tuple[Position, Entry | Unread]]:
        """Follow on from what was loaded, whose last entry has to be there still, as it was."""
        last = self.at(self.position.offset - 1)
        after = self.position if last is None else last.position
        async with aclosing(self._parts.journal.follow(self.session_id, after=after)) as entries:
            if last is not None and (await anext(entries))[0] != self.position:
                raise LogForked("the log was replaced while it was read")
            async for each in entries:
                yield each

    async def _load(self) -> None:
        (self._cut_at, room), entries = await self._parts.journal.replay(self.session_id)
        self._last = Step(self._cut_at, room, ())
        self._kept.clear()
        self._kept.append(self._last)
        for position, entry in entries:
            self._fold(entry, position)

    def _cut_if_long(self) -> None:
        """Have all but the last eighth replaced by a snapshot; whichever worker is first does it."""
        records = self.position.offset - self._cut_at.offset
        if records < min(self._parts.limits.kept, _MANY) and self.position.size - self._cut_at.size < _LONG:
            return
        step = self.at(self.position.offset - records // 8) or self._kept[0]
        if step.position.offset > self._cut_at.offset:
            self._cut_at = step.position
            self._tasks.create_task(self._cut(Point(step.position, step.room)))

    async def _cut(self, point: Point) -> None:
        with suppress(HugathomeError):  # the log stays as long as it is until it has grown as much again
            await self._parts.journal.save(point)

    def _fold(self, entry: Entry | Unread, position: Position) -> None:
        room, told = self.room.after(entry, position)
        self._last = Step(position, room, told)
        self._kept.append(self._last)
        while position.size - self._kept[0].position.size > _HELD:
            self._kept.popleft()

    def _wake(self) -> None:
        for changed in self._watchers:
            changed.set()

    def _wake_for(self, entry: Commanded) -> None:
        """Wake whom the last step concerns: whoever is told something by it, or waits for it to be taken."""
        names = {told.to for told in self._last.told}
        if not isinstance(entry.body, _ANSWERED):
            names.add(entry.peer)
        is_everybody = self.position.offset % _UNHEARD == 0
        for changed in self._watchers:
            if is_everybody or not changed.names or not names.isdisjoint(changed.names):
                changed.set()

    # --- Who is away, and who has left -----------------------------------------------------------

    def _expect_the_away(self) -> None:
        """Give everybody who was let in and is away their time to come back, counted from here."""
        for peer in self.room.peers.values():
            if self._is_away(peer) and (peer.peer, peer.conn) not in self._away:
                self._away.add((peer.peer, peer.conn))
                self._tasks.create_task(self._expire(peer))

    def _is_away(self, peer: Peer) -> bool:
        return not peer.is_attached and self.room.is_inside(peer.peer)

    async def _expire(self, peer: Peer) -> None:
        await self._parts.clock.sleep(self._parts.limits.away_for)
        now = self.room.peers.get(peer.peer)
        has_left = now is not None and now.conn == peer.conn and self._is_away(now)
        if has_left and await self._propose([Expired(peer=peer.peer, conn=peer.conn)]):
            return  # they are waited for until the log tells that they have left
        self._away.discard((peer.peer, peer.conn))
        self._look_if_idle()

    def _expect_the_host(self) -> None:
        """Keep the host's seat for a while, counted from here, for whoever has it and is away."""
        seat = self.room.seat
        if seat.holder is None or seat.empty_since is None or seat.empty_since in self._empty_seats:
            return
        self._empty_seats.add(seat.empty_since)
        self._run_until_idle(self._vacate(seat.holder, seat.empty_since))

    async def _vacate(self, holder: str, since: int) -> None:
        await self._parts.clock.sleep(self._parts.limits.host_away_for)
        seat = self.room.seat
        is_still_empty = (seat.holder, seat.empty_since) == (holder, since)
        if is_still_empty and not await self._propose([Vacated(holder=holder, since=since)]):
            self._empty_seats.discard(since)

    def _note_departures(self, before: Room, entry: Entry | Unread, position: Position) -> None:
        has_left = isinstance(entry, Expired) or (
            isinstance(entry, Commanded) and isinstance(entry.body, Leave)
        )
        if isinstance(entry, Expired):  # also one that came too late: nobody waits for its word any more
            self._away.discard((entry.peer, entry.conn))
        for peer in before.peers.values() if has_left else ():
            if peer.peer not in self.room.peers:
                self._away.discard((peer.peer, peer.conn))
            if peer.peer not in self.room.peers and not self.room.devices_of(peer.participant):
                self._tasks.create_task(self._depart(peer.participant, position))

    async def _depart(self, participant: str, position: Position) -> None:
        # where the record refuses, the room has it either way, and the next arrival sets the record right
        with suppress(HugathomeError):
            await self._parts.consultations.depart(self.session_id, participant, position=str(position))

    async def _doubt_strangers(self) -> None:
        """Ask after the connections of other workers, and take for lost those that nobody vouches for."""
        while True:
            await self._parts.clock.sleep(self._parts.limits.away_for)
            for changed in self._expecting:
                changed.set()
            strangers = [each for each in self.room.peers.values() if self._is_strange(each)]
            self._unanswered = {(each.peer, each.conn) for each in strangers}
            if not await self._propose(Doubted(peer=each.peer, conn=each.conn) for each in strangers):
                self._unanswered.clear()  # who may not have been asked need not answer
            await self._parts.clock.sleep(_VOUCHED_WITHIN)
            lost = [each for each in self.room.peers.values() if self._is_lost(each)]
            await self._propose(Detached(peer=each.peer, conn=each.conn) for each in lost)

    async def _mind_the_record(self) -> None:
        """Tell the log what the record says and it does not: whoever changed that may have been cut off."""
        while True:
            await self._parts.clock.sleep(self._parts.limits.away_for)
            with suppress(HugathomeError):
                record = recorded(await self._parts.consultations.get(self.session_id))
                if self.room.is_behind(record):
                    await self._parts.journal.append(self.session_id, record)

    def _is_strange(self, peer: Peer) -> bool:
        return peer.is_attached and peer.link not in self._served

    def _is_lost(self, peer: Peer) -> bool:
        """Whether this worker's own question was left open: another's may have been asked just now."""
        return peer.is_doubted and self._is_strange(peer) and (peer.peer, peer.conn) in self._unanswered

    def _vouch(self, entry: Entry | Unread) -> None:
        if isinstance(entry, Vouched):
            self._unanswered.discard((entry.peer, entry.conn))
        if isinstance(entry, Doubted):
            peer = self.room.peers.get(entry.peer)
            if peer is not None and peer.conn == entry.conn and peer.link in self._served:
                self._tasks.create_task(self._propose([Vouched(peer=peer.peer, conn=peer.conn)]))

    async def _propose(self, entries: Iterable[Entry]) -> bool:
        """Append what others may append too; return whether it was, for a later turn may do it."""
        try:
            for entry in entries:
                await self._parts.journal.append(self.session_id, entry)
        except HugathomeError:
            return False
        return True

    def _run_until_idle(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._tasks.create_task(work)
        self._until_idle.add(task)
        task.add_done_callback(self._until_idle.discard)

    def _look_if_idle(self) -> None:
        if not self._watchers and not self._away:
            self.is_over = True
            self._idle.set()


class Reading(NamedTuple):
    """From where on a device is told, and what it is taken to know."""

    position: Position
    room: Room
    """As of the welcome."""
    snapshot: RoomView | None
    """None where the device knows everything up to `position`."""


def begins(live: LiveRoom, step: Step, peer: Peer) -> Reading:
    """Say from where on a device is told that has joined by `step`, or joined before and says so again."""
    begun, before = live.at(peer.since), live.at(peer.since - 1)
    if begun is None or before is None:
        return Reading(step.position, step.room, step.room.view(peer.peer))
    # it is told of its pairs, and of all that came since, as of everything that happens later
    return Reading(before.position, begun.room, begun.room.view(peer.peer).but(pairs=()))


def reads_on(live: LiveRoom, step: Step, peer: Peer, *, resumed_at: str | None) -> Reading | None:
    """Say where a device attached by `step` reads on; `None` if it knows another branch of the log."""
    if resumed_at is None or has_missed(live, resumed_at):
        return Reading(step.position, step.room, step.room.view(peer.peer))
    known = live.at(_offset(resumed_at))
    if known is not None and str(known.position) == resumed_at:
        room = known.room if peer.peer in known.room.peers else step.room
        return Reading(known.position, room, None)
    return None


def has_missed(live: LiveRoom, pos: str | None) -> bool:
    """Whether a snapshot has to stand for what came after a position: it is no longer kept, or in doubt."""
    return pos is None or (live.at(_offset(pos)) is None and _offset(pos) < live.position.offset)


def _offset(pos: str) -> int:
    return int(pos.partition(".")[0])

"""One device's stay in a room: from the entry that brings it in to the one that says it has gone.

    claim ──► proposed to the log ──► taken by the fold ──► arrived in the record ──► Link.run ──► detached

Whoever the fold does not take is told the close that it gave, and never served. Who would resume with a token
that nobody was given is refused before a word of it is written.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

from hugathome.errors import HugathomeError
from hugathome.protocol import roster
from hugathome.protocol.messages import Close, Welcome
from hugathome.protocol.wire import CloseCode
from hugathome.rooms.ending import Goodbye
from hugathome.rooms.link import Link, Seat
from hugathome.rooms.live import LiveRoom, Parts, Reading, Step, begins, has_missed, reads_on
from hugathome.rooms.mirror import recorded
from hugathome.rooms.reception import Claim
from hugathome.rooms.waker import Waker
from hugathome.session import Session
from hugathome.signalling import Attached, Detached, Joined, Peer, Room, Transport
from hugathome.telemetry import CONNECTIONS, JOINS, RESUMES

_READ_WITHIN = timedelta(seconds=30)
"""How long an entry may take to come back from the log; what was lost on the way never does."""
_UNKNOWN = Close.because(CloseCode.LOST_RACE, "unavailable")
"""Nobody can say what became of an entry: the device comes again, and may find itself there."""


class Stay:
    """What one claim makes of one live room, while `changed` is woken for it."""

    def __init__(self, claim: Claim, live: LiveRoom, changed: Waker, *, parts: Parts) -> None:
        self._claim = claim
        self._live = live
        self._changed = changed
        self._parts = parts
        self._entry = claim.entry

    async def run(self, transport: Transport, goodbye: Goodbye) -> Close | None:
        """Serve the device until it goes, or is told to; return what to tell it, if it is still there."""
        await self._live.loaded(self._changed)
        refused = await self._turned_away() if self._live.end is None else None
        if refused is not None:
            return refused
        step = await self._proposed()
        if not isinstance(step, Step):
            return step
        peer = _peer_of(step, self._entry.link)
        if peer is None:
            return _close_of(step, self._entry.link)
        try:
            return await self._served(peer, step, transport, goodbye)
        finally:
            await self._left(peer)

    async def _turned_away(self) -> Close | None:
        """Refuse, before the log is written to, a token that may be made up, and who finds the room full."""
        if isinstance(self._entry, Attached):
            self._entry = self._entry.but(missed=has_missed(self._live, self._claim.resumed_at))
            return await self._refusal()
        refused = await self._refusal() if self._live.room.is_open else None
        return refused if refused is not None and refused.code == CloseCode.RATE_LIMITED else None

    async def _refusal(self) -> Close | None:
        """Say how the room as it stands would refuse the entry."""
        refused = self._refused_by(self._live.room)
        if refused is None:
            return None
        room = (
            self._live.room
        )  # what speaks for it may have happened elsewhere, and not have been read here yet
        for position, entry in await self._parts.journal.load(room.session, after=self._live.position):
            room, _ = room.after(entry, position)
        return self._refused_by(room)

    def _refused_by(self, room: Room) -> Close | None:
        position = self._live.position
        return _close_of(Step(position, *room.after(self._entry, position)), self._entry.link)

    async def _served(self, peer: Peer, step: Step, transport: Transport, goodbye: Goodbye) -> Close | None:
        reading = await self._reading(peer, step)
        if isinstance(reading, Close):
            return reading
        link = self._link(peer, step, reading, transport)
        self._count(recovered=reading.snapshot is None)
        del self._claim, self._entry, reading  # as in the hub: from here on, the room is all there is to know
        with self._live.serving(peer.link), self._counted():
            return await link.run(goodbye)

    def _link(self, peer: Peer, step: Step, reading: Reading, transport: Transport) -> Link:
        seat = Seat(
            self._live.session_id, peer, attached_at=step.position.offset, cursor=reading.position.offset
        )
        return Link(
            seat,
            self._welcome(reading, peer),
            transport=transport,
            live=self._live,
            changed=self._changed,
            parts=self._parts,
        )

    async def _reading(self, peer: Peer, step: Step) -> Reading | Close:
        """Return from where on the device is told, or why it cannot be."""
        if isinstance(self._entry, Joined):
            await self._arrived(peer, step)
            return begins(self._live, step, peer)
        reading = reads_on(self._live, step, peer, resumed_at=self._claim.resumed_at)
        if reading is None:
            return Close.because(CloseCode.STATE_LOST)
        if reading.snapshot is not None and not self._entry.missed:
            return Close.because(CloseCode.LOST_RACE)  # forgotten in this very moment
        return reading

    async def _proposed(self) -> Step | Close | None:
        """Append to a room that knows the record, and return the step that says what became of it.

        Where none will say it, return why.
        """
        live, session = self._live, self._claim.session
        if live.end is not None:
            return live.end
        journal, cursor = self._parts.journal, live.position.offset
        if not live.room.is_open:
            await journal.open(session.id)
        await self._reconciled(session)
        await journal.append(session.id, self._entry)
        with live.expecting(self._changed):
            return await self._read_behind(cursor)

    async def _read_behind(self, cursor: int) -> Step | Close | None:
        """Return the step that answers the entry, once it comes back from the log; else why it does not."""
        live, clock, link = self._live, self._parts.clock, self._entry.link
        lost_at = clock.now() + _READ_WITHIN
        while live.end is None:
            self._changed.clear()
            for step in live.since(cursor):
                if _peer_of(step, link) or _close_of(step, link):
                    return step
                if step.position.offset > cursor + 1:  # it may be among what is held no longer
                    return _UNKNOWN
                cursor = step.position.offset
            if clock.now() >= lost_at:
                return _UNKNOWN
            await self._changed.wait()
        return live.end

    async def _reconciled(self, session: Session) -> None:
        """Tell the log what the record says, if something was committed that never came here."""
        record = recorded(session)
        if self._live.room.is_behind(record):
            await self._parts.journal.append(session.id, record)

    async def _arrived(self, peer: Peer, step: Step) -> None:
        position = str(step.position)
        record = self._parts.consultations
        session = await record.arrive(self._live.session_id, peer.participant, position=position)
        await self._reconciled(session)

    async def _left(self, peer: Peer) -> None:
        """Say that the connection ended, unless the room knows, and return once it does."""
        live = self._live
        if not live.is_attached(peer):
            return
        with suppress(HugathomeError):  # a log that cannot be reached now is told by whoever comes next
            await self._parts.journal.append(live.session_id, Detached(peer=peer.peer, conn=peer.conn))
            while live.is_attached(peer) and live.end is None:
                self._changed.clear()
                await self._changed.wait()

    def _welcome(self, reading: Reading, peer: Peer) -> Welcome:
        limits, room, present = self._parts.limits, reading.room, self._live.room
        is_inside = room.is_inside(peer.peer) and present.is_inside(peer.peer)
        ice = self._parts.mint(peer.peer)
        return Welcome(
            peer=peer.peer,
            participant=peer.participant,
            role=room.people[peer.participant].role,
            can=tuple(sorted(peer.can)),
            session=roster.session_view(room),
            state="admitted" if room.is_inside(peer.peer) else "waiting",
            recovered=reading.snapshot is None,
            pos=str(reading.position),
            ack=present.seen.get(peer.peer, 0),
            token=self._claim.token,
            heartbeat=limits.ping_every,
            limits=limits,
            ice_servers=ice.ice_servers if is_inside else None,
            relay_only=ice.relay_only,
            ice_lifetime=ice.ice_lifetime if is_inside else None,
            snapshot=reading.snapshot,
        )

    def _count(self, *, recovered: bool) -> None:
        if isinstance(self._entry, Joined):
            self._parts.telemetry.add(JOINS)
        else:
            self._parts.telemetry.add(RESUMES, label="yes" if recovered else "no")

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Have telemetry know of a connection while it is served."""
        telemetry = self._parts.telemetry
        telemetry.add(CONNECTIONS)
        try:
            yield
        finally:
            telemetry.add(CONNECTIONS, -1)


def _peer_of(step: Step, link: str) -> Peer | None:
    return next((peer for peer in step.room.peers.values() if peer.link == link), None)


def _close_of(step: Step, link: str) -> Close | None:
    messages = (told.message for told in step.told if told.to == link)
    return next((message for message in messages if isinstance(message, Close)), None)

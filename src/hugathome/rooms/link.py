"""One device's connection to a room: what it says goes into the log, what the log tells it goes out.

Three things run side by side, and the first to end decides why the connection ends: reading, writing at
the device's own speed from a cursor in the room, and watching that it is alive. What belongs to the
record is committed there first; the log is told afterwards that the command is done with.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from hugathome.errors import (
    HugathomeError,
    InvalidInput,
    LocalProtocolError,
    RemoteProtocolError,
    SessionError,
    TransportClosed,
)
from hugathome.protocol.frames import parse_client
from hugathome.protocol.messages import (
    Ack,
    Admit,
    Answer,
    AskIceServers,
    Candidates,
    ChangeModality,
    Close,
    Command,
    Complete,
    Deny,
    Error,
    Hello,
    Hold,
    Media,
    NoteStep,
    Offer,
    Ping,
    Pong,
    Remove,
    Resume,
    ReturnToWaiting,
    ServerMessage,
    Unknown,
    Welcome,
)
from hugathome.protocol.roster import roster_digest
from hugathome.protocol.wire import CloseCode, Limits
from hugathome.record.history import Outcome
from hugathome.roles import Step as Fact
from hugathome.rooms.live import LiveRoom, Parts, Step
from hugathome.signalling import Commanded, Peer, Transport
from hugathome.telemetry import RELAYED

T = TypeVar("T")

_RELAYED = (Offer, Answer, Candidates)
_FACTS = {"connected": Fact.MEDIA_CONNECTED, "failed": Fact.MEDIA_FAILED}


class Seat(NamedTuple):
    """Where in the room a connection sits, and from where on it reads."""

    session_id: str
    peer: Peer
    """As the entry that attached this connection made it."""
    attached_at: int
    """The offset of that entry."""
    cursor: int


class Link:
    """One connection, from its welcome on."""

    def __init__(
        self,
        seat: Seat,
        welcome: Welcome,
        *,
        transport: Transport,
        live: LiveRoom,
        changed: asyncio.Event,
        parts: Parts,
    ) -> None:
        self._seat = seat
        self._transport = transport
        self._live = live
        self._changed = changed
        self._parts = parts
        self._outbox: deque[ServerMessage] = deque([welcome])
        self._cursor = seat.cursor
        self._is_inside = welcome.ice_servers is not None
        self._acked = self._taken = self._last_seq = self._owed = welcome.ack or 0
        self._noted: set[Fact] = set()
        self._heard_at = parts.clock.now()
        self._sending_since: datetime | None = None
        self._allowance = _Allowance(parts.limits, now=self._heard_at)

    async def run(self, told_to_go: Coroutine[Any, Any, Close]) -> Close | None:
        """Serve until something ends it; return what to tell the device, if it is still there.

        `told_to_go` returns once the connection has to end for reasons that are not its own.
        """
        return await first_of(self._read(), self._write(), self._watch(), told_to_go)

    # --- Reading ---------------------------------------------------------------------------------

    async def _read(self) -> Close | None:
        try:
            while True:
                text = await self._transport.receive()
                self._heard_at = self._parts.clock.now()
                close = self._allowance.spend(self._heard_at, self._say) or await self._take(text)
                if close is not None:
                    return close
        except TransportClosed:
            return None
        except RemoteProtocolError as broken:
            return Close.because(broken.code, str(broken))
        except HugathomeError:  # nothing was acknowledged that is not in the log: it is sent again
            return Close.because(CloseCode.LOST_RACE, "unavailable")

    async def _take(self, text: str) -> Close | None:
        message = parse_client(text, limits=self._parts.limits)
        match message:
            case Hello():
                return Close.because(CloseCode.PROTOCOL_ERROR, "a second hello")
            case Ping(t=t):
                self._say(Pong(t=t))
            case AskIceServers() if self._is_inside and self._live.room.is_inside(self._seat.peer.peer):
                self._say(self._parts.mint(self._seat.peer.peer))
            case AskIceServers():
                self._say(Error(code="not-admitted", ref=message.seq))
            case Pong() | Ack() | Unknown(seq=None):
                pass
            case _:
                return await self._command(message)
        return None

    async def _command(self, message: Command | Unknown) -> Close | None:
        seq = message.seq or 0
        if seq <= self._last_seq:  # sent again, and already in the log
            return None
        if seq > self._last_seq + 1:
            return Close.because(CloseCode.STATE_LOST, "a command is missing")
        refused = await self._told_record(message) if self._is_current() else None
        if refused is not None:  # said before the acknowledgement, which is the last word on a command
            self._say(Error(code=refused.problem.rpartition(":")[2], ref=seq))
        await self._parts.journal.append(
            self._seat.session_id,
            Commanded(
                peer=self._seat.peer.peer,
                conn=self._seat.peer.conn,
                seq=seq,
                body=message,
                at=self._parts.clock.now(),
            ),
        )
        self._last_seq = seq
        return None

    def _is_current(self) -> bool:
        peer = self._live.room.peers.get(self._seat.peer.peer)
        return peer is not None and peer.link == self._seat.peer.link

    async def _told_record(self, message: Command | Unknown) -> HugathomeError | None:
        """Do in the record what is the record's, once however often it is sent; return its refusal."""
        try:
            await self._do(message)
        except (SessionError, InvalidInput) as refused:
            return refused
        return None

    async def _do(self, message: Command | Unknown) -> None:
        record, session_id = self._parts.consultations, self._seat.session_id
        by = self._seat.peer.participant  # who is part of the name: nobody uses up what is another's to say
        once = f"{by}:{message.again or f'{self._seat.peer.peer}.{message.seq}'}"
        match message:
            case Admit(participant=whom):
                await record.admit(session_id, whom, by=by, once=once)
            case Deny(participant=whom, reason=reason):
                await record.deny(session_id, whom, by=by, once=once, reason=reason or None)
            case Remove(participant=whom, reason=reason):
                await record.remove(session_id, whom, by=by, once=once, reason=reason or None)
            case ReturnToWaiting(participant=whom):
                await record.return_to_waiting(session_id, whom, by=by, once=once)
            case Hold():
                await record.hold(session_id, by=by, once=once)
            case Resume():
                await record.resume(session_id, by=by, once=once)
            case ChangeModality(modality=modality, reason=reason):
                await record.change_modality(session_id, modality, by=by, once=once, reason=reason or None)
            case Complete(outcome=outcome):
                await record.complete(session_id, by=by, once=once, outcome=_outcome(outcome))
            case NoteStep() | Media():
                await self._note(message)

    async def _note(self, told: NoteStep | Media) -> None:
        """Note a fact; how media fare is told for each connection between two, and noted once."""
        fact = told.step if isinstance(told, NoteStep) else _FACTS.get(told.state)
        if fact is None or (isinstance(told, Media) and fact in self._noted):
            return
        if isinstance(told, Media):
            self._noted.add(fact)
        await self._parts.consultations.step(self._seat.session_id, self._seat.peer.participant, fact)

    # --- Writing ---------------------------------------------------------------------------------

    def _say(self, message: ServerMessage) -> None:
        self._outbox.append(message)
        self._changed.set()

    async def _write(self) -> Close | None:
        try:
            while True:
                self._changed.clear()
                while self._outbox:
                    await self._send(self._outbox.popleft())
                close = await self._deliver_all()
                await self._acknowledge()
                if close is not None:
                    return close
                if self._live.end is not None:
                    return self._live.end
                await self._changed.wait()
        except TransportClosed:
            return None
        except LocalProtocolError:  # it would not fit another time either
            return Close.because(CloseCode.TOO_BIG)

    async def _deliver_all(self) -> Close | None:
        """Send what there is behind the cursor, up to the close that it holds."""
        for step in self._live.since(self._cursor):
            close = self._gap_before(step) or await self._deliver(step)
            if close is not None:
                return close
        return None

    async def _acknowledge(self) -> None:
        """Acknowledge at once all that was taken since anything told of it: they are often many."""
        if self._taken > self._acked:
            self._acked = self._taken
            await self._send(Ack(ack=self._acked))

    def _gap_before(self, step: Step) -> Close | None:
        """Refuse to skip what this device was too slow for: it comes back, and is given the whole room."""
        is_next = step.position.offset == self._cursor + 1
        return None if is_next else Close.because(CloseCode.SLOW_CONSUMER)

    async def _deliver(self, step: Step) -> Close | None:
        """Send what a step tells this device; return the close that it holds."""
        me = self._seat.peer
        is_inside = step.room.is_inside(me.peer)
        if is_inside and not self._is_inside and self._live.room.is_inside(me.peer):
            await self._send(self._parts.mint(me.peer))
        self._is_inside = is_inside
        taken = max(self._taken, step.room.seen.get(me.peer, 0))
        messages: list[ServerMessage] = [told.message for told in step.told if told.to in {me.peer, me.link}]
        for message in messages:
            if isinstance(message, Close):
                return message
            is_last = message is messages[-1]  # a position says that everything up to it was received
            await self._send(message.but(pos=str(step.position) if is_last else None, ack=taken))
            self._acked = taken
            if isinstance(message, _RELAYED):
                self._parts.telemetry.add(RELAYED, label=message.type)
        self._taken = taken
        self._cursor = step.position.offset
        return Close.because(CloseCode.LOST_RACE) if self._is_fenced(step) else None

    def _is_fenced(self, step: Step) -> bool:
        peer = step.room.peers.get(self._seat.peer.peer)
        is_ours = peer is not None and peer.link == self._seat.peer.link and peer.is_attached
        return step.position.offset >= self._seat.attached_at and not is_ours

    async def _send(self, message: ServerMessage) -> None:
        self._sending_since = self._parts.clock.now()
        if isinstance(message, Ping):
            message = message.but(digest=self._digest())
        await self._transport.send(message.to_json())
        self._sending_since = None

    def _digest(self) -> str | None:
        """Return the digest of the roster as of all that was sent: at the cursor, not at the log's end."""
        step = self._live.at(self._cursor)
        is_known = step is not None and self._seat.peer.peer in step.room.peers
        return roster_digest(step.room.view(self._seat.peer.peer).participants) if step and is_known else None

    # --- Watching --------------------------------------------------------------------------------

    async def _watch(self) -> Close | None:
        clock, limits = self._parts.clock, self._parts.limits
        pings_at = clock.now() + self._until_ping()
        while True:
            now = clock.now()
            dead_at = self._heard_at + timedelta(seconds=limits.dead_after)
            due = min(pings_at, dead_at, now + timedelta(seconds=limits.stalled_after))
            await clock.sleep(max((due - now).total_seconds(), 0))
            now = clock.now()
            if now >= self._heard_at + timedelta(seconds=limits.dead_after):
                return Close.because(CloseCode.HEARTBEAT_TIMEOUT)
            if self._is_slow(now):
                return Close.because(CloseCode.SLOW_CONSUMER)
            if now >= pings_at:
                if self._has_lost_words():
                    return Close.because(CloseCode.LOST_RACE, "unavailable")
                self._say(Ping(t=int(now.timestamp() * 1000)))
                pings_at = now + self._until_ping()

    def _has_lost_words(self) -> bool:
        """Whether the log lost, unread by anybody, what it took before the last ping: it is said again."""
        seen = self._live.room.seen.get(self._seat.peer.peer, 0)
        is_lost, self._owed = self._owed > seen, self._last_seq
        return is_lost

    def _until_ping(self) -> timedelta:
        """The interval, a tenth more or less, so that a thousand devices do not answer at once."""
        jitter = self._parts.randomness(1)[0] / 255 - 0.5
        return timedelta(seconds=self._parts.limits.ping_every * (1 + 0.2 * jitter))

    def _is_slow(self, now: datetime) -> bool:
        limits = self._parts.limits
        stalls = (
            self._sending_since is not None
            and (now - self._sending_since).total_seconds() >= limits.stalled_after
        )
        behind = self._live.position.offset - self._cursor
        return stalls or behind > limits.behind or len(self._outbox) > limits.behind


class _Allowance:
    """How much a device may still say: a bucket that fills with time, and may be overdrawn once."""

    def __init__(self, limits: Limits, *, now: datetime) -> None:
        self._limits = limits
        self._left = float(limits.burst)
        self._at = now
        self._is_warned = False

    def spend(self, now: datetime, say: Callable[[ServerMessage], None]) -> Close | None:
        """Count one message; warn of the overdraft, and close when it is used up too."""
        earned = (now - self._at).total_seconds() * self._limits.rate
        self._left = min(self._left + earned, self._limits.burst) - 1
        self._at = now
        wait = max(-self._left, 1) / self._limits.rate
        if self._left < -self._limits.burst:
            return Close.because(CloseCode.RATE_LIMITED, after=wait)
        if self._left < 0 and not self._is_warned:
            say(Error(code="rate-limited", retry_after=wait))
        self._is_warned = self._left < 0
        return None


async def first_of(*work: Coroutine[Any, Any, T]) -> T:
    """Return the result of whichever ends first, the earlier in order at a tie; the others are cancelled."""
    async with asyncio.TaskGroup() as scope:
        tasks = [scope.create_task(each) for each in work]
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
    return next(task.result() for task in tasks if task in done)


def _outcome(word: str) -> Outcome:
    try:
        return Outcome(word)
    except ValueError:
        raise InvalidInput("no such outcome") from None

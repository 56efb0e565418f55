"""One device's connection to a room: what it says goes into the log, what the log tells it goes out.

It is read in a task of its own and written to at the device's own speed, from a cursor in the room; whoever
finds that it has to end says why (`end`). What belongs to the record is committed there first; the log is
told afterwards that the command is done with.

An acknowledgement goes with whatever is told next. Of descriptions and candidates, which are answered
anyway, it waits for that a moment; of everything else it is sent at once.
"""

import asyncio
from datetime import datetime, timedelta
from typing import NamedTuple

from hugathome.errors import HugathomeError, LocalProtocolError, RemoteProtocolError, TransportClosed
from hugathome.protocol.frames import parse_client
from hugathome.protocol.messages import (
    Ack,
    Answer,
    AskIceServers,
    Candidates,
    Close,
    Command,
    Error,
    Hello,
    Offer,
    Ping,
    Pong,
    ServerMessage,
    Unknown,
    Welcome,
)
from hugathome.protocol.roster import roster_digest
from hugathome.protocol.wire import CloseCode
from hugathome.rooms.allowance import Allowance
from hugathome.rooms.deeds import Deeds
from hugathome.rooms.ending import Goodbye
from hugathome.rooms.live import LiveRoom, Parts, Step
from hugathome.rooms.waker import Waker
from hugathome.signalling import Commanded, Peer, Transport
from hugathome.telemetry import RELAYED

_RELAYED = (Offer, Answer, Candidates)
_ANSWERED_WITHIN = 0.05
"""Seconds that an acknowledgement waits for something to go with."""


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
        changed: Waker,
        parts: Parts,
    ) -> None:
        self._seat = seat
        self._transport = transport
        self._live = live
        self._changed = changed
        self._parts = parts
        self._deeds = Deeds(parts.consultations, seat.session_id, seat.peer)
        self._outbox: list[ServerMessage] = [welcome]
        self._cursor = seat.cursor
        self._is_inside = welcome.ice_servers is not None
        self._acked = self._taken = self._last_seq = self._owed = welcome.ack or 0
        self._urgent = 0
        """The last command whose acknowledgement waits for nothing."""
        self._acknowledging: asyncio.TimerHandle | None = None
        self._begun_at = self._heard_at = parts.clock.now()
        self._pings_at = self._heard_at + self._until_ping()
        self._sending_since: datetime | None = None
        self._allowance = Allowance(parts.limits, now=self._heard_at)
        self._writing = asyncio.timeout(None)
        self._end: Close | None = None
        self._is_over = False

    async def run(self, goodbye: Goodbye) -> Close | None:
        """Serve until something ends it; return what to tell the device, if it is still there."""
        self._changed.names = {self._seat.peer.peer, self._seat.peer.link}
        async with asyncio.TaskGroup() as scope:
            try:
                async with self._writing:
                    await self._serve(scope, goodbye)
            except TimeoutError:
                if not self._writing.expired():
                    raise
            finally:
                self._is_over = True
                self._changed.names = ()
                if self._acknowledging is not None:
                    self._acknowledging.cancel()
        return self._end

    async def _serve(self, scope: asyncio.TaskGroup, goodbye: Goodbye) -> None:
        reading = scope.create_task(self._read())
        try:
            with self._parts.pulse.minding(self), goodbye.heard_by(self._go):
                self.end(await self._write())
        finally:
            reading.cancel()

    def end(self, close: Close | None) -> None:
        """End the connection, whatever is being written; whoever says so first says why."""
        if not self._is_over:
            self._is_over, self._end = True, close
            self._writing.reschedule(0)

    def _go(self) -> None:
        self.end(Close.because(CloseCode.GOING_AWAY))

    # --- Reading ---------------------------------------------------------------------------------

    async def _read(self) -> None:
        self.end(await self._broken_off())

    async def _broken_off(self) -> Close | None:
        """Take what the device says, and return why no more of it is taken."""
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
            case Offer() | Answer() | Candidates():
                return await self._command(message)
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
        is_relayed = isinstance(message, _RELAYED)
        if not is_relayed:
            await self._do(message)
            self._urgent = seq  # not earlier: what was relayed before it does not wait for the record
        peer = self._seat.peer
        entry = Commanded.made(
            kind="commanded",
            peer=peer.peer,
            conn=peer.conn,
            seq=seq,
            body=message,
            at=self._parts.clock.now(),
        )
        await self._parts.journal.append(self._seat.session_id, entry)
        self._last_seq = seq
        if is_relayed and self._acknowledging is None:
            self._acknowledge_later()
        return None

    async def _do(self, message: Command | Unknown) -> None:
        """Do what is the record's; its refusal is said before the acknowledgement, the last word on it."""
        refused = await self._deeds.do(message) if self._is_current() else None
        if refused is not None:
            self._say(Error(code=refused.problem.rpartition(":")[2], ref=message.seq))

    def _is_current(self) -> bool:
        peer = self._live.room.peers.get(self._seat.peer.peer)
        return peer is not None and peer.link == self._seat.peer.link

    # --- Writing ---------------------------------------------------------------------------------

    def _say(self, message: ServerMessage) -> None:
        self._outbox.append(message)
        self._changed.set()

    async def _write(self) -> Close | None:
        try:
            while True:
                self._changed.clear()
                while self._outbox:
                    await self._send(self._outbox.pop(0))
                close = await self._deliver_all() or self._live.end
                if close is not None or self._taken >= self._urgent > self._acked:
                    await self._acknowledge()
                if close is not None or self._is_over:
                    return close
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

    # --- Acknowledging ---------------------------------------------------------------------------

    async def _acknowledge(self) -> None:
        """Acknowledge at once all that was taken since anything told of it: they are often many."""
        if self._taken > self._acked:
            self._acked = self._taken
            await self._send(Ack(ack=self._acked))

    def _acknowledge_later(self) -> None:
        # on the loop's time, not the clock's: it only gathers what goes out anyway, as a network does
        loop = asyncio.get_running_loop()
        self._acknowledging = loop.call_later(_ANSWERED_WITHIN, self._acknowledge_up_to, self._last_seq)

    def _acknowledge_up_to(self, seq: int) -> None:
        """Have what nothing went with acknowledged for its own sake."""
        self._acknowledging = None
        if self._is_over:
            return
        if self._acked < seq:
            self._urgent = max(self._urgent, seq)
            self._changed.set()
        if self._acked < self._last_seq:
            self._acknowledge_later()

    # --- Watching --------------------------------------------------------------------------------

    def look(self, now: datetime) -> datetime:
        """Look whether the device is alive and keeps up, and return when to look again."""
        limits = self._parts.limits
        dead_at = self._heard_at + timedelta(seconds=limits.dead_after)
        if now >= dead_at:
            self.end(Close.because(CloseCode.HEARTBEAT_TIMEOUT))
        elif self._is_slow(now):
            self.end(Close.because(CloseCode.SLOW_CONSUMER))
        elif now >= self._pings_at:
            self._ping(now)
        again_at = now + timedelta(seconds=limits.stalled_after)
        return again_at if self._is_over else min(self._pings_at, dead_at, again_at)

    def _ping(self, now: datetime) -> None:
        if self._has_lost_words():
            self.end(Close.because(CloseCode.LOST_RACE, "unavailable"))
            return
        self._say(Ping(t=int(now.timestamp() * 1000)))
        self._pings_at = now + self._until_ping()

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
        is_catching_up = (now - self._begun_at).total_seconds() < limits.stalled_after  # having been away
        return stalls or (behind > limits.behind and not is_catching_up) or len(self._outbox) > limits.behind

"""Serve devices: judge their hello, seat them in their room, and see them out.

    transport ──hello──► grant judged ──► joined in the log ──► arrived in the record ──► Link.run
                └─ or where to resume ──► attached in the log ──────────────────────────┘

The hub keeps nothing that the record and the log do not have: any worker can serve the next connection,
and a worker that dies loses nothing. It owns the tasks that follow rooms, and `aclose` ends them all.
"""

import asyncio
import base64
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256

from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.errors import (
    GrantRefused,
    HugathomeError,
    RemoteProtocolError,
    SessionEnded,
    SessionError,
    SessionNotFound,
    StaleSession,
    TransportClosed,
)
from hugathome.grants import JoinGrant, claimed_session
from hugathome.protocol import roster
from hugathome.protocol.frames import parse_client
from hugathome.protocol.ice import CREDENTIALS_LIFETIME, IceServer, expire, ice_servers_for
from hugathome.protocol.messages import (
    VERSION,
    Close,
    Goaway,
    Hello,
    IceServers,
    ServerMessage,
    Welcome,
)
from hugathome.protocol.wire import CloseCode, Limits, ResumeFrom
from hugathome.rooms.journal import Journal
from hugathome.rooms.link import Link, Seat, first_of
from hugathome.rooms.live import LiveRoom, Parts, Reading, Step, begins, has_missed, reads_on
from hugathome.rooms.mirror import recorded
from hugathome.rooms.turnstile import Turnstile
from hugathome.session import Session
from hugathome.signalling import Attached, Detached, Joined, Peer, Transport
from hugathome.telemetry import CLOSES, CONNECTIONS, JOINS, RESUMES, ROOMS, SILENT, Telemetry
from hugathome.visits.doorkeeper import Doorkeeper

_CLOSES: tuple[tuple[type[HugathomeError], CloseCode], ...] = (
    (SessionNotFound, CloseCode.NO_SUCH_SESSION),
    (SessionEnded, CloseCode.SESSION_ENDED),
    (GrantRefused, CloseCode.GRANT_REFUSED),
    (StaleSession, CloseCode.LOST_RACE),
    (SessionError, CloseCode.GRANT_REFUSED),
)
_LOGGER = logging.getLogger("hugathome")
_GOODBYE_WITHIN = 5.0
_DEFAULTS = Limits()


_ROOMS_WAIT = timedelta(seconds=10)
"""Until it is tried again whether another room may be opened."""


class _TooMany(Exception):
    """Somebody has come too often, or one too many; they may come again after `wait`."""

    def __init__(self, wait: timedelta, why: str = "") -> None:
        super().__init__(why)
        self.wait = wait
        self.why = why


class Hub:
    """Every connection of one process; give it to any number of transports."""

    def __init__(
        self,
        *,
        journal: Journal,
        consultations: Consultations,
        doorkeeper: Doorkeeper,
        clock: Clock,
        randomness: Callable[[int], bytes],
        limits: Limits = _DEFAULTS,
        ice_servers: Sequence[IceServer] = (),
        relay_only: bool = False,
        telemetry: Telemetry = SILENT,
    ) -> None:
        self._doorkeeper = doorkeeper
        self._ice_servers = tuple(ice_servers)
        self._relay_only = relay_only
        self._parts = Parts(
            journal=journal,
            consultations=consultations,
            clock=clock,
            randomness=randomness,
            limits=limits,
            mint=self._ice,
            telemetry=telemetry,
        )
        self._hellos = Turnstile(at_once=limits.hellos_at_once, a_minute=limits.hellos_a_minute)
        self._joins = Turnstile(at_once=limits.joins_at_once, a_minute=limits.joins_a_minute)
        self._open: Counter[str] = Counter()
        """Live rooms by organisation."""
        self._rooms: dict[str, tuple[LiveRoom, asyncio.Task[None]]] = {}
        self._ends_at: datetime | None = None
        self._goodbyes: dict[object, asyncio.Event] = {}
        """Of every connection, what is set once it is to go."""
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    async def serve(self, transport: Transport, *, source: str | None = None) -> None:
        """Serve one connection until it ends, and close it; its first message must be a hello.

        `source` is the address that it comes from, if that is known.
        """
        call, goodbye = object(), asyncio.Event()
        self._goodbyes[call] = goodbye
        self._is_empty.clear()
        if self._ends_at is not None:
            goodbye.set()
        try:
            close = await self._served(transport, goodbye, source)
            self._note_end(close)
            if close is not None:
                await self._say_goodbye(transport, close)
        finally:
            await transport.aclose()
            del self._goodbyes[call]
            if not self._goodbyes:
                self._is_empty.set()

    async def aclose(self, *, within: timedelta = timedelta()) -> None:
        """Send everybody away to come back elsewhere, one after the other `within` this time, and end.

        Whoever connects meanwhile is sent away at once. Twice is fine.
        """
        self._ends_at = self._parts.clock.now() + within
        here = list(self._goodbyes.values())
        for goodbye in here:
            goodbye.set()
            await self._parts.clock.sleep(within.total_seconds() / len(here))
        await self._is_empty.wait()
        tasks = [task for _, task in self._rooms.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- One connection --------------------------------------------------------------------------

    async def _served(self, transport: Transport, goodbye: asyncio.Event, source: str | None) -> Close | None:
        try:
            hello = await first_of(_told_to_go(goodbye), self._hello(transport), self._no_hello())
            if not isinstance(hello, Hello):
                return hello
            if source is not None:
                self._count(self._hellos, (source, _session_of(hello)))
            if hello.resume is not None:
                return await self._resumed(transport, goodbye, hello.resume)
            grant, session = await self._doorkeeper.judge(hello.grant or "")
            self._count(self._joins, (grant.session, grant.participant))
            return await self._joined(transport, goodbye, hello, grant, session)
        except TransportClosed:
            return None
        except _TooMany as refused:
            return Close.because(CloseCode.RATE_LIMITED, refused.why, after=refused.wait.total_seconds())
        except HugathomeError as refused:
            return _close_for(refused)

    def _count(self, turnstile: Turnstile, who: tuple[str, str]) -> None:
        wait = turnstile.pass_through(who, now=self._parts.clock.now())
        if wait is not None:
            raise _TooMany(wait)

    async def _hello(self, transport: Transport) -> Hello | Close | None:
        limits = self._parts.limits
        try:
            message = parse_client(await transport.receive(), limits=limits.but(frame=limits.hello))
        except TransportClosed:
            return None
        except RemoteProtocolError as broken:
            return Close.because(broken.code, str(broken))
        if not isinstance(message, Hello):
            return Close.because(CloseCode.PROTOCOL_ERROR, "the first message is a hello")
        if VERSION not in message.versions:
            return Close.because(CloseCode.NO_COMMON_VERSION)
        return message

    async def _no_hello(self) -> Close:
        await self._parts.clock.sleep(self._parts.limits.hello_within)
        return Close.because(CloseCode.HELLO_TIMEOUT)

    async def _joined(
        self,
        transport: Transport,
        goodbye: asyncio.Event,
        hello: Hello,
        grant: JoinGrant,
        session: Session,
    ) -> Close | None:
        participant = session.participant(grant.participant)
        token = self._opaque(24)
        entry = Joined(
            jti=grant.jti,
            nonce=hello.nonce,
            peer=f"p_{self._opaque()}",
            participant=participant.id,
            device=session.of(participant.id).device,
            can=participant.capabilities,
            caps=hello.caps,
            token_hash=_hashed(token),
            link=self._opaque(),
            at=self._parts.clock.now(),
        )
        return await self._attached(transport, goodbye, session, entry, token=token)

    async def _resumed(
        self, transport: Transport, goodbye: asyncio.Event, resume: ResumeFrom
    ) -> Close | None:
        session = await self._parts.consultations.get(resume.session)
        if session.status.is_terminal:
            raise SessionEnded("the session has ended")
        token = self._opaque(24)
        entry = Attached(
            peer=resume.peer,
            presented=_hashed(resume.token),
            token_hash=_hashed(token),
            link=self._opaque(),
            at=self._parts.clock.now(),
        )
        return await self._attached(transport, goodbye, session, entry, token=token, resumed_at=resume.pos)

    async def _attached(
        self,
        transport: Transport,
        goodbye: asyncio.Event,
        session: Session,
        entry: Joined | Attached,
        *,
        token: str,
        resumed_at: str | None = None,
    ) -> Close | None:
        """Propose `entry` to the room, and serve the connection if the fold takes it."""
        live = self._live(session.id)
        with live.watching() as changed:
            await live.loaded(changed)
            if isinstance(entry, Attached):
                entry = entry.but(missed=has_missed(live, resumed_at))
            step = await self._proposed(live, changed, session, entry)
            if step is None:
                return live.end
            peer = _peer_of(step, entry.link)
            if peer is None:
                return _close_of(step, entry.link)
            try:
                if isinstance(entry, Joined):
                    await self._arrived(live, peer, step)
                    reading: Reading | None = begins(live, step, peer)
                else:
                    reading = reads_on(live, step, peer, resumed_at=resumed_at)
                if reading is None:
                    return Close.because(CloseCode.STATE_LOST)
                if isinstance(entry, Attached) and reading.snapshot is not None and not entry.missed:
                    return Close.because(CloseCode.LOST_RACE)  # forgotten in this very moment
                welcome = self._welcome(live, reading, peer, token=token)
                seat = Seat(
                    session.id, peer, attached_at=step.position.offset, cursor=reading.position.offset
                )
                link = Link(seat, welcome, transport=transport, live=live, changed=changed, parts=self._parts)
                with live.serving(peer.link), self._counted(entry, reading):
                    return await link.run(_told_to_go(goodbye))
            finally:
                await self._left(live, changed, peer)

    async def _proposed(
        self, live: LiveRoom, changed: asyncio.Event, session: Session, entry: Joined | Attached
    ) -> Step | None:
        """Append `entry` to a room that knows the record, and return the step that says what became of it."""
        if live.end is not None:
            return None
        journal, cursor = self._parts.journal, live.position.offset
        if not live.room.is_open:
            await journal.open(session.id)
        await self._reconciled(live, session)
        await journal.append(session.id, entry)
        while live.end is None:
            changed.clear()
            for step in live.since(cursor):
                if _peer_of(step, entry.link) or _close_of(step, entry.link):
                    return step
                cursor = step.position.offset
            await changed.wait()
        return None

    async def _reconciled(self, live: LiveRoom, session: Session) -> None:
        """Tell the log what the record says, if something was committed that never came here."""
        record = recorded(session)
        if live.room.is_behind(record):
            await self._parts.journal.append(session.id, record)

    async def _arrived(self, live: LiveRoom, peer: Peer, step: Step) -> None:
        position = str(step.position)
        session = await self._parts.consultations.arrive(live.session_id, peer.participant, position=position)
        await self._reconciled(live, session)

    async def _left(self, live: LiveRoom, changed: asyncio.Event, peer: Peer) -> None:
        """Say that the connection ended, unless the room knows, and return once it does."""
        if not live.is_attached(peer):
            return
        with suppress(HugathomeError):  # a log that cannot be reached now is told by whoever comes next
            await self._parts.journal.append(live.session_id, Detached(peer=peer.peer, conn=peer.conn))
            while live.is_attached(peer) and live.end is None:
                changed.clear()
                await changed.wait()

    def _welcome(self, live: LiveRoom, reading: Reading, peer: Peer, *, token: str) -> Welcome:
        limits, room = self._parts.limits, reading.room
        is_inside = room.is_inside(peer.peer) and live.room.is_inside(peer.peer)
        ice = self._ice(peer.peer) if is_inside else None
        return Welcome(
            peer=peer.peer,
            participant=peer.participant,
            role=room.people[peer.participant].role,
            can=tuple(sorted(peer.can)),
            session=roster.session_view(room),
            state="admitted" if room.is_inside(peer.peer) else "waiting",
            recovered=reading.snapshot is None,
            pos=str(reading.position),
            ack=live.room.seen.get(peer.peer, 0),
            token=token,
            heartbeat=limits.ping_every,
            limits=limits,
            ice_servers=ice.ice_servers if ice else None,
            relay_only=self._relay_only,
            ice_lifetime=ice.ice_lifetime if ice else None,
            snapshot=reading.snapshot,
        )

    def _note_end(self, close: Close | None) -> None:
        code = str(close.code) if close else "gone"
        self._parts.telemetry.add(CLOSES, label=code)
        _LOGGER.info("a connection has ended: %s", code, extra={"close_code": code})

    @contextmanager
    def _counted(self, entry: Joined | Attached, reading: Reading) -> Iterator[None]:
        """Have telemetry know of a connection while it is served."""
        telemetry = self._parts.telemetry
        if isinstance(entry, Joined):
            telemetry.add(JOINS)
        else:
            telemetry.add(RESUMES, label="no" if reading.snapshot else "yes")
        telemetry.add(CONNECTIONS)
        try:
            yield
        finally:
            telemetry.add(CONNECTIONS, -1)

    # --- What all connections share --------------------------------------------------------------

    def _live(self, session_id: str) -> LiveRoom:
        live, _ = self._rooms.get(session_id, (None, None))
        if live is None or live.is_over:
            organisation = session_id.partition(".")[0]
            if self._open[organisation] >= self._parts.limits.rooms:
                raise _TooMany(_ROOMS_WAIT, "too many rooms are open")
            self._open[organisation] += 1
            live = LiveRoom(session_id, parts=self._parts)
            self._rooms[session_id] = live, asyncio.create_task(self._followed(live))
            self._parts.telemetry.add(ROOMS)
        return live

    async def _followed(self, live: LiveRoom) -> None:
        try:
            await live.run()
        finally:
            self._parts.telemetry.add(ROOMS, -1)
            self._open[live.session_id.partition(".")[0]] -= 1
            present, _ = self._rooms.get(live.session_id, (None, None))
            if present is live:  # its successor may have come, and gone before it
                del self._rooms[live.session_id]

    async def _say_goodbye(self, transport: Transport, close: Close) -> None:
        words: list[ServerMessage] = [close]
        if close.code == CloseCode.GOING_AWAY:
            words.insert(0, Goaway(deadline=self._ends_at or self._parts.clock.now()))

        async def say() -> None:
            with suppress(TransportClosed):
                for word in words:
                    await transport.send(word.to_json())

        await first_of(say(), self._parts.clock.sleep(_GOODBYE_WITHIN))

    def _ice(self, peer: str) -> IceServers:
        minted = ice_servers_for(self._ice_servers, peer=peer, now=self._parts.clock.now())
        lifetime = CREDENTIALS_LIFETIME.total_seconds() if expire(self._ice_servers) else None
        return IceServers(ice_servers=minted, relay_only=self._relay_only, ice_lifetime=lifetime)

    def _opaque(self, size: int = 12) -> str:
        return base64.urlsafe_b64encode(self._parts.randomness(size)).decode()


async def _told_to_go(goodbye: asyncio.Event) -> Close:
    await goodbye.wait()
    return Close.because(CloseCode.GOING_AWAY)


def _session_of(hello: Hello) -> str:
    return hello.resume.session if hello.resume is not None else claimed_session(hello.grant or "")


def _hashed(token: str) -> str:
    return sha256(token.encode()).hexdigest()


def _peer_of(step: Step, link: str) -> Peer | None:
    return next((peer for peer in step.room.peers.values() if peer.link == link), None)


def _close_of(step: Step, link: str) -> Close | None:
    messages = (told.message for told in step.told if told.to == link)
    return next((message for message in messages if isinstance(message, Close)), None)


def _close_for(refused: HugathomeError) -> Close:
    """Return the close that says why a device was not let in."""
    reason = refused.problem.rpartition(":")[2]
    if isinstance(refused, RemoteProtocolError):
        return Close.because(refused.code, str(refused))
    for kind, code in _CLOSES:
        if isinstance(refused, kind):
            return Close.because(code, reason)
    return Close.because(CloseCode.LOST_RACE, reason)

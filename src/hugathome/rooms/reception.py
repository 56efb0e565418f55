"""Judge a hello before any room hears of it: how often its sender may come, and what they come with.

    hello ──grant──► who they are, by the record ──► the entry that lets them join
       └──resume──► which visit, by the record ────► the entry that attaches them again

Whether the room takes the entry is the fold's to say; nothing here is written anywhere.
"""

import base64
from hashlib import sha256
from typing import NamedTuple

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
from hugathome.grants import claimed_session
from hugathome.protocol.frames import parse_client
from hugathome.protocol.messages import VERSION, Close, Hello
from hugathome.protocol.wire import CloseCode, ResumeFrom
from hugathome.rooms.ending import first_of
from hugathome.rooms.live import Parts
from hugathome.rooms.turnstile import TooMany, Turnstile, Who
from hugathome.session import Session
from hugathome.signalling import Attached, Joined, Transport
from hugathome.visits.doorkeeper import Doorkeeper

_CLOSES: tuple[tuple[type[HugathomeError], CloseCode], ...] = (
    (SessionNotFound, CloseCode.NO_SUCH_SESSION),
    (SessionEnded, CloseCode.SESSION_ENDED),
    (GrantRefused, CloseCode.GRANT_REFUSED),
    (StaleSession, CloseCode.LOST_RACE),
    (SessionError, CloseCode.GRANT_REFUSED),
)


class Claim(NamedTuple):
    """A hello that was found good: what it asks of which room."""

    session: Session
    entry: Joined | Attached
    token: str
    """For the next resume; the entry holds its hash."""
    resumed_at: str | None = None


class Reception:
    """Everybody who comes to one hub passes here."""

    def __init__(self, *, parts: Parts, doorkeeper: Doorkeeper) -> None:
        limits = parts.limits
        self._parts = parts
        self._doorkeeper = doorkeeper
        self._hellos = Turnstile(at_once=limits.hellos_at_once, a_minute=limits.hellos_a_minute)
        self._joins = Turnstile(at_once=limits.joins_at_once, a_minute=limits.joins_a_minute)

    async def hello(self, transport: Transport) -> Hello | Close | None:
        """Return the first message, or why it is none; `None` where nobody is there any more."""
        return await first_of(self._first_message(transport), self._no_hello())

    async def judged(self, hello: Hello, *, source: str | None) -> Claim:
        """Return what a hello from the address `source` claims.

        Raises `TooMany`, or the error that refuses it.
        """
        if source is not None:
            self._count(self._hellos, (source, _session_of(hello)))
        return await (self._joining(hello) if hello.resume is None else self._resuming(hello.resume))

    async def _first_message(self, transport: Transport) -> Hello | Close | None:
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

    def _count(self, turnstile: Turnstile, who: Who) -> None:
        wait = turnstile.pass_through(who, now=self._parts.clock.now())
        if wait is not None:
            raise TooMany(wait)

    async def _joining(self, hello: Hello) -> Claim:
        grant, session = await self._doorkeeper.judge(hello.grant or "")
        self._count(self._joins, (grant.session, grant.participant))
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
        return Claim(session, entry, token)

    async def _resuming(self, resume: ResumeFrom) -> Claim:
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
        return Claim(session, entry, token, resume.pos)

    def _opaque(self, size: int = 12) -> str:
        return base64.urlsafe_b64encode(self._parts.randomness(size)).decode()


def close_for(refused: HugathomeError | TooMany) -> Close:
    """Return the close that says why a device was not let in."""
    if isinstance(refused, TooMany):
        return Close.because(CloseCode.RATE_LIMITED, refused.why, after=refused.wait.total_seconds())
    if isinstance(refused, RemoteProtocolError):
        return Close.because(refused.code, str(refused))
    codes = (code for kind, code in _CLOSES if isinstance(refused, kind))
    return Close.because(next(codes, CloseCode.LOST_RACE), refused.problem.rpartition(":")[2])


def _session_of(hello: Hello) -> str:
    return hello.resume.session if hello.resume is not None else claimed_session(hello.grant or "")


def _hashed(token: str) -> str:
    return sha256(token.encode()).hexdigest()

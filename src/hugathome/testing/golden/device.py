"""A device as a script plays it: it says what it is told to, and keeps what it hears.

It is no client: nothing is answered, resent or resumed unless the scenario does it, so that whatever arrives
was the room's doing. Every wait ends, and every surprise is a `ConformanceFailure`.
"""

from collections.abc import Mapping
from itertools import count
from typing import Any, TypeVar, final

from hugathome.errors import RemoteProtocolError, TransportClosed
from hugathome.protocol.frames import parse_server
from hugathome.protocol.messages import (
    Close,
    Error,
    Message,
    Pair,
    ParticipantChanged,
    Renew,
    ServerMessage,
    Snapshot,
    Text,
    Unpair,
    Welcome,
)
from hugathome.protocol.wire import PairView, ParticipantView, ResumeFrom, RoomView
from hugathome.signalling import Transport
from hugathome.testing.golden.script import Script

M = TypeVar("M", bound=Message)


@final
class Device:
    """One connection of one device, seen from its end of the transport."""

    def __init__(self, transport: Transport, script: Script) -> None:
        self.heard: list[ServerMessage] = []
        self.roster: dict[str, ParticipantView] = {}
        """Whom it sees, by participant."""
        self.pairs: dict[str, PairView] = {}
        """The connections that it has been assigned, by `pc`."""
        self.numbers = count(1)
        """Of its commands; a resume goes on counting."""
        self._transport = transport
        self._script = script

    # --- Saying ----------------------------------------------------------------------------------

    async def say(self, command: Message) -> int:
        """Send a command under the next number, and return that."""
        seq = next(self.numbers)
        await self.send(command.but(seq=seq))
        return seq

    async def send(self, message: Message | str) -> None:
        """Send something as it stands."""
        text = message if isinstance(message, str) else message.to_json()
        try:
            await self._script.in_time("a send", self._transport.send(text))
        except TransportClosed:
            raise self._script.broken("the connection ended before everything was said") from None

    async def drop(self) -> None:
        """Break the connection off; what was not heard by now never will be."""
        await self._script.in_time("a close", self._transport.aclose())

    # --- Hearing ---------------------------------------------------------------------------------

    async def hear(self) -> ServerMessage:
        """Return the next message."""
        try:
            text = await self._script.in_time("a message", self._transport.receive())
            message = parse_server(text)
        except TransportClosed:
            raise self._script.broken(f"the connection ended after {self._kinds()}") from None
        except RemoteProtocolError as broken:
            raise self._script.broken(f"the hub sent {broken}") from None
        self.heard.append(message)
        self._take(message)
        return message

    async def until(self, kind: type[M], **facts: Any) -> M:
        """Hear on up to a message of this kind in which these facts stand."""
        while True:
            message = await self.hear()
            if isinstance(message, kind) and facts.items() <= dict(message).items():
                return message
            if isinstance(message, Close):
                raise self._script.broken(f"closed with {message.code} while {kind.__name__} was expected")

    async def until_acked(self, seq: int) -> None:
        """Hear on until a command is acknowledged, unless it was already."""
        while not any((each.ack or 0) >= seq for each in self.heard):
            await self.hear()

    async def caught_up(self) -> None:
        """Hear all that the log held for this device before now.

        What it says for that is of a kind that nobody knows: it is counted, acknowledged and ignored.
        """
        seq = next(self.numbers)
        await self.send(f'{{"v":1,"type":"from-the-future","seq":{seq}}}')
        await self.until_acked(seq)

    async def refused(self, command: Message, code: str) -> None:
        """Say a command, and hear that it is refused with `code` before it is acknowledged."""
        seq = await self.say(command)
        error = await self.until(Error)
        self._script.same("the refusal", (error.code, error.ref), (code, seq))
        self._script.expect((error.ack or 0) <= seq, "a command was acknowledged that was never said")
        await self.caught_up()

    async def ends(self, code: int, retry: str) -> Close:
        """Hear on to the close, which says what to do, and to the end behind it."""
        message = await self.hear()
        while not isinstance(message, Close):
            message = await self.hear()
        self._script.same("the close", (message.code, str(message.retry)), (code, retry))
        try:
            await self._script.in_time("the end behind the close", self._transport.receive())
        except TransportClosed:
            return message
        raise self._script.broken("something was sent behind the close")

    # --- What it knows ---------------------------------------------------------------------------

    @property
    def welcome(self) -> Welcome:
        """How it was let in."""
        return next(each for each in self.heard if isinstance(each, Welcome))

    @property
    def pair(self) -> PairView:
        """Its only connection."""
        self._script.same("the number of connections", len(self.pairs), 1)
        return next(iter(self.pairs.values()))

    @property
    def texts(self) -> list[str]:
        """What it has read, in the order in which it came."""
        return [each.text for each in self.heard if isinstance(each, Text)]

    @property
    def last(self) -> ResumeFrom:
        """Where a resume reads on, and the proof that it may."""
        return ResumeFrom(
            session=self.welcome.session.id,
            peer=self.welcome.peer,
            pos=[each.pos for each in self.heard if each.pos][-1],
            token=self.welcome.token,
        )

    def seats(self) -> Mapping[str, str]:
        """Return who has the host's seat or is offered it, as this device sees it."""
        return {who: seen.host for who, seen in self.roster.items() if seen.host}

    def has_heard(self, *kinds: type[Message]) -> bool:
        """Whether a message of one of these kinds has come."""
        return any(isinstance(each, kinds) for each in self.heard)

    def _take(self, message: ServerMessage) -> None:
        match message:
            case Welcome(snapshot=RoomView() as seen) | (Snapshot() as seen):
                self.roster = {each.participant: each for each in seen.participants}
                self.pairs = {each.pc: each for each in seen.pairs}
            case ParticipantChanged():
                self.roster[message.participant] = _part_of(message, ParticipantView)
            case Pair() | Renew():
                self.pairs[message.pc] = _part_of(message, PairView)
            case Unpair():
                self.pairs.pop(message.pc, None)

    def _kinds(self) -> str:
        return ", ".join(each.type for each in self.heard[-5:]) or "nothing"


V = TypeVar("V", ParticipantView, PairView)


def _part_of(message: Message, kind: type[V]) -> V:
    return kind(**{name: value for name, value in dict(message).items() if name in kind.model_fields})

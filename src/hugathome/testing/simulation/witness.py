"""Whoever sees everything: each entry as it is appended, each frame as a device hears it.

It folds the log once more, for itself, and holds against it what workers tell. What a device hears on a
connection must be, message for message, what the log tells its peer from the position of the welcome on:
no more, no less, in this order, on one branch.
"""

from collections.abc import Callable

from hugathome.protocol.messages import (
    Ack,
    Close,
    Error,
    Goaway,
    IceServers,
    Ping,
    Pong,
    ServerMessage,
    SessionChanged,
    Text,
    Welcome,
)
from hugathome.protocol.wire import RoomView
from hugathome.record.transitions import Status
from hugathome.signalling import Commanded, Entry, Joined
from hugathome.testing.simulation.history import Invariant
from hugathome.testing.simulation.invariants import BY_ENTRY
from hugathome.testing.simulation.moments import Moment, beginning

_OF_THE_LINK = (Ack, Close, Error, Goaway, IceServers, Ping, Pong)
"""What one connection says for itself, unless it has a position."""

Blame = Callable[[Invariant, str], None]


class Ear:
    """What one connection of a device has heard."""

    def __init__(self) -> None:
        self.peer: str | None = None
        self.at: Moment | None = None
        """Up to where everything was heard."""
        self.pending: list[ServerMessage] = []
        """Heard behind that, and no position yet."""
        self.has_ended = False


class Witness:
    """Judges a run while it happens; `blame` is told of whatever is not as it must be."""

    def __init__(self, session: str, *, blame: Blame) -> None:
        self.head = beginning(session)
        """The last entry of the log as it stands."""
        self.forks = 0
        """How often the log was rewound."""
        self.texts: set[str] = set()
        """Whatever was ever written, and came to the log."""
        self._blame = blame
        self._moments: dict[str, Moment] = {str(self.head.position): self.head}
        """Every one that ever was."""
        self._numbers: dict[str, int] = {}
        """The greatest number of each peer's commands that ever was in the log."""
        self._inside: dict[str, int] = {}
        """The last offset at which each peer was let in."""

    # --- The log ---------------------------------------------------------------------------------

    def append(self, entry: Entry, record: bytes) -> None:
        """Take the next entry, and look at what it does."""
        before = self.head
        now = before.after(entry, before.position.after(record, before.offset + 1))
        self.head = self._moments[str(now.position)] = now
        if isinstance(entry, Commanded) and isinstance(entry.body, Text) and now.is_effective:
            self.texts.add(entry.body.text)
        for peer, known in now.facts.peers.items():
            self._numbers[peer] = max(known.seq, self._numbers.get(peer, 0))
            if now.facts.is_inside(peer):
                self._inside[peer] = now.offset
        for check, invariant in BY_ENTRY.items():
            for seen in check(now, before.facts):
                self._blame(invariant, f"at {now.position}: {seen}")

    def rewind(self, to: int) -> None:
        """Take note that the log has lost everything behind offset `to`."""
        self.forks += 1
        while self.head.offset > to and self.head.before is not None:
            self.head = self.head.before

    def is_on_branch(self, pos: str | None) -> bool:
        """Whether a position is on the log as it stands."""
        there, now = self._moments.get(pos or ""), self.head
        while there is not None and now.offset > there.offset and now.before is not None:
            now = now.before
        return now is there

    # --- What devices hear -----------------------------------------------------------------------

    def hear(self, ear: Ear, message: ServerMessage) -> None:
        """Take what a device hears on a connection."""
        if ear.has_ended and not isinstance(message, Close):
            self._blame(Invariant.I14, f"{ear.peer} hears {message.type} after the end")
        if isinstance(message, SessionChanged) and Status(message.status).is_terminal:
            ear.has_ended = True
        if message.ack and ear.peer and message.ack > self._numbers.get(ear.peer, 0):
            self._blame(Invariant.I8, f"{message.ack} of {ear.peer} was never in the log")
        if isinstance(message, Welcome):
            self._welcome(ear, message)
        elif isinstance(message, IceServers):
            self._trust(ear)
        elif message.pos is not None:
            self._proceed(ear, message, message.pos)
        elif not isinstance(message, _OF_THE_LINK):
            ear.pending.append(_bare(message))

    def resume(self, ear: Ear, peer: str, pos: str | None) -> None:
        """Take note of where a device says that it reads on, if anywhere."""
        ear.peer, ear.at = peer, self._moments.get(pos or "")

    def _welcome(self, ear: Ear, welcome: Welcome) -> None:
        at = self._moments.get(welcome.pos or "")
        if at is None:
            self._blame(Invariant.I1, f"{welcome.peer} is welcomed at {welcome.pos}, which never was")
            return
        if welcome.recovered and (ear.at is not at or ear.peer != welcome.peer):
            self._blame(Invariant.I7, f"{welcome.peer} reads on at {welcome.pos}, and knows another place")
        ear.peer, ear.at, ear.pending = welcome.peer, at, []
        if welcome.snapshot is not None:
            self._look(at, welcome.peer, welcome.snapshot)
        if welcome.ice_servers is not None:
            self._trust(ear)

    def _look(self, at: Moment, peer: str, snapshot: RoomView) -> None:
        """A snapshot is the room at its position, or, of a new peer, with it and without its pairs."""
        seen = [at.room.view(peer)] if peer in at.room.peers else []
        seen += [
            each.room.view(peer).but(pairs=())
            for each in self._moments.values()
            if each.before is at and isinstance(each.entry, Joined) and each.entry.peer == peer
        ]
        if snapshot not in seen:
            self._blame(Invariant.I1, f"{peer} is shown at {at.position} what is not the room")

    def _trust(self, ear: Ear) -> None:
        """Credentials are for those who are let in, where the connection stands or a little later."""
        at, peer = ear.at or self.head, ear.peer or ""
        if not at.facts.is_inside(peer) and self._inside.get(peer, -1) < at.offset:
            self._blame(Invariant.I15, f"{ear.peer} waits, and is given credentials")

    def _proceed(self, ear: Ear, message: ServerMessage, pos: str) -> None:
        now = self._moments.get(pos)
        if now is None or ear.at is None or ear.peer is None:
            self._blame(Invariant.I1, f"{ear.peer} hears of {pos}, which never was")
            return
        if now.offset <= ear.at.offset:
            self._blame(Invariant.I5, f"{ear.peer} hears of {pos} after {ear.at.position}")
            return
        way = _way(ear.at, now)
        if way is None:
            self._blame(Invariant.I11, f"{ear.peer} hears of {pos}, on another branch than {ear.at.position}")
            return
        told = [_bare(tell.message) for each in way for tell in each.told if tell.to == ear.peer]
        heard = [*ear.pending, _bare(message)]
        if heard != told:
            self._blame(
                Invariant.I7 if len(heard) < len(told) else Invariant.I1, _difference(ear, heard, told)
            )
        ear.at, ear.pending = now, []


def _way(start: Moment, end: Moment) -> list[Moment] | None:
    """Return the moments behind `start` up to `end`, if one leads to the other."""
    way = []
    now: Moment | None = end
    while now is not None and now.offset > start.offset:
        way.append(now)
        now = now.before
    return way[::-1] if now is start else None


def _bare(message: ServerMessage) -> ServerMessage:
    bare: ServerMessage = message.but(pos=None, ack=None)
    return bare


def _difference(ear: Ear, heard: list[ServerMessage], told: list[ServerMessage]) -> str:
    kinds = [message.type for message in heard], [message.type for message in told]
    return f"{ear.peer} hears {', '.join(kinds[0])} where the log tells {', '.join(kinds[1])}"

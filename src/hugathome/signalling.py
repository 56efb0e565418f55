"""A room: a pure fold over the ordered log of one session, and the two seams that signalling needs.

    host, hub ──append──► log ──read──► Room.after(entry, position) ──► what to tell whom

Everybody who reads the same log reaches the same room, so that any worker may serve any device. What a
device asks is judged here, inside the fold: an entry that is stale, repeated or not allowed changes
nothing, and therefore nobody needs a lock, a leader or an append that succeeds exactly once.

Admission and end are the record's (`Recorded`); connections, their order and who offers are the room's.
Whoever is not let in is told of themselves, and whether somebody who admits is there: no name, no
description, no candidate. Order and time come as data; nothing here reads a clock or waits.
"""

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from pydantic import Field

from hugathome import roster
from hugathome._model import Record
from hugathome.connections import Connection, Refused, mesh
from hugathome.entries import (
    FOLD,
    START,
    Attached,
    Called,
    Commanded,
    Detached,
    Entry,
    Expired,
    Joined,
    Opened,
    Position,
    Recorded,
    RecordedParticipant,
    parse_entry,
)
from hugathome.errors import LocalProtocolError
from hugathome.messages import (
    Answer,
    Candidates,
    Caps,
    Close,
    CloseCode,
    Error,
    Leave,
    Media,
    Negotiate,
    NoteStep,
    Offer,
    Restart,
    Ring,
    RoomView,
    ServerMessage,
    SessionChanged,
)
from hugathome.negotiation import Endpoint, begin
from hugathome.roles import Capability, Modality, Step

__all__ = [
    "FOLD",
    "START",
    "Attached",
    "Called",
    "Commanded",
    "Connection",
    "Detached",
    "Entry",
    "Expired",
    "Joined",
    "Opened",
    "Peer",
    "Position",
    "Recorded",
    "RecordedParticipant",
    "Room",
    "SignallingLog",
    "Tell",
    "Transport",
    "parse_entry",
]

# --- Nouns ---------------------------------------------------------------------------------------


class Tell(NamedTuple):
    """A message and who gets it: a peer, or one connection by its link."""

    to: str
    message: ServerMessage


class Peer(Record):
    """One device in the room; it outlives its connections."""

    peer: str
    participant: str
    device: int
    since: int
    """The offset at which it joined."""
    can: frozenset[Capability]
    caps: Caps
    tokens: frozenset[str] = Field(repr=False)
    """Hashes of the resume tokens that are good: the newest, and the one that led to it."""
    link: str
    conn: int = 1
    is_attached: bool = True


class Room(Record):
    """What everybody who has read the log so far knows."""

    session: str
    limits: Opened | None = None
    version: int = 0
    """Of the record, as far as the log has told."""
    status: str = "planned"
    modality: str = Modality.VIDEO
    outcome: str | None = None
    ended: bool = False
    people: Mapping[str, RecordedParticipant] = {}
    peers: Mapping[str, Peer] = {}
    seen: Mapping[str, int] = {}
    """The number of each peer's last command."""
    grants: Mapping[str, tuple[str, str]] = {}
    """By `jti`: the nonce of the hello that used it, and the peer that it made."""
    gone: Mapping[str, int] = {}
    """Why former peers may not come back."""
    left: frozenset[str] = frozenset()
    """Participants who were here and have gone."""
    steps: Mapping[str, Step] = {}
    connections: Mapping[str, Connection] = {}

    def is_behind(self, record: Recorded) -> bool:
        """Whether the log has not been told what `record` says."""
        known = (self.status, self.modality, self.outcome, self.ended, tuple(self.people.values()))
        told = (record.status, record.modality, record.outcome, record.ended, record.participants)
        return record.version > self.version and (self.version == 0 or known != told)

    def is_inside(self, peer_id: str) -> bool:
        """Whether a peer may meet the others."""
        peer = self.peers.get(peer_id)
        person = self.people.get(peer.participant) if peer else None
        return person is not None and person.is_let_in

    def peer_of(self, participant: str) -> Peer | None:
        """Return the participant's device, if one is or was just here."""
        return next((peer for peer in self.peers.values() if peer.participant == participant), None)

    def connections_of(self, peer_id: str) -> list[Connection]:
        """Return the connections that a peer has been assigned."""
        return [each for each in self.connections.values() if peer_id in each.peers]

    def view(self, peer_id: str) -> RoomView:
        """Return the room as a peer may see it."""
        return roster.view(self, self.peers[peer_id])

    def after(self, entry: Entry, position: Position) -> "tuple[Room, tuple[Tell, ...]]":
        """Return the room after `entry`, and what to tell whom, in this order.

        Raises `LocalProtocolError` where the log was written by other rules than these.
        """
        judged, told = _judged(self, entry, position)
        if judged is self:
            return self, tuple(told)
        room = _meshed(judged, self, position)
        changes = [
            Tell(each.peer, new) for each in room.peers.values() for new in roster.changes(self, room, each)
        ]
        return room, (*told, *changes)


# --- Rules: what each entry does -----------------------------------------------------------------

Judgement = tuple[Room, list[Tell]]


def _judged(room: Room, entry: Entry, position: Position) -> Judgement:
    match entry:
        case Opened():
            return _opened(room, entry), []
        case Recorded():
            return _recorded(room, entry)
        case Joined():
            return _joined(room, entry, position)
        case Attached():
            return _attached(room, entry)
        case Commanded():
            return _commanded(room, entry)
        case Detached():
            return _detached(room, entry), []
        case Expired():
            return _expired(room, entry), []
        case Called():
            called = room.peer_of(entry.participant)
            return room, [Tell(called.peer, Ring())] if called else []


def _opened(room: Room, entry: Opened) -> Room:
    if entry.fold != FOLD:
        raise LocalProtocolError(f"the log follows fold {entry.fold}, this version knows fold {FOLD}")
    if entry.session != room.session:
        raise LocalProtocolError("the log belongs to another session")
    return room.but(limits=entry) if room.limits is None else room


def _recorded(before: Room, entry: Recorded) -> Judgement:
    if entry.version <= before.version:
        return before, []
    told: list[Tell] = []
    room = before.but(
        version=entry.version,
        status=entry.status,
        modality=entry.modality,
        outcome=entry.outcome,
        ended=entry.ended,
        people={person.participant: person for person in entry.participants},
        steps={**before.steps, **{each.participant: each.step for each in entry.participants if each.step}},
    )
    for peer in before.peers.values():
        code = _refusal(room, peer.participant, peer.device)
        if code is not None:
            if entry.ended:
                told.append(Tell(peer.link, SessionChanged(**dict(roster.session_view(room)))))
            told.append(Tell(peer.link, Close.because(code)))
            room = _without(room, peer, code)
    return room, told


def _refusal(room: Room, participant: str, device: int) -> CloseCode | None:
    """Say why a device of this participant may not be here, by the record."""
    person = room.people.get(participant)
    if room.ended:
        return CloseCode.SESSION_ENDED
    if person is None:
        return CloseCode.NO_SUCH_SESSION
    if person.removed:
        return CloseCode.DENIED if person.denied else CloseCode.REMOVED
    return CloseCode.SUPERSEDED if device < person.device else None


def _joined(room: Room, entry: Joined, position: Position) -> Judgement:
    nonce, known = room.grants.get(entry.jti, (entry.nonce, None))
    if (
        known and nonce == entry.nonce and known in room.peers
    ):  # its welcome was lost: the hello is answered again
        return _reattached(room, room.peers[known], link=entry.link, tokens={entry.token_hash})
    former = room.peer_of(entry.participant)
    code = CloseCode.GRANT_REFUSED if known else _refusal_at_the_door(room, entry, former)
    if code is not None:
        return room, [Tell(entry.link, Close.because(code))]
    if former is not None:
        room = _without(room, former, CloseCode.SUPERSEDED)
    room = _with(room, _new_peer(entry, position)).but(
        grants={**room.grants, entry.jti: (entry.nonce, entry.peer)},
        left=room.left - {entry.participant},
    )
    return room, [Tell(former.link, Close.because(CloseCode.SUPERSEDED))] if former else []


def _refusal_at_the_door(room: Room, entry: Joined, former: Peer | None) -> CloseCode | None:
    if former is not None and entry.device < former.device:
        return CloseCode.SUPERSEDED
    if former is None and len(room.peers) >= _limits(room).peers:
        return CloseCode.RATE_LIMITED
    return _refusal(room, entry.participant, entry.device)


def _new_peer(entry: Joined, position: Position) -> Peer:
    return Peer(
        peer=entry.peer,
        participant=entry.participant,
        device=entry.device,
        since=position.offset,
        can=entry.can,
        caps=entry.caps,
        tokens=frozenset({entry.token_hash}),
        link=entry.link,
    )


def _attached(room: Room, entry: Attached) -> Judgement:
    peer = room.peers.get(entry.peer)
    if peer is None:
        code = room.gone.get(entry.peer, CloseCode.STATE_LOST)
        return room, [Tell(entry.link, Close.because(code))]
    if entry.presented not in peer.tokens:
        return room, [Tell(entry.link, Close.because(CloseCode.GRANT_REFUSED))]
    return _reattached(room, peer, link=entry.link, tokens={entry.presented, entry.token_hash})


def _reattached(room: Room, peer: Peer, *, link: str, tokens: Iterable[str]) -> Judgement:
    again = peer.but(link=link, conn=peer.conn + 1, tokens=frozenset(tokens), is_attached=True)
    return _with(room, again), [Tell(peer.link, Close.because(CloseCode.LOST_RACE))]


def _detached(room: Room, entry: Detached) -> Room:
    peer = room.peers.get(entry.peer)
    if peer is None or peer.conn != entry.conn or not peer.is_attached:
        return room
    return _with(room, peer.but(is_attached=False))


def _expired(room: Room, entry: Expired) -> Room:
    """Whoever waits may let their screen go dark: they stay away, and keep their place."""
    peer = room.peers.get(entry.peer)
    if peer is None or peer.conn != entry.conn or peer.is_attached or not room.is_inside(peer.peer):
        return room
    return _without(room, peer, CloseCode.STATE_LOST)


# --- Rules: commands -----------------------------------------------------------------------------


def _commanded(before: Room, entry: Commanded) -> Judgement:
    peer = before.peers.get(entry.peer)
    last = before.seen.get(entry.peer, 0)
    if peer is None or peer.conn != entry.conn or not peer.is_attached or entry.seq <= last:
        return before, []
    if entry.seq > last + 1:  # the log has lost what it had acknowledged
        return _with(before, peer.but(is_attached=False)), [
            Tell(peer.link, Close.because(CloseCode.STATE_LOST))
        ]
    room = before.but(seen={**before.seen, peer.peer: entry.seq})
    match entry.body:
        case Offer() | Answer() | Candidates() | Negotiate() | Restart() as body:
            try:
                return _on_connection(room, peer, body, entry)
            except Refused as refused:
                return room, [Tell(peer.peer, Error(code=refused.code, ref=entry.seq))]
        case NoteStep(step=step):
            return room.but(steps={**room.steps, peer.participant: step}), []
        case Media(state=state) if state in _FACTS:
            return room.but(steps={**room.steps, peer.participant: _FACTS[state]}), []
        case Leave():
            room = _without(room, peer, CloseCode.STATE_LOST)
            return room, [Tell(peer.link, Close.because(CloseCode.NORMAL))]
        case _:  # what is the record's was done there before it came here
            return room, []


_FACTS = {"connected": Step.MEDIA_CONNECTED, "failed": Step.MEDIA_FAILED}


def _on_connection(
    room: Room, peer: Peer, body: Offer | Answer | Candidates | Negotiate | Restart, entry: Commanded
) -> Judgement:
    connection = room.connections.get(body.pc)
    if connection is None or peer.peer not in connection.peers:
        raise Refused("no-such-pair")
    if body.gen != connection.gen:
        raise Refused("stale-generation")
    after: Connection | None
    to = connection.other(peer.peer)
    match body:
        case Offer() | Answer():
            may_send = Capability.SEND_MEDIA in peer.can
            after = connection.described(body, by=peer.peer, may_send=may_send)
        case Candidates():
            after = connection.trickled(body, by=peer.peer, at_most=_limits(room).candidates)
        case Negotiate():
            return _connected(room, connection.asked(by=peer.peer)), []
        case Restart():
            if not all(room.peers[each].caps.ice_restart for each in connection.peers):
                return _connected(room, connection.renewed(begin(*_endpoints(room, connection)))), []
            after, to = connection, connection.negotiation.impolite
    relayed = body.but(seq=None, ack=None, sender=peer.peer, at=entry.at)
    return (_connected(room, after), [Tell(to, relayed)]) if after else (room, [])


# --- Rules: the parts of a room ------------------------------------------------------------------


def _limits(room: Room) -> Opened:
    return room.limits or Opened(session=room.session, organisation="")


def _with(room: Room, peer: Peer) -> Room:
    return room.but(peers={**room.peers, peer.peer: peer})


def _without(room: Room, peer: Peer, code: CloseCode) -> Room:
    return room.but(
        peers={each.peer: each for each in room.peers.values() if each.peer != peer.peer},
        seen={peer_id: seq for peer_id, seq in room.seen.items() if peer_id != peer.peer},
        gone={**room.gone, peer.peer: code},
        left=room.left | {peer.participant},
    )


def _connected(room: Room, connection: Connection) -> Room:
    return room.but(connections={**room.connections, connection.pc: connection})


def _endpoint(peer: Peer) -> Endpoint:
    return Endpoint(peer=peer.peer, rollback=peer.caps.rollback, host=Capability.ADMIT in peer.can)


def _endpoints(room: Room, connection: Connection) -> tuple[Endpoint, Endpoint]:
    one, other = sorted(connection.peers)
    return _endpoint(room.peers[one]), _endpoint(room.peers[other])


def _meshed(room: Room, before: Room, position: Position) -> Room:
    """Connect everybody inside with everybody else inside, and nobody else."""
    if room.peers is before.peers and room.people is before.people:
        return room
    inside = sorted((peer.since, peer.peer) for peer in room.peers.values() if room.is_inside(peer.peer))
    meshed = (
        [] if room.modality == Modality.PHONE else [peer_id for _, peer_id in inside[: _limits(room).mesh]]
    )
    connections = mesh(
        room.connections,
        meshed,
        endpoint=lambda peer_id: _endpoint(room.peers[peer_id]),
        mark=position.chain.hex()[:16],
    )
    return room.but(connections=connections)


# --- Seams ---------------------------------------------------------------------------------------


class Transport(Protocol):
    """A pipe for text between one device and one hub.

    In order, whole, at most once. `hugathome.testing.check_transport` proves an implementation.
    """

    async def send(self, text: str) -> None:
        """Return once the other side's buffer has taken `text`, or raise `TransportClosed`."""
        ...

    async def receive(self) -> str:
        """Return the next text, or raise `TransportClosed` once there are no more."""
        ...

    async def aclose(self) -> None:
        """Close both directions; twice is fine."""
        ...


class SignallingLog(Protocol):
    """Ordered, append-only, one sequence of records for each room, read by many workers.

    Every method raises `StoreUnavailable` where the log cannot be reached.
    `hugathome.testing.check_log` proves an implementation.
    """

    async def append(self, room: str, record: bytes) -> None:
        """Add a record of at most 64 KiB and a little; it never suspends longer than the write takes."""
        ...

    async def load(self, room: str, after: int) -> Sequence[tuple[int, bytes]]:
        """Return the records behind offset `after` that are there now; the first of all has offset 1.

        Raises `LogTrimmed` where they are no longer kept, `LogForked` where the log ends before `after`.
        """
        ...

    def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield what `load` returns, then follow for ever; closing the iterator ends it.

        Raises what `load` does, and `LogForked` once the log is not the one that it has read.
        """
        ...

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        """Return the newest snapshot and the offset that it stands for."""
        ...

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        """Keep a snapshot and drop the records up to `offset`; an older one than the kept is ignored."""
        ...

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        ...

    def for_blocking(self) -> "SignallingLog":
        """Return the same log for callers without an event loop."""
        ...

    async def aclose(self) -> None:
        """Close what was opened here."""
        ...

"""What each receiver may see of a room, and what an entry changed for them.

Whoever admits sees everybody. Whoever was let in sees the others who were let in and have come.
Whoever waits sees themselves. Messages are the difference between two such views, so that no change can
be forgotten, and nothing that is not in the view can leak.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Literal

from hugathome.protocol.messages import (
    Granted,
    Pair,
    ParticipantChanged,
    Renew,
    ServerMessage,
    SessionChanged,
    Snapshot,
    Unpair,
)
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.talk import read_by
from hugathome.protocol.wire import (
    PairView,
    ParticipantView,
    RoomView,
    SessionView,
    State,
)
from hugathome.roles import Capability

if TYPE_CHECKING:
    from hugathome.protocol.connections import Connection, Peer
    from hugathome.protocol.entries import RecordedParticipant
    from hugathome.protocol.room import Room


def view(room: "Room", peer: "Peer") -> RoomView:
    """Return the room as `peer` may see it."""
    return RoomView(
        state="admitted" if room.is_inside(peer.peer) else "waiting",
        session=session_view(room),
        participants=tuple(_roster(room, peer, room.people).values()),
        pairs=tuple(_pair_view(room, each, peer) for each in room.connections_of(peer.peer)),
        texts=read_by(peer.participant, room.texts) if room.is_inside(peer.peer) else (),
    )


def session_view(room: "Room") -> SessionView:
    """Return how the visit stands, as everybody may see it."""
    return SessionView(
        id=room.session,
        status=room.status,
        modality=room.modality,
        outcome=room.outcome,
        host_present=_has_host(room),
    )


def _has_host(room: "Room") -> bool:
    return any(each.is_attached for each in room.peers.values() if Capability.ADMIT in each.can)


class Difference:
    """What lies between two rooms: found once, for everybody who is to be told of it."""

    def __init__(self, before: "Room", after: "Room") -> None:
        self._before, self._after = before, after
        self._who = _touched(before, after)
        self._is_rewired = _are_rewired(before.connections, after.connections)
        has_host_come = bool(self._who) and _has_host(before) != _has_host(after)
        self._has_news = has_host_come or _standing(before) != _standing(after)

    @property
    def is_unseen(self) -> bool:
        """Whether nobody's view can have changed: whatever is relayed is no part of one."""
        return not (self._who or self._is_rewired or self._has_news)

    def to(self, peer: "Peer") -> Iterator[ServerMessage]:
        """Yield what `peer` must be told so that its view follows."""
        before, after, was = self._before, self._after, self._before.peers.get(peer.peer)
        if self._is_rewired:
            yield from _unpaired(before, after, peer)
        if was is not None and before.is_inside(was.peer) != after.is_inside(peer.peer):
            yield Snapshot(**vars(view(after, peer).but(pairs=())))
        elif was is not None:
            if self._has_news:
                yield _session_changed(after)
            yield from self._moved(was, peer)
        if self._is_rewired:
            yield from _paired(before, after, peer)

    def _moved(self, was: "Peer", peer: "Peer") -> Iterator[ServerMessage]:
        old, new = _roster(self._before, was, self._who), _roster(self._after, peer, self._who)
        for participant, seen in old.items():
            if participant not in new:
                gone = seen.but(name=None, peer=None, admitted=False, state=State.DEPARTED)
                yield ParticipantChanged(**vars(gone))
        for participant, seen in new.items():
            if seen != old.get(participant):
                yield ParticipantChanged(**vars(seen))


def _touched(before: "Room", after: "Room") -> set[str]:
    """Return the participants who may look different to somebody; the others look the same to everybody."""
    seats = (before.seat, after.seat) if before.seat != after.seat else ()
    return {
        *_unequal(before.people, after.people),
        *_unequal(before.steps, after.steps),
        *_otherwise_here(before.peers, after.peers),
        *(who for seat in seats for who in (seat.holder, seat.offered_to) if who),
        *(before.left ^ after.left),
    }


def _unequal(before: Mapping[str, object], after: Mapping[str, object]) -> set[str]:
    if before is after:
        return set()
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def _otherwise_here(before: Mapping[str, "Peer"], after: Mapping[str, "Peer"]) -> Iterator[str]:
    """Yield whose devices have come or gone, or show another thing than they did."""
    for peer in before.keys() | after.keys() if before is not after else ():
        was, now = before.get(peer), after.get(peer)
        if was is not now and _here(was) != _here(now):
            yield from {each.participant for each in (was, now) if each}


def _here(peer: "Peer | None") -> object:
    """Return what is seen of a device beside whose it is."""
    return None if peer is None else (peer.is_attached, peer.sends)


def _are_rewired(before: Mapping[str, "Connection"], after: Mapping[str, "Connection"]) -> bool:
    return before.keys() != after.keys() or any(_is_seen(before[pc], each) for pc, each in after.items())


def _is_seen(before: "Connection", after: "Connection") -> bool:
    """Whether a side may have to be told: the connection begins anew, or a turn on it is granted."""
    is_by_turns = after.negotiation.mode is Mode.TURN
    return after is not before and (after.gen != before.gen or is_by_turns)


def _standing(room: "Room") -> tuple[str, str, str | None]:
    """Return what a session's view has besides its peers."""
    return room.status, room.modality, room.outcome


def roster_digest(roster: Iterable[ParticipantView]) -> str:
    """Return eight hexadecimal digits by which hub and device compare what they know: FNV-1a, 32 bits.

    Over the lines `participant:state:peer`, sorted, joined by line feeds; without those who have departed,
    for whoever is out of sight is kept as one of them.
    """
    present = (seen for seen in roster if seen.state is not State.DEPARTED)
    lines = sorted(f"{seen.participant}:{seen.state}:{seen.peer or ''}" for seen in present)
    digest = 0x811C9DC5
    for byte in "\n".join(lines).encode():
        digest = (digest ^ byte) * 0x01000193 % 2**32
    return f"{digest:08x}"


def _unpaired(before: "Room", after: "Room", peer: "Peer") -> Iterator[ServerMessage]:
    for connection in before.connections_of(peer.peer):
        if connection.pc not in after.connections:
            yield Unpair(pc=connection.pc)


def _paired(before: "Room", after: "Room", peer: "Peer") -> Iterator[ServerMessage]:
    for connection in after.connections_of(peer.peer):
        known = before.connections.get(connection.pc)
        if known is None:
            yield Pair(**vars(_pair_view(after, connection, peer)))
        elif known.gen != connection.gen:
            yield Renew(**vars(_pair_view(after, connection, peer)))
        elif _is_newly_granted(known, connection, peer):
            yield Granted(pc=connection.pc, gen=connection.gen, neg=connection.negotiation.neg)


def _is_newly_granted(before: "Connection", after: "Connection", peer: "Peer") -> bool:
    negotiation = after.negotiation
    is_granted = (
        negotiation.mode is Mode.TURN and negotiation.holder == peer.peer and not negotiation.is_offered
    )
    return is_granted and negotiation.neg != before.negotiation.neg


def _session_changed(room: "Room") -> SessionChanged:
    return SessionChanged(**vars(session_view(room)))


def _roster(room: "Room", peer: "Peer", who: Container[str]) -> dict[str, ParticipantView]:
    """Return what `peer` sees of those named."""
    sees_all, is_inside = Capability.ADMIT in peer.can, room.is_inside(peer.peer)
    roster = {}
    for person in room.people.values():
        is_known = sees_all or person.participant == peer.participant
        if person.participant in who and (is_known or (is_inside and person.is_let_in)):
            seen = _participant_view(room, person, peer, sees_all=sees_all)
            if is_known or seen.state is not State.EXPECTED:
                roster[person.participant] = seen
    return roster


def _participant_view(
    room: "Room", person: "RecordedParticipant", receiver: "Peer", *, sees_all: bool
) -> ParticipantView:
    is_self = person.participant == receiver.participant
    peer = receiver if is_self else room.peer_of(person.participant)
    noted = room.steps.get(person.participant) if sees_all else None
    return ParticipantView.made(
        participant=person.participant,
        role=person.role,
        name=person.name,
        state=State.ADMITTED if is_self and person.is_let_in else _state(room, person, peer),
        admitted=person.is_let_in,
        peer=peer.peer if peer else None,
        sends=peer.sends if peer else None,
        host=_hosts(room, person.participant),
        step=noted.step if noted else None,
        step_at=noted.at if noted else None,
    )


def _hosts(room: "Room", participant: str) -> Literal["held", "offered"] | None:
    if participant == room.seat.holder:
        return "held"
    return "offered" if participant == room.seat.offered_to else None


def _state(room: "Room", person: "RecordedParticipant", peer: "Peer | None") -> State:
    if person.removed:
        return State.DENIED if person.denied else State.REMOVED
    if peer is None and person.participant in room.left:
        return State.DEPARTED
    if peer is None:
        return State.AWAY if room.is_awaited(person) else State.EXPECTED
    if not peer.is_attached:
        return State.AWAY
    return State.ADMITTED if person.is_let_in else State.ARRIVED


def _pair_view(room: "Room", connection: "Connection", peer: "Peer") -> PairView:
    negotiation = connection.negotiation
    other = room.peers[connection.other(peer.peer)]
    is_only_granted = negotiation.holder is not None and not negotiation.is_offered
    return PairView(
        pc=connection.pc,
        gen=connection.gen,
        peer=other.peer,
        participant=other.participant,
        polite=negotiation.polite == peer.peer,
        mode=negotiation.mode,
        offerer=negotiation.impolite,
        neg=negotiation.neg - is_only_granted,
    )

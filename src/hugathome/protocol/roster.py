"""What each receiver may see of a room, and what an entry changed for them.

Whoever admits sees everybody. Whoever was let in sees the others who were let in and have come.
Whoever waits sees themselves. Messages are the difference between two such views, so that no change can
be forgotten, and nothing that is not in the view can leak.
"""

from collections.abc import Iterable, Iterator
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
        participants=tuple(_roster(room, peer).values()),
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


def changes(before: "Room", after: "Room", peer: "Peer") -> Iterator[ServerMessage]:
    """Yield what `peer` must be told so that its view follows from `before` to `after`."""
    yield from _unpaired(before, after, peer)
    was = before.peers.get(peer.peer)
    if was is not None and _shown(before) != _shown(after):
        yield from _moved(before, after, was, peer)
    elif was is not None and _standing(before) != _standing(after):
        yield _session_changed(after)
    yield from _paired(before, after, peer)


def is_unseen(before: "Room", after: "Room") -> bool:
    """Whether nobody's view can have changed: whatever is relayed is no part of one."""
    if _shown(before) != _shown(after) or _standing(before) != _standing(after):
        return False
    known, now = before.connections, after.connections
    return known.keys() == now.keys() and not any(_is_seen(known[pc], each) for pc, each in now.items())


def _is_seen(before: "Connection", after: "Connection") -> bool:
    """Whether a side may have to be told: the connection begins anew, or a turn on it is granted."""
    is_by_turns = after.negotiation.mode is Mode.TURN
    return after is not before and (after.gen != before.gen or is_by_turns)


def _shown(room: "Room") -> tuple[object, ...]:
    """Return all that a roster is made of."""
    return room.people, room.peers, room.steps, room.seat


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


def _moved(before: "Room", after: "Room", was: "Peer", peer: "Peer") -> Iterator[ServerMessage]:
    if before.is_inside(was.peer) != after.is_inside(peer.peer):
        yield Snapshot(**dict(view(after, peer).but(pairs=())))
        return
    if (_standing(before), _has_host(before)) != (_standing(after), _has_host(after)):
        yield _session_changed(after)
    old, new = _roster(before, was), _roster(after, peer)
    for participant, seen in old.items():
        if participant not in new:
            yield ParticipantChanged(
                **dict(seen.but(name=None, peer=None, admitted=False, state=State.DEPARTED))
            )
    for participant, seen in new.items():
        if seen != old.get(participant):
            yield ParticipantChanged(**dict(seen))


def _unpaired(before: "Room", after: "Room", peer: "Peer") -> Iterator[ServerMessage]:
    for connection in before.connections_of(peer.peer):
        if connection.pc not in after.connections:
            yield Unpair(pc=connection.pc)


def _paired(before: "Room", after: "Room", peer: "Peer") -> Iterator[ServerMessage]:
    for connection in after.connections_of(peer.peer):
        known = before.connections.get(connection.pc)
        if known is None:
            yield Pair(**dict(_pair_view(after, connection, peer)))
        elif known.gen != connection.gen:
            yield Renew(**dict(_pair_view(after, connection, peer)))
        elif _is_newly_granted(known, connection, peer):
            yield Granted(pc=connection.pc, gen=connection.gen, neg=connection.negotiation.neg)


def _is_newly_granted(before: "Connection", after: "Connection", peer: "Peer") -> bool:
    negotiation = after.negotiation
    is_granted = (
        negotiation.mode is Mode.TURN and negotiation.holder == peer.peer and not negotiation.is_offered
    )
    return is_granted and negotiation.neg != before.negotiation.neg


def _session_changed(room: "Room") -> SessionChanged:
    return SessionChanged(**dict(session_view(room)))


def _roster(room: "Room", peer: "Peer") -> dict[str, ParticipantView]:
    sees_all, is_inside = Capability.ADMIT in peer.can, room.is_inside(peer.peer)
    roster = {}
    for person in room.people.values():
        seen = _participant_view(room, person, peer, sees_all=sees_all)
        is_met = is_inside and person.is_let_in and seen.state is not State.EXPECTED
        if sees_all or is_met or person.participant == peer.participant:
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

"""The rules of a room: what each entry of its log does, and what it tells whom.

    entry        counts if                                        does
    opened       it is the first, or by newer rules than these    sets the room's limits; else begins anew
    recorded     its version is newer                             who is let in; closes who may not stay
    joined       the grant is new, or the same hello again        a new peer; closes their other device
    attached     it shows the peer's resume token                 the peer's next connection; closes the last
    commanded    it comes next on the peer's present connection   relays, or answers with an error
    detached     it names the present connection                  the peer is away
    expired      the peer is away, and was let in                 the peer has left
    vacated      the host has not been back since                 the host's seat is free (`host_seat.py`)
    doubted      it names the present connection                  somebody must vouch for it
    called       the participant is here                          rings

What does not count changes nothing. After each entry everybody inside is connected with everybody else
inside, and each device is told how its view has changed (`roster.py`).

In a room of older rules nothing counts until a worker that knows these opens it again; then it is empty, and
everybody is asked to come in anew. One of newer rules is not followed.
"""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from hugathome.errors import LocalProtocolError
from hugathome.protocol import devices, roster
from hugathome.protocol.commands import commanded
from hugathome.protocol.connections import Peer, mesh
from hugathome.protocol.entries import (
    FOLD,
    Attached,
    Called,
    Commanded,
    Detached,
    Doubted,
    Entry,
    Expired,
    Joined,
    Opened,
    Position,
    Recorded,
    Unread,
    Vacated,
    Vouched,
)
from hugathome.protocol.host_seat import seated
from hugathome.protocol.messages import Close, Ring, SessionChanged
from hugathome.protocol.negotiation import begin
from hugathome.protocol.parts import (
    Judgement,
    Tell,
    endpoint,
    endpoints,
    limits_of,
    with_connection,
    with_peer,
    without_peer,
)
from hugathome.protocol.talk import Noted, with_recorded
from hugathome.protocol.wire import CloseCode
from hugathome.roles import Modality

if TYPE_CHECKING:
    from hugathome.protocol.room import Room


def folded(room: "Room", entry: Entry | Unread, position: Position) -> "tuple[Room, tuple[Tell, ...]]":
    """Return the room after `entry`, and what to tell whom, in this order."""
    if room.is_older and not isinstance(entry, Opened):
        return room, ()
    if isinstance(entry, Unread):
        raise LocalProtocolError("the log holds an entry that this version does not know")
    judged, told = _judged(room, entry, position)
    if judged is room:
        return room, tuple(told)
    after = _meshed(seated(judged, room, offset=position.offset), room, position)
    difference = roster.Difference(room, after)
    if difference.is_unseen:
        return after, tuple(told)
    changes = [Tell(each.peer, news) for each in after.peers.values() for news in difference.to(each)]
    return after, (*told, *changes)


# --- What each entry does ------------------------------------------------------------------------


def _judged(room: "Room", entry: Entry, position: Position) -> Judgement:
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
            return commanded(room, entry)
        case Called():
            return room, [Tell(each.peer, Ring()) for each in room.devices_of(entry.participant)]
        case _:
            return _noticed(room, entry), []


def _noticed(room: "Room", entry: Detached | Expired | Vacated | Doubted | Vouched) -> "Room":
    """Take what a worker proposes because it has seen it, or because time has passed."""
    match entry:
        case Detached():
            return _revised(room, entry, is_attached=False)
        case Doubted() | Vouched():
            return _revised(room, entry, is_doubted=isinstance(entry, Doubted))
        case Expired():
            return _expired(room, entry)
        case Vacated(holder=holder, since=since):
            seat = room.seat.vacated(holder=holder, since=since)
            return room if seat is room.seat else room.but(seat=seat)


def _opened(room: "Room", entry: Opened) -> "Room":
    if entry.fold > FOLD:
        raise LocalProtocolError(f"the log follows fold {entry.fold}, this version knows fold {FOLD}")
    if entry.session != room.session:
        raise LocalProtocolError("the log belongs to another session")
    if room.limits is None and entry.fold == FOLD:
        return room.but(limits=entry)
    is_next = room.limits is None or entry.fold > room.limits.fold
    return type(room)(session=room.session, limits=entry) if is_next else room


def _recorded(before: "Room", entry: Recorded) -> Judgement:
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
        steps=with_recorded(before.steps, _steps(entry)),
    )
    for peer in before.peers.values():
        code = _refusal(room, peer.participant, peer.device)
        if code is not None:
            if entry.ended:
                told.append(Tell(peer.link, SessionChanged(**dict(roster.session_view(room)))))
            told.append(Tell(peer.link, Close.because(code)))
            room = without_peer(room, peer, code)
    room, ended = devices.settled(room)
    return room, [*told, *ended]


def _steps(entry: Recorded) -> dict[str, Noted]:
    return {
        each.participant: Noted(step=each.step, at=each.step_at)
        for each in entry.participants
        if each.step and each.step_at
    }


def _refusal(room: "Room", participant: str, device: int) -> CloseCode | None:
    """Say why a device of this participant may not be here, by the record."""
    person = room.people.get(participant)
    if room.ended:
        return CloseCode.SESSION_ENDED
    if person is None:  # a log that was rewound may have lost what it was told of the record
        return CloseCode.NO_SUCH_SESSION if room.version else CloseCode.STATE_LOST
    if person.removed:
        return CloseCode.DENIED if person.denied else CloseCode.REMOVED
    return CloseCode.SUPERSEDED if device < person.device else None


def _joined(room: "Room", entry: Joined, position: Position) -> Judgement:
    nonce, known = room.grants.get(entry.jti, (entry.nonce, None))
    if (
        known and nonce == entry.nonce and known in room.peers
    ):  # its welcome was lost: the hello is answered again
        peer = room.peers[known]
        return _reattached(room, peer, link=entry.link, tokens=peer.tokens | {entry.token_hash})
    former = devices.giving_way(room, entry)
    code = CloseCode.GRANT_REFUSED if known else _refusal_at_the_door(room, entry, former)
    if code is not None:
        reason = "the room is full" if code is CloseCode.RATE_LIMITED else ""
        return room, [Tell(entry.link, Close.because(code, reason))]
    room, ended = devices.superseded(room, former, by=entry.nonce)
    room = with_peer(room, _new_peer(entry, position)).but(
        grants={**room.grants, entry.jti: (entry.nonce, entry.peer)},
        left=room.left - {entry.participant},
    )
    return room, ended


def _refusal_at_the_door(room: "Room", entry: Joined, former: Collection[Peer]) -> CloseCode | None:
    if devices.is_outdated(room, entry):
        return CloseCode.SUPERSEDED
    if not former and devices.is_full(room, entry):
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
        nonce=entry.nonce,
    )


def _attached(room: "Room", entry: Attached) -> Judgement:
    peer = room.peers.get(entry.peer)
    if peer is None:
        code = room.gone.get(entry.peer, CloseCode.STATE_LOST)
        return room, [Tell(entry.link, Close.because(code))]
    if entry.presented not in peer.tokens:
        return room, [Tell(entry.link, Close.because(CloseCode.GRANT_REFUSED))]
    after, told = _reattached(room, peer, link=entry.link, tokens={entry.presented, entry.token_hash})
    return (_renewed(after, peer) if entry.missed and after is not room else after), told


def _renewed(room: "Room", peer: Peer) -> "Room":
    """Begin each connection of a peer anew: an offer or an answer on it may be lost."""
    for connection in room.connections_of(peer.peer):
        room = with_connection(room, connection.renewed(begin(*endpoints(room, connection))))
    return room


def _reattached(room: "Room", peer: Peer, *, link: str, tokens: Iterable[str]) -> Judgement:
    if peer.link == link:  # the same entry, appended twice
        return room, []
    again = peer.but(
        link=link, conn=peer.conn + 1, tokens=frozenset(tokens), is_attached=True, is_doubted=False
    )
    return with_peer(room, again), [Tell(peer.link, Close.because(CloseCode.LOST_RACE))]


def _revised(room: "Room", entry: Detached | Doubted | Vouched, **facts: bool) -> "Room":
    """Change what is known of a connection, unless it is another one by now."""
    peer = room.peers.get(entry.peer)
    if peer is None or peer.conn != entry.conn or not peer.is_attached:
        return room
    return with_peer(room, peer.but(**facts))


def _expired(room: "Room", entry: Expired) -> "Room":
    """Whoever waits may let their screen go dark: they stay away, and keep their place."""
    peer = room.peers.get(entry.peer)
    if peer is None or peer.conn != entry.conn or peer.is_attached or not room.is_inside(peer.peer):
        return room
    return without_peer(room, peer, CloseCode.STATE_LOST)


# --- Who is connected with whom -------------------------------------------------------------------


def _meshed(room: "Room", before: "Room", position: Position) -> "Room":
    """Connect everybody inside with everybody else inside, and nobody else."""
    if room.peers is before.peers and room.people is before.people:
        return room
    inside = sorted((peer.since, peer.peer) for peer in room.peers.values() if room.is_inside(peer.peer))
    meshed = (
        [] if room.modality == Modality.PHONE else [peer_id for _, peer_id in inside[: limits_of(room).mesh]]
    )
    connections = mesh(
        room.connections,
        meshed,
        endpoint=lambda peer_id: endpoint(room.peers[peer_id]),
        mark=position.chain.hex()[:16],
    )
    return room.but(connections=connections)

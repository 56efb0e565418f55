"""The rules of a room: what each entry of its log does, and what it tells whom.

    entry        counts if                                        does
    opened       it is the first                                  sets the room's limits
    recorded     its version is newer                             who is let in; closes who may not stay
    joined       the grant is new, or the same hello again        a new peer; closes their other device
    attached     it shows the peer's resume token                 the peer's next connection; closes the last
    commanded    it comes next on the peer's present connection   relays, or answers with an error
    detached     it names the present connection                  the peer is away
    expired      the peer is away, and was let in                 the peer has left
    doubted      it names the present connection                  somebody must vouch for it
    called       the participant is here                          rings

What does not count changes nothing. After each entry everybody inside is connected with everybody else
inside, and each device is told how its view has changed (`roster.py`).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from hugathome.errors import LocalProtocolError
from hugathome.protocol import roster
from hugathome.protocol.connections import Connection, Peer, Refused, mesh
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
    Vouched,
)
from hugathome.protocol.messages import (
    Answer,
    Candidates,
    Close,
    Error,
    Leave,
    Media,
    Negotiate,
    NoteStep,
    Offer,
    Restart,
    Ring,
    Sending,
    ServerMessage,
    SessionChanged,
    Text,
)
from hugathome.protocol.negotiation import Endpoint, begin
from hugathome.protocol.talk import Noted, now_sending, with_recorded, with_step, with_text
from hugathome.protocol.wire import CloseCode, TextView
from hugathome.roles import Capability, Modality, Step

if TYPE_CHECKING:
    from hugathome.signalling import Room


class Tell(NamedTuple):
    """A message and who gets it: a peer, or one connection by its link."""

    to: str
    message: ServerMessage


def folded(room: "Room", entry: Entry, position: Position) -> "tuple[Room, tuple[Tell, ...]]":
    """Return the room after `entry`, and what to tell whom, in this order."""
    judged, told = _judged(room, entry, position)
    if judged is room:
        return room, tuple(told)
    after = _meshed(judged, room, position)
    changes = [
        Tell(each.peer, news) for each in after.peers.values() for news in roster.changes(room, after, each)
    ]
    return after, (*told, *changes)


# --- What each entry does ------------------------------------------------------------------------

Judgement = tuple["Room", list[Tell]]


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
            return _commanded(room, entry)
        case Detached():
            return _revised(room, entry, is_attached=False), []
        case Doubted() | Vouched():
            return _revised(room, entry, is_doubted=isinstance(entry, Doubted)), []
        case Expired():
            return _expired(room, entry), []
        case Called():
            called = room.peer_of(entry.participant)
            return room, [Tell(called.peer, Ring())] if called else []


def _opened(room: "Room", entry: Opened) -> "Room":
    if entry.fold != FOLD:
        raise LocalProtocolError(f"the log follows fold {entry.fold}, this version knows fold {FOLD}")
    if entry.session != room.session:
        raise LocalProtocolError("the log belongs to another session")
    return room.but(limits=entry) if room.limits is None else room


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
            room = _without(room, peer, code)
    return room, told


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
    if person is None:
        return CloseCode.NO_SUCH_SESSION
    if person.removed:
        return CloseCode.DENIED if person.denied else CloseCode.REMOVED
    return CloseCode.SUPERSEDED if device < person.device else None


def _joined(room: "Room", entry: Joined, position: Position) -> Judgement:
    nonce, known = room.grants.get(entry.jti, (entry.nonce, None))
    if (
        known and nonce == entry.nonce and known in room.peers
    ):  # its welcome was lost: the hello is answered again
        return _reattached(room, room.peers[known], link=entry.link, tokens={entry.token_hash})
    former = room.peer_of(entry.participant)
    code = CloseCode.GRANT_REFUSED if known else _refusal_at_the_door(room, entry, former)
    if code is not None:
        reason = "the room is full" if code is CloseCode.RATE_LIMITED else ""
        return room, [Tell(entry.link, Close.because(code, reason))]
    if former is not None:
        room = _without(room, former, CloseCode.SUPERSEDED)
    room = _with(room, _new_peer(entry, position)).but(
        grants={**room.grants, entry.jti: (entry.nonce, entry.peer)},
        left=room.left - {entry.participant},
    )
    return room, [Tell(former.link, Close.because(CloseCode.SUPERSEDED))] if former else []


def _refusal_at_the_door(room: "Room", entry: Joined, former: Peer | None) -> CloseCode | None:
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
        room = _connected(room, connection.renewed(begin(*_endpoints(room, connection))))
    return room


def _reattached(room: "Room", peer: Peer, *, link: str, tokens: Iterable[str]) -> Judgement:
    if peer.link == link:  # the same entry, appended twice
        return room, []
    again = peer.but(
        link=link, conn=peer.conn + 1, tokens=frozenset(tokens), is_attached=True, is_doubted=False
    )
    return _with(room, again), [Tell(peer.link, Close.because(CloseCode.LOST_RACE))]


def _revised(room: "Room", entry: Detached | Doubted | Vouched, **facts: bool) -> "Room":
    """Change what is known of a connection, unless it is another one by now."""
    peer = room.peers.get(entry.peer)
    if peer is None or peer.conn != entry.conn or not peer.is_attached:
        return room
    return _with(room, peer.but(**facts))


def _expired(room: "Room", entry: Expired) -> "Room":
    """Whoever waits may let their screen go dark: they stay away, and keep their place."""
    peer = room.peers.get(entry.peer)
    if peer is None or peer.conn != entry.conn or peer.is_attached or not room.is_inside(peer.peer):
        return room
    return _without(room, peer, CloseCode.STATE_LOST)


# --- Commands ------------------------------------------------------------------------------------


def _commanded(before: "Room", entry: Commanded) -> Judgement:
    peer = before.peers.get(entry.peer)
    last = before.seen.get(entry.peer, 0)
    if peer is None or peer.conn != entry.conn or not peer.is_attached or entry.seq <= last:
        return before, []
    if entry.seq > last + 1:  # the log has lost what it had acknowledged
        return _with(before, peer.but(is_attached=False)), [
            Tell(peer.link, Close.because(CloseCode.STATE_LOST))
        ]
    room = before.but(seen={**before.seen, peer.peer: entry.seq})
    try:
        return _done(room, peer, entry)
    except Refused as refused:
        return room, [Tell(peer.peer, Error(code=refused.code, ref=entry.seq))]


def _done(room: "Room", peer: Peer, entry: Commanded) -> Judgement:
    match entry.body:
        case Offer() | Answer() | Candidates() | Negotiate() | Restart() as body:
            return _on_connection(room, peer, body, entry)
        case NoteStep(step=step):
            return room.but(steps=with_step(room.steps, peer.participant, step, at=entry.at)), []
        case Media(state=state) if state in _FACTS:
            return room.but(steps=with_step(room.steps, peer.participant, _FACTS[state], at=entry.at)), []
        case Sending() as sending:
            return _with(room, now_sending(peer, sending)), []
        case Text(text=text):
            return _texted(room, peer, text, entry)
        case Leave():
            room = _without(room, peer, CloseCode.STATE_LOST)
            return room, [Tell(peer.link, Close.because(CloseCode.NORMAL))]
        case _:  # what is the record's was done there before it came here
            return room, []


def _texted(room: "Room", peer: Peer, text: str, entry: Commanded) -> Judgement:
    """Hand a text to everybody inside, its sender included: all see the same ones in the same order."""
    if len(text) > _limits(room).text:
        raise Refused("too-long" if _limits(room).text else "not-permitted")
    if not room.is_inside(peer.peer):
        raise Refused("not-admitted")
    inside = [each for each in room.peers.values() if room.is_inside(each.peer)]
    readers = frozenset(each.participant for each in inside)
    said = TextView(participant=peer.participant, text=text, at=entry.at)
    told = [Tell(each.peer, Text(**dict(said))) for each in inside]
    return room.but(texts=with_text(room.texts, said, readers=readers)), told


_FACTS = {"connected": Step.MEDIA_CONNECTED, "failed": Step.MEDIA_FAILED}


def _on_connection(
    room: "Room", peer: Peer, body: Offer | Answer | Candidates | Negotiate | Restart, entry: Commanded
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
            at_most = _limits(room).candidates
            after = connection.described(body, by=peer.peer, may_send=may_send, at_most=at_most)
        case Candidates():
            after = connection.trickled(body, by=peer.peer, at_most=_limits(room).candidates)
        case Negotiate():
            return _connected(room, connection.asked(by=peer.peer)), []
        case Restart():
            is_able = all(room.peers[each].caps.ice_restart for each in connection.peers)
            after, to = connection.restarted(by=peer.peer), connection.negotiation.impolite
            if not is_able or after is None:
                return _connected(room, connection.renewed(begin(*_endpoints(room, connection)))), []
    relayed = body.but(seq=None, ack=None, sender=peer.peer, at=entry.at)
    return (_connected(room, after), [Tell(to, relayed)]) if after else (room, [])


# --- The parts of a room -------------------------------------------------------------------------


def _limits(room: "Room") -> Opened:
    return room.limits or Opened(session=room.session, organisation="")


def _with(room: "Room", peer: Peer) -> "Room":
    return room.but(peers={**room.peers, peer.peer: peer})


def _without(room: "Room", peer: Peer, code: CloseCode) -> "Room":
    return room.but(
        peers={each.peer: each for each in room.peers.values() if each.peer != peer.peer},
        seen={peer_id: seq for peer_id, seq in room.seen.items() if peer_id != peer.peer},
        gone={**room.gone, peer.peer: code},
        left=room.left | {peer.participant},
    )


def _connected(room: "Room", connection: Connection) -> "Room":
    return room.but(connections={**room.connections, connection.pc: connection})


def _endpoint(peer: Peer) -> Endpoint:
    return Endpoint(peer=peer.peer, rollback=peer.caps.rollback, host=Capability.ADMIT in peer.can)


def _endpoints(room: "Room", connection: Connection) -> tuple[Endpoint, Endpoint]:
    one, other = sorted(connection.peers)
    return _endpoint(room.peers[one]), _endpoint(room.peers[other])


def _meshed(room: "Room", before: "Room", position: Position) -> "Room":
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

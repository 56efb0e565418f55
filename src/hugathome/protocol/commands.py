"""What a command of a device does to a room, and what it tells whom; the way in is `fold.py`.

A command counts if it comes next on its peer's present connection. Whatever is refused was counted all the
same: its number is used up, and the device is told why. What is the record's was done there before it came
here, and does nothing here.

Whoever rejoins says again what nobody acknowledged, under another number, and names the first one: what was
done under either is not done twice.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from hugathome.protocol import devices
from hugathome.protocol.connections import Connection, Peer, Refused
from hugathome.protocol.entries import Commanded
from hugathome.protocol.host_seat import HostSeat, is_eligible
from hugathome.protocol.messages import (
    Answer,
    App,
    Candidates,
    Close,
    Error,
    Leave,
    Media,
    Negotiate,
    NoteStep,
    Offer,
    Restart,
    Sending,
    Text,
    Transfer,
    TransferAccept,
)
from hugathome.protocol.negotiation import begin
from hugathome.protocol.parts import (
    Judgement,
    Tell,
    endpoints,
    limits_of,
    with_connection,
    with_peer,
    without_peer,
)
from hugathome.protocol.talk import now_sending, with_step, with_text
from hugathome.protocol.wire import CloseCode, TextView
from hugathome.roles import Capability, Step

if TYPE_CHECKING:
    from hugathome.protocol.room import Room

_REPEATED = 256
"""Commands said again that are remembered, at the most: many times what devices may have under way."""
_FACTS = {"connected": Step.MEDIA_CONNECTED, "failed": Step.MEDIA_FAILED}


def commanded(before: "Room", entry: Commanded) -> Judgement:
    """Return the room after a command, and what it tells."""
    peer = before.peers.get(entry.peer)
    last = before.seen.get(entry.peer, 0)
    if peer is None or peer.conn != entry.conn or not peer.is_attached or entry.seq <= last:
        return before, []
    if entry.seq > last + 1:  # the log has lost what it had acknowledged
        return with_peer(before, peer.but(is_attached=False)), [
            Tell(peer.link, Close.because(CloseCode.STATE_LOST))
        ]
    again = entry.body.again
    room = before.but(seen={**before.seen, peer.peer: entry.seq})
    if again is not None:
        first = f"{peer.participant}:{again}"
        if before.has_done(first):
            return room, []
        room = room.but(repeated=(*room.repeated, first)[-_REPEATED:])
    try:
        return _done(room, peer, entry)
    except Refused as refused:
        return room, [Tell(peer.peer, Error(code=refused.code, ref=entry.seq))]


def _done(room: "Room", peer: Peer, entry: Commanded) -> Judgement:
    match entry.body:
        case Offer() | Answer() | Candidates() | Negotiate() | Restart() as body:
            return _on_connection(room, peer, body, entry)
        case NoteStep() | Media() as told:
            room = _noted(room, peer, told, at=entry.at)
            has_answered = isinstance(told, NoteStep) and told.step is Step.CALL_ANSWERED
            return devices.answered(room, peer) if has_answered else (room, [])
        case Sending() as sending:
            return with_peer(room, now_sending(peer, sending)), []
        case Text(text=text):
            return _texted(room, peer, text, entry)
        case App() as said:
            return room, _published(room, peer, said, at=entry.at)
        case Transfer() | TransferAccept() as wish:
            return room.but(seat=_passed_on(room, peer.participant, wish)), []
        case Leave():
            room = without_peer(room, peer, CloseCode.STATE_LOST)
            room = room.but(seat=room.seat.left(peer.participant))
            return room, [Tell(peer.link, Close.because(CloseCode.NORMAL))]
        case _:  # what is the record's was done there before it came here
            return room, []


def _noted(room: "Room", peer: Peer, told: NoteStep | Media, *, at: datetime) -> "Room":
    step = told.step if isinstance(told, NoteStep) else _FACTS.get(told.state)
    return room if step is None else room.but(steps=with_step(room.steps, peer.participant, step, at=at))


def _passed_on(room: "Room", by: str, wish: Transfer | TransferAccept) -> HostSeat:
    if isinstance(wish, TransferAccept):
        return room.seat.accepted(by=by, holder=wish.participant)
    seat = room.seat.offered(by=by, to=wish.participant)  # first: who may not is not told who is there
    if wish.participant != room.seat.holder and not is_eligible(room, wish.participant):
        raise Refused("not-here")  # who has it may be away when the offer is declined
    return seat


def _texted(room: "Room", peer: Peer, text: str, entry: Commanded) -> Judgement:
    """Hand a text to everybody inside, its sender included: all see the same ones in the same order.

    Whom the record has inside, and whom this log has not seen yet, reads it once they are back.
    """
    if len(text) > limits_of(room).text:
        raise Refused("too-long" if limits_of(room).text else "not-permitted")
    if not room.is_inside(peer.peer):
        raise Refused("not-admitted")
    inside = [each for each in room.peers.values() if room.is_inside(each.peer)]
    awaited = {each.participant for each in room.people.values() if room.is_awaited(each)}
    readers = frozenset(awaited.union(each.participant for each in inside))
    number = entry.body.again or f"{peer.peer}.{entry.seq}"
    said = TextView(participant=peer.participant, text=text, at=entry.at, id=number)
    told = [Tell(each.peer, Text(**dict(said))) for each in inside]
    return room.but(texts=with_text(room.texts, said, readers=readers)), told


def _published(room: "Room", peer: Peer, said: App, *, at: datetime) -> list[Tell]:
    """Hand a message of the host's own to everybody else inside; the room keeps none."""
    most = limits_of(room).app
    if said.size > most:
        raise Refused("too-long" if most else "not-permitted")
    if not room.is_inside(peer.peer):
        raise Refused("not-admitted")
    told = App(topic=said.topic, data=said.data, participant=peer.participant, sender=peer.peer, at=at)
    others = (each.peer for each in room.peers.values() if each.peer != peer.peer)
    return [Tell(each, told) for each in others if room.is_inside(each)]


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
            at_most = limits_of(room).candidates
            after = connection.described(body, by=peer.peer, may_send=may_send, at_most=at_most)
        case Candidates():
            after = connection.trickled(body, by=peer.peer, at_most=limits_of(room).candidates)
        case Negotiate():
            return with_connection(room, connection.asked(by=peer.peer)), []
        case Restart():
            is_able = all(room.peers[each].caps.ice_restart for each in connection.peers)
            after, to = connection.restarted(by=peer.peer), connection.negotiation.impolite
            if not is_able or after is None:
                return with_connection(room, connection.renewed(begin(*endpoints(room, connection)))), []
    relayed = body.but(seq=None, ack=None, again=None, sender=peer.peer, at=entry.at)
    return (with_connection(room, after), [Tell(to, relayed)]) if after else (room, [])

"""Several devices of one participant: which of them stay, by what the host has chosen (`Devices`).

    take over   whoever joins ends the earlier device
    reject      whoever joins is refused while the earlier device is there
    multi       whoever waits may wait on several, and all of them ring: the first that says it has answered
                ends the others, and so does being let in, for all but the last; inside, as for take over. In
                a full room, one of theirs that has gone makes room for the next: a page that is loaded
                again is another device

A later check-in always ends the devices of an earlier one: it takes a new code, and is how one goes on when a
telephone is lost.
"""

from typing import TYPE_CHECKING

from hugathome.protocol.connections import Peer
from hugathome.protocol.entries import Joined
from hugathome.protocol.messages import Close
from hugathome.protocol.parts import Judgement, Tell, limits_of, without_peer
from hugathome.protocol.wire import CloseCode, Devices
from hugathome.roles import Capability

if TYPE_CHECKING:
    from hugathome.protocol.room import Room


def is_outdated(room: "Room", entry: Joined) -> bool:
    """Whether somebody joins in vain: there was a later check-in, or the device that is there is kept."""
    former = room.devices_of(entry.participant)
    is_kept = limits_of(room).devices is Devices.REJECT
    return any(
        entry.device < each.device
        or (is_kept and each.is_attached and entry.device == each.device and entry.nonce != each.nonce)
        for each in former
    )


def giving_way(room: "Room", entry: Joined) -> list[Peer]:
    """Return the devices that end because another one joins."""
    person = room.people.get(entry.participant)
    is_shared = limits_of(room).devices is Devices.MULTI and person is not None and not person.is_let_in
    former = room.devices_of(entry.participant)
    gone = sorted((each for each in former if not each.is_attached), key=lambda each: each.since)
    if is_shared:
        return gone[:1] if is_full(room, entry) else []
    return former


def is_full(room: "Room", entry: Joined) -> bool:
    """Whether there is no room for one more; those who wait keep nobody out who need not."""
    enters = Capability.ENTER in entry.can
    counted = [peer for peer in room.peers if room.is_inside(peer)] if enters else room.peers
    return len(counted) >= limits_of(room).peers


def answered(room: "Room", peer: Peer) -> Judgement:
    """Let a device that has answered a call be its participant's only one."""
    return superseded(room, [each for each in room.devices_of(peer.participant) if each.peer != peer.peer])


def settled(room: "Room") -> Judgement:
    """Leave everybody who is inside the device that joined last."""
    inside = [peer for peer in room.peers.values() if room.is_inside(peer.peer)]
    return superseded(room, [peer for peer in inside if peer != room.peer_of(peer.participant)])


def superseded(room: "Room", devices: list[Peer], *, by: str | None = None) -> Judgement:
    """End devices for good; one that is ended `by` an older hello of its own comes back.

    A worker that stood still reads such a hello long after the device was welcomed elsewhere.
    """
    told = []
    for peer in devices:
        code = CloseCode.STATE_LOST if peer.nonce == by else CloseCode.SUPERSEDED
        room = without_peer(room, peer, code)
        told.append(Tell(peer.link, Close.because(code)))
    return room, told

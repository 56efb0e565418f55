"""What must be so once nothing goes wrong any more: everybody is back, knows the room, and owes nothing."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from hugathome.device.line import Round
from hugathome.protocol.wire import CloseCode, State, TextView
from hugathome.signalling import Room
from hugathome.testing.simulation.device import Device
from hugathome.testing.simulation.history import Invariant
from hugathome.testing.simulation.moments import Moment

if TYPE_CHECKING:
    from hugathome.testing.simulation.world import World

Unrest = Iterator[tuple[Invariant, str]]

_FOR_A_REASON = {
    CloseCode.NORMAL,
    CloseCode.SUPERSEDED,
    CloseCode.SESSION_ENDED,
    CloseCode.REMOVED,
    CloseCode.DENIED,
}
"""Codes that may end a device of this scenario for good."""


def unrest(world: "World") -> Unrest:
    """Yield what keeps the room from being at rest."""
    head = world.witness.head
    present = {device.client.peer for device in world.devices if not device.is_over}
    for peer in head.room.peers.values() if present else ():  # an empty room is nobody's to follow
        if peer.is_attached and peer.peer not in present:
            yield Invariant.I9, f"{peer.peer} has gone, and the room does not know"
    for device in world.devices:
        if device.is_over:
            yield from _reason(device, world)
        elif not device.is_live and not _finds_no_room(device, head):
            yield Invariant.I9, f"{device.name} is not back"
        elif device.is_live:
            yield from _knowledge(device, head, world)


def _finds_no_room(device: Device, head: Moment) -> bool:
    """Whether it comes again and again, and the room is full."""
    end, limits = device.client.end, head.room.limits
    is_told_so = end is not None and end.code == CloseCode.RATE_LIMITED
    return is_told_so and limits is not None and len(head.room.peers) >= limits.peers


def _reason(device: Device, world: "World") -> Unrest:
    end = device.client.end
    if device.is_stopped:
        return  # by no close
    if end is None or end.code not in _FOR_A_REASON:
        yield Invariant.I24, f"{device.name} was closed for good by {end.code if end else 'nothing'}"
    elif end.code == CloseCode.SUPERSEDED and not world.has_successor(device):
        yield Invariant.I24, f"{device.name} was told of another device, and there is none"


def _knowledge(device: Device, head: Moment, world: "World") -> Unrest:
    client, peer = device.client, device.client.peer or ""
    present = head.room.peers.get(peer)
    if present is None or not present.is_attached:
        yield Invariant.I9, f"{device.name} believes to be in the room as {peer}"
        return
    if not world.witness.is_on_branch(client.pos or ""):
        yield Invariant.I11, f"{device.name} stands at {client.pos}, which the log has lost"
    if client.window.unacked or client.window.waiting:
        yield Invariant.I9, f"{device.name} waits to be heard"
    if unheard := device.written - world.witness.texts:
        yield Invariant.I9, f"{device.name} has written what never came to the log: {sorted(unheard)}"
    view = head.room.view(peer)
    roster = {each.participant: each for each in view.participants}
    known = {
        who: seen for who, seen in client.roster.items() if who in roster or seen.state != State.DEPARTED
    }
    if known != roster:
        yield Invariant.I9, f"{device.name} does not know who is in the room"
    if (client.session, client.state) != (view.session, view.state):
        yield Invariant.I9, f"{device.name} does not know how the visit stands"
    yield from _texts(device, head.room, view.texts)
    pairs = {pair.pc: pair.gen for pair in view.pairs}
    if {pc: line.pair.gen for pc, line in client.lines.items()} != pairs:
        yield Invariant.I9, f"{device.name} does not know whom it is connected with"
    yield from _connections(device)


def _texts(device: Device, room: Room, kept: Sequence[TextView]) -> Unrest:
    there = [(text.participant, text.id) for text in kept]
    read = [(text.participant, text.id) for text in device.client.texts]  # the log may have lost some since
    if not set(there) <= set(read):
        yield Invariant.I9, f"{device.name} does not know what was written"
    in_order = [name for name in there if _was_said_here(room, name[1])]
    if [name for name in read if name in in_order] != in_order:
        yield Invariant.I6, f"{device.name} has read in another order than was written"
    if len({text.text for text in device.client.texts}) < len(read):
        yield Invariant.I3, f"{device.name} shows a text twice"


def _was_said_here(room: Room, number: str | None) -> bool:
    """Whether a text was said into this log first; what another one has lost may come in another order."""
    peer, _, seq = (number or "").rpartition(".")
    return int(seq or 1) <= room.seen.get(peer, 0)


def _connections(device: Device) -> Unrest:
    for pc, line in device.client.lines.items():
        endpoint = device.endpoints.get((pc, line.pair.gen))
        if line.round is not Round.STABLE or endpoint is None or not endpoint.is_connected:
            yield Invariant.I13, f"{device.name} is not done with {pc}: {line.round}"
        if line.is_wanted:
            yield Invariant.I13, f"{device.name} still wants to offer on {pc}"

"""The host's seat: which practitioner leads the visit, and how it goes from one to the next.

    held    their device goes away             grace   they keep it for two minutes
    grace   they come back                     held
    grace   `transfer-accept`                  held    by the colleague
    grace   `vacated`: the two minutes passed  free
    held    `transfer`, `transfer-accept`      held    by the colleague; until then, nothing has changed
    held    `transfer`, `transfer` back        held    nothing has changed: it was declined
    any     they leave, or are put out         free
    free    a practitioner is here, or comes   held    by whoever has been here longest

It has one holder at the most, and none only while no practitioner is here. It gives no rights: every
practitioner may admit and end, and whatever becomes of it changes no status and closes nothing.
"""

from typing import TYPE_CHECKING

from hugathome._model import Record
from hugathome.protocol.connections import Peer, Refused
from hugathome.roles import Capability

if TYPE_CHECKING:
    from hugathome.protocol.room import Room


class HostSeat(Record):
    """Who has it, and who may; its methods return the next one, or raise `Refused`."""

    holder: str | None = None
    offered_to: str | None = None
    empty_since: int | None = None
    """The offset at which the holder's device went away; none while it is here."""

    def offered(self, *, by: str, to: str) -> "HostSeat":
        """Offer it to a colleague; to whoever has it, take the offer back, or decline it."""
        if by == self.offered_to and to == self.holder:
            return self.but(offered_to=None)
        if by != self.holder:
            raise Refused("not-the-host")
        return self.but(offered_to=None if to == by else to)

    def accepted(self, *, by: str, holder: str) -> "HostSeat":
        """Take it over from `holder`, who has offered it."""
        if by != self.offered_to or holder != self.holder:
            raise Refused("not-offered")
        return HostSeat(holder=by)

    def left(self, participant: str) -> "HostSeat":
        """Free it, if that was who had it."""
        return HostSeat() if participant == self.holder else self

    def vacated(self, *, holder: str, since: int) -> "HostSeat":
        """Free it, unless the holder has been back since."""
        return HostSeat() if (holder, since) == (self.holder, self.empty_since) else self


def is_eligible(room: "Room", participant: str) -> bool:
    """Whether somebody is here who may have the seat."""
    return any(peer.participant == participant for peer in _eligible(room))


def seated(room: "Room", before: "Room", *, offset: int) -> "Room":
    """Return the room with the seat as it is once people have come and gone by `offset`."""
    if room.peers is before.peers and room.people is before.people and room.seat is before.seat:
        return room
    seat = room.seat
    if seat.holder is not None and not _is_kept(room, seat.holder):
        seat = HostSeat()
    here = sorted(_eligible(room), key=lambda peer: peer.since)
    if seat.holder is None and here:
        seat = HostSeat(holder=here[0].participant)
    names = {peer.participant for peer in here}
    if seat.offered_to is not None and seat.offered_to not in names:
        seat = seat.but(offered_to=None)
    if seat.holder is None or seat.holder in names:
        empty_since = None
    else:
        empty_since = offset if seat.empty_since is None else seat.empty_since
    if seat.empty_since != empty_since:
        seat = seat.but(empty_since=empty_since)
    return room if seat == room.seat else room.but(seat=seat)


def _eligible(room: "Room") -> list[Peer]:
    return [
        peer
        for peer in room.peers.values()
        if peer.is_attached and Capability.ADMIT in peer.can and room.is_inside(peer.peer)
    ]


def _is_kept(room: "Room", holder: str) -> bool:
    person = room.people.get(holder)
    return person is not None and person.is_let_in and not room.ended

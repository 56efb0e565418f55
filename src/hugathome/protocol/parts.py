"""The parts of a room: what it tells, and how a peer or a connection is put into it and taken out."""

from typing import TYPE_CHECKING, NamedTuple

from hugathome.protocol.connections import Connection, Peer
from hugathome.protocol.entries import Opened
from hugathome.protocol.messages import ServerMessage
from hugathome.protocol.negotiation import Endpoint
from hugathome.protocol.wire import CloseCode
from hugathome.roles import Capability

if TYPE_CHECKING:
    from hugathome.protocol.room import Room


class Tell(NamedTuple):
    """A message and who gets it: a peer, or one connection by its link."""

    to: str
    message: ServerMessage


Judgement = tuple["Room", list[Tell]]
"""The room after an entry, and what it tells beside how views have changed."""


def limits_of(room: "Room") -> Opened:
    """Return the limits that the room was opened with."""
    return room.limits or Opened(session=room.session, organisation="")


def with_peer(room: "Room", peer: Peer) -> "Room":
    """Return the room with a peer, or with what it is now."""
    return room.but(peers={**room.peers, peer.peer: peer})


def without_peer(room: "Room", peer: Peer, code: CloseCode) -> "Room":
    """Return the room without a peer; `code` says why it may not come back."""
    return room.but(
        peers={each.peer: each for each in room.peers.values() if each.peer != peer.peer},
        gone={**room.gone, peer.peer: code},
        left=room.left | {peer.participant},
    )


def with_connection(room: "Room", connection: Connection) -> "Room":
    """Return the room with a connection, or with what it is now."""
    return room.but(connections={**room.connections, connection.pc: connection})


def endpoint(peer: Peer) -> Endpoint:
    """Return what the rule of negotiation looks at."""
    return Endpoint(peer=peer.peer, rollback=peer.caps.rollback, host=Capability.ADMIT in peer.can)


def endpoints(room: "Room", connection: Connection) -> tuple[Endpoint, Endpoint]:
    """Return both sides of a connection."""
    one, other = sorted(connection.peers)
    return endpoint(room.peers[one]), endpoint(room.peers[other])

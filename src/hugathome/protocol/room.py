"""A room: what everybody who has read the same log knows.

    Room.after(entry, position) ──► the next room, and what to tell whom

A record and questions about it. What an entry does to it stands in `fold.py`, what each receiver may see of
it in `roster.py`; both are reached from here, and know rooms by their type alone.
"""

from collections.abc import Mapping

from hugathome._model import Record
from hugathome.protocol import roster
from hugathome.protocol.connections import Connection, Peer
from hugathome.protocol.entries import FOLD, Entry, Opened, Position, Recorded, RecordedParticipant, Unread
from hugathome.protocol.fold import folded
from hugathome.protocol.host_seat import HostSeat
from hugathome.protocol.parts import Tell
from hugathome.protocol.talk import Noted, Said
from hugathome.protocol.wire import RoomView
from hugathome.roles import Modality


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
    """The number of each peer's last command; of former ones too, for they may be said again."""
    repeated: tuple[str, ...] = ()
    """Of commands that were said again by another peer, and done then: `participant:peer.seq`, whose they are
    and their first numbers. Naming somebody else's does nothing to those."""
    grants: Mapping[str, tuple[str, str]] = {}
    """By `jti`: the nonce of the hello that used it, and the peer that it made."""
    gone: Mapping[str, int] = {}
    """Why former peers may not come back."""
    left: frozenset[str] = frozenset()
    """Participants who were here and have gone."""
    steps: Mapping[str, Noted] = {}
    seat: HostSeat = HostSeat()
    texts: tuple[Said, ...] = ()
    connections: Mapping[str, Connection] = {}

    @property
    def is_older(self) -> bool:
        """Whether the room was opened for rules before these, which alone know what its entries mean."""
        return self.limits is not None and self.limits.fold < FOLD

    @property
    def is_open(self) -> bool:
        """Whether the room was opened for these rules."""
        return self.limits is not None and not self.is_older

    def is_behind(self, record: Recorded) -> bool:
        """Whether the log has not been told what `record` says."""
        known = (self.status, self.modality, self.outcome, self.ended, tuple(self.people.values()))
        told = (record.status, record.modality, record.outcome, record.ended, record.participants)
        return record.version > self.version and (self.version == 0 or known != told)

    def has_company_of(self, before: "Room") -> bool:
        """Whether nobody has come, gone or been let in since `before`, and the host's seat is as it was."""
        return self.peers is before.peers and self.people is before.people and self.seat is before.seat

    def is_inside(self, peer_id: str) -> bool:
        """Whether a peer may meet the others."""
        peer = self.peers.get(peer_id)
        person = self.people.get(peer.participant) if peer else None
        return person is not None and person.is_let_in

    def has_done(self, command: str) -> bool:
        """Whether a participant's command that was first numbered so was taken, then or later.

        It is named as in `repeated`.
        """
        peer_id, _, seq = command.partition(":")[2].rpartition(".")
        return int(seq) <= self.seen.get(peer_id, 0) or command in self.repeated

    def peer_of(self, participant: str) -> Peer | None:
        """Return the participant's device, if one is or was just here; of several, the last that is here."""
        devices = self.devices_of(participant)
        return max(devices, key=lambda peer: (peer.is_attached, peer.since), default=None)

    def devices_of(self, participant: str) -> list[Peer]:
        """Return all devices of a participant that are, or were just, here."""
        return [peer for peer in self.peers.values() if peer.participant == participant]

    def connections_of(self, peer_id: str) -> list[Connection]:
        """Return the connections that a peer has been assigned."""
        return [each for each in self.connections.values() if peer_id in each.peers]

    def view(self, peer_id: str) -> RoomView:
        """Return the room as a peer may see it."""
        return roster.view(self, self.peers[peer_id])

    def after(self, entry: Entry | Unread, position: Position) -> "tuple[Room, tuple[Tell, ...]]":
        """Return the room after `entry`, and what to tell whom, in this order.

        Raises `LocalProtocolError` where the log was written by newer rules than these.
        """
        return folded(self, entry, position)

"""A room: a pure fold over the ordered log of one session, and the two seams that signalling needs.

    host, hub ──append──► log ──read──► Room.after(entry, position) ──► what to tell whom

Everybody who reads the same log reaches the same room, so that any worker may serve any device. What a
device asks is judged here, inside the fold: an entry that is stale, repeated or not allowed changes
nothing, and therefore nobody needs a lock, a leader or an append that succeeds exactly once. The rules
stand in `fold.py`, what each receiver may see in `roster.py`; this is the way in.

Admission and end are the record's (`Recorded`); connections, their order and who offers are the room's.
Whoever is not let in is told of themselves, and whether somebody who admits is there: no name, no
description, no candidate. Order and time come as data; nothing here reads a clock or waits.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Protocol

from hugathome._model import Record
from hugathome.protocol import roster
from hugathome.protocol.connections import Connection, Peer
from hugathome.protocol.entries import (
    FOLD,
    START,
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
    RecordedParticipant,
    Unread,
    Vacated,
    Vouched,
    parse_entry,
)
from hugathome.protocol.fold import folded
from hugathome.protocol.host_seat import HostSeat
from hugathome.protocol.parts import Tell
from hugathome.protocol.talk import Noted, Said
from hugathome.protocol.wire import RoomView
from hugathome.roles import Modality

__all__ = [
    "FOLD",
    "START",
    "Attached",
    "Called",
    "Commanded",
    "Connection",
    "Detached",
    "Doubted",
    "Entry",
    "Expired",
    "Joined",
    "Opened",
    "Peer",
    "Position",
    "Recorded",
    "RecordedParticipant",
    "Room",
    "SignallingLog",
    "Tell",
    "Transport",
    "Unread",
    "Vacated",
    "Vouched",
    "parse_entry",
]

# --- Nouns ---------------------------------------------------------------------------------------


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


# --- Seams ---------------------------------------------------------------------------------------


class Transport(Protocol):
    """A pipe for text between one device and one hub.

    In order, whole, at most once. One task at a time receives, any number may send; a close of
    the other side ends what waits. `hugathome.testing.check_transport` proves an implementation.
    """

    async def send(self, text: str) -> None:
        """Return once the other side's buffer has taken `text`, or raise `TransportClosed`."""
        ...

    async def receive(self) -> str:
        """Return the next text, or raise `TransportClosed` once there are no more."""
        ...

    async def aclose(self) -> None:
        """Close both directions; twice is fine."""
        ...


class SignallingLog(Protocol):
    """Ordered, append-only, one sequence of records for each room, read by many workers.

    Every method raises `StoreUnavailable` where the log cannot be reached.
    `hugathome.testing.check_log` proves an implementation.
    """

    async def append(self, room: str, record: bytes) -> None:
        """Add a record of at most 64 KiB and a little; it never suspends longer than the write takes."""
        ...

    async def load(self, room: str, after: int) -> Sequence[tuple[int, bytes]]:
        """Return the records behind offset `after` that are there now; the first of all has offset 1.

        Raises `LogTrimmed` where they are no longer kept, `LogForked` where the log ends before `after`.
        """
        ...

    def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield what `load` returns, then follow for ever; closing the iterator ends it.

        Raises what `load` does, and `LogForked` once the log is not the one that it has read.
        """
        ...

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        """Return the newest snapshot and the offset that it stands for."""
        ...

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        """Keep a snapshot and drop the records up to `offset`, if that record is kept; else do nothing."""
        ...

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        ...

    def for_blocking(self) -> "SignallingLog":
        """Return the same log for callers without an event loop."""
        ...

    async def aclose(self) -> None:
        """Close what was opened here."""
        ...

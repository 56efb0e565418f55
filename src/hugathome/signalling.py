"""The way into signalling: a room, a pure fold over the ordered log of one session, and its two seams.

    host, hub ──append──► log ──read──► Room.after(entry, position) ──► what to tell whom

Everybody who reads the same log reaches the same room, so that any worker may serve any device. What a
device asks is judged here, inside the fold: an entry that is stale, repeated or not allowed changes
nothing, and therefore nobody needs a lock, a leader or an append that succeeds exactly once. The room
stands in `protocol/room.py`, its rules in `fold.py`, what each receiver may see in `roster.py`.

Admission and end are the record's (`Recorded`); connections, their order and who offers are the room's.
Whoever is not let in is told of themselves, of the visit as such, and whether somebody who admits is there:
no name, no description, no candidate. Order and time come as data; nothing here reads a clock or waits.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Protocol

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
from hugathome.protocol.parts import Tell
from hugathome.protocol.room import Room

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

"""What this process has appended and will read back: the same bytes need not be opened and read again.

Only of rooms that are followed here, and only until the log has brought them back. What the log brings
that differs in one bit is somebody else's, and is opened and read as theirs.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from hugathome.signalling import Entry

_MOST = 256
"""Entries of one room that may be under way: what a log refused is never brought back."""


class Written:
    """The entries on their way through the log, by room and by the bytes that stand for them."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[bytes, Entry]] = {}
        self._followers: dict[str, int] = {}

    @contextmanager
    def followed(self, room: str) -> Iterator[None]:
        """Note what is appended to a room while the block runs."""
        self._followers[room] = self._followers.get(room, 0) + 1
        try:
            yield
        finally:
            self._followers[room] -= 1
            if not self._followers[room]:
                del self._followers[room]
                self._rooms.pop(room, None)

    def note(self, room: str, record: bytes, entry: Entry) -> None:
        """Remember what `record` says, if somebody follows."""
        if room in self._followers:
            noted = self._rooms.setdefault(room, {})
            noted[record] = entry
            if len(noted) > _MOST:
                del noted[next(iter(noted))]

    def take(self, room: str, record: bytes) -> Entry | None:
        """Return what `record` says, once, if it was written here."""
        return self._rooms.get(room, {}).pop(record, None)

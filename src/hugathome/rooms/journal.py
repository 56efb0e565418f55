"""The rooms' logs with their entries sealed: what coordinators append to and read.

A record is an entry under AES-256-GCM, bound to its organisation and room, so that whoever holds the log
can neither read it nor move it elsewhere. Positions carry a hash over the stored bytes: a log that was
rewound, replaced or reordered shows. (That the very end was cut off, unseen by anyone, shows nowhere.)

Appending and loading await nothing but the log, and therefore serve hosts without an event loop too.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from hugathome.keys import NONCE_BYTES, KeyRing
from hugathome.protocol.wire import Limits
from hugathome.signalling import START, Entry, Opened, Position, Room, SignallingLog, parse_entry

_LABEL = "log"
_DEFAULTS = Limits()


class Journal:
    """The logs of all rooms of a deployment; a room is named by its session's id."""

    def __init__(
        self,
        *,
        log: SignallingLog,
        keys: KeyRing,
        randomness: Callable[[int], bytes],
        limits: Limits = _DEFAULTS,
    ) -> None:
        self._log = log
        self._keys = keys
        self._randomness = randomness
        self._limits = limits

    async def append(self, room: str, entry: Entry) -> None:
        """Add an entry to a room's log; raise `StoreUnavailable` if it may not be there."""
        nonce = self._randomness(NONCE_BYTES)
        sealed = self._keys.seal(_LABEL, entry.to_json().encode(), bound_to=_bound_to(room), nonce=nonce)
        await self._log.append(room, sealed)

    async def open(self, room: str) -> None:
        """Say whose room this is, and its limits; the fold ignores a second time."""
        await self.append(
            room,
            Opened(
                session=room,
                organisation=_organisation(room),
                peers=self._limits.peers,
                devices=self._limits.devices,
                mesh=self._limits.mesh,
                candidates=self._limits.candidates,
                text=self._limits.text,
                app=self._limits.app,
            ),
        )

    async def load(self, room: str, *, after: Position = START) -> list[tuple[Position, Entry]]:
        """Return the entries behind `after` that are there now.

        Raises `LogForked`, `LogTrimmed`, `StoreUnavailable`, and `LocalProtocolError` where another
        version wrote them.
        """
        entries = []
        for offset, record in await self._log.load(room, after.offset):
            after = after.after(record, offset)
            entries.append((after, self._entry(room, record)))
        return entries

    async def follow(self, room: str, *, after: Position = START) -> AsyncGenerator[tuple[Position, Entry]]:
        """Yield the entries behind `after` as they come, for ever; raises as `load` does."""
        async with aclosing(self._log.read(room, after.offset)) as records:
            async for offset, record in records:
                after = after.after(record, offset)
                yield after, self._entry(room, record)

    async def is_open(self, room: str) -> bool:
        """Whether anything was ever told to the room that is not forgotten."""
        return bool(await self._log.load(room, START.offset))

    async def is_connected(self, session_id: str, participant_id: str) -> bool:
        """Whether a page of this participant is connected, as far as the log knows."""
        room = Room(session=session_id)
        for position, entry in await self.load(session_id):
            room, _ = room.after(entry, position)
        peer = room.peer_of(participant_id)
        return peer is not None and peer.is_attached

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        await self._log.forget(room)

    def _entry(self, room: str, record: bytes) -> Entry:
        return parse_entry(self._keys.open(_LABEL, record, bound_to=_bound_to(room)))


def _organisation(room: str) -> str:
    return room.partition(".")[0]


def _bound_to(room: str) -> tuple[str, str, str]:
    return _organisation(room), room, "entry"

"""The rooms' logs with their entries sealed: what coordinators append to and read.

A record is an entry under AES-256-GCM, bound to its organisation and room, so that whoever holds the log
can neither read it nor move it elsewhere. Positions carry a hash over the stored bytes: a log that was
rewound, replaced or reordered shows. (That the very end was cut off, unseen by anyone, shows nowhere.)

A long log begins with a snapshot: the room as it stood at a place, with that place's hash, sealed as entries
are. `replay` is the one way in, for whoever wants to know how a room stands.

Appending and loading await nothing but the log, and therefore serve hosts without an event loop too.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from hugathome.errors import LocalProtocolError, LogTrimmed
from hugathome.keys import NONCE_BYTES, KeyRing
from hugathome.protocol.wire import Limits
from hugathome.rooms.snapshot import Point, read_snapshot, write_snapshot
from hugathome.rooms.written import Written
from hugathome.signalling import START, Entry, Opened, Position, Room, SignallingLog, Unread, parse_entry
from hugathome.telemetry import SILENT, Telemetry

_LABEL = "log"
_DEFAULTS = Limits()

Entries = list[tuple[Position, Entry | Unread]]


class Journal:
    """The logs of all rooms of a deployment; a room is named by its session's id."""

    def __init__(
        self,
        *,
        log: SignallingLog,
        keys: KeyRing,
        randomness: Callable[[int], bytes],
        limits: Limits = _DEFAULTS,
        telemetry: Telemetry = SILENT,
    ) -> None:
        self._log = log
        self._telemetry = telemetry
        self._keys = keys
        self._randomness = randomness
        self._limits = limits
        self._written = Written()

    async def append(self, room: str, entry: Entry) -> None:
        """Add an entry to a room's log; raise `StoreUnavailable` if it may not be there."""
        sealed = self._sealed(entry.to_json(), _bound_to(room, "entry"))
        self._written.note(room, sealed, entry)
        with self._telemetry.span("log.append"):
            await self._log.append(room, sealed)

    async def open(self, room: str) -> None:
        """Say whose room this is, by which rules, and its limits; the fold ignores a second time."""
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

    async def replay(self, room: str) -> tuple[Point, Entries]:
        """Return the room as of its snapshot, and the entries behind it that are there now.

        Raises `LogForked`, `StoreUnavailable`, and `LocalProtocolError` where a newer version saved it.
        """
        known = -1
        while True:
            point = await self._newest(room)
            try:
                return point, await self.load(room, after=point.position)
            except LogTrimmed:  # another worker has saved the next one in between
                if point.position.offset == known:
                    raise
                known = point.position.offset

    async def save(self, point: Point) -> None:
        """Keep a snapshot in place of all that it stands for; raise `StoreUnavailable` if it may not be."""
        room, offset = point.room.session, point.position.offset
        sealed = self._sealed(write_snapshot(point), _bound_to(room, "snapshot", str(offset)))
        await self._log.save_snapshot(room, offset, sealed)

    async def load(self, room: str, *, after: Position = START) -> Entries:
        """Return the entries behind `after` that are there now.

        Raises `LogForked`, `LogTrimmed` and `StoreUnavailable`.
        """
        entries: Entries = []
        for offset, record in await self._log.load(room, after.offset):
            after = after.after(record, offset)
            entries.append((after, self._entry(room, record)))
        return entries

    async def follow(
        self, room: str, *, after: Position = START
    ) -> AsyncGenerator[tuple[Position, Entry | Unread]]:
        """Yield the entries behind `after` as they come, for ever; raises as `load` does."""
        with self._written.followed(room):
            async with aclosing(self._log.read(room, after.offset)) as records:
                async for offset, record in records:
                    after = after.after(record, offset)
                    yield after, self._written.take(room, record) or self._entry(room, record)

    async def is_open(self, room: str) -> bool:
        """Whether anything was ever told to the room that is not forgotten."""
        try:
            return bool(await self._log.load(room, START.offset))
        except LogTrimmed:
            return True

    async def is_connected(self, session_id: str, participant_id: str) -> bool:
        """Whether a page of this participant is connected, as far as the log knows."""
        peer = (await self.room(session_id)).peer_of(participant_id)
        return peer is not None and peer.is_attached

    async def room(self, session_id: str) -> Room:
        """Return the room as it stands now; raises as `replay` does."""
        (_, room), entries = await self.replay(session_id)
        for position, entry in entries:
            room, _ = room.after(entry, position)
        return room

    async def forget(self, room: str) -> None:
        """Delete everything of a room."""
        await self._log.forget(room)

    async def _newest(self, room: str) -> Point:
        saved = await self._log.snapshot(room)
        if saved is None:
            return Point(START, Room(session=room))
        offset, sealed = saved
        opened = self._keys.open(_LABEL, sealed, bound_to=_bound_to(room, "snapshot", str(offset)))
        return read_snapshot(opened.decode(), session=room, offset=offset)

    def _sealed(self, plain: str, bound_to: tuple[str, ...]) -> bytes:
        nonce = self._randomness(NONCE_BYTES)
        return self._keys.seal(_LABEL, plain.encode(), bound_to=bound_to, nonce=nonce)

    def _entry(self, room: str, record: bytes) -> Entry | Unread:
        opened = self._keys.open(_LABEL, record, bound_to=_bound_to(room, "entry"))
        try:
            return parse_entry(opened)
        except LocalProtocolError:
            return Unread()


def _organisation(room: str) -> str:
    return room.partition(".")[0]


def _bound_to(room: str, *kind: str) -> tuple[str, ...]:
    return _organisation(room), room, *kind

"""What stands in a room's log: entries, and their positions.

An entry is a proposal; only the fold (`fold.py`) says what comes of it. Every field is data: the
order is the log's, instants and random names were put in by whoever appended.
"""

from hashlib import sha256
from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import ConfigDict, Field, PlainSerializer, TypeAdapter, ValidationError

from hugathome._model import Instant, Record
from hugathome.errors import LocalProtocolError
from hugathome.privacy import Digest, Life, Personal, Public, Shown
from hugathome.protocol.messages import Command, Unknown
from hugathome.protocol.wire import Caps, Devices
from hugathome.roles import Capability, Step

FOLD = 5
"""The version of the rules that these entries are for: no room is folded by two of them."""


class Position(NamedTuple):
    """A place in a log, and a hash of everything before it: a rewound or replaced log has another one."""

    offset: int
    chain: bytes
    size: int = 0
    """Bytes of all records up to here."""

    def after(self, record: bytes, offset: int) -> "Position":
        """Return the position of `record`, stored at `offset`."""
        return Position(offset, sha256(self.chain + record).digest(), self.size + len(record))

    def __str__(self) -> str:
        return f"{self.offset}.{self.chain.hex()[:12]}"


START = Position(0, bytes(32))

_Can = Annotated[frozenset[Capability], PlainSerializer(sorted)]
"""Written in one order, so that equal entries are equal bytes in every process."""


class _Kept(Record):
    """What all entries have in common."""

    kept: ClassVar = Life.ROOM


class Opened(_Kept):
    """Whose room this is, by which rules, and its limits, which belong to the fold."""

    kind: Public[Literal["opened"]] = "opened"
    fold: Public[int] = FOLD
    session: Public[str]
    organisation: Public[str]
    peers: Public[int] = 8
    devices: Public[Devices] = Devices.TAKE_OVER
    mesh: Public[int] = 4
    candidates: Public[int] = 64
    text: Public[int] = 1000
    app: Public[int] = 0


class RecordedParticipant(Record):
    """What the record says of one participant."""

    participant: Shown[str]
    role: Shown[str]
    name: Shown[str] = Field(repr=False)
    can: Shown[_Can] = frozenset()
    admitted: Shown[bool] = False
    removed: Shown[bool] = False
    denied: Shown[bool] = False
    """Removed by being turned away at the door."""
    here: Public[bool] = False
    """Came into the room, and has not left it: where the log was lost, nothing else tells who is inside."""
    device: Public[int] = 0
    step: Personal[Step | None] = None
    step_at: Personal[Instant | None] = None

    @property
    def is_let_in(self) -> bool:
        """Whether they may meet the others."""
        return not self.removed and (self.admitted or Capability.ENTER in self.can)


class Recorded(_Kept):
    """The host's entry: the durable record as it stands; an older version than the known one says nothing."""

    kind: Public[Literal["recorded"]] = "recorded"
    version: Public[int]
    status: Shown[str]
    modality: Shown[str]
    outcome: Shown[str | None] = None
    ended: Public[bool] = False
    participants: tuple[RecordedParticipant, ...]


class Joined(_Kept):
    """Somebody comes in on a grant; the first to use it, and whoever repeats the same hello."""

    kind: Public[Literal["joined"]] = "joined"
    jti: Public[str]
    nonce: Public[str]
    peer: Shown[str]
    participant: Shown[str]
    device: Public[int]
    can: Shown[_Can]
    caps: Public[Caps]
    token_hash: Digest[str] = Field(repr=False)
    link: Public[str]
    """Names the connection, so that the hub that serves it finds out what became of this entry."""
    at: Personal[Instant]


class Attached(_Kept):
    """A peer comes back on its resume token."""

    kind: Public[Literal["attached"]] = "attached"
    peer: Shown[str]
    presented: Digest[str] = Field(repr=False)
    """The hash of the token that it showed."""
    token_hash: Digest[str] = Field(repr=False)
    link: Public[str]
    at: Personal[Instant]
    missed: Public[bool] = False
    """Whether it has missed what it was told, so that its connections may wait for an answer for ever."""


class Detached(_Kept):
    """A connection ended."""

    kind: Public[Literal["detached"]] = "detached"
    peer: Shown[str]
    conn: Public[int]


_Body = Annotated[
    Annotated[Command, Field(discriminator="type")] | Unknown, Field(union_mode="left_to_right")
]
"""Unknown is what no other is: whatever reads this need not try that one, too."""


class Commanded(_Kept):
    """What a device sent; it counts if it comes next on the peer's present connection."""

    kind: Public[Literal["commanded"]] = "commanded"
    peer: Shown[str]
    conn: Public[int]
    seq: Public[int]
    body: Shown[_Body]
    at: Personal[Instant]


class Expired(_Kept):
    """A timer's proposal: this connection has been gone for so long that its peer has left."""

    kind: Public[Literal["expired"]] = "expired"
    peer: Shown[str]
    conn: Public[int]


class Vacated(_Kept):
    """A timer's proposal: the host has been away, since this offset, for so long that the seat is free."""

    kind: Public[Literal["vacated"]] = "vacated"
    holder: Shown[str]
    since: Public[int]


class Doubted(_Kept):
    """A worker asks whether anybody still serves this connection: the one that did may be dead."""

    kind: Public[Literal["doubted"]] = "doubted"
    peer: Shown[str]
    conn: Public[int]


class Vouched(_Kept):
    """The worker that serves it says so."""

    kind: Public[Literal["vouched"]] = "vouched"
    peer: Shown[str]
    conn: Public[int]


class Called(_Kept):
    """The clinician calls a participant."""

    kind: Public[Literal["called"]] = "called"
    participant: Shown[str]
    by: Personal[str]


class Unread(NamedTuple):
    """An entry in words that this version does not know."""

    kind: str = "unread"


Entry = (
    Opened
    | Recorded
    | Joined
    | Attached
    | Detached
    | Commanded
    | Expired
    | Vacated
    | Doubted
    | Vouched
    | Called
)
"""Everything that a log may hold."""

_ADAPTER: TypeAdapter[Entry] = TypeAdapter(
    Annotated[Entry, Field(discriminator="kind")], config=ConfigDict(defer_build=True)
)


def parse_entry(stored: bytes) -> Entry:
    """Read an entry, or raise `LocalProtocolError`: another version of this library wrote it."""
    try:
        return _ADAPTER.validate_json(stored)
    except ValidationError:
        raise LocalProtocolError("the log holds an entry that this version does not know") from None

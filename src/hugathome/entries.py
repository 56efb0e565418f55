"""What stands in a room's log: entries, and their positions.

An entry is a proposal; only the fold in `signalling.py` says what comes of it. Every field is data: the
order is the log's, instants and random names were put in by whoever appended.
"""

from hashlib import sha256
from typing import Annotated, Literal, NamedTuple

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from hugathome._model import Instant, Record
from hugathome.errors import LocalProtocolError
from hugathome.messages import Command, Unknown
from hugathome.roles import Capability, Step
from hugathome.wire import Caps

FOLD = 2
"""The version of the rules that these entries are for: two versions never fold one log."""


class Position(NamedTuple):
    """A place in a log, and a hash of everything before it: a rewound or replaced log has another one."""

    offset: int
    chain: bytes

    def after(self, record: bytes, offset: int) -> "Position":
        """Return the position of `record`, stored at `offset`."""
        return Position(offset, sha256(self.chain + record).digest())

    def __str__(self) -> str:
        return f"{self.offset}.{self.chain.hex()[:12]}"


START = Position(0, bytes(32))


class Opened(Record):
    """The first entry: whose room this is, and its limits, which belong to the fold."""

    kind: Literal["opened"] = "opened"
    fold: int = FOLD
    session: str
    organisation: str
    peers: int = 8
    mesh: int = 4
    candidates: int = 64
    text: int = 1000


class RecordedParticipant(Record):
    """What the record says of one participant."""

    participant: str
    role: str
    name: str = Field(repr=False)
    can: frozenset[Capability] = frozenset()
    admitted: bool = False
    removed: bool = False
    denied: bool = False
    """Removed by being turned away at the door."""
    device: int = 0
    step: Step | None = None
    step_at: Instant | None = None

    @property
    def is_let_in(self) -> bool:
        """Whether they may meet the others."""
        return not self.removed and (self.admitted or Capability.ENTER in self.can)


class Recorded(Record):
    """The host's entry: the durable record as it stands; an older version than the known one says nothing."""

    kind: Literal["recorded"] = "recorded"
    version: int
    status: str
    modality: str
    outcome: str | None = None
    ended: bool = False
    participants: tuple[RecordedParticipant, ...]


class Joined(Record):
    """Somebody comes in on a grant; the first to use it, and whoever repeats the same hello."""

    kind: Literal["joined"] = "joined"
    jti: str
    nonce: str
    peer: str
    participant: str
    device: int
    can: frozenset[Capability]
    caps: Caps
    token_hash: str = Field(repr=False)
    link: str
    """Names the connection, so that the hub that serves it finds out what became of this entry."""
    at: Instant


class Attached(Record):
    """A peer comes back on its resume token."""

    kind: Literal["attached"] = "attached"
    peer: str
    presented: str = Field(repr=False)
    """The hash of the token that it showed."""
    token_hash: str = Field(repr=False)
    link: str
    at: Instant


class Detached(Record):
    """A connection ended."""

    kind: Literal["detached"] = "detached"
    peer: str
    conn: int


class Commanded(Record):
    """What a device sent; it counts if it comes next on the peer's present connection."""

    kind: Literal["commanded"] = "commanded"
    peer: str
    conn: int
    seq: int
    body: Annotated[Command, Field(discriminator="type")] | Unknown
    at: Instant


class Expired(Record):
    """A timer's proposal: this connection has been gone for so long that its peer has left."""

    kind: Literal["expired"] = "expired"
    peer: str
    conn: int


class Doubted(Record):
    """A worker asks whether anybody still serves this connection: the one that did may be dead."""

    kind: Literal["doubted"] = "doubted"
    peer: str
    conn: int


class Vouched(Record):
    """The worker that serves it says so."""

    kind: Literal["vouched"] = "vouched"
    peer: str
    conn: int


class Called(Record):
    """The clinician calls a participant."""

    kind: Literal["called"] = "called"
    participant: str
    by: str


Entry = Opened | Recorded | Joined | Attached | Detached | Commanded | Expired | Doubted | Vouched | Called
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

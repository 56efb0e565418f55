"""What messages are made of: identifiers, close codes, limits, and the views of a room that travel.

Names are camelCase on the wire, and fields that a side does not know are ignored.
"""

from enum import IntEnum, StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel

from hugathome._model import Instant, Record
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.sdp import SdpLimits
from hugathome.roles import OPAQUE_ID, ParticipantId, Step

_MAX_INTEGER = 2**53 - 1
LONGEST_TEXT = 4000
"""Characters in a text message, at the most: a frame has room for them in every script."""
LONGEST_APP = 4096
"""Bytes that a message of the host's own carries, at the most."""

OpaqueId = Annotated[str, StringConstraints(pattern=rf"^{OPAQUE_ID.pattern}$")]
Count = Annotated[int, Field(ge=0, le=_MAX_INTEGER, strict=True)]
Number = Annotated[int, Field(ge=1, le=_MAX_INTEGER, strict=True)]
PositionText = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,15})\.[0-9a-f]{12}$")]
CommandId = Annotated[str, StringConstraints(pattern=rf"^{OPAQUE_ID.pattern}\.[1-9][0-9]{{0,15}}$")]
"""The number of a command and the peer that it was first said by: `p_7QK….17`."""
Reason = Annotated[str, StringConstraints(max_length=200)]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class CloseCode(IntEnum):
    """Why a connection ends; travels in the `close` message."""

    NORMAL = 1000
    GOING_AWAY = 1001
    PROTOCOL_ERROR = 4000
    SUPERSEDED = 4001
    HEARTBEAT_TIMEOUT = 4002
    GRANT_REFUSED = 4003
    NO_SUCH_SESSION = 4004
    SESSION_ENDED = 4005
    REMOVED = 4006
    DENIED = 4007
    SLOW_CONSUMER = 4008
    TOO_BIG = 4009
    RATE_LIMITED = 4010
    NO_COMMON_VERSION = 4011
    LOST_RACE = 4012
    HELLO_TIMEOUT = 4013
    STATE_LOST = 4014
    ORIGIN_REFUSED = 4015


class Retry(StrEnum):
    """What a device does after a `close`."""

    NEVER = "never"
    RESUME = "resume"
    """Connect again and resume where it was."""
    REJOIN = "rejoin"
    """Connect again with a new grant."""


_RESUMABLE = {
    CloseCode.GOING_AWAY,
    CloseCode.HEARTBEAT_TIMEOUT,
    CloseCode.SLOW_CONSUMER,
    CloseCode.RATE_LIMITED,
    CloseCode.LOST_RACE,
}
_REJOINABLE = {CloseCode.GRANT_REFUSED, CloseCode.HELLO_TIMEOUT, CloseCode.STATE_LOST}


def retry_after(code: int) -> Retry:
    """Return what the protocol has a device do after a close of `code`."""
    if code in _RESUMABLE:
        return Retry.RESUME
    return Retry.REJOIN if code in _REJOINABLE else Retry.NEVER


class Devices(StrEnum):
    """What becomes of a participant's device when they join on another one."""

    TAKE_OVER = "take-over"
    """The earlier one ends."""
    REJECT = "reject"
    """The later one is refused while the earlier one is there."""
    MULTI = "multi"
    """They wait side by side, and all ring; the first to answer stays."""


class State(StrEnum):
    """Where a participant is, as the room sees it."""

    EXPECTED = "expected"
    ARRIVED = "arrived"
    """Waits to be admitted."""
    ADMITTED = "admitted"
    AWAY = "away"
    """The connection was lost a moment ago; `admitted` says from where."""
    DEPARTED = "departed"
    DENIED = "denied"
    REMOVED = "removed"


class Trickle(StrEnum):
    """Whether an endpoint sends candidates one by one, or only takes them."""

    FULL = "full"
    RECEIVE = "receive"


class Wire(Record):
    """Something that travels: camelCase, lenient towards fields that it does not know."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)

    def to_json(self) -> str:
        """Write it as one text frame."""
        return self.model_dump_json(exclude_none=True, by_alias=True)


class Limits(Wire):
    """What one connection may cost; durations are in seconds."""

    frame: int = 64 * 1024
    """Bytes in one message."""
    hello: int = 8 * 1024
    """Bytes in the first message."""
    sdp: SdpLimits = SdpLimits()
    candidates: int = 64
    """From one side, in one generation of a connection."""
    window: int = 64
    """Commands that a device may have sent without an acknowledgement."""
    rate: float = 30
    """Messages in a second, in the long run."""
    burst: int = 120
    hellos_at_once: int = 40
    """From one address to one session, of any kind; judged before any cryptography."""
    hellos_a_minute: int = 30
    """In the long run."""
    joins_at_once: int = 20
    """Of one participant, on grants; resuming is not counted."""
    joins_a_minute: int = 10
    """In the long run."""
    rooms: int = 10_000
    """Of one organisation, live in one worker."""
    peers: int = 8
    """In one room; those who wait do not count for those who need not."""
    devices: Devices = Devices.TAKE_OVER
    """Of one participant, when another one joins; a later check-in always takes over."""
    mesh: int = 4
    """Peers that are connected with one another."""
    text: Annotated[int, Field(ge=0, le=LONGEST_TEXT)] = 1000
    """Characters in one text message; 0 switches them off."""
    app: Annotated[int, Field(ge=0, le=LONGEST_APP)] = 0
    """Bytes of `data` in a message of the host's own; 0 switches them off."""
    behind: int = 512
    """Log entries by which a connection may lag."""
    kept: int = 4096
    """Log entries that are kept, in memory and in the log, for those who resume."""
    hello_within: float = 5
    ping_every: float = 20
    dead_after: float = 45
    stalled_after: float = 15
    away_for: float = 60
    """How long somebody admitted may be away before they have left."""
    host_away_for: float = 120
    """How long the host's seat is kept for whoever has it and is away."""


class Caps(Wire):
    """What an endpoint can do."""

    rollback: bool = False
    ice_restart: bool = False
    trickle: Trickle = Trickle.FULL


class ResumeFrom(Wire):
    """Where a connection was, and the proof that it was this device's."""

    session: OpaqueId
    peer: OpaqueId
    pos: PositionText | None = None
    """None where it doubts what it knows: it is given the whole room."""
    token: Secret = Field(repr=False)


class SessionView(Wire):
    """How the visit stands, in the record's words."""

    id: str
    status: str
    modality: str
    outcome: str | None = None
    host_present: bool = False
    """Whether somebody who admits is there: all that a waiting device learns of others."""


class Sends(Wire):
    """What a device says that it sends, so that silence and darkness are not taken for faults."""

    sound: bool
    picture: Literal["camera", "screen", "none"]


class TextView(Wire):
    """One text message, as everybody reads it who was inside when it was sent."""

    participant: ParticipantId
    text: str = Field(repr=False)
    at: Instant
    id: CommandId | None = None
    """The number that it was said by first: the same, whatever peer says it again, in whatever log."""


class ParticipantView(Wire):
    """One participant as one receiver may see them."""

    participant: ParticipantId
    role: str
    name: str | None = Field(default=None, repr=False)
    state: State
    admitted: bool = False
    peer: str | None = None
    sends: Sends | None = None
    """None until their device has said it."""
    host: Literal["held", "offered"] | None = None
    """Whether they have the host's seat, or are offered it."""
    step: Step | None = None
    """The last fact noted of them, for those who admit."""
    step_at: Instant | None = None


class PairView(Wire):
    """One connection that the room assigned to a receiver."""

    pc: OpaqueId
    gen: Number
    peer: OpaqueId
    """The other side."""
    participant: ParticipantId
    """Who the other side is."""
    polite: bool
    """Whether the receiver is the polite side."""
    mode: Mode
    offerer: OpaqueId
    """Whose first offer, number 1, is due without asking, in both modes."""
    neg: Count = 0
    """The last round that was opened; the next offer carries `neg + 1`, the offerer's first one 1."""


class RoomView(Wire):
    """The room as one receiver may see it."""

    state: Literal["waiting", "admitted"]
    session: SessionView
    participants: tuple[ParticipantView, ...] = ()
    pairs: tuple[PairView, ...] = ()
    texts: tuple[TextView, ...] = ()
    """Those of the last texts that the receiver was inside for."""


class IceServerView(Wire):
    """One entry of `RTCConfiguration.iceServers`."""

    urls: tuple[str, ...]
    username: str | None = Field(default=None, repr=False)
    credential: str | None = Field(default=None, repr=False)


class CandidateInit(Wire):
    """`RTCIceCandidateInit`; the empty candidate says that there are no more."""

    candidate: Annotated[str, StringConstraints(max_length=1024)] = Field(default="", repr=False)
    sdp_mid: Annotated[str, StringConstraints(max_length=64)] | None = None
    sdp_m_line_index: Annotated[int, Field(ge=0, le=255)] | None = None
    username_fragment: Annotated[str, StringConstraints(max_length=256)] | None = None

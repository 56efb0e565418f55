"""The messages between a device and a hub: JSON text frames, one message each, version 1.

    device → hub                                   hub → device
    { "v":1, "type":"offer", "seq":17,             { "v":1, "type":"offer", "pos":"205.9f1c22d07ab1",
      "pc":"c_3f…", "gen":1, "neg":3,                "ack":17, "from":"p_7QK…", "at":"2026-11-22T…Z",
      "sdp":"v=0…" }                                 "pc":"c_3f…", "gen":1, "neg":3, "sdp":"v=0…" }

A device numbers what it commands (`seq`, from 1, without gaps); the hub acknowledges all up to `ack`. What
comes out of the room's log carries its position (`pos`): the last one seen is where a resume reads on.
What is said again after a rejoin, under a new peer and number, names the first ones (`again`).
Link messages (`hello`, `ping`, `pong`, `ack`, and from the hub also `error`, `close`, `goaway`,
`ice-servers`) belong to one connection and carry neither.

Names are camelCase on the wire. Unknown fields are ignored, and so are unknown types, unless they say
`"must": true`. How they are read stands in `frames.py`.
"""

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, JsonValue, StringConstraints
from pydantic_core import to_json

from hugathome._model import Instant
from hugathome.protocol.sdp import Description, parse_description
from hugathome.protocol.wire import (
    LONGEST_TEXT,
    CandidateInit,
    Caps,
    CloseCode,
    CommandId,
    Count,
    IceServerView,
    Limits,
    Number,
    OpaqueId,
    PairView,
    ParticipantView,
    PositionText,
    Reason,
    ResumeFrom,
    Retry,
    RoomView,
    Secret,
    Sends,
    SessionView,
    Wire,
    retry_after,
)
from hugathome.roles import Modality, ParticipantId, Step

LONGEST_AGENT = 300
"""Characters of what a device says of itself: more is cut off."""
VERSION = 1

# --- Both ways -----------------------------------------------------------------------------------


class Message(Wire):
    """The envelope; `pos`, `sender` and `at` are always the hub's, and stripped from what a device sends."""

    v: Literal[1] = 1
    type: str
    seq: Number | None = None
    ack: Count | None = None
    pos: PositionText | None = None
    again: CommandId | None = None
    """Of a command that an earlier peer of this device has said already: what it was then."""
    sender: OpaqueId | None = Field(default=None, validation_alias="from", serialization_alias="from")
    at: Instant | None = None


class _OnPair(Message):
    pc: OpaqueId
    gen: Number


class _Describing(_OnPair):
    neg: Number
    sdp: str = Field(repr=False)

    @cached_property
    def description(self) -> Description:
        """What `sdp` says, read once however many judge it; raises `RemoteProtocolError`."""
        return parse_description(self.sdp, limits=None)


class Offer(_Describing):
    """An offer, number `neg` of this generation."""

    type: Literal["offer"] = "offer"


class Answer(_Describing):
    """The answer to offer `neg`."""

    type: Literal["answer"] = "answer"


class Candidates(_OnPair):
    """Up to sixteen candidates; held by the receiver until the description of their `gen` is applied."""

    type: Literal["candidate"] = "candidate"
    candidates: Annotated[tuple[CandidateInit, ...], Field(min_length=1, max_length=16)]


class Restart(_OnPair):
    """To the hub: this connection failed. From the hub, to the offerer: restart ICE and offer again."""

    type: Literal["restart"] = "restart"
    reason: Reason | None = None


class Text(Message):
    """A text message to everybody inside; from the hub with `id` and who wrote it, who gets it back, too."""

    type: Literal["text"] = "text"
    text: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TEXT, strip_whitespace=True)] = (
        Field(repr=False)
    )
    participant: ParticipantId | None = None
    id: CommandId | None = None


class App(Message):
    """A message of the host's own, to everybody else inside; off unless the host has switched it on."""

    type: Literal["app"] = "app"
    topic: OpaqueId
    data: JsonValue = Field(default=None, repr=False)
    participant: ParticipantId | None = None

    @property
    def size(self) -> int:
        """The bytes of `data`, as compact JSON."""
        return len(to_json(self.data))


class Ping(Message):
    """Is anybody there? From the hub with the digest of the roster, as of all that was sent before."""

    type: Literal["ping"] = "ping"
    t: Count = 0
    digest: str | None = None


class Pong(Message):
    """The answer to a ping, with its `t`."""

    type: Literal["pong"] = "pong"
    t: Count = 0


class Ack(Message):
    """All up to `ack` has been taken."""

    type: Literal["ack"] = "ack"


# --- Device → hub --------------------------------------------------------------------------------


class Hello(Message):
    """The first message: a grant, or where to resume."""

    type: Literal["hello"] = "hello"
    versions: Annotated[tuple[int, ...], Field(min_length=1, max_length=16)] = (VERSION,)
    grant: Secret | None = Field(default=None, repr=False)
    resume: ResumeFrom | None = None
    caps: Caps = Caps()
    nonce: OpaqueId
    """Drawn once by each device; the same grant with the same nonce is answered again."""
    agent: Annotated[str, StringConstraints(max_length=LONGEST_AGENT)] | None = None


class _OfSomebody(Message):
    participant: ParticipantId
    reason: Reason | None = None


class Admit(_OfSomebody):
    """Let somebody in."""

    type: Literal["admit"] = "admit"


class Deny(_OfSomebody):
    """Turn somebody away who waits."""

    type: Literal["deny"] = "deny"


class Remove(_OfSomebody):
    """Turn somebody out."""

    type: Literal["remove"] = "remove"


class ReturnToWaiting(_OfSomebody):
    """Send somebody back to the waiting room."""

    type: Literal["return-to-waiting"] = "return-to-waiting"


class Transfer(_OfSomebody):
    """Offer a colleague the host's seat; offered to whoever has it, the offer is taken back, or declined."""

    type: Literal["transfer"] = "transfer"
    capability: Literal["host"] = "host"


class TransferAccept(_OfSomebody):
    """Take the host's seat over from the colleague who has offered it."""

    type: Literal["transfer-accept"] = "transfer-accept"
    capability: Literal["host"] = "host"


class Hold(Message):
    """Put the session on hold."""

    type: Literal["hold"] = "hold"


class Resume(Message):
    """Go on with a session that was on hold."""

    type: Literal["resume"] = "resume"


class ChangeModality(Message):
    """Go on by video, by sound alone, or by telephone."""

    type: Literal["modality"] = "modality"
    modality: Modality
    reason: Reason | None = None


class Complete(Message):
    """End the session for all, with its outcome."""

    type: Literal["complete"] = "complete"
    outcome: Annotated[str, StringConstraints(max_length=64)]


class Leave(Message):
    """Leave; it ends nothing for the others."""

    type: Literal["leave"] = "leave"
    reason: Reason | None = None


class Negotiate(_OnPair):
    """Ask for the next round (turn mode)."""

    type: Literal["negotiate"] = "negotiate"


class Media(_OnPair):
    """How a connection fares: `RTCPeerConnection.connectionState`, and the kind of the selected pair."""

    type: Literal["media"] = "media"
    state: Literal["new", "connecting", "connected", "disconnected", "failed", "closed"]
    selected_pair: Annotated[str, StringConstraints(max_length=64)] | None = None


class Sending(Message, Sends):
    """What this device sends now."""

    type: Literal["sending"] = "sending"


class NoteStep(Message):
    """A fact for the record, such as `devices-allowed`."""

    type: Literal["step"] = "step"
    step: Step


class AskIceServers(Message):
    """Ask for fresh credentials before the old ones expire."""

    type: Literal["ice-servers"] = "ice-servers"


class Unknown(Message):
    """A type that this version does not know and may ignore; its `seq` counts all the same."""


# --- Hub → device --------------------------------------------------------------------------------


class Welcome(Message):
    """The answer to a hello; always the first message."""

    type: Literal["welcome"] = "welcome"
    version: int = VERSION
    peer: OpaqueId
    participant: ParticipantId
    role: str
    can: tuple[str, ...] = ()
    session: SessionView
    state: Literal["waiting", "admitted"]
    recovered: bool = False
    """Whether everything since the resumed position follows; otherwise `snapshot` replaces what was known."""
    token: Secret = Field(repr=False)
    """For the next resume; the one before stays good until this one has been used."""
    heartbeat: float
    """Seconds between pings; silence of twice that, and a little, is death."""
    limits: Limits
    ice_servers: tuple[IceServerView, ...] | None = None
    relay_only: bool = False
    ice_lifetime: float | None = None
    """Seconds after which the credentials of `ice_servers` have expired; none where they never do."""
    snapshot: RoomView | None = None


class Error(Message):
    """A command was refused; the connection stays."""

    type: Literal["error"] = "error"
    code: str
    ref: Number | None = None
    """The `seq` of what was refused."""
    retry_after: float | None = None


class Close(Message):
    """The last message."""

    type: Literal["close"] = "close"
    code: int
    reason: Reason = ""
    retry: Retry
    after: float | None = None
    """Seconds to wait before."""

    @classmethod
    def because(cls, code: int, reason: str = "", *, after: float | None = None) -> Self:
        """Return the close of `code`, with the retry that the protocol gives it."""
        known = code in CloseCode.__members__.values()
        retry = retry_after(code)
        words = reason or (CloseCode(code).name.lower().replace("_", " ") if known else "")
        return cls(code=code, reason=words, retry=retry, after=after)


class Goaway(Message):
    """This worker ends at `deadline` and has picked this device to leave now: connect again and resume."""

    type: Literal["goaway"] = "goaway"
    deadline: Instant


class Snapshot(Message, RoomView):
    """The whole room as the receiver may see it now; replaces what was known."""

    type: Literal["snapshot"] = "snapshot"


class SessionChanged(Message, SessionView):
    """How the visit stands now."""

    type: Literal["session"] = "session"


class ParticipantChanged(Message, ParticipantView):
    """One participant as they are now; replaces what was known of them."""

    type: Literal["participant"] = "participant"


class Pair(Message, PairView):
    """Connect with another peer."""

    type: Literal["pair"] = "pair"


class Renew(Message, PairView):
    """Begin the connection `pc` anew, as generation `gen`; then as for `pair`."""

    type: Literal["renew"] = "renew"


class Unpair(Message):
    """Close a connection for good, at once."""

    type: Literal["unpair"] = "unpair"
    pc: OpaqueId


class Granted(_OnPair):
    """The receiver's turn: it may make offer `neg`."""

    type: Literal["granted"] = "granted"
    neg: Number


class IceServers(Message):
    """What to give to new connections; only ever sent to those who are admitted."""

    type: Literal["ice-servers"] = "ice-servers"
    ice_servers: tuple[IceServerView, ...]
    relay_only: bool = False
    ice_lifetime: float | None = None


class Ring(Message):
    """The clinician calls."""

    type: Literal["ring"] = "ring"


# --- All of them ---------------------------------------------------------------------------------

Command = (
    Admit
    | Answer
    | App
    | Candidates
    | ChangeModality
    | Complete
    | Deny
    | Hold
    | Leave
    | Media
    | Negotiate
    | NoteStep
    | Offer
    | Remove
    | Restart
    | Resume
    | ReturnToWaiting
    | Sending
    | Text
    | Transfer
    | TransferAccept
)
"""What a device numbers; everything here goes through the log."""

ClientMessage = Command | Ack | AskIceServers | Hello | Ping | Pong | Unknown
ServerMessage = (
    Ack
    | Answer
    | App
    | Candidates
    | Close
    | Error
    | Goaway
    | Granted
    | IceServers
    | Offer
    | Pair
    | ParticipantChanged
    | Ping
    | Pong
    | Renew
    | Restart
    | Ring
    | SessionChanged
    | Snapshot
    | Text
    | Unknown
    | Unpair
    | Welcome
)

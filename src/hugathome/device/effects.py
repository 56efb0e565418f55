"""What the core of a client asks for; whoever runs it carries this out, in the order given."""

from datetime import timedelta
from typing import Literal, NamedTuple

from hugathome.protocol.messages import App, Command, Error
from hugathome.protocol.wire import CandidateInit, PairView

# --- Of the transport ----------------------------------------------------------------------------


class Send(NamedTuple):
    """Send a text."""

    text: str

    def __repr__(self) -> str:
        return f"Send({len(self.text)} characters)"


class Drop(NamedTuple):
    """Close the transport once everything was sent: it is of no more use."""


class Return(NamedTuple):
    """Come back after `after` and a random part of `spread`."""

    after: timedelta
    spread: timedelta


# --- Of the endpoints ----------------------------------------------------------------------------


class Connect(NamedTuple):
    """Make an endpoint; the one before with the same participant goes on until this one brings as much.

    Of the two only one is shown and heard. One that is connected no longer ends at once.
    """

    pair: PairView


class Describe(NamedTuple):
    """Make an offer, apply it locally, and hand it to `Client.offered`."""

    pc: str
    gen: int


class Apply(NamedTuple):
    """Apply a remote description; when it is an offer, hand the answer to `Client.answered`.

    An endpoint whose own offer is open rolls it back first.
    """

    pc: str
    gen: int
    kind: Literal["offer", "answer"]
    sdp: str

    def __repr__(self) -> str:
        return f"Apply(pc={self.pc!r}, gen={self.gen}, kind={self.kind!r})"


class AddCandidates(NamedTuple):
    """Add remote candidates; their description was handed on before."""

    pc: str
    gen: int
    candidates: tuple[CandidateInit, ...]


class Disconnect(NamedTuple):
    """End the endpoints of a connection, up to a generation, at once."""

    pc: str
    gen: int


# --- Of the user ---------------------------------------------------------------------------------


class Hand(NamedTuple):
    """Hand a message of the host's own to whoever runs this."""

    message: App


class Refused(NamedTuple):
    """The hub refused something: the command `of`, or none when it says that we talk too much."""

    error: Error
    of: Command | None


Effect = Send | Drop | Return | Connect | Describe | Apply | AddCandidates | Disconnect | Hand | Refused

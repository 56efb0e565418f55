"""What happened in a run, in order: kept as it was, and put into words only when somebody reads it."""

from enum import StrEnum
from typing import NamedTuple

from hugathome.testing.conformance import ConformanceFailure

_SHOWN = (
    "participant", "peer", "conn", "seq", "ack", "pos", "pc", "gen", "neg", "state", "status", "code", "ref",
    "recovered", "version",
)  # fmt: skip


class Invariant(StrEnum):
    """What must hold in every run; the numbers are those of the design."""

    I1 = "equal logs make equal rooms: what a worker tells is what the log says"
    I2 = "what is relayed goes from somebody let in to somebody let in"
    I3 = "a connection that was superseded, fenced or lost has no effect, and no command has it twice"
    I4 = "a participant has one device at a time"
    I5 = "positions grow, and none comes twice"
    I6 = "what one device sends, each other one hears in this order"
    I7 = "nothing is lost in silence"
    I8 = "what was acknowledged is in the log, and a gap closes the connection"
    I9 = "once all is well, everybody knows the room as it is, and nothing waits to be sent"
    I10 = "neither a device nor a worker keeps more than its limit for a connection"
    I11 = "a log that was rewound is noticed"
    I12 = "whoever was removed does nothing more without being invited again"
    I13 = "no endpoint is asked for what it cannot do, and every negotiation comes to its end"
    I14 = "after the end nothing is said but goodbye"
    I15 = "whoever waits is told of nobody, and gets no description, candidate or credential"
    I16 = "a grant makes one peer at most"
    I17 = "the host's seat has one holder at most, and none only while no practitioner is there"
    I18 = "an answer is to the open offer, and a candidate to a description of its generation"
    I20 = "a loss of signalling closes no connection between devices"
    I24 = "a device does what its close code says, and is closed for a reason"
    OWN = "what the scenario itself asks for"


class Happened(NamedTuple):
    """One thing that happened."""

    at: float
    """Seconds since the beginning."""
    who: str
    what: str
    message: object = None

    def __str__(self) -> str:
        return f"{self.at:9.3f}  {self.who:<10} {self.what}{_worded(self.message)}"


class History:
    """Everything that happened in one run."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.events: list[Happened] = []

    def note(self, at: float, who: str, what: str, message: object = None) -> None:
        """Add what happens now."""
        self.events.append(Happened(at, who, what, message))

    def __str__(self) -> str:
        return "\n".join(map(str, self.events))


class InvariantBroken(ConformanceFailure):
    """A run broke an invariant: `rule` names it, `history` tells how it came to it."""

    def __init__(self, invariant: Invariant, seen: str, *, history: History) -> None:
        super().__init__(f"{invariant.name}, {invariant}", seen)
        self.invariant = invariant
        self.history = history

    def __str__(self) -> str:
        return f"seed {self.history.seed}: {super().__str__()}\n{self.history}"


def _worded(message: object) -> str:
    if message is None:
        return ""
    kind = getattr(message, "type", getattr(message, "kind", ""))
    shown = ((name, getattr(message, name, None)) for name in _SHOWN)
    facts = (f"{name}={value}" for name, value in shown if value not in {None, ""})
    body = getattr(message, "body", None)
    return " ".join([f" {kind}", *facts]) + (f":{_worded(body)}" if body is not None else "")

"""One generation of one connection, as the device at one of its ends sees it: whose turn it is to describe.

    round        wants_offer    offered          answered         an offer comes    an answer comes
    stable       → making       –                –                → answering       –
    making       wanted         → offered        –                glare             –
    offered      wanted         –                –                glare             → stable
    answering    wanted         –                → stable         –                 –

    glare: of two offers that cross, the impolite side's stands. The impolite side ignores the other's; the
    polite one answers, and offers again afterwards.
    wanted: kept until the round is stable again, then due (in turn mode: asked for, and due once granted).

What does not fit (an old number, an answer that nobody waits for) changes nothing. Candidates are held until
the description with their user name fragment was handed on, so that applying everything in the order given
is always right. An offer that restarts ICE goes to no endpoint that cannot: a new generation is asked for.

A `Line` is a frozen record. Its methods return the next one and what is to be done; `now` is an argument.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from hugathome._model import Record
from hugathome.device.effects import AddCandidates, Apply, Describe
from hugathome.protocol.messages import (
    Answer,
    Candidates,
    Command,
    Granted,
    Media,
    Negotiate,
    Offer,
    Restart,
)
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.sdp import parse_description
from hugathome.protocol.wire import CandidateInit, PairView

CONNECT_WITHIN = timedelta(seconds=15)
"""How long an endpoint has to connect before a new generation is asked for."""
FAILED_WAITS = timedelta(seconds=2)
"""How long a failure before that waits: what failed once may fail again."""
MOST_HELD = 64
"""Candidates that wait for their description; more than one generation may send."""

MediaState = Literal["new", "connecting", "connected", "disconnected", "failed", "closed"]


LineEffect = Describe | Apply | AddCandidates | Command
"""Work for the endpoint, or a command to the hub."""


class Round(StrEnum):
    """Where the exchange of descriptions stands."""

    STABLE = "stable"
    MAKING = "making"
    """The endpoint is asked for an offer."""
    OFFERED = "offered"
    ANSWERING = "answering"


class Line(Record):
    """One generation of a connection; every method returns the next one and its effects."""

    pair: PairView
    offers_first: bool
    """Whether the first offer is this side's; the other one waits for it."""
    restarts_ice: bool
    """Whether this side's endpoint can restart ICE."""
    neg: int = 0
    """The number of the open round, or of the last one."""
    round: Round = Round.STABLE
    is_wanted: bool = False
    """Whether an offer is due once the round is stable."""
    is_connected: bool = False
    due: datetime
    """When patience ends; counts while not connected."""
    ufrags: frozenset[str] = frozenset()
    """Of the remote description that was handed on."""
    held: tuple[CandidateInit, ...] = ()

    def begun(self) -> "Step":
        """Begin a generation that the room assigned."""
        if self.neg > 0:  # an endpoint of ours began it, and is no more
            return self, (_restart(self, "the endpoint was lost"),)
        return _offering(self) if self.offers_first else (self, ())

    def wants_offer(self) -> "Step":
        """Ask for a round: the endpoint's own tracks have changed."""
        if self.round is not Round.STABLE or (self.neg == 0 and not self.offers_first):
            return self.but(is_wanted=True), ()
        if self.pair.mode is Mode.TURN:
            return self, (Negotiate(pc=self.pair.pc, gen=self.pair.gen),)
        return _offering(self)

    def offered(self, sdp: str) -> "Step":
        """Take the offer that the endpoint has made; one that was overtaken is dropped."""
        if self.round is not Round.MAKING:
            return self, ()
        after = self.but(round=Round.OFFERED, neg=self.neg + 1)
        return after, (Offer(pc=self.pair.pc, gen=self.pair.gen, neg=after.neg, sdp=sdp),)

    def answered(self, sdp: str) -> "Step":
        """Take the answer that the endpoint has made to the last offer."""
        if self.round is not Round.ANSWERING:
            return self, ()
        answer = Answer(pc=self.pair.pc, gen=self.pair.gen, neg=self.neg, sdp=sdp)
        after, effects = _stable(self)
        return after, (answer, *effects)

    def fared(self, state: MediaState, *, now: datetime) -> "Step":
        """Take the endpoint's state: what broke begins anew at once, what never worked a little later."""
        told: Command = Media(pc=self.pair.pc, gen=self.pair.gen, state=state)
        if state == "connected":
            return self.but(is_connected=True), (told,)
        if state in {"failed", "closed"} and self.is_connected:
            after = self.but(is_connected=False, due=now + CONNECT_WITHIN)
            return after, (told, _restart(self, state))
        return self.but(due=min(self.due, now + FAILED_WAITS)) if state == "failed" else self, (told,)

    def overdue(self, *, now: datetime) -> "Step":
        """Ask for a new generation once patience has ended."""
        if self.is_connected or now < self.due:
            return self, ()
        return self.but(due=now + CONNECT_WITHIN), (_restart(self, "it did not connect"),)

    def received(self, message: Offer | Answer | Candidates | Granted) -> "Step":
        """Take what the hub has relayed for this generation."""
        match message:
            case Offer() if self._is_timely(message):
                return _offered(self, message)
            case Answer() if self.round is Round.OFFERED and message.neg == self.neg:
                described, applied = _described(self, "answer", message.sdp)
                after, effects = _stable(described)
                return after, (*applied, *effects)
            case Candidates():
                return _trickled(self, message.candidates)
            case Granted() if self.round is Round.STABLE and message.neg > self.neg:
                return _offering(self.but(neg=message.neg - 1))
            case _:
                return self, ()

    def _is_timely(self, offer: Offer) -> bool:
        if self.round is Round.OFFERED:
            return self.pair.polite and offer.neg >= self.neg
        is_crossed = self.round is Round.MAKING and not self.pair.polite
        return offer.neg > self.neg and not is_crossed


Step = tuple[Line, tuple[LineEffect, ...]]


def _offered(line: Line, offer: Offer) -> Step:
    ufrags = parse_description(offer.sdp).ufrags
    if line.ufrags and ufrags != line.ufrags and not line.restarts_ice:
        return line, (_restart(line, "ICE was to be restarted"),)
    is_crossed = line.round in {Round.MAKING, Round.OFFERED}
    answering = line.but(round=Round.ANSWERING, neg=offer.neg, is_wanted=line.is_wanted or is_crossed)
    return _described(answering, "offer", offer.sdp)


def _described(line: Line, kind: Literal["offer", "answer"], sdp: str) -> Step:
    described = line.but(ufrags=parse_description(sdp).ufrags, held=())
    after, candidates = _trickled(described, line.held)
    return after, (Apply(line.pair.pc, line.pair.gen, kind, sdp), *candidates)


def _trickled(line: Line, candidates: Iterable[CandidateInit]) -> Step:
    ready: list[CandidateInit] = []
    held = list(line.held)
    for candidate in candidates:
        fits = bool(line.ufrags) and candidate.username_fragment in {None, *line.ufrags}
        (ready if fits else held).append(candidate)
    after = line.but(held=tuple(held[-MOST_HELD:]))
    return after, ((AddCandidates(line.pair.pc, line.pair.gen, tuple(ready)),) if ready else ())


def _offering(line: Line) -> Step:
    return line.but(round=Round.MAKING, is_wanted=False), (Describe(line.pair.pc, line.pair.gen),)


def _stable(line: Line) -> Step:
    after = line.but(round=Round.STABLE, is_wanted=False)
    return after.wants_offer() if line.is_wanted else (after, ())


def _restart(line: Line, reason: str) -> Restart:
    return Restart(pc=line.pair.pc, gen=line.pair.gen, reason=reason)

"""Who may offer when: the rule that follows from what two endpoints can do.

Perfect negotiation (W3C WebRTC, 10.7) needs one *polite* side that can roll its offer back. Not every
endpoint can: aiortc accepts a rollback and does nothing. So the room assigns the sides:

    both can roll back        optimistic, the host is impolite (a tie: the greater peer id)
    exactly one cannot        optimistic, that one is impolite: it never needs to
    neither can               turn: negotiate → granted → offer → answer → the next grant

In both modes the impolite side is the *offerer*: the first offer, number 1, is its own, unasked. Every
offer carries the next number; an answer carries the number of the round that it closes. What does not
fit is refused and never relayed. Pure functions over frozen records: nothing here sends anything.
"""

from enum import StrEnum

from hugathome._model import Record


class Mode(StrEnum):
    """How two endpoints agree on who offers."""

    OPTIMISTIC = "optimistic"
    """Either may offer at any time; of two offers that cross, the impolite side's stands."""
    TURN = "turn"
    """Whoever holds the round may offer; the room grants one at a time."""


class Endpoint(Record):
    """One side of a connection, as far as the rule looks at it."""

    peer: str
    rollback: bool
    host: bool = False


class Negotiation(Record):
    """Where one generation of a connection stands; each method returns the next, or `None` to refuse."""

    mode: Mode
    impolite: str
    polite: str
    neg: int = 0
    """The number of the open round, or of the last one."""
    holder: str | None = None
    """Whose round is open."""
    is_offered: bool = False
    """Whether the holder has made its offer."""
    asking: tuple[str, ...] = ()
    """Who waits for a round, in order (turn mode)."""

    def offer(self, *, by: str, neg: int) -> "Negotiation | None":
        """Open a round with an offer, or make the offer of a round that was granted."""
        if self.mode is Mode.TURN:
            is_due = self.holder == by and neg == self.neg and not self.is_offered
        elif self.holder is None:
            is_due = neg == self.neg + 1
        else:  # the polite side's offer is open: the impolite one crosses it, knowing of it or not
            is_due = self.holder != by == self.impolite and neg in {self.neg, self.neg + 1}
        return self.but(neg=neg, holder=by, is_offered=True) if is_due else None

    def answer(self, *, by: str, neg: int) -> "Negotiation | None":
        """Close the open round; in turn mode the next one asking gets theirs."""
        if not self.is_offered or self.holder == by or neg != self.neg:
            return None
        closed = self.but(holder=None, is_offered=False)
        return _granted(closed) if self.asking else closed

    def ask(self, *, by: str) -> "Negotiation | None":
        """Ask for a round (turn mode only)."""
        if self.mode is not Mode.TURN:
            return None
        if by in self.asking or (self.holder == by and not self.is_offered):
            return self
        asked = self.but(asking=(*self.asking, by))
        return asked if self.holder else _granted(asked)


def begin(one: Endpoint, other: Endpoint) -> Negotiation:
    """Return the start of a generation between two endpoints, by the rule above."""
    mode = Mode.OPTIMISTIC if one.rollback or other.rollback else Mode.TURN
    polite, impolite = sorted((one, other), key=_insistence)
    start = Negotiation(mode=mode, impolite=impolite.peer, polite=polite.peer)
    return start.but(neg=1, holder=impolite.peer) if mode is Mode.TURN else start


def _insistence(endpoint: Endpoint) -> tuple[bool, bool, str]:
    return not endpoint.rollback, endpoint.host, endpoint.peer


def _granted(negotiation: Negotiation) -> Negotiation:
    first, *others = negotiation.asking
    return negotiation.but(neg=negotiation.neg + 1, holder=first, asking=tuple(others))

"""Peers, and the connections between them: what may be relayed on one, and what not.

A description must fit the round that is open, a candidate the descriptions, and both the generation.
Whoever may not send media is held to it by what their descriptions say, not by their word.
"""

from collections.abc import Callable, Collection, Mapping
from itertools import combinations
from typing import TypeVar

from pydantic import Field

from hugathome._model import Record
from hugathome.errors import RemoteProtocolError
from hugathome.protocol.messages import Answer, Candidates, Offer
from hugathome.protocol.negotiation import Endpoint, Negotiation, begin
from hugathome.protocol.wire import Caps, Sends
from hugathome.roles import Capability

T = TypeVar("T")


class Peer(Record):
    """One device in the room; it outlives its connections."""

    peer: str
    participant: str
    device: int
    since: int
    """The offset at which it joined."""
    can: frozenset[Capability]
    caps: Caps
    tokens: frozenset[str] = Field(repr=False)
    """Hashes of the resume tokens that are good: the newest, and the one that led to it, or each of a hello
    that was answered again."""
    link: str
    nonce: str = ""
    """Of its hello: the same for all that one device says."""
    sends: Sends | None = None
    conn: int = 1
    is_attached: bool = True
    is_doubted: bool = False
    """Whether a worker has asked who serves it, and none has answered yet."""


class Refused(Exception):
    """A command that is not relayed; `code` goes into the `error` that answers it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Connection(Record):
    """One connection between two peers; its methods return the next one, or raise `Refused`."""

    pc: str
    gen: int = 1
    peers: frozenset[str]
    negotiation: Negotiation
    ufrags: Mapping[str, frozenset[str]] = {}
    """What each peer's descriptions of this generation name; a candidate of another is not relayed."""
    candidates: Mapping[str, int] = {}
    """How many each peer has sent; a description names those again that came one by one before it."""
    restarted_by: frozenset[str] = frozenset()
    """Who has asked for an ICE restart since the last round was closed."""

    def other(self, peer: str) -> str:
        """Return the peer on the other side."""
        return next(iter(self.peers - {peer}))

    def described(self, body: Offer | Answer, *, by: str, may_send: bool, at_most: int) -> "Connection":
        """Take an offer or an answer."""
        try:
            description = body.description  # no limits: those of today refuse nothing that the log holds
        except RemoteProtocolError:
            raise Refused("malformed-description") from None
        if description.sends_media and not may_send:
            raise Refused("receive-only")
        if len(description.candidates) > at_most:
            raise Refused("too-many-candidates")
        said = self.negotiation.offer if isinstance(body, Offer) else self.negotiation.answer
        known, sent = self.ufrags.get(by, frozenset()), self.candidates.get(by, 0)
        return self.but(
            negotiation=_accepted(said(by=by, neg=body.neg)),
            ufrags=_with(self.ufrags, by, known | description.ufrags),
            candidates=_with(self.candidates, by, max(sent, len(description.candidates))),
            restarted_by=self.restarted_by if isinstance(body, Offer) else frozenset(),
        )

    def asked(self, *, by: str) -> "Connection":
        """Take the wish for a round."""
        return self.but(negotiation=_accepted(self.negotiation.ask(by=by)))

    def trickled(self, body: Candidates, *, by: str, at_most: int) -> "Connection | None":
        """Take candidates; those of an offer that was rolled back are nothing, and no mistake either."""
        sent = self.candidates.get(by, 0) + len(body.candidates)
        if sent > at_most:
            raise Refused("too-many-candidates")
        named = {each.username_fragment for each in body.candidates} - {None}
        if not named <= self.ufrags.get(by, frozenset()):
            return None
        return self.but(candidates={**self.candidates, by: sent})

    def restarted(self, *, by: str) -> "Connection | None":
        """Take the wish for an ICE restart; none where the last one led to no answer: its round is stuck."""
        return None if by in self.restarted_by else self.but(restarted_by=self.restarted_by | {by})

    def renewed(self, negotiation: Negotiation) -> "Connection":
        """Return the next generation."""
        return Connection(pc=self.pc, gen=self.gen + 1, peers=self.peers, negotiation=negotiation)


def mesh(
    known: Mapping[str, Connection], peers: Collection[str], *, endpoint: Callable[[str], Endpoint], mark: str
) -> dict[str, Connection]:
    """Return the connections that join each of `peers` with each other; those that stand, stay.

    `mark` is unique to the place in the log, so that no name is ever used for two connections.
    """
    wanted = [frozenset(two) for two in combinations(peers, 2)]
    kept = {each.pc: each for each in known.values() if each.peers in wanted}
    joined = {each.peers for each in kept.values()}
    for number, two in enumerate(two for two in wanted if two not in joined):
        pc = f"c_{mark}.{number}"
        kept[pc] = Connection(pc=pc, peers=two, negotiation=begin(*map(endpoint, sorted(two))))
    return kept


def _with(known: Mapping[str, T], peer: str, said: T) -> Mapping[str, T]:
    """Return the mapping with what a peer has said; the same one where that is known: it is kept long."""
    return known if known.get(peer) == said else {**known, peer: said}


def _accepted(negotiation: Negotiation | None) -> Negotiation:
    if negotiation is None:
        raise Refused("stale-negotiation")
    return negotiation

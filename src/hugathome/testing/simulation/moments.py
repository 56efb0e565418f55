"""The log as somebody reads it who trusts nobody: each entry, what it did, and what it may do.

`Facts` are a second, much smaller reading of the same entries, written from the design and not from the
fold: who is let in, which connection of a peer counts, which of its tokens, which round is open. They hang
on the entry that they follow, so that a log that was rewound and written anew has its own.
"""

from collections.abc import Collection, Mapping
from typing import NamedTuple

from hugathome.protocol.messages import Answer, Error, Leave, Offer, Transfer
from hugathome.roles import Capability
from hugathome.signalling import (
    START,
    Attached,
    Commanded,
    Detached,
    Entry,
    Expired,
    Joined,
    Position,
    Recorded,
    RecordedParticipant,
    Room,
    Tell,
)


class Known(NamedTuple):
    """What the entries say of one peer."""

    participant: str
    conn: int
    seq: int
    is_attached: bool
    tokens: frozenset[str]
    link: str


class Round(NamedTuple):
    """The offer that is open on one generation of a connection."""

    neg: int
    by: str


class Facts(NamedTuple):
    """What follows from the entries so far."""

    version: int = 0
    has_ended: bool = False
    people: Mapping[str, RecordedParticipant] = {}
    peers: Mapping[str, Known] = {}
    makers: Mapping[str, tuple[str, str]] = {}
    """By `jti`: the nonce and the peer of the first join."""
    rounds: Mapping[tuple[str, int], Round | None] = {}
    ufrags: Mapping[tuple[str, int, str], frozenset[str]] = {}
    offered: tuple[str, str] | None = None
    """Who has offered the host's seat last, and to whom."""

    def is_let_in(self, participant: str) -> bool:
        """Whether the record lets somebody meet the others."""
        person = self.people.get(participant)
        return (
            person is not None
            and not self.is_out(participant)
            and (person.admitted or Capability.ENTER in person.can)
        )

    def is_out(self, participant: str) -> bool:
        """Whether the record has put somebody out."""
        person = self.people.get(participant)
        return person is None or person.removed or person.denied

    def is_inside(self, peer: str) -> bool:
        """Whether a peer may meet the others."""
        return peer in self.peers and self.is_let_in(self.peers[peer].participant)

    def is_next(self, entry: Commanded) -> bool:
        """Whether a command comes next on the present connection of its peer."""
        known = self.peers.get(entry.peer)
        return (
            known is not None
            and (known.conn, known.is_attached) == (entry.conn, True)
            and known.seq + 1 == entry.seq
        )

    def skips(self, entry: Commanded) -> bool:
        """Whether a command shows that the log has lost an earlier one."""
        known = self.peers.get(entry.peer)
        return (
            known is not None
            and (known.conn, known.is_attached) == (entry.conn, True)
            and known.seq + 1 < entry.seq
        )


class Moment(NamedTuple):
    """An entry of the log, and what the fold made of it."""

    position: Position
    entry: Entry | None
    room: Room
    told: tuple[Tell, ...]
    facts: Facts
    before: "Moment | None"

    def after(self, entry: Entry, position: Position) -> "Moment":
        """Return the next moment."""
        room, told = self.room.after(entry, position)
        return Moment(position, entry, room, told, _after(self.facts, entry, room, told), self)

    @property
    def is_effective(self) -> bool:
        """Whether the entry changed anything, or was answered with more than a close."""
        is_the_same = self.before is not None and self.before.room is self.room
        return not is_the_same

    @property
    def offset(self) -> int:
        """Where in the log it stands."""
        return self.position.offset


def beginning(session: str) -> Moment:
    """Return the moment before the first entry."""
    return Moment(START, None, Room(session=session), (), Facts(), None)


def _after(facts: Facts, entry: Entry, room: Room, told: tuple[Tell, ...]) -> Facts:
    match entry:
        case Recorded() if entry.version > facts.version:
            people = {each.participant: each for each in entry.participants}
            facts = facts._replace(version=entry.version, has_ended=entry.ended, people=people)
        case Joined():
            facts = _joined(facts, entry, room)
        case Attached():
            facts = _attached(facts, entry, room)
        case Detached() | Expired():
            facts = _detached(facts, entry.peer, entry.conn)
        case Commanded():
            facts = _commanded(facts, entry, told)
        case _:
            return facts
    return facts._replace(peers={peer: known for peer, known in facts.peers.items() if peer in room.peers})


def _joined(facts: Facts, entry: Joined, room: Room) -> Facts:
    made = next((peer for peer in room.peers.values() if peer.link == entry.link), None)
    if made is None:
        return facts
    if made.peer in facts.peers:  # the same hello once more
        return _attached_again(facts, made.peer, link=entry.link, tokens={entry.token_hash})
    new = Known(entry.participant, 1, 0, True, frozenset({entry.token_hash}), entry.link)
    return facts._replace(
        peers={**facts.peers, entry.peer: new},
        makers={entry.jti: (entry.nonce, entry.peer), **facts.makers},
    )


def _attached(facts: Facts, entry: Attached, room: Room) -> Facts:
    known, peer = facts.peers.get(entry.peer), room.peers.get(entry.peer)
    if known is None or peer is None or peer.link != entry.link:
        return facts
    return _attached_again(facts, entry.peer, link=entry.link, tokens={entry.presented, entry.token_hash})


def _attached_again(facts: Facts, peer: str, *, link: str, tokens: Collection[str]) -> Facts:
    known = facts.peers[peer]
    if known.link == link:  # the same entry, appended twice
        return facts
    again = known._replace(conn=known.conn + 1, is_attached=True, tokens=frozenset(tokens), link=link)
    return facts._replace(peers={**facts.peers, peer: again})


def _detached(facts: Facts, peer: str, conn: int) -> Facts:
    known = facts.peers.get(peer)
    if known is None or known.conn != conn:
        return facts
    return facts._replace(peers={**facts.peers, peer: known._replace(is_attached=False)})


def _commanded(facts: Facts, entry: Commanded, told: tuple[Tell, ...]) -> Facts:
    known = facts.peers.get(entry.peer)
    if known is None or not (facts.is_next(entry) or facts.skips(entry)):
        return facts
    if facts.skips(entry) or isinstance(entry.body, Leave):
        return _detached(facts, entry.peer, entry.conn)
    facts = facts._replace(peers={**facts.peers, entry.peer: known._replace(seq=entry.seq)})
    if isinstance(entry.body, Transfer) and not any(isinstance(each.message, Error) for each in told):
        return facts._replace(offered=(known.participant, entry.body.participant))
    relayed = next((each.message for each in told if isinstance(each.message, Offer | Answer)), None)
    return facts if relayed is None else _described(facts, relayed, by=entry.peer)


def _described(facts: Facts, body: Offer | Answer, *, by: str) -> Facts:
    place = body.pc, body.gen
    said = facts.ufrags.get((*place, by), frozenset()) | body.description.ufrags
    opened = Round(body.neg, by) if isinstance(body, Offer) else None
    return facts._replace(rounds={**facts.rounds, place: opened}, ufrags={**facts.ufrags, (*place, by): said})

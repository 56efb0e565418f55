"""What an audit trail shows: how far it is as it was written, and what was done to it there.

Read on from a `Head` that is known to be good, a trail is whole, or one position is the first at which it
is not. A trail whose end was cut off is whole as far as it goes: only a head that was noted elsewhere shows
that it was longer. And at its very end nothing tells an entry that was altered from one that was added.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import final

from hugathome.errors import InvalidInput
from hugathome.record.audit import START, Chain, Head, SealedEntry


class Fault(StrEnum):
    """What was done to a trail."""

    ALTERED = "altered"
    REMOVED = "removed"
    INSERTED = "inserted"
    MOVED = "moved"
    UNKNOWN_KEY = "unknown-key"
    """The entry names a key that is not given; without it, nobody can tell whether it was altered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """The first position at which a trail is not as it was written."""

    position: int
    fault: Fault


def verify(
    chain: Chain, entries: Sequence[SealedEntry], *, after: Head = START, noted: Head | None = None
) -> Broken | None:
    """Return where a trail is first not as it was written; `entries` are all after `after`, in order."""
    reading = Reading(chain, after=after, noted=noted)
    if reading.read(entries):
        return reading.end()
    inquiry = Inquiry(chain, reading)
    inquiry.hear(entries)
    return inquiry.finding()


@final
class Reading:
    """Reads a trail, as many entries at a time as one likes, up to the first that does not fit."""

    def __init__(self, chain: Chain, *, after: Head = START, noted: Head | None = None) -> None:
        """Begin after a head that is good; the head that was `noted` elsewhere must be met on the way."""
        if noted is not None and noted.position <= after.position and noted != after:
            raise InvalidInput("the head that was noted lies before the place where reading begins")
        self._chain = chain
        self._noted = noted
        self.begun = after
        self.head = after
        """How far the trail is as it was written."""
        self.suspect: SealedEntry | None = None
        """The entry that does not fit."""

    def read(self, entries: Iterable[SealedEntry]) -> bool:
        """Read on; return whether everything so far fits."""
        for entry in entries:
            if not (self._is_next(entry) and self._is_as_noted(entry)):
                self.suspect = entry
                return False
            self.head = Head(position=entry.position, digest=entry.digest)
        return True

    def end(self) -> Broken | None:
        """Say, where nothing is left to read, whether the trail has lost its end."""
        if self._noted is None or self.head.position >= self._noted.position:
            return None
        return Broken(position=self.head.position + 1, fault=Fault.REMOVED)

    def _is_next(self, entry: SealedEntry) -> bool:
        is_linked = entry.previous == self.head.digest and entry.position == self.head.position + 1
        return is_linked and self._chain.is_ours(entry)

    def _is_as_noted(self, entry: SealedEntry) -> bool:
        noted = self._noted
        return noted is None or entry.position != noted.position or entry.digest == noted.digest


@final
class Inquiry:
    """Finds out what was done where reading stopped, from all entries of the trail."""

    def __init__(self, chain: Chain, stopped: Reading) -> None:
        if stopped.suspect is None:
            raise InvalidInput("everything fits so far")
        self._chain = chain
        self._head = stopped.head
        self._suspect = stopped.suspect
        self._has_heir = False
        """Whether the entry that belongs there stands elsewhere."""
        self._has_twin = False
        self._is_copy = stopped.suspect.previous == stopped.begun.digest
        """Whether what the suspect was linked to stands before it, where something else follows it."""
        self._is_early = False
        """Whether what the suspect was linked to stands after it."""

    def hear(self, entries: Iterable[SealedEntry]) -> bool:
        """Take notice of entries; return whether to hear more, for the last may change the finding."""
        suspect = self._suspect
        for entry in entries:
            if entry.position == suspect.position:
                continue
            if entry.previous == self._head.digest and self._chain.is_ours(entry):
                self._has_heir = True
            self._has_twin |= entry.digest == suspect.digest
            if entry.digest == suspect.previous:
                self._is_early |= entry.position > suspect.position
                self._is_copy |= entry.position < suspect.position
        return True

    def finding(self) -> Broken:
        """Say what was done, once everything was heard."""
        return Broken(position=self._head.position + 1, fault=self._fault())

    def _fault(self) -> Fault:
        suspect, is_ours = self._suspect, self._chain.is_ours(self._suspect)
        is_there = suspect.position == self._head.position + 1
        if is_ours and suspect.previous == self._head.digest:
            return Fault.REMOVED if is_there else Fault.MOVED  # removed: another one was noted there
        if self._has_heir:
            return Fault.MOVED if is_ours and self._is_early and not self._has_twin else Fault.INSERTED
        if not is_there:
            return Fault.REMOVED
        if is_ours:
            return Fault.INSERTED if self._is_copy else Fault.REMOVED
        return Fault.ALTERED if self._chain.has_key(suspect) else Fault.UNKNOWN_KEY

"""The audit trail: who did what to which session, when, and what came of it; nothing about anybody's health.

Each organisation has a chain of its own. An entry is sealed, and linked to the one before it by an HMAC under
a key that no database has: whoever writes to the database cannot write an entry.

    digest(n) = HMAC(key of entry n, digest(n - 1) ‖ body(n))          digest(0) = 32 zero bytes

What a chain shows is found by `inquiry.py`. Nothing here seals, stores or reads a clock.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, final, runtime_checkable

from hugathome._model import Instant, Record
from hugathome.errors import HugathomeError, InvalidInput
from hugathome.keys import KeyRing, MasterKey
from hugathome.privacy import Body, Digest, Life, Personal, Public
from hugathome.record.history import Action, Change

# --- Nouns -----------------------------------------------------------------------------------------

DONE = "done"
"""The result of what was not refused."""


class Attempt(Record):
    """Something that somebody did to a session, or was refused."""

    kept: ClassVar = Life.EVIDENCE

    session: Public[str]
    action: Personal[Action]
    at: Personal[Instant]
    by: Personal[str | None] = None
    """Who did it, as the host named them; none is the participant themselves, or nobody."""
    participant: Personal[str | None] = None
    """To whom, by the id that the host gave them in this session."""
    result: Personal[str] = DONE
    """`DONE`, or the problem for which it was refused: `not-permitted`, `session-ended`, …"""


class AuditEntry(Attempt):
    """An attempt and its place in the organisation's trail: dense, from 1."""

    position: Public[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEntry:
    """An entry as a store sees it: its place, what it is linked to, and a sealed body."""

    kept: ClassVar = Life.EVIDENCE

    position: Public[int]
    previous: Digest[bytes]
    """The digest of the entry before it."""
    digest: Digest[bytes]
    body: Body[bytes]


_HEAD = re.compile(r"(0|[1-9][0-9]{0,17}):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """How far a trail goes: `str` writes it for a host to note elsewhere, `parse` reads it back."""

    position: int
    digest: bytes

    def __str__(self) -> str:
        return f"{self.position}:{self.digest.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """Read what `str` wrote, or raise `InvalidInput`."""
        read = _HEAD.fullmatch(text) if isinstance(text, str) else None
        if read is None:
            raise InvalidInput("a head is a position, a colon and 64 hexadecimal digits")
        return cls(position=int(read[1]), digest=bytes.fromhex(read[2]))


START = Head(position=0, digest=bytes(32))
"""The head of a trail without entries."""


def attempted(session_id: str, change: Change, refused: HugathomeError | None = None) -> Attempt:
    """Return what is kept of a change: no reason, no outcome, none of the words that staff gave."""
    return Attempt(
        session=session_id,
        action=change.action,
        at=change.at,
        by=change.by,
        participant=change.participant,
        result=DONE if refused is None else refused.problem.rpartition(":")[2],
    )


# --- The chain -------------------------------------------------------------------------------------

Append = Callable[[Head], Sequence[SealedEntry]]
"""What goes on from a head: a store calls it in its transaction, once nobody else can go on from there."""


@final
class Chain:
    """What links the entries of one organisation."""

    def __init__(self, keys: KeyRing, organisation: str) -> None:
        self._keys = keys
        self._organisation = organisation

    def append(self, bodies: Sequence[bytes]) -> Append:
        """Return what links sealed bodies, one after the other, to the head that it is given."""

        def linked(head: Head) -> Sequence[SealedEntry]:
            entries: list[SealedEntry] = []
            for position, body in enumerate(bodies, start=head.position + 1):
                previous = entries[-1].digest if entries else head.digest
                digest = self._digest(self._keys.current, previous, body)
                entries.append(SealedEntry(position=position, previous=previous, digest=digest, body=body))
            return entries

        return linked

    def is_ours(self, entry: SealedEntry) -> bool:
        """Whether it was written here, after the entry that it is linked to."""
        key = self._keys.sealer(entry.body)
        return key is not None and self._digest(key, entry.previous, entry.body) == entry.digest

    def has_key(self, entry: SealedEntry) -> bool:
        """Whether the key that an entry names is given."""
        return self._keys.sealer(entry.body) is not None

    def _digest(self, key: MasterKey, previous: bytes, body: bytes) -> bytes:
        return hmac.digest(key.derive("audit", self._organisation), previous + body, hashlib.sha256)


# --- The seam --------------------------------------------------------------------------------------


@runtime_checkable
class AuditStore(Protocol):
    """Keeps audit trails, and changes no entry; every method raises `StoreUnavailable` at most."""

    async def append_audit(self, organisation: str, audit: Append) -> None:
        """Append to an organisation's trail what `audit` makes of its head, in one write."""
        ...

    async def load_audit(self, organisation: str, *, after: int, limit: int) -> Sequence[SealedEntry]:
        """Return entries with positions greater than `after`, in order, as they stand there now."""
        ...

    async def load_audit_head(self, organisation: str) -> Head:
        """Return the head of an organisation's trail: its last entry's, or `START`."""
        ...

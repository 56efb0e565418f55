"""What a stored field tells, and who reads it: the marks in the types of everything that is kept.

    name: Shown[ShortText] = Field(repr=False)

A mark on a field that holds records stands for all that is in them. How long a record is kept is said by the
record itself, as `kept`. Marks change nothing at run time: `data_map.py` reads them, and a stored field
without one fails a test.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, ClassVar, Protocol, TypeVar

T = TypeVar("T")


class Sensitivity(StrEnum):
    """How much a field tells by itself."""

    PUBLIC = "public"
    """Nothing about anybody: random identifiers, counts, states."""
    PERSONAL = "personal"
    """Something about somebody."""
    SECRET = "secret"  # noqa: S105 - the word, not one
    """Whoever holds it may do something with it."""


class AtRest(StrEnum):
    """How a store sees a field."""

    READABLE = "readable"
    SEALED = "sealed"
    """AES-256-GCM under a key derived from the host's, bound to its place."""
    HMAC = "HMAC"
    """Found by what only the host's key can make; it leads back to nothing."""


class Reader(StrEnum):
    """Who reads a field, beside whoever reads the database where it is readable at rest."""

    HOST = "the host"
    VISIT = "the host, the others in the visit"
    GATEWAY = "the host, its gateways"
    HOLDER = "the host, whoever it was given to"
    INSIDE = "as for the records in it"
    NOBODY = "nobody"


class Life(StrEnum):
    """Until when a record is kept."""

    CODE = "`run_due` or `forget_old` deletes it, a day after its time (on Redis: a week after its last save)"
    SESSION = "the host deletes it; `erase`, or `run_due` after `Organisation(kept=…)`, makes it name nobody"
    ROOM = "`run_due` deletes it, 15 minutes after the visit has ended"
    EVIDENCE = "the host deletes it, the oldest first; it outlives its session"
    FOR_EVER = "never deleted: it numbers the events"


class Kept(Protocol):
    """A record that a store keeps by itself."""

    kept: ClassVar[Life]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """What a field's type says about it, beside its form."""

    sensitivity: Sensitivity
    reader: Reader = Reader.HOST
    at_rest: AtRest = AtRest.READABLE
    """As it is handed to a store; a record that is sealed whole seals what is readable in it."""


Public = Annotated[T, Mark(sensitivity=Sensitivity.PUBLIC)]
Personal = Annotated[T, Mark(sensitivity=Sensitivity.PERSONAL)]
Shown = Annotated[T, Mark(sensitivity=Sensitivity.PERSONAL, reader=Reader.VISIT)]
Dialled = Annotated[T, Mark(sensitivity=Sensitivity.PERSONAL, reader=Reader.GATEWAY)]
Secret = Annotated[T, Mark(sensitivity=Sensitivity.SECRET, reader=Reader.HOLDER)]
SealedNumber = Annotated[
    T, Mark(sensitivity=Sensitivity.PERSONAL, reader=Reader.GATEWAY, at_rest=AtRest.SEALED)
]
Body = Annotated[T, Mark(sensitivity=Sensitivity.PERSONAL, reader=Reader.INSIDE, at_rest=AtRest.SEALED)]
"""A record in one piece, sealed before it gets here."""
Digest = Annotated[T, Mark(sensitivity=Sensitivity.PERSONAL, reader=Reader.NOBODY, at_rest=AtRest.HMAC)]

"""Who a visit has a place for: a role, and the part that is played in it where that matters.

    Seat(role="related-person", parts=("parent", "guardian"))     a child does not come alone

It names nobody and admits nobody: what a role may do is said in `roles.py`.
"""

from collections.abc import Iterable
from typing import Annotated, Protocol

from pydantic import Field, model_validator

from hugathome._model import Record
from hugathome.roles import PARTS, AnyPart, AnyRole, Role


class Seated(Protocol):
    """As much of a participant as says where they sit."""

    @property
    def role(self) -> str:
        """A `Role`."""
        ...

    @property
    def part(self) -> str | None:
        """A `Part` of it, if they play one."""
        ...


class Seat(Record):
    """A place in a visit."""

    role: AnyRole
    parts: Annotated[tuple[AnyPart, ...], Field(max_length=len(PARTS[Role.PRACTITIONER]))] = ()
    """Any one of these fills it; none means that the role is enough."""

    @model_validator(mode="after")
    def _has_parts_of_its_role(self) -> "Seat":
        if not PARTS.get(Role(self.role), frozenset()).issuperset(self.parts):
            raise ValueError(f"{self.role} has no such part")
        if len(set(self.parts)) != len(self.parts):
            raise ValueError("a part stands there twice")
        return self

    def __str__(self) -> str:
        parts = " or ".join(self.parts)
        return f"{self.role} ({parts})" if parts else str(self.role)

    def is_for(self, who: Seated) -> bool:
        """Whether somebody of this role and part may sit here."""
        return who.role == self.role and (not self.parts or who.part in self.parts)

    def overlaps(self, other: "Seat") -> bool:
        """Whether one person could fill both."""
        either = not self.parts or not other.parts
        return self.role == other.role and (either or not set(self.parts).isdisjoint(other.parts))


def unfilled(seats: Iterable[Seat], participants: Iterable[Seated]) -> tuple[Seat, ...]:
    """Return the seats that nobody sits in; no two of them may overlap."""
    there = tuple(participants)
    return tuple(seat for seat in seats if not any(seat.is_for(who) for who in there))

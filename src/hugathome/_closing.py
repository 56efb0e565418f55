"""Which parts hold something open, and are closed with whoever was given them."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable


@runtime_checkable
class Closing(Protocol):
    """A part that holds something open."""

    async def aclose(self) -> None:
        """Close it; twice is fine."""
        ...


def closing(*parts: object) -> Iterator[Closing]:
    """Yield the parts that hold something open."""
    yield from (part for part in parts if isinstance(part, Closing))

"""What a scenario holds against the room: every wait ends, and what is not as it should be is a failure."""

from collections.abc import Awaitable
from typing import TypeVar, final

from hugathome.testing.conformance import ConformanceFailure, in_time

T = TypeVar("T")


@final
class Script:
    """One scenario by its name, and the patience that it has."""

    def __init__(self, scenario: str, *, patience: float) -> None:
        self.scenario = scenario
        self._patience = patience

    def broken(self, seen: str) -> ConformanceFailure:
        """Return what to raise where this was seen."""
        return ConformanceFailure(self.scenario, seen)

    def expect(self, is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as an assertion
        """Raise with what was seen `otherwise`."""
        if not is_so:
            raise self.broken(otherwise)

    def same(self, what: str, seen: object, wanted: object) -> None:
        """Raise unless both are the same."""
        self.expect(seen == wanted, f"{what}: {seen!r:.200} instead of {wanted!r:.200}")

    async def in_time(self, what: str, call: Awaitable[T]) -> T:
        """Return what `call` returns, or raise if it takes too long."""
        late = self.broken(f"{what} has not come within {self._patience:g} s")
        return await in_time(call, patience=self._patience, otherwise=late)

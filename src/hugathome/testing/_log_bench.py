"""What one rule of a log is tried on."""

from collections.abc import Awaitable, Sequence
from contextlib import aclosing
from typing import final

from hugathome.errors import HugathomeError
from hugathome.signalling import SignallingLog
from hugathome.testing.conformance import ConformanceFailure

Rows = Sequence[tuple[int, bytes]]


@final
class Bench:
    """One log, one room, one rule."""

    def __init__(self, log: SignallingLog, rule: str) -> None:
        self.log = log
        self.rule = rule
        self.room = f"check.{rule.replace(' ', '-')}"[:64]

    def broken(self, seen: str) -> ConformanceFailure:
        """Return what to raise where this was seen."""
        return ConformanceFailure(self.rule, seen)

    def expect(self, is_so: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as an assertion
        """Raise with what was seen `otherwise`."""
        if not is_so:
            raise self.broken(otherwise)

    async def fill(self, *records: bytes, room: str | None = None) -> None:
        """Append in this order."""
        for record in records:
            await self.log.append(room or self.room, record)

    async def load(self, *, after: int = 0) -> Rows:
        """Return what the room's log has."""
        return [(offset, record) for offset, record in await self.log.load(self.room, after)]

    async def read(self, number: int, *, after: int = 0) -> Rows:
        """Follow until `number` records have come."""
        async with aclosing(self.log.read(self.room, after)) as records:
            return [await anext(records) for _ in range(number)]

    async def expect_refusal(self, work: Awaitable[object], kind: type[HugathomeError]) -> None:
        """Raise unless `work` raises this."""
        try:
            seen = await work
        except kind:
            return
        raise self.broken(f"no {kind.__name__}, but {seen!r:.80}")

"""A clock that a test moves: every timer of the library runs on it, in order, without waiting."""

import asyncio
import heapq
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from hugathome._model import in_utc
from hugathome.errors import InvalidInput

_TICK = timedelta(seconds=1)
"""How soon whoever runs what is due comes again, at the earliest."""
_QUIET = 50
"""Turns of the event loop after which whatever was set off has come to rest: nothing here does real I/O."""


class FakeClock:
    """Stands still until `advance`; what sleeps on it wakes in the order of its time."""

    def __init__(self, now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)) -> None:
        if now.tzinfo is None:
            raise InvalidInput("a clock takes an aware datetime")
        self._now = in_utc(now)
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = count()
        self.pump: Callable[[], Awaitable[datetime | None]] | None = None
        """Runs what is due beside the sleepers and returns when to come again, as a scheduler would."""

    def now(self) -> datetime:
        """Return the present instant: aware, in UTC."""
        return self._now

    async def sleep(self, seconds: float) -> None:
        """Return once the clock has been moved on by `seconds`."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        due = self._now + timedelta(seconds=seconds)
        heapq.heappush(self._sleepers, (due, next(self._order), woken))
        await woken

    async def advance(
        self, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0
    ) -> None:
        """Move on, running what falls due at its own time; return when all is quiet."""
        until = self._now + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
        await self.settle()
        while (due := await self._next_due()) is not None and due <= until:
            self._now = max(self._now, due)
            while self._sleepers and self._sleepers[0][0] <= self._now:
                _, _, woken = heapq.heappop(self._sleepers)
                if not woken.done():
                    woken.set_result(None)
                    await self.settle()
        self._now = until
        await self.settle()

    async def _next_due(self) -> datetime | None:
        """Run what is due by now, and return when there is something to do again."""
        due = await self.pump() if self.pump is not None else None
        await self.settle()
        times = [max(due, self._now + _TICK)] if due is not None else []
        return min([*times, *(at for at, _, _ in self._sleepers[:1])], default=None)

    async def settle(self) -> None:
        """Return when whatever was set off has come to rest; no time passes."""
        for _ in range(_QUIET):
            await asyncio.sleep(0)

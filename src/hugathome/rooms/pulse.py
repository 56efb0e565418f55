"""One look after another at every connection of a worker: who is alive, who keeps up, who is to be pinged.

One task for all of them: thousands of connections that say nothing would otherwise each keep one asleep.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Protocol

from hugathome.clock import Clock
from hugathome.discretion import log_unexpected

_ONCE_MORE = timedelta(seconds=15)


class Minded(Protocol):
    """What is looked at now and then."""

    def look(self, now: datetime) -> datetime:
        """Look, and return when to look again."""
        ...


class Pulse:
    """Looks at each thing it minds when that is due; it runs only while there is one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minded: dict[int, Minded] = {}
        self._numbers = count()
        self._due: list[tuple[datetime, int]] = []
        """A heap of who is looked at when; whoever is minded no longer is left in it until then."""
        self._sleeping: asyncio.Task[None] | None = None
        self._until: datetime | None = None

    @contextmanager
    def minding(self, minded: Minded) -> Iterator[None]:
        """Look at `minded` now, and when it says, while the block runs."""
        number = next(self._numbers)
        self._minded[number] = minded
        try:
            self._look(number, self._clock.now())
            self._wake_in_time()
            yield
        finally:
            del self._minded[number]
            if not self._minded:
                self._stop()

    def _look(self, number: int, now: datetime) -> None:
        minded = self._minded.get(number)
        if minded is not None:
            heappush(self._due, (minded.look(now), number))

    def _wake_in_time(self) -> None:
        first, _ = self._due[0]
        is_running = self._sleeping is not None and not self._sleeping.done()
        if is_running and self._until is not None and self._until <= first:
            return
        if self._sleeping is not None:
            self._sleeping.cancel()
        self._until = first
        self._sleeping = asyncio.create_task(self._run())

    def _stop(self) -> None:
        if self._sleeping is not None:
            self._sleeping.cancel()
        self._sleeping = self._until = None
        self._due.clear()

    async def _run(self) -> None:
        while True:
            self._until, _ = self._due[0]
            await self._clock.sleep(max((self._until - self._clock.now()).total_seconds(), 0))
            now = self._clock.now()
            while self._due and self._due[0][0] <= now:
                _, number = heappop(self._due)
                try:
                    self._look(number, now)
                except Exception as error:  # noqa: BLE001 - a defect of ours: others are looked at all the same
                    log_unexpected(error)
                    heappush(self._due, (now + _ONCE_MORE, number))

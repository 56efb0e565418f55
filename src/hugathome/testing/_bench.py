"""Pairs of ends to try one rule on: connected for it, closed after it, and never waited for in vain."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar, final

from hugathome.signalling import Transport
from hugathome.testing.conformance import ConformanceFailure, in_time

ConnectPair = Callable[[], Awaitable[tuple[Transport, Transport]]]

_QUIET_SECONDS = 0.1
"""A send that has not returned after this long is waiting."""

T = TypeVar("T")


@final
class Bench:
    """Connects pairs for one rule; `turned` swaps their ends."""

    def __init__(self, connect: ConnectPair, patience: float, *, rule: str, turned: bool) -> None:
        self.rule = rule
        self._patience = patience
        self._connect = connect
        self._turned = turned
        self._ends: list[End] = []
        self._tasks: list[asyncio.Task[Any]] = []

    async def pair(self) -> tuple["End", "End"]:
        """Connect two ends."""
        one, other = await self.in_time("connecting", self._connect())
        near, far = End(one, self), End(other, self)
        self._ends += (near, far)
        return (far, near) if self._turned else (near, far)

    def start(self, call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Run `call` beside the rule, at most until the bench is closed."""
        task = asyncio.create_task(call)
        self._tasks.append(task)
        return task

    async def close(self) -> None:
        """Close every end; failing at that breaks the rules about closing, not the one just tried."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(end.aclose() for end in self._ends), return_exceptions=True)
        self._ends.clear()

    def broken(self, seen: str) -> ConformanceFailure:
        """Return the failure of this rule."""
        return ConformanceFailure(self.rule, seen)

    async def in_time(self, what: str, call: Awaitable[T]) -> T:
        """Return what `call` returns, or raise if it takes too long."""
        late = self.broken(f"{what} did not return within {self._patience:g} s")
        return await in_time(call, patience=self._patience, otherwise=late)

    async def expect(self, is_so: Callable[[], bool], *, otherwise: ConformanceFailure) -> None:
        """Return once `is_so`, or raise `otherwise`."""
        now = asyncio.get_running_loop().time
        deadline = now() + self._patience
        while not is_so():
            if now() > deadline:
                raise otherwise
            await asyncio.sleep(0.001)


@final
class End:
    """One end of a pair, each of whose calls must return in time; `transport` is the bare one."""

    def __init__(self, transport: Transport, bench: Bench) -> None:
        self.transport = transport
        self._bench = bench

    async def send(self, text: str) -> None:
        await self._bench.in_time("send", self.transport.send(text))

    async def receive(self) -> str:
        return await self._bench.in_time("receive", self.transport.receive())

    async def aclose(self) -> None:
        await self._bench.in_time("aclose", self.transport.aclose())


@final
class Flood:
    """A task that sends `frames` with nobody reading; `sent` counts the sends that have returned."""

    def __init__(self, end: End, frames: Iterable[str]) -> None:
        self.sent = 0
        self.task = asyncio.create_task(self._run(end, frames))

    async def _run(self, end: End, frames: Iterable[str]) -> None:
        for frame in frames:
            await end.transport.send(frame)
            self.sent += 1

    async def settle(self) -> None:
        """Return once everything was sent, or no send has returned for a while."""
        seen = -1
        while seen < self.sent and not self.task.done():
            seen = self.sent
            await asyncio.wait({self.task}, timeout=_QUIET_SECONDS)
        if self.task.done():
            await self.task


@asynccontextmanager
async def flooding(end: End, frames: Iterable[str]) -> AsyncIterator[Flood]:
    """Send until the transport makes it wait; whatever still waits at the end is cancelled."""
    flood = Flood(end, frames)
    try:
        await flood.settle()
        yield flood
    finally:
        flood.task.cancel()
        await asyncio.gather(flood.task, return_exceptions=True)

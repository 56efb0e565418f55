"""Transports and logs that spoil one thing each, and logs that only look as if they did."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from hugathome.errors import StoreUnavailable
from hugathome.logs import MemoryLog
from hugathome.signalling import SignallingLog
from hugathome.transports.memory import MemoryTransport

Rows = Sequence[tuple[int, bytes]]

# --- Transports ----------------------------------------------------------------------------------


class Carries:
    """An end of a pair in memory; each class below spoils one thing."""

    def __init__(self, inner: MemoryTransport) -> None:
        self.inner = inner

    async def send(self, text: str) -> None:
        await self.inner.send(text)

    async def receive(self) -> str:
        return await self.inner.receive()

    async def aclose(self) -> None:
        await self.inner.aclose()


class HearsNothing(Carries):
    async def receive(self) -> str:
        await asyncio.Event().wait()
        return ""


class SkipsEmptyFrames(Carries):
    async def send(self, text: str) -> None:
        if text:
            await self.inner.send(text)


class CutsLongFrames(Carries):
    async def send(self, text: str) -> None:
        await self.inner.send(text[: 32 * 1024])


# --- Logs ----------------------------------------------------------------------------------------


class Keeps:
    """A log in memory; each class below spoils one thing."""

    def __init__(self) -> None:
        self.inner = MemoryLog()

    async def append(self, room: str, record: bytes) -> None:
        await self.inner.append(room, record)

    async def load(self, room: str, after: int) -> Rows:
        return await self.inner.load(room, after)

    def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        return self.inner.read(room, after)

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return await self.inner.snapshot(room)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        await self.inner.save_snapshot(room, offset, snapshot)

    async def forget(self, room: str) -> None:
        await self.inner.forget(room)

    def for_blocking(self) -> SignallingLog:
        return self

    async def aclose(self) -> None:
        await self.inner.aclose()


class SaysEverythingTwice(Keeps):
    """Which breaks nothing: what comes twice changes nothing."""

    async def append(self, room: str, record: bytes) -> None:
        await super().append(room, record)
        await super().append(room, record)


class TakesItsTime(Keeps):
    """Which breaks nothing either, though a command is cut off that nobody heard acknowledged."""

    async def append(self, room: str, record: bytes) -> None:
        for _ in range(200):  # turns of the loop: others do much before it returns
            await asyncio.sleep(0)
        await super().append(room, record)


class CannotBeReached(Keeps):
    async def append(self, room: str, record: bytes) -> None:
        raise StoreUnavailable("far away")


class LosesItsSnapshots(Keeps):
    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return None

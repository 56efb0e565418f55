"""The conformance check of logs finds what it is there to find."""

from collections.abc import AsyncGenerator, Sequence
from typing import Self

import pytest

from hugathome.logs import MemoryLog
from hugathome.signalling import SignallingLog
from hugathome.testing.check_log import check_log
from hugathome.testing.conformance import ConformanceFailure


class Around:
    """A log in memory, with one promise broken by each class below."""

    def __init__(self) -> None:
        self.inner = MemoryLog()

    async def append(self, room: str, record: bytes) -> None:
        await self.inner.append(room, record)

    async def load(self, room: str, after: int) -> Sequence[tuple[int, bytes]]:
        return await self.inner.load(room, after)

    def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        return self.inner.read(room, after)

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return await self.inner.snapshot(room)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        await self.inner.save_snapshot(room, offset, snapshot)

    async def forget(self, room: str) -> None:
        await self.inner.forget(room)

    def for_blocking(self) -> Self:
        return self

    async def aclose(self) -> None:
        await self.inner.aclose()


class CountsFromZero(Around):
    async def load(self, room: str, after: int) -> Sequence[tuple[int, bytes]]:
        return [(offset - 1, record) for offset, record in await self.inner.load(room, after)]


class OneRoom(Around):
    async def append(self, room: str, record: bytes) -> None:
        await self.inner.append(room.removesuffix("-2"), record)


class CutsShort(Around):
    async def append(self, room: str, record: bytes) -> None:
        await self.inner.append(room, record[: 64 * 1024])


class LosesDoubles(Around):
    async def append(self, room: str, record: bytes) -> None:
        if record not in [known for _, known in await self.inner.load(room, 0)]:
            await self.inner.append(room, record)


class NeverTrims(Around):
    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        return None


class EndsAtThePresent(Around):
    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        for row in await self.inner.load(room, after):
            yield row


class ForgetsNothing(Around):
    async def forget(self, room: str) -> None:
        return None


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (CountsFromZero, "records come back numbered from one"),
        (LosesDoubles, "records come back numbered from one"),
        (OneRoom, "rooms do not mix"),
        (ForgetsNothing, "rooms do not mix"),
        (CutsShort, "large records come back whole"),
        (EndsAtThePresent, "all readers see one order and each writer s own"),
        (NeverTrims, "a snapshot stands for what it trimmed"),
    ],
)
async def test_a_log_that_breaks_a_rule_is_found_out(broken: type[Around], rule: str) -> None:
    def open_log() -> SignallingLog:
        return broken()

    with pytest.raises(ConformanceFailure) as failure:
        await check_log(open_log)

    assert failure.value.rule == rule

"""The check of logs finds what it is there to find: each log here breaks one rule and no other."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta

import pytest

from hugathome.errors import LogForked, LogTrimmed
from hugathome.logs import MemoryLog
from hugathome.signalling import SignallingLog
from hugathome.testing._log_bench import Bench
from hugathome.testing.check_log import _RULES, _try, check_log
from hugathome.testing.conformance import ConformanceFailure

Rows = Sequence[tuple[int, bytes]]
IN_VAIN = timedelta(seconds=0.5)


class Around:
    """A log in memory, with one promise broken by each class below."""

    def __init__(self) -> None:
        self.inner = MemoryLog()

    async def append(self, room: str, record: bytes) -> None:
        await self.inner.append(room, record)

    async def load(self, room: str, after: int) -> Rows:
        return await self.inner.load(room, after)

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        async with aclosing(self.inner.read(room, after)) as records:
            async for row in records:
                yield row

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return await self.inner.snapshot(room)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        await self.inner.save_snapshot(room, offset, snapshot)

    async def forget(self, room: str) -> None:
        await self.inner.forget(room)

    def for_blocking(self) -> SignallingLog:
        return self.inner

    async def aclose(self) -> None:
        await self.inner.aclose()


class DropsEmpty(Around):
    async def append(self, room: str, record: bytes) -> None:
        if record:
            await self.inner.append(room, record)


class Reorders(Around):
    """Writes one of a writer's records behind its next one."""

    held = b""

    async def append(self, room: str, record: bytes) -> None:
        if record == b"2/7":
            self.held = record
            return
        await self.inner.append(room, record)
        if record == b"2/8":
            await self.inner.append(room, self.held)


class ReadsInPages(Around):
    """Begins with the page that an offset is on, as long as nothing was trimmed."""

    async def load(self, room: str, after: int) -> Rows:
        is_whole = await self.inner.snapshot(room) is None and after >= 4
        return await self.inner.load(room, after - after % 4 if is_whole else after)


class OneRoom(Around):
    async def append(self, room: str, record: bytes) -> None:
        await self.inner.append(room.removesuffix("-2"), record)


class TakesNumbersFirst(Around):
    """Leaves a hole where a writer is cancelled between its number and its record."""

    async def append(self, room: str, record: bytes) -> None:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            await self.inner.append(room, b"a hole")
            raise
        await self.inner.append(room, record)

    async def load(self, room: str, after: int) -> Rows:
        return [row for row in await self.inner.load(room, after) if row[1] != b"a hole"]


class CutsShort(Around):
    async def append(self, room: str, record: bytes) -> None:
        await self.inner.append(room, record[: 64 * 1024])


class FallsAsleep(Around):
    """Tells a reader that waits only so often."""

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        async with aclosing(self.inner.read(room, after)) as records:
            async for row in records:
                if row == (3, b"news"):
                    await asyncio.Event().wait()
                yield row


class FillsUp(Around):
    """Lets writers wait for whoever reads."""

    async def append(self, room: str, record: bytes) -> None:
        if record == b"500":
            await asyncio.Event().wait()
        await self.inner.append(room, record)


class Consumes(Around):
    """Takes away what a reader was reading when it ended."""

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        try:
            async with aclosing(self.inner.read(room, after)) as records:
                async for row in records:
                    yield row
        except asyncio.CancelledError:
            await self.inner.forget(room)
            raise


class KeepsAnySnapshot(Around):
    """Puts an older snapshot in the place of a newer one."""

    older: tuple[int, bytes] | None = None

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return self.older or await self.inner.snapshot(room)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        known = await self.inner.snapshot(room)
        if known and known[0] > offset:
            self.older = offset, snapshot
        await self.inner.save_snapshot(room, offset, snapshot)


class LosesMeanwhile(Around):
    """Loses what is appended while a snapshot is saved."""

    is_saving = False

    async def append(self, room: str, record: bytes) -> None:
        if not self.is_saving:
            await self.inner.append(room, record)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        self.is_saving = True
        await asyncio.sleep(0)
        await self.inner.save_snapshot(room, offset, snapshot)
        self.is_saving = False


class BelievesSnapshots(Around):
    """Keeps a snapshot of what it does not have."""

    invented: tuple[int, bytes] | None = None

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return self.invented or await self.inner.snapshot(room)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        await self.inner.save_snapshot(room, offset, snapshot)
        known = await self.inner.snapshot(room)
        if known is None or known[0] < offset:
            self.invented = offset, snapshot


class OneSnapshot(Around):
    """Keeps the snapshots of all rooms in one place."""

    last = ""

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return await self.inner.snapshot(self.last or room)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        self.last = room
        await self.inner.save_snapshot(room, offset, snapshot)


class DisturbsReaders(Around):
    """Sends readers away whenever something is trimmed."""

    trimmed = 0

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        began = self.trimmed
        async with aclosing(self.inner.read(room, after)) as records:
            async for row in records:
                if self.trimmed > began:
                    raise LogTrimmed("something was trimmed")
                yield row

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        self.trimmed += 1
        await self.inner.save_snapshot(room, offset, snapshot)


class SkipsTheTrimmed(Around):
    """Lets a reader go on behind what was trimmed before it came there."""

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        began = after
        while True:
            try:
                async with aclosing(self.inner.read(room, after)) as records:
                    async for row in records:
                        after = row[0]
                        yield row
            except LogTrimmed:
                saved = await self.inner.snapshot(room)
                if saved is None or after == began:
                    raise
                after = saved[0]


class LeavesSnapshots(Around):
    """Forgets a room, but not how it stood."""

    left: tuple[int, bytes] | None = None

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return await self.inner.snapshot(room) or self.left

    async def forget(self, room: str) -> None:
        self.left = await self.inner.snapshot(room)
        await self.inner.forget(room)


class CountsAnew(Around):
    """Begins at one again where nothing is left of a room's records."""

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        await self.inner.save_snapshot(room, offset, snapshot)
        if await self.inner.snapshot(room) == (2, b"two") and not await self.inner.load(room, 2):
            await self.inner.forget(room)


class AnswersNothing(Around):
    """Has nothing to say of places that it does not know."""

    async def load(self, room: str, after: int) -> Rows:
        try:
            return await self.inner.load(room, after)
        except LogForked:
            return []


class ReadsNumbersOnly(Around):
    """Follows by offset, whatever is stored there by now."""

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        while True:
            for row in await self.inner.load(room, after):
                after = row[0]
                yield row
            await asyncio.sleep(0)


class NeedsALoop(Around):
    def for_blocking(self) -> SignallingLog:
        return TakesNumbersFirst()


BROKEN: dict[str, type[Around]] = {
    "records come back numbered from one": DropsEmpty,
    "all readers see one order and each writer s own": Reorders,
    "reading begins behind any offset": ReadsInPages,
    "rooms do not mix": OneRoom,
    "a writer that is cancelled leaves no gap": TakesNumbersFirst,
    "large records come back whole": CutsShort,
    "a reader that waits is told": FallsAsleep,
    "a slow reader holds up nobody": FillsUp,
    "a reader that is cancelled leaves the log as it was": Consumes,
    "a snapshot stands for what it trimmed": KeepsAnySnapshot,
    "a snapshot and what follows it are the whole log": LosesMeanwhile,
    "a snapshot of what is not there is none": BelievesSnapshots,
    "snapshots of rooms do not mix": OneSnapshot,
    "a reader at the end reads on behind a snapshot": DisturbsReaders,
    "a reader that a snapshot has overtaken is told": SkipsTheTrimmed,
    "a forgotten room begins anew": LeavesSnapshots,
    "offsets go on after everything was trimmed": CountsAnew,
    "a place behind the end is another log s": AnswersNothing,
    "a log that was replaced is noticed": ReadsNumbersOnly,
    "hosts without an event loop append and load": NeedsALoop,
}


def named(rule: object) -> str:
    return str(getattr(rule, "__name__", "")).strip("_").replace("_", " ")


def test_for_every_rule_there_is_a_log_that_breaks_it() -> None:
    assert set(BROKEN) == {named(rule) for rule in _RULES}


@pytest.mark.parametrize(("rule", "broken"), BROKEN.items())
async def test_a_log_that_breaks_a_rule_breaks_no_other(rule: str, broken: type[Around]) -> None:
    found = []

    for tried in _RULES:
        try:
            await _try(tried, Bench(broken(), named(tried)), patience=IN_VAIN)
        except ConformanceFailure as failure:
            found.append(failure.rule)

    assert found == [rule]


async def test_the_first_rule_that_is_broken_is_named() -> None:
    with pytest.raises(ConformanceFailure) as failure:
        await check_log(CutsShort, patience=IN_VAIN)

    assert failure.value.rule == "large records come back whole"

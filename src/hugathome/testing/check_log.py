"""Prove that a log keeps the promises of `hugathome.signalling.SignallingLog`.

    await check_log(lambda: MyLog(…))

Every rule is tried on a room of its own, which it forgets first. The first one that is broken raises
`ConformanceFailure`, whose `rule` names it. It needs no test runner, and takes a second or two.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta

from hugathome._drive import drive
from hugathome.errors import ConfigurationError, LogForked, LogTrimmed
from hugathome.signalling import SignallingLog
from hugathome.testing._log_bench import Bench
from hugathome.testing.conformance import ConformanceFailure

_LARGE = bytes(range(256)) * 260
"""66,560 bytes: the largest frame, sealed, and every byte there is."""


async def check_log(
    open_log: Callable[[], SignallingLog], *, patience: timedelta = timedelta(seconds=5)
) -> None:
    """Raise `ConformanceFailure` unless the logs that `open_log` returns keep every rule.

    `open_log` is called once for each rule, and the log is closed here. What should happen and has not
    within `patience` breaks the rule that was being tried.
    """
    for rule in _RULES:
        name = rule.__name__.strip("_").replace("_", " ")
        await _try(rule, Bench(open_log(), name), patience=patience)


async def _try(rule: Callable[[Bench], Awaitable[None]], bench: Bench, *, patience: timedelta) -> None:
    before = asyncio.all_tasks()
    try:
        async with asyncio.timeout(patience.total_seconds()):
            await bench.log.forget(bench.room)
            await rule(bench)
            await bench.log.forget(bench.room)
    except Exception as error:
        failure = _first(error)
        if isinstance(failure, ConformanceFailure):
            raise failure from None
        raise bench.broken(f"raised {failure!r}") from error
    finally:
        await bench.log.aclose()
        await bench.log.aclose()
    bench.expect(asyncio.all_tasks() <= before, "a task still runs after closing")


# --- Order ---------------------------------------------------------------------------------------


async def _records_come_back_numbered_from_one(bench: Bench) -> None:
    await bench.fill(b"a", b"", b"\0\xff", b"a")
    rows = await bench.load()
    bench.expect(rows == [(1, b"a"), (2, b""), (3, b"\0\xff"), (4, b"a")], f"loaded {rows}")


async def _all_readers_see_one_order_and_each_writer_s_own(bench: Bench) -> None:
    writers = [[b"%d/%d" % (writer, number) for number in range(25)] for writer in range(4)]
    async with asyncio.TaskGroup() as scope:
        readers = [scope.create_task(bench.read(100)) for _ in range(3)]
        for records in writers:
            scope.create_task(bench.fill(*records))
    seen = [reader.result() for reader in readers]
    loaded = await bench.load()
    bench.expect(all(rows == loaded for rows in seen), "following and loading gave different records")
    bench.expect([offset for offset, _ in loaded] == list(range(1, 101)), "the offsets are not dense")
    for records in writers:
        own = [record for _, record in loaded if record in records]
        bench.expect(own == records, "a writer's records changed their order")


async def _reading_begins_behind_any_offset(bench: Bench) -> None:
    records = [str(number).encode() for number in range(1, 8)]
    await bench.fill(*records)
    for after in range(8):
        rows = await bench.load(after=after)
        bench.expect(rows == list(enumerate(records, start=1))[after:], f"after {after}: {rows}")
    bench.expect(await bench.read(1, after=6) == [(7, b"7")], "following began elsewhere")


async def _rooms_do_not_mix(bench: Bench) -> None:
    other = bench.room + "-2"
    await bench.log.forget(other)
    await bench.fill(b"here")
    await bench.fill(b"there", b"there", room=other)
    await bench.log.forget(other)
    bench.expect(await bench.load() == [(1, b"here")], "a room was touched")
    bench.expect(not await bench.log.load(other, 0), "a forgotten room still has records")


async def _a_writer_that_is_cancelled_leaves_no_gap(bench: Bench) -> None:
    for number in range(20):
        writer = asyncio.create_task(bench.fill(b"cancelled"))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        await bench.fill(b"written")
    rows = await bench.load()
    bench.expect([offset for offset, _ in rows] == list(range(1, len(rows) + 1)), "the offsets have a gap")
    bench.expect(
        [record for _, record in rows].count(b"written") == 20, "a record that was written is missing"
    )


async def _large_records_come_back_whole(bench: Bench) -> None:
    await bench.fill(_LARGE)
    bench.expect(await bench.read(1) == [(1, _LARGE)], "the record was changed")


# --- Following -----------------------------------------------------------------------------------


async def _a_reader_that_waits_is_told(bench: Bench) -> None:
    async with aclosing(bench.log.read(bench.room, 0)) as records:
        for number in range(1, 4):
            async with asyncio.TaskGroup() as scope:
                waiting = scope.create_task(_next(records))
                await asyncio.sleep(0)
                await bench.fill(b"news")
            bench.expect(waiting.result() == (number, b"news"), "something else came")


async def _a_slow_reader_holds_up_nobody(bench: Bench) -> None:
    async with aclosing(bench.log.read(bench.room, 0)) as records:
        await bench.fill(b"0")
        await anext(records)
        await bench.fill(*(b"%d" % number for number in range(1, 600)))
        rest = [record for _, record in [await anext(records) for _ in range(599)]]
    bench.expect(rest == [b"%d" % number for number in range(1, 600)], "the slow reader missed something")


async def _a_reader_that_is_cancelled_leaves_the_log_as_it_was(bench: Bench) -> None:
    for _ in range(3):
        reader = asyncio.create_task(bench.read(1000))
        await asyncio.sleep(0)
        await bench.fill(b"x")
        await asyncio.sleep(0)
        reader.cancel()
        await asyncio.gather(reader, return_exceptions=True)
    bench.expect(len(await bench.read(3)) == 3, "records are missing")


# --- Keeping, trimming, losing -------------------------------------------------------------------


async def _a_snapshot_stands_for_what_it_trimmed(bench: Bench) -> None:
    bench.expect(await bench.log.snapshot(bench.room) is None, "a snapshot that nobody saved")
    await bench.fill(b"1", b"2", b"3", b"4")
    await bench.log.save_snapshot(bench.room, 3, b"three")
    await bench.log.save_snapshot(bench.room, 2, b"older")
    snapshot = await bench.log.snapshot(bench.room)
    bench.expect(snapshot is not None and tuple(snapshot) == (3, b"three"), f"the snapshot is {snapshot}")
    bench.expect(await bench.load(after=3) == [(4, b"4")], "the tail is not whole")
    await bench.expect_refusal(bench.log.load(bench.room, 1), LogTrimmed)
    await bench.expect_refusal(bench.read(1), LogTrimmed)


async def _a_snapshot_and_what_follows_it_are_the_whole_log(bench: Bench) -> None:
    records = [b"%d" % number for number in range(60)]

    async def write() -> None:
        for record in records:
            await bench.fill(record)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as scope:
        writing = scope.create_task(write())
        offset, whole = 0, b""
        while not writing.done():
            rows = (await bench.load(after=offset))[:-1]  # something is always left behind a snapshot
            if rows:
                offset, whole = rows[-1][0], b",".join(filter(None, [whole, *(record for _, record in rows)]))
                await bench.log.save_snapshot(bench.room, offset, whole)
            await asyncio.sleep(0)
    offset, whole = await bench.log.snapshot(bench.room) or (0, b"")
    seen = b",".join([whole, *(record for _, record in await bench.load(after=offset))])
    bench.expect(seen.split(b",") == records, f"together they are {seen!r:.200}")


async def _a_snapshot_of_what_is_not_there_is_none(bench: Bench) -> None:
    await bench.log.save_snapshot(bench.room, 1, b"one")
    await bench.fill(b"1", b"2")
    await bench.log.save_snapshot(bench.room, 3, b"three")
    bench.expect(await bench.log.snapshot(bench.room) is None, "it was kept")
    bench.expect(await bench.load() == [(1, b"1"), (2, b"2")], "it trimmed the log")


async def _snapshots_of_rooms_do_not_mix(bench: Bench) -> None:
    other = bench.room + "-3"
    await bench.log.forget(other)
    await bench.fill(b"1", b"2")
    await bench.fill(b"1", b"2", room=other)
    await bench.log.save_snapshot(other, 1, b"of the other room")
    bench.expect(await bench.log.snapshot(bench.room) is None, "another room's snapshot")
    bench.expect(len(await bench.load()) == 2, "another room's snapshot trimmed this one")
    await bench.log.forget(other)


async def _a_reader_at_the_end_reads_on_behind_a_snapshot(bench: Bench) -> None:
    await bench.fill(b"1", b"2")
    async with aclosing(bench.log.read(bench.room, 1)) as records:
        await anext(records)
        await bench.log.save_snapshot(bench.room, 1, b"one")
        await bench.fill(b"3")
        bench.expect(await anext(records) == (3, b"3"), "something else came")


async def _a_reader_that_a_snapshot_has_overtaken_is_told(bench: Bench) -> None:
    await bench.fill(b"1", b"2")
    async with aclosing(bench.log.read(bench.room, 0)) as records:
        await anext(records)
        await anext(records)
        await bench.fill(b"3", b"4", b"5")
        await bench.log.save_snapshot(bench.room, 4, b"four")
        try:
            rest = [await anext(records) for _ in range(3)]  # of a reader that had fetched them before
        except LogTrimmed:
            return
        bench.expect(rest == [(3, b"3"), (4, b"4"), (5, b"5")], f"read {rest}")


async def _a_forgotten_room_begins_anew(bench: Bench) -> None:
    await bench.fill(b"1", b"2", b"3")
    await bench.log.save_snapshot(bench.room, 2, b"two")
    await bench.log.forget(bench.room)
    bench.expect(await bench.log.snapshot(bench.room) is None, "its snapshot is still there")
    await bench.fill(b"anew")
    bench.expect(await bench.load() == [(1, b"anew")], "its records are still there")


async def _offsets_go_on_after_everything_was_trimmed(bench: Bench) -> None:
    await bench.fill(b"1", b"2")
    await bench.log.save_snapshot(bench.room, 2, b"two")
    await bench.fill(b"3")
    bench.expect(await bench.load(after=2) == [(3, b"3")], "the offsets began anew")


async def _a_place_behind_the_end_is_another_log_s(bench: Bench) -> None:
    await bench.fill(b"1")
    await bench.expect_refusal(bench.log.load(bench.room, 7), LogForked)


async def _a_log_that_was_replaced_is_noticed(bench: Bench) -> None:
    await bench.fill(b"1", b"2")
    async with aclosing(bench.log.read(bench.room, 0)) as records:
        await anext(records)
        await anext(records)
        await bench.log.forget(bench.room)
        await bench.fill(b"1", b"another", b"3")
        await bench.expect_refusal(anext(records), LogForked)


async def _hosts_without_an_event_loop_append_and_load(bench: Bench) -> None:
    blocking = bench.log.for_blocking()
    async with aclosing(bench.log.read(bench.room, 0)) as records, asyncio.TaskGroup() as scope:
        waiting = scope.create_task(_next(records))
        await asyncio.sleep(0)
        try:
            drive(blocking.append(bench.room, b"from a view"))
            rows = drive(blocking.load(bench.room, 0))
            drive(blocking.aclose())
        except ConfigurationError:
            raise bench.broken("for_blocking() returned a log that suspends") from None
    bench.expect(list(rows) == [(1, b"from a view")], f"loaded {rows}")
    bench.expect(waiting.result() == (1, b"from a view"), "the other host was not told")


async def _next(records: AsyncGenerator[tuple[int, bytes]]) -> tuple[int, bytes]:
    offset, record = await anext(records)
    return offset, record


def _first(error: BaseException) -> BaseException:
    """Return the first error inside the groups that task groups raise."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


_RULES = (
    _records_come_back_numbered_from_one,
    _all_readers_see_one_order_and_each_writer_s_own,
    _reading_begins_behind_any_offset,
    _rooms_do_not_mix,
    _a_writer_that_is_cancelled_leaves_no_gap,
    _large_records_come_back_whole,
    _a_reader_that_waits_is_told,
    _a_slow_reader_holds_up_nobody,
    _a_reader_that_is_cancelled_leaves_the_log_as_it_was,
    _a_snapshot_stands_for_what_it_trimmed,
    _a_snapshot_and_what_follows_it_are_the_whole_log,
    _a_snapshot_of_what_is_not_there_is_none,
    _snapshots_of_rooms_do_not_mix,
    _a_reader_at_the_end_reads_on_behind_a_snapshot,
    _a_reader_that_a_snapshot_has_overtaken_is_told,
    _a_forgotten_room_begins_anew,
    _offsets_go_on_after_everything_was_trimmed,
    _a_place_behind_the_end_is_another_log_s,
    _a_log_that_was_replaced_is_noticed,
    _hosts_without_an_event_loop_append_and_load,
)

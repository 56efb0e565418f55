"""Prove that a transport keeps the promises of `hugathome.signalling.Transport`.

    async def connect_pair():
        return my_client_end, my_server_end

    await check_transport(connect_pair)

Every rule is tried on pairs of its own and in both directions. The first one that is broken raises
`ConformanceFailure`, whose `rule` names it. What three methods cannot promise is not checked: close
codes, limits of size, who may connect. It needs no test runner, and takes a second or two for a pair in
memory, some seconds for one over a network.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from hugathome.errors import TransportClosed
from hugathome.testing._bench import Bench, ConnectPair, End, flooding
from hugathome.testing.conformance import ConformanceFailure

_FRAME_BYTES = 65_536
_EDGES = (
    *("", "a", "\0", " ", "\n", "\r\n", "a\nb\n", '{"v":1}'),
    *("\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufeff", "\uffff", "\u2028"),
    *("\U00010000", "\U0010ffff", "e\u0301", "\U0001f469\u200d\u2695\ufe0f"),
    *("x" * _FRAME_BYTES, "\U0001f469" * (_FRAME_BYTES // 4)),
)
_MANY = 10_000
_MOST_BUFFERED = 512
"""Frames of the full size, 32 MiB in all, that no transport may take while nobody reads."""
_LOOP_TURNS = 20
_PAIRS = 50


async def check_transport(connect_pair: ConnectPair, *, patience: timedelta = timedelta(seconds=5)) -> None:
    """Raise `ConformanceFailure` unless the ends that `connect_pair` returns keep every rule.

    `connect_pair` is called many times, each time for two connected ends, which are closed here. A call
    that should return and has not within `patience` breaks the rule that was being tried.
    """
    for rule in _RULES:
        name = rule.__name__.strip("_").replace("_", " ")
        for turned in (False, True):
            await _try(rule, Bench(connect_pair, patience.total_seconds(), rule=name, turned=turned))


async def _try(rule: Callable[[Bench], Awaitable[None]], bench: Bench) -> None:
    before = asyncio.all_tasks()
    try:
        await rule(bench)
    except (Exception, asyncio.CancelledError) as error:
        if isinstance(error, asyncio.CancelledError) and _is_cancelled():
            raise
        failure = _first(error)
        if isinstance(failure, ConformanceFailure):
            raise failure from None
        raise bench.broken(f"raised {failure!r}") from error
    finally:
        await bench.close()
    left = ConformanceFailure("closing leaves no task", f"one still runs after: {bench.rule}")
    await bench.expect(lambda: asyncio.all_tasks() <= before, otherwise=left)


def _is_cancelled() -> bool:
    """Tell a cancellation of the whole check from a transport that raises `CancelledError` by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _first(error: BaseException) -> BaseException:
    """Return the first error inside the groups that task groups raise."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


# --- Frames --------------------------------------------------------------------------------------


async def _frames_arrive_as_they_were_sent(bench: Bench) -> None:
    near, far = await bench.pair()
    await _carry(bench, near, far, _EDGES)


async def _many_frames_all_arrive_in_order(bench: Bench) -> None:
    near, far = await bench.pair()
    await _carry(bench, near, far, [str(number) for number in range(_MANY)])


async def _both_directions_carry_at_once(bench: Bench) -> None:
    near, far = await bench.pair()
    async with asyncio.TaskGroup() as both:
        both.create_task(_carry(bench, near, far, list(_full_frames(100))))
        both.create_task(_carry(bench, far, near, list(_full_frames(100))))


async def _pairs_do_not_mix(bench: Bench) -> None:
    pairs = [await bench.pair() for _ in range(_PAIRS)]
    sends = [bench.start(near.send(str(number))) for number, (near, _) in enumerate(pairs)]
    for number, (_, far) in reversed(list(enumerate(pairs))):
        _same(bench, number, str(number), await far.receive())
    await asyncio.gather(*sends)


# --- Closing -------------------------------------------------------------------------------------


async def _closing_is_quick_and_may_be_repeated(bench: Bench) -> None:
    near, far = await bench.pair()
    await near.aclose()
    await near.aclose()
    await asyncio.gather(far.aclose(), far.aclose())


async def _after_its_own_close_an_end_raises_transport_closed(bench: Bench) -> None:
    near, _ = await bench.pair()
    await near.aclose()
    await _closed(bench, "send", near.send("late"))
    await _closed(bench, "receive", near.receive())


async def _receiving_from_a_closed_peer_raises_transport_closed(bench: Bench) -> None:
    near, far = await bench.pair()
    await far.aclose()
    await _closed(bench, "receive", near.receive())
    await _closed(bench, "a second receive", near.receive())


async def _sending_to_a_closed_peer_soon_raises_transport_closed(bench: Bench) -> None:
    near, far = await bench.pair()
    await far.aclose()

    async def send_on() -> None:
        while True:
            await near.transport.send("is anybody there?")
            await asyncio.sleep(0)

    await _closed(bench, "send, again and again,", bench.in_time("sending on", send_on()))


async def _a_waiting_receive_ends_with_its_own_close(bench: Bench) -> None:
    near, _ = await bench.pair()
    waiting = bench.start(near.receive())
    await asyncio.sleep(0)
    await near.aclose()
    await _closed(bench, "the waiting receive", waiting)


async def _what_was_sent_before_a_close_still_arrives(bench: Bench) -> None:
    near, far = await bench.pair()
    frames = [str(number) for number in range(5)]
    async with flooding(near, frames) as flood:
        sent = flood.sent
        await near.aclose()
    received: list[str] = []
    while len(received) < len(frames):
        try:
            received.append(await far.receive())
        except TransportClosed:
            break
    if len(received) < sent or received != frames[: len(received)]:
        raise bench.broken(f"of {frames[:sent]} there arrived {received}")


# --- Waiting -------------------------------------------------------------------------------------


async def _a_send_waits_while_nobody_reads(bench: Bench) -> None:
    near, far = await bench.pair()
    async with flooding(near, _full_frames(_MOST_BUFFERED)) as flood:
        if flood.sent == _MOST_BUFFERED:
            raise bench.broken(f"{_MOST_BUFFERED} frames of 64 KiB were taken with nobody reading")
        for number, frame in enumerate(_full_frames(_MOST_BUFFERED)):
            _same(bench, number, frame, await far.receive())
        await bench.in_time("the send that waited", flood.task)


async def _closing_does_not_wait_for_a_peer_that_stopped_reading(bench: Bench) -> None:
    near, _ = await bench.pair()
    async with flooding(near, _full_frames(_MOST_BUFFERED)):
        await near.aclose()


# --- Cancelling ----------------------------------------------------------------------------------


async def _a_cancelled_receive_loses_nothing(bench: Bench) -> None:
    near, far = await bench.pair()
    for turns in range(_LOOP_TURNS):
        waiting = bench.start(far.receive())
        await asyncio.sleep(0)
        sending = bench.start(near.send(str(turns)))
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        received = await (far.receive() if waiting.cancelled() else waiting)
        _same(bench, turns, str(turns), received)
        await sending


async def _a_cancelled_send_leaves_the_other_frames_whole(bench: Bench) -> None:
    near, far = await bench.pair()
    async with flooding(near, _full_frames(_MOST_BUFFERED)) as flood:
        pass
    async with asyncio.TaskGroup() as meanwhile:
        meanwhile.create_task(near.send("after"))
        # The cancelled frame itself may arrive or not, but whole.
        for number, frame in enumerate(_full_frames(flood.sent + 1)):
            received = await far.receive()
            if number == flood.sent and received == "after":
                return
            _same(bench, number, frame, received)
        _same(bench, flood.sent + 1, "after", await far.receive())


async def _a_cancelled_close_can_be_repeated(bench: Bench) -> None:
    near, far = await bench.pair()
    closing = bench.start(near.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    await near.aclose()
    await _closed(bench, "receive", far.receive())


async def _many_pairs_leave_no_file_open(bench: Bench) -> None:
    await bench.pair()
    await bench.close()
    before = _open_files()
    for _ in range(_PAIRS):
        near, far = await bench.pair()
        await _carry(bench, near, far, ["hello"])
        await bench.close()
    # A leak grows with the pairs; the rest of the process may open a file or two.
    left = bench.broken(f"{_PAIRS} pairs were closed, and their descriptors are still open")
    await bench.expect(lambda: _open_files() < before + _PAIRS // 2, otherwise=left)


_RULES = (
    _frames_arrive_as_they_were_sent,
    _both_directions_carry_at_once,
    _closing_is_quick_and_may_be_repeated,
    _after_its_own_close_an_end_raises_transport_closed,
    _receiving_from_a_closed_peer_raises_transport_closed,
    _sending_to_a_closed_peer_soon_raises_transport_closed,
    _a_waiting_receive_ends_with_its_own_close,
    _what_was_sent_before_a_close_still_arrives,
    _pairs_do_not_mix,
    _a_send_waits_while_nobody_reads,
    _closing_does_not_wait_for_a_peer_that_stopped_reading,
    _a_cancelled_receive_loses_nothing,
    _a_cancelled_send_leaves_the_other_frames_whole,
    _a_cancelled_close_can_be_repeated,
    _many_frames_all_arrive_in_order,
    _many_pairs_leave_no_file_open,
)


# --- What the rules are made of ------------------------------------------------------------------


def _full_frames(count: int) -> Iterator[str]:
    return (str(number).ljust(_FRAME_BYTES, ".") for number in range(count))


async def _carry(bench: Bench, sender: End, receiver: End, frames: Sequence[str]) -> None:
    """Send all the `frames` while the other end receives them."""

    async def send_all() -> None:
        for frame in frames:
            await sender.send(frame)

    async with asyncio.TaskGroup() as meanwhile:
        meanwhile.create_task(send_all())
        for number, frame in enumerate(frames):
            _same(bench, number, frame, await receiver.receive())


def _same(bench: Bench, number: int, sent: str, received: str) -> None:
    if received != sent:
        raise bench.broken(f"frame {number} left as {_brief(sent)} and arrived as {_brief(received)}")


def _brief(frame: str) -> str:
    return repr(frame) if len(frame) <= 40 else f"{frame[:20]!r}… ({len(frame)} characters)"


async def _closed(bench: Bench, what: str, call: Awaitable[object]) -> None:
    """Make sure that `call` raises `TransportClosed`."""
    try:
        await call
    except TransportClosed:
        return
    raise bench.broken(f"{what} returned although the transport is closed")


def _open_files() -> int:
    try:
        return len(list(Path("/dev/fd").iterdir()))
    except OSError:
        return 0  # a system without the directory: nothing to compare

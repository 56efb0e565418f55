"""Rules of a transport: a close is quick, is noticed by whoever waits, and leaves nothing behind."""

import asyncio
import threading
from pathlib import Path

from hugathome.errors import TransportClosed
from hugathome.testing._bench import Bench, flooding
from hugathome.testing._frames import MOST_BUFFERED, carry, closed, full_frames, same

_PAIRS = 50


# --- Closing -------------------------------------------------------------------------------------


async def closing_is_quick_and_may_be_repeated(bench: Bench) -> None:
    near, far = await bench.pair()
    await near.aclose()
    await near.aclose()
    await asyncio.gather(far.aclose(), far.aclose())


async def after_its_own_close_an_end_raises_transport_closed(bench: Bench) -> None:
    near, _ = await bench.pair()
    await near.aclose()
    await closed(bench, "send", near.send("late"))
    await closed(bench, "receive", near.receive())


async def receiving_from_a_closed_peer_raises_transport_closed(bench: Bench) -> None:
    near, far = await bench.pair()
    await far.aclose()
    await closed(bench, "receive", near.receive())
    await closed(bench, "a second receive", near.receive())


async def sending_to_a_closed_peer_soon_raises_transport_closed(bench: Bench) -> None:
    near, far = await bench.pair()
    await far.aclose()

    async def send_on() -> None:
        while True:
            await near.transport.send("is anybody there?")
            await asyncio.sleep(0)

    await closed(bench, "send, again and again,", bench.in_time("sending on", send_on()))


async def a_waiting_receive_ends_with_its_own_close(bench: Bench) -> None:
    near, _ = await bench.pair()
    waiting = bench.start(near.receive())
    await asyncio.sleep(0)
    await near.aclose()
    await closed(bench, "the waiting receive", waiting)


async def a_waiting_receive_ends_when_the_peer_closes(bench: Bench) -> None:
    near, far = await bench.pair()
    waiting = bench.start(near.receive())
    await asyncio.sleep(0)
    await far.aclose()
    await closed(bench, "the waiting receive", waiting)


async def both_ends_may_close_at_once(bench: Bench) -> None:
    near, far = await bench.pair()
    await asyncio.gather(near.aclose(), far.aclose())
    for end in (near, far):
        await closed(bench, "receive", end.receive())


async def what_was_sent_before_a_close_still_arrives(bench: Bench) -> None:
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


async def a_send_waits_while_nobody_reads(bench: Bench) -> None:
    near, far = await bench.pair()
    async with flooding(near, full_frames(MOST_BUFFERED)) as flood:
        if flood.sent == MOST_BUFFERED:
            raise bench.broken(f"{MOST_BUFFERED} frames of 64 KiB were taken with nobody reading")
        for number, frame in enumerate(full_frames(MOST_BUFFERED)):
            same(bench, number, frame, await far.receive())
        await bench.in_time("the send that waited", flood.task)


async def closing_does_not_wait_for_a_peer_that_stopped_reading(bench: Bench) -> None:
    near, _ = await bench.pair()
    async with flooding(near, full_frames(MOST_BUFFERED)):
        await near.aclose()


async def a_waiting_send_ends_when_the_peer_closes(bench: Bench) -> None:
    near, far = await bench.pair()
    async with flooding(near, full_frames(MOST_BUFFERED)) as flood:
        await far.aclose()
        await closed(bench, "the waiting send", bench.in_time("the waiting send", flood.task))


# --- What is left ---------------------------------------------------------------------------------


async def many_pairs_leave_no_file_open(bench: Bench) -> None:
    await bench.pair()
    await bench.close()
    before = _open_files()
    for _ in range(_PAIRS):
        near, far = await bench.pair()
        await carry(bench, near, far, ["hello"])
        await bench.close()
    # A leak grows with the pairs; the rest of the process may open a file or two.
    left = bench.broken(f"{_PAIRS} pairs were closed, and their descriptors are still open")
    await bench.expect(lambda: _open_files() < before + _PAIRS // 2, otherwise=left)


async def many_pairs_leave_no_thread_running(bench: Bench) -> None:
    await bench.pair()
    await bench.close()
    before = threading.active_count()
    for _ in range(_PAIRS):
        await bench.pair()
        await bench.close()
    left = bench.broken(f"{_PAIRS} pairs were closed, and their threads still run")
    await bench.expect(lambda: threading.active_count() < before + _PAIRS // 2, otherwise=left)


def _open_files() -> int:
    try:
        return len(list(Path("/dev/fd").iterdir()))
    except OSError:
        return 0  # a system without the directory: nothing to compare

"""Rules of a transport: frames arrive whole and in order, and whoever waits can be cancelled."""

import asyncio

from hugathome.testing._bench import Bench, flooding
from hugathome.testing._frames import FRAME_BYTES, MOST_BUFFERED, carry, closed, full_frames, same

_EDGES = (
    *("", "a", "\0", " ", "\n", "\r\n", "a\nb\n", '{"v":1}'),
    *("\x7f", "\x80", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\ufeff", "\uffff", "\u2028"),
    *("\U00010000", "\U0010ffff", "e\u0301", "\U0001f469\u200d\u2695\ufe0f"),
    *("x" * FRAME_BYTES, "\U0001f469" * (FRAME_BYTES // 4)),
)
_MANY = 10_000
_LOOP_TURNS = 20
_PAIRS = 50
_SENDERS = 8


# --- Frames --------------------------------------------------------------------------------------


async def frames_arrive_as_they_were_sent(bench: Bench) -> None:
    near, far = await bench.pair()
    await carry(bench, near, far, _EDGES)


async def many_frames_all_arrive_in_order(bench: Bench) -> None:
    near, far = await bench.pair()
    await carry(bench, near, far, [str(number) for number in range(_MANY)])


async def both_directions_carry_at_once(bench: Bench) -> None:
    near, far = await bench.pair()
    async with asyncio.TaskGroup() as both:
        both.create_task(carry(bench, near, far, list(full_frames(100))))
        both.create_task(carry(bench, far, near, list(full_frames(100))))


async def frames_of_several_senders_stay_whole(bench: Bench) -> None:
    near, far = await bench.pair()
    frames = sorted(full_frames(2 * _SENDERS))
    sends = [bench.start(near.send(frame)) for frame in frames]
    received = sorted([await far.receive() for _ in frames])
    for number, (frame, arrived) in enumerate(zip(frames, received, strict=True)):
        same(bench, number, frame, arrived)
    await asyncio.gather(*sends)


async def pairs_do_not_mix(bench: Bench) -> None:
    pairs = [await bench.pair() for _ in range(_PAIRS)]
    sends = [bench.start(near.send(str(number))) for number, (near, _) in enumerate(pairs)]
    for number, (_, far) in reversed(list(enumerate(pairs))):
        same(bench, number, str(number), await far.receive())
    await asyncio.gather(*sends)


# --- Cancelling ----------------------------------------------------------------------------------


async def a_receive_can_be_timed_out(bench: Bench) -> None:
    near, far = await bench.pair()
    try:
        async with asyncio.timeout(0):
            await near.transport.receive()
    except TimeoutError:
        await carry(bench, far, near, ["after"])
        return
    raise bench.broken("a receive returned although nothing was sent")


async def a_cancelled_receive_loses_nothing(bench: Bench) -> None:
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
        same(bench, turns, str(turns), received)
        await sending


async def a_cancelled_send_leaves_the_other_frames_whole(bench: Bench) -> None:
    near, far = await bench.pair()
    async with flooding(near, full_frames(MOST_BUFFERED)) as flood:
        pass
    async with asyncio.TaskGroup() as meanwhile:
        meanwhile.create_task(near.send("after"))
        # The cancelled frame itself may arrive or not, but whole.
        for number, frame in enumerate(full_frames(flood.sent + 1)):
            received = await far.receive()
            if number == flood.sent and received == "after":
                return
            same(bench, number, frame, received)
        same(bench, flood.sent + 1, "after", await far.receive())


async def a_cancelled_close_can_be_repeated(bench: Bench) -> None:
    near, far = await bench.pair()
    closing = bench.start(near.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait({closing})
    await near.aclose()
    await closed(bench, "receive", far.receive())

"""The pair in memory, and the faults that it can suffer on command."""

import asyncio

import pytest

from hugathome.errors import LocalProtocolError, TransportClosed
from hugathome.testing.check_transport import check_transport
from hugathome.transports.memory import MemoryTransport, memory_pair


async def connect_pair() -> tuple[MemoryTransport, MemoryTransport]:
    return memory_pair()


async def test_the_pair_keeps_the_rules_of_a_transport() -> None:
    await check_transport(connect_pair)


async def test_a_send_waits_once_the_capacity_is_used() -> None:
    near, far = memory_pair(capacity=2)
    await near.send("1")
    await near.send("2")

    third = asyncio.create_task(near.send("3"))
    await asyncio.sleep(0)

    assert not third.done()
    assert [await far.receive() for _ in range(3)] == ["1", "2", "3"]
    await third


async def test_a_send_that_waits_ends_when_the_other_side_closes() -> None:
    near, far = memory_pair(capacity=1)
    await near.send("1")
    second = asyncio.create_task(near.send("2"))
    await asyncio.sleep(0)

    await far.aclose()

    with pytest.raises(TransportClosed):
        await second


async def test_a_cut_closes_both_ends_and_loses_what_was_under_way() -> None:
    near, far = memory_pair()
    await near.send("lost")

    near.cut()

    for end in (near, far):
        with pytest.raises(TransportClosed):
            await end.receive()
        with pytest.raises(TransportClosed):
            await end.send("late")


async def test_a_cut_wakes_whoever_waits() -> None:
    near, far = memory_pair()
    waiting = asyncio.create_task(far.receive())
    await asyncio.sleep(0)

    near.cut()

    with pytest.raises(TransportClosed):
        await waiting


async def test_a_stall_holds_frames_back_until_it_resumes() -> None:
    near, far = memory_pair()
    near.stall()
    await far.send("held")
    waiting = asyncio.create_task(near.receive())
    await asyncio.sleep(0)
    assert not waiting.done()

    near.resume()

    assert await waiting == "held"


async def test_a_stall_hides_a_close_from_the_other_end() -> None:
    near, far = memory_pair()
    near.stall()
    await near.aclose()
    waiting = asyncio.create_task(far.receive())
    await asyncio.sleep(0)
    assert not waiting.done()

    near.resume()

    with pytest.raises(TransportClosed):
        await waiting


async def test_a_stalled_end_can_be_closed() -> None:
    near, _ = memory_pair()
    near.stall()
    waiting = asyncio.create_task(near.receive())
    await asyncio.sleep(0)

    await near.aclose()

    with pytest.raises(TransportClosed):
        await waiting


async def test_text_that_no_network_could_carry_is_refused_here_too() -> None:
    near, far = memory_pair()

    with pytest.raises(LocalProtocolError):
        await near.send('{"name":"\ud83d"}')

    await near.send("next")
    assert await far.receive() == "next"

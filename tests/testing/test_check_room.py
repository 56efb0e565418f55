"""The golden scenarios over every transport and log of ours, and over parts that are broken.

Here every scenario is played in memory, and a sample of them wherever it takes longer; the proof plays all.
Of that sample, a fault fails the scenario that is there for it and no other.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from tests.lives import is_in_full
from tests.testing.broken_parts import CannotBeReached, HearsNothing, SaysEverythingTwice, TakesItsTime
from tests.testing.carriers import CARRIERS, ConnectPair, pairs
from tests.testing.planted_in_rooms import FAULTS, Fault

from hugathome.errors import InvalidInput
from hugathome.logs import MemoryLog, open_log
from hugathome.signalling import SignallingLog, Transport
from hugathome.testing.check_room import check_room
from hugathome.testing.conformance import ConformanceFailure
from hugathome.testing.golden import SCENARIOS
from hugathome.transports.memory import memory_pair

SOON = timedelta(seconds=20)
"""On a machine that has much else to do."""
AT_ONCE = timedelta(seconds=0.3)
SAMPLE = (
    "whoever waits is told of nobody",
    "an admission brings credentials the room and a pair",
    "texts reach everybody inside in one order",
    "a cut loses and doubles nothing",
    "behind the cut of a log the whole room is given",
    "a draining worker sends everybody to another",
)


# --- Ours ----------------------------------------------------------------------------------------


async def test_every_scenario_holds_in_memory() -> None:
    async with pairs("memory") as connect_pair:
        played = await check_room(connect_pair, MemoryLog, patience=SOON)

    assert played == tuple(SCENARIOS)
    assert len(played) > 60


@pytest.mark.parametrize("carrier", CARRIERS)
async def test_a_room_is_the_same_over_every_transport_and_log(carrier: str, any_log_url: str) -> None:
    chosen = SCENARIOS if is_in_full() else SAMPLE

    async with pairs(carrier) as connect_pair:
        played = await check_room(connect_pair, lambda: open_log(any_log_url), only=chosen, patience=SOON)

    assert set(played) == set(chosen)


async def test_a_log_that_takes_its_time_changes_nothing() -> None:
    async with pairs("memory") as connect_pair:
        await check_room(connect_pair, TakesItsTime, only=SAMPLE, patience=SOON)


async def test_a_log_that_says_everything_twice_changes_nothing() -> None:
    async with pairs("memory") as connect_pair:
        await check_room(connect_pair, SaysEverythingTwice, only=SAMPLE, patience=SOON)


# --- Broken ones ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
async def test_a_fault_fails_the_scenario_that_is_there_for_it(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault.plant(monkeypatch)

    async def connect_pair() -> tuple[Transport, Transport]:
        near, far = memory_pair()
        return fault.carries(near), fault.carries(far)

    failed = [
        name
        for name in sorted({fault.breaks, *SAMPLE})
        if await _fails(name, connect_pair, fault.log, patience=AT_ONCE)
        # where the machine was only slow, another attempt has the time that it takes
        and (name == fault.breaks or await _fails(name, connect_pair, fault.log, patience=SOON))
    ]

    assert failed == [fault.breaks]


def test_every_scenario_is_there_for_a_fault() -> None:
    assert {fault.breaks for fault in FAULTS.values()} == SCENARIOS.keys()


async def _fails(
    name: str, connect_pair: ConnectPair, open_log: Callable[[], SignallingLog], *, patience: timedelta
) -> bool:
    try:
        await check_room(connect_pair, open_log, only=[name], patience=patience)
    except ConformanceFailure as failure:
        return failure.rule == name
    return False


# --- The check itself ----------------------------------------------------------------------------


async def test_a_scenario_that_there_is_not_is_told() -> None:
    async with pairs("memory") as connect_pair:
        with pytest.raises(InvalidInput, match="there is no scenario 'a cut'"):
            await check_room(connect_pair, MemoryLog, only=["a cut"])


async def test_ends_that_do_not_connect_are_a_failure() -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        await asyncio.Event().wait()
        return memory_pair()

    with pytest.raises(ConformanceFailure, match="a connection has not come"):
        await check_room(connect_pair, MemoryLog, only=SAMPLE[:1], patience=AT_ONCE)


async def test_a_log_that_cannot_be_reached_is_a_failure_of_the_scenario() -> None:
    async with pairs("memory") as connect_pair:
        with pytest.raises(ConformanceFailure) as failure:
            await check_room(connect_pair, CannotBeReached, patience=AT_ONCE)

    assert failure.value.rule == next(iter(SCENARIOS))


async def test_whatever_goes_wrong_nothing_is_left_running() -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        near, far = memory_pair()
        return HearsNothing(near), far

    with pytest.raises(ConformanceFailure, match="a message has not come"):
        await check_room(connect_pair, MemoryLog, patience=AT_ONCE)

    assert asyncio.all_tasks() == {asyncio.current_task()}

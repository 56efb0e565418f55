"""One task looks at every connection when that is due, and at nothing else."""

import asyncio
from contextlib import ExitStack
from datetime import datetime, timedelta

import pytest

from hugathome.rooms.pulse import Pulse
from hugathome.testing import FakeClock

NOON = datetime.fromisoformat("2026-11-22T12:00:00Z")


class Looked:
    """Notes when it was looked at, and wants to be again after so many seconds."""

    def __init__(self, every: float) -> None:
        self.every = timedelta(seconds=every)
        self.at: list[float] = []

    def look(self, now: datetime) -> datetime:
        self.at.append((now - NOON).total_seconds())
        return now + self.every


class FailingClock(FakeClock):
    """Cannot wait, the first time."""

    has_failed = False

    async def sleep(self, seconds: float) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise OSError("no timer")
        await super().sleep(seconds)


class Broken(Looked):
    """Has a defect."""

    def look(self, now: datetime) -> datetime:
        again_at = super().look(now)
        if len(self.at) > 1:
            raise RuntimeError("a defect")
        return again_at


async def test_each_is_looked_at_when_it_says_itself() -> None:
    clock, often, seldom = FakeClock(NOON), Looked(2), Looked(5)
    pulse = Pulse(clock)

    with pulse.minding(seldom), pulse.minding(often):
        await clock.advance(seconds=6)

    assert often.at == [0, 2, 4, 6]
    assert seldom.at == [0, 5]


async def test_who_comes_later_and_is_due_earlier_is_not_kept_waiting() -> None:
    clock, first, second = FakeClock(NOON), Looked(10), Looked(2)
    pulse = Pulse(clock)

    with pulse.minding(first):
        await clock.advance(seconds=1)
        with pulse.minding(second):
            await clock.advance(seconds=10)

    assert first.at == [0, 10]
    assert second.at == [1, 3, 5, 7, 9, 11]


async def test_who_has_gone_is_not_looked_at_and_nothing_runs_for_nobody() -> None:
    clock, gone, here = FakeClock(NOON), Looked(3), Looked(4)
    pulse, tasks = Pulse(clock), len(asyncio.all_tasks())

    with ExitStack() as stack:
        stack.enter_context(pulse.minding(here))
        with pulse.minding(gone):
            await clock.advance(seconds=1)
        await clock.advance(seconds=4)
    await asyncio.sleep(0)

    assert (gone.at, here.at) == ([0], [0, 4])
    assert len(asyncio.all_tasks()) == tasks
    with pulse.minding(here):
        await clock.advance(seconds=4)
    assert here.at == [0, 4, 5, 9]


async def test_a_defect_of_one_keeps_nobody_else_from_being_looked_at(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock, broken, sound = FakeClock(NOON), Broken(2), Looked(2)
    pulse = Pulse(clock)

    with pulse.minding(broken), pulse.minding(sound):
        await clock.advance(seconds=4)

    assert broken.at == [0, 2]
    assert sound.at == [0, 2, 4]
    assert "unexpected RuntimeError" in caplog.text


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_pulse_that_stopped_goes_on_with_whoever_comes_next() -> None:
    clock, first, second = FailingClock(NOON), Looked(2), Looked(2)
    pulse = Pulse(clock)

    with pulse.minding(first):
        await clock.settle()
        with pulse.minding(second):
            await clock.advance(seconds=4)

    assert (first.at, second.at) == ([0, 2, 4], [0, 2, 4])

"""A hint that the network is back ends the random part of a wait, and no more."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from hugathome.device.client import Client
from hugathome.device.effects import Return
from hugathome.peer._attendance import Attendance
from hugathome.signalling import Transport
from hugathome.testing.clock import FakeClock
from hugathome.transports.memory import MemoryTransport, memory_pair


class Page:
    """A device whose host never answers, and how often it has come back."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.attendance = Attendance(Client(), clock=self.clock, carry_out=lambda _: None)
        self.hosts: list[MemoryTransport] = []

    def connect(self) -> Transport:
        near, far = memory_pair()
        self.hosts.append(far)
        return near

    async def reconnect(self) -> tuple[Transport, str]:
        return self.connect(), "grant"


@pytest.fixture
async def page(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Page]:
    monkeypatch.setattr("random.random", lambda: 1.0)
    page = Page()
    attending = asyncio.create_task(page.attendance.run(page.connect(), "grant", page.reconnect))
    await page.clock.settle()
    yield page
    attending.cancel()
    await asyncio.gather(attending, return_exceptions=True)


async def lost(page: Page) -> None:
    await page.hosts[-1].aclose()
    await page.clock.settle()


async def test_a_hint_ends_the_wait(page: Page) -> None:
    await lost(page)
    assert len(page.hosts) == 1

    page.attendance.hint_online()
    await page.clock.settle()

    assert len(page.hosts) == 2


async def test_without_a_hint_the_wait_is_as_long_as_it_is(page: Page) -> None:
    await lost(page)

    await page.clock.advance(seconds=0.4)
    assert len(page.hosts) == 1
    await page.clock.advance(seconds=0.1)

    assert len(page.hosts) == 2


async def test_a_hint_does_not_end_what_the_hub_asks_for() -> None:
    page = Page()
    waiting = asyncio.create_task(page.attendance._paused(Return(timedelta(seconds=3), timedelta(seconds=9))))
    await page.clock.advance(seconds=1)

    page.attendance.hint_online()
    await page.clock.advance(seconds=1)
    assert not waiting.done()
    await page.clock.advance(seconds=1)

    assert waiting.done()


async def test_a_hint_of_before_the_loss_ends_no_wait(page: Page) -> None:
    page.attendance.hint_online()
    await lost(page)

    assert len(page.hosts) == 1

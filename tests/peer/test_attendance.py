"""The core on a transport: on a clock that stands still, against a hub that a test plays."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from hugathome.device.client import Client
from hugathome.device.effects import Effect
from hugathome.device.returning import GREET_WITHIN, Phase
from hugathome.errors import LocalProtocolError, RemoteProtocolError, TransportClosed
from hugathome.peer._attendance import Attendance
from hugathome.protocol.frames import parse_client
from hugathome.protocol.messages import (
    Close,
    Hello,
    Leave,
    Message,
    Offer,
    Ping,
    Pong,
    Ring,
    Welcome,
)
from hugathome.protocol.wire import CloseCode, Limits, SessionView
from hugathome.testing import FakeClock
from hugathome.transports.memory import MemoryTransport, memory_pair

LIMITS = Limits()


class Hub:
    """The far ends of the transports that a device has opened, and the device itself."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.effects: list[Effect] = []
        self.attendance = Attendance(Client(), clock=self.clock, carry_out=self.effects.append)
        self.ends: list[MemoryTransport] = []
        self.opened_at: list[timedelta] = []
        self._began = self.clock.now()

    async def connect(self) -> tuple[MemoryTransport, str]:
        """Open a transport, as the device asks for it."""
        here, there = memory_pair()
        self.ends.append(there)
        self.opened_at.append(self.clock.now() - self._began)
        return here, f"grant-{len(self.ends)}"

    async def heard(self) -> Message:
        """Return the next thing that the device says."""
        return parse_client(await self.ends[-1].receive())

    async def say(self, message: Message) -> None:
        await self.ends[-1].send(message.to_json())

    async def welcome(self) -> None:
        assert isinstance(await self.heard(), Hello)
        session = SessionView(id="hug.s", status="in-progress", modality="video")
        await self.say(
            Welcome(
                pos="1.0123456789ab",
                peer="p_a",
                participant="p-1",
                role="patient",
                session=session,
                state="admitted",
                token="token",
                heartbeat=20,
                limits=LIMITS,
            )
        )
        await self.clock.settle()
        assert self.attendance.client.phase is Phase.LIVE


class Narrow:
    """A transport that no frame fits through."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.receive = transport.receive
        self.aclose = transport.aclose

    async def send(self, text: str) -> None:
        raise LocalProtocolError(f"a frame of {len(text)} bytes is too large")


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    """Return a hub that a device has just opened a transport to."""
    hub = Hub()
    running = asyncio.create_task(hub.attendance.run(*(await hub.connect()), hub.connect))
    yield hub
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_ping_is_answered(hub: Hub) -> None:
    await hub.welcome()
    await hub.say(Ping(t=3))

    assert await hub.heard() == Pong(t=3)


async def test_a_silent_hub_is_left_when_its_time_is_over_and_not_before(hub: Hub) -> None:
    await hub.welcome()
    await hub.clock.advance(seconds=20)
    await hub.say(Ping())
    await hub.clock.advance(seconds=LIMITS.dead_after - 1)
    assert hub.attendance.client.phase is Phase.LIVE

    await hub.clock.advance(seconds=2)

    assert len(hub.ends) == 2
    hello = await hub.heard()
    assert isinstance(hello, Hello)
    assert hello.resume is not None


async def test_a_hub_that_does_not_answer_the_hello_is_left(hub: Hub) -> None:
    await hub.clock.advance(seconds=GREET_WITHIN.total_seconds() + 1)

    first, second = [parse_client(await end.receive()) for end in hub.ends]
    assert isinstance(first, Hello)
    assert isinstance(second, Hello)
    assert (first.grant, second.grant) == ("grant-1", "grant-2")
    assert first.nonce == second.nonce  # a hub that reads the first one late knows whose it was


async def test_a_hub_that_says_how_long_to_wait_is_left_alone_for_so_long(hub: Hub) -> None:
    await hub.welcome()
    await hub.say(Close.because(CloseCode.RATE_LIMITED, after=30))
    await hub.clock.advance(seconds=29)
    assert len(hub.ends) == 1

    await hub.clock.advance(seconds=2)

    assert len(hub.ends) == 2


async def test_what_was_not_acknowledged_is_said_again_after_a_loss(hub: Hub) -> None:
    await hub.welcome()
    hub.attendance.take(hub.attendance.client.said(Leave()))
    hub.ends[-1].cut()
    await hub.clock.advance(seconds=1)
    await hub.welcome()

    assert await hub.heard() == Leave(seq=1)


async def test_it_tells_whoever_waits_when_something_has_changed(hub: Hub) -> None:
    await hub.welcome()
    waiting = asyncio.create_task(hub.attendance.until(lambda: hub.attendance.client.rings == 1))
    await hub.clock.settle()
    assert not waiting.done()

    await hub.say(Ring())

    await waiting


async def test_a_close_for_good_is_the_end(hub: Hub) -> None:
    await hub.welcome()
    await hub.say(Close.because(CloseCode.SUPERSEDED))
    await hub.attendance.until(lambda: False)
    await hub.clock.advance(hours=1)

    assert hub.attendance.is_over
    assert isinstance(hub.attendance.why, TransportClosed)
    assert len(hub.ends) == 1


@pytest.mark.parametrize(
    "text",
    [
        "not a message",
        Offer(pc="c_1", gen=1, neg=1, sdp="v=0\r\n" + 400 * "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n").to_json(),
    ],
)
async def test_what_no_hub_says_ends_it_with_our_error(hub: Hub, text: str) -> None:
    await hub.welcome()
    await hub.ends[-1].send(text)
    await hub.attendance.until(lambda: False)

    assert isinstance(hub.attendance.why, RemoteProtocolError)
    with pytest.raises(TransportClosed):
        await hub.ends[-1].receive()


async def test_what_the_transport_cannot_carry_ends_it_with_our_error() -> None:
    here, there = memory_pair()
    hub = Hub()
    await hub.attendance.run(Narrow(here), "grant", hub.connect)

    assert isinstance(hub.attendance.why, LocalProtocolError)
    with pytest.raises(TransportClosed):
        await there.receive()


async def test_a_transport_is_closed_however_often_its_device_is_cancelled() -> None:
    here, there = memory_pair()
    attending = asyncio.create_task(Hub().attendance.run(here, "grant", None))
    assert isinstance(parse_client(await there.receive()), Hello)

    for _ in range(2):
        attending.cancel()
        await asyncio.sleep(0)
    await asyncio.gather(attending, return_exceptions=True)

    async with asyncio.timeout(1):
        with pytest.raises(TransportClosed):
            await there.receive()

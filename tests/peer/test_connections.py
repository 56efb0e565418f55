"""Which of two connections with the same participant is played, and when the other one ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiortc import RTCConfiguration

from hugathome.device.line import MediaState
from hugathome.peer._connections import Connections
from hugathome.peer._generation import Generation
from hugathome.peer._ice import IceSettings
from hugathome.peer._streams import Stream
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.wire import PairView

pytestmark = pytest.mark.media


class Nobody:
    """A listener that does nothing."""

    def offered(self, pc: str, gen: int, sdp: str) -> None:
        pass

    def answered(self, pc: str, gen: int, sdp: str) -> None:
        pass

    def fared(self, pc: str, gen: int, state: MediaState) -> None:
        pass


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    connections = Connections(
        ice=IceSettings(loopback=True),
        receives=lambda _, kind: Stream(kind, changed=lambda: None),
        listener=Nobody(),
    )
    yield connections
    await connections.aclose()


def connect(connections: Connections, *, pc: str = "c_1", gen: int = 1) -> Generation:
    """Return the newest connection with the doctor."""
    pair = PairView(
        pc=pc, gen=gen, peer="p_dr", participant="dr", polite=True, mode=Mode.OPTIMISTIC, offerer="p_dr"
    )
    connections.connect(pair, configuration=RTCConfiguration(iceServers=[]), kinds=("audio",), sends=())
    return connections._with["dr"][-1]


def played(connections: Connections) -> Generation:
    return connections._with["dr"][0]


async def test_what_is_connected_is_played_until_its_successor_brings_as_much(
    connections: Connections,
) -> None:
    before = connect(connections)
    before._fared("connected")
    assert before._takes("audio")
    assert before._takes("video")

    after = connect(connections, pc="c_2")
    after._fared("connected")

    assert not after._takes("audio"), "never both at a time"
    assert before._takes("audio")
    assert after._takes("video")
    assert after._takes("audio")
    assert not before._takes("audio")


async def test_what_was_replaced_stays_for_a_moment_for_the_other_side(connections: Connections) -> None:
    before = connect(connections)
    (running,) = connections._running
    before._fared("connected")
    before._takes("audio")
    after = connect(connections, gen=2)
    after._takes("audio")
    assert not before._is_over

    await asyncio.wait_for(asyncio.shield(running), 10)

    assert connections._with == {"dr": [after]}


async def test_what_breaks_is_played_no_more_once_it_has_a_successor(connections: Connections) -> None:
    before = connect(connections)
    before._fared("connected")
    before._takes("audio")
    after = connect(connections, gen=2)
    assert played(connections) is before

    before._fared("failed")

    assert played(connections) is after


async def test_what_is_not_connected_ends_at_once_where_another_one_is_made(connections: Connections) -> None:
    before = connect(connections)

    after = connect(connections, gen=2)

    assert before._is_over
    assert connections._with == {"dr": [after]}


async def test_what_is_disconnected_ends_at_once_up_to_its_generation(connections: Connections) -> None:
    first = connect(connections)
    first._fared("connected")
    first._takes("audio")
    second = connect(connections, gen=2)

    connections.disconnect("c_1", 1)
    assert (first._is_over, second._is_over) == (True, False)
    connections.disconnect("c_1", 2)

    assert second._is_over
    assert not connections.is_connected("dr")

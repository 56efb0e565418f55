"""The server's end alone, against a scripted ASGI server."""

from collections import deque
from collections.abc import MutableMapping
from typing import Any

import pytest

from hugathome.errors import LocalProtocolError, RemoteProtocolError, TransportClosed
from hugathome.transports.asgi import AsgiTransport, accept, refuse

CONNECT = {"type": "websocket.connect"}
DISCONNECT = {"type": "websocket.disconnect", "code": 1006}


class ScriptedServer:
    """Gives the application `events` in turn and keeps what it sends; `failing` is raised by its send."""

    def __init__(self, *events: dict[str, Any], failing: Exception | None = None) -> None:
        self._events = deque(events)
        self._failing = failing
        self.sent: list[MutableMapping[str, Any]] = []

    async def receive(self) -> MutableMapping[str, Any]:
        return self._events.popleft()

    async def send(self, event: MutableMapping[str, Any]) -> None:
        if self._failing is not None:
            raise self._failing
        self.sent.append(event)


def offering(*subprotocols: str) -> dict[str, Any]:
    return {"type": "websocket", "path": "/signalling", "subprotocols": list(subprotocols)}


def text_frame(text: str) -> dict[str, Any]:
    return {"type": "websocket.receive", "text": text}


async def test_a_client_that_offers_our_version_is_accepted_with_it() -> None:
    server = ScriptedServer(CONNECT, text_frame("hello"))

    transport = await accept(offering("other", "hugathome.v1"), server.receive, server.send)

    assert server.sent == [{"type": "websocket.accept", "subprotocol": "hugathome.v1"}]
    assert await transport.receive() == "hello"


@pytest.mark.parametrize("offered", [(), ("hugathome.v9",)])
async def test_a_client_without_our_version_is_refused_with_4011(offered: tuple[str, ...]) -> None:
    server = ScriptedServer(CONNECT)

    with pytest.raises(RemoteProtocolError) as refused:
        await accept(offering(*offered), server.receive, server.send)

    assert refused.value.code == 4011
    assert server.sent[-1] == {"type": "websocket.close", "code": 4011}


async def test_a_refusal_completes_the_handshake_so_that_a_page_can_read_the_code() -> None:
    server = ScriptedServer(CONNECT)

    await refuse(offering("hugathome.v1"), server.receive, server.send, code=4015)

    assert server.sent == [
        {"type": "websocket.accept", "subprotocol": "hugathome.v1"},
        {"type": "websocket.close", "code": 4015},
    ]


async def test_a_client_that_leaves_during_the_handshake_raises_transport_closed() -> None:
    server = ScriptedServer(DISCONNECT)

    with pytest.raises(TransportClosed):
        await accept(offering("hugathome.v1"), server.receive, server.send)


async def test_a_server_that_lost_the_client_before_accepting_raises_transport_closed() -> None:
    server = ScriptedServer(CONNECT, failing=OSError())

    with pytest.raises(TransportClosed):
        await accept(offering("hugathome.v1"), server.receive, server.send)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "websocket.receive", "bytes": b"{}"},
        {"type": "websocket.receive", "bytes": b"{}", "text": None},
    ],
)
async def test_a_binary_frame_closes_with_4000(event: dict[str, Any]) -> None:
    server = ScriptedServer(event)
    transport = AsgiTransport(server.receive, server.send)

    with pytest.raises(RemoteProtocolError) as refused:
        await transport.receive()

    assert refused.value.code == 4000
    assert server.sent == [{"type": "websocket.close", "code": 4000}]
    with pytest.raises(TransportClosed):
        await transport.receive()


async def test_an_oversize_frame_closes_with_4009_and_nothing_of_it_is_returned() -> None:
    server = ScriptedServer(text_frame("é" * 5))
    transport = AsgiTransport(server.receive, server.send, frame_limit=9)

    with pytest.raises(RemoteProtocolError) as refused:
        await transport.receive()

    assert refused.value.code == 4009
    assert server.sent == [{"type": "websocket.close", "code": 4009}]


async def test_the_limit_counts_bytes_and_includes_itself() -> None:
    server = ScriptedServer(text_frame("é" * 5))
    transport = AsgiTransport(server.receive, server.send, frame_limit=10)

    assert await transport.receive() == "é" * 5


@pytest.mark.parametrize("text", ["x" * 65_537, "\ud83d"])
async def test_what_is_no_frame_is_refused_before_anything_is_sent(text: str) -> None:
    server = ScriptedServer()
    transport = AsgiTransport(server.receive, server.send)

    with pytest.raises(LocalProtocolError):
        await transport.send(text)

    assert server.sent == []


@pytest.mark.parametrize("failing", [OSError("gone"), RuntimeError("after sending 'websocket.close'")])
async def test_a_server_that_lost_the_client_raises_transport_closed(failing: Exception) -> None:
    server = ScriptedServer(failing=failing)
    transport = AsgiTransport(server.receive, server.send)

    with pytest.raises(TransportClosed):
        await transport.send("hello")

    await transport.aclose()


async def test_closing_sends_one_close_however_often_it_is_called() -> None:
    server = ScriptedServer()
    transport = AsgiTransport(server.receive, server.send)

    await transport.aclose()
    await transport.aclose()

    assert server.sent == [{"type": "websocket.close", "code": 1000}]


async def test_no_close_is_sent_to_a_client_that_has_left() -> None:
    server = ScriptedServer(DISCONNECT)
    transport = AsgiTransport(server.receive, server.send)
    with pytest.raises(TransportClosed):
        await transport.receive()

    await transport.aclose()

    assert server.sent == []

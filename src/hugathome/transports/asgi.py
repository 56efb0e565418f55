"""The server's end of a WebSocket, over any ASGI server; it imports no framework.

`accept` takes the handshake and gives an `AsgiTransport`; `refuse` turns it away with a close code that
a page can read. Who may connect, and from which origin, is decided by whoever calls them.

The connection ends when the ASGI application returns: stay in it for as long as the transport is used.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import Any, Never, final

from hugathome.errors import RemoteProtocolError, TransportClosed
from hugathome.transports._wire import CLOSE_SECONDS, FRAME_LIMIT, SUBPROTOCOL, check_outgoing

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_OWN_NETWORK = 64
"""Bits of an IPv6 address that name whose it is; the rest is theirs to choose."""


async def accept(
    scope: Scope, receive: Receive, send: Send, *, frame_limit: int = FRAME_LIMIT
) -> "AsgiTransport":
    """Take the handshake of a scope of type `websocket` and return its transport.

    A client that does not offer `hugathome.v1` is refused with 4011, and `RemoteProtocolError` raised;
    one that is gone already raises `TransportClosed`.
    """
    if SUBPROTOCOL not in scope["subprotocols"]:
        await refuse(scope, receive, send, code=4011)
        raise RemoteProtocolError("the client offers no version of ours", code=4011)
    await _shake_hands(receive, send, subprotocol=SUBPROTOCOL)
    return AsgiTransport(receive, send, frame_limit=frame_limit)


async def refuse(scope: Scope, receive: Receive, send: Send, *, code: int) -> None:
    """Close the WebSocket with `code` before anything was said.

    The handshake is completed first: of a refused one, JavaScript sees neither status nor code, and a
    page that cannot tell "never" from "not now" reconnects for ever.
    """
    offered = scope["subprotocols"]
    await _shake_hands(receive, send, subprotocol=offered[0] if offered else None)
    with suppress(OSError):
        await send({"type": "websocket.close", "code": code})


def client_of(scope: Scope) -> str | None:
    """Return the address that a scope comes from, if known: of IPv6 its network, which is one client's."""
    client = scope.get("client")
    if not client:
        return None
    try:
        address = ip_address(client[0])
    except ValueError:  # a name, as of a Unix socket
        return str(client[0])
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((int(address), _OWN_NETWORK), strict=False))


async def _shake_hands(receive: Receive, send: Send, *, subprotocol: str | None) -> None:
    event = await receive()
    if event["type"] != "websocket.connect":
        raise TransportClosed("the client went away during the handshake")
    try:
        await send({"type": "websocket.accept", "subprotocol": subprotocol})
    except OSError as gone:
        raise TransportClosed("the client went away during the handshake") from gone


@final
class AsgiTransport:
    """An accepted WebSocket; one task at a time receives, any number may send.

    `send` waits while the server's buffer is full. Frames are text of at most `frame_limit` bytes.
    """

    def __init__(self, receive: Receive, send: Send, *, frame_limit: int = FRAME_LIMIT) -> None:
        self._receive = receive
        self._send = send
        self._frame_limit = frame_limit
        self._closed = False

    async def send(self, text: str) -> None:
        """Send one frame, or raise `TransportClosed`, or `LocalProtocolError` for what is no frame."""
        check_outgoing(text, limit=self._frame_limit)
        if self._closed:
            raise TransportClosed("the WebSocket is closed")
        try:
            await self._send({"type": "websocket.send", "text": text})
        except (OSError, RuntimeError) as gone:
            # ASGI asks for OSError; servers that have begun to close by themselves raise RuntimeError.
            raise TransportClosed("the WebSocket is closed") from gone

    async def receive(self) -> str:
        """Return the next frame, or raise `TransportClosed` once there are no more.

        An oversize frame closes with 4009, a binary one with 4000; both raise `RemoteProtocolError`.
        """
        if self._closed:
            raise TransportClosed("the WebSocket is closed")
        event = await self._receive()
        if event["type"] != "websocket.receive":
            self._closed = True
            raise TransportClosed("the WebSocket is closed")
        text = event.get("text")
        if not isinstance(text, str):
            await self._turn_away("a binary frame", code=4000)
        if len(text.encode(errors="surrogatepass")) > self._frame_limit:
            await self._turn_away(f"a frame larger than {self._frame_limit} bytes", code=4009)
        return text

    async def aclose(self) -> None:
        """Close both directions; a receive that waits is ended by the server's disconnect."""
        await self._close(1000)

    async def _turn_away(self, what: str, *, code: int) -> Never:
        await self._close(code)
        raise RemoteProtocolError(f"the client sent {what}", code=code)

    async def _close(self, code: int) -> None:
        if self._closed:
            return
        self._closed = True
        # Behind a client that stopped reading, the close frame waits for room that never comes.
        with suppress(OSError, RuntimeError):  # TimeoutError is an OSError
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._send({"type": "websocket.close", "code": code})

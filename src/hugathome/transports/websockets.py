"""The client's end of a WebSocket, over the library `websockets` (the extra `server`).

    transport = await connect("wss://visit.example.ch/signalling", origin="https://visit.example.ch")

It reads no environment: a proxy is used when it is named. Compression is off: it lets small frames
grow, and signalling is tiny. The library's pings are off: the protocol has its own, one clock for all.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from ssl import SSLContext
from typing import Any, final

from hugathome.errors import InvalidInput, MissingExtra, RemoteProtocolError, TransportClosed
from hugathome.transports._wire import CLOSE_SECONDS, FRAME_LIMIT, SUBPROTOCOL, check_outgoing

try:
    from websockets.asyncio import client
    from websockets.exceptions import ConnectionClosed, InvalidURI, NegotiationError, WebSocketException
    from websockets.typing import Origin, Subprotocol
except ImportError:
    raise MissingExtra("server") from None

_WE_REFUSED = {1002: 4000, 1003: 4000, 1007: 4000, 1009: 4009}
"""Close codes with which the library answers a peer that breaks RFC 6455, and ours for the same."""
_NOT_OURS = "the server speaks no version of ours"


async def connect(
    url: str,
    *,
    origin: str | None = None,
    ssl: SSLContext | None = None,
    proxy: str | None = None,
    open_timeout: timedelta = timedelta(seconds=10),
) -> "WebSocketTransport":
    """Connect to a `ws://` or `wss://` address and return the transport; whoever calls closes it.

    Without an `ssl` context, `wss` is verified against the machine's authorities. Raises `InvalidInput`
    for what is no such address, `TransportClosed` when nobody answers or the handshake is refused, and
    `RemoteProtocolError` (4011) for a server without `hugathome.v1`.
    """
    tls: dict[str, Any] = {} if ssl is None else {"ssl": ssl}
    try:
        socket = await client.connect(
            url,
            origin=None if origin is None else Origin(origin),
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,
            proxy=proxy,
            open_timeout=open_timeout.total_seconds(),
            ping_interval=None,
            close_timeout=CLOSE_SECONDS,
            max_size=FRAME_LIMIT,
            **tls,
        )
    except NegotiationError as refused:
        raise RemoteProtocolError(_NOT_OURS, code=4011) from refused
    except InvalidURI as refused:
        raise InvalidInput("not a ws:// or wss:// address") from refused
    except (OSError, WebSocketException) as failed:  # before ValueError: a certificate's error is both
        raise TransportClosed("the server could not be reached") from failed
    except ValueError as refused:
        raise InvalidInput("the address and the options do not go together") from refused
    transport = WebSocketTransport(socket)
    if socket.subprotocol is None:
        await transport.aclose()
        raise RemoteProtocolError(_NOT_OURS, code=4011)
    return transport


@final
class WebSocketTransport:
    """A connected WebSocket; one task at a time receives, any number may send."""

    def __init__(self, socket: client.ClientConnection) -> None:
        self._socket = socket
        self._closed = False

    async def send(self, text: str) -> None:
        """Send one frame, or raise `TransportClosed`, or `LocalProtocolError` for what is no frame."""
        check_outgoing(text, limit=FRAME_LIMIT)
        if self._closed:
            raise TransportClosed("the WebSocket is closed")
        try:
            await self._socket.send(text)
        except ConnectionClosed as ended:
            raise TransportClosed("the WebSocket is closed") from ended

    async def receive(self) -> str:
        """Return the next frame, or raise `TransportClosed` once there are no more.

        An oversize frame closes and raises `RemoteProtocolError` (4009), a binary one too (4000).
        """
        if self._closed:
            raise TransportClosed("the WebSocket is closed")
        try:
            frame = await self._socket.recv()
        except ConnectionClosed as ended:
            raise _explained(ended) from ended
        if isinstance(frame, bytes):
            await self.aclose()
            raise RemoteProtocolError("the server sent a binary frame", code=4000)
        return frame

    async def aclose(self) -> None:
        """Close both directions, at the latest after the time that a dead peer is given."""
        self._closed = True
        try:
            with suppress(TimeoutError):  # the library waits without a limit for room in its buffer
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._socket.close()
        finally:
            self._socket.transport.abort()
        await self._socket.wait_closed()


def _explained(ended: ConnectionClosed) -> TransportClosed | RemoteProtocolError:
    if ended.sent is not None and not ended.rcvd_then_sent and ended.sent.code in _WE_REFUSED:
        return RemoteProtocolError("the server broke the protocol", code=_WE_REFUSED[ended.sent.code])
    return TransportClosed("the WebSocket is closed")

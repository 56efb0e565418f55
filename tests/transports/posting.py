"""A server on 127.0.0.1 whose connections are carried by POSTs, and which hands its ends to a test."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from hugathome.signalling import Transport
from hugathome.transports.asgi import Scope
from hugathome.transports.http import PostedConnections
from hugathome.transports.httpx import PostedTransport, connect
from hugathome.web.serving import listening, serving


class Site:
    """Keeps every end that was opened; an end is served until it is closed."""

    def __init__(self) -> None:
        self.url = ""
        self.ends: asyncio.Queue[ServedEnd] = asyncio.Queue()

    async def serve(self, transport: Transport, _scope: Scope) -> None:
        end = ServedEnd(transport)
        self.ends.put_nowait(end)
        await end.closed.wait()

    async def streamed_pair(self) -> tuple[PostedTransport, "ServedEnd"]:
        return await connect(self.url), await self.ends.get()

    async def polled_pair(self) -> tuple[PostedTransport, "ServedEnd"]:
        return await connect(self.url, streams=False), await self.ends.get()


class ServedEnd:
    """The server's end; whoever serves it stays until it is closed."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.closed = asyncio.Event()

    async def send(self, text: str) -> None:
        await self._transport.send(text)

    async def receive(self) -> str:
        return await self._transport.receive()

    async def aclose(self) -> None:
        await self._transport.aclose()
        self.closed.set()


@asynccontextmanager
async def posting_site() -> AsyncIterator[Site]:
    """Serve connections on a port of their own."""
    site = Site()
    application = PostedConnections(site.serve, allow=lambda _: {}, randomness=secrets.token_bytes)
    bound = listening()
    site.url = f"http://127.0.0.1:{bound.getsockname()[1]}/signal/http"
    async with serving(application, bound):
        yield site

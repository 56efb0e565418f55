"""Pairs of connected ends, by what carries them: in memory, or over a server on 127.0.0.1."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from tests.transports.posting import ServedEnd, posting_site

from hugathome.signalling import Transport
from hugathome.transports.asgi import Receive, Scope, Send, accept
from hugathome.transports.memory import memory_pair
from hugathome.transports.websockets import connect
from hugathome.web.serving import listening, serving

ConnectPair = Callable[[], Awaitable[tuple[Transport, Transport]]]
CARRIERS = ("memory", "sockets", "streams", "polls")


@asynccontextmanager
async def pairs(carrier: str) -> AsyncIterator[ConnectPair]:
    """Return what connects two ends while the block runs."""
    match carrier:
        case "memory":
            yield _memory_pair
        case "sockets":
            async with _sockets() as connect_pair:
                yield connect_pair
        case _:
            async with posting_site() as site:
                yield site.streamed_pair if carrier == "streams" else site.polled_pair


async def _memory_pair() -> tuple[Transport, Transport]:
    return memory_pair()


@asynccontextmanager
async def _sockets() -> AsyncIterator[ConnectPair]:
    ends: asyncio.Queue[ServedEnd] = asyncio.Queue()

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            end = ServedEnd(await accept(scope, receive, send))
            ends.put_nowait(end)
            await end.closed.wait()

    bound = listening()
    url = f"ws://127.0.0.1:{bound.getsockname()[1]}"

    async def connect_pair() -> tuple[Transport, Transport]:
        return await connect(url), await ends.get()

    async with serving(application, bound):
        yield connect_pair

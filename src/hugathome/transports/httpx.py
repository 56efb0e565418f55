"""The client's end of a connection that is carried by POSTs, over the library `httpx`.

    transport = await connect("https://visit.example.ch/signal/http")
    transport = await connect("https://visit.example.ch/signal/http", streams=False)     in long polls

For networks in which no WebSocket is to be had. It reads no environment: a proxy is used when it is named.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from datetime import timedelta
from ssl import SSLContext
from typing import final

from hugathome.errors import TransportClosed
from hugathome.transports._posted import CAPACITY, LONGEST_WAIT, Asked, Told
from hugathome.transports._posting import Posting
from hugathome.transports._wire import CLOSE_SECONDS, FRAME_LIMIT, check_outgoing
from hugathome.transports.memory import memory_pair


async def connect(
    url: str,
    *,
    streams: bool = True,
    wait: timedelta = timedelta(seconds=LONGEST_WAIT),
    origin: str | None = None,
    ssl: SSLContext | None = None,
    proxy: str | None = None,
    open_timeout: timedelta = timedelta(seconds=10),
) -> "PostedTransport":
    """Open a connection at an `http://` or `https://` address; whoever calls closes it.

    It is told everything in one stream, or without `streams` by asking again and again, each time waiting
    for at most `wait`. Raises `InvalidInput` for what is no such address, `TransportClosed` where nobody
    answers or the connection is refused.
    """
    posting = Posting(url, origin=origin, ssl=ssl, proxy=proxy)
    telling = posting.streamed() if streams else posting.polled(wait.total_seconds())
    try:
        async with asyncio.timeout(open_timeout.total_seconds()):
            first = await anext(telling)
    except BaseException as failed:
        await telling.aclose()
        await posting.aclose()
        if isinstance(failed, TimeoutError):
            raise TransportClosed("the server does not answer") from failed
        raise
    return PostedTransport(posting, first.connection or "", telling)


@final
class PostedTransport:
    """An open connection; one task at a time receives, any number may send."""

    def __init__(self, posting: Posting, name: str, telling: AsyncGenerator[Told]) -> None:
        self._posting = posting
        self._name = name
        self._telling = telling
        self._end, self._far = memory_pair(capacity=CAPACITY)
        self._speaking = asyncio.create_task(self._speak())
        self._listening = asyncio.create_task(self._listen())
        self._closing: asyncio.Task[None] | None = None

    async def send(self, text: str) -> None:
        """Send one frame, or raise `TransportClosed`, or `LocalProtocolError` for what is no frame."""
        check_outgoing(text, limit=FRAME_LIMIT)
        await self._end.send(text)

    async def receive(self) -> str:
        """Return the next frame, or raise `TransportClosed` once there are no more."""
        return await self._end.receive()

    async def aclose(self) -> None:
        """Close both directions, at the latest after the time that a dead peer is given."""
        self._closing = self._closing or asyncio.create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        await self._end.aclose()
        await asyncio.wait({self._speaking}, timeout=CLOSE_SECONDS)
        for task in (self._speaking, self._listening):
            task.cancel()
        await asyncio.wait({self._speaking, self._listening})
        await self._posting.aclose()

    async def _listen(self) -> None:
        with suppress(TransportClosed):
            async with aclosing(self._telling):
                async for told in self._telling:
                    for frame in told.frames:
                        await self._far.send(frame)
        await self._far.aclose()

    async def _speak(self) -> None:
        taken = 0
        try:
            while frames := await self._spoken():
                while frames:
                    asked = Asked(connection=self._name, number=taken + 1, frames=tuple(frames))
                    told = await self._posting.ask(asked)
                    taken, frames = told.taken, frames[told.taken - taken :]
            await self._posting.ask(Asked(connection=self._name, ends=True))
        except TransportClosed:
            # whoever has closed may have said why: that is still under way
            await asyncio.wait({self._listening}, timeout=CLOSE_SECONDS)
            await self._far.aclose()

    async def _spoken(self) -> list[str]:
        """Return the next frames that were sent; none once there are no more."""
        try:
            return await self._far.receive_some(size=FRAME_LIMIT)
        except TransportClosed:
            return []

"""The requests that carry a connection, as a client makes them with `httpx`."""

from collections.abc import AsyncGenerator, AsyncIterator
from ssl import PROTOCOL_TLS_CLIENT, SSLContext, create_default_context
from typing import final

import httpx

from hugathome.errors import InvalidInput, TransportClosed
from hugathome.transports._posted import COMMENT_EVERY, EVENTS, JSON, LONGEST_WAIT, Asked, Told

_SILENCE = max(2 * COMMENT_EVERY, LONGEST_WAIT) + 10
"""Seconds without a byte after which a stream or an answer is taken for lost."""
_REFUSED = "the server does not answer, or has no such connection"


@final
class Posting:
    """Asks at one address; every failure is `TransportClosed`."""

    def __init__(
        self, url: str, *, origin: str | None = None, ssl: SSLContext | None = None, proxy: str | None = None
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InvalidInput("not an http:// or https:// address")
        is_tls = url.startswith("https:")  # loading the authorities takes longer than all the rest
        trusting = ssl or (create_default_context() if is_tls else SSLContext(PROTOCOL_TLS_CLIENT))
        self._url = url
        self._client = httpx.AsyncClient(
            headers={"Content-Type": JSON, **({} if origin is None else {"Origin": origin})},
            verify=trusting,
            proxy=proxy,
            trust_env=False,
            timeout=_SILENCE,
        )

    async def ask(self, asked: Asked) -> Told:
        """Return what one request is answered; one that may have got lost is made once more.

        Frames are numbered, so nothing happens twice.
        """
        try:
            try:
                answer = await self._post(asked)
            except httpx.TransportError:
                answer = await self._post(asked)
        except httpx.HTTPError as lost:
            raise TransportClosed(_REFUSED) from lost
        return _told(answer.content if answer.is_success else b"")

    async def _post(self, asked: Asked) -> httpx.Response:
        return await self._client.post(self._url, content=asked.to_json())

    async def streamed(self) -> AsyncGenerator[Told]:
        """Open a connection, and yield what it is told in one stream."""
        events = {"Accept": EVENTS, "Accept-Encoding": "identity"}
        content = Asked().to_json()
        try:
            async with self._client.stream("POST", self._url, content=content, headers=events) as answer:
                if not answer.is_success:
                    raise TransportClosed(_REFUSED)
                async for event in _events(answer.aiter_bytes()):
                    yield _told(event)
        except httpx.HTTPError as lost:
            raise TransportClosed(_REFUSED) from lost

    async def polled(self, wait: float) -> AsyncGenerator[Told]:
        """Open a connection, and yield what it is told by asking again and again."""
        told = await self.ask(Asked())
        name, after = told.connection, 0
        while not told.ended:
            yield told
            told = await self.ask(Asked(connection=name, after=after, wait=wait))
            after = told.number + len(told.frames) - 1
        yield told

    async def aclose(self) -> None:
        """Close every connection to the server."""
        await self._client.aclose()


def _told(body: bytes) -> Told:
    try:
        return Told.from_json(body)
    except InvalidInput as broken:  # a proxy's page in the place of an answer
        raise TransportClosed(_REFUSED) from broken


async def _events(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield the data of each event; comments are no events."""
    buffer = b""
    async for chunk in chunks:
        *whole, buffer = (buffer + chunk).split(b"\n\n")
        for event in whole:
            if event.startswith(b"data: "):
                yield event.removeprefix(b"data: ")

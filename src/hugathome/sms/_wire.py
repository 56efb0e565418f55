"""One POST to a gateway, with an event loop or without; neither ever raises for what the network does.

No answer's body is read unless the request asks for its beginning: the status decides, so that a body may
be huge, endless or no JSON at all.
Redirects are not followed: they would carry the text and the credentials elsewhere. The environment is
not read.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from hugathome.clock import Clock
from hugathome.discretion import emptied

if TYPE_CHECKING:
    import httpx


_BEGINNING = 16 * 1024
"""Bytes of a body that are read at most, give or take one chunk."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Request:
    """What is posted."""

    url: str
    headers: Mapping[str, str]
    content: bytes
    wants_body: bool = False
    """Whether the answer is in the body, of which the beginning is read."""

    @property
    def carried(self) -> dict[str, Any]:
        """What either of httpx's clients takes beside the URL."""
        return {"headers": self.headers, "content": self.content}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of one POST: a status, or the error that stands for none."""

    status: int | None = None
    retry_after: str | None = None
    error: Exception | None = None
    unconnected: bool = False
    """Whether the request certainly never left."""
    body: bytes = b""
    """The beginning of the body, where it was asked for."""

    @classmethod
    def of(cls, response: "httpx.Response", body: bytes) -> "Answer":
        """Keep the head of `response`."""
        return cls(status=response.status_code, retry_after=response.headers.get("Retry-After"), body=body)

    @property
    def is_acceptance(self) -> bool:
        """Whether the status says that the gateway has taken the message."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_refusal(self) -> bool:
        """Whether the gateway certainly has not taken it: it was never reached, or it said no."""
        return self.unconnected or (self.status is not None and self.status < 500 and self.status != 408)

    @property
    def reason(self) -> str:
        """What happened, in words that hold nothing personal."""
        if self.status is not None:
            return f"the gateway answered {self.status}"
        return "no connection to the gateway" if self.unconnected else "no answer from the gateway"


class Wire(Protocol):
    """Posts requests, and waits between them."""

    async def post(self, request: Request) -> Answer:
        """Return what became of `request`."""
        ...

    async def pause(self, seconds: float) -> None:
        """Return once `seconds` have passed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Line:
    """How a gateway is reached."""

    seconds: float
    """Allowed for one POST."""
    proxy: str | None
    tls: ssl.SSLContext | None

    @cached_property
    def options(self) -> dict[str, Any]:
        """What either of httpx's clients is made with; loading the roots takes some 20 ms, once."""
        import httpx

        return {
            "timeout": self.seconds,
            "proxy": self.proxy,
            "verify": self.tls or httpx.create_ssl_context(trust_env=False),
            "trust_env": False,
            "follow_redirects": False,
        }


class AsyncWire:
    """Posts on the running event loop and waits on a clock."""

    def __init__(self, line: Line, *, clock: Clock) -> None:
        self._line = line
        self._clock = clock

    async def post(self, request: Request) -> Answer:
        """Return what became of `request` once there is a status, or its time is over."""
        import httpx

        options = self._line.options  # before the clock runs: loading the roots is not the gateway's time
        try:
            async with (
                asyncio.timeout(self._line.seconds),
                httpx.AsyncClient(**options) as client,
                client.stream("POST", request.url, **request.carried) as response,
            ):
                return Answer.of(response, await self._beginning(response) if request.wants_body else b"")
        except (httpx.HTTPError, TimeoutError) as error:
            return _failed(error)

    async def pause(self, seconds: float) -> None:
        """Return once `seconds` have passed on the clock."""
        await self._clock.sleep(seconds)

    @staticmethod
    async def _beginning(response: "httpx.Response") -> bytes:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _BEGINNING:
                break
        return bytes(body)


class BlockingWire:
    """Posts and waits in the calling thread, and never suspends.

    Its time is allowed for each step, connecting and every wait for bytes, not for their sum.
    """

    def __init__(self, line: Line) -> None:
        self._line = line

    async def post(self, request: Request) -> Answer:
        """Return what became of `request` once there is a status, or a step took too long."""
        return self._post(request)

    async def pause(self, seconds: float) -> None:
        """Return once `seconds` have passed."""
        time.sleep(seconds)  # noqa: ASYNC251 - there is no event loop to hold up

    def _post(self, request: Request) -> Answer:
        import httpx

        try:
            with (
                httpx.Client(**self._line.options) as client,
                client.stream("POST", request.url, **request.carried) as response,
            ):
                return Answer.of(response, self._beginning(response) if request.wants_body else b"")
        except httpx.HTTPError as error:
            return _failed(error)

    @staticmethod
    def _beginning(response: "httpx.Response") -> bytes:
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > _BEGINNING:
                break
        return bytes(body)


def _failed(error: Exception) -> Answer:
    import httpx

    is_unconnected = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
    return Answer(error=emptied(error), unconnected=is_unconnected)

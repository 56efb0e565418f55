"""What a page asks of a site: in memory, or over HTTP and WebSocket."""

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from hugathome.clock import Clock, SystemClock
from hugathome.errors import HugathomeError, InvalidInput, TransportClosed
from hugathome.signalling import Transport
from hugathome.transports.memory import memory_pair
from hugathome.web.api import Api

if TYPE_CHECKING:
    import httpx

    from hugathome.app import HugAtHome

Answer = Mapping[str, Any]


class Site(Protocol):
    """A page's way to the server."""

    @property
    def clock(self) -> Clock:
        """The clock that the page's timers run on."""
        ...

    async def ask(self, call: str, **asked: str) -> Answer:
        """Make a call of the API (`docs/reference/http-api.md`); raise what it refuses with.

        Raises `TransportClosed` where nobody answers.
        """
        ...

    async def connect(self) -> Transport:
        """Open a transport to the hub."""
        ...

    async def aclose(self) -> None:
        """Close what was opened for this page."""
        ...


class MemorySite:
    """The deployment in this process: no network and no HTTP."""

    def __init__(self, hug: "HugAtHome") -> None:
        self._hug = hug
        self._api = Api(hug)
        self._served: set[asyncio.Task[None]] = set()

    @property
    def clock(self) -> Clock:
        """The deployment's clock."""
        return self._hug.clock

    async def ask(self, call: str, **asked: str) -> Answer:
        """Make a call of the API."""
        known = self._api.calls.get(call)
        if known is None:
            raise InvalidInput("the API has no such call")
        return await known.do(known.form(**asked))

    async def connect(self) -> Transport:
        """Serve one end of a pair and return the other."""
        here, there = memory_pair()
        serving = asyncio.create_task(self._hug.serve(there))
        self._served.add(serving)
        serving.add_done_callback(self._served.discard)
        return here

    async def aclose(self) -> None:
        """Do nothing: other pages may still be served."""

    async def drained(self) -> None:
        """Return once nothing is served any more."""
        await asyncio.gather(*self._served)


class Way(StrEnum):
    """What carries a visit: a WebSocket, or what is there for networks that refuse one."""

    SOCKET = "socket"
    STREAM = "stream"
    POLLS = "polls"


class HttpSite:
    """A site at an address, such as `http://127.0.0.1:8000/visit`; `way` carries the visit."""

    def __init__(self, base: str, *, way: Way = Way.SOCKET) -> None:
        self._way = way
        self.clock: Clock = SystemClock()
        self._base = base.rstrip("/")
        self._http: httpx.AsyncClient | None = None

    async def ask(self, call: str, **asked: str) -> Answer:
        """Make a call of the API."""
        import httpx

        # no connection outlives its call: a robot that never enters the visit is never closed
        at_once = httpx.Limits(max_keepalive_connections=0)
        self._http = self._http or httpx.AsyncClient(trust_env=False, limits=at_once)
        try:
            answer = await self._http.post(f"{self._base}/api/{call}", json=asked)
            told: Answer = answer.json()
        except (httpx.TransportError, ValueError) as failed:  # a proxy answers for a dead server, in HTML
            raise TransportClosed("the site does not answer") from failed
        if answer.is_success:
            return told
        raise _refusal(told)

    async def connect(self) -> Transport:
        """Open a WebSocket, or a connection over HTTP."""
        if self._way is Way.SOCKET:
            from hugathome.transports.websockets import connect

            return await connect(f"ws{self._base.removeprefix('http')}/signal")
        from hugathome.transports.httpx import connect as connect_by_posts

        return await connect_by_posts(f"{self._base}/signal/robot", streams=self._way is Way.STREAM)

    async def aclose(self) -> None:
        """Close the HTTP connections."""
        if self._http is not None:
            await self._http.aclose()
            self._http = None


def _refusal(problem: Answer) -> HugathomeError:
    """Return the error that a problem document stands for, less the facts that only the server knows."""
    kind = _kinds(HugathomeError).get(problem.get("type", ""), HugathomeError)
    error = kind.__new__(kind)
    error.args = (problem.get("detail"),)
    return error


def _kinds(root: type[HugathomeError]) -> dict[str, type[HugathomeError]]:
    """Return the most general class of each problem type."""
    kinds: dict[str, type[HugathomeError]] = {}
    for kind in root.__subclasses__():
        kinds |= _kinds(kind)
    return kinds | {root.problem: root}

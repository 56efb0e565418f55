"""The server's ends of connections that are carried by POSTs, for proxies that refuse WebSockets; plain ASGI.

    POST, Accept: text/event-stream     opens a connection, and is told everything in one stream
    POST                                opens one, says frames, or asks for those that wait

Connections live in this process: one that was opened elsewhere is not found here (404), and its device
comes back with a new one. Origin, type and size are held against a request before it is read; what the
frames mean is none of its business. `docs/reference/signalling.md` has the whole exchange.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from typing import final

from hugathome.errors import RemoteProtocolError, TransportClosed
from hugathome.signalling import Transport
from hugathome.transports._held import Held
from hugathome.transports._posted import EVENTS, Asked, Told
from hugathome.transports._requests import answer, read, refusal, stream
from hugathome.transports.asgi import Receive, Scope, Send, client_of

_UNBUFFERED = {"Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no"}


@final
class PostedConnections:
    """An ASGI application at one address; what opens a connection is given to `serve` with its scope.

    `allow` returns the headers of an answer to a page of this origin, and `None` for one that is refused.
    At `most` so many are open at once; one for which nobody asks within `patience` is cut. Where there is no
    room, whichever client has opened most that came to nothing yet gives way to one that has opened fewer.
    """

    def __init__(
        self,
        serve: Callable[[Transport, Scope], Awaitable[None]],
        *,
        allow: Callable[[str | None], Mapping[str, str] | None],
        randomness: Callable[[int], bytes],
        most: int = 1000,
        patience: timedelta = timedelta(seconds=10),
    ) -> None:
        self._serve = serve
        self._allow = allow
        self._randomness = randomness
        self._most = most
        self._patience = patience
        self._held: dict[str, Held] = {}
        self._clients: dict[str, str] = {}
        """By connection, who opened it."""
        self._served: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        has = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        allowed = self._allow(has.get("origin"))
        headers = {**(allowed or {}), **_UNBUFFERED}
        refused = HTTPStatus.FORBIDDEN if allowed is None else refusal(scope, has)
        with suppress(OSError, TransportClosed):  # the client has gone
            asked = refused or await read(receive)
            if not isinstance(asked, Asked):
                await answer(send, headers, asked)
            elif asked.connection is None and EVENTS in has.get("accept", ""):
                await self._stream(headers, scope, receive=receive, send=send)
            else:
                await answer(send, headers, await self._told(asked, scope))

    async def _stream(
        self, headers: Mapping[str, str], scope: Scope, *, receive: Receive, send: Send
    ) -> None:
        if (name := self._opened(scope)) is None:
            await answer(send, headers, HTTPStatus.SERVICE_UNAVAILABLE)
            return
        with (held := self._held[name]).asked():
            await stream(held, name, headers, receive=receive, send=send)

    async def _told(self, asked: Asked, scope: Scope) -> Told | HTTPStatus:
        if (name := asked.connection or self._opened(scope)) is None:
            return HTTPStatus.SERVICE_UNAVAILABLE
        if (held := self._held.get(name)) is None:
            return HTTPStatus.NOT_FOUND
        with held.asked():
            try:
                told = await held.exchanged(asked)
            except TransportClosed:
                return HTTPStatus.NOT_FOUND
            except RemoteProtocolError:
                return HTTPStatus.BAD_REQUEST
        return told if asked.connection else told.but(connection=name)

    def _opened(self, scope: Scope) -> str | None:
        """Open a connection and return its name, if there is room for one more, or can be made."""
        client = client_of(scope) or ""
        if len(self._held) >= self._most and not self._has_made_room(client):
            return None
        name = self._randomness(24).hex()
        self._clients[name] = client
        held = self._held[name] = Held(patience=self._patience, gone=lambda: self._gone(name))
        task = asyncio.create_task(self._serving(held, scope))
        self._served.add(task)  # it ends with its connection
        task.add_done_callback(self._served.discard)
        return name

    def _has_made_room(self, client: str) -> bool:
        """Cut the oldest connection of whoever has most that were not taken up, if they have more."""
        idle = [name for name, held in self._held.items() if not held.is_established]
        counts = Counter(self._clients[name] for name in idle)
        greediest = max(counts, key=lambda each: counts[each], default=client)
        if counts[greediest] <= counts[client]:
            return False
        self._held[next(name for name in idle if self._clients[name] == greediest)].cut()
        return True

    async def _serving(self, held: Held, scope: Scope) -> None:
        try:
            await self._serve(held.transport, scope)
        finally:
            held.is_served = False
            await held.transport.aclose()

    def _gone(self, name: str) -> None:
        self._held.pop(name, None)
        self._clients.pop(name, None)

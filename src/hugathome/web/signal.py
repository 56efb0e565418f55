"""Where devices connect: a WebSocket, and the same by POSTs for those whose proxy refuses one.

Whose page may connect is decided here; what is said, by the hub alone.
"""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

from hugathome.discretion import log_unexpected
from hugathome.errors import RemoteProtocolError, TransportClosed
from hugathome.protocol.wire import CloseCode
from hugathome.signalling import Transport
from hugathome.transports.asgi import Receive, Scope, Send, accept, client_of, refuse
from hugathome.transports.http import PostedConnections
from hugathome.web.origins import Origins
from hugathome.web.pages import API_HEADERS

if TYPE_CHECKING:
    from hugathome.app import HugAtHome


class SocketEndpoint:
    """The WebSocket. An instance and no function: Starlette's own wrapper would hide what ASGI says."""

    def __init__(self, hug: "HugAtHome", origins: Origins) -> None:
        self._hug = hug
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one device until it has gone."""
        origin = dict(scope["headers"]).get(b"origin")
        try:
            if not self._origins.may_ask(None if origin is None else origin.decode("latin-1")):
                await refuse(scope, receive, send, code=CloseCode.ORIGIN_REFUSED)
                return
            transport = await accept(scope, receive, send)
        except (RemoteProtocolError, TransportClosed):
            return  # told already, or gone
        await _serve(self._hug, transport, scope)


def posts_of(hug: "HugAtHome", origins: Origins) -> PostedConnections:
    """Return the endpoint for POSTs."""

    def allow(origin: str | None) -> Mapping[str, str] | None:
        vary = {"Vary": "Origin"} if origins.frames else {}
        return {**API_HEADERS, **vary, **origins.sharing(origin)} if origins.may_ask(origin) else None

    return PostedConnections(partial(_serve, hug), allow=allow, randomness=hug.randomness)


async def _serve(hug: "HugAtHome", transport: Transport, scope: Scope) -> None:
    try:
        await hug.serve(transport, source=client_of(scope))
    except Exception as error:  # noqa: BLE001 - the end of one connection
        log_unexpected(error)
    finally:
        await transport.aclose()

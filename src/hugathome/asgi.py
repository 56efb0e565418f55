"""The web application of a deployment: pages, API and signalling, under any prefix.

    app.mount("/visit", hug.asgi())                    Starlette, FastAPI, …
    application = hug.asgi(otherwise=django_app)       in front of another application, which gets the rest

It starts nothing and needs no lifespan; where a server offers one, its end closes `hug`. A request is
held against origin, type and size before anybody looks at it; refusals are problem documents (RFC 9457).
Looking changes and sends nothing: whatever does is a POST.
"""

import logging
import traceback
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote, urlsplit

from hugathome._api import Answer, Api, CheckInAsked, GrantAsked, LinkAsked, PassAsked, problem
from hugathome._model import Record
from hugathome._pages import API_HEADERS, Kind, Pages
from hugathome.errors import (
    ConfigurationError,
    HugathomeError,
    InvalidInput,
    MissingExtra,
    RemoteProtocolError,
    TransportClosed,
)
from hugathome.openapi import document
from hugathome.organisations import House
from hugathome.roles import Language
from hugathome.transports.asgi import Receive, Scope, Send, accept, refuse

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import ClientDisconnect, Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import BaseRoute, Route, WebSocketRoute
except ImportError:
    raise MissingExtra("server") from None

if TYPE_CHECKING:
    from hugathome.app import HugAtHome

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
"""Any ASGI application; the frameworks' own types for one differ, and all of them fit this."""

BODY_LIMIT = 8 * 1024
"""Bytes in one request."""

_ORIGIN_REFUSED = 4015
_LOGGER = logging.getLogger("hugathome")

Asked = TypeVar("Asked", bound=Record)
Endpoint = Callable[[Request], Awaitable[Response]]


def build(hug: "HugAtHome", *, otherwise: AsgiApp | None = None) -> AsgiApp:
    """Return the application; with `otherwise` it takes the path of the site and hands the rest on.

    Raises `ConfigurationError` where the site has no path of its own to take.
    """
    application = _application(hug)
    if otherwise is None:
        return application
    prefix = unquote(urlsplit(hug.site).path)
    if not prefix:
        raise ConfigurationError("otherwise= needs a site= with a path, such as https://www.example.ch/visit")
    return _beside(application, otherwise, prefix=prefix)


def routes(hug: "HugAtHome") -> list[BaseRoute]:
    """Return every route; `openapi.json` describes them."""
    origins = frozenset({_origin(hug.site), *hug.frames})
    api, pages = Api(hug), _PageRoutes(hug)
    described = document(site=hug.site)

    async def openapi(_: Request) -> Response:
        return JSONResponse(described, headers=API_HEADERS)

    return [
        Route("/j/{link}", _answering(pages.patient)),
        Route("/room", _answering(pages.room)),
        Route("/browser/{name}", _answering(pages.file)),
        Route("/openapi.json", openapi),
        Route("/api/link", _command(api.link, LinkAsked, origins), methods=["POST"]),
        Route("/api/send-code", _command(api.send_code, LinkAsked, origins, status=202), methods=["POST"]),
        Route("/api/check-in", _command(api.check_in, CheckInAsked, origins), methods=["POST"]),
        Route("/api/pass", _command(api.visit_pass, PassAsked, origins), methods=["POST"]),
        Route("/api/grant", _command(api.regrant, GrantAsked, origins), methods=["POST"]),
        WebSocketRoute("/signal", _Signalling(hug, origins)),
    ]


def _application(hug: "HugAtHome") -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        yield
        await hug.aclose()

    application = Starlette(
        routes=routes(hug), lifespan=lifespan, exception_handlers={HTTPException: _http_problem}
    )
    application.router.redirect_slashes = False  # a redirect would name the inner address of a proxied host
    return application


def _beside(ours: AsgiApp, otherwise: AsgiApp, *, prefix: str) -> AsgiApp:
    async def choose(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await ours(scope, receive, send)
            return
        root: str = scope.get("root_path", "")
        path: str = scope["path"].removeprefix(root)
        if path == prefix or path.startswith(f"{prefix}/"):
            await ours({**scope, "root_path": root + prefix}, receive, send)
        else:
            await otherwise(scope, receive, send)

    return choose


class _PageRoutes:
    """What a browser loads."""

    def __init__(self, hug: "HugAtHome") -> None:
        self._hug = hug
        socket = _origin(hug.site).replace("http", "ws", 1)
        self._pages = Pages(socket=socket, frames=hug.frames, entry=hug.entry)

    async def patient(self, request: Request) -> Response:
        """Return the page of an invitation; where that cannot be looked up, one that says whom to call."""
        try:
            session, participant = await self._hug.opened(request.path_params["link"])
        except HugathomeError as refused:
            return self._page("patient", self._common_house(), status=refused.status)
        house = self._hug.house(session.organisation)
        return self._page("patient", house, language=Language(participant.language or house.language))

    async def room(self, _: Request) -> Response:
        """Return the page for whoever holds a grant; the grant is in the fragment, which no server sees."""
        return self._page("room", self._common_house())

    async def file(self, request: Request) -> Response:
        """Return one file of the client."""
        file = self._pages.files.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=file.headers)
        return Response(file.body, headers=file.headers)

    def _page(
        self, kind: Kind, house: House | None, *, language: Language | None = None, status: int = 200
    ) -> Response:
        page = self._pages.render(kind, house=house, language=language)
        return Response(page, status_code=status, headers=self._pages.headers[kind])

    def _common_house(self) -> House | None:
        """Return the settings of every visit, where organisations do not each have their own."""
        with suppress(InvalidInput):
            return self._hug.house("")
        return None


class _Signalling:
    """The WebSocket. An instance and no function: Starlette's own wrapper would hide what ASGI says."""

    def __init__(self, hug: "HugAtHome", origins: frozenset[str]) -> None:
        self._hug = hug
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = dict(scope["headers"]).get(b"origin")
        try:
            if origin is not None and origin.decode("latin-1") not in self._origins:
                await refuse(scope, receive, send, code=_ORIGIN_REFUSED)
                return
            transport = await accept(scope, receive, send)
        except (RemoteProtocolError, TransportClosed):
            return  # told already, or gone
        try:
            await self._hug.serve(transport)
        except Exception as error:  # noqa: BLE001 - the end of one connection
            _log(error)
        finally:
            await transport.aclose()


# --- Reading and answering -----------------------------------------------------------------------


def _command(
    do: Callable[[Asked], Awaitable[Answer]], form: type[Asked], origins: frozenset[str], *, status: int = 200
) -> Endpoint:
    """Return the endpoint that reads `form` from a request of an allowed origin and answers with JSON."""

    async def command(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin is not None and origin not in origins:
            raise HTTPException(403)
        answer = await do(form.from_json(await _body(request)))
        return JSONResponse(answer, status_code=status, headers=API_HEADERS)

    return _answering(command)


async def _body(request: Request) -> bytes:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":  # the only kind that a form on another site cannot send
        raise HTTPException(415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT:
            raise HTTPException(413)
    return bytes(body)


def _answering(endpoint: Endpoint) -> Endpoint:
    """Return `endpoint` with every error turned into a problem, and what nobody expected into a log line."""

    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except HTTPException:
            raise
        except ClientDisconnect:
            raise HTTPException(400) from None
        except HugathomeError as error:
            if error.status == HTTPStatus.INTERNAL_SERVER_ERROR:
                _log(error)
            return _problem(problem(error))
        except Exception as error:  # noqa: BLE001 - the server would print its message
            _log(error)
            return _problem(problem(HugathomeError()))

    return answer


async def _http_problem(_: Request, error: Exception) -> Response:
    status = HTTPStatus(error.status_code if isinstance(error, HTTPException) else 500)
    return _problem({"type": "about:blank", "title": status.phrase, "status": status})


def _problem(body: dict[str, Any]) -> Response:
    headers = dict(API_HEADERS)
    if "retryAfter" in body:
        headers["Retry-After"] = str(body["retryAfter"])
    return JSONResponse(
        body, status_code=body["status"], headers=headers, media_type="application/problem+json"
    )


def _log(error: Exception) -> None:
    """Log what kind of error came from where, and not its message, which may quote somebody."""
    places = [f"{each.filename}:{each.lineno}" for each in traceback.extract_tb(error.__traceback__)[-3:]]
    _LOGGER.error("unexpected %s at %s", type(error).__name__, " < ".join(reversed(places)))


def _origin(url: str) -> str:
    """Return the origin of a URL as browsers write it: lower case, without its scheme's own port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in {None, usual} else "")

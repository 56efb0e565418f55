"""The web application of a deployment: pages, API and signalling, under any prefix.

    app.mount("/visit", hug.asgi())                    Starlette, FastAPI, …
    application = hug.asgi(otherwise=django_app)       in front of another application, which gets the rest

It starts nothing and needs no lifespan; where a server offers one, its end closes `hug`. A request is
held against origin, type and size before anybody looks at it; refusals are problem documents (RFC 9457).
Looking changes and sends nothing: whatever does is a POST. Pages of the origins in `frames=` may ask and
read what the site's own may, for the room that they embed; nobody else's.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from hugathome.errors import ConfigurationError, HugathomeError, MissingExtra
from hugathome.organisations import House
from hugathome.roles import Language
from hugathome.transports.asgi import Receive, Scope, Send
from hugathome.web.api import Api, Call
from hugathome.web.files import Files
from hugathome.web.openapi import document
from hugathome.web.origins import Origins
from hugathome.web.pages import API_HEADERS, Kind, Pages

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response
    from starlette.routing import BaseRoute, Route, WebSocketRoute

    from hugathome.web.endpoints import (
        alive,
        answering,
        command,
        http_problem,
        preflight,
        readiness,
        receiving,
        shared,
    )
    from hugathome.web.signal import SocketEndpoint, posts_of
except ImportError:
    raise MissingExtra("server") from None

if TYPE_CHECKING:
    from hugathome.app import HugAtHome

AsgiApp = Callable[[Any, Any, Any], Awaitable[None]]
"""Any ASGI application; the frameworks' own types for one differ, and all of them fit this."""


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
    origins = Origins(site=hug.site, frames=hug.frames)
    pages = _PageRoutes(hug, origins)
    described = document(site=hug.site)

    async def openapi(_: Request) -> Response:
        return JSONResponse(described, headers=API_HEADERS)

    return [
        Route("/j/{link}", answering(pages.patient)),
        Route("/room", answering(pages.room)),
        Route("/browser/{name}", shared(answering(pages.newest), origins)),
        Route("/browser/{release}/{name}", shared(answering(pages.file), origins)),
        Route("/browser/{release}/{folder}/{name}", shared(answering(pages.file), origins)),
        Route("/openapi.json", openapi),
        Route("/health", answering(alive)),
        Route("/ready", answering(readiness(hug))),
        *(_post(name, call, origins) for name, call in Api(hug).calls.items()),
        Route("/receipts/{gateway}/{token}", receiving(hug), methods=["GET", "POST"]),
        WebSocketRoute("/signal", SocketEndpoint(hug, origins)),
        Route("/signal/{door}", posts_of(hug, origins), methods=["POST"]),
        *(_preflights(origins) if hug.frames else []),
    ]


def _post(name: str, call: Call[Any], origins: Origins) -> Route:
    endpoint = command(call.do, call.form, origins, status=call.status)
    return Route(f"/api/{name}", endpoint, methods=["POST"])


def _preflights(origins: Origins) -> list[BaseRoute]:
    paths = ("/api/{name}", "/signal/{door}")
    return [Route(path, preflight(origins), methods=["OPTIONS"]) for path in paths]


def _application(hug: "HugAtHome") -> Starlette:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncGenerator[None]:
        yield
        await hug.aclose()

    application = Starlette(
        routes=routes(hug), lifespan=lifespan, exception_handlers={HTTPException: http_problem}
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

    def __init__(self, hug: "HugAtHome", origins: Origins) -> None:
        self._hug = hug
        self._files = Files()
        socket = origins.own.replace("http", "ws", 1)
        self._pages = Pages(self._files, socket=socket, frames=hug.frames, entry=hug.entry)

    async def patient(self, request: Request) -> Response:
        """Return the page of an invitation; where that cannot be looked up, one that says whom to call."""
        try:
            session, participant = await self._hug.opened(request.path_params["link"])
        except HugathomeError as refused:
            return self._page(request, "patient", self._hug.common_house(), status=refused.status)
        house = self._hug.house(session.organisation)
        language = Language(participant.language or house.language)
        return self._page(request, "patient", house, language=language)

    async def room(self, request: Request) -> Response:
        """Return the page for whoever holds a grant; the grant is in the fragment, which no server sees."""
        return self._page(request, "room", self._hug.common_house())

    async def newest(self, request: Request) -> Response:
        """Lead from the address that never changes to the release that is served now."""
        name = request.path_params["name"]
        if self._files.get(name, accepted="") is None:
            raise HTTPException(404)
        headers = {"Cache-Control": "no-cache", "Location": f"{self._files.release}/{name}"}
        return Response(status_code=307, headers=headers)

    async def file(self, request: Request) -> Response:
        """Return one file of this release; of another there is none, lest old and new be mixed.

        A number behind the release changes nothing, and lets a browser ask again for what it could not have.
        """
        accepted = request.headers.get("accept-encoding", "")
        release, *path = request.path_params.values()
        file = self._files.get("/".join(path), accepted=accepted)
        if file is None or release.partition(".")[0] != self._files.release:
            raise HTTPException(404)
        if file.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=file.headers)
        return Response(file.body, headers=file.headers)

    def _page(
        self,
        request: Request,
        kind: Kind,
        house: House | None,
        *,
        language: Language | None = None,
        status: int = 200,
    ) -> Response:
        accepted = request.headers.get("accept-encoding", "")
        page, headers = self._pages.answer(kind, house=house, language=language, accepted=accepted)
        return Response(page, status_code=status, headers=headers)

"""The demonstration's own pages: a small Starlette application like any host's, with the product before it.

    hug.asgi(otherwise=desk(clinic, …))    on this computer: who plans, and plays every part
    hug.asgi(otherwise=phone(clinic, …))   in the network: the messages of a patient, on a real phone

The first hears nobody but this computer, the second nobody who does not know its key. Every file comes from
here, and script and style from files only.
"""

from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from pathlib import PurePath
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from hugathome._model import Record
from hugathome.demo.clinic import Clinic
from hugathome.demo.lan import qr_svg
from hugathome.demo.made_up import Wanted
from hugathome.errors import HugathomeError, MissingExtra

try:
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.requests import Request
    from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
    from starlette.routing import BaseRoute, Route
except ImportError:
    raise MissingExtra("server") from None

_HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "same-origin",  # under no-referrer, a form would not say whose page it is on
    "X-Content-Type-Options": "nosniff",
}
_MEDIA_TYPES: Final = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
_ICON: Final = "icon.svg"
"""The product's own."""
_HERE: Final = ("127.0.0.1", "localhost")
_LONGEST_BODY: Final = 4096


class RobotWanted(Record):
    """Whether a robot shall be the patient."""

    robot: Literal["here", "home"]


def desk(clinic: Clinic, *, site: str, phone_url: str | None) -> Starlette:
    """Return the clinic's page, for whoever sits at this computer.

    `phone_url` is where a real phone reads the messages, if one can.
    """
    at = _Desk(clinic, room=f"{urlsplit(site).path}/room", phone_url=phone_url)
    return Starlette(
        routes=[
            Route("/", at.index),
            *_shared(clinic),
            Route("/phone", at.phone),
            Route("/phone.svg", at.code),
            Route("/visits", at.plan, methods=["POST"]),
            Route("/visits/{visit}/robot", at.robot, methods=["POST"]),
            Route("/visits/{visit}/room/{participant}", at.room, methods=["POST"]),
        ],
        # A page of somebody else's whose name was made to lead here sees nothing.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=_HERE, www_redirect=False)],
        exception_handlers={HugathomeError: _refused},
    )


class _Desk:
    """What the clinic's page asks for; `room` is the path of the product's own page for staff."""

    def __init__(self, clinic: Clinic, *, room: str, phone_url: str | None) -> None:
        self._clinic = clinic
        self._room = room
        self._phone_url = phone_url

    async def index(self, _: Request) -> Response:
        """Return the page."""
        return _file("clinic.html")

    async def plan(self, request: Request) -> Response:
        """Plan a visit and invite its patient."""
        wanted = Wanted.from_json(await _asked(request))
        return JSONResponse({"id": await self._clinic.plan(wanted)}, status_code=201, headers=_HEADERS)

    async def robot(self, request: Request) -> Response:
        """Send for a robot, or send it home."""
        visit, wanted = request.path_params["visit"], RobotWanted.from_json(await _asked(request))
        if wanted.robot == "here":
            await self._clinic.send_for_robot(visit)
        else:
            self._clinic.send_robot_home(visit)
        return JSONResponse({}, status_code=202, headers=_HEADERS)

    async def room(self, request: Request) -> Response:
        """Take one of the staff into the room: a form leads here, so that no script opens the window."""
        _refuse_elsewhere(request)
        grant = self._clinic.grant(request.path_params["visit"], request.path_params["participant"])
        # Beside this page, not at `hug.room_url`: here it needs no certificate, wherever the site is.
        return RedirectResponse(f"{self._room}#grant={grant.token}", status_code=303, headers=_HEADERS)

    async def phone(self, _: Request) -> Response:
        """Say where a real phone reads the messages."""
        return JSONResponse({"url": self._phone_url}, headers=_HEADERS)

    async def code(self, _: Request) -> Response:
        """Return the same as a QR code."""
        if self._phone_url is None:
            raise HTTPException(404)
        return Response(qr_svg(self._phone_url), media_type="image/svg+xml", headers=_HEADERS)


def phone(clinic: Clinic, *, key: str) -> Starlette:
    """Return the page that shows the messages on a real phone; its address holds the `key`."""

    async def index(_: Request) -> Response:
        return _file("phone.html")

    return Starlette(routes=[Route(f"/{key}/phone", index), *_shared(clinic, prefix=f"/{key}")])


def _shared(clinic: Clinic, *, prefix: str = "") -> list[BaseRoute]:
    """Return what both pages load."""

    async def board(_: Request) -> Response:
        return StreamingResponse(_events(clinic), media_type="text/event-stream", headers=_HEADERS)

    async def file(request: Request) -> Response:
        return _file(request.path_params["name"])

    return [Route(f"{prefix}/board", board), Route(f"{prefix}/pages/{{name}}", file)]


async def _events(clinic: Clinic) -> AsyncIterator[str]:
    """Write boards as server-sent events; JSON has no line breaks of its own."""
    async for board in clinic.boards():
        yield f"data: {board}\n\n"


def _file(name: str) -> Response:
    media_type = _MEDIA_TYPES.get(PurePath(name).suffix)
    folder = "browser" if name == _ICON else "demo/pages"
    found = files("hugathome") / folder / name
    if media_type is None or not found.is_file():
        raise HTTPException(404)
    return Response(found.read_bytes(), media_type=media_type, headers=_HEADERS)


async def _asked(request: Request) -> bytes:
    """Return the JSON that this page has sent; a form of another site cannot send JSON."""
    _refuse_elsewhere(request)
    if request.headers.get("content-type") != "application/json":
        raise HTTPException(415)
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_BODY:
            raise HTTPException(413)
    return bytes(body)


def _refuse_elsewhere(request: Request) -> None:
    origin = request.headers.get("origin")
    if origin is not None and origin != f"http://{request.headers['host']}":
        raise HTTPException(403)


async def _refused(_: Request, error: Exception) -> Response:
    """Say what the library refused: to staff, its own sentence, which names nobody."""
    status = error.status if isinstance(error, HugathomeError) else 500
    body: dict[str, Any] = {"detail": str(error)}
    return JSONResponse(body, status_code=status, headers=_HEADERS)

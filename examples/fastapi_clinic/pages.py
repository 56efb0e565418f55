"""The clinic's own pages with the room in them: as a frame, and as an element."""

from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter
from fastapi.responses import FileResponse, HTMLResponse, Response

from hugathome import HugAtHome, JoinGrant

HERE = Path(__file__).parent


def routes(hug: HugAtHome, *, organisation: str, signed_in: Any) -> APIRouter:
    """Return the routes of the pages; `signed_in` gives who looks at them, as a dependency of FastAPI."""
    router = APIRouter()

    async def granted(number: str, who: str) -> JoinGrant:
        """Sign a grant as the page is opened: it lives two minutes."""
        session = await hug.sessions.find(organisation=organisation, reference=number)
        return hug.grant(session.id, who)

    @router.get("/appointments/{number}/framed")
    async def framed(number: str, me: str = signed_in) -> Response:
        """Show the room in a frame."""
        return page("framed", site=hug.site, room=hug.room_url(await granted(number, me)))

    @router.get("/appointments/{number}/embedded")
    async def embedded(number: str, me: str = signed_in) -> Response:
        """Show the room as an element of the page."""
        return page("embedded", site=hug.site, grant=(await granted(number, me)).token)

    @router.get("/clinic.js")
    async def script() -> Response:
        """Return what the pages run themselves."""
        return FileResponse(HERE / "clinic.js", media_type="text/javascript")

    return router


def page(name: str, *, site: str, **filled: str) -> Response:
    """Return a page that may load the visit, and that nobody keeps: it carries a grant."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(site))
    policy = (
        f"default-src 'self'; frame-src {origin}; script-src 'self' {origin}; style-src 'self' {origin}; "
        f"connect-src 'self' {origin} {origin.replace('http', 'ws', 1)}"
    )
    template = Template((HERE / f"{name}.html").read_text(encoding="utf-8"))
    return HTMLResponse(
        template.substitute(filled, site=site, visits=origin),
        headers={"Cache-Control": "no-store", "Content-Security-Policy": policy},
    )

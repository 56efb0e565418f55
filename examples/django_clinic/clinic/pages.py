"""The clinic's own pages with the room in them: as a frame, and as an element."""

from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from clinic.views import clinician, refusing, session_of
from clinic.visits import visits

SCRIPT = Path(__file__).with_name("clinic.js")


@require_GET
@never_cache
@refusing
def framed(request: HttpRequest, number: int) -> HttpResponse:
    """Show the room in a frame; the grant is signed as the page is opened, and lives two minutes."""
    grant = visits().grant(session_of(number), clinician(request))
    return page(request, "framed", room=visits().room_url(grant))


@require_GET
@never_cache
@refusing
def embedded(request: HttpRequest, number: int) -> HttpResponse:
    """Show the room as an element of the page."""
    grant = visits().grant(session_of(number), clinician(request))
    return page(request, "embedded", grant=grant.token)


@require_GET
def script(_: HttpRequest) -> HttpResponse:
    """Return what the clinic's pages run themselves; your own static files stand here."""
    return HttpResponse(SCRIPT.read_bytes(), content_type="text/javascript")


def page(request: HttpRequest, name: str, **filled: str) -> HttpResponse:
    """Return a page that may load the visit."""
    site = settings.HUG_SITE
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(site))
    filled |= {"site": site, "visits": origin}
    response = render(request, f"clinic/{name}.html", filled)
    response["Content-Security-Policy"] = (
        f"default-src 'self'; frame-src {origin}; script-src 'self' {origin}; style-src 'self' {origin}; "
        f"connect-src 'self' {origin} {origin.replace('http', 'ws', 1)}"
    )
    return response

"""Which pages may ask and read what they are answered: the site's own, and those of `frames=` (CORS).

Nothing here needs a cookie, so none is ever allowed to come along. It knows no request.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from hugathome.errors import ConfigurationError

PREFLIGHT: Final = {
    "Access-Control-Allow-Headers": "Content-Type",
    "Access-Control-Allow-Methods": "POST",
    "Access-Control-Max-Age": "7200",
}
"""What a browser is told that asks first, beside whose page may ask."""

_ORIGIN: Final = re.compile(r"https?://([0-9A-Za-z.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?")


class Origins:
    """The origins of one deployment: its `site`, and the `frames` that embed the room."""

    def __init__(self, *, site: str, frames: Sequence[str]) -> None:
        self.own = origin_of(site)
        self.frames = frozenset(frames)

    def may_ask(self, origin: str | None) -> bool:
        """Say whether a request of this origin is heard; what names none is no page of somebody else's."""
        return origin is None or origin == self.own or origin in self.frames

    def sharing(self, origin: str | None) -> Mapping[str, str]:
        """Return the headers that let a page of a frame's origin read an answer, and no other page."""
        return {"Access-Control-Allow-Origin": origin} if origin in self.frames and origin is not None else {}


def embedding(origin: str) -> str:
    """Return an origin of `frames=` as browsers write it; raise `ConfigurationError` for what is none.

    A wildcard is none: whoever answers one of its names could read along.
    """
    try:
        if _ORIGIN.fullmatch(origin):
            return origin_of(origin)
    except ValueError:  # there is no such port, or no such IPv6 address
        pass
    raise ConfigurationError("frames= takes origins, such as https://ehr.example.ch")


def origin_of(url: str) -> str:
    """Return the origin of a URL as browsers write it: lower case, without its scheme's own port."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    host = f"[{host}]" if ":" in host else host
    usual = {"http": 80, "https": 443}.get(parts.scheme)
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port not in {None, usual} else "")

"""What a browser is given: the page with its headers, and the files of the client in `browser/`.

There is one page, for whoever comes by a link and for whoever comes with a grant. It carries nobody's
name and no secret; it works under any prefix because every address in it is relative. Without script it
says whom to call.
"""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Final, Literal

from hugathome.organisations import House
from hugathome.roles import Language

Kind = Literal["patient", "room"]

API_HEADERS: Final = MappingProxyType(
    {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
)
"""For every answer that is no page and no file."""

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_PERMISSIONS: Final = ", ".join(
    [
        *(f"{feature}=(self)" for feature in ("autoplay", "camera", "display-capture", "microphone")),
        *(f"{feature}=()" for feature in ("geolocation", "payment", "usb")),
    ]
)
_WITHOUT_SCRIPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        Language.FRENCH: "Cette page a besoin de JavaScript. Ouvrez-la dans un autre navigateur, "
        "ou appelez-nous.",
        Language.GERMAN: "Diese Seite braucht JavaScript. Öffnen Sie sie in einem anderen Browser, "
        "oder rufen Sie uns an.",
        Language.ITALIAN: "Questa pagina richiede JavaScript. La apra in un altro browser, o ci chiami.",
        Language.ROMANSH: "Questa pagina dovra JavaScript. Avri ella en in auter navigatur, "
        "u telefonai a nus.",
        Language.ENGLISH: "This page needs JavaScript. Open it in another browser, or call us.",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file of the client; `headers` let a browser keep it as long as it asks whether it still holds."""

    body: bytes
    etag: str
    headers: Mapping[str, str]


class Pages:
    """The page and the files, read once.

    `socket` is the origin of the signalling WebSocket, which Safari before 15.4 does not count as the
    page's own; `frames` are the origins that may embed the room.
    """

    def __init__(self, *, socket: str, frames: Sequence[str], entry: str | None) -> None:
        client = files("hugathome") / "browser"
        self._template = Template((client / "page.html").read_text(encoding="utf-8"))
        self._entry = entry if entry is not None and "{reference}" not in entry else ""
        self.files: Mapping[str, File] = {
            file.name: _file(file.read_bytes(), _MEDIA_TYPES[suffix])
            for file in client.iterdir()
            if (suffix := "." + file.name.rpartition(".")[2]) in _MEDIA_TYPES
        }
        self.headers: Mapping[Kind, Mapping[str, str]] = {
            "patient": _page_headers(socket, "'none'"),
            "room": _page_headers(socket, " ".join(frames) or "'none'"),
        }

    def render(self, kind: Kind, *, house: House | None, language: Language | None) -> bytes:
        """Return the page; without a `house` it knows neither brand nor telephone until it has asked."""
        spoken = language or (house.language if house else Language.ENGLISH)
        help_phone = (house.letterhead.help_phone if house else None) or ""
        filled = {
            "brand": house.letterhead.brand if house else "",
            "entry": self._entry if kind == "room" else "",
            "help_phone": help_phone,
            "help_address": f"tel:{help_phone.replace(' ', '')}",
            "help_hidden": "" if help_phone else "hidden",
            "kind": kind,
            "language": spoken,
            "root": "../" if kind == "patient" else "",
            "without_script": _WITHOUT_SCRIPT[spoken],
        }
        page = self._template.substitute({name: html.escape(value) for name, value in filled.items()})
        return page.encode()


def _page_headers(socket: str, ancestors: str) -> Mapping[str, str]:
    policy = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self' blob:; "
        f"connect-src 'self' {socket}; base-uri 'none'; form-action 'none'; frame-ancestors {ancestors}"
    )
    return {
        **API_HEADERS,
        "Content-Security-Policy": policy,
        "Content-Type": "text/html; charset=utf-8",
        "Permissions-Policy": _PERMISSIONS,
        "X-Robots-Tag": "noindex, nofollow",
    }


def _file(body: bytes, media_type: str) -> File:
    etag = f'"{sha256(body).hexdigest()[:20]}"'
    headers = {
        "Cache-Control": "no-cache",
        "Content-Type": media_type,
        "ETag": etag,
        "X-Content-Type-Options": "nosniff",
    }
    return File(body=body, etag=etag, headers=headers)

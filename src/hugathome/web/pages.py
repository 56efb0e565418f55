"""The page that a browser is given, with its headers.

There is one page, for whoever comes by a link and for whoever comes with a grant. It carries nobody's
name and no secret; it works under any prefix because every address in it is relative. Without script it
says whom to call.
"""

import html
from collections.abc import Mapping, Sequence
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Final, Literal

from hugathome.organisations import House
from hugathome.roles import Language
from hugathome.web.files import Files, compressed, takes_gzip

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

_OURS = ("autoplay", "camera", "display-capture", "fullscreen", "microphone", "screen-wake-lock")
_NOBODYS = ("geolocation", "payment", "usb")
_PERMISSIONS: Final = ", ".join(
    [*(f"{feature}=(self)" for feature in _OURS), *(f"{feature}=()" for feature in _NOBODYS)]
)
_WITHOUT_SCRIPT: Final[Mapping[str, str]] = MappingProxyType(
    {
        Language.FRENCH: "Cette page a besoin de JavaScript. Rechargez-la, ouvrez-la dans un autre "
        "navigateur, ou appelez-nous.",
        Language.GERMAN: "Diese Seite braucht JavaScript. Laden Sie sie neu, öffnen Sie sie in einem anderen "
        "Browser, oder rufen Sie uns an.",
        Language.ITALIAN: "Questa pagina richiede JavaScript. La ricarichi, la apra in un altro browser, "
        "o ci chiami.",
        Language.ROMANSH: "Questa pagina dovra JavaScript. Chargiai ella danovamain, avri ella en in auter "
        "navigatur, u telefonai a nus.",
        Language.ENGLISH: "This page needs JavaScript. Reload it, open it in another browser, or call us.",
    }
)


class Pages:
    """The page, read once; `client` is what it runs on.

    `socket` is the origin of the signalling WebSocket, which Safari before 15.4 does not count as the
    page's own; `frames` are the origins that may embed the room.
    """

    def __init__(self, client: Files, *, socket: str, frames: Sequence[str], entry: str | None) -> None:
        page = files("hugathome") / "browser" / "page.html"
        self._template = Template(page.read_text(encoding="utf-8"))
        self._release = client.release
        self._first = client.needed_by("main.js")
        self._later: Mapping[Kind, Sequence[str]] = {"patient": [], "room": client.needed_later_by("main.js")}
        self._entry = entry if entry is not None and "{reference}" not in entry else ""
        self._frames = " ".join(frames)
        self._headers: Mapping[Kind, Mapping[str, str]] = {
            "patient": _page_headers(socket, "'none'"),
            "room": _page_headers(socket, self._frames or "'none'"),
        }

    def answer(
        self, kind: Kind, *, house: House | None, language: Language | None = None, accepted: str
    ) -> tuple[bytes, Mapping[str, str]]:
        """Return the page and its headers, in the encoding that suits a browser's Accept-Encoding.

        Without a `house` it knows neither brand nor telephone until it has asked.
        """
        page, headers = self._render(kind, house=house, language=language), self._headers[kind]
        if takes_gzip(accepted):  # it holds no secret, which compression could give away
            return compressed(page), {**headers, "Content-Encoding": "gzip"}
        return page, headers

    def _render(self, kind: Kind, *, house: House | None, language: Language | None) -> bytes:
        spoken = language or (house.language if house else Language.ENGLISH)
        help_phone = (house.letterhead.help_phone if house else None) or ""
        is_room = kind == "room"
        client = f"{'' if is_room else '../'}browser/{self._release}/"
        filled = {
            "brand": house.letterhead.brand if house else "",
            "client": client,
            "entry": self._entry if is_room else "",
            "frames": self._frames if is_room else "",
            "help_phone": help_phone,
            "help_address": f"tel:{help_phone.replace(' ', '')}",
            "help_hidden": "" if help_phone else "hidden",
            "kind": kind,
            "language": spoken,
            "without_script": _WITHOUT_SCRIPT[spoken],
        }
        escaped = {name: html.escape(value) for name, value in filled.items()}
        return self._template.substitute(escaped, **self._preloads(kind, client, spoken)).encode()

    def _preloads(self, kind: Kind, client: str, spoken: Language) -> Mapping[str, str]:
        """Return links to modules, so that none waits for another.

        Whoever comes by a link types a code first: the page itself asks for the rest meanwhile.
        """

        def links(names: Sequence[str], *, how: str = "") -> str:
            return "\n".join(f'<link rel="modulepreload" href="{client}{name}"{how}>' for name in names)

        first = links([f"words/{spoken}.js", *self._first])
        return {"preloads": first, "later": links(self._later[kind], how=' fetchpriority="low"')}


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
        "Vary": "Accept-Encoding",
        "X-Robots-Tag": "noindex, nofollow",
    }

"""The last line of a message, by which a phone fills a code in on one site and nowhere else.

    @www.example.ch #493817

The format is "Origin-bound one-time codes delivered via SMS" (WICG); a page inside of another site's frame
is named after the code: `@top.example #493817 @framed.example`. Earlier drafts, and Apple's phones, mark it
with `%`, which the present draft takes for trailing text. The patient's page refuses to be framed, so that
no message of ours names a second host.
"""

import re
from dataclasses import dataclass, field

_LINE = re.compile(r"@([^\t\n\f\r ]+) #([^\t\n\f\r ]+)(?: @([^\t\n\f\r ]+))?")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class OriginBoundCode:
    """A code, and the hosts of the pages that it may be filled in on."""

    host: str
    code: str = field(repr=False)
    embedded_host: str | None = None
    """The host of the page in the frame that takes the code, where `host` frames another site."""

    @property
    def line(self) -> str:
        """The last line of the message that carries it."""
        embedded = f" @{self.embedded_host}" if self.embedded_host else ""
        return f"@{self.host} #{self.code}{embedded}"


def is_host(text: str) -> bool:
    """Whether `text` is a host name in ASCII that a browser could be at."""
    return _HOST.fullmatch(text) is not None


def parse_origin_bound(text: str) -> OriginBoundCode | None:
    """Return what a phone reads from the last line of a message, or None where it reads nothing.

    The algorithm of the draft, section "Parsing", with the check of the host that the draft had from 2020
    until it merged frames: what is no host matches no page anyway.
    """
    found = _LINE.match(_NEWLINE.split(text)[-1])
    if found is None or not is_host(found[1]):
        return None
    embedded = found[3] if found[3] and is_host(found[3]) else None
    return OriginBoundCode(host=found[1], code=found[2], embedded_host=embedded)

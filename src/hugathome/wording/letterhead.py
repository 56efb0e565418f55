"""Who writes: the name, the site and the help line of every message, and the texts they stand in.

A message that carries a code is one segment, because parts arrive apart; so brand, host and texts must
leave room for the longest code, and what does not is refused here, once, and never at the moment of
sending. Nothing here knows which message is sent when.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Final
from urllib.parse import urlsplit

from hugathome.errors import ConfigurationError
from hugathome.roles import AnyLanguage, Language
from hugathome.wording.gsm7 import SEGMENT, foreign, septets, shown, suggestion
from hugathome.wording.origin_bound import OriginBoundCode, is_host
from hugathome.wording.templates import BRAND, PLACES, SIGILS, TextKind
from hugathome.wording.texts import Texts

LONGEST_CODE: Final = 8
"""Digits of the longest code that a policy allows."""

CODE_ALONE: Final = (TextKind.CODE, TextKind.CODE_TO_READ)
"""What must be one segment; a link with a code is sent as two where it is not."""

WITH_HELP: Final = (
    TextKind.INVITATION,
    TextKind.INVITATION_WITHOUT_SMS,
    TextKind.MOVED,
    TextKind.PHONE_INVITATION,
    TextKind.PHONE_MOVED,
    TextKind.PHONE_INVITATION_NOW,
)
"""What the help line follows."""

_SITE = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[\w.~%/-]*)?", re.ASCII)
_HELP_PHONE = re.compile(r"\+?[0-9][0-9 ]{1,24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes, and whom to call; raises `ConfigurationError` for what no message could carry."""

    brand: str
    """The name that patients know; beside the host it must leave room for a code in one segment."""
    site: str
    """The public URL; its host ends each message that carries a code."""
    help_phone: str | None = None
    """Whom to call; shown as it is given, so short and shared-cost numbers are welcome."""
    texts: Texts = Texts()
    """The organisation's own texts; what they leave out is the library's."""

    def __post_init__(self) -> None:
        if not _SITE.fullmatch(self.site) or not is_host(self.host):
            raise ConfigurationError("site= takes a URL in ASCII, such as https://www.example.ch/visit")
        if self.help_phone is not None and not _HELP_PHONE.fullmatch(self.help_phone):
            raise ConfigurationError("help_phone= takes digits and spaces, such as +41 22 372 33 11")
        _refuse_unwritable(self.brand)
        _refuse_too_long(self)

    @property
    def host(self) -> str:
        """The host of the site, as a phone compares it."""
        return urlsplit(self.site).hostname or ""

    def write(self, kind: TextKind, language: AnyLanguage, **places: str) -> str:
        """Return a whole message: the text, the help line of an invitation, the last line of a code."""
        return written(kind, language, letterhead=self, texts=self.texts, places=places)


def written(
    kind: TextKind, language: AnyLanguage, *, letterhead: Letterhead, texts: Texts, places: Mapping[str, str]
) -> str:
    """Return a whole message of a letterhead in texts that need not be its own."""
    text = texts.says(kind, language, {BRAND: letterhead.brand, **places})
    if kind in WITH_HELP and letterhead.help_phone is not None:
        help_line = texts.says(
            TextKind.HELP, language, {BRAND: letterhead.brand, "phone": letterhead.help_phone}
        )
        text = f"{text}\n{help_line}"
    if "code" in PLACES[kind]:
        text = f"{text}\n{OriginBoundCode(host=letterhead.host, code=places['code']).line}"
    return text


def beyond_one_segment(letterhead: Letterhead, texts: Texts) -> Iterator[tuple[TextKind, Language, int]]:
    """Yield each message with the longest code alone that is no single segment, and its septets too many."""
    for kind, language in product(CODE_ALONE, Language):
        places = {"code": "0" * LONGEST_CODE}
        text = written(kind, language, letterhead=letterhead, texts=texts, places=places)
        beyond = (septets(text) or 0) - SEGMENT
        if beyond > 0:
            yield kind, language, beyond


def _refuse_unwritable(brand: str) -> None:
    if not brand or brand != brand.strip():
        raise ConfigurationError("brand= takes a name, without space around it")
    for character in brand:
        if character in "\n\r\f" or foreign(character):
            advice = suggestion(brand, character)
            raise ConfigurationError(f"brand= holds {shown(character)}, which SMS in GSM-7 lack: {advice}")
    if SIGILS.search(brand):
        raise ConfigurationError(
            "brand= may not hold # nor a word that begins with @: they mark a code's line"
        )


def _refuse_too_long(letterhead: Letterhead) -> None:
    """Refuse what leaves no room for a code, naming the part that a host can shorten."""
    taken = room = septets(letterhead.brand) or 0
    for kind, language, beyond in beyond_one_segment(letterhead, letterhead.texts):
        uses = letterhead.texts.template(kind, language).count(f"{{{BRAND}}}")
        room = min(room, taken - math.ceil(beyond / uses) if uses else 0)
        if room < 1 and letterhead.texts.has(kind, language):
            raise ConfigurationError(
                f"texts= {language}, {kind}: {beyond} characters too long for one SMS with a code of "
                f"{LONGEST_CODE} digits, brand= and the host of site="
            )
        if room < 1:
            raise ConfigurationError("site= has a host too long for an SMS that carries a code")
    if room < taken:
        raise ConfigurationError(f"brand= takes at most {room} characters beside the host of site=")

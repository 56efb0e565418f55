"""What a text message can spell in GSM-7, and how long that makes it (3GPP TS 23.038).

A segment of GSM-7 holds 160 septets, of UCS-2 only 70 characters; one `ê` decides for the whole message.
What cannot be spelled has a plainer spelling more often than not, and where a letter without its mark
would be a wrong word, another word. Nothing here knows what a message is about.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

SEGMENT: Final = 160
"""Septets of a message that is one segment."""

_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_ESCAPED = frozenset("^{}\\[~]|€\f")


def septets(text: str) -> int | None:
    """Return the length of `text` in GSM-7, or None where it needs UCS-2."""
    if foreign(text):
        return None
    return len(text) + sum(character in _GSM7_ESCAPED for character in text)


def segments(text: str) -> int:
    """Return how many segments `text` is sent and charged as."""
    if foreign(text):
        return _parts((1 + (character > "\uffff") for character in text), whole=70, part=67)
    return _parts((1 + (character in _GSM7_ESCAPED) for character in text), whole=SEGMENT, part=153)


def foreign(text: str) -> frozenset[str]:
    """Return the characters of `text` that force it into UCS-2."""
    return frozenset(text) - _GSM7 - _GSM7_ESCAPED


def shown(character: str) -> str:
    """Return a character as an error names it: the invisible ones by their number."""
    is_visible = character.isprintable() and not character.isspace()
    return f'"{character}"' if is_visible else f"U+{ord(character):04X}"


def _parts(costs: Iterable[int], *, whole: int, part: int) -> int:
    """Count the parts: no character is cut in two, so that a part may end one short."""
    total, parts, room = 0, 1, part
    for cost in costs:
        total += cost
        if cost > room:
            parts, room = parts + 1, part
        room -= cost
    return 1 if total <= whole else parts


# --- Spelling it within ---------------------------------------------------------------------------

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u2032", "'"),
        **dict.fromkeys("\u00ab\u00bb\u201c\u201d\u201e\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u00a0\u2007\u2009\u202f\t", " "),
        "\u2026": "...",
        "\u0153": "oe",
        "\u0152": "OE",
        "\u00c8": "E'",
    }
)
"""Typography, which loses nothing; Italian types its capital `E'`."""

_OTHER_WORDS: Mapping[str, str] = MappingProxyType(
    {
        "bientôt": "sous peu",
        "plutôt": "de préférence",
        "reçu": "arrivé",
        "reçue": "arrivée",
        "le jour même": "ce jour-là",
        "grâce à": "avec",
        "août": "aout",  # as the spelling of 1990 has it
    }
)
"""What says the same where a letter without its mark would not be the word."""


def rewritten(text: str) -> str:
    """Return `text` within GSM-7: plain typography, letters without their marks, nothing else in place."""
    plain = text.translate(_PLAIN)
    return "".join(_base(character) if foreign(character) else character for character in plain)


def suggestion(text: str, character: str) -> str:
    """Return what to write for a character of `text` that GSM-7 lacks."""
    for word, other in _OTHER_WORDS.items():
        if character in word and re.search(rf"\b{word}\b", text, re.IGNORECASE):
            return f'write "{other}" for "{word}"'
    plain = rewritten(character)
    if not plain:
        return "leave it out"
    return "write a plain space" if plain == " " else f"write {plain}"


def _base(character: str) -> str:
    """Return the letters and digits that a character is made of, if any is left."""
    parts = unicodedata.normalize("NFKD", character)
    return "".join(part for part in parts if part.isalnum() and not foreign(part))

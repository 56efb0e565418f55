"""What a text of a host's own must be like to go out as an SMS.

A template is one message with places such as `{brand}`. It never holds the last line that binds a code to
a site: the library appends that, and refuses what could pass for it. Each rule says what is wrong and what
to write instead, for a translator as much as for a developer. Nothing here reads a file.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from hugathome.roles import Language
from hugathome.wording.gsm7 import foreign, shown, suggestion


class TextKind(StrEnum):
    """What a message is for."""

    INVITATION = "invitation"
    """A visit that comes later; the help line follows it."""
    INVITATION_WITHOUT_SMS = "invitation_without_sms"
    """The same for somebody whom no SMS reaches, to be printed or read to them; the help line follows it."""
    MOVED = "moved"
    """A visit that was announced for another time; the help line follows it."""
    REMINDER = "reminder"
    """A visit that was announced, and is near."""
    INVITATION_WITH_CODE = "invitation_with_code"
    """A visit that is now, with its code, where both fit one segment."""
    LINK_FIRST = "link_first"
    """The first of two messages, where they do not."""
    CODE = "code"
    """The code that the patient asked for, or the second of the two."""
    CODE_TO_READ = "code_to_read"
    """The code that the patient reads out to whoever is on the telephone with them."""
    CALL = "call"
    """Somebody is ready for a patient whose page is closed."""
    PHONE_INVITATION = "phone_invitation"
    """A visit by telephone that comes later; the help line follows it."""
    PHONE_MOVED = "phone_moved"
    """A visit by telephone that was announced for another time; the help line follows it."""
    PHONE_REMINDER = "phone_reminder"
    """A visit by telephone that was announced, and is near."""
    PHONE_INVITATION_NOW = "phone_invitation_now"
    """A visit by telephone that is now; the help line follows it."""
    HELP = "help"
    """The line that says whom to call, below an invitation."""


PLACES: Mapping[TextKind, frozenset[str]] = MappingProxyType(
    {
        TextKind.INVITATION: frozenset({"when", "link"}),
        TextKind.INVITATION_WITHOUT_SMS: frozenset({"when", "link"}),
        TextKind.MOVED: frozenset({"when", "link"}),
        TextKind.REMINDER: frozenset({"when", "link"}),
        TextKind.INVITATION_WITH_CODE: frozenset({"code", "link"}),
        TextKind.LINK_FIRST: frozenset({"link"}),
        TextKind.CODE: frozenset({"code"}),
        TextKind.CODE_TO_READ: frozenset({"code"}),
        TextKind.CALL: frozenset({"link"}),
        TextKind.PHONE_INVITATION: frozenset({"when", "word"}),
        TextKind.PHONE_MOVED: frozenset({"when", "word"}),
        TextKind.PHONE_REMINDER: frozenset({"when", "word"}),
        TextKind.PHONE_INVITATION_NOW: frozenset({"word"}),
        TextKind.HELP: frozenset({"phone"}),
    }
)
"""The places that a message must have; `{brand}` may stand in any, or be written out."""

BRAND = "brand"

SIGILS = re.compile(r"#|(?<!\S)@")
"""What marks the line of a code."""

_PLACE = re.compile(r"\{([a-z]+)\}")
_OPENS_WITH_CODE = re.compile(r"\{code\}(?![\w{])")

Own = Mapping[str, Mapping[str, str]]
"""Templates of a host, by language and kind."""


class Severity(StrEnum):
    """What a finding means."""

    ERROR = "error"
    """The texts are refused."""
    WARNING = "warning"
    """They work, perhaps not as meant."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing about a template that somebody should know, and how to mend it."""

    language: str
    kind: str
    problem: str
    remedy: str
    severity: Severity = Severity.ERROR

    def __str__(self) -> str:
        where = f"{self.language}, {self.kind}" if self.kind else self.language
        return f"{where}: {self.problem}: {self.remedy}"


def fill(template: str, places: Mapping[str, str]) -> str:
    """Return the message that a template makes; what is put in is not looked at for places again."""
    return _PLACE.sub(lambda place: places[place[1]], template)


def places_of(template: str) -> frozenset[str]:
    """Return the names of the places in a template."""
    return frozenset(_PLACE.findall(template))


# --- The rules ------------------------------------------------------------------------------------


def findings(own: Own) -> Iterator[Finding]:
    """Yield every reason to refuse the templates of a host."""
    for language, templates in own.items():
        if language not in set(Language):
            yield Finding(
                language=str(language),
                kind="",
                problem="no language of this library",
                remedy=f"take one of {', '.join(Language)}",
            )
            continue
        for kind, template in templates.items():
            for problem, remedy in _faults(kind, template):
                yield Finding(language=language, kind=str(kind), problem=problem, remedy=remedy)
    yield from _disagreements(own)


def _faults(kind: str, template: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with one template, and what to do about it."""
    if kind not in PLACES:
        yield "no kind of message", f"take one of {', '.join(TextKind)}"
    elif not isinstance(template, str) or not template.strip():
        yield "there is no text", "write one, or leave the kind out to keep ours"
    else:
        yield from _misplaced(TextKind(kind), template)
        yield from _misspelled(template)
        yield from _misleading(template)
        yield from _misshapen(TextKind(kind), template)


def _misplaced(kind: TextKind, template: str) -> Iterator[tuple[str, str]]:
    present, required = places_of(template), PLACES[kind]
    known = ", ".join(f"{{{name}}}" for name in sorted({*required, BRAND}))
    for name in sorted(required - present):
        yield f"{{{name}}} is missing", "put it where it belongs"
    for name in sorted(present - required - {BRAND}):
        yield f"{{{name}}} is no place of this message", f"take {known}"
    if set("{}").intersection(_PLACE.sub("", template)):
        yield "a brace marks no place", f"write ( and ), or a place: {known}"


def _misspelled(template: str) -> Iterator[tuple[str, str]]:
    for character in sorted(foreign(template)):
        problem = f"{shown(character)} is not in GSM-7, so that a segment would hold 70 characters"
        yield problem, suggestion(template, character)
    for character in sorted(set("\r\f").intersection(template)):
        yield f"{shown(character)} is a control character", "leave it out"


def _misleading(template: str) -> Iterator[tuple[str, str]]:
    if SIGILS.search(template):
        yield (
            "# and a word that begins with @ mark the line of a code, which is added for you",
            "leave it out",
        )


def _misshapen(kind: TextKind, template: str) -> Iterator[tuple[str, str]]:
    if template != template.strip():
        yield "it begins or ends with white space", "leave that out"
    if "code" in PLACES[kind] and not _OPENS_WITH_CODE.match(template):
        yield "it does not open with the code", "begin with {code} and a space: it is read on a locked screen"
    if "link" in places_of(template) and "{link}" not in template.split("\n"):
        yield (
            "the link shares its line",
            "give {link} a line of its own: phones take a full stop for part of it",
        )


def _disagreements(own: Own) -> Iterator[Finding]:
    """Yield where one language says the brand and another one does not."""
    for kind in PLACES:
        texts = {language: templates.get(kind) for language, templates in own.items()}
        says = {one: BRAND in places_of(text) for one, text in texts.items() if isinstance(text, str)}
        if len(set(says.values())) < 2:
            continue
        with_it = ", ".join(language for language, named in says.items() if named)
        for language in (language for language, named in says.items() if not named):
            yield Finding(
                language=language,
                kind=kind,
                problem=f"{{brand}} is missing, which {with_it} has",
                remedy="say it in every language, or write the name out in every one",
            )

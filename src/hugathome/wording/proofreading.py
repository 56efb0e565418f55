"""What a host should know of its texts before a patient reads them: `hugathome check-templates`.

Every message is written as it would be at its longest, under a letterhead that is given: the longest code,
the longest date of its language, link and help line. Nothing here reads a file.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hugathome.roles import Language
from hugathome.wording.callback import callback_words
from hugathome.wording.gsm7 import SEGMENT, segments, septets
from hugathome.wording.letterhead import CODE_ALONE, LONGEST_CODE, Letterhead, written
from hugathome.wording.origin_bound import OriginBoundCode, parse_origin_bound
from hugathome.wording.templates import PLACES, Finding, Own, Severity, TextKind, findings
from hugathome.wording.texts import Texts
from hugathome.wording.words import longest_link, spelled_time

MOST_SEGMENTS = 2
"""What a message without a code may cost before a host is told."""

_CODE = "0" * LONGEST_CODE
_SOME_YEAR = [datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day) for day in range(365)]
"""Within one year, every weekday meets a day of two digits in every month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How long a message is at its longest."""

    language: Language
    kind: TextKind
    septets: int
    segments: int


def proofread(own: Own, *, letterhead: Letterhead) -> Iterator[Finding]:
    """Yield what is wrong with the texts of a host, and what may not be meant."""
    refused = list(findings(own))
    yield from refused
    yield from _untranslated(own)
    texts = Texts(_without(own, refused))
    for (kind, language), text in _longest(texts, letterhead):
        if texts.has(kind, language):
            for problem, remedy, severity in _judged(kind, text, letterhead):
                yield Finding(language=language, kind=kind, problem=problem, remedy=remedy, severity=severity)


def sizes(own: Own, *, letterhead: Letterhead) -> Iterator[Size]:
    """Yield the worst case of each message; in the place of a text that is refused stands the library's."""
    texts = Texts(_without(own, list(findings(own))))
    for (kind, language), text in _longest(texts, letterhead):
        yield Size(language=language, kind=kind, septets=septets(text) or 0, segments=segments(text))


def table(rows: Iterator[Size]) -> Iterator[str]:
    """Yield the lines of a table: a row for each message, a column for each language."""
    cells: dict[TextKind, list[str]] = {}
    for size in rows:
        cells.setdefault(size.kind, []).append(f"{size.septets} in {size.segments}")
    yield _row("septets in SMS, at most", Language)
    for kind, texts in cells.items():
        yield _row(kind, texts)


def _row(name: str, cells: Iterable[str]) -> str:
    return f"{name:25}" + "".join(f"{cell:>10}" for cell in cells)


def _without(own: Own, refused: list[Finding]) -> Own:
    """Return the texts that nothing is wrong with."""
    at_fault = {(finding.language, finding.kind) for finding in refused}
    return {
        language: {kind: text for kind, text in texts.items() if (language, kind) not in at_fault}
        for language, texts in own.items()
        if (language, "") not in at_fault
    }


def _longest(texts: Texts, letterhead: Letterhead) -> Iterator[tuple[tuple[TextKind, Language], str]]:
    """Yield every message at its longest; the help line is a part of the others."""
    for language in Language:
        places = _longest_places(letterhead, language)
        for kind in (kind for kind in TextKind if kind is not TextKind.HELP):
            yield (
                (kind, language),
                written(kind, language, letterhead=letterhead, texts=texts, places=places),
            )


def _longest_places(letterhead: Letterhead, language: Language) -> Mapping[str, str]:
    when = max((spelled_time(at, language, zone=ZoneInfo("UTC")) for at in _SOME_YEAR), key=len)
    word = max(callback_words(language), key=len)
    return {"code": _CODE, "link": longest_link(letterhead), "when": when, "word": word}


# --- The rules of whole messages ----------------------------------------------------------------------


def _judged(kind: TextKind, text: str, letterhead: Letterhead) -> Iterator[tuple[str, str, Severity]]:
    length, parts = septets(text) or 0, segments(text)
    bound = OriginBoundCode(host=letterhead.host, code=_CODE) if "code" in PLACES[kind] else None
    if parse_origin_bound(text) != bound:
        yield "a phone would read another code or host from its last line", "reword it", Severity.ERROR
    if kind in CODE_ALONE and parts > 1:
        remedy = f"shorten it by {length - SEGMENT}, or brand and host"
        yield f"it takes {length} septets, and a code comes in one SMS of {SEGMENT}", remedy, Severity.ERROR
    if kind is TextKind.INVITATION_WITH_CODE and parts > 1:
        remedy = f"shorten it by {length - SEGMENT}, or let two messages go out, the link first"
        yield f"it takes {length} septets: link and code do not share one SMS", remedy, Severity.WARNING
    if "code" not in PLACES[kind] and parts > MOST_SEGMENTS:
        yield f"it takes {length} septets, which cost {parts} SMS", "shorten it", Severity.WARNING


def _untranslated(own: Own) -> Iterator[Finding]:
    """Yield where a host's own texts stop, so that patients of that language read the library's."""
    given = {kind for texts in own.values() for kind in texts if kind in PLACES}
    for language in Language:
        missing = sorted(given - set(own.get(language, {})))
        if missing:
            yield Finding(
                language=language,
                kind=", ".join(missing),
                problem="no text of your own, so that the library's is sent",
                remedy="translate it, or leave it at that",
                severity=Severity.WARNING,
            )

"""The linter: what a host learns of its texts before a patient reads them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from hugathome.errors import ConfigurationError
from hugathome.roles import Language
from hugathome.wording.gsm7 import segments, septets
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.proofreading import proofread, sizes, table
from hugathome.wording.templates import Severity, TextKind
from hugathome.wording.texts import Texts
from hugathome.wording.wordings import WORDINGS
from hugathome.wording.words import call, code_alone, code_to_read, invitation, longest_link, phone_invitation

LETTERHEAD = Letterhead(
    brand="HUG@home", site="https://www.hospital.example.ch/visit", help_phone="0800 123 456"
)
LONG = Letterhead(brand="Hospital of the Upper Valley", site="https://www.hospital.example.ch/visit")


def said(own: dict[str, dict[str, str]], *, letterhead: Letterhead = LETTERHEAD) -> list[str]:
    """Return what is found, without the languages that the host does not write."""
    return [
        f"{finding.severity}: {finding}"
        for finding in proofread(own, letterhead=letterhead)
        if "no text of your own" not in finding.problem
    ]


def test_nothing_is_found_in_the_librarys_own_texts() -> None:
    assert list(proofread(WORDINGS, letterhead=LETTERHEAD)) == []


def test_texts_that_are_refused_are_reported_as_errors_all_at_once() -> None:
    own = {"fr": {"code": "Code {code}", "call": "Venez: {link}"}, "xx": {"call": "Come: {link}"}}

    found = said(own)

    assert [line.split(": ")[:2] for line in found] == [
        ["error", "fr, code"],
        ["error", "fr, call"],
        ["error", "xx"],
    ]


@pytest.mark.parametrize("kind", ["code", "code_to_read"])
def test_a_code_that_takes_two_segments_is_an_error_that_construction_raises_too(kind: str) -> None:
    own = {"de": {kind: "{code} " + "a" * 117}}

    found = said(own)

    too_long = "it takes 161 septets, and a code comes in one SMS of 160: shorten it by 1, or brand and host"
    assert found == [f"error: de, {kind}: {too_long}"]
    with pytest.raises(ConfigurationError, match=f"texts= de, {kind}: 1 characters too long"):
        Letterhead(brand=LETTERHEAD.brand, site=LETTERHEAD.site, texts=Texts(own))


def test_a_code_that_fills_one_segment_is_no_error() -> None:
    own = {"de": {"code": "{code} " + "a" * 116}}

    assert said(own) == []
    kept = Letterhead(brand=LETTERHEAD.brand, site=LETTERHEAD.site, texts=Texts(own))
    assert kept.texts.has(TextKind.CODE, "de")


def test_link_and_code_that_share_no_segment_are_a_warning() -> None:
    own = {"en": {"invitation_with_code": WORDINGS["en"]["invitation_with_code"]}}

    assert said(own) == []
    assert [line.partition(":")[0] for line in said(own, letterhead=LONG)] == ["warning"]


def test_a_message_of_three_segments_is_a_warning() -> None:
    short, long = ({"it": {"call": "a" * length + "\n{link}"}} for length in (250, 260))

    assert said(short) == []
    assert said(long) == [
        "warning: it, call: it takes 312 septets, which cost 3 SMS: shorten it",
    ]


def test_languages_without_a_text_that_another_has_are_named() -> None:
    own = {"fr": {"help": "Questions: {phone}", "call": "Venez:\n{link}"}, "de": {"help": "Fragen: {phone}"}}

    found = list(proofread(own, letterhead=LETTERHEAD))

    assert {(finding.language, finding.kind) for finding in found} == {
        ("de", "call"),
        ("it", "call, help"),
        ("rm", "call, help"),
        ("en", "call, help"),
    }
    assert {finding.severity for finding in found} == {Severity.WARNING}


def test_the_worst_case_is_never_exceeded_by_a_message() -> None:
    """Every day of two years, in every language, against the sizes that were told."""
    most = {(size.kind, size.language): size for size in sizes(WORDINGS, letterhead=LETTERHEAD)}
    zone, link, code = ZoneInfo("Europe/Zurich"), longest_link(LETTERHEAD), "1" * 8
    begins = datetime(2027, 1, 1, 13, 5, tzinfo=UTC)

    for language in Language:
        sent = {
            TextKind.CODE: code_alone(LETTERHEAD, language, code=code),
            TextKind.CODE_TO_READ: code_to_read(LETTERHEAD, language, code=code),
            TextKind.CALL: call(LETTERHEAD, language, link=link),
        }
        for kind, (text,) in sent.items():
            assert septets(text) == most[kind, language].septets
            assert segments(text) == most[kind, language].segments
        for at in (begins + timedelta(days=day) for day in range(730)):
            (video,) = invitation(LETTERHEAD, language, link=link, starts_at=at, zone=zone)
            (phone,) = phone_invitation(LETTERHEAD, language, starts_at=at, zone=zone, word="oignon")
            assert (septets(video) or 999) <= most[TextKind.INVITATION, language].septets
            assert (septets(phone) or 999) <= most[TextKind.PHONE_INVITATION, language].septets


def test_the_table_has_a_row_for_each_message_and_a_column_for_each_language() -> None:
    head, *rows = table(sizes(WORDINGS, letterhead=LETTERHEAD))

    assert head.split()[-5:] == ["fr", "de", "it", "rm", "en"]
    assert [row.split()[0] for row in rows] == [kind for kind in TextKind if kind is not TextKind.HELP]
    assert all(row.count(" in ") == 5 for row in rows)

"""What is said when, and that every message of it can be read."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import ConfigurationError
from hugathome.roles import Language
from hugathome.wording import words
from hugathome.wording.callback import callback_words
from hugathome.wording.dates import local_time
from hugathome.wording.gsm7 import rewritten, segments, septets
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.origin_bound import OriginBoundCode, parse_origin_bound

ZURICH = ZoneInfo("Europe/Zurich")
WINTER = datetime(2026, 1, 14, 13, 30, tzinfo=UTC)
SUMMER = datetime(2026, 7, 15, 13, 30, tzinfo=UTC)
SITE = "https://telemedecine.example.ch/visit"
LETTERHEAD = Letterhead(brand="HUG@home", site=SITE, help_phone="+41 22 372 33 11")
LINK = f"{SITE}/j/Ab3_-dE9xYz"
WORD = "oignon"

every_language = pytest.mark.parametrize("language", Language)
hosts = st.integers(1, 50).map(lambda length: "h" * length + ".example.ch")


def longest_brand(site: str) -> str:
    """Find the longest brand that is accepted beside `site`, as a host would: by what the refusal says."""
    with pytest.raises(ConfigurationError) as refused:
        Letterhead(brand="B" * 161, site=site)
    said = re.search(r"at most (\d+) characters", str(refused.value))
    assert said
    return "B" * int(said[1])


# --- Messages with a code (A43) ---------------------------------------------------------------------


@every_language
@pytest.mark.parametrize("write", [words.code_alone, words.code_to_read], ids=["to-type", "to-read"])
@given(host=hosts, digits=st.integers(6, 8))
def test_a_code_and_its_line_share_one_segment_up_to_the_longest_brand_and_host(
    language: Language, write: Callable[..., tuple[str, ...]], host: str, digits: int
) -> None:
    site = f"https://{host}"
    letterhead = Letterhead(brand=longest_brand(site), site=site)
    code = "493817"[:6] + "0" * (digits - 6)

    (text,) = write(letterhead, language, code=code)

    assert (septets(text) or 999) <= 160
    assert text.startswith(code)
    assert parse_origin_bound(text) == OriginBoundCode(host=host, code=code)


def test_the_longest_brand_fills_the_segment_in_some_language() -> None:
    letterhead = Letterhead(brand=longest_brand(SITE), site=SITE)

    lengths = [septets(words.code_alone(letterhead, one, code="49381726")[0]) for one in Language]

    assert max(length or 0 for length in lengths) == 160


@every_language
def test_a_visit_that_is_now_needs_one_segment_for_link_and_code(language: Language) -> None:
    (text,) = words.invitation_with_code(LETTERHEAD, language, link=LINK, code="493817")

    assert segments(text) == 1
    assert text.startswith("493817 ")
    assert LINK in text.split("\n")
    assert parse_origin_bound(text) == OriginBoundCode(host="telemedecine.example.ch", code="493817")


@every_language
def test_the_words_beside_link_and_line_take_at_most_55_septets(language: Language) -> None:
    (text,) = words.invitation_with_code(LETTERHEAD, language, link=LINK, code="493817")

    beside = text.replace(LINK, "").rpartition("\n")[0]
    assert (septets(beside) or 999) <= 55


@every_language
@given(host=hosts, path=st.text("abc/", max_size=60), digits=st.integers(6, 8))
def test_where_they_do_not_fit_the_link_goes_first_and_the_code_after(
    language: Language, host: str, path: str, digits: int
) -> None:
    letterhead = Letterhead(brand="HUG@home", site=f"https://{host}/{path}")
    link, code = f"{letterhead.site.rstrip('/')}/j/Ab3_-dE9xYz", "4" * digits

    *first, last = words.invitation_with_code(letterhead, language, link=link, code=code)

    assert segments(last) == 1
    assert parse_origin_bound(last) == OriginBoundCode(host=host, code=code)
    assert [link in text.split("\n") and code not in text for text in first] == [True] * len(first)
    assert bool(first) == (language in words.split_languages(letterhead, digits=digits))
    assert bool(first) != (link in last)


def test_a_host_is_told_of_messages_in_two() -> None:
    long = Letterhead(
        brand="Hospital of the Upper Valley", site="https://telemedicine.hospital.example.ch/visit"
    )

    notice = words.split_notice(long, digits=6)

    assert notice
    assert "(fr, de, it, rm, en)" in notice


def test_a_host_whose_messages_fit_is_told_nothing() -> None:
    assert words.split_notice(LETTERHEAD, digits=6) is None


# --- Every message ----------------------------------------------------------------------------------


def every_message(language: Language) -> list[str]:
    """Return one of each kind."""
    return [
        *words.invitation(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH),
        *words.invitation_without_sms(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH),
        *words.invitation_with_code(LETTERHEAD, language, link=LINK, code="493817"),
        *words.invitation_with_code(LETTERHEAD, language, link=LINK + "x" * 99, code="493817"),
        *words.code_alone(LETTERHEAD, language, code="493817"),
        *words.code_to_read(LETTERHEAD, language, code="493817"),
        *words.moved(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH),
        *words.reminder(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH),
        *words.call(LETTERHEAD, language, link=LINK),
        *words.phone_invitation(LETTERHEAD, language, starts_at=WINTER, zone=ZURICH, word=WORD),
        *words.phone_moved(LETTERHEAD, language, starts_at=WINTER, zone=ZURICH, word=WORD),
        *words.phone_reminder(LETTERHEAD, language, starts_at=WINTER, zone=ZURICH, word=WORD),
        *words.phone_invitation_now(LETTERHEAD, language, word=WORD),
    ]


@every_language
def test_every_message_stays_within_gsm7_and_names_the_brand(language: Language) -> None:
    for text in every_message(language):
        assert septets(text) is not None
        assert "HUG@home" in text
        assert not re.search("[{}]", text)


@every_language
def test_no_message_is_longer_than_two_segments(language: Language) -> None:
    assert max(segments(text) for text in every_message(language)) <= 2


@every_language
def test_a_message_without_a_code_binds_nothing(language: Language) -> None:
    for text in every_message(language):
        assert (parse_origin_bound(text) is None) == ("493817" not in text)


@every_language
def test_whoever_is_to_read_a_code_out_is_not_told_to_keep_it_to_themselves(language: Language) -> None:
    (to_type,) = words.code_alone(LETTERHEAD, language, code="493817")
    (to_read,) = words.code_to_read(LETTERHEAD, language, code="493817")

    secrecy = to_type.partition("\n")[0].rpartition(". ")[2]
    assert secrecy
    assert secrecy not in to_read


@every_language
def test_a_link_stands_alone_on_its_line(language: Language) -> None:
    texts = [
        *words.invitation(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH),
        *words.invitation_without_sms(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH),
        *words.moved(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH),
        *words.reminder(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH),
        *words.call(LETTERHEAD, language, link=LINK),
    ]

    assert all(LINK in text.split("\n") for text in texts)


@every_language
def test_whoever_gets_no_sms_is_promised_none(language: Language) -> None:
    (by_sms,) = words.invitation(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH)
    (otherwise,) = words.invitation_without_sms(
        LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH
    )

    assert "SMS" in by_sms
    assert "SMS" not in otherwise
    assert otherwise.startswith(by_sms.partition(". ")[0])
    assert otherwise.endswith(": +41 22 372 33 11")


@every_language
def test_a_phone_visit_has_no_link(language: Language) -> None:
    (later,) = words.phone_invitation(LETTERHEAD, language, starts_at=WINTER, zone=ZURICH, word=WORD)
    (now,) = words.phone_invitation_now(LETTERHEAD, language, word=WORD)

    assert "http" not in later + now


@every_language
def test_a_phone_visit_is_announced_with_the_word_by_which_we_are_known(language: Language) -> None:
    (later,) = words.phone_invitation(LETTERHEAD, language, starts_at=WINTER, zone=ZURICH, word=WORD)
    (now,) = words.phone_invitation_now(LETTERHEAD, language, word=WORD)

    assert f" {WORD}.\n" in later
    assert f" {WORD}.\n" in now


EVERY_DAY = [datetime(2026, 1, 1, 13, 30, tzinfo=UTC) + timedelta(days=day) for day in range(365)]


@every_language
@pytest.mark.parametrize("write", [words.phone_invitation, words.phone_moved, words.phone_reminder])
def test_what_announces_a_phone_visit_is_one_segment_with_the_longest_date_and_word(
    language: Language, write: Callable[..., tuple[str, ...]]
) -> None:
    bare = Letterhead(brand="HUG@home", site=SITE)
    word = max(callback_words(language), key=len)

    later = [write(bare, language, starts_at=day, zone=ZURICH, word=word) for day in EVERY_DAY]
    (now,) = words.phone_invitation_now(LETTERHEAD, language, word=word)

    assert max(segments(text) for (text,) in later) == 1
    assert segments(now) == 1


@every_language
def test_a_reminder_is_one_segment_with_the_longest_date(language: Language) -> None:
    texts = [words.reminder(LETTERHEAD, language, link=LINK, starts_at=day, zone=ZURICH) for day in EVERY_DAY]

    assert max(segments(text) for (text,) in texts) == 1


@every_language
@pytest.mark.parametrize(
    ("write", "place"),
    [
        (words.moved, {"link": LINK}),
        (words.reminder, {"link": LINK}),
        (words.phone_moved, {"word": WORD}),
        (words.phone_reminder, {"word": WORD}),
    ],
)
def test_whoever_was_invited_before_reads_when_it_is_by_now(
    language: Language, write: Callable[..., tuple[str, ...]], place: dict[str, str]
) -> None:
    (text,) = write(LETTERHEAD, language, starts_at=SUMMER, zone=ZURICH, **place)

    assert rewritten(local_time(SUMMER, language, zone=ZURICH)) in text


@every_language
def test_an_invitation_says_whom_to_call_where_that_is_known(language: Language) -> None:
    bare = Letterhead(brand="HUG@home", site=SITE)

    (with_help,) = words.invitation(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH)
    (without,) = words.invitation(bare, language, link=LINK, starts_at=WINTER, zone=ZURICH)

    assert with_help.startswith(without + "\n")
    assert with_help.endswith(": +41 22 372 33 11")


@every_language
@pytest.mark.parametrize("day", range(1, 366, 28))
def test_a_later_visit_is_announced_by_its_day_and_local_time(language: Language, day: int) -> None:
    at = datetime(2026, 1, 1, 13, 30, tzinfo=UTC) + timedelta(days=day)
    said = rewritten(local_time(at, language, zone=ZURICH))

    (video,) = words.invitation(LETTERHEAD, language, link=LINK, starts_at=at, zone=ZURICH)
    (phone,) = words.phone_invitation(LETTERHEAD, language, starts_at=at, zone=ZURICH, word=WORD)

    assert f"{said}. " in video
    assert f" {said} " in phone

"""What a message says, how long it is, and what a phone reads from it."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome import words
from hugathome.errors import ConfigurationError, InvalidInput
from hugathome.roles import Language
from hugathome.words import Letterhead, parse_origin_bound, segments, septets

ZURICH = ZoneInfo("Europe/Zurich")
WINTER = datetime(2026, 1, 14, 13, 30, tzinfo=UTC)
SUMMER = datetime(2026, 7, 15, 13, 30, tzinfo=UTC)
SITE = "https://telemedecine.example.ch/visit"
LETTERHEAD = Letterhead(brand="HUG@home", site=SITE, help_phone="+41 22 372 33 11")
LINK = f"{SITE}/j/Ab3_-dE9xYz"

every_language = pytest.mark.parametrize("language", Language)
hosts = st.integers(1, 50).map(lambda length: "h" * length + ".example.ch")


def longest_brand(site: str) -> str:
    """Find the longest brand that is accepted beside `site`, as a host would: by what the refusal says."""
    with pytest.raises(ConfigurationError) as refused:
        Letterhead(brand="B" * 161, site=site)
    said = re.search(r"at most (\d+) characters", str(refused.value))
    assert said
    return "B" * int(said[1])


# --- Length ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", 0), ("abc", 3), ("àéèùìòäöüßÄÖÜÉÇæ", 16), ("€[]{}~^\\|", 18), ("\n", 1), ("@£$¥ΔΦΓΛΩΠΨΣΘΞ", 14)],
)
def test_a_text_in_gsm7_is_counted_in_septets(text: str, expected: int) -> None:
    assert septets(text) == expected


@pytest.mark.parametrize("character", "çêëâîïôûœÀÈÊ«»’–—…\u00a0\t日😀\ud800")
def test_one_character_outside_gsm7_makes_the_text_ucs2(character: str) -> None:
    assert septets("a" + character) is None
    assert segments(character + "a" * 68) == 1
    assert segments(character + "a" * 70) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 1),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 306, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("€" * 152, 2),
        ("€" * 153, 3),
        ("ê" * 134, 2),
        ("ê" * 135, 3),
        ("😀" * 35, 1),
        ("😀" * 66, 2),
        ("😀" * 67, 3),
    ],
)
def test_a_long_text_is_cut_between_characters(text: str, expected: int) -> None:
    assert segments(text) == expected


# --- The line that binds a code to a site -----------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("747723 is your code.\n\n@example.com #747723", ("example.com", "747723")),
        ("747723 is your code.\n\n@example.com #747723 %ecommerce.example", ("example.com", "747723")),
        ("@example.com #747723 %ecommerce.example $future", ("example.com", "747723")),
        ("first\r\n@example.com #747723", ("example.com", "747723")),
        ("first\r@example.com #747723", ("example.com", "747723")),
        ("something @example.com #747723", None),
        ("#747723 %ecommerce.example @example.com", None),
        ("@example.com code #747723", None),
        ("@example.com  #747723", None),
        ("@example.com\t#747723", None),
        ("@example.com #", None),
        ("@ #747723", None),
        ("@example.com", None),
        ("@example.com #747723\n", None),
        ("@example.com #747723\nmore", None),
        ("", None),
    ],
)
def test_a_phone_reads_the_last_line_and_only_that(text: str, expected: tuple[str, str] | None) -> None:
    assert parse_origin_bound(text) == expected


@given(
    st.text(),
    st.from_regex(r"[a-z0-9]{1,20}(\.[a-z0-9]{1,10}){0,3}", fullmatch=True),
    st.from_regex("[0-9]{6,8}", fullmatch=True),
)
def test_what_is_written_is_what_a_phone_reads(before: str, host: str, code: str) -> None:
    assert parse_origin_bound(f"{before}\n{words.origin_bound(host, code)}") == (host, code)


@given(st.text() | st.text("@# \n\rab1", max_size=30))
def test_any_text_can_be_read(text: str) -> None:
    read = parse_origin_bound(text)

    assert read is None or all(part and not set(part) & set(" \n\r\t\f") for part in read)


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
    assert parse_origin_bound(text) == (host, code)


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
    assert parse_origin_bound(text) == ("telemedecine.example.ch", "493817")


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
    assert parse_origin_bound(last) == (host, code)
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
        *words.invitation_with_code(LETTERHEAD, language, link=LINK, code="493817"),
        *words.invitation_with_code(LETTERHEAD, language, link=LINK + "x" * 99, code="493817"),
        *words.code_alone(LETTERHEAD, language, code="493817"),
        *words.code_to_read(LETTERHEAD, language, code="493817"),
        *words.call(LETTERHEAD, language, link=LINK),
        *words.phone_invitation(LETTERHEAD, language, starts_at=WINTER, zone=ZURICH),
        *words.phone_invitation_now(LETTERHEAD, language),
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
        *words.call(LETTERHEAD, language, link=LINK),
    ]

    assert all(LINK in text.split("\n") for text in texts)


@every_language
def test_a_phone_visit_has_no_link(language: Language) -> None:
    (later,) = words.phone_invitation(LETTERHEAD, language, starts_at=WINTER, zone=ZURICH)
    (now,) = words.phone_invitation_now(LETTERHEAD, language)

    assert "http" not in later + now


@every_language
def test_an_invitation_says_whom_to_call_where_that_is_known(language: Language) -> None:
    bare = Letterhead(brand="HUG@home", site=SITE)

    (with_help,) = words.invitation(LETTERHEAD, language, link=LINK, starts_at=WINTER, zone=ZURICH)
    (without,) = words.invitation(bare, language, link=LINK, starts_at=WINTER, zone=ZURICH)

    assert with_help.startswith(without + "\n")
    assert with_help.endswith(": +41 22 372 33 11")


# --- Local time -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "winter", "summer"),
    [
        ("fr", "mercredi 14.01.2026 à 14:30", "mercredi 15.07.2026 à 15:30"),
        ("de", "Mittwoch, 14.01.2026 um 14:30 Uhr", "Mittwoch, 15.07.2026 um 15:30 Uhr"),
        ("it", "mercoledì 14.01.2026, ore 14:30", "mercoledì 15.07.2026, ore 15:30"),
        ("rm", "mesemna, ils 14.01.2026 a las 14:30", "mesemna, ils 15.07.2026 a las 15:30"),
        ("en", "Wednesday 14.01.2026 at 14:30", "Wednesday 15.07.2026 at 15:30"),
    ],
)
def test_an_instant_in_utc_is_said_in_local_time_in_winter_and_summer(
    language: Language, winter: str, summer: str
) -> None:
    for at, said in ((WINTER, winter), (SUMMER, summer)):
        (video,) = words.invitation(LETTERHEAD, language, link=LINK, starts_at=at, zone=ZURICH)
        (phone,) = words.phone_invitation(LETTERHEAD, language, starts_at=at, zone=ZURICH)

        assert f"{said}. " in video
        assert f" {said} " in phone


def test_the_weekday_is_the_local_one() -> None:
    late = datetime(2026, 1, 14, 23, 30, tzinfo=UTC)

    assert words.local_time(late, "en", zone=ZURICH) == "Thursday 15.01.2026 at 00:30"


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(InvalidInput, match="aware"):
        words.local_time(datetime(2026, 1, 14, 13, 30), "fr", zone=ZURICH)


# --- What construction refuses (A44) ----------------------------------------------------------------


@pytest.mark.parametrize(
    "brand",
    [
        "",
        " HUG",
        "HUG\n",
        "HUG\n@evil.example #111111",
        "HUG\r@evil",
        "HUG\f",
        "@evil #1",
        "HUG @evil.example",
        "HUG #1",
        "HUG#1",
        "HUG\t1",
        "HUG\x00",
        "HUG\u2028x",
        "Hôpital",
        "HUG’s",
        "\N{RIGHT-TO-LEFT OVERRIDE}GUH",
    ],
    ids=ascii,
)
def test_a_brand_that_could_break_a_message_is_refused(brand: str) -> None:
    with pytest.raises(ConfigurationError, match="brand="):
        Letterhead(brand=brand, site=SITE)


@pytest.mark.parametrize(
    ("brand", "advice"), [("Hôpital", "write o"), ("HUG’s", "leave it out"), ("Çа va", "leave it out")]
)
def test_a_refused_character_comes_with_what_to_write(brand: str, advice: str) -> None:
    with pytest.raises(ConfigurationError, match=advice):
        Letterhead(brand=brand, site=SITE)


@given(st.text("HUG@home #é\n\r'[€ê", min_size=1, max_size=12))
def test_a_brand_is_refused_or_leaves_every_message_as_it_was_meant(brand: str) -> None:
    try:
        letterhead = Letterhead(brand=brand, site=SITE)
    except ConfigurationError:
        return
    for language in Language:
        (text,) = words.code_alone(letterhead, language, code="493817")
        assert text.count("\n") == 1
        assert parse_origin_bound(text) == ("telemedecine.example.ch", "493817")
        assert segments(text) == 1


@pytest.mark.parametrize(
    "site",
    [
        "",
        "www.example.ch",
        "ftp://www.example.ch",
        "https://",
        "https://user@example.ch",
        "https://www.example.ch/visit?a=1",
        "https://www.example.ch/visit#top",
        "https://www.example.ch/visit\n",
        "https://hôpital.example.ch",
        "https://" + "h" * 100 + ".example.ch",
    ],
)
def test_a_site_that_no_message_could_name_is_refused(site: str) -> None:
    with pytest.raises(ConfigurationError, match="site="):
        Letterhead(brand="HUG@home", site=site)


@pytest.mark.parametrize(
    ("site", "host"),
    [
        ("https://www.example.ch", "www.example.ch"),
        ("https://WWW.Example.ch/Visit/", "www.example.ch"),
        ("http://localhost:8000", "localhost"),
        ("https://xn--hpital-6ya.example.ch/a~b/%C3%A9", "xn--hpital-6ya.example.ch"),
    ],
)
def test_the_host_is_written_as_a_phone_compares_it(site: str, host: str) -> None:
    assert Letterhead(brand="HUG@home", site=site).host == host


@pytest.mark.parametrize("help_phone", ["", "call us", "144\n", "+41223723311 @evil #1", "1" * 30])
def test_a_help_line_is_a_number(help_phone: str) -> None:
    with pytest.raises(ConfigurationError, match="help_phone="):
        Letterhead(brand="HUG@home", site=SITE, help_phone=help_phone)


def test_a_short_number_may_be_called_for_help() -> None:
    (text,) = words.phone_invitation_now(Letterhead(brand="HUG@home", site=SITE, help_phone="144"), "fr")

    assert text.endswith("\nAide: 144")

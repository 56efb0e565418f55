"""Who writes: what no message could carry is refused before one is sent (A44)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import ConfigurationError
from hugathome.roles import Language
from hugathome.wording.gsm7 import segments, septets
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.origin_bound import OriginBoundCode, parse_origin_bound
from hugathome.wording.templates import TextKind
from hugathome.wording.texts import Texts

SITE = "https://telemedecine.example.ch/visit"


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
    ("brand", "advice"), [("Hôpital", "write o"), ("HUG’s", "write '"), ("Çа va", "leave it out")]
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
        text = letterhead.write(TextKind.CODE, language, code="493817")
        assert text.count("\n") == 1
        assert parse_origin_bound(text) == OriginBoundCode(host="telemedecine.example.ch", code="493817")
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
        "https://" + "h" * 64 + ".example.ch",
        "https://" + "h" * 60 + "." + "h" * 60 + ".example.ch",
        "https://-.example.ch",
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
    letterhead = Letterhead(brand="HUG@home", site=SITE, help_phone="144")

    text = letterhead.write(TextKind.PHONE_INVITATION_NOW, "fr", word="oignon")

    assert text.endswith("\nAide: 144")


# --- Texts of one's own -------------------------------------------------------------------------------


@given(words=st.integers(1, 120), brand=st.text("B", min_size=1, max_size=60), host=st.integers(1, 50))
def test_a_code_fits_one_segment_in_any_texts_or_they_are_refused(words: int, brand: str, host: int) -> None:
    texts = Texts({"fr": {"code": "{code} {brand}" + "a" * words}})

    try:
        letterhead = Letterhead(brand=brand, site=f"https://{'h' * host}.example.ch", texts=texts)
    except ConfigurationError:
        return
    assert segments(letterhead.write(TextKind.CODE, "fr", code="12345678")) == 1


def test_a_text_that_leaves_no_room_for_the_shortest_brand_is_refused_by_name() -> None:
    texts = Texts({"it": {"code_to_read": "{code} {brand} " + "a" * 140}})

    with pytest.raises(ConfigurationError, match=r"^texts= it, code_to_read: \d+ characters too long"):
        Letterhead(brand="HUG", site=SITE, texts=texts)


def test_a_text_that_leaves_some_room_says_how_long_the_brand_may_be() -> None:
    texts = Texts({"it": {"code": "{code} {brand} {brand} " + "a" * 100}})

    with pytest.raises(ConfigurationError, match="brand= takes at most 7 characters"):
        Letterhead(brand="HUG@home", site=SITE, texts=texts)

    text = Letterhead(brand="HUG@hom", site=SITE, texts=texts).write(TextKind.CODE, "it", code="12345678")
    assert septets(text) == 160

"""How long a text message is, and what it says where GSM-7 lacks a letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.wording.gsm7 import foreign, rewritten, segments, septets, shown, suggestion


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


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("samedi 1 août 2026", "samedi 1 aout 2026"),
        ("sonda, ils 1 d’avust", "sonda, ils 1 d'avust"),
        ("9:05\u202fAM", "9:05 AM"),
        ("«œuf» …", '"oeuf" ...'),
        ("È vero – forse", "E' vero - forse"),
        ("ça reçu Ça", "ca recu Ça"),
        ("déjà à Genève", "déjà à Genève"),
        ("日本 \u200f😀", " "),
        ("\uff03\uff20\uff5b\uff5d", ""),
    ],
)
def test_what_gsm7_lacks_is_spelled_plainly(text: str, plain: str) -> None:
    assert rewritten(text) == plain


@given(st.text())
def test_whatever_is_rewritten_is_within_gsm7_and_gains_no_sigil(text: str) -> None:
    plain = rewritten(text)

    assert not foreign(plain)
    assert all(plain.count(sigil) == text.count(sigil) for sigil in "@#{}\n")


@pytest.mark.parametrize(
    ("text", "character", "advice"),
    [
        ("Nous vous appelons bientôt.", "ô", 'write "sous peu" for "bientôt"'),
        ("Bientôt le rendez-vous", "ô", 'write "sous peu" for "bientôt"'),
        ("Vous avez reçu un code", "ç", 'write "arrivé" for "reçu"'),
        ("Appelez le jour même.", "ê", 'write "ce jour-là" for "le jour même"'),
        ("L’hôpital", "ô", "write o"),
        ("L’hôpital", "’", "write '"),
        ("À\u00a0vous", "\u00a0", "write a plain space"),
        ("日本", "日", "leave it out"),
    ],
)
def test_a_letter_that_gsm7_lacks_comes_with_what_to_write(text: str, character: str, advice: str) -> None:
    assert suggestion(text, character) == advice


@pytest.mark.parametrize(("character", "name"), [("ô", '"ô"'), ("\u00a0", "U+00A0"), ("\u202e", "U+202E")])
def test_a_character_that_cannot_be_seen_is_named_by_its_number(character: str, name: str) -> None:
    assert shown(character) == name

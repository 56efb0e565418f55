"""The callback word: the same everywhere, another for everybody else, and said and heard without doubt."""

import itertools
from collections import Counter

import pytest

from hugathome.keys import MasterKey
from hugathome.roles import Language
from hugathome.wording.callback import WORDS, callback_word, callback_words
from hugathome.wording.gsm7 import foreign

KEY = MasterKey(b"a secret of thirty-two bytes, no")
OTHER_KEY = MasterKey(b"another one of thirty-two bytes.")

every_language = pytest.mark.parametrize("language", Language)


def one_slip_apart(one: str, other: str) -> bool:
    """Whether one letter more, less or changed makes one word of the other."""
    shorter, longer = sorted((one, other), key=len)
    if len(longer) - len(shorter) > 1:
        return False
    same = next((at for at, pair in enumerate(zip(shorter, longer, strict=False)) if len({*pair}) > 1), None)
    if same is None:
        return True
    rest = shorter[same + 1 :] if len(shorter) == len(longer) else shorter[same:]
    return rest == longer[same + 1 :]


def test_a_slip_is_told_from_another_word() -> None:
    pairs = [("mouton", "bouton"), ("rat", "rate"), ("rate", "ate"), ("rat", "rat"), ("rat", "tar")]

    assert [one_slip_apart(*pair) for pair in pairs] == [True, True, True, True, False]


# --- The word ---------------------------------------------------------------------------------------


def test_a_word_stays_what_messages_have_said_it_is() -> None:
    words = {one: callback_word(KEY, "hug.1", "p-1", language=one) for one in Language}

    assert words == {"fr": "céleri", "de": "Ferien", "it": "cammello", "rm": "cicogna", "en": "clarinet"}


def test_every_visit_participant_and_deployment_has_a_word_of_its_own() -> None:
    places = itertools.product((KEY, OTHER_KEY), ("hug.1", "hug.2"), ("p-1", "p-2"))

    words = Counter(callback_word(*place, language="en") for place in places)

    assert max(words.values()) == 1


def test_session_and_participant_do_not_run_into_one_another() -> None:
    places = [("hug.1", "2p"), ("hug.12", "p")]

    assert len({callback_word(KEY, *place, language="en") for place in places}) == 2


def test_every_word_comes_up_about_as_often_as_another() -> None:
    drawn = Counter(callback_word(KEY, f"hug.{n}", "p-1", language="en") for n in range(WORDS * 64))

    assert len(drawn) == WORDS
    assert 64 / 2 < min(drawn.values()) <= max(drawn.values()) < 64 * 2


# --- The lists --------------------------------------------------------------------------------------


@every_language
def test_a_list_has_as_many_words_as_a_byte_can_choose(language: Language) -> None:
    assert len(set(callback_words(language))) == len(callback_words(language)) == WORDS


@every_language
def test_a_word_is_short_and_stays_within_gsm7(language: Language) -> None:
    for word in callback_words(language):
        assert 4 <= len(word) <= 8
        assert word.isalpha()
        assert not foreign(word)


@every_language
def test_no_word_is_heard_as_another_of_its_list(language: Language) -> None:
    words = [word.casefold() for word in callback_words(language)]

    assert [pair for pair in itertools.combinations(words, 2) if one_slip_apart(*pair)] == []
    assert [(a, b) for a, b in itertools.permutations(words, 2) if b.startswith(a)] == []


@every_language
def test_a_word_is_written_as_its_language_writes_it(language: Language) -> None:
    is_noun_in_capitals = language is Language.GERMAN

    assert {word[0].isupper() for word in callback_words(language)} == {is_noun_in_capitals}

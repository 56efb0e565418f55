"""Catalogues of gettext: what is read from them, what is left out, and what is refused."""

from contextlib import suppress
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hugathome.catalogues import load_texts, place_of, printed, read_catalogues, texts_of, unconfirmed
from hugathome.errors import ConfigurationError
from hugathome.roles import Language
from hugathome.wording.templates import Finding
from hugathome.wording.wordings import WORDINGS

FRENCH = """
#. What a translator should know.
msgid "code"
msgstr "{code} est votre code {brand}. "
"Gardez-le pour vous."

msgid "call"
msgstr ""

#, fuzzy
msgid "help"
msgstr "Aide: {phone}"

#~ msgid "old"
#~ msgstr "ancien"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "fr.po").write_text(FRENCH, encoding="utf-8")
    (tmp_path / "readme.txt").write_text("no catalogue")
    return tmp_path


def test_what_is_translated_and_confirmed_is_used(folder: Path) -> None:
    assert load_texts(folder).own == {"fr": {"code": "{code} est votre code {brand}. Gardez-le pour vous."}}


def test_what_is_left_out_until_it_is_confirmed_is_told(folder: Path) -> None:
    (finding,) = unconfirmed(read_catalogues(folder))

    assert str(finding) == "fr, help: marked as fuzzy, so that it is not used: confirm the translation"


def test_a_finding_is_placed_in_its_file_and_line(folder: Path) -> None:
    catalogues = read_catalogues(folder)
    places = [
        place_of(Finding(language=language, kind=kind, problem="", remedy=""), catalogues)
        for language, kind in (("fr", "code"), ("fr", "invitation"), ("de", "code"))
    ]

    assert places == [f"{folder / 'fr.po'}:3: ", f"{folder / 'fr.po'}: ", ""]


def test_what_the_library_prints_is_what_it_says(tmp_path: Path) -> None:
    for language in Language:
        (tmp_path / f"{language}.po").write_text(printed(language), encoding="utf-8")
        with (tmp_path / f"{language}.po").open("rb") as file:
            assert str(read_po(file).locale) == language

    assert texts_of(read_catalogues(tmp_path)) == WORDINGS


def test_texts_that_no_message_could_be_made_of_are_refused_with_where_to_learn_more(folder: Path) -> None:
    (folder / "de.po").write_text('msgid "code"\nmsgstr "Code: {code}"\n')

    with pytest.raises(
        ConfigurationError, match=rf"^texts= de, code: .*; see hugathome check-templates {folder}$"
    ):
        load_texts(folder)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'msgid "code"\nmsgstr "{code}\n', r"fr\.po:\d: this is no gettext catalogue"),
        (b"code = {code}\n", r"fr\.po:\d: this is no gettext catalogue"),
        (b'msgid "code"\nmsgstr "\xff"\n', r"fr\.po cannot be read"),
        (
            b'msgid ""\nmsgstr "Content-Type: text/plain; charset=klingon\\n"\n\nmsgid "a"\nmsgstr "b"\n',
            "cannot be read",
        ),
    ],
)
def test_a_file_that_is_no_catalogue_is_refused_by_name(folder: Path, content: bytes, why: str) -> None:
    (folder / "fr.po").write_bytes(content)

    with pytest.raises(ConfigurationError, match=why):
        load_texts(folder)


@pytest.mark.parametrize("where", ["", "missing"])
def test_a_folder_without_texts_is_refused(tmp_path: Path, where: str) -> None:
    with pytest.raises(ConfigurationError, match=r"holds no texts, such as fr\.po"):
        load_texts(tmp_path / where)


PIECES = [
    'msgid "code"',
    'msgid_plural "x"',
    'msgstr "{code}"',
    'msgstr[0] "a"',
    'msgctxt "c"',
    '"b"',
    "#, fuzzy",
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary()
    | st.lists(st.sampled_from(PIECES) | st.text(max_size=6)).map(lambda ls: "\n".join(ls).encode())
)
def test_whatever_a_file_holds_it_is_read_or_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "fr.po").write_bytes(content)

    with suppress(ConfigurationError):
        (catalogue,) = read_catalogues(tmp_path)
        assert all(isinstance(text, str) for each in catalogue.templates.items() for text in each)

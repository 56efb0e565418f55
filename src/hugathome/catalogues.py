"""Texts in what translators' tools speak: a folder with a gettext catalogue for each language.

    texts/fr.po      msgid "code"
                     msgstr "{code} est votre code {brand}. Gardez-le pour vous."

The identifier of a message is its kind. Fuzzy and empty entries are not used, as in gettext. The only
importer of Babel's catalogues, and a late one.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from os import PathLike
from pathlib import Path

from hugathome.errors import ConfigurationError
from hugathome.roles import AnyLanguage
from hugathome.wording.templates import BRAND, PLACES, Finding, Own, Severity
from hugathome.wording.texts import Texts
from hugathome.wording.wordings import WORDINGS

_LINE = re.compile(rb'\s*(#.*|(msg[a-z_]+(\[\d\])?\s+)?"([^"\\]|\\.)*")?\s*')
_HEADER = 'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The texts of one file."""

    path: Path
    templates: Mapping[str, str]
    lines: Mapping[str, int]
    """Where each entry stands, the unused ones included."""
    fuzzy: frozenset[str]
    """The entries that a translator has yet to confirm."""

    @property
    def language(self) -> str:
        """The tag that names the file."""
        return self.path.stem


def load_texts(folder: str | PathLike[str]) -> Texts:
    """Return the texts of a folder; raise `ConfigurationError` for what no message could be made of."""
    own = texts_of(read_catalogues(folder))
    try:
        return Texts(own)
    except ConfigurationError as refused:
        raise ConfigurationError(f"{refused}; see hugathome check-templates {folder}") from None


def texts_of(catalogues: tuple[Catalogue, ...]) -> Own:
    """Return templates by language and kind, nothing checked."""
    return {catalogue.language: catalogue.templates for catalogue in catalogues}


def read_catalogues(folder: str | PathLike[str]) -> tuple[Catalogue, ...]:
    """Read every `.po` of a folder; raise `ConfigurationError` for one that is none."""
    paths = sorted(Path(folder).glob("*.po"))
    if not paths:
        raise ConfigurationError(f"{folder} holds no texts, such as fr.po")
    return tuple(_read(path) for path in paths)


def unconfirmed(catalogues: tuple[Catalogue, ...]) -> Iterator[Finding]:
    """Yield the entries that are left out until a translator confirms them."""
    for catalogue in catalogues:
        for kind in sorted(catalogue.fuzzy):
            yield Finding(
                language=catalogue.language,
                kind=kind,
                problem="marked as fuzzy, so that it is not used",
                remedy="confirm the translation",
                severity=Severity.WARNING,
            )


def place_of(finding: Finding, catalogues: tuple[Catalogue, ...]) -> str:
    """Return file and line of a finding, as a prefix; nothing where no file has it."""
    for catalogue in catalogues:
        if catalogue.language == finding.language:
            line = catalogue.lines.get(finding.kind)
            return f"{catalogue.path}:{line}: " if line else f"{catalogue.path}: "
    return ""


def printed(language: AnyLanguage) -> str:
    """Return the library's own texts as a catalogue to start from."""
    from babel.messages.pofile import normalize

    entries = [
        f"#. {' '.join(f'{{{place}}}' for place in sorted({*PLACES[kind], BRAND}))}\n"
        f"msgid {normalize(kind)}\nmsgstr {normalize(WORDINGS[language][kind])}\n"
        for kind in PLACES
    ]
    return "\n".join([_HEADER.format(language=language), *entries])


def _read(path: Path) -> Catalogue:
    from babel.messages.pofile import PoFileError, read_po

    try:
        content = path.read_bytes()
        _refuse_unclosed(path, content)
        catalogue = read_po(BytesIO(content), abort_invalid=True)
    except PoFileError as error:
        raise _broken(path, error.lineno + 1) from None
    except (OSError, ValueError, LookupError):
        raise ConfigurationError(f"{path} cannot be read as a gettext catalogue") from None
    entries = {_text(entry.id): entry for entry in catalogue if entry.id}
    return Catalogue(
        path=path,
        templates={k: _text(e.string) for k, e in entries.items() if _text(e.string) and not e.fuzzy},
        lines={kind: entry.lineno or 0 for kind, entry in entries.items()},
        fuzzy=frozenset(kind for kind, entry in entries.items() if entry.fuzzy),
    )


def _refuse_unclosed(path: Path, content: bytes) -> None:
    """Refuse a line that is none: Babel takes the last letter of a text for its missing quotation mark."""
    for number, line in enumerate(content.splitlines(), start=1):
        if not _LINE.fullmatch(line):
            raise _broken(path, number)


def _broken(path: Path, line: int) -> ConfigurationError:
    return ConfigurationError(f"{path}:{line}: this is no gettext catalogue")


def _text(text: str | Sequence[str] | None) -> str:
    """Return a text, or the first of its plural forms."""
    return text if isinstance(text, str) else next(iter(text or ()), "")

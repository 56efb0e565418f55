"""The texts of one organisation: its own where it has any, the library's otherwise.

    Texts({"fr": {"code": "{code} est votre code {brand}. Gardez-le pour vous."}})

A patient is written to in one language throughout: what a host has not said in it is said in the library's
words of that language, and never in another one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import final

from hugathome.errors import ConfigurationError
from hugathome.roles import AnyLanguage
from hugathome.wording.templates import Own, TextKind, fill, findings
from hugathome.wording.wordings import WORDINGS


@final
@dataclass(frozen=True, slots=True)
class Texts:
    """Templates by language and kind; raises `ConfigurationError` for what no message could be made of."""

    own: Own = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        try:
            own = {str(language): dict(templates) for language, templates in self.own.items()}
        except (AttributeError, TypeError, ValueError):
            raise ConfigurationError("texts= takes templates by language and kind") from None
        refused = [str(finding) for finding in findings(own)]
        if refused:
            more = f" (and {len(refused) - 1} more)" if len(refused) > 1 else ""
            raise ConfigurationError(f"texts= {refused[0]}{more}")
        frozen = {language: MappingProxyType(templates) for language, templates in own.items()}
        object.__setattr__(self, "own", MappingProxyType(frozen))

    def over(self, others: "Texts") -> "Texts":
        """Return these texts, and the others' where these have none."""
        languages = {*self.own, *others.own}
        return Texts({one: {**others.own.get(one, {}), **self.own.get(one, {})} for one in languages})

    def has(self, kind: TextKind, language: AnyLanguage) -> bool:
        """Whether the organisation has a text of its own here."""
        return kind in self.own.get(language, {})

    def template(self, kind: TextKind, language: AnyLanguage) -> str:
        """Return the template that a message is made of."""
        return self.own.get(language, {}).get(kind) or WORDINGS[language][kind]

    def says(self, kind: TextKind, language: AnyLanguage, places: Mapping[str, str]) -> str:
        """Return a message, without the line that binds a code."""
        return fill(self.template(kind, language), places)

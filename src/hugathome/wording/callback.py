"""The callback word: how a patient whose telephone rings knows that it is the hospital.

The message that announces a visit by telephone ends with a word, and whoever calls says it, first. It follows
from the deployment's key, the session and the participant: every worker says the same, and nothing is kept.
One of 256 can be guessed, so that it proves nothing of great weight, and nothing at all of the patient: who
they are is what their code is for.

The lists are files of this package, one word a line, that are read once; beside them nothing is.
"""

from functools import cache
from importlib.resources import files
from typing import Final

from hugathome.keys import MasterKey
from hugathome.roles import AnyLanguage, Language

WORDS: Final = 256
"""In each list: one byte chooses among them, each as likely as another."""


def callback_word(key: MasterKey, session_id: str, participant_id: str, *, language: AnyLanguage) -> str:
    """Return the word by which a participant knows who calls them, in their language."""
    chosen, *_ = key.derive("callback-word", session_id, participant_id)
    return callback_words(Language(language))[chosen]


@cache
def callback_words(language: Language) -> tuple[str, ...]:
    """Return the words of a language.

    Everyday things that sound like nothing else in the list: no names, nothing medical or frightening, and
    only what GSM-7 can spell. A word that is replaced leaves its line to the next one, and no line moves:
    what a message has said stays true over an upgrade.
    """
    path = files("hugathome.wording") / "callback_words" / f"{language}.txt"
    return tuple(path.read_text(encoding="utf-8").split())

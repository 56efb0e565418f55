"""A code spoken on the telephone: what the call says, in five languages, and who places it.

The same code as in the text message, digit by digit, with a pause after every third, and said twice. A
voicemail must not record it: the call says who calls and asks for a key, and the code comes only after
one was pressed. A gateway whose calls cannot wait for a key is not fit for codes.

Both parts exist as plain text, with punctuation where a voice pauses, and as a document of SSML 1.1 (W3C,
"Speech Synthesis Markup Language"). No synthesiser has a Romansh voice: an Italian one reads the Romansh
text intelligibly, a recording of the ten digits by a speaker reads it well, and a gateway with neither
takes a participant's second language.

Nothing here calls anybody, and no `repr` shows what is said.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from types import MappingProxyType
from typing import Protocol

from hugathome.errors import InvalidInput
from hugathome.phone import PhoneNumber
from hugathome.roles import AnyLanguage, Language

# --- Nouns ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Speech:
    """What a call says: the prompt at once, the message only after a key."""

    language: Language
    prompt: str
    """Who calls, and that any key will do; it may be repeated, and a voicemail may record it."""
    message: str
    """The code, twice."""
    ssml_prompt: str
    ssml_message: str

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("what is said is not pickled: no queue keeps the code that is in it")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class VoiceCall:
    """One call on its way out."""

    to: PhoneNumber
    speech: Speech
    idempotency_key: str
    """The same for every retry of the same call."""


# --- Rules ---------------------------------------------------------------------------------------

_GROUP = 3


def spoken(brand: str, language: AnyLanguage, *, code: str) -> Speech:
    """Return what a call from `brand`, the name that patients know, says to bring `code`."""
    if not (code.isascii() and code.isdigit()):
        raise InvalidInput("a code that is spoken is made of digits")
    wording = _WORDINGS[language]
    prompt = wording.prompt.format(brand=brand)
    names = [wording.digits[int(digit)] for digit in code]
    groups = [names[start : start + _GROUP] for start in range(0, len(names), _GROUP)]
    text = "; ".join(", ".join(group) for group in groups)
    return Speech(
        language=Language(language),
        prompt=prompt,
        message=" ".join(lead + text + "." for lead in wording.leads),
        ssml_prompt=_ssml(language, escape(prompt, quote=False)),
        ssml_message=_ssml(language, *(lead + _paused(groups) for lead in wording.leads)),
    )


def heard(message: str, language: AnyLanguage) -> str | None:
    """Return the code as somebody hears it in a plain message, or None where both times are not the same."""
    digits = _WORDINGS[language].digits
    words = message.replace(",", " ").replace(";", " ").replace(".", " ").split()
    code = "".join(str(digits.index(word)) for word in words if word in digits)
    half = len(code) // 2
    return code[:half] if code and code[:half] == code[half:] else None


def _paused(groups: Sequence[Sequence[str]]) -> str:
    """Write the digits so that there is time to type each, and more of it after a group."""
    between, after = '<break time="400ms"/>', '<break time="1s"/>'
    return after + after.join(between.join(group) for group in groups) + after


def _ssml(language: AnyLanguage, *parts: str) -> str:
    """Return the document that says `parts`, which are markup already."""
    said = "".join(f"<p>{part}</p>" for part in parts)
    return (
        '<?xml version="1.0"?><speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis"'
        f' xml:lang="{Language(language)}">{said}</speak>'
    )


# --- The languages -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wording:
    """One language; beside the code nothing in it is the name of a digit."""

    digits: tuple[str, str, str, str, str, str, str, str, str, str]
    prompt: str
    leads: tuple[str, str]
    """What is said before the code, each time."""


_WORDINGS: Mapping[str, _Wording] = MappingProxyType(
    {
        Language.FRENCH: _Wording(
            digits=("zéro", "un", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf"),
            prompt="{brand}. Pour entendre votre code, appuyez sur n'importe quelle touche.",
            leads=("Votre code est: ", "Je répète: "),
        ),
        Language.GERMAN: _Wording(
            digits=("null", "eins", "zwo", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun"),
            prompt="{brand}. Um Ihren Code zu hören, drücken Sie eine beliebige Taste.",
            leads=("Ihr Code ist: ", "Ich wiederhole: "),
        ),
        Language.ITALIAN: _Wording(
            digits=("zero", "uno", "due", "tre", "quattro", "cinque", "sei", "sette", "otto", "nove"),
            prompt="{brand}. Per ascoltare il Suo codice, prema qualsiasi tasto.",
            leads=("Il Suo codice è: ", "Ripeto: "),
        ),
        Language.ROMANSH: _Wording(
            digits=("nulla", "in", "dus", "trais", "quatter", "tschintg", "sis", "set", "otg", "nov"),
            prompt="{brand}. Per udir Voss code, smatgai per plaschair ina tasta.",
            leads=("Voss code è: ", "Jau repet: "),
        ),
        Language.ENGLISH: _Wording(
            digits=("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
            prompt="{brand}. To hear your code, press any key.",
            leads=("Your code is: ", "I repeat: "),
        ),
    }
)

# --- Seams ---------------------------------------------------------------------------------------


class VoiceGateway(Protocol):
    """Whoever places a call and speaks."""

    async def call(self, call: VoiceCall) -> None:
        """Return once the call is accepted, or raise `NotDelivered`.

        It says the prompt, again if need be, waits for any key, and only then says the message. It hangs
        up where no key comes.
        """
        ...

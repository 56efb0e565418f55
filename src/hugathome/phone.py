"""Telephone numbers: one spelling for each, and its kind.

A number is E.164, or national with a region that the caller names. There is no default region: every
valid Swiss mobile in national form is a valid French one too. Spellings are brought to E.164 before
anything is compared or counted, so that a limit sees one number however it was typed. Numbers that
cost whoever calls them, or that reach something other than a person, are refused.

The only importer of `phonenumbers`, and a late one: its tables take 13-28 ms to load. Nothing here
tells whether a number is in use, and no message or `repr` shows its digits.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Self, final

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from hugathome.errors import InvalidInput, InvalidPhoneNumber

LONGEST_SPELLING: Final = 40
"""Characters that are looked at: parsing takes longer the longer the text."""

NON_GEOGRAPHIC: Final = "001"
"""The region of a number that belongs to no country, such as a satellite telephone's."""

_PUNCTUATION = re.compile(r"[ ()./-]")
_DIALLED = re.compile(r"\+?[0-9]+")
_SHORT = re.compile(r"[0-9]{1,5}|116[0-9]{3}")
_TYPOGRAPHY = str.maketrans(
    {
        "\N{FULLWIDTH PLUS SIGN}": "+",
        "\N{FULLWIDTH LEFT PARENTHESIS}": "(",
        "\N{FULLWIDTH RIGHT PARENTHESIS}": ")",
    }
    | dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\N{MINUS SIGN}\N{FULLWIDTH HYPHEN-MINUS}", "-")
)


class NumberType(StrEnum):
    """What a number reaches; the kinds that are missing here are refused."""

    MOBILE = "mobile"
    FIXED_LINE = "fixed-line"
    FIXED_LINE_OR_MOBILE = "fixed-line-or-mobile"
    """Where the numbering plan does not tell them apart, as in North America."""
    VOIP = "voip"


@final
@dataclass(frozen=True, slots=True, repr=False, eq=False)
class PhoneNumber:
    """A telephone number; `str()` is E.164, and two spellings of one number are equal.

    So is its E.164 text: what a gateway or a row says compares without being parsed again. Made by
    `PhoneNumber.parse`; the constructor believes what it is told.
    """

    e164: str
    kind: NumberType
    region: str
    """ISO 3166, or `NON_GEOGRAPHIC`."""

    @classmethod
    def parse(cls, text: str, *, region: str | None = None) -> Self:
        """Read `text`, which is E.164 unless `region` says whose national form it may be.

            PhoneNumber.parse("+41 79 123 45 67")
            PhoneNumber.parse("079 123 45 67", region="CH")

        Raises `InvalidPhoneNumber` where it is no number, or one of a kind that is refused.
        """
        try:
            return cls(*_read(text, region))
        except InvalidInput as refused:
            del text  # an error that is reported with local variables does not show it
            raise refused.with_traceback(None) from None

    def __eq__(self, other: object) -> bool:
        return self.e164 == str(other) if isinstance(other, PhoneNumber | str) else NotImplemented

    def __hash__(self) -> int:
        return hash(self.e164)

    def __str__(self) -> str:
        return self.e164

    def __repr__(self) -> str:
        return f"PhoneNumber({self.region}, {self.kind})"

    @property
    def takes_sms(self) -> bool:
        """Whether a text message may reach it."""
        return self.kind in (NumberType.MOBILE, NumberType.FIXED_LINE_OR_MOBILE)

    @property
    def is_geographic(self) -> bool:
        """Whether it belongs to a country."""
        return self.region != NON_GEOGRAPHIC

    @property
    def prefix(self) -> str:
        """The number less its last four digits: whoever pumps SMS rents such blocks."""
        return self.e164[:-4]


def _read(text: Any, region: str | None) -> tuple[str, NumberType, str]:
    """Return E.164, kind and region of a spelling, or refuse."""
    dialled = _dialled(text)
    if region is None and dialled.startswith("00"):
        dialled = "+" + dialled[2:]
    if region is None and not dialled.startswith("+"):
        raise InvalidPhoneNumber("a number without + and country code needs region=, such as 'CH'")
    if _SHORT.fullmatch(dialled):
        raise InvalidPhoneNumber("a short number is not reached from everywhere")
    return _judged(dialled, region)


def _dialled(text: Any) -> str:
    """Return the digits of `text` in ASCII, with the + if there is one, or refuse."""
    if not isinstance(text, str):
        raise InvalidPhoneNumber("a telephone number is given as text")
    if len(text) > LONGEST_SPELLING:
        raise InvalidPhoneNumber(f"a telephone number has at most {LONGEST_SPELLING} characters")
    plain = "".join(map(_plain, text.translate(_TYPOGRAPHY))).strip()
    dialled = _PUNCTUATION.sub("", re.sub(r"\Atel:", "", plain, flags=re.IGNORECASE))
    if not _DIALLED.fullmatch(dialled):
        raise InvalidPhoneNumber("a telephone number has digits only: no letters and no extension")
    return dialled


def _plain(character: str) -> str:
    """Write one character as a keypad has it; what cannot be seen is left out."""
    if unicodedata.category(character) == "Cf":
        return ""
    if character.isspace():
        return " "
    digit = unicodedata.decimal(character, None)
    return character if digit is None else str(digit)


def _judged(dialled: str, region: str | None) -> tuple[str, NumberType, str]:
    """Return E.164, kind and region, or refuse."""
    import phonenumbers
    from phonenumbers import PhoneNumberFormat, PhoneNumberType

    if region is not None and region not in phonenumbers.SUPPORTED_REGIONS:
        raise InvalidInput("region= takes an ISO 3166 code such as 'CH'")
    try:
        number = phonenumbers.parse(dialled, region)
    except phonenumbers.NumberParseException:
        raise InvalidPhoneNumber("not a telephone number") from None
    home = phonenumbers.region_code_for_number(number)
    if home is None or not phonenumbers.is_valid_number(number):
        raise InvalidPhoneNumber("no numbering plan has such a number")
    kind = {
        PhoneNumberType.MOBILE: NumberType.MOBILE,
        PhoneNumberType.FIXED_LINE: NumberType.FIXED_LINE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE: NumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP: NumberType.VOIP,
    }.get(phonenumbers.number_type(number))
    if kind is None or (home == NON_GEOGRAPHIC and kind is not NumberType.MOBILE):
        raise InvalidPhoneNumber("this kind of number is refused: it costs its caller, or reaches a machine")
    return phonenumbers.format_number(number, PhoneNumberFormat.E164), kind, home


def _validated(value: Any) -> PhoneNumber:
    return value if isinstance(value, PhoneNumber) else PhoneNumber.parse(value)


AnyPhone = Annotated[
    PhoneNumber | str,
    PlainValidator(_validated),
    PlainSerializer(str, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^\+[1-9][0-9]{3,14}$"}),
]
"""A record's field that takes a `PhoneNumber` or E.164, holds a `PhoneNumber` and is E.164 in JSON."""

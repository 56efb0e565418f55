"""The words of the text messages of a visit, in five languages.

They show on a locked screen and on other people's tables: no name, no speciality, nothing clinical, and
every one is spelled within GSM-7, where a segment holds 160 characters and not 70. A message with a code
opens with the code and is one segment, because parts arrive apart; its last line is bound to the site, so
that a phone fills the code in there and nowhere else (WICG, "Origin-bound one-time codes delivered via
SMS"). No text says how long a code lives: the same code is sent again without living longer.

Every function returns the messages to send, in order. Nothing here sends, stores or reads a clock.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from hugathome.errors import ConfigurationError, InvalidInput
from hugathome.roles import AnyLanguage, Language

LONGEST_CODE: Final = 8
"""Digits of the longest code that a policy allows."""

LINK_ID: Final = 11
"""Characters of the identifier that ends a link."""

# --- How long a text is (3GPP TS 23.038) -------------------------------------------------------------

SEGMENT: Final = 160
"""Septets of a message that is one segment."""

_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_ESCAPED = frozenset("^{}\\[~]|€\f")


def septets(text: str) -> int | None:
    """Return the length of `text` in GSM-7, or None where it needs UCS-2."""
    if not _GSM7.union(_GSM7_ESCAPED).issuperset(text):
        return None
    return len(text) + sum(character in _GSM7_ESCAPED for character in text)


def segments(text: str) -> int:
    """Return how many segments `text` is sent and charged as."""
    if septets(text) is None:
        return _parts((1 + (character > "\uffff") for character in text), whole=70, part=67)
    return _parts((1 + (character in _GSM7_ESCAPED) for character in text), whole=SEGMENT, part=153)


def _parts(costs: Iterable[int], *, whole: int, part: int) -> int:
    """Count the parts: no character is cut in two, so that a part may end one short."""
    total, parts, room = 0, 1, part
    for cost in costs:
        total += cost
        if cost > room:
            parts, room = parts + 1, part
        room -= cost
    return 1 if total <= whole else parts


# --- The line that binds a code to a site -------------------------------------------------------------

_ORIGIN_BOUND = re.compile(r"@([^\t\n\f\r ]+) #([^\t\n\f\r ]+)")


def origin_bound(host: str, code: str) -> str:
    """Return the last line of a message that carries `code` for `host`."""
    return f"@{host} #{code}"


def parse_origin_bound(text: str) -> tuple[str, str] | None:
    """Return host and code as a phone reads them from the last line, or None where it reads none."""
    last = re.split(r"\r\n|\r|\n", text)[-1]
    found = _ORIGIN_BOUND.match(last)
    return (found[1], found[2]) if found else None


# --- Who writes ---------------------------------------------------------------------------------------

_SITE = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]+)?(/[\w.~%/-]*)?", re.ASCII)
_HELP_PHONE = re.compile(r"\+?[0-9][0-9 ]{1,24}")
_SIGILS = re.compile(r"#|(?<!\S)@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes, and whom to call; raises `ConfigurationError` for what no message could carry."""

    brand: str
    """The name that patients know; beside the host it must leave room for a code in one segment."""
    site: str
    """The public URL; its host ends each message that carries a code."""
    help_phone: str | None = None
    """Whom to call; shown as it is given, so short and shared-cost numbers are welcome."""

    def __post_init__(self) -> None:
        if not _SITE.fullmatch(self.site):
            raise ConfigurationError("site= takes a URL in ASCII, such as https://www.example.ch/visit")
        if self.help_phone is not None and not _HELP_PHONE.fullmatch(self.help_phone):
            raise ConfigurationError("help_phone= takes digits and spaces, such as +41 22 372 33 11")
        _refuse_unwritable(self.brand)
        _refuse_too_long(self)

    @property
    def host(self) -> str:
        """The host of the site, as a phone compares it."""
        return urlsplit(self.site).hostname or ""


def _refuse_unwritable(brand: str) -> None:
    if not brand or brand != brand.strip():
        raise ConfigurationError("brand= takes a name, without space around it")
    for character in brand:
        if character in "\n\r\f" or septets(character) is None:
            plain = unicodedata.normalize("NFKD", character)[0]
            advice = f"write {plain}" if plain.isalnum() and septets(plain) else "leave it out"
            raise ConfigurationError(f"brand= holds {character!a}, which SMS in GSM-7 lack: {advice}")
    if _SIGILS.search(brand):
        raise ConfigurationError(
            "brand= may not hold # nor a word that begins with @: they mark a code's line"
        )


def _refuse_too_long(letterhead: Letterhead) -> None:
    taken = septets(letterhead.brand) or 0
    longest = max(_length(code_alone(letterhead, one, code="0" * LONGEST_CODE)) for one in Language)
    room = SEGMENT - (longest - taken)
    if room < 1:
        raise ConfigurationError("site= has a host too long for an SMS that carries a code")
    if taken > room:
        raise ConfigurationError(f"brand= takes at most {room} characters beside the host of site=")


def _length(messages: tuple[str, ...]) -> int:
    return max(septets(message) or SEGMENT + 1 for message in messages)


# --- The texts ----------------------------------------------------------------------------------------


def invitation(
    letterhead: Letterhead, language: AnyLanguage, *, link: str, starts_at: datetime, zone: ZoneInfo
) -> tuple[str, ...]:
    """Invite to a visit that comes later: when, and the link that will send a code."""
    text = _WORDINGS[language].invitation.format(
        brand=letterhead.brand, when=local_time(starts_at, language, zone=zone), link=link
    )
    return (text + _help(letterhead, language),)


def invitation_with_code(
    letterhead: Letterhead, language: AnyLanguage, *, link: str, code: str
) -> tuple[str, ...]:
    """Invite to a visit that is now: link and code in one segment, or the link first and then the code."""
    wording = _WORDINGS[language]
    together = wording.invitation_with_code.format(brand=letterhead.brand, link=link, code=code)
    text = f"{together}\n{origin_bound(letterhead.host, code)}"
    if segments(text) == 1:
        return (text,)
    first = wording.link_first.format(brand=letterhead.brand, link=link)
    return (first, *code_alone(letterhead, language, code=code))


def code_alone(letterhead: Letterhead, language: AnyLanguage, *, code: str) -> tuple[str, ...]:
    """Send the code that the patient asked for."""
    text = _WORDINGS[language].code.format(brand=letterhead.brand, code=code)
    return (f"{text}\n{origin_bound(letterhead.host, code)}",)


def code_to_read(letterhead: Letterhead, language: AnyLanguage, *, code: str) -> tuple[str, ...]:
    """Send the code that somebody who is on the telephone with the patient asks them to read out."""
    text = _WORDINGS[language].code_to_read.format(brand=letterhead.brand, code=code)
    return (f"{text}\n{origin_bound(letterhead.host, code)}",)


def call(letterhead: Letterhead, language: AnyLanguage, *, link: str) -> tuple[str, ...]:
    """Tell a patient whose page is closed that somebody is ready for them."""
    return (_WORDINGS[language].call.format(brand=letterhead.brand, link=link),)


def phone_invitation(
    letterhead: Letterhead, language: AnyLanguage, *, starts_at: datetime, zone: ZoneInfo
) -> tuple[str, ...]:
    """Announce a visit by telephone that comes later; there is nothing to open."""
    when = local_time(starts_at, language, zone=zone)
    text = _WORDINGS[language].phone_invitation.format(brand=letterhead.brand, when=when)
    return (text + _help(letterhead, language),)


def phone_invitation_now(letterhead: Letterhead, language: AnyLanguage) -> tuple[str, ...]:
    """Announce a visit by telephone that is now."""
    text = _WORDINGS[language].phone_invitation_now.format(brand=letterhead.brand)
    return (text + _help(letterhead, language),)


def local_time(at: datetime, language: AnyLanguage, *, zone: ZoneInfo) -> str:
    """Return weekday, date and time of `at`, an aware datetime, as clocks in `zone` show it."""
    if at.utcoffset() is None:
        raise InvalidInput("a time in a message comes from an aware datetime")
    local, wording = at.astimezone(zone), _WORDINGS[language]
    return wording.when.format(weekday=wording.weekdays[local.weekday()], at=local)


def split_languages(letterhead: Letterhead, *, digits: int) -> tuple[Language, ...]:
    """Return the languages in which link and code of `digits` do not fit one segment together."""
    link = f"{letterhead.site.rstrip('/')}/j/{'0' * LINK_ID}"
    code = "0" * digits
    return tuple(
        one for one in Language if len(invitation_with_code(letterhead, one, link=link, code=code)) > 1
    )


def split_notice(letterhead: Letterhead, *, digits: int) -> str | None:
    """Return the sentence that tells a host of messages sent in two, or None where none is."""
    split = split_languages(letterhead, digits=digits)
    if not split:
        return None
    return (
        f"brand= and site= are too long for link and code to share one SMS ({', '.join(split)}): "
        "an invitation to a visit that is now goes out as two, the link first"
    )


def _help(letterhead: Letterhead, language: AnyLanguage) -> str:
    if letterhead.help_phone is None:
        return ""
    return f"\n{_WORDINGS[language].help.format(phone=letterhead.help_phone)}"


# --- The languages ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wording:
    """One language; `invitation_with_code` has at most 55 septets beside the link, with HUG@home."""

    weekdays: tuple[str, str, str, str, str, str, str]
    when: str
    invitation: str
    invitation_with_code: str
    link_first: str
    code: str
    code_to_read: str
    call: str
    phone_invitation: str
    phone_invitation_now: str
    help: str


_WORDINGS: Mapping[str, _Wording] = MappingProxyType(
    {
        Language.FRENCH: _Wording(
            weekdays=("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"),
            when="{weekday} {at:%d.%m.%Y} à {at:%H:%M}",
            invitation="{brand}: votre rendez-vous en ligne a lieu {when}. "
            "Gardez ce message et ouvrez alors:\n{link}\nUn code vous parviendra par SMS.",
            invitation_with_code="{code} est votre code {brand}. Rendez-vous en ligne:\n{link}",
            link_first="{brand}: votre rendez-vous en ligne. Le code suit dans un autre SMS.\n{link}",
            code="{code} est votre code {brand}. Ne le donnez à personne.",
            code_to_read="{code} est votre code {brand}. Lisez-le au téléphone.",
            call="{brand}: nous vous attendons maintenant. Ouvrez:\n{link}",
            phone_invitation="{brand}: nous vous téléphonerons {when} pour votre rendez-vous. "
            "L'appel peut venir d'un numéro masqué.",
            phone_invitation_now="{brand}: nous vous téléphonons sous peu pour votre rendez-vous. "
            "L'appel peut venir d'un numéro masqué.",
            help="Aide: {phone}",
        ),
        Language.GERMAN: _Wording(
            weekdays=("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"),
            when="{weekday}, {at:%d.%m.%Y} um {at:%H:%M} Uhr",
            invitation="{brand}: Ihr Online-Termin ist am {when}. "
            "Behalten Sie diese SMS und öffnen Sie dann:\n{link}\nEinen Code erhalten Sie per SMS.",
            invitation_with_code="{code} ist Ihr Code von {brand}. Ihr Online-Termin:\n{link}",
            link_first="{brand}: Ihr Online-Termin. Der Code folgt in einer weiteren SMS.\n{link}",
            code="{code} ist Ihr Code von {brand}. Geben Sie ihn nicht weiter.",
            code_to_read="{code} ist Ihr Code von {brand}. Lesen Sie ihn uns vor.",
            call="{brand}: Wir sind jetzt für Sie bereit. Bitte öffnen:\n{link}",
            phone_invitation="{brand}: Wir rufen Sie am {when} zu Ihrem Termin an. "
            "Unsere Nummer kann unterdrückt sein.",
            phone_invitation_now="{brand}: Wir rufen Sie in Kürze zu Ihrem Termin an. "
            "Unsere Nummer kann unterdrückt sein.",
            help="Hilfe: {phone}",
        ),
        Language.ITALIAN: _Wording(
            weekdays=("lunedì", "martedì", "mercoledì", "giovedì", "venerdì", "sabato", "domenica"),
            when="{weekday} {at:%d.%m.%Y}, ore {at:%H:%M}",
            invitation="{brand}: il Suo appuntamento online è {when}. "
            "Conservi questo SMS e apra allora:\n{link}\nRiceverà un codice per SMS.",
            invitation_with_code="{code} è il Suo codice {brand}. Il Suo appuntamento:\n{link}",
            link_first="{brand}: il Suo appuntamento online. Il codice segue in un altro SMS.\n{link}",
            code="{code} è il Suo codice {brand}. Non lo dia a nessuno.",
            code_to_read="{code} è il Suo codice {brand}. Lo legga al telefono.",
            call="{brand}: La aspettiamo adesso. Apra:\n{link}",
            phone_invitation="{brand}: La chiameremo {when} per il Suo appuntamento. "
            "Il nostro numero può essere nascosto.",
            phone_invitation_now="{brand}: La chiamiamo tra poco per il Suo appuntamento. "
            "Il nostro numero può essere nascosto.",
            help="Aiuto: {phone}",
        ),
        Language.ROMANSH: _Wording(
            weekdays=("glindesdi", "mardi", "mesemna", "gievgia", "venderdi", "sonda", "dumengia"),
            when="{weekday}, ils {at:%d.%m.%Y} a las {at:%H:%M}",
            invitation="{brand}: Voss termin online è {when}. "
            "Tegnai quest SMS ed avri lura:\n{link}\nVus survegnis in code per SMS.",
            invitation_with_code="{code} è Voss code da {brand}. Voss termin online:\n{link}",
            link_first="{brand}: Voss termin online. Il code suonda en in auter SMS.\n{link}",
            code="{code} è Voss code da {brand}. Betg dar vinavant.",
            code_to_read="{code} è Voss code da {brand}. Legiai el al telefon.",
            call="{brand}: Nus essan uss pronts per Vus. Avri per plaschair:\n{link}",
            phone_invitation="{brand}: Nus telefonain a Vus {when} per Voss termin. "
            "Noss numer po esser zuppà.",
            phone_invitation_now="{brand}: Nus telefonain a Vus bainprest per Voss termin. "
            "Noss numer po esser zuppà.",
            help="Agid: {phone}",
        ),
        Language.ENGLISH: _Wording(
            weekdays=("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
            when="{weekday} {at:%d.%m.%Y} at {at:%H:%M}",
            invitation="{brand}: your online appointment is on {when}. "
            "Keep this SMS and open the link then:\n{link}\nA code will reach you by SMS.",
            invitation_with_code="{code} is your {brand} code. Your online appointment:\n{link}",
            link_first="{brand}: your online appointment. The code follows in another SMS.\n{link}",
            code="{code} is your {brand} code. Give it to nobody.",
            code_to_read="{code} is your {brand} code. Read it to us by phone.",
            call="{brand}: we are ready for you now. Please open:\n{link}",
            phone_invitation="{brand}: we will phone you on {when} for your appointment. "
            "Our number may be withheld.",
            phone_invitation_now="{brand}: we are about to phone you for your appointment. "
            "Our number may be withheld.",
            help="Help: {phone}",
        ),
    }
)

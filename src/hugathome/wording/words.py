"""What is said when: the text messages of a visit.

They show on a locked screen and on other people's tables: no name, no speciality, nothing clinical. A
message with a code opens with the code and is one segment; its last line is bound to the site, so that a
phone fills the code in there and nowhere else.

A time is said in the reader's `zone`, and with its name where clocks at `home` show another.

Every function returns the messages to send, in order. Nothing here sends, stores or reads a clock.
"""

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from hugathome.roles import AnyLanguage, Language
from hugathome.wording.dates import local_time
from hugathome.wording.gsm7 import rewritten, segments
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.templates import TextKind

LINK_ID: Final = 11
"""Characters of the identifier that ends a link."""


def invitation(
    letterhead: Letterhead,
    language: AnyLanguage,
    *,
    link: str,
    starts_at: datetime,
    zone: ZoneInfo,
    home: ZoneInfo | None = None,
) -> tuple[str, ...]:
    """Invite to a visit that comes later: when, and the link that will send a code."""
    when = spelled_time(starts_at, language, zone=zone, home=home)
    return (letterhead.write(TextKind.INVITATION, language, when=when, link=link),)


def invitation_without_sms(
    letterhead: Letterhead,
    language: AnyLanguage,
    *,
    link: str,
    starts_at: datetime,
    zone: ZoneInfo,
    home: ZoneInfo | None = None,
) -> tuple[str, ...]:
    """Invite somebody whom no SMS reaches: the same, and that the page knows how their code reaches them."""
    when = spelled_time(starts_at, language, zone=zone, home=home)
    return (letterhead.write(TextKind.INVITATION_WITHOUT_SMS, language, when=when, link=link),)


def moved(
    letterhead: Letterhead,
    language: AnyLanguage,
    *,
    link: str,
    starts_at: datetime,
    zone: ZoneInfo,
    home: ZoneInfo | None = None,
) -> tuple[str, ...]:
    """Tell somebody who was invited for another time when the visit is now; the link is the one they have."""
    when = spelled_time(starts_at, language, zone=zone, home=home)
    return (letterhead.write(TextKind.MOVED, language, when=when, link=link),)


def reminder(
    letterhead: Letterhead,
    language: AnyLanguage,
    *,
    link: str,
    starts_at: datetime,
    zone: ZoneInfo,
    home: ZoneInfo | None = None,
) -> tuple[str, ...]:
    """Remind somebody who was invited of when the visit is; the link is the one they have."""
    when = spelled_time(starts_at, language, zone=zone, home=home)
    return (letterhead.write(TextKind.REMINDER, language, when=when, link=link),)


def invitation_with_code(
    letterhead: Letterhead, language: AnyLanguage, *, link: str, code: str
) -> tuple[str, ...]:
    """Invite to a visit that is now: link and code in one segment, or the link first and then the code."""
    together = letterhead.write(TextKind.INVITATION_WITH_CODE, language, link=link, code=code)
    if segments(together) == 1:
        return (together,)
    first = letterhead.write(TextKind.LINK_FIRST, language, link=link)
    return (first, *code_alone(letterhead, language, code=code))


def code_alone(letterhead: Letterhead, language: AnyLanguage, *, code: str) -> tuple[str, ...]:
    """Send the code that the patient asked for."""
    return (letterhead.write(TextKind.CODE, language, code=code),)


def code_to_read(letterhead: Letterhead, language: AnyLanguage, *, code: str) -> tuple[str, ...]:
    """Send the code that somebody who is on the telephone with the patient asks them to read out."""
    return (letterhead.write(TextKind.CODE_TO_READ, language, code=code),)


def call(letterhead: Letterhead, language: AnyLanguage, *, link: str) -> tuple[str, ...]:
    """Tell a patient whose page is closed that somebody is ready for them."""
    return (letterhead.write(TextKind.CALL, language, link=link),)


def phone_invitation(
    letterhead: Letterhead,
    language: AnyLanguage,
    *,
    starts_at: datetime,
    zone: ZoneInfo,
    home: ZoneInfo | None = None,
    word: str,
) -> tuple[str, ...]:
    """Announce a visit by telephone that comes later, and the word that we will say; nothing is to open."""
    when = spelled_time(starts_at, language, zone=zone, home=home)
    return (letterhead.write(TextKind.PHONE_INVITATION, language, when=when, word=word),)


def phone_moved(
    letterhead: Letterhead,
    language: AnyLanguage,
    *,
    starts_at: datetime,
    zone: ZoneInfo,
    home: ZoneInfo | None = None,
    word: str,
) -> tuple[str, ...]:
    """Tell somebody whom we were to phone at another time when we will, and the word that we will say."""
    when = spelled_time(starts_at, language, zone=zone, home=home)
    return (letterhead.write(TextKind.PHONE_MOVED, language, when=when, word=word),)


def phone_reminder(
    letterhead: Letterhead,
    language: AnyLanguage,
    *,
    starts_at: datetime,
    zone: ZoneInfo,
    home: ZoneInfo | None = None,
    word: str,
) -> tuple[str, ...]:
    """Remind somebody of when we will phone them, and of the word that we will say."""
    when = spelled_time(starts_at, language, zone=zone, home=home)
    return (letterhead.write(TextKind.PHONE_REMINDER, language, when=when, word=word),)


def phone_invitation_now(letterhead: Letterhead, language: AnyLanguage, *, word: str) -> tuple[str, ...]:
    """Announce a visit by telephone that is now, and the word that we say."""
    return (letterhead.write(TextKind.PHONE_INVITATION_NOW, language, word=word),)


def spelled_time(at: datetime, language: AnyLanguage, *, zone: ZoneInfo, home: ZoneInfo | None = None) -> str:
    """Return weekday, date and time as a message spells them: without the marks that GSM-7 lacks."""
    return rewritten(local_time(at, language, zone=zone, home=home))


# --- What a host should know ------------------------------------------------------------------------


def longest_link(letterhead: Letterhead) -> str:
    """Return a link as long as they all are."""
    return f"{letterhead.site.rstrip('/')}/j/{'0' * LINK_ID}"


def split_languages(letterhead: Letterhead, *, digits: int) -> tuple[Language, ...]:
    """Return the languages in which link and code of `digits` do not fit one segment together."""
    link, code = longest_link(letterhead), "0" * digits
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

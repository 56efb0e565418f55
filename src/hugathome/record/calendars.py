"""An appointment as calendars take it: iCalendar (RFC 5545) for one participant, to keep or to take out.

A calendar is copied to places that nobody here knows of, and shows on locked screens. So it says who invites,
when, by which link of one's own, and whom to call: no service, nobody's name, no code and no callback word.

The only importer of icalendar, and a late one. Nothing here reads a clock, stores or sends.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from hugathome.errors import MissingExtra
from hugathome.record.transitions import OUT, Status
from hugathome.roles import AnyLanguage
from hugathome.session import Session
from hugathome.wording.letterhead import Letterhead
from hugathome.wording.templates import BRAND, TextKind

PRODUCT: Final = "-//hugathome//hugathome//EN"


def appointment(
    session: Session,
    participant_id: str,
    *,
    letterhead: Letterhead,
    language: AnyLanguage,
    link: str | None,
    now: datetime,
) -> bytes:
    """Return a participant's appointment as it stands at `now`: to be kept, or to be taken out again.

    The UID is the session's, so that it takes the place of what was given before. SEQUENCE grows whenever the
    session is rescheduled, and with the end of it all: it was cancelled, or this participant put out. Raises
    `UnknownParticipant`, and `MissingExtra` without icalendar.
    """
    try:
        from icalendar import Calendar, Event, vCalAddress
    except ImportError:
        raise MissingExtra("calendar") from None
    is_off = session.status is Status.CANCELLED or session.of(participant_id).presence in OUT
    organizer, attendee = vCalAddress(letterhead.site), vCalAddress(_address(session, participant_id))
    organizer.params["CN"] = letterhead.brand
    attendee.params["RSVP"] = "FALSE"  # the answer is the consent, which is not given to a calendar
    calendar, event = Calendar(), Event()
    calendar.add("version", "2.0")
    calendar.add("prodid", PRODUCT)
    calendar.add("method", "CANCEL" if is_off else "REQUEST")
    for name, value in (
        ("organizer", organizer),
        ("attendee", attendee),
        ("dtstamp", now),
        *_when(session, letterhead, is_off=is_off),
        *_where(letterhead, language, link=None if is_off else link),
    ):
        event.add(name, value)
    calendar.add_component(event)
    written: bytes = calendar.to_ical()
    return written


def _address(session: Session, participant_id: str) -> str:
    """Return what stands for an attendee's address: a calendar wants one, and it gets no telephone number."""
    return f"urn:hugathome:participant:{session.id}:{participant_id}"


def _when(session: Session, letterhead: Letterhead, *, is_off: bool) -> Iterator[tuple[str, object]]:
    agreed = "TENTATIVE" if session.consent is None else "CONFIRMED"
    yield "uid", f"{session.id}@{letterhead.host}"
    yield "sequence", session.sequence + is_off
    yield "dtstart", session.window.starts_at
    yield "dtend", session.window.ends_at
    yield "status", "CANCELLED" if is_off else agreed


def _where(
    letterhead: Letterhead, language: AnyLanguage, *, link: str | None
) -> Iterator[tuple[str, object]]:
    yield "summary", letterhead.brand
    yield "class", "PRIVATE"
    if link is not None:
        yield "url", link
    phone, brand = letterhead.help_phone, letterhead.brand
    help_line = phone and letterhead.texts.says(TextKind.HELP, language, {BRAND: brand, "phone": phone})
    if told := "\n".join(filter(None, (link, help_line))):
        yield "description", told

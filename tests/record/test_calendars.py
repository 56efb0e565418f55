"""Appointments in calendars: read back as they were written, and saying no more than an SMS does."""

import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar, Event

from hugathome.errors import ConfigurationError, MissingExtra, UnknownParticipant
from hugathome.record.calendars import appointment
from hugathome.record.history import Action, Change, Consent, window_around
from hugathome.record.participants import Participant
from hugathome.session import Session
from hugathome.testing import FakeHugAtHome
from hugathome.wording.letterhead import Letterhead

NOW = datetime(2026, 3, 27, 9, tzinfo=UTC)
STARTS = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
"""Half an hour after the clocks of Zurich have gone forward."""
SITE = "https://www.example.ch/visit"
LINK = f"{SITE}/j/Ab3_-dE9xYz"
LETTERHEAD = Letterhead(brand="HUG@home", site=SITE, help_phone="+41 22 372 33 11")

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi")
PATIENT = Participant(
    id="p-1", role="patient", name="Zebulon Dupont", phone="+41791234567", reference="urn:pid:77"
)
CONSENT = Consent(participant="p-1", recorded_by="dr-rossi", at=NOW, how="said so")
SESSION = Session(
    id="hug.4711",
    organisation="hug",
    service="oncology",
    modality="video",
    window=window_around(STARTS, STARTS + timedelta(minutes=30)),
    participants=(DOCTOR, PATIENT),
    reference="appointment/4711",
)


def written(session: Session = SESSION, **options: Any) -> bytes:
    given: dict[str, Any] = {"letterhead": LETTERHEAD, "language": "fr", "link": LINK, "now": NOW} | options
    return appointment(session, "p-1", **given)


def read(written: bytes) -> tuple[str, Event]:
    """Return the method and the one event, as a calendar reads them."""
    calendar = Calendar.from_ical(written)
    assert isinstance(calendar, Calendar)
    (event,) = calendar.events
    return str(calendar["METHOD"]), event


def after(session: Session, action: Action, **facts: Any) -> Session:
    return session.after(Change(action=action, at=NOW, **facts))


# --- What it says -----------------------------------------------------------------------------------


def test_an_appointment_is_read_back_as_it_was_written() -> None:
    method, event = read(written())

    assert method == "REQUEST"
    assert (event.start, event.end, event.DTSTAMP) == (STARTS, STARTS + timedelta(minutes=30), NOW)
    assert (event["UID"], event["SEQUENCE"]) == ("hug.4711@www.example.ch", 0)
    assert (event["SUMMARY"], event["URL"], event["CLASS"]) == ("HUG@home", LINK, "PRIVATE")
    assert event["DESCRIPTION"] == f"{LINK}\nAide: +41 22 372 33 11"


def test_times_are_in_utc_whatever_clocks_do() -> None:
    lines = written().decode().split("\r\n")

    assert {"DTSTART:20260329T013000Z", "DTEND:20260329T020000Z", "DTSTAMP:20260327T090000Z"} <= set(lines)


def test_it_stands_as_agreed_once_the_patient_has_agreed() -> None:
    asked, agreed = SESSION, after(SESSION, Action.ACCEPT, participant="p-1", consent=CONSENT)

    assert [read(written(one))[1]["STATUS"] for one in (asked, agreed)] == ["TENTATIVE", "CONFIRMED"]


def test_a_calendar_learns_nothing_of_anybody() -> None:
    unfolded = written().decode().replace("\r\n ", "")

    for told in ("Zebulon", "Dupont", "Rossi", "oncology", "791234567", "urn:pid:77", "appointment/4711"):
        assert told not in unfolded


def test_without_a_link_and_a_telephone_there_is_nothing_to_describe() -> None:
    bare = Letterhead(brand="HUG", site=SITE)

    _, event = read(written(letterhead=bare, link=None))

    assert not {"URL", "DESCRIPTION", "LOCATION"}.intersection(event)


def test_nobody_else_has_an_appointment() -> None:
    with pytest.raises(UnknownParticipant):
        appointment(SESSION, "p-9", letterhead=LETTERHEAD, language="fr", link=None, now=NOW)


# --- How it changes ---------------------------------------------------------------------------------


def test_a_rescheduled_visit_takes_the_place_of_what_was_there() -> None:
    window = window_around(STARTS + timedelta(days=7), STARTS + timedelta(days=7, minutes=30))

    moved = after(SESSION, Action.RESCHEDULE, window=window)

    (_, before), (method, event) = read(written()), read(written(moved))
    assert method == "REQUEST"
    assert event["UID"] == before["UID"]
    assert (before["SEQUENCE"], event["SEQUENCE"]) == (0, 1)
    assert event.start == window.starts_at


@pytest.mark.parametrize(
    "gone",
    [
        after(SESSION, Action.CANCEL, by="the secretary"),
        after(SESSION, Action.REMOVE, by="dr-rossi", participant="p-1"),
    ],
    ids=["cancelled", "put-out"],
)
def test_what_is_off_is_taken_out_again_and_leads_nowhere(gone: Session) -> None:
    method, event = read(written(gone))

    assert (method, event["STATUS"]) == ("CANCEL", "CANCELLED")
    assert event["UID"] == read(written())[1]["UID"]
    assert event["SEQUENCE"] == 1
    assert LINK not in written(gone).decode().replace("\r\n ", "")


def test_a_visit_that_took_place_stays_in_the_calendar() -> None:
    held = after(
        after(SESSION, Action.ARRIVE, participant="p-1"), Action.ADMIT, by="dr-rossi", participant="p-1"
    )
    held = after(held, Action.COMPLETE, by="dr-rossi", outcome="completed")

    assert read(written(held))[0] == "REQUEST"


# --- How it is written ------------------------------------------------------------------------------

umlauts = st.text("aäöüéèàÜ ,;:\\\"'x", min_size=1, max_size=60).map(str.strip).filter(bool)


@given(brand=umlauts)
def test_long_lines_are_folded_between_letters_and_nothing_is_lost(brand: str) -> None:
    try:
        letterhead = Letterhead(brand=brand, site=SITE)
    except ConfigurationError:  # no room beside a code
        return

    lines = written(letterhead=letterhead).split(b"\r\n")

    assert max(map(len, lines)) <= 75
    assert [line.decode() for line in lines], "no letter is cut in two"
    assert read(b"\r\n".join(lines))[1]["SUMMARY"] == brand


def test_a_long_brand_with_umlauts_is_folded() -> None:
    brand = "Universitätsspital für Köpfe und Füsse Zürich"

    folded = written(letterhead=Letterhead(brand=brand, site="https://v.example.ch"), link=LINK + "x" * 90)

    assert b"\r\n " in folded
    assert read(folded)[1]["SUMMARY"] == brand
    assert read(folded)[1]["URL"] == LINK + "x" * 90


def test_without_icalendar_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "icalendar", None)

    with pytest.raises(MissingExtra, match=r"hugathome\[calendar\]"):
        written()


# --- In a deployment --------------------------------------------------------------------------------


async def planned(hug: FakeHugAtHome, modality: Any) -> str:
    session = await hug.sessions.plan(
        organisation="hug",
        service="oncology",
        modality=modality,
        starts_at=STARTS,
        ends_at=STARTS + timedelta(minutes=30),
        participants=[DOCTOR, PATIENT],
    )
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    return session.id


async def test_whoever_is_invited_finds_their_own_link_and_no_code() -> None:
    async with FakeHugAtHome(now=STARTS) as hug:
        session_id = await planned(hug, "video")
        invitation = await hug.invite(session_id, "p-1")

        patients, doctors = await hug.calendar(session_id, "p-1"), await hug.calendar(session_id, "dr-rossi")
        code = hug.outbox.last().code

    assert read(patients)[1]["URL"] == invitation.url
    assert "URL" not in read(doctors)[1]
    assert code is not None
    assert code not in patients.decode().replace("\r\n ", "")


async def test_a_visit_by_telephone_has_neither_link_nor_word() -> None:
    async with FakeHugAtHome(now=NOW) as hug:
        session_id = await planned(hug, "phone")
        await hug.invite(session_id, "p-1")

        written = await hug.calendar(session_id, "p-1")
        word = await hug.callback_word(session_id, "p-1")

    assert "URL" not in read(written)[1]
    assert word not in written.decode()

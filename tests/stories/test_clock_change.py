"""Nights on which the clocks change: an hour that is missing in March, one that comes twice in October."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.stories.telling import ZURICH, Visit, opened

from hugathome import NotYetOpen, Participant

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
PATIENT = Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791110055", language="en")
HOUR = timedelta(hours=1)


async def test_in_march_the_door_opens_half_an_hour_before_although_the_clock_jumps() -> None:
    async with opened(datetime(2026, 3, 28, 20, tzinfo=ZURICH)) as clinic:
        visit = await clinic.plans("primary-care", DOCTOR, PATIENT, at="2026-03-29 03:15")
        await visit.accepted(PATIENT, says=DOCTOR)
        await visit.invites(PATIENT)
        page = visit.opens_the_link(PATIENT)

        await clinic.hug.clock.advance(hours=5, minutes=44)  # a quarter to two, and a minute
        with pytest.raises(NotYetOpen):
            await page.__aenter__()
        await clinic.hug.clock.advance(minutes=1)  # thirty minutes to a quarter past three
        async with page:
            assert await visit.is_waiting() == ["M. Dupont"]
            await clinic.clock_shows("2026-03-29 03:15")
            await clinic.hug.sessions.admit(visit.id, PATIENT.id, by=DOCTOR.id)
            await clinic.hug.sessions.complete(visit.id, by=DOCTOR.id)

        assert "Sunday, 29 March 2026 at 03:15" in visit.told(PATIENT)[0].text
        record = await visit.record()
        assert record.window.starts_at - record.window.opens_at == timedelta(minutes=30)
        assert (await visit.story())[3:] == [
            "Sun 01:45 M. Dupont types the code",
            "Sun 03:15 Dr Rossi admits M. Dupont",
            "Sun 03:15 Dr Rossi ends it: completed",
        ]


async def test_in_october_half_past_two_comes_twice_and_the_visit_is_at_the_one_that_was_meant() -> None:
    first, second = (
        datetime(2026, 10, 25, 2, 30, tzinfo=ZURICH, fold=fold).astimezone(UTC) for fold in (0, 1)
    )
    assert second - first == HOUR
    async with opened(datetime(2026, 10, 24, 20, tzinfo=ZURICH)) as clinic:
        session = await clinic.hug.sessions.plan(
            organisation="hug", service="primary-care", participants=[DOCTOR, PATIENT], starts_at=second
        )
        visit = Visit(clinic, session.id)
        await visit.accepted(PATIENT, says=DOCTOR)
        await visit.invites(PATIENT)

        await clinic.hug.clock.advance(seconds=(first - clinic.hug.clock.now()).total_seconds())
        with pytest.raises(NotYetOpen):
            await visit.opens_the_link(PATIENT).__aenter__()
        await clinic.hug.clock.advance(hours=1)
        async with visit.opens_the_link(PATIENT):
            assert await visit.is_waiting() == ["M. Dupont"]

        assert "at 02:30 (Central European Standard Time)" in visit.told(PATIENT)[0].text
        assert (await visit.record()).window.starts_at == second


async def test_a_visit_that_is_put_off_over_the_change_is_announced_for_its_new_day() -> None:
    async with opened(datetime(2026, 3, 27, 9, tzinfo=ZURICH)) as clinic:
        visit = await clinic.plans("primary-care", DOCTOR, PATIENT, at="2026-03-27 09:30")
        await visit.accepted(PATIENT, says=DOCTOR)
        moved = await clinic.hug.sessions.reschedule(
            visit.id, starts_at=clinic.instant("2026-03-30 09:30"), by="desk"
        )
        await visit.accepted(PATIENT, says=DOCTOR)
        await visit.invites(PATIENT)

        assert moved.consent is None, "another day is another question"
        assert moved.window.starts_at - clinic.instant("2026-03-27 09:30") == 3 * 24 * HOUR - HOUR
        assert "Monday, 30 March 2026 at 09:30" in visit.told(PATIENT)[-1].text
        assert (await visit.story())[2] == "Fri 09:00 desk puts it off to Mon 09:30"

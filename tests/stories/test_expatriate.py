"""A patient of the hospital lives in Singapore: a number from there, and seven hours between the clocks."""

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.stories.telling import Clinic, sees

from hugathome import Participant

SINGAPORE = ZoneInfo("Asia/Singapore")
DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
PATIENT = Participant(id="p-1", role="patient", name="Ms Tan", phone="+6591234567", language="en")


async def test_an_expatriate_is_told_the_hospitals_time_and_given_the_instant_for_her_calendar(
    clinic: Clinic,
) -> None:
    visit = await clinic.plans("cardiology", DOCTOR, PATIENT, at="09:50")
    await visit.accepted(PATIENT, says=DOCTOR, language="en")
    await visit.invites(PATIENT)

    # The SMS says the hospital's time. Her calendar has the instant itself, and shows it as 16:50.
    (invited,) = visit.told(PATIENT)
    assert "Wednesday, 14 January 2026 at 09:50" in invited.text
    kept = (await clinic.hug.calendar(visit.id, PATIENT.id)).decode()
    assert "DTSTART:20260114T085000Z" in kept
    her_clock = datetime.fromisoformat("2026-01-14T08:50:00+00:00").astimezone(SINGAPORE)
    assert f"{her_clock:%H:%M}" == "16:50"

    await clinic.clock_shows("09:45")
    async with visit.opens_the_link(PATIENT) as page, visit.signs_in(DOCTOR) as doctor:
        await doctor.admit(PATIENT.id)
        await page.admitted()
        assert await sees(page) == {"Dr Rossi"}
        await doctor.complete("completed")

    assert [(sms.at, sms.has_code) for sms in visit.told(PATIENT)] == [
        ("Wed 09:00", False),
        ("Wed 09:45", True),
    ]
    assert (await visit.story())[-1] == "Wed 09:45 Dr Rossi ends it: completed"


async def test_an_expatriate_of_whom_the_hospital_knows_where_she_is_reads_her_own_time_and_its_name(
    clinic: Clinic,
) -> None:
    patient = PATIENT.but(timezone="Asia/Singapore")
    visit = await clinic.plans("cardiology", DOCTOR, patient, at="09:50")
    await visit.accepted(patient, says=DOCTOR, language="en")
    await visit.invites(patient)

    (invited,) = visit.told(patient)
    assert "Wednesday, 14 January 2026 at 16:50 (Singapore Standard Time)" in invited.text

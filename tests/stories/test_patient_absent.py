"""The doctor is there, the patient is not: she is called, waited for, and noted as absent by the evidence."""

import pytest
from tests.stories.telling import Clinic

from hugathome import InvalidTransition, Participant, SessionEnded

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
PATIENT = Participant(id="p-1", role="patient", name="Mme Girard", phone="+41791110099", language="fr")


async def test_a_patient_who_does_not_come_is_called_and_then_noted_as_absent(clinic: Clinic) -> None:
    visit = await clinic.plans("cardiology", DOCTOR, PATIENT, at="09:40")
    await visit.accepted(PATIENT, says=DOCTOR)
    await visit.invites(PATIENT)

    await clinic.clock_shows("09:40")
    async with visit.signs_in(DOCTOR):
        await clinic.clock_shows("09:45")
        await visit.calls(PATIENT, by=DOCTOR)
        await clinic.clock_shows("10:00")
        with pytest.raises(InvalidTransition):
            await clinic.hug.sessions.complete(visit.id, by=DOCTOR.id)  # nobody was seen: it is no visit
        await clinic.hug.sessions.complete(visit.id, by=DOCTOR.id, outcome="no-show")

    record = await visit.record()
    assert (record.status, record.outcome, record.absent) == ("cancelled", "no-show", "patient")
    invited, called = visit.told(PATIENT)
    assert (invited.at, called.at) == ("Wed 09:00", "Wed 09:45")
    with pytest.raises(SessionEnded):
        await visit.opens_the_link(PATIENT).__aenter__()  # she comes at five past ten
    assert len(visit.told(PATIENT)) == 2, "and no code goes out for it any more"
    assert await visit.story() == [
        "Wed 09:00 planned for Wed 09:40, by video",
        "Wed 09:00 Mme Girard accepts, says Dr Rossi",
        "Wed 09:00 Mme Girard is invited",
        "Wed 09:40 Dr Rossi is there",
        "Wed 09:45 Dr Rossi calls Mme Girard (sms)",
        "Wed 10:00 Dr Rossi cancels it: no-show",
    ]


async def test_a_link_that_was_opened_is_no_coming_and_what_the_doctor_knows_better_wins(
    clinic: Clinic,
) -> None:
    visit = await clinic.plans("cardiology", DOCTOR, PATIENT, at="09:40")
    await visit.accepted(PATIENT, says=DOCTOR)
    await visit.invites(PATIENT)
    await visit.opens_the_link(PATIENT).open()

    await clinic.clock_shows("10:00")
    await clinic.hug.sessions.complete(visit.id, by=DOCTOR.id, outcome="no-show", absent="both")

    assert (await visit.record()).absent == "both"

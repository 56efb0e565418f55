"""A nurse at the bedside of a lady of 96 wants a doctor to look at her leg, now."""

from datetime import timedelta

import pytest
from tests.stories.telling import Clinic, sees

from hugathome import NotPermitted, Participant

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi", phone="+41791110011")
NURSE = Participant(id="nurse", role="nurse", name="B. Keller", phone="+41791110022")
LADY = Participant(id="p-1", role="patient", name="Mme Favre, 96", phone="+41227001122")


async def test_a_home_nurse_calls_the_doctor_for_a_patient_of_96(clinic: Clinic) -> None:
    await clinic.clock_shows("13:02")
    visit = await clinic.plans("home-care", DOCTOR, NURSE, LADY, at="14:00")
    await visit.accepted(LADY, says=NURSE, how="oral, at her bedside")
    await visit.invites(NURSE, LADY)

    # The round is early: home care opens its doors an hour before. One telephone shows nurse and patient.
    await clinic.clock_shows("13:05")
    await visit.invites(DOCTOR)
    async with visit.opens_the_link(NURSE) as tablet:
        assert await visit.is_waiting() == ["B. Keller"]
        assert await sees(tablet) == set(), "whoever waits is told of nobody"
        await visit.calls(DOCTOR, by=NURSE)

        async with visit.signs_in(DOCTOR) as doctor:
            with pytest.raises(NotPermitted):
                await clinic.hug.sessions.admit(visit.id, NURSE.id, by=NURSE.id)
            await doctor.admit(NURSE.id)
            await tablet.admitted()
            assert await sees(tablet) == {"Dr Rossi"}
            assert await sees(doctor) == {"B. Keller"}
            await clinic.hug.identify(
                visit.id, LADY.id, by=DOCTOR.id, how="the nurse has known her for years"
            )
            await clinic.clock_shows("13:20")
            await doctor.complete("prescription")

    assert visit.told(LADY) == [], "a fixed line gets no SMS: her nurse has the link"
    assert [(sms.at, sms.has_code) for sms in visit.told(NURSE)] == [("Wed 13:02", True)]
    assert [sms.at for sms in visit.told(DOCTOR)] == ["Wed 13:05", "Wed 13:05"], "invited, and then called"
    assert not any("Favre" in sms.text for sms in visit.told(NURSE) + visit.told(DOCTOR))
    record = await visit.record()
    assert record.window.starts_at - record.window.opens_at == timedelta(hours=1)
    assert record.consent is not None
    assert (record.consent.participant, record.consent.recorded_by) == ("p-1", "nurse")
    assert await visit.story() == [
        "Wed 13:02 planned for Wed 14:00, by video",
        "Wed 13:02 Mme Favre, 96 accepts, says B. Keller",
        "Wed 13:02 B. Keller is invited",
        "Wed 13:02 Mme Favre, 96 is invited",
        "Wed 13:05 Dr Rossi is invited",
        "Wed 13:05 B. Keller types the code",
        "Wed 13:05 B. Keller calls Dr Rossi (sms)",
        "Wed 13:05 Dr Rossi is there",
        "Wed 13:05 Dr Rossi admits B. Keller",
        "Wed 13:05 Dr Rossi knows Mme Favre, 96 by: the nurse has known her for years",
        "Wed 13:20 Dr Rossi ends it: prescription",
    ]

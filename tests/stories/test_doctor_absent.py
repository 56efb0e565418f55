"""The patient waits and the doctor does not come: he is not turned out, and it is not he who is absent."""

from tests.stories.telling import Clinic, sees

from hugathome import Participant
from hugathome.protocol.wire import CloseCode

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
HEAD = Participant(id="dr-weber", role="practitioner", part="supervising", name="Dr Weber")
PATIENT = Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791110055", language="fr")


async def test_a_patient_waits_for_a_doctor_who_does_not_come(clinic: Clinic) -> None:
    visit = await clinic.plans("cardiology", DOCTOR, HEAD, PATIENT, at="09:20")
    await visit.accepted(PATIENT, says=HEAD)
    await visit.invites(PATIENT)

    async with visit.opens_the_link(PATIENT) as page:
        await clinic.clock_shows("11:05")  # the door closed at ten to eleven
        assert await visit.is_waiting() == ["M. Dupont"], "whoever waits is not turned out"
        assert await sees(page) == set()
        await clinic.hug.sessions.complete(visit.id, by=HEAD.id, outcome="no-show")
        end = await page.ended()

    assert end.code == CloseCode.SESSION_ENDED
    record = await visit.record()
    assert (record.status, record.outcome, record.absent) == ("cancelled", "no-show", "practitioner")
    assert await visit.story() == [
        "Wed 09:00 planned for Wed 09:20, by video",
        "Wed 09:00 M. Dupont accepts, says Dr Weber",
        "Wed 09:00 M. Dupont is invited",
        "Wed 09:00 M. Dupont types the code",
        "Wed 11:05 Dr Weber cancels it: no-show",
    ]

    # A new appointment is a new visit: he accepts again, and his old link leads nowhere.
    again = await clinic.plans("cardiology", HEAD, PATIENT, at="11:30")
    await again.accepted(PATIENT, says=HEAD)
    await again.invites(PATIENT)
    first, second = (sms.text.splitlines() for sms in again.told(PATIENT))
    assert first != second
    async with again.opens_the_link(PATIENT):
        assert await again.is_waiting() == ["M. Dupont"]

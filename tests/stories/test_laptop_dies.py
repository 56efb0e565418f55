"""The doctor's laptop dies in the middle of a visit; she goes on with her telephone, nobody starts anew."""

from tests.stories.telling import Clinic, sees

from hugathome import Participant
from hugathome.testing import Network

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
PATIENT = Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791110055", language="fr")


async def test_the_doctor_comes_back_on_another_device_and_the_visit_goes_on(clinic: Clinic) -> None:
    visit = await clinic.plans("cardiology", DOCTOR, PATIENT, at="09:10")
    await visit.accepted(PATIENT, says=DOCTOR)
    await visit.invites(PATIENT)
    laptop, socket = Network(clinic.hug.here), Network(clinic.hug.here)

    async with visit.opens_the_link(PATIENT) as patient:
        async with visit.signs_in(DOCTOR, over=laptop) as doctor:
            await doctor.admit(PATIENT.id)
            await patient.admitted()
            await clinic.clock_shows("09:12")
            await laptop.down()
        await clinic.clock_shows("09:14")
        assert await sees(patient) == set(), "the patient's page says that she is away"
        assert (await visit.record()).status == "in-progress"

        async with visit.signs_in(DOCTOR, over=socket) as phone:
            assert await sees(phone) == {"M. Dupont"}
            assert await sees(patient) == {"Dr Rossi"}
            await clinic.clock_shows("09:30")
            await phone.complete("completed")

    assert len(visit.told(PATIENT)) == 1, "no new link, no new code"
    record = await visit.record()
    assert (record.status, record.outcome) == ("completed", "completed")
    assert sum(change.action == "admit" for change in record.history) == 1
    story = await visit.story()
    assert story[5:] == [
        "Wed 09:00 Dr Rossi admits M. Dupont",
        "Wed 09:13 Dr Rossi is gone",
        "Wed 09:14 Dr Rossi is there",
        "Wed 09:30 Dr Rossi ends it: completed",
    ]

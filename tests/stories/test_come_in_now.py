"""Chest pain by video: the picture stands still, they go on by telephone, and he is to come in now."""

import pytest
from tests.stories.telling import Clinic, sees

from hugathome import Participant, SessionEnded
from hugathome.protocol.wire import CloseCode

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
PATIENT = Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791110055", language="fr")


async def test_a_visit_becomes_come_in_now(clinic: Clinic) -> None:
    visit = await clinic.plans("cardiology", DOCTOR, PATIENT, at="09:10")
    await visit.accepted(PATIENT, says=DOCTOR)
    await visit.invites(PATIENT)

    async with visit.opens_the_link(PATIENT) as patient, visit.signs_in(DOCTOR) as doctor:
        await doctor.admit(PATIENT.id)
        await patient.admitted()
        assert await sees(doctor) == {"M. Dupont"}
        await clinic.clock_shows("09:12")
        await doctor.peer.change_modality("phone", reason="the picture stands still")
        assert await visit.is_inside() == ["Dr Rossi", "M. Dupont"], "nobody is put out for it"
        await clinic.clock_shows("09:15")
        await clinic.hug.sessions.complete(
            visit.id, by=DOCTOR.id, outcome="in-person-visit-needed", result="emergency:4711"
        )
        end = await patient.ended()

    assert end.code == CloseCode.SESSION_ENDED
    record = await visit.record()
    assert (record.status, record.outcome) == ("completed", "in-person-visit-needed")
    assert (record.modality, record.result) == ("phone", "emergency:4711")
    with pytest.raises(SessionEnded):
        await visit.opens_the_link(PATIENT).__aenter__()
    assert await visit.story() == [
        "Wed 09:00 planned for Wed 09:10, by video",
        "Wed 09:00 M. Dupont accepts, says Dr Rossi",
        "Wed 09:00 M. Dupont is invited",
        "Wed 09:00 M. Dupont types the code",
        "Wed 09:00 Dr Rossi is there",
        "Wed 09:00 Dr Rossi admits M. Dupont",
        "Wed 09:12 Dr Rossi goes on by phone: the picture stands still",
        "Wed 09:15 Dr Rossi ends it: in-person-visit-needed",
    ]

"""A deaf patient signs; an interpreter is proposed, comes in when the doctor says so, and speaks for him."""

import pytest
from tests.stories.telling import Clinic, sees

from hugathome import InvalidInput, Participant
from hugathome.record.needs import Needs, adjustments, proposals

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
PATIENT = Participant(
    id="p-1",
    role="patient",
    name="Herr Meier",
    phone="+41791110066",
    language="de",
    needs=Needs(sign_language="sgg", real_time_text=True, extra_time=True),
)
INTERPRETER = Participant(
    id="i-1", role="interpreter", name="K. Frei", phone="+41791110077", language="de", speaks_for="p-1"
)


async def test_an_interpreter_speaks_for_a_patient_who_signs(clinic: Clinic) -> None:
    (proposed,) = proposals([DOCTOR, PATIENT])
    assert (proposed.seat.role, proposed.beside, proposed.sign_language) == ("interpreter", "p-1", "sgg")
    visit = await clinic.plans("primary-care", DOCTOR, PATIENT, at="09:30")
    await clinic.hug.sessions.join(visit.id, INTERPRETER, by=DOCTOR.id)
    await visit.accepted(PATIENT, says=DOCTOR, how="written")
    await visit.invites(PATIENT, INTERPRETER)
    assert proposals((await visit.record()).participants) == ()

    async with (
        visit.signs_in(DOCTOR) as doctor,
        visit.opens_the_link(PATIENT) as patient,
        visit.opens_the_link(INTERPRETER) as interpreter,
    ):
        await doctor.admit(PATIENT.id)
        await patient.admitted()
        assert await sees(patient) == {"Dr Rossi"}
        assert await sees(interpreter) == set(), "an interpreter waits as everybody does"
        await doctor.admit(INTERPRETER.id)
        await interpreter.admitted()
        assert await sees(patient) == {"Dr Rossi", "K. Frei"}
        assert await sees(interpreter) == {"Dr Rossi", "Herr Meier"}
        await clinic.clock_shows("10:00")
        await doctor.complete("completed")

    # He needs time: fifteen minutes become twenty-two and a half; and a picture: nobody telephones him.
    record = await visit.record()
    assert record.modality == "video"
    assert (record.window.ends_at - record.window.starts_at).total_seconds() == 22.5 * 60
    assert adjustments(PATIENT.needs) == ("open-messages",)
    assert [change.joining.name for change in record.history if change.joining] == ["K. Frei"]
    assert record.participant("i-1").speaks_for == "p-1"
    assert all("Code" in sms.text for sms in visit.told(PATIENT) + visit.told(INTERPRETER))
    assert (await visit.story())[-3:] == [
        "Wed 09:00 Dr Rossi admits Herr Meier",
        "Wed 09:00 Dr Rossi admits K. Frei",
        "Wed 10:00 Dr Rossi ends it: completed",
    ]


async def test_an_interpreter_speaks_for_somebody_who_takes_part(clinic: Clinic) -> None:
    with pytest.raises(InvalidInput):
        await clinic.plans(
            "primary-care", DOCTOR, PATIENT, INTERPRETER.but(speaks_for="somebody else"), at="09:30"
        )

"""A follow-up in oncology by telephone: the doctor says the word, the patient reads the code."""

import pytest
from tests.stories.telling import Clinic

from hugathome import CodeRejected, Participant, SessionEnded

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
PATIENT = Participant(
    id="p-1", role="patient", name="M. Dupont", phone="+41791110055", language="fr", reference="urn:pid:77"
)


async def test_a_follow_up_by_phone_where_each_knows_who_the_other_is(clinic: Clinic) -> None:
    visit = await clinic.plans("oncology", DOCTOR, PATIENT, at="2026-01-15 10:00", modality="phone")
    await visit.accepted(PATIENT, says=DOCTOR)
    await visit.invites(PATIENT)

    await clinic.clock_shows("2026-01-15 10:02")
    await visit.calls(PATIENT, by=DOCTOR)
    word = await clinic.hug.callback_word(visit.id, PATIENT.id)
    await clinic.hug.send_code_for(visit.id, PATIENT.id, by=DOCTOR.id)
    code = clinic.hug.outbox.last(to=str(PATIENT.phone)).code or ""
    wrong = f"{(int(code) + 1) % 10**6:06}"
    with pytest.raises(CodeRejected):
        await clinic.hug.identify(visit.id, PATIENT.id, by=DOCTOR.id, code=wrong)
    await clinic.hug.identify(visit.id, PATIENT.id, by=DOCTOR.id, code=code)
    assert await visit.is_inside() == ["M. Dupont"]
    await clinic.clock_shows("10:21")
    await clinic.hug.sessions.complete(visit.id, by=DOCTOR.id, outcome="report", result="report:2026-114")

    # First when, and the word by which the hospital is known; the same a day and an hour before; then that it
    # is now; then the code.
    *announced, ringing, to_read = visit.told(PATIENT)
    assert [sms.at for sms in announced] == ["Wed 09:00", "Wed 10:00", "Thu 09:00"]
    assert (ringing.at, to_read.at) == ("Thu 10:02", "Thu 10:02")
    assert all("10:00" in sms.text and word in sms.text for sms in announced)
    assert word in ringing.text
    assert to_read.has_code
    assert word not in to_read.text
    assert not any("onco" in sms.text.lower() or "Dupont" in sms.text for sms in visit.told(PATIENT))
    record = await visit.record()
    identity = record.identity(PATIENT.id)
    assert identity is not None
    assert (identity.how, identity.by) == ("code", "dr-rossi")
    assert (record.outcome, record.result) == ("report", "report:2026-114")
    with pytest.raises(SessionEnded):
        await clinic.hug.send_code_for(visit.id, PATIENT.id, by=DOCTOR.id)
    assert await visit.story() == [
        "Wed 09:00 planned for Thu 10:00, by phone",
        "Wed 09:00 M. Dupont accepts, says Dr Rossi",
        "Wed 09:00 M. Dupont is invited",
        "Thu 10:02 Dr Rossi calls M. Dupont (sms)",
        "Thu 10:02 M. Dupont: code-refused",
        "Thu 10:02 Dr Rossi knows M. Dupont by: code",
        "Thu 10:21 Dr Rossi ends it: report",
    ]

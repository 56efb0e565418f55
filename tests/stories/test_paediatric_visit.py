"""A girl of six has a rash; her mother is with her and answers for her, and her aunt looks on."""

import pytest
from tests.stories.telling import Clinic, sees

from hugathome import InvalidInput, NotPermitted, Participant

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
GIRL = Participant(id="p-1", role="patient", name="Léa, 6")
MOTHER = Participant(
    id="mother", role="related-person", part="parent", name="C. Blanc", phone="+41791110033", language="fr"
)
AUNT = Participant(
    id="aunt", role="related-person", part="companion", name="S. Blanc", phone="+41791110044", language="de"
)


async def test_a_child_is_seen_with_her_mother_who_consents_for_her(clinic: Clinic) -> None:
    with pytest.raises(InvalidInput, match="parent"):
        await clinic.plans("paediatrics", DOCTOR, GIRL, at="09:30")
    visit = await clinic.plans("paediatrics", DOCTOR, GIRL, MOTHER, AUNT, at="09:30")
    with pytest.raises(NotPermitted):
        await visit.accepted(AUNT, says=DOCTOR)  # whoever only keeps her company does not answer for her
    await visit.accepted(MOTHER, says=DOCTOR)
    await visit.invites(MOTHER, AUNT)

    async with visit.signs_in(DOCTOR) as doctor, visit.opens_the_link(MOTHER) as mother:
        await doctor.admit(MOTHER.id)
        await mother.admitted()
        await clinic.hug.identify(visit.id, GIRL.id, by=DOCTOR.id, how="her mother says who she is")
        async with visit.opens_the_link(AUNT) as aunt:
            assert await visit.is_waiting() == ["S. Blanc"]
            assert await sees(aunt) == set()
            await doctor.admit(AUNT.id)
            await aunt.admitted()
            assert await sees(aunt) == {"Dr Rossi", "C. Blanc"}
        await clinic.clock_shows("09:20")
        await doctor.complete("completed")

    # Each has a link and a code of her own, in her own language; none says whose visit it is, or with whom.
    (to_mother,), (to_aunt,) = visit.told(MOTHER), visit.told(AUNT)
    assert to_mother.has_code
    assert to_aunt.has_code
    assert to_mother.text.splitlines()[0] != to_aunt.text.splitlines()[0]
    assert not any(word in to_mother.text + to_aunt.text for word in ("Léa", "Rossi", "Blanc", "paediatrics"))
    record = await visit.record()
    assert record.consent is not None
    assert record.consent.participant == "mother"
    assert await visit.story() == [
        "Wed 09:00 planned for Wed 09:30, by video",
        "Wed 09:00 C. Blanc accepts, says Dr Rossi",
        "Wed 09:00 C. Blanc is invited",
        "Wed 09:00 S. Blanc is invited",
        "Wed 09:00 Dr Rossi is there",
        "Wed 09:00 C. Blanc types the code",
        "Wed 09:00 Dr Rossi admits C. Blanc",
        "Wed 09:00 Dr Rossi knows Léa, 6 by: her mother says who she is",
        "Wed 09:00 S. Blanc types the code",
        "Wed 09:00 Dr Rossi admits S. Blanc",
        "Wed 09:00 S. Blanc is gone",
        "Wed 09:20 Dr Rossi ends it: completed",
    ]

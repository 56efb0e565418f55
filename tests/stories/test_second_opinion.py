"""A radiologist far away is asked about a scan: the patient knows of it, and is not there."""

import pytest
from tests.stories.telling import Clinic, sees

from hugathome import Expertise, NotPermitted, Participant
from hugathome.record.imaging import ImagingStudyRef, KeyImage, Nearness, Site, Territory, nearness

TREATING = Participant(id="dr-rossi", role="practitioner", part="treating", name="Dr Rossi")
EXPERT = Participant(id="dr-weber", role="practitioner", part="expert", name="Dr Weber")
PATIENT = Participant(id="p-1", role="patient", name="Mme Girard", phone="+41791110099", language="fr")
STUDY = ImagingStudyRef(
    study_uid="1.2.840.113619.2.55.3",
    accession_number="RAD-2026-0114",
    modality="CT",
    dicomweb="https://pacs.example.ch/dicom-web",
    key_images=(KeyImage(series_uid="1.2.840.113619.2.55.3.1", instance_uid="1.2.840.113619.2.55.3.1.7"),),
)
HOSPITAL = Site(name="Hôpital du Valais", territory=Territory(region="VS", nation="CH"))
UNIVERSITY = Site(name="HUG", territory=Territory(region="GE", nation="CH"))
QUESTION = Expertise(
    kind="SecondOpinion", study=STUDY, question="is this nodule older than the scan?", requesting=HOSPITAL
)


async def test_an_expert_takes_a_scan_on_and_both_speak_of_it(clinic: Clinic) -> None:
    visit = await clinic.plans("imaging-expertise", TREATING, EXPERT, PATIENT, at="09:30", expertise=QUESTION)
    await visit.accepted(PATIENT, says=TREATING)
    with pytest.raises(NotPermitted):
        await clinic.hug.sessions.take_on(visit.id, by=TREATING.id)
    await clinic.hug.sessions.take_on(visit.id, by=EXPERT.id, site=UNIVERSITY)

    await clinic.clock_shows("09:30")
    async with visit.signs_in(TREATING) as asks, visit.signs_in(EXPERT) as expert:
        assert await sees(asks) == {"Dr Weber"}
        assert await sees(expert) == {"Dr Rossi"}
        record = await visit.record()
        assert record.expertise is not None
        assert record.expertise.state == "live"
        await clinic.hug.sessions.give_opinion(visit.id, by=EXPERT.id, opinion="report:RAD-2026-0114-B")
        await clinic.clock_shows("09:40")
        await clinic.hug.sessions.complete(visit.id, by=TREATING.id, outcome="report")

    record = await visit.record()
    assert record.expertise is not None
    assert (record.expertise.state, record.expertise.opinion) == ("closed", "report:RAD-2026-0114-B")
    assert record.expertise.expert == UNIVERSITY
    assert nearness(HOSPITAL.territory, UNIVERSITY.territory) is Nearness.NATION
    assert visit.told(PATIENT) == [], "she knows of it, and nothing asks her to come"
    assert await visit.story() == [
        "Wed 09:00 planned for Wed 09:30, by video",
        "Wed 09:00 Mme Girard accepts, says Dr Rossi",
        "Wed 09:00 Dr Weber takes it on",
        "Wed 09:30 Dr Rossi is there",
        "Wed 09:30 Dr Weber is there",
        "Wed 09:30 Dr Weber gives the opinion report:RAD-2026-0114-B",
        "Wed 09:40 Dr Rossi ends it: report",
    ]


async def test_an_expert_answers_in_writing_without_a_meeting(clinic: Clinic) -> None:
    visit = await clinic.plans("imaging-expertise", TREATING, EXPERT, PATIENT, at="09:30", expertise=QUESTION)
    await visit.accepted(PATIENT, says=TREATING)
    await clinic.hug.sessions.take_on(visit.id, by=EXPERT.id)
    await clinic.clock_shows("16:00")
    await clinic.hug.sessions.give_opinion(visit.id, by=EXPERT.id, opinion="report:7")
    await clinic.hug.sessions.complete(visit.id, by=EXPERT.id, outcome="report")

    assert (await visit.story())[-2:] == [
        "Wed 16:00 Dr Weber gives the opinion report:7",
        "Wed 16:00 Dr Weber ends it: report",
    ]

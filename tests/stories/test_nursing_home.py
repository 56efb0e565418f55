"""A doctor's round in a nursing home: three residents one after the other, one nurse, one telephone."""

from tests.stories.telling import Clinic, sees

from hugathome import Participant

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
NURSE = Participant(id="nurse", role="nurse", name="N. Favre", phone="+41791110088", reference="urn:staff:9")
RESIDENTS = {"Mme Aubert": "09:30", "M. Borel": "09:45", "Mme Cuendet": "10:00"}


async def test_a_round_goes_from_room_to_room_and_no_resident_is_seen_in_anothers_visit(
    clinic: Clinic,
) -> None:
    visits = {}
    for name, at in RESIDENTS.items():
        resident = Participant(id="p-1", role="patient", name=name)
        visits[name] = await clinic.plans("nursing-home", DOCTOR, NURSE, resident, at=at)
        await visits[name].accepted(resident, says=NURSE, how="oral, in her room")

    # One telephone: the nurse gets a link for each room as she comes to it, and each has a code of its own.
    codes, seen = set(), []
    for name, at in RESIDENTS.items():
        await clinic.clock_shows(at)
        visit = visits[name]
        await visit.invites(NURSE)
        codes.add(clinic.hug.outbox.last(to=str(NURSE.phone)).code)
        async with visit.opens_the_link(NURSE) as tablet, visit.signs_in(DOCTOR) as doctor:
            await doctor.admit(NURSE.id)
            await tablet.admitted()
            await clinic.hug.identify(visit.id, "p-1", by=DOCTOR.id, how="the nurse")
            seen.append((name, await sees(tablet), {who.name for who in tablet.peer.participants.values()}))
            await clinic.clock_shows(f"{at[:3]}{int(at[3:]) + 10}")
            await doctor.complete("completed")

    assert len(codes) == 3
    for name, inside, ever_shown in seen:
        assert inside == {"Dr Rossi"}
        assert not ever_shown & (set(RESIDENTS) - {name}), "nobody of another room is shown"
    since, until = clinic.instant("2026-01-14 00:00"), clinic.instant("2026-01-15 00:00")
    round_of_the_nurse = await clinic.hug.sessions.list(
        organisation="hug", since=since, until=until, service="nursing-home", who="urn:staff:9"
    )
    assert [visit.participant("p-1").name for visit in round_of_the_nurse] == list(RESIDENTS)
    assert all(visit.status == "completed" for visit in round_of_the_nurse)
    for name, at in RESIDENTS.items():
        story = await visits[name].story()
        assert story[0] == f"Wed 09:00 planned for Wed {at}, by video"
        assert story[-1] == f"Wed {at[:3]}{int(at[3:]) + 10} Dr Rossi ends it: completed"
        assert not any(other in line for line in story for other in set(RESIDENTS) - {name})

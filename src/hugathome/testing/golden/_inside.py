"""Scenarios of who is inside: with whom they are connected, how the visit is held, and who leads it."""

from hugathome.protocol.messages import (
    ChangeModality,
    Hold,
    Leave,
    Pair,
    ParticipantChanged,
    Ping,
    Resume,
    SessionChanged,
    Transfer,
    TransferAccept,
    Unpair,
)
from hugathome.protocol.roster import roster_digest
from hugathome.protocol.wire import Limits, State
from hugathome.record.participants import Participant
from hugathome.roles import Modality
from hugathome.testing.golden.device import Device
from hugathome.testing.golden.visit import Stage, Visit

_DOCTORS = (
    Participant(id="pat", role="patient", name="M. Dupont"),
    *(Participant(id=f"dr{each}", role="practitioner", name=f"Dr {each}") for each in range(1, 10)),
)


# --- Who is there --------------------------------------------------------------------------------


async def four_are_connected_with_one_another(stage: Stage) -> None:
    visit = await stage.visit(people=_DOCTORS)
    four = [await visit.join(f"dr{each}", worker=each % 2) for each in (1, 2, 3, 4)]

    await _all_caught_up(four)

    _expect_mesh(stage, four)


async def a_fifth_is_present_and_connected_once_another_has_left(stage: Stage) -> None:
    visit = await stage.visit(people=_DOCTORS)
    first, *others = [await visit.join(f"dr{each}") for each in (1, 2, 3, 4, 5)]
    await _all_caught_up(others)
    stage.script.same("the connections of the fifth", others[-1].pairs, {})
    stage.script.same("how many the fifth sees", len(others[-1].roster), len(_DOCTORS))

    await first.say(Leave())
    await first.ends(1000, "never")

    await _all_caught_up(others)
    _expect_mesh(stage, others)


async def a_ninth_has_to_wait_until_one_of_eight_has_left(stage: Stage) -> None:
    visit = await stage.visit(people=_DOCTORS)
    eight = [await visit.join(f"dr{each}") for each in range(1, 9)]

    await (await visit.knock("dr9")).ends(4010, "resume")

    await eight[0].say(Leave())
    await eight[0].ends(1000, "never")
    await visit.join("dr9")


async def leaving_ends_nothing_for_the_others(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await patient.say(Leave())

    await patient.ends(1000, "never")
    await doctor.until(Unpair)
    await doctor.caught_up()
    stage.script.same("the patient", doctor.roster["pat"].state, State.DEPARTED)


async def a_visit_by_telephone_has_no_connections(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await doctor.say(ChangeModality(modality=Modality.PHONE))

    for each in (doctor, patient):
        await each.caught_up()
        stage.script.same("the connections by telephone", each.pairs, {})
        told = [message.modality for message in each.heard if isinstance(message, SessionChanged)]
        stage.script.same("the modality", told[-1:], [Modality.PHONE])
    await doctor.say(ChangeModality(modality=Modality.VIDEO))
    await doctor.until(Pair)
    await patient.until(Pair)


async def a_visit_on_hold_goes_on(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await doctor.say(Hold())
    await patient.until(SessionChanged, status="on-hold")
    await doctor.say(Resume())

    await patient.until(SessionChanged, status="in-progress")
    await patient.refused(Hold(), "not-permitted")


async def a_ping_carries_the_digest_of_what_its_receiver_knows(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    waiting = await visit.join("nurse")
    await _all_caught_up([doctor, patient, waiting])

    await visit.clock.advance(seconds=23)

    for each in (doctor, patient, waiting):
        ping = await each.until(Ping)
        stage.script.same("the digest", ping.digest, roster_digest(each.roster.values()))


# --- Who leads -----------------------------------------------------------------------------------


async def the_hosts_seat_is_passed_on_in_two_steps(stage: Stage) -> None:
    _, doctor, colleague = await _two_doctors(stage)
    await colleague.refused(TransferAccept(participant="dr"), "not-offered")
    await colleague.refused(Transfer(participant="colleague"), "not-the-host")
    await doctor.refused(Transfer(participant="pat"), "not-here")

    await doctor.say(Transfer(participant="colleague"))
    await doctor.caught_up()
    await colleague.caught_up()
    stage.script.same("the seat, offered", colleague.seats(), {"dr": "held", "colleague": "offered"})
    await colleague.say(TransferAccept(participant="dr"))

    await colleague.caught_up()
    await doctor.caught_up()
    for each in (doctor, colleague):
        stage.script.same("the seat, taken", each.seats(), {"colleague": "held"})


async def the_hosts_seat_is_kept_for_whoever_comes_back_in_time(stage: Stage) -> None:
    visit, doctor, colleague = await _two_doctors(stage)
    await doctor.drop()
    await colleague.until(ParticipantChanged, participant="dr", state=State.AWAY)
    await visit.clock.advance(seconds=9)
    back = await visit.resume(doctor)
    await visit.clock.advance(seconds=9)

    await colleague.caught_up()
    stage.script.same("the seat, kept", colleague.seats(), {"dr": "held"})

    await back.drop()
    await colleague.until(ParticipantChanged, participant="dr", state=State.AWAY)
    await visit.clock.advance(seconds=11)
    await colleague.until(ParticipantChanged, participant="colleague", host="held")


# --- What they share -----------------------------------------------------------------------------


async def _two_doctors(stage: Stage) -> tuple[Visit, Device, Device]:
    visit = await stage.visit(limits=Limits(host_away_for=10))
    doctor, colleague = await visit.join("dr"), await visit.join("colleague", worker=1)
    await doctor.until(Pair)
    await colleague.until(Pair)
    stage.script.same("the seat, at first", doctor.seats(), {"dr": "held"})
    return visit, doctor, colleague


async def _all_caught_up(devices: list[Device]) -> None:
    for each in devices:
        await each.caught_up()


def _expect_mesh(stage: Stage, devices: list[Device]) -> None:
    """Each is connected with each other one, by a connection that both call the same, one of them polite."""
    peers = {each.welcome.peer for each in devices}
    ends = [(pc, pair.polite) for each in devices for pc, pair in each.pairs.items()]
    for each in devices:
        others = [pair.peer for pair in each.pairs.values()]
        stage.script.same("with whom one is connected", sorted(others), sorted(peers - {each.welcome.peer}))
    wanted = {(pc, polite) for pc, _ in ends for polite in (False, True)}
    stage.script.same("the ends of all connections", sorted(ends), sorted(wanted))

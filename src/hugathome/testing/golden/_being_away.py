"""Scenarios of being away: who keeps their place, who has left, and what becomes of the others."""

from hugathome.protocol.messages import Leave, ParticipantChanged, Unpair
from hugathome.protocol.wire import Limits, State
from hugathome.testing.golden.visit import Stage


async def whoever_is_away_for_long_has_left(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(away_for=10))
    doctor, patient = await visit.meet()
    await patient.drop()
    await doctor.until(ParticipantChanged, participant="pat", state=State.AWAY)
    await doctor.caught_up()
    stage.script.same("how many connections are kept", len(doctor.pairs), 1)

    await visit.clock.advance(seconds=11)

    await doctor.until(Unpair)
    await doctor.caught_up()
    stage.script.same("the patient", doctor.roster["pat"].state, State.DEPARTED)
    await (await visit.knock_again(patient)).ends(4014, "rejoin")
    await visit.join("pat")


async def whoever_waits_keeps_their_place_while_away(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(away_for=10))
    doctor, patient = await visit.join("dr"), await visit.join("pat")
    await patient.caught_up()
    await patient.drop()
    await doctor.until(ParticipantChanged, participant="pat", state=State.AWAY)

    await visit.clock.advance(seconds=30)

    back = await visit.resume(patient)
    stage.script.same("the state", (back.welcome.state, back.welcome.recovered), ("waiting", True))


async def whoever_has_left_does_not_resume(stage: Stage) -> None:
    visit = await stage.visit()
    _, patient = await visit.meet()
    await patient.say(Leave())
    await patient.ends(1000, "never")

    await (await visit.knock_again(patient)).ends(4014, "rejoin")

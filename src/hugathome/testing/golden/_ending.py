"""Scenarios of the end: it is everybody's, it is told once, and nothing comes behind it."""

from hugathome.protocol.messages import Complete, IceServers, Pair, SessionChanged, Text
from hugathome.testing.golden.visit import Stage


async def completing_ends_the_visit_for_everybody(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    waiting = await visit.join("nurse", worker=1)

    await doctor.say(Complete(outcome="prescription"))

    for each in (doctor, patient, waiting):
        await each.ends(4005, "never")
        told = [message for message in each.heard if isinstance(message, SessionChanged)][-1:]
        said = [(message.status, message.outcome) for message in told]
        stage.script.same("the last word", said, [("completed", "prescription")])


async def after_the_end_nobody_comes_in(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    await doctor.say(Complete(outcome="completed"))
    await patient.ends(4005, "never")

    for late in (
        await visit.knock_again(patient),
        await visit.knock_again(patient, worker=1),
        await visit.knock("pat"),
        await visit.knock("dr"),
    ):
        await late.ends(4005, "never")
        stage.script.same("what was said before the close", [each.type for each in late.heard], ["close"])


async def an_end_by_the_hospital_reaches_everybody(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await visit.hug.sessions.complete(visit.session.id, by="dr", outcome="no-show")

    for each in (doctor, patient):
        await each.ends(4005, "never")


async def only_those_who_may_end_a_visit(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await patient.refused(Complete(outcome="completed"), "not-permitted")

    await doctor.say(Text(text="still here"))
    await patient.until(Text)
    stage.script.expect(not doctor.has_heard(IceServers), "credentials came that nobody asked for")
    stage.script.expect(doctor.has_heard(Pair), "the connection is gone")

"""Scenarios of what is written: texts, and messages of the host's own."""

from hugathome.protocol.messages import App, Text
from hugathome.protocol.wire import Limits
from hugathome.testing.golden.visit import Stage


async def texts_reach_everybody_inside_in_one_order(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    nurse = await visit.join("nurse", worker=1)

    for number in range(5):
        await doctor.say(Text(text=f"doctor {number}"))
        await patient.say(Text(text=f"patient {number}"))
    for each in (doctor, patient, doctor, nurse):
        await each.caught_up()

    stage.script.same("how many texts", len(doctor.texts), 10)
    stage.script.same("what both read", patient.texts, doctor.texts)
    for who in ("doctor", "patient"):
        said = [text for text in doctor.texts if text.startswith(who)]
        stage.script.same("the order of one's own", said, [f"{who} {number}" for number in range(5)])
    stage.script.same("what is read in the waiting room", nurse.texts, [])


async def a_text_that_is_too_long_is_refused(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(text=10))
    doctor, patient = await visit.meet()

    await doctor.refused(Text(text="eleven char"), "too-long")

    await patient.caught_up()
    stage.script.same("what was read", patient.texts, [])


async def messages_of_the_host_are_off_by_default(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await doctor.refused(App(topic="pointer", data=[1, 2]), "not-permitted")

    await patient.caught_up()
    stage.script.expect(not patient.has_heard(App), "a message was handed on that is switched off")


async def messages_of_the_host_reach_the_others_inside(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(app=32))
    doctor, patient = await visit.meet()
    waiting = await visit.join("nurse")

    await doctor.refused(App(topic="pointer", data="x" * 31), "too-long")
    await doctor.say(App(topic="pointer", data=[1, 2]))

    heard = await patient.until(App)
    seen = (heard.topic, heard.data, heard.participant, heard.sender)
    stage.script.same("the message", seen, ("pointer", [1, 2], "dr", doctor.welcome.peer))
    for other in (doctor, waiting):
        await other.caught_up()
        stage.script.expect(not other.has_heard(App), "it reached somebody whom it is not for")

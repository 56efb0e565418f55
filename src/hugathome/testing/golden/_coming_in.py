"""Scenarios of coming in: who waits, who is let in, and who is not."""

from hugathome.protocol.messages import (
    Admit,
    AskIceServers,
    Candidates,
    Deny,
    Error,
    IceServers,
    NoteStep,
    Offer,
    Pair,
    Remove,
    ReturnToWaiting,
    Ring,
    Snapshot,
    Text,
    Unpair,
)
from hugathome.protocol.wire import Devices, Limits, State
from hugathome.roles import Step
from hugathome.testing.golden._descriptions import sdp
from hugathome.testing.golden.visit import Stage

_OF_THE_ROOM = (Offer, Candidates, Pair, IceServers, Text)


async def whoever_waits_is_told_of_nobody(stage: Stage) -> None:
    visit = await stage.visit()
    waiting = await visit.join("pat")
    doctor, nurse = await visit.meet("nurse")
    await doctor.say(Offer(pc=doctor.pair.pc, gen=1, neg=1, sdp=sdp()))
    await nurse.until(Offer)
    await doctor.say(Text(text="not for everybody"))
    await nurse.until(Text)

    await waiting.caught_up()

    told = "".join(each.to_json() for each in waiting.heard)
    stage.script.expect(not waiting.has_heard(*_OF_THE_ROOM), "what is said inside reached who waits")
    stage.script.same("whom it sees", set(waiting.roster), {"pat"})
    for name in ("Rossi", "Keller", "Weber", doctor.welcome.peer, nurse.welcome.peer):
        stage.script.expect(name not in told, "others were named to who waits")
    stage.script.expect(waiting.welcome.ice_servers is None, "who waits was given TURN credentials")


async def whoever_waits_can_ask_for_nothing(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, nurse = await visit.meet("nurse")
    waiting = await visit.join("pat")

    await waiting.send(AskIceServers())
    await waiting.until(Error, code="not-admitted")
    await waiting.refused(Offer(pc=doctor.pair.pc, gen=1, neg=1, sdp=sdp()), "no-such-pair")
    await waiting.refused(Text(text="let me in"), "not-admitted")
    await waiting.refused(Admit(participant="pat"), "not-permitted")

    for inside in (doctor, nurse):
        await inside.caught_up()
        stage.script.expect(not inside.has_heard(Offer, Text), "who waits was heard inside")
    stage.script.expect(not waiting.has_heard(IceServers), "who waits was given TURN credentials")


async def an_admission_brings_credentials_the_room_and_a_pair(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.join("dr"), await visit.join("pat")
    stage.script.same("the state of a doctor", doctor.welcome.state, "admitted")
    stage.script.same("the state of a patient", patient.welcome.state, "waiting")

    await visit.admit(doctor, patient)

    kinds = [each.type for each in patient.heard if each.type in {"ice-servers", "snapshot", "pair"}]
    stage.script.same("what came, in order", kinds, ["ice-servers", "snapshot", "pair"])
    stage.script.same("whom the patient sees", set(patient.roster), {"dr", "pat"})
    stage.script.same("the connection", patient.pair.pc, doctor.pair.pc)
    stage.script.same("who offers first", patient.pair.offerer, doctor.welcome.peer)
    stage.script.expect(patient.pair.polite != doctor.pair.polite, "both sides are polite, or neither is")


async def an_admission_by_the_hospital_reaches_the_page(stage: Stage) -> None:
    visit = await stage.visit()
    patient = await visit.join("pat", worker=1)

    await visit.hug.sessions.admit(visit.session.id, "pat", by="dr")

    stage.script.same("the state", (await patient.until(Snapshot)).state, "admitted")


async def whoever_is_called_hears_it_ring(stage: Stage) -> None:
    visit = await stage.visit()
    patient, nurse = await visit.join("pat"), await visit.join("nurse")

    await visit.hug.call(visit.session.id, "pat", by="dr")

    await patient.until(Ring)
    await nurse.caught_up()
    stage.script.expect(not nurse.has_heard(Ring), "it rang for somebody else")


async def whoever_is_denied_is_gone_for_good(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.join("dr"), await visit.join("pat")

    await doctor.say(Deny(participant="pat"))

    await patient.ends(4007, "never")
    await (await visit.knock_again(patient)).ends(4007, "never")
    await (await visit.knock("pat")).ends(4003, "rejoin")


async def whoever_is_removed_is_gone_for_good(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await doctor.say(Remove(participant="pat"))

    await patient.ends(4006, "never")
    await doctor.until(Unpair)
    await (await visit.knock_again(patient)).ends(4006, "never")
    await (await visit.knock("pat")).ends(4003, "rejoin")


async def whoever_is_sent_back_waits_again(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await doctor.say(ReturnToWaiting(participant="pat"))

    alone = await patient.until(Snapshot)
    stage.script.same("the state", alone.state, "waiting")
    stage.script.same("whom the patient sees", set(patient.roster), {"pat"})
    await doctor.until(Unpair)
    await patient.refused(Text(text="hello?"), "not-admitted")
    stage.script.same("what is left of the connection", patient.pairs, {})
    await visit.admit(doctor, patient)


async def a_grant_makes_one_device_only(stage: Stage) -> None:
    visit = await stage.visit()
    grant = visit.hug.grant(visit.session.id, "pat")
    first = await visit.join("pat", grant=grant)

    await (await visit.knock("pat", grant=grant, nonce="somebody-else")).ends(4003, "rejoin")

    again = await visit.join("pat", grant=grant, worker=1)
    stage.script.same("the peer of the same hello", again.welcome.peer, first.welcome.peer)
    await first.ends(4012, "resume")


async def a_second_device_takes_over(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, first = await visit.meet()

    second = await visit.join("pat", worker=1)

    await first.ends(4001, "never")
    stage.script.same("the state of the second", second.welcome.state, "admitted")
    await doctor.until(Pair, peer=second.welcome.peer)
    stage.script.same("the connection", doctor.pair.peer, second.welcome.peer)
    await (await visit.knock_again(first)).ends(4001, "never")


async def a_second_device_is_refused_where_the_first_is_kept(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(devices=Devices.REJECT))
    doctor, first = await visit.meet()

    await (await visit.knock("pat")).ends(4001, "never")

    await first.caught_up()
    await doctor.caught_up()
    stage.script.same("the connection", doctor.pair.peer, first.welcome.peer)


async def of_several_devices_the_first_that_answers_stays(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(devices=Devices.MULTI))
    phone, tablet = await visit.join("pat"), await visit.join("pat", worker=1)
    await visit.hug.call(visit.session.id, "pat", by="dr")
    await phone.until(Ring)
    await tablet.until(Ring)

    await tablet.say(NoteStep(step=Step.CALL_ANSWERED))

    await phone.ends(4001, "never")
    await tablet.caught_up()


async def what_somebody_did_on_the_way_is_shown_to_whoever_admits(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient, nurse = [await visit.join(who) for who in ("dr", "pat", "nurse")]

    await patient.say(NoteStep(step=Step.DEVICES_ALLOWED))
    await patient.caught_up()

    await doctor.caught_up()
    await nurse.caught_up()
    seen = doctor.roster["pat"]
    stage.script.same("what the doctor sees", (seen.state, seen.step), (State.ARRIVED, Step.DEVICES_ALLOWED))
    stage.script.expect("pat" not in nurse.roster, "somebody who waits sees another one")

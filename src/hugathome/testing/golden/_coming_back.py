"""Scenarios of coming back: after whatever broke, nothing is lost or doubled, or the device is told."""

from datetime import timedelta

from hugathome.protocol.messages import Goaway, Offer, Renew, Text
from hugathome.protocol.wire import Limits
from hugathome.testing.golden._descriptions import sdp
from hugathome.testing.golden.device import Device
from hugathome.testing.golden.visit import Stage

_UNKNOWN = "0" * 12
"""The hash of no place in any log."""


async def a_cut_loses_and_doubles_nothing(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    await _written(doctor, range(4))
    await patient.until(Text, text="1")  # the others are on their way, or not
    await patient.drop()
    await doctor.say(Offer(pc=doctor.pair.pc, gen=1, neg=1, sdp=sdp()))
    await _written(doctor, range(4, 8))

    back = await visit.resume(patient)

    await back.caught_up()
    stage.script.expect(back.welcome.recovered, "nothing was out of reach, and it was not recovered")
    stage.script.same("what was read", patient.texts + back.texts, [str(number) for number in range(8)])
    offers = [each.neg for each in back.heard if isinstance(each, Offer)]
    stage.script.same("the offers", offers, [1])
    stage.script.same("the connection", back.pair.pc, doctor.pair.pc)


async def a_cut_after_each_message_loses_and_doubles_nothing(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    await _written(doctor, range(5))
    read: list[str] = []

    for number in range(5):
        await patient.until(Text, text=str(number))
        read += patient.texts
        await patient.drop()
        patient = await visit.resume(patient, worker=number % 2)
        stage.script.expect(patient.welcome.recovered, "nothing was out of reach, and it was not recovered")

    await patient.caught_up()
    stage.script.same("what was read", read + patient.texts, [str(number) for number in range(5)])


async def what_nobody_acknowledged_is_said_again_and_done_once(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    seq = await patient.say(Text(text="once"))
    await patient.drop()  # whether it was taken, the patient does not know

    back = await visit.resume(patient, worker=1)
    for _ in range(2):
        await back.send(Text(text="once", seq=seq))
    await back.say(Text(text="then"))

    await back.caught_up()
    await doctor.caught_up()
    stage.script.same("what the doctor read", doctor.texts, ["once", "then"])


async def what_is_said_again_after_a_rejoin_is_done_once(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    seq = await patient.say(Text(text="once"))
    await doctor.until(Text)
    await patient.drop()

    again = await visit.join("pat")
    await again.say(Text(text="once", again=f"{patient.welcome.peer}.{seq}"))
    await again.say(Text(text="then"))

    await again.caught_up()
    await doctor.caught_up()
    stage.script.same("what the doctor read", doctor.texts, ["once", "then"])


async def another_worker_takes_a_device_over(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    await patient.drop()
    await _written(doctor, range(3))

    back = await visit.resume(patient, worker=1)
    await back.say(Text(text="back"))

    await doctor.until(Text, text="back")
    await back.caught_up()
    stage.script.expect(back.welcome.recovered, "another worker has not recovered it")
    stage.script.same("what was read", back.texts, ["0", "1", "2", "back"])


async def behind_the_cut_of_a_log_the_whole_room_is_given(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(kept=16))
    doctor, patient = await visit.meet()
    await patient.drop()
    await _written(doctor, range(40))

    back = await visit.resume(patient, worker=1)

    welcome = back.welcome
    stage.script.expect(not welcome.recovered, "what is no longer kept was called recovered")
    stage.script.same("whom it sees", set(back.roster), {"dr", "pat"})
    texts = [each.text for each in welcome.snapshot.texts] if welcome.snapshot else []
    stage.script.same("the texts", texts, [str(number) for number in range(40)])
    stage.script.same("the connection", (back.pair.pc, back.pair.gen), (doctor.pair.pc, 2))
    await doctor.until(Renew, gen=2)


async def a_device_that_doubts_what_it_knows_is_given_the_whole_room(stage: Stage) -> None:
    visit = await stage.visit()
    _, patient = await visit.meet()
    await patient.drop()

    back = await visit.resume(patient, at=patient.last.but(pos=None))

    stage.script.expect(not back.welcome.recovered, "what is in doubt was called recovered")
    stage.script.same("whom it sees", set(back.roster), {"dr", "pat"})


async def a_place_that_the_log_never_had_asks_for_a_new_beginning(stage: Stage) -> None:
    visit = await stage.visit()
    _, patient = await visit.meet()
    last = patient.last
    here = int((last.pos or "").partition(".")[0])
    await patient.drop()

    for offset in (here, here + 1000):
        forked = last.but(pos=f"{offset}.{_UNKNOWN}")
        await (await visit.knock_again(patient, at=forked)).ends(4014, "rejoin")


async def the_token_before_is_good_until_its_successor_was_used(stage: Stage) -> None:
    visit = await stage.visit()
    _, patient = await visit.meet()
    first = patient.last
    await (await visit.resume(patient)).drop()  # as if its welcome had been lost

    second = await visit.resume(patient, at=first)
    await second.drop()
    third = await visit.resume(patient, at=first.but(token=second.welcome.token))

    await third.caught_up()
    await (await visit.knock_again(patient, at=first)).ends(4003, "rejoin")
    guessed = first.but(token="guessed")  # noqa: S106 - opens nothing
    await (await visit.knock_again(patient, at=guessed)).ends(4003, "rejoin")
    await third.caught_up()


async def of_two_connections_of_a_device_the_later_counts(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    later = await visit.resume(patient, worker=1)

    await patient.ends(4012, "resume")
    await later.say(Text(text="here"))
    await doctor.until(Text, text="here")


async def a_draining_worker_sends_everybody_to_another(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    visit.start(visit.workers[0].drain(within=timedelta()))

    for each in (doctor, patient):
        await each.until(Goaway)
        await each.ends(1001, "resume")
    await (await visit.knock_again(patient)).ends(1001, "resume")
    elsewhere = [await visit.resume(each, worker=1) for each in (doctor, patient)]
    await elsewhere[0].say(Text(text="still here"))
    await elsewhere[1].until(Text, text="still here")
    for each in elsewhere:
        stage.script.expect(each.welcome.recovered, "a drain has lost something")


async def _written(device: Device, numbers: range) -> None:
    """Have texts written, each once the one before was read by whoever wrote them."""
    for number in numbers:
        await device.say(Text(text=str(number)))
        await device.until(Text, text=str(number))

"""Scenarios of limits: what is no message, too large, too much or too late ends with its own code."""

from hugathome.protocol.messages import (
    AskIceServers,
    Candidates,
    Error,
    Hello,
    IceServers,
    Leave,
    Offer,
    Ping,
    Pong,
)
from hugathome.protocol.wire import CandidateInit, Limits, ResumeFrom
from hugathome.testing.golden._descriptions import sdp
from hugathome.testing.golden.visit import Stage

_NOWHERE = ResumeFrom(session="hug.nowhere", peer="p", pos="0.000000000000", token="t")  # noqa: S106 - of no room
_FIRST_WORDS = (
    ("", 4000, "never"),
    ("{}", 4000, "never"),
    ('{"v":1,"type":"ping","t":1}', 4000, "never"),
    ('{"v":1,"type":"hello","nonce":"n"}', 4000, "never"),
    ('{"v":1,"type":"hello","nonce":"n","grant":"not a grant"}', 4003, "rejoin"),
    ('{"v":1,"type":"hello","nonce":"n","grant":"' + 9000 * "x" + '"}', 4009, "never"),
    ('{"v":1,"type":"hello","nonce":"n","grant":"x","versions":[7]}', 4011, "never"),
    (Hello(nonce="n", resume=_NOWHERE).to_json(), 4004, "never"),
)


async def a_first_message_that_is_no_good_hello_is_told_why(stage: Stage) -> None:
    visit = await stage.visit()
    for words, code, retry in _FIRST_WORDS:
        device = await visit.dial()
        await device.send(words)
        await device.ends(code, retry)


async def silence_before_the_hello_ends_a_connection(stage: Stage) -> None:
    visit = await stage.visit()
    device = await visit.dial()

    await visit.clock.advance(seconds=6)

    await device.ends(4013, "rejoin")


async def a_silent_device_is_given_up(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(ping_every=3600, stalled_after=3600))
    patient = await visit.join("pat")
    await patient.caught_up()

    await visit.clock.advance(seconds=46)

    await patient.ends(4002, "resume")
    await visit.resume(patient)


async def a_device_that_answers_pings_is_kept(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(stalled_after=3600))
    patient = await visit.join("pat")

    for _ in range(4):
        await visit.clock.advance(seconds=23)
        ping = await patient.until(Ping)
        await patient.send(Pong(t=ping.t))
        await patient.caught_up()

    await patient.send(Ping(t=7))
    await patient.until(Pong, t=7)


async def what_is_no_message_ends_a_connection(stage: Stage) -> None:
    visit = await stage.visit()
    doctor = await visit.join("dr")
    for words in ("nonsense", '{"v":1,"type":"new","must":true,"seq":1}', '{"v":1,"type":"leave"}'):
        device = await visit.join("pat")
        await device.send(words)
        await device.ends(4000, "never")
    second_hello = await visit.join("pat")
    await second_hello.send(Hello(grant="x", nonce="n"))
    await second_hello.ends(4000, "never")
    await doctor.caught_up()


async def descriptions_and_candidates_are_held_to_their_form(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    pc, seq = doctor.pair.pc, next(doctor.numbers)
    bad = (
        (Offer(pc=pc, gen=1, neg=1, sdp="no description", seq=seq), 4000),
        (Offer(pc=pc, gen=1, neg=1, sdp=sdp() + f"a={'x' * 1000}\r\n" * 50, seq=seq), 4009),
        (Candidates(pc=pc, gen=1, candidates=(CandidateInit(candidate="candidate:?"),), seq=seq), 4000),
    )
    for message, code in bad:
        device = await visit.resume(doctor)
        await device.send(message)
        await device.ends(code, "never")
        doctor = device

    await patient.caught_up()
    stage.script.expect(not patient.has_heard(Offer, Candidates), "what has no form was handed on")


async def a_missing_command_asks_for_a_new_beginning(stage: Stage) -> None:
    visit = await stage.visit()
    patient = await visit.join("pat")

    await patient.send(Leave(seq=2))

    await patient.ends(4014, "rejoin")


async def who_talks_too_much_is_warned_and_then_sent_away(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(burst=10, rate=1))
    patient = await visit.join("pat")

    for _ in range(21):
        await patient.send(Ping(t=1))

    close = await patient.ends(4010, "resume")
    stage.script.expect(bool(close.after), "nobody was told how long to wait")
    warnings = [each for each in patient.heard if isinstance(each, Error) and each.code == "rate-limited"]
    stage.script.same("the warnings", len(warnings), 1)


async def who_joins_too_often_has_to_wait(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(joins_at_once=2, joins_a_minute=6))
    patient = [await visit.join("pat") for _ in range(2)][-1]

    close = await (await visit.knock("pat")).ends(4010, "resume")

    stage.script.same("how long to wait", close.after, 10)
    await visit.join("dr")
    await patient.drop()
    await visit.resume(patient)
    await visit.clock.advance(seconds=11)
    await visit.join("pat")


async def whoever_is_inside_may_ask_for_fresh_credentials(stage: Stage) -> None:
    visit = await stage.visit()
    doctor = await visit.join("dr")
    given = [each.username for each in doctor.welcome.ice_servers or ()]

    await visit.clock.advance(seconds=5)
    await doctor.send(AskIceServers())

    fresh = [each.username for each in (await doctor.until(IceServers)).ice_servers]
    stage.script.same("how many credentials came", (len(given), len(fresh)), (1, 1))
    stage.script.expect(given != fresh, "the credentials are not fresh")

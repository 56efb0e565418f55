"""Scenarios of negotiation: offers and answers in order, and nothing that does not fit."""

import json

from hugathome.protocol.messages import (
    Answer,
    Candidates,
    Error,
    Granted,
    Media,
    Message,
    Negotiate,
    Offer,
    Renew,
    Restart,
)
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.wire import CandidateInit, Caps, Limits
from hugathome.testing.golden._descriptions import sdp
from hugathome.testing.golden.device import Device
from hugathome.testing.golden.visit import Stage

_RENEWS = Caps(rollback=True)
"""What cannot restart ICE begins its connections anew."""
_TAKES_TURNS = Caps()


async def an_offer_its_answer_and_candidates_arrive_in_order(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()

    await _negotiated(doctor, patient, neg=1)
    for number in range(3):
        await doctor.say(_candidates(doctor, f"candidate:{number} 1 udp 1 192.0.2.1 9 typ host"))
    await patient.say(_candidates(patient, "candidate:9 1 udp 1 192.0.2.2 9 typ host", ufrag="efgh"))
    await _negotiated(patient, doctor, neg=2)

    heard = [each for each in patient.heard if isinstance(each, Offer | Candidates | Answer)]
    kinds = [each.type for each in heard]
    stage.script.same("what came, in order", kinds, ["offer", *["candidate"] * 3, "answer"])
    stage.script.same("from whom", {each.sender for each in heard}, {doctor.welcome.peer})
    named = [each.candidates[0].candidate[:11] for each in heard if isinstance(each, Candidates)]
    stage.script.same("the candidates", named, ["candidate:0", "candidate:1", "candidate:2"])


async def who_sent_it_and_when_is_the_hubs_word(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    offer = Offer(pc=doctor.pair.pc, gen=1, neg=1, sdp=sdp(), seq=next(doctor.numbers))

    forged = json.loads(offer.to_json()) | {"from": "p_else", "at": "1999-01-01T00:00:00Z", "pos": "9.0"}
    await doctor.send(json.dumps(forged | {"pos": "9.0123456789ab"}))

    heard = await patient.until(Offer)
    stage.script.same("from whom", heard.sender, doctor.welcome.peer)
    stage.script.same("when", heard.at, visit.clock.now())
    stage.script.expect(heard.pos != "9.0123456789ab", "a device has named a position")


async def a_round_that_is_not_due_is_refused(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    pc = doctor.pair.pc
    await _negotiated(doctor, patient, neg=1)

    await doctor.refused(Offer(pc=pc, gen=1, neg=1, sdp=sdp()), "stale-negotiation")
    await doctor.refused(Offer(pc=pc, gen=1, neg=3, sdp=sdp()), "stale-negotiation")
    await doctor.refused(Answer(pc=pc, gen=1, neg=1, sdp=sdp()), "stale-negotiation")

    await _expect_heard(stage, patient, Offer, times=1)
    await _expect_heard(stage, patient, Answer, times=0)


async def a_stale_generation_is_refused(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet(caps=_RENEWS)
    pc = doctor.pair.pc

    await patient.say(Restart(pc=pc, gen=1))

    for each in (doctor, patient):
        stage.script.same("the generation", (await each.until(Renew)).gen, 2)
    await doctor.refused(Offer(pc=pc, gen=1, neg=1, sdp=sdp()), "stale-generation")
    await _expect_heard(stage, patient, Offer, times=0)
    await _negotiated(doctor, patient, neg=1, gen=2)


async def an_ice_restart_is_asked_of_whoever_offers(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    await _negotiated(doctor, patient, neg=1)

    await patient.say(Restart(pc=doctor.pair.pc, gen=1))

    await doctor.until(Restart, gen=1)
    await _negotiated(doctor, patient, neg=2)
    await _expect_heard(stage, patient, Renew, times=0)


async def devices_that_cannot_roll_back_take_turns(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet(caps=_TAKES_TURNS)
    pc = doctor.pair.pc
    stage.script.same("the mode", (doctor.pair.mode, patient.pair.mode), (Mode.TURN, Mode.TURN))
    first, second = (doctor, patient) if doctor.pair.offerer == doctor.welcome.peer else (patient, doctor)

    await second.refused(Offer(pc=pc, gen=1, neg=1, sdp=sdp()), "stale-negotiation")
    await second.say(Negotiate(pc=pc, gen=1))
    await _negotiated(first, second, neg=1)

    await second.until(Granted, neg=2)
    await first.refused(Offer(pc=pc, gen=1, neg=2, sdp=sdp()), "stale-negotiation")
    await _negotiated(second, first, neg=2)


async def candidates_of_another_description_go_no_further(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    await _negotiated(doctor, patient, neg=1)

    await doctor.say(_candidates(doctor, "candidate:1 1 udp 1 192.0.2.1 9 typ host", ufrag="zzzz"))

    await _expect_heard(stage, patient, Candidates, times=0)
    await doctor.caught_up()
    stage.script.expect(not doctor.has_heard(Error), "a candidate that was late is taken for a mistake")


async def too_many_candidates_are_refused(stage: Stage) -> None:
    visit = await stage.visit(limits=Limits(candidates=2))
    doctor, patient = await visit.meet()
    await _negotiated(doctor, patient, neg=1)

    for _ in range(2):
        await doctor.say(_candidates(doctor, "candidate:1 1 udp 1 192.0.2.1 9 typ host"))
    await doctor.refused(
        _candidates(doctor, "candidate:1 1 udp 1 192.0.2.1 9 typ host"), "too-many-candidates"
    )

    await _expect_heard(stage, patient, Candidates, times=2)


async def whoever_only_watches_sends_no_media(stage: Stage) -> None:
    visit = await stage.visit()
    await visit.hug.sessions.accept(visit.session.id, "pat", recorded_by="dr", observers=True)
    doctor, student = await visit.meet("student")
    pc = doctor.pair.pc

    await doctor.say(Offer(pc=pc, gen=1, neg=1, sdp=sdp()))
    await student.until(Offer)
    await student.refused(Answer(pc=pc, gen=1, neg=1, sdp=sdp("efgh")), "receive-only")
    await student.say(Answer(pc=pc, gen=1, neg=1, sdp=sdp("efgh", direction="recvonly")))

    answer = await doctor.until(Answer)
    stage.script.expect("recvonly" in answer.sdp, "a description that was refused went on")


async def what_is_said_of_a_connection_of_others_is_refused(stage: Stage) -> None:
    visit = await stage.visit()
    doctor, patient = await visit.meet()
    colleague = await visit.join("colleague")
    await colleague.caught_up()
    between = patient.pair.pc

    await colleague.refused(Offer(pc=between, gen=1, neg=1, sdp=sdp()), "no-such-pair")
    await colleague.refused(Restart(pc=between, gen=1), "no-such-pair")
    await colleague.say(Media(pc=between, gen=1, state="failed"))

    await _expect_heard(stage, patient, Offer, times=0)
    await _expect_heard(stage, doctor, Restart, times=0)


# --- What they share -----------------------------------------------------------------------------


async def _negotiated(offerer: Device, answerer: Device, *, neg: int, gen: int = 1) -> None:
    """One whole round; each side's descriptions keep their ufrag."""
    pc = next(iter(offerer.pairs))
    mine, theirs = ("abcd", "efgh") if offerer.welcome.participant == "dr" else ("efgh", "abcd")
    await offerer.say(Offer(pc=pc, gen=gen, neg=neg, sdp=sdp(mine)))
    await answerer.until(Offer, gen=gen, neg=neg)
    await answerer.say(Answer(pc=pc, gen=gen, neg=neg, sdp=sdp(theirs)))
    await offerer.until(Answer, gen=gen, neg=neg)


def _candidates(device: Device, candidate: str, *, ufrag: str = "abcd") -> Candidates:
    named = CandidateInit(candidate=candidate, username_fragment=ufrag)
    return Candidates(pc=device.pair.pc, gen=1, candidates=(named,))


async def _expect_heard(stage: Stage, device: Device, kind: type[Message], *, times: int) -> None:
    await device.caught_up()
    heard = sum(isinstance(each, kind) for each in device.heard)
    stage.script.same(f"how often {kind.__name__} was heard", heard, times)

"""Whole visits: robots that have nothing but an SMS or a grant, over a real server, SQLite and aiortc."""

import json
from collections.abc import Awaitable, Callable

import pytest

from hugathome import GrantRefused, HugAtHome, Session, SessionEnded, Status, Step
from hugathome.protocol.wire import CloseCode, State
from hugathome.sms import OutboxSms
from hugathome.testing import Network, Outbox, ReceivedSms, Robot, meet
from hugathome.testing.robot import PATIENCE

Plan = Callable[[], Awaitable[Session]]
Invite = Callable[[str, str], Awaitable[ReceivedSms]]

pytestmark = pytest.mark.media


def of(hug: HugAtHome, session: Session, participant: str) -> Robot:
    """Return the robot of somebody whom the host has authenticated."""
    return Robot.from_grant(hug.grant(session.id, participant), at=hug.site)


async def knows(robot: Robot, participant: str, state: State) -> None:
    """Return once a robot knows that somebody is in `state`."""
    await robot.peer.until(
        lambda peer: participant in peer.participants and peer.participants[participant].state is state,
        within=PATIENCE,
    )


async def test_the_patient_comes_by_sms_and_both_see_and_hear_each_other(
    hug: HugAtHome, plan: Plan, invite: Invite
) -> None:
    session = await plan()
    sms = await invite(session.id, "p-1")

    async with Robot.from_sms(sms) as patient:
        await patient.waiting()
        assert [each.id for each in (await hug.sessions.get(session.id)).waiting] == ["p-1"]
        async with of(hug, session, "dr-rossi") as clinician:
            await clinician.admit("p-1")
            await meet(patient, clinician)
            present = (await hug.sessions.get(session.id)).present
            await clinician.complete("in-person-visit-needed")
        end = await patient.ended()

    ended = await hug.sessions.get(session.id)
    assert {each.id for each in present} == {"p-1", "dr-rossi"}
    assert end.code == CloseCode.SESSION_ENDED
    assert (ended.status, ended.outcome) == (Status.COMPLETED, "in-person-visit-needed")
    with pytest.raises(SessionEnded):
        await Robot.from_sms(sms).type_code(sms.code or "")


async def test_a_nurse_and_a_mother_join_and_everybody_sees_everybody(
    hug: HugAtHome, plan: Plan, invite: Invite
) -> None:
    session = await plan()
    patient_sms, mother_sms = await invite(session.id, "p-1"), await invite(session.id, "mother")

    async with (
        Robot.from_sms(patient_sms) as patient,
        of(hug, session, "dr-rossi") as clinician,
    ):
        await clinician.admit("p-1")
        await meet(patient, clinician)
        async with (
            Robot.from_sms(mother_sms) as mother,
            of(hug, session, "nurse") as nurse,
        ):
            await clinician.admit("mother")
            await hug.sessions.admit(session.id, "nurse", by="dr-rossi")
            await meet(patient, clinician, mother, nurse)
            names = {each.name for each in patient.peer.participants.values()}

    assert names == {"Dr A. Rossi", "M. Dupont", "N. Favre", "A. Dupont"}


async def test_whoever_waits_is_told_of_nobody(hug: HugAtHome, plan: Plan, invite: Invite) -> None:
    session = await plan()
    network = Network(hug.site)

    async with (
        Robot.from_sms(await invite(session.id, "p-1"), site=network) as patient,
        of(hug, session, "dr-rossi") as clinician,
        of(hug, session, "nurse") as nurse,
    ):
        await clinician.admit("nurse")
        await meet(clinician, nurse)
        await patient.peer.note(Step.DEVICES_ALLOWED)  # what comes before its acknowledgement has been told
        while_waiting = list(network.heard)
        await clinician.admit("p-1")
        await meet(patient, clinician, nurse)

    told = {text: json.loads(text) for text in while_waiting}
    kinds = {message["type"] for message in told.values() if "type" in message}
    assert kinds <= {"welcome", "session", "participant", "ack", "ping"}
    assert {message.get("participant", "p-1") for message in told.values()} == {"p-1"}
    secrets = ["Rossi", "Favre", "nurse", "ice-ufrag", "candidate:", "turns:", "credential"]
    assert [word for word in secrets if any(word in text for text in while_waiting)] == []
    once_admitted = network.heard[len(while_waiting) :]
    assert [word for word in secrets if not any(word in text for text in once_admitted)] == []


async def test_leaving_ends_nothing_and_whoever_comes_back_is_in_again(
    hug: HugAtHome, plan: Plan, invite: Invite
) -> None:
    session = await plan()
    sms = await invite(session.id, "p-1")
    nurse = of(hug, session, "nurse")

    async with Robot.from_sms(sms) as patient, of(hug, session, "dr-rossi") as clinician:
        await clinician.admit("p-1")
        async with nurse:
            await clinician.admit("nurse")
            await meet(patient, clinician, nurse)
            await nurse.leave()
        await knows(clinician, "nurse", State.DEPARTED)
        await patient.sees("dr-rossi", frames=15)
        await clinician.sees("p-1", frames=15)
        async with nurse:
            await meet(patient, clinician, nurse)
            status = (await hug.sessions.get(session.id)).status

    assert status is Status.IN_PROGRESS


async def test_back_to_the_waiting_room_removed_and_invited_again(
    hug: HugAtHome, plan: Plan, invite: Invite, sms: OutboxSms
) -> None:
    session = await plan()
    patient = Robot.from_sms(await invite(session.id, "p-1"))

    async with of(hug, session, "dr-rossi") as clinician:
        async with patient:
            await clinician.admit("p-1")
            await meet(patient, clinician)
            await clinician.peer.return_to_waiting("p-1")
            await patient.waiting()
            alone = set(patient.peer.participants), patient.peer.is_connected("dr-rossi")
            await clinician.admit("p-1")
            await meet(patient, clinician)
            await clinician.peer.remove("p-1")
            end = await patient.ended()
        with pytest.raises(GrantRefused):
            await patient.__aenter__()
        await hug.invite(session.id, "p-1", again=True)
        async with Robot.from_sms(Outbox(sms).last(to="+41791234567")) as again:
            await again.waiting()

    assert alone == ({"p-1"}, False)
    assert end.code == CloseCode.REMOVED


async def test_a_second_device_takes_over_and_the_admission_stays(
    hug: HugAtHome, plan: Plan, invite: Invite, sms: OutboxSms
) -> None:
    session = await plan()
    received = await invite(session.id, "p-1")
    tablet = Robot.from_sms(received)

    async with Robot.from_sms(received) as phone, of(hug, session, "dr-rossi") as clinician:
        await clinician.admit("p-1")
        await meet(phone, clinician)
        await tablet.type_code(await tablet.ask_for_code(Outbox(sms)))
        async with tablet:
            end = await phone.ended()
            await meet(tablet, clinician)
        with pytest.raises(GrantRefused):
            await phone.__aenter__()

    assert end.code == CloseCode.SUPERSEDED


async def test_a_reload_is_in_the_visit_at_once(
    hug: HugAtHome, plan: Plan, invite: Invite, sms: OutboxSms
) -> None:
    session = await plan()
    network = Network(hug.site)
    patient = Robot.from_sms(await invite(session.id, "p-1"), site=network)

    async with of(hug, session, "dr-rossi") as clinician:
        async with patient:
            await clinician.admit("p-1")
            await meet(patient, clinician)
            first = patient.peer.client.peer
            await network.down()  # and so nobody takes leave
        network.up()
        async with patient:
            await meet(patient, clinician)
            second = patient.peer.client.peer

    assert first != second
    assert len(sms.outbox) == 1

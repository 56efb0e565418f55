"""A server that is killed and started again: nothing is lost, nobody needs a new SMS, media go on."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.whole_visits.server import KEY, Server, prepared

from hugathome import HugAtHome, Participant, Session, SessionEnded, Status
from hugathome.device.client import Client, Phase
from hugathome.record.history import Action
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing import MemorySite, Outbox, ReceivedSms, Robot, meet
from hugathome.testing.robot import PATIENCE
from hugathome.web.serving import listening

pytestmark = pytest.mark.media


@pytest.fixture
def port() -> int:
    with listening() as probe:
        bound: int = probe.getsockname()[1]
        return bound


@pytest.fixture
async def host(tmp_path: Path, port: int, sms: OutboxSms) -> AsyncGenerator[HugAtHome]:
    """Return the hospital's own process: it plans and invites, and serves nobody."""
    async with HugAtHome(
        key=KEY,
        store=open_store(f"sqlite:///{tmp_path}/clinic.db"),
        sms=sms,
        site=f"http://127.0.0.1:{port}/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
    ) as hug:
        yield hug


@pytest.fixture
async def server(tmp_path: Path, port: int, host: HugAtHome) -> AsyncGenerator[Server]:
    """Start the process that serves; whoever asks for it may kill and start it."""
    running = prepared(tmp_path, port=port, site=host.site)
    await running.start()
    yield running
    await running.aclose()


async def planned(host: HugAtHome) -> Session:
    """Plan a visit that begins now, and invite the patient."""
    now = host.clock.now()
    session = await host.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
            Participant(id="nurse", role="nurse", name="N. Favre"),
        ],
    )
    await host.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await host.invite(session.id, "p-1")
    return session


def of(host: HugAtHome, session: Session, participant: str) -> Robot:
    """Return the robot of somebody whom the host has authenticated."""
    return Robot.from_grant(host.grant(session.id, participant), at=host.site)


async def is_in_phase(robot: Robot, phase: Phase) -> None:
    """Return once a robot stands so to the server."""
    await robot.peer.until(lambda peer: peer.client.phase is phase, within=PATIENCE)


def lines_of(client: Client) -> dict[str, int]:
    """Return the connections of a device, and which generation each of them is."""
    return {pc: line.pair.gen for pc, line in client.lines.items()}


async def test_between_invitation_and_check_in(host: HugAtHome, server: Server, sms: OutboxSms) -> None:
    session = await planned(host)
    patient = Robot.from_sms(Outbox(sms).last())
    assert (await patient.open())["status"] == "open"

    await server.kill()
    await server.start()

    async with patient, of(host, session, "dr-rossi") as clinician:
        await clinician.admit("p-1")
        await meet(patient, clinician)
    assert [len(sms.outbox), server.sent] == [1, 0]


async def test_while_the_patient_waits(host: HugAtHome, server: Server, sms: OutboxSms) -> None:
    session = await planned(host)

    async with Robot.from_sms(Outbox(sms).last()) as patient:
        await patient.waiting()
        before = patient.peer.client.peer
        await server.kill()
        await is_in_phase(patient, Phase.AWAY)
        await server.start()
        await is_in_phase(patient, Phase.LIVE)
        await patient.waiting()
        after = patient.peer.client.peer
        async with of(host, session, "dr-rossi") as clinician:
            await clinician.admit("p-1")
            await meet(patient, clinician)

    assert before == after
    assert [len(sms.outbox), server.sent] == [1, 0]


async def test_in_mid_visit_and_media_never_stop(host: HugAtHome, server: Server, sms: OutboxSms) -> None:
    session = await planned(host)

    async with (
        Robot.from_sms(Outbox(sms).last()) as patient,
        of(host, session, "dr-rossi") as clinician,
    ):
        robots = [patient, clinician]
        await clinician.admit("p-1")
        await meet(*robots)
        peers = [robot.peer.client.peer for robot in robots]
        lines = [lines_of(robot.peer.client) for robot in robots]

        await server.kill()
        for robot in robots:
            await is_in_phase(robot, Phase.AWAY)
        await asyncio.gather(patient.sees("dr-rossi", frames=20), clinician.sees("p-1", frames=20))
        still_away = [robot.peer.client.phase for robot in robots]
        await server.start()
        for robot in robots:
            await is_in_phase(robot, Phase.LIVE)
        await meet(*robots)

        assert set(still_away) == {Phase.AWAY}
        assert [robot.peer.client.peer for robot in robots] == peers
        assert [lines_of(robot.peer.client) for robot in robots] == lines
        async with of(host, session, "nurse") as nurse:
            await clinician.admit("nurse")
            await meet(*robots, nurse)
        await clinician.complete("prescription")
        await patient.ended()

    ended = await host.sessions.get(session.id)
    assert (ended.status, ended.outcome) == (Status.COMPLETED, "prescription")
    assert [len(sms.outbox), server.sent] == [1, 0]


async def test_between_two_visits(host: HugAtHome, server: Server, sms: OutboxSms) -> None:
    first, second = await planned(host), await planned(host)
    first_sms, second_sms = (ReceivedSms(to=sent.to, text=sent.text) for sent in sms.outbox)
    async with Robot.from_sms(first_sms, media=False) as patient:
        await host.sessions.admit(first.id, "p-1", by="dr-rossi")
        await patient.admitted()
        await host.sessions.complete(first.id, by="dr-rossi")
        await patient.ended()

    await server.kill()
    await server.start()

    with pytest.raises(SessionEnded):
        await Robot.from_sms(first_sms).type_code(first_sms.code or "")
    async with Robot.from_sms(second_sms) as patient, of(host, second, "dr-rossi") as clinician:
        await clinician.admit("p-1")
        await meet(patient, clinician)
    assert [len(sms.outbox), server.sent] == [2, 0]


@pytest.mark.parametrize("told", [signal.SIGINT, signal.SIGTERM])
async def test_a_server_that_is_told_to_end_closes_and_its_devices_come_back(
    host: HugAtHome, server: Server, sms: OutboxSms, told: signal.Signals, capfd: pytest.CaptureFixture[str]
) -> None:
    await planned(host)

    async with Robot.from_sms(Outbox(sms).last(), media=False) as patient:
        await patient.waiting()
        exit_code = await server.kill(told)
        await is_in_phase(patient, Phase.AWAY)
        await server.start()
        await is_in_phase(patient, Phase.LIVE)

    assert (exit_code, capfd.readouterr().err) == (0, "")


async def test_a_host_and_a_server_are_one_deployment(
    host: HugAtHome, server: Server, sms: OutboxSms
) -> None:
    session = await planned(host)
    here = MemorySite(host)

    async with (
        Robot.from_sms(Outbox(sms).last()) as patient,
        Robot.from_grant(host.grant(session.id, "dr-rossi"), at=here) as clinician,
    ):
        await patient.waiting()
        await host.sessions.admit(session.id, "p-1", by="dr-rossi")
        await patient.admitted()
        await meet(patient, clinician)
        await clinician.complete()
        await patient.ended()
    await host.aclose()
    await here.drained()

    events = [event async for event in host.events(organisation="hug")]
    actions = [event.change.action for event in events]
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    assert actions[:3] == [Action.PLAN, Action.ACCEPT, Action.INVITE]
    assert {Action.CHECK_IN, Action.ARRIVE, Action.ADMIT} <= set(actions)
    assert actions[-1] == Action.COMPLETE
    assert server.sent == 0

"""Visits that take their time, on a clock that a test moves: no network, no media, no waiting."""

import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta

import pytest

from hugathome import GrantRefused, NotYetOpen, Participant, Session
from hugathome.protocol.wire import State
from hugathome.record.history import Action
from hugathome.record.transitions import Presence
from hugathome.testing import FakeHugAtHome, Network, Robot

START = datetime(2026, 1, 15, 8, tzinfo=UTC)
"""Nine o'clock in Geneva."""
PHONE = "+41791234567"


@pytest.fixture
async def hug() -> AsyncGenerator[FakeHugAtHome]:
    """Return a deployment at a quarter to nine."""
    async with FakeHugAtHome(now=START - timedelta(minutes=15), seed=7) as fake:
        yield fake


async def planned(hug: FakeHugAtHome, *, starts_at: datetime = START) -> Session:
    """Plan a visit of half an hour, and invite the patient."""
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone=PHONE),
        ],
    )
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await hug.invite(session.id, "p-1")
    return session


def patient_of(hug: FakeHugAtHome, *, over: Network | None = None) -> Robot:
    return Robot.from_sms(hug.outbox.last(to=PHONE), site=over, media=False)


def doctor_of(hug: FakeHugAtHome, session: Session) -> Robot:
    return Robot.from_grant(hug.grant(session.id, "dr-rossi"), at=hug.here, media=False)


def seen(robot: Robot, participant: str) -> State:
    """Return how a robot sees somebody at this moment."""
    return robot.peer.participants[participant].state


def welcomes(network: Network) -> int:
    return sum(json.loads(text).get("type") == "welcome" for text in network.heard)


# --- The window ----------------------------------------------------------------------------------


async def test_before_its_window_the_link_says_when_and_sends_nothing(hug: FakeHugAtHome) -> None:
    await planned(hug, starts_at=START + timedelta(days=1))
    patient = patient_of(hug)

    assert (await patient.open())["status"] == "early"
    with pytest.raises(NotYetOpen):
        await patient.ask_for_code(hug.outbox)
    assert [hug.outbox.last().code, len(hug.outbox)] == [None, 1]

    await hug.clock.advance(hours=23, minutes=45)  # half an hour before
    async with patient:
        await patient.waiting()
    assert len(hug.outbox) == 2


@pytest.mark.parametrize(
    ("starts_at", "local"),
    [
        (datetime(2026, 1, 16, 8, tzinfo=UTC), "vendredi 16 janvier 2026 à 09:00"),
        (datetime(2026, 7, 17, 8, tzinfo=UTC), "vendredi 17 juillet 2026 à 10:00"),
    ],
    ids=["winter", "summer"],
)
async def test_a_sms_says_local_time(hug: FakeHugAtHome, starts_at: datetime, local: str) -> None:
    await planned(hug, starts_at=starts_at)

    assert local in hug.outbox.last(to=PHONE).text


async def test_a_patient_may_take_five_minutes_over_the_devices(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    sms = hug.outbox.last(to=PHONE)
    patient = Robot.from_sms(sms, media=False)
    await patient.type_code(sms.code or "")
    old = hug.grant(session.id, "p-1")

    await hug.clock.advance(minutes=5)

    with pytest.raises(GrantRefused):
        await hug.visit_pass(old.token)
    async with patient:
        await patient.waiting()


async def test_the_doctor_is_75_minutes_late_on_a_slot_of_30(hug: FakeHugAtHome) -> None:
    session = await planned(hug)

    async with patient_of(hug) as patient:
        await hug.clock.advance(minutes=15 + 75)
        assert [each.id for each in (await hug.sessions.get(session.id)).waiting] == ["p-1"]
        async with doctor_of(hug, session) as doctor:
            await doctor.admit("p-1")
            await patient.admitted()
            await doctor.complete("prescription")
            await patient.ended()

    assert (await hug.sessions.get(session.id)).outcome == "prescription"


async def test_whoever_waits_past_the_end_of_the_window_stays_and_may_reload(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    network = Network(hug.here)
    patient = patient_of(hug, over=network)

    async with patient:
        await hug.clock.advance(hours=3)
        assert hug.clock.now() > session.window.closes_at
        await patient.waiting()
        await network.down()
    network.up()
    async with patient, doctor_of(hug, session) as doctor:
        await doctor.admit("p-1")
        await patient.admitted()

    assert len(hug.outbox) == 1


# --- The connection ------------------------------------------------------------------------------


async def test_a_dark_screen_keeps_its_place_in_the_waiting_room(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    network = Network(hug.here)

    async with patient_of(hug, over=network) as patient, doctor_of(hug, session) as doctor:
        await doctor.peer.arrived("p-1")
        await network.down()
        await hug.clock.advance(hours=1)
        in_the_dark = await hug.sessions.get(session.id)
        assert seen(doctor, "p-1") is State.AWAY
        network.up()
        await hug.clock.advance(seconds=30)
        await doctor.admit("p-1")
        await patient.admitted()

    assert [each.id for each in in_the_dark.waiting] == ["p-1"]
    assert Action.DEPART not in {change.action for change in in_the_dark.history}


async def test_whoever_is_admitted_while_the_screen_is_dark_is_in_at_once(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    network = Network(hug.here)

    async with patient_of(hug, over=network) as patient, doctor_of(hug, session) as doctor:
        await network.down()
        await hug.clock.advance(minutes=10)
        await doctor.peer.admit("p-1")
        await hug.clock.advance(minutes=10)
        network.up()
        await hug.clock.advance(seconds=30)
        await patient.admitted()


async def test_whoever_is_away_for_more_than_a_minute_has_left_and_comes_back_at_once(
    hug: FakeHugAtHome,
) -> None:
    session = await planned(hug)
    network = Network(hug.here)

    async with patient_of(hug, over=network) as patient, doctor_of(hug, session) as doctor:
        await doctor.admit("p-1")
        await patient.admitted()
        await network.down()
        await hug.clock.advance(seconds=55)
        assert seen(doctor, "p-1") is State.AWAY
        await hug.clock.advance(seconds=10)
        assert seen(doctor, "p-1") is State.DEPARTED
        gone = await hug.sessions.get(session.id)
        network.up()
        await hug.clock.advance(seconds=30)
        assert seen(doctor, "p-1") is State.ADMITTED
        assert patient.peer.is_admitted
        back = await hug.sessions.get(session.id)

    assert gone.of("p-1").presence is Presence.DEPARTED
    assert back.of("p-1").presence is Presence.ADMITTED
    assert [change.action for change in back.history].count(Action.ADMIT) == 1


async def test_heartbeats_keep_a_quiet_connection(hug: FakeHugAtHome) -> None:
    await planned(hug)
    network = Network(hug.here)

    async with patient_of(hug, over=network) as patient:
        await hug.clock.advance(hours=2)
        await patient.waiting()

    pings = sum(json.loads(text).get("type") == "ping" for text in network.heard)
    assert welcomes(network) == 1
    assert 7200 / 22 <= pings <= 7200 / 18


async def test_silence_ends_a_connection_and_the_next_one_resumes(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    network = Network(hug.here)

    async with patient_of(hug, over=network) as patient, doctor_of(hug, session) as doctor:
        await doctor.admit("p-1")
        await patient.admitted()
        peer = patient.peer.client.peer
        network.go_deaf()
        await hug.clock.advance(seconds=20)
        assert seen(doctor, "p-1") is State.ADMITTED
        await hug.clock.advance(seconds=50)
        assert seen(doctor, "p-1") is State.ADMITTED
        assert patient.peer.client.peer == peer

    assert welcomes(network) == 2


# --- In a host's own tests -----------------------------------------------------------------------


async def test_a_host_tests_a_whole_visit_in_ten_lines(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    async with (
        Robot.from_sms(hug.outbox.last(to=PHONE), media=False) as patient,
        Robot.from_grant(hug.grant(session.id, "dr-rossi"), at=hug.here, media=False) as doctor,
    ):
        await doctor.admit("p-1")
        await patient.admitted()
        await doctor.complete("prescription")
        await patient.ended()
    assert (await hug.sessions.get(session.id)).outcome == "prescription"

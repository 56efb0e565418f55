"""Credentials for the relay last ten minutes, and nobody inside is ever caught with old ones."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest

from hugathome import IceServer, Participant, Session
from hugathome.device.returning import Phase
from hugathome.grants import JoinGrant
from hugathome.peer import Peer
from hugathome.protocol.ice import CREDENTIALS_LIFETIME
from hugathome.signalling import Transport
from hugathome.testing import FakeHugAtHome, Network

DOCTOR, PATIENT = "dr-rossi", "p-1"
NEVER = timedelta()


@pytest.fixture
async def hug() -> AsyncIterator[FakeHugAtHome]:
    relay = IceServer(urls=["turn:turn.example.ch"], secret="north")
    async with FakeHugAtHome(ice_servers=[relay]) as hug:
        yield hug


@pytest.fixture
async def session(hug: FakeHugAtHome) -> Session:
    people = [
        Participant(id=DOCTOR, role="practitioner", name="Dr Rossi"),
        Participant(id=PATIENT, role="patient", name="M. Dupont"),
    ]
    now = hug.clock.now()
    return await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=people,
    )


@asynccontextmanager
async def attending(
    hug: FakeHugAtHome, session: Session, who: str, *, over: Network | None = None
) -> AsyncIterator[Peer]:
    network = over or Network(hug.here)

    async def connect() -> tuple[Transport, JoinGrant]:
        return await network.connect(), hug.grant(session.id, who)

    transport, grant = await connect()
    async with Peer(transport, grant, media=False, reconnect=connect, clock=hug.clock) as peer:
        yield peer


def left(peer: Peer, hug: FakeHugAtHome) -> timedelta:
    """Return for how long what the device holds is good, from now on; coturn would judge the same."""
    if not peer.client.ice_servers:
        return NEVER
    expires, _, whose = str(peer.client.ice_servers[0].username).partition(":")
    assert whose == peer.client.peer
    return datetime.fromtimestamp(int(expires), UTC) - hug.clock.now()


async def test_they_are_given_at_admission_and_not_before(hug: FakeHugAtHome, session: Session) -> None:
    async with attending(hug, session, DOCTOR) as doctor, attending(hug, session, PATIENT) as patient:
        assert left(patient, hug) == NEVER

        await doctor.admit(PATIENT)
        await patient.admitted()

        assert left(patient, hug) == CREDENTIALS_LIFETIME == timedelta(minutes=10)


async def test_whoever_is_inside_always_holds_credentials_that_are_good_for_some_minutes(
    hug: FakeHugAtHome, session: Session
) -> None:
    async with attending(hug, session, DOCTOR) as doctor, attending(hug, session, PATIENT) as patient:
        await doctor.admit(PATIENT)
        await patient.admitted()

        for _ in range(180):
            await hug.clock.advance(minutes=1)
            assert min(left(doctor, hug), left(patient, hug)) >= CREDENTIALS_LIFETIME / 2


async def test_whoever_comes_back_holds_fresh_ones_as_soon_as_they_are_back(
    hug: FakeHugAtHome, session: Session
) -> None:
    tunnel = Network(hug.here)
    async with (
        attending(hug, session, DOCTOR) as doctor,
        attending(hug, session, PATIENT, over=tunnel) as patient,
    ):
        await doctor.admit(PATIENT)
        await patient.admitted()
        await hug.clock.advance(minutes=4)
        await tunnel.down()
        await hug.clock.advance(minutes=30)
        assert left(patient, hug) < NEVER

        tunnel.up()
        await hug.clock.advance(seconds=15)

        assert patient.client.phase is Phase.LIVE
        assert left(patient, hug) > CREDENTIALS_LIFETIME - timedelta(seconds=15)


async def test_whoever_was_sent_back_to_the_waiting_room_gets_no_more(
    hug: FakeHugAtHome, session: Session
) -> None:
    async with attending(hug, session, DOCTOR) as doctor, attending(hug, session, PATIENT) as patient:
        await doctor.admit(PATIENT)
        await patient.admitted()
        await doctor.return_to_waiting(PATIENT)
        await hug.clock.advance(hours=1)

        assert left(patient, hug) < NEVER

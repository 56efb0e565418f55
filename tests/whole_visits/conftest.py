"""A clinic whose patients come by SMS: served on loopback, on a database in a file."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from hugathome import HugAtHome, IceServer, Participant, Session
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing import Outbox, ReceivedSms
from hugathome.web.serving import listening, serving

KEY = b"a key that is only ever used in tests"
RELAY = IceServer(urls=["turns:relay.example.ch:443?transport=udp"], secret="not a secret here")
"""Offered to whoever is admitted; aiortc passes over relays of this kind, and asks for no such name."""

Plan = Callable[[], Awaitable[Session]]
Invite = Callable[[str, str], Awaitable[ReceivedSms]]


@pytest.fixture
def sms() -> OutboxSms:
    return OutboxSms()


@pytest.fixture
async def hug(tmp_path: Path, sms: OutboxSms) -> AsyncGenerator[HugAtHome]:
    """Serve a deployment as a host does, and return it."""
    bound = listening()
    deployment = HugAtHome(
        key=KEY,
        store=open_store(f"sqlite:///{tmp_path}/clinic.db"),
        sms=sms,
        site=f"http://127.0.0.1:{bound.getsockname()[1]}/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
        help_phone="+41223723311",
        ice_servers=[RELAY],
    )
    async with deployment, serving(deployment.asgi(otherwise=deployment.asgi()), bound):
        yield deployment


@pytest.fixture
def plan(hug: HugAtHome) -> Plan:
    """Return what plans a visit of four that begins now, and records that the patient accepts it."""

    async def planned() -> Session:
        now = hug.clock.now()
        session = await hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            modality="video",
            starts_at=now,
            ends_at=now + timedelta(minutes=30),
            participants=[
                Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
                Participant(id="p-1", role="patient", name="M. Dupont", language="fr", phone="+41791234567"),
                Participant(id="nurse", role="nurse", name="N. Favre"),
                Participant(id="mother", role="related-person", name="A. Dupont", phone="+41791234568"),
            ],
        )
        await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        return session

    return planned


@pytest.fixture
def invite(hug: HugAtHome, sms: OutboxSms) -> Invite:
    """Return what invites somebody, and gives the SMS that has reached their telephone."""

    async def invited(session_id: str, participant: str) -> ReceivedSms:
        await hug.invite(session_id, participant)
        session = await hug.sessions.get(session_id)
        phone = session.participant(participant).phone
        return Outbox(sms).last(to=str(phone))

    return invited

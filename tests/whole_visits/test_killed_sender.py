"""A process that is killed between reserving a message and noting that it went out: never two for one."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from tests.whole_visits.server import SOURCE

from hugathome.app import HugAtHome
from hugathome.clock import SystemClock
from hugathome.codes import Challenge, Sms
from hugathome.organisations import Organisation
from hugathome.reach.receipts import Receipt
from hugathome.record.history import IN_DOUBT, DeliveryStatus
from hugathome.record.participants import Participant
from hugathome.record.services import Service
from hugathome.session import Session
from hugathome.stores import open_store
from hugathome.testing.clock import FakeClock

KEY = b"a key that is only ever used in tests"
DYING = """
import sys
import time

from hugathome.blocking import HugAtHome
from hugathome.stores import open_store

database, moment, taken, call, whom = sys.argv[1:]


class DyingSms:
    async def send(self, message):
        if moment == "after":
            with open(taken, "a") as provider:
                provider.write(message.idempotency_key + "\\n")
        print("now", flush=True)
        time.sleep(600)


hug = HugAtHome(
    key={key!r}, store=open_store(database), sms=DyingSms(), site="https://www.example.ch",
    timezone="Europe/Zurich", brand="HUG",
)
match call:
    case "send_code":
        hug.send_code(whom)
    case "invite":
        hug.invite(whom, "p-1")
    case "run_due":
        hug.run_due()
"""
CLINIC = {"hug": Organisation(services={"cardiology": Service(id="cardiology")})}


class Provider:
    """Keeps the keys of what it took in a file, each once; `asked` has those of every try of this process."""

    may_be_asked_again = True

    def __init__(self, file: Path) -> None:
        self.file = file
        self.asked: list[str] = []

    @property
    def taken(self) -> list[str]:
        return self.file.read_text().split() if self.file.exists() else []

    async def send(self, message: Sms) -> None:
        self.asked.append(message.idempotency_key)
        if message.idempotency_key not in self.taken:
            self.file.write_text("\n".join([*self.taken, message.idempotency_key]) + "\n")


class Clinic:
    """A deployment over one file, opened anew after every death."""

    def __init__(self, folder: Path) -> None:
        self.database = f"sqlite:///{folder}/clinic.db"
        self.provider = Provider(folder / "taken")
        self.clock = FakeClock(SystemClock().now())

    def opened(self) -> HugAtHome:
        return HugAtHome(
            key=KEY,
            store=open_store(self.database),
            sms=self.provider,
            site="https://www.example.ch",
            timezone="Europe/Zurich",
            brand="HUG",
            organisations=CLINIC,
            clock=self.clock,
        )

    async def plan(self, hug: HugAtHome, *, after: timedelta = timedelta(0)) -> Session:
        session = await hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            starts_at=self.clock.now() + after,
            ends_at=self.clock.now() + after + timedelta(minutes=30),
            participants=[
                Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
                Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
            ],
        )
        return await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")

    def dies(self, moment: str, call: str, whom: str) -> None:
        """Kill a process at the moment in which it hands a message over: before that is taken, or after."""
        arguments = [self.database, moment, str(self.provider.file), call, whom]
        command = [sys.executable, "-c", DYING.format(key=KEY), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "now\n"
            process.kill()


@pytest.fixture
def clinic(tmp_path: Path) -> Clinic:
    return Clinic(tmp_path)


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a36_a_code_whose_sender_is_killed_is_lost_and_never_sent_twice(
    clinic: Clinic, moment: str
) -> None:
    async with clinic.opened() as hug:
        session = await clinic.plan(hug)
        link = (await hug.invite(session.id, "p-1", deliver=False)).link_id

    clinic.dies(moment, "send_code", link)

    async with clinic.opened() as hug:
        challenge_id = (await hug.sessions.get(session.id)).of("p-1").challenge_id or ""
        challenge = await hug._store.codes.load(Challenge, challenge_id)
        assert challenge is not None
        assert challenge.sends == 1, "reserved, and counted, before anything left"
        await clinic.clock.advance(minutes=5)
        await hug.run_due()
        assert clinic.provider.asked == [], "nobody takes over a code: the patient asks again"
        await hug.send_code(link)
    lost = [] if moment == "before" else [f"{challenge_id}.1.1"]
    assert clinic.provider.taken == [*lost, f"{challenge_id}.2.1"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_invitation_whose_sender_is_killed_goes_out_once(clinic: Clinic, moment: str) -> None:
    async with clinic.opened() as hug:
        session = await clinic.plan(hug)

    clinic.dies(moment, "invite", session.id)

    async with clinic.opened() as hug:
        await hug.run_due()
        assert clinic.provider.asked == [], "its sender may still be at it"
        await clinic.clock.advance(minutes=2)
        await hug.run_due()
        (message,) = (await hug.sessions.get(session.id)).of("p-1").messages
        assert message.status is DeliveryStatus.SENT
    assert clinic.provider.taken == clinic.provider.asked == [f"{message.id}.1"]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_invitation_whose_sender_is_killed_goes_to_no_gateway_twice_that_knows_no_keys(
    clinic: Clinic, moment: str
) -> None:
    clinic.provider.may_be_asked_again = False
    async with clinic.opened() as hug:
        session = await clinic.plan(hug)

    clinic.dies(moment, "invite", session.id)

    async with clinic.opened() as hug:
        await clinic.clock.advance(minutes=2)
        assert await hug.run_due() is None
        assert clinic.provider.asked == []
        told = (await hug.sessions.get(session.id)).history[-1]
        assert (told.delivery, told.reason) == (DeliveryStatus.FAILED, IN_DOUBT)
        assert (await hug.invite(session.id, "p-1")).delivery is DeliveryStatus.SENT
    assert len(clinic.provider.asked) == 1


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_reminder_whose_sender_is_killed_goes_out_once(clinic: Clinic, moment: str) -> None:
    clinic.clock = FakeClock(SystemClock().now() - timedelta(minutes=10))
    async with clinic.opened() as hug:
        session = await clinic.plan(hug, after=timedelta(minutes=65))  # it falls due five minutes ago
        await hug.invite(session.id, "p-1", deliver=False)

    clinic.dies(moment, "run_due", session.id)

    async with clinic.opened() as hug:
        await clinic.clock.advance(minutes=10)
        await hug.run_due()
        assert clinic.provider.asked == [], "its sender may still be at it"
        for _ in range(2):
            await clinic.clock.advance(minutes=2)
            await hug.run_due()
        (message,) = (await hug.sessions.get(session.id)).of("p-1").messages
        assert (message.kind, message.status) == ("reminder", DeliveryStatus.SENT)
    assert clinic.provider.taken == clinic.provider.asked == [f"{message.id}.1"]


async def test_what_a_receipt_shows_to_have_gone_out_is_not_even_tried_again(clinic: Clinic) -> None:
    async with clinic.opened() as hug:
        session = await clinic.plan(hug)

    clinic.dies("after", "invite", session.id)

    async with clinic.opened() as hug:
        receipt = Receipt(reference=clinic.provider.taken[0], status=DeliveryStatus.DELIVERED)
        assert await hug.receive_receipt(receipt)
        await clinic.clock.advance(minutes=2)
        await hug.run_due()
        (message,) = (await hug.sessions.get(session.id)).of("p-1").messages
    assert clinic.provider.asked == []
    assert message.status is DeliveryStatus.DELIVERED

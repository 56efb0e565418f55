"""Receipts that bring the gateway's own number only: late, early, twice, and for what never was."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.front_desk import NOW, Gateway, hug_over, invited, planned

from hugathome.app import HugAtHome
from hugathome.codes import Sms
from hugathome.reach.handles import handle_of
from hugathome.reach.receipts import Receipt
from hugathome.record.history import DeliveryStatus, Message
from hugathome.stores import Store, open_store
from hugathome.testing.clock import FakeClock

SENT, DELIVERED, FAILED = DeliveryStatus.SENT, DeliveryStatus.DELIVERED, DeliveryStatus.FAILED
LONG_SITE = f"https://{'teleconsultation.' * 4}example.ch/visit"


@dataclass
class Numbering(Gateway):
    """Numbers what it accepts, as OVHcloud does; `meanwhile` happens before its answer is known."""

    says: Callable[[int], object] = "ovhcloud:{}".format
    meanwhile: Callable[[str], Awaitable[object]] | None = None

    async def send(self, message: Sms) -> str:  # type: ignore[override]  # it says more than others
        await super().send(message)
        handle = self.says(len(self.accepted))
        if self.meanwhile is not None:
            await self.meanwhile(str(handle))
        return handle  # type: ignore[return-value]  # what a host's own may say against the protocol


@pytest.fixture
def sms() -> Numbering:
    return Numbering()


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return open_store("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/clinic.db")


@pytest.fixture
async def hug(store: Store, sms: Numbering) -> AsyncIterator[HugAtHome]:
    async with hug_over(store, sms, FakeClock(NOW)) as hug:
        yield hug


async def tell(hug: HugAtHome, handle: str, status: DeliveryStatus) -> bool:
    return await hug.receive_receipt(Receipt(reference=handle, status=status))


async def last_message(hug: HugAtHome, session_id: str) -> Message:
    return (await hug.sessions.get(session_id)).of("p-1").messages[-1]


async def test_a_receipt_finds_its_message_by_what_the_gateway_calls_it(hug: HugAtHome) -> None:
    first, second = await invited(hug), await invited(hug)

    assert await tell(hug, "ovhcloud:2", DELIVERED)

    assert (await last_message(hug, first.session)).status is SENT
    assert (await last_message(hug, second.session)).status is DELIVERED


async def test_late_double_and_disordered_receipts_change_nothing(hug: HugAtHome) -> None:
    invitation = await invited(hug)
    await tell(hug, "ovhcloud:1", DELIVERED)
    before = await hug.sessions.get(invitation.session)

    for status in (SENT, DELIVERED, FAILED):
        assert not await tell(hug, "ovhcloud:1", status)

    assert await hug.sessions.get(invitation.session) == before


@pytest.mark.parametrize(
    ("told", "becomes"), [((SENT,), SENT), ((FAILED,), FAILED), ((DELIVERED, FAILED, SENT), DELIVERED)]
)
async def test_a_receipt_that_is_faster_than_the_gateways_answer_is_not_lost(
    hug: HugAtHome, sms: Numbering, told: tuple[DeliveryStatus, ...], becomes: DeliveryStatus
) -> None:
    async def meanwhile(handle: str) -> None:
        for status in told:
            assert not await tell(hug, handle, status)

    sms.meanwhile = meanwhile
    invitation = await invited(hug)

    assert (await last_message(hug, invitation.session)).status is becomes


async def test_each_text_of_a_message_has_a_receipt_of_its_own(store: Store, sms: Numbering) -> None:
    async with hug_over(store, sms, FakeClock(NOW), site=LONG_SITE) as hug:
        invitation = await invited(hug)
        assert len(sms.accepted) == 2

        assert await tell(hug, "ovhcloud:2", DELIVERED)
        assert (await last_message(hug, invitation.session)).status is SENT
        assert await tell(hug, "ovhcloud:1", DELIVERED)
        assert (await last_message(hug, invitation.session)).status is DELIVERED


async def test_a_number_that_two_messages_have_is_that_of_the_first(hug: HugAtHome, sms: Numbering) -> None:
    sms.says = lambda _count: "ovhcloud:7"
    first, second = await invited(hug), await invited(hug)

    assert await tell(hug, "ovhcloud:7", FAILED)

    assert (await last_message(hug, first.session)).status is FAILED
    assert (await last_message(hug, second.session)).status is SENT


@pytest.mark.parametrize("said", [True, 7, "", "ok", "7", "OVH:7", "ovhcloud:", "a:b c", "a:" + "1" * 65])
async def test_what_else_a_gateway_says_is_nothing(hug: HugAtHome, sms: Numbering, said: object) -> None:
    sms.says = lambda _count: said
    invitation = await invited(hug)

    assert handle_of(said) is None
    assert not await tell(hug, str(said), FAILED)
    assert (await last_message(hug, invitation.session)).handles == ()


async def test_the_number_of_nothing_that_is_known_changes_nothing(hug: HugAtHome) -> None:
    invitation = await invited(hug)
    before = await hug.sessions.get(invitation.session)

    for number in range(3):
        assert not await tell(hug, f"another:{number}", FAILED)

    assert await hug.sessions.get(invitation.session) == before
    assert await tell(hug, "ovhcloud:1", DELIVERED)


async def test_a_visit_that_was_cancelled_while_the_gateway_was_asked_stays_as_it_is(
    hug: HugAtHome, sms: Numbering
) -> None:
    session = await planned(hug)

    async def meanwhile(_handle: str) -> None:
        await hug.sessions.cancel(session.id, by="dr-rossi")

    sms.meanwhile = meanwhile
    await hug.invite(session.id, "p-1")

    assert not await tell(hug, "ovhcloud:1", FAILED)
    assert (await last_message(hug, session.id)).handles == ()

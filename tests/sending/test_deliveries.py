"""What became of messages: receipts late, twice, out of order, for what is known and for what never was."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from tests.front_desk import KEY, MINUTE, NOW, OLD, Crash, Gateway, hug_over, invited, planned

from hugathome.app import HugAtHome
from hugathome.codes import Sms
from hugathome.errors import SmsNotSent
from hugathome.one_time_codes import OneTimeCodes
from hugathome.protocol.talk import Noted, with_recorded
from hugathome.reach.handover import MAX_ATTEMPTS
from hugathome.reach.receipts import Receipt
from hugathome.record.history import IN_DOUBT, Action, Change, DeliveryStatus, Message
from hugathome.roles import Step
from hugathome.rooms.mirror import standing
from hugathome.stores import Store
from hugathome.testing.clock import FakeClock

QUEUED, SENT = DeliveryStatus.QUEUED, DeliveryStatus.SENT
DELIVERED, FAILED = DeliveryStatus.DELIVERED, DeliveryStatus.FAILED
LONG_SITE = f"https://{'teleconsultation.' * 4}example.ch/visit"


async def tell(hug: HugAtHome, key: str, status: DeliveryStatus, reason: str | None = None) -> bool:
    return await hug.receive_receipt(Receipt(reference=key, status=status, reason=reason))


async def deliveries(hug: HugAtHome, session_id: str) -> list[Change]:
    history = (await hug.sessions.get(session_id)).history
    return [change for change in history if change.action is Action.DELIVER]


async def test_a_receipt_says_what_became_of_an_invitation(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug, starts_at=NOW + 60 * MINUTE)
    key = sms.accepted[0].idempotency_key

    assert await tell(hug, key, DELIVERED)

    session = await hug.sessions.get(invitation.session)
    assert [m.status for m in session.of("p-1").messages] == [DELIVERED]
    assert [(c.delivery, c.step) for c in await deliveries(hug, session.id)] == [
        (SENT, Step.SMS_SENT),
        (DELIVERED, Step.SMS_DELIVERED),
    ]
    assert (await hug.invite(session.id, "p-1")).delivery is DELIVERED
    assert len(sms.accepted) == 1


async def test_late_double_and_disordered_receipts_change_nothing(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    key = sms.accepted[0].idempotency_key
    await tell(hug, key, DELIVERED)
    before = await hug.sessions.get(invitation.session)

    for status in (SENT, DELIVERED, FAILED, QUEUED, DELIVERED):
        assert not await tell(hug, key, status)

    assert await hug.sessions.get(invitation.session) == before


async def test_an_invitation_that_failed_on_its_way_is_sent_by_the_next_one(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    assert await tell(hug, sms.accepted[0].idempotency_key, FAILED, "30003")
    await clock.advance(seconds=1)

    again = await hug.invite(invitation.session, "p-1")

    assert again.delivery is SENT
    assert again.link_id == invitation.link_id
    assert len(set(sms.codes)) == 1, "the same code again, which the patient may be reading already"
    failed = (await deliveries(hug, invitation.session))[1]
    assert (failed.step, failed.reason) == (Step.SMS_FAILED, "30003")
    assert await tell(hug, sms.accepted[0].idempotency_key, DELIVERED), "the first was only late"


async def test_a_receipt_for_a_code_is_kept_with_the_visit(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    await clock.advance(seconds=30)
    await hug.send_code(invitation.link_id)
    key = sms.accepted[1].idempotency_key

    assert not await tell(hug, key, SENT)
    assert await tell(hug, key, FAILED)
    assert not await tell(hug, key, FAILED)
    assert await tell(hug, key, DELIVERED)
    assert not await tell(hug, key, FAILED)

    session = await hug.sessions.get(invitation.session)
    assert [(m.kind, m.status) for m in session.of("p-1").messages] == [
        ("invitation", SENT),
        ("code", DELIVERED),
    ]
    assert session.due_at is None
    await hug.check_in(invitation.link_id, sms.code)


async def test_a_code_that_never_arrived_refunds_no_send(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    """A number that takes no message would otherwise be sent, and paid, one after the other."""
    invitation = await invited(hug)
    challenge_id = (await hug.sessions.get(invitation.session)).of("p-1").challenge_id
    await clock.advance(seconds=30)
    await hug.send_code(invitation.link_id)

    await tell(hug, sms.accepted[1].idempotency_key, FAILED)

    challenge = await hug._crew.reception._verifier.find(challenge_id)
    assert challenge is not None
    assert (challenge.sends, challenge.is_undelivered) == (2, False)


@pytest.mark.parametrize(
    "key", ["", "x", "nothing.1", "nothing.1.1", "nothing.0.1", "\ud800.1", "'; drop--.1", "a" * 10_000]
)
async def test_a_receipt_for_what_never_was_is_ignored(hug: HugAtHome, sms: Gateway, key: str) -> None:
    invitation = await invited(hug)
    before = await hug.sessions.get(invitation.session)

    assert not await tell(hug, key, DELIVERED)

    assert await hug.sessions.get(invitation.session) == before


async def test_a_send_that_never_was_is_not_delivered(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    challenge_id = (await hug.sessions.get(invitation.session)).of("p-1").challenge_id

    for key in (f"{challenge_id}.2.1", f"{challenge_id}.0.1", f"{challenge_id}.1.2"):
        assert not await tell(hug, key, DELIVERED)


async def test_a_code_of_the_hosts_own_is_no_message_of_a_visit(
    hug: HugAtHome, store: Store, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    codes = OneTimeCodes(
        key=KEY, store=store.codes, sms=sms, site="https://www.example.ch", brand="HUG", clock=clock
    )
    await codes.send("+41791234560", subject=f"{invitation.session}/p-1", purpose="log-in")

    assert not await tell(hug, sms.accepted[-1].idempotency_key, FAILED)


async def test_once_the_visit_has_ended_its_history_stays_as_it_is(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    await hug.sessions.cancel(invitation.session, by="the secretary")
    before = await hug.sessions.get(invitation.session)

    assert not await tell(hug, sms.accepted[0].idempotency_key, DELIVERED)

    assert await hug.sessions.get(invitation.session) == before


async def test_two_texts_have_a_receipt_each(store: Store, sms: Gateway, clock: FakeClock) -> None:
    async with hug_over(store, sms, clock, site=LONG_SITE) as hug:
        invitation = await invited(hug)
        first, second = (message.idempotency_key for message in sms.accepted)

        assert await tell(hug, first, DELIVERED)
        assert (await hug.sessions.get(invitation.session)).of("p-1").messages[0].status is SENT
        assert await tell(hug, second, DELIVERED)

        assert (await hug.sessions.get(invitation.session)).of("p-1").messages[0].status is DELIVERED
        assert [c.delivery for c in await deliveries(hug, invitation.session)] == [SENT, DELIVERED]


async def test_a_receipt_shows_that_a_message_whose_sender_died_had_gone_out(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails_after = Crash()
    with pytest.raises(Crash):
        await hug.invite(session.id, "p-1")
    sms.fails_after = None
    sms.keys.clear()  # a gateway that knows no keys would send it a second time

    assert await tell(hug, sms.accepted[0].idempotency_key, SENT)
    await clock.advance(minutes=1)
    await hug.run_due()

    assert len(sms.accepted) == 1
    assert (await hug.sessions.get(session.id)).of("p-1").messages[0].status is SENT


async def test_a_message_that_is_given_up_is_told_as_one_that_failed(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    session = await planned(hug)
    sms.fails_after = Crash()
    with pytest.raises(Crash):
        await hug.invite(session.id, "p-1")
    for _ in range(MAX_ATTEMPTS - 1):
        await clock.advance(minutes=32)
        with pytest.raises(Crash):
            await hug.run_due()

    await clock.advance(minutes=32)
    await hug.run_due()

    assert (await hug.sessions.get(session.id)).of("p-1").messages[0].status is FAILED
    assert [(c.delivery, c.reason) for c in await deliveries(hug, session.id)] == [(FAILED, IN_DOUBT)]


# --- Never two for one ---------------------------------------------------------------------------


@dataclass
class Slow(Gateway):
    """Takes its time: something happens while it is asked. `asked` counts how often it was."""

    meanwhile: Callable[[], Awaitable[object]] | None = None
    longest_send: timedelta = timedelta(0)
    asked: int = 0

    async def send(self, message: Sms) -> None:
        self.asked += 1
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        await super().send(message)


async def killed(hug: HugAtHome, sms: Gateway, *, taken: bool) -> str:
    """Have a process die while it hands over an invitation; return the session's id."""
    session = await planned(hug)
    sms.fails, sms.fails_after = (None, Crash()) if taken else (Crash(), None)
    with pytest.raises(Crash):
        await hug.invite(session.id, "p-1")
    sms.fails = sms.fails_after = None
    sms.keys.clear()  # what it is given a second time shows
    return session.id


async def message_of(hug: HugAtHome, session_id: str) -> Message:
    return (await hug.sessions.get(session_id)).of("p-1").messages[-1]


@pytest.mark.parametrize("taken", [True, False])
async def test_what_may_be_out_goes_to_no_gateway_twice_that_may_not_be_asked_again(
    hug: HugAtHome, sms: Gateway, clock: FakeClock, taken: bool
) -> None:
    sms.may_be_asked_again = False
    session_id = await killed(hug, sms, taken=taken)

    await clock.advance(minutes=1)
    assert await hug.run_due() is None

    assert len(sms.accepted) == taken
    told = await deliveries(hug, session_id)
    assert [(c.delivery, c.step, c.reason) for c in told] == [(FAILED, Step.SMS_FAILED, IN_DOUBT)]
    assert (await hug.invite(session_id, "p-1")).delivery is SENT, "staff say that it goes out all the same"
    assert len(set(sms.codes)) == 1


async def test_what_was_never_handed_over_is_sent_by_any_gateway(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    sms.may_be_asked_again = False
    session = await planned(hug)
    deliver = hug._crew.dispatch.deliver
    hug._crew.dispatch.deliver = lambda *_message: asyncio.sleep(0)  # type: ignore[method-assign]  # it dies here
    await hug.invite(session.id, "p-1")
    hug._crew.dispatch.deliver = deliver  # type: ignore[method-assign]

    await clock.advance(minutes=1)
    await hug.run_due()

    assert len(sms.accepted) == 1
    assert (await message_of(hug, session.id)).status is SENT


async def test_a_receipt_settles_what_was_in_doubt(hug: HugAtHome, sms: Gateway, clock: FakeClock) -> None:
    sms.may_be_asked_again = False
    session_id = await killed(hug, sms, taken=True)
    await clock.advance(minutes=1)
    await hug.run_due()

    assert await tell(hug, sms.accepted[0].idempotency_key, DELIVERED)

    assert (await hug.invite(session_id, "p-1")).delivery is DELIVERED
    assert len(sms.accepted) == 1


async def test_of_two_texts_the_one_that_is_out_is_not_sent_again(store: Store, clock: FakeClock) -> None:
    sms = Slow()
    async with hug_over(store, sms, clock, site=LONG_SITE) as hug:
        session = await planned(hug)

        async def first_is_out() -> None:
            sms.meanwhile = second_kills

        async def second_kills() -> None:
            raise Crash

        sms.meanwhile = first_is_out
        with pytest.raises(Crash):
            await hug.invite(session.id, "p-1")
        sms.keys.clear()
        await clock.advance(minutes=1)
        await hug.run_due()

        assert [message.idempotency_key[-2:] for message in sms.accepted] == [".1", ".2"]
        assert (await message_of(hug, session.id)).parts == (SENT, SENT)


@pytest.mark.parametrize("site", ["https://www.example.ch/visit", LONG_SITE], ids=["one text", "two texts"])
async def test_nobody_takes_a_message_over_while_its_gateway_has_time_left(
    store: Store, clock: FakeClock, site: str
) -> None:
    sms = Slow(longest_send=timedelta(seconds=110))
    async with hug_over(store, sms, clock, site=site) as hug:
        session = await planned(hug)

        async def others_run() -> None:
            sms.meanwhile = others_run
            await clock.advance(seconds=109)
            await hug.run_due()

        sms.meanwhile = others_run

        assert (await hug.invite(session.id, "p-1")).delivery is SENT
        assert sms.asked == len(sms.accepted) == len((await message_of(hug, session.id)).parts)


@pytest.mark.parametrize("site", ["https://www.example.ch/visit", LONG_SITE], ids=["one text", "two texts"])
async def test_a_sender_who_took_too_long_changes_nothing_of_what_was_told(
    store: Store, clock: FakeClock, site: str
) -> None:
    sms = Slow(may_be_asked_again=False)
    async with hug_over(store, sms, clock, site=site) as hug:
        session = await planned(hug)

        async def others_run() -> None:
            await clock.advance(minutes=2)
            await hug.run_due()

        sms.meanwhile = others_run

        assert (await hug.invite(session.id, "p-1")).delivery is FAILED
        assert sms.asked == 1, "and no second text follows"
        assert [c.reason for c in await deliveries(hug, session.id)] == [IN_DOUBT]


async def test_a_failure_of_whoever_was_too_slow_is_not_that_of_whoever_took_over(
    store: Store, clock: FakeClock
) -> None:
    sms = Slow()
    async with hug_over(store, sms, clock) as hug:
        session = await planned(hug)

        async def others_send_it() -> None:
            await clock.advance(minutes=1)
            await hug.run_due()
            raise SmsNotSent("no answer from the gateway")

        sms.meanwhile = others_send_it
        with pytest.raises(SmsNotSent):
            await hug.invite(session.id, "p-1")

        assert (await message_of(hug, session.id)).status is SENT
        assert [c.delivery for c in await deliveries(hug, session.id)] == [SENT]


async def test_a_failure_of_whoever_was_too_slow_is_not_told_while_another_sends(
    store: Store, clock: FakeClock
) -> None:
    sms = Slow()
    async with hug_over(store, sms, clock) as hug:
        session = await planned(hug)

        async def another_dies_of_it() -> None:
            await clock.advance(minutes=1)
            sms.fails = Crash()
            with pytest.raises(Crash):
                await hug.run_due()
            sms.fails = SmsNotSent("the gateway answered 403", is_certain=True)

        sms.meanwhile = another_dies_of_it
        with pytest.raises(SmsNotSent):
            await hug.invite(session.id, "p-1")

        assert (await message_of(hug, session.id)).status is QUEUED
        assert await deliveries(hug, session.id) == []


async def test_that_it_is_out_is_believed_of_whoever_was_too_slow(store: Store, clock: FakeClock) -> None:
    sms = Slow()
    async with hug_over(store, sms, clock) as hug:
        session = await planned(hug)

        async def another_dies_of_it() -> None:
            await clock.advance(minutes=1)
            sms.fails = Crash()
            with pytest.raises(Crash):
                await hug.run_due()
            sms.fails = None

        sms.meanwhile = another_dies_of_it

        assert (await hug.invite(session.id, "p-1")).delivery is SENT
        await clock.advance(minutes=5)
        assert await hug.run_due() is None
        assert sms.asked == 2


@pytest.mark.parametrize(("is_certain", "reason"), [(True, None), (False, IN_DOUBT)])
async def test_a_failure_says_whether_it_may_have_arrived(
    hug: HugAtHome, sms: Gateway, is_certain: bool, reason: str | None
) -> None:
    session = await planned(hug)
    sms.fails = SmsNotSent("the gateway is away", is_certain=is_certain)
    with pytest.raises(SmsNotSent):
        await hug.invite(session.id, "p-1")

    assert [(c.delivery, c.reason) for c in await deliveries(hug, session.id)] == [(FAILED, reason)]


async def test_a_message_that_was_replaced_while_it_was_sent_is_no_longer_told_of(
    store: Store, clock: FakeClock
) -> None:
    sms = Slow()
    async with hug_over(store, sms, clock) as hug:
        session = await planned(hug)
        sms.meanwhile = lambda: hug.invite(session.id, "p-1", again=True)

        await hug.invite(session.id, "p-1")

        assert [c.delivery for c in await deliveries(hug, session.id)] == [SENT]


async def test_a_message_whose_answer_was_lost_turns_out_to_be_delivered(
    hug: HugAtHome, sms: Gateway
) -> None:
    session = await planned(hug)
    sms.fails_after = SmsNotSent("no answer from the gateway")
    with pytest.raises(SmsNotSent):
        await hug.invite(session.id, "p-1")

    assert await tell(hug, sms.accepted[0].idempotency_key, DELIVERED)

    sms.fails_after = None
    assert (await hug.invite(session.id, "p-1")).delivery is DELIVERED
    assert len(sms.accepted) == 1


async def test_a37_a_receipt_finds_its_message_after_a_change_of_keys(
    store: Store, sms: Gateway, clock: FakeClock
) -> None:
    before = hug_over(store, sms, clock, key=OLD)
    await invited(before)
    after = hug_over(store, sms, clock, key={"new": KEY, "old": OLD})

    assert await tell(after, sms.accepted[0].idempotency_key, DELIVERED)
    await after.aclose()


async def test_of_many_equal_receipts_at_once_one_is_news(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    key = sms.accepted[0].idempotency_key

    news = await asyncio.gather(*(tell(hug, key, DELIVERED) for _ in range(12)))

    assert sum(news) == 1
    assert [c.delivery for c in await deliveries(hug, invitation.session)] == [SENT, DELIVERED]


async def test_a_receipt_may_come_before_the_gateway_has_answered(store: Store, clock: FakeClock) -> None:
    class Hasty(Gateway):
        async def send(self, message: Sms) -> None:
            await super().send(message)
            assert await tell(clinic, message.idempotency_key, DELIVERED)

    async with hug_over(store, Hasty(), clock) as clinic:
        invitation = await invited(clinic)
        await clock.advance(seconds=30)
        await clinic.send_code(invitation.link_id)

        assert invitation.delivery is DELIVERED
        messages = (await clinic.sessions.get(invitation.session)).of("p-1").messages
        assert [(m.kind, m.status) for m in messages] == [("invitation", DELIVERED), ("code", DELIVERED)]
        assert [c.delivery for c in await deliveries(clinic, invitation.session)] == [DELIVERED, DELIVERED]


async def test_whoever_is_there_is_not_told_to_have_missed_an_sms(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    await hug.check_in(invitation.link_id, sms.code)
    await hug.sessions.step(invitation.session, "p-1", Step.DEVICES_ALLOWED)

    assert await tell(hug, sms.accepted[0].idempotency_key, FAILED)

    session = await hug.sessions.get(invitation.session)
    assert standing(session, session.participant("p-1"))[0] is Step.DEVICES_ALLOWED
    assert (session.history[-1].delivery, session.history[-1].step) == (FAILED, None)


async def test_a_call_that_did_not_arrive_is_told_of_anybody(
    hug: HugAtHome, sms: Gateway, clock: FakeClock
) -> None:
    invitation = await invited(hug)
    await hug.check_in(invitation.link_id, sms.code)
    await clock.advance(minutes=2)
    await hug.call(invitation.session, "p-1", by="dr-rossi")

    assert await tell(hug, sms.accepted[-1].idempotency_key, FAILED)

    assert (await hug.sessions.get(invitation.session)).history[-1].step is Step.SMS_FAILED


async def test_what_a_page_has_shown_is_not_covered_by_a_receipt(hug: HugAtHome, sms: Gateway) -> None:
    invitation = await invited(hug)
    await hug.sessions.step(invitation.session, "p-1", Step.PAGE_OPENED)
    await tell(hug, sms.accepted[0].idempotency_key, DELIVERED)

    session = await hug.sessions.get(invitation.session)
    assert session.steps("p-1")[-1].step is Step.SMS_DELIVERED
    assert standing(session, session.participant("p-1"))[0] is Step.PAGE_OPENED


def test_a_receipt_covers_what_was_said_of_messages_and_nothing_else() -> None:
    covered = [step for step in Step if Step.SMS_DELIVERED.covers(step)]

    assert covered == [Step.SMS_SENT, Step.SMS_DELIVERED, Step.SMS_FAILED]


def test_what_a_room_was_told_of_a_device_is_not_covered_by_a_receipt() -> None:
    devices = Noted(step=Step.DEVICES_ALLOWED, at=NOW)
    receipt = Noted(step=Step.SMS_DELIVERED, at=NOW + MINUTE)
    sent = Noted(step=Step.SMS_SENT, at=NOW)

    assert with_recorded({"p-1": devices}, {"p-1": receipt}) == {"p-1": devices}
    assert with_recorded({"p-1": sent}, {"p-1": receipt}) == {"p-1": receipt}

"""Codes alone: sent, sent again, judged and taken back, with an event loop and without."""

import inspect
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hugathome import (
    Addressee,
    DeliveryStatus,
    Notice,
    OneTimeCodes,
    PhoneNumber,
    Receipt,
    Texts,
    blocking,
    receipt_url,
)
from hugathome._drive import drive
from hugathome.calls import OutboxVoice
from hugathome.codes import Challenge, Sms
from hugathome.errors import (
    ChannelUnavailable,
    CodeAlreadyUsed,
    CodeExpired,
    CodeRejected,
    ConfigurationError,
    InvalidInput,
    NoMobileNumber,
    NotDelivered,
    QuotaReached,
    SendTooSoon,
    SmsNotSent,
    StoreUnavailable,
)
from hugathome.policy import CodePolicy
from hugathome.quotas import Tally
from hugathome.sending.desk import Desk
from hugathome.sms import OutboxSms
from hugathome.stores import open_code_store
from hugathome.stores.memory import MemoryCodes
from hugathome.testing import FakeClock, Outbox

KEY = b"a secret of thirty-two bytes, no"
NUMBER = "+41791234567"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
WHO = {"subject": "user/77", "purpose": "log-in"}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW)


@pytest.fixture
def sms(clock: FakeClock) -> OutboxSms:
    return OutboxSms(clock=clock)


def codes_over(sms: Any, clock: FakeClock, kind: Callable[..., Any] = OneTimeCodes, **options: Any) -> Any:
    return kind(
        key=KEY,
        sms=sms,
        site="https://www.example.ch",
        brand="HUG@home",
        clock=clock,
        **{"store": open_code_store("memory://"), **options},
    )


async def test_a_code_that_was_sent_says_whose_it_is_once(sms: OutboxSms, clock: FakeClock) -> None:
    async with codes_over(sms, clock) as codes:
        challenge_id = await codes.send(NUMBER, **WHO)
        code = Outbox(sms).last(to=NUMBER).code

        used = await codes.verify(challenge_id, code)

        assert (used.subject, used.purpose, used.organisation) == ("user/77", "log-in", "default")
        with pytest.raises(CodeAlreadyUsed):
            await codes.verify(challenge_id, code)


async def test_a16_another_organisation_neither_takes_nor_sends_nor_closes_a_code(
    sms: OutboxSms, clock: FakeClock
) -> None:
    store = open_code_store("memory://")
    ours = codes_over(sms, clock, organisation="ours", store=store)
    theirs = codes_over(sms, clock, organisation="theirs", store=store)
    challenge_id = await ours.send(NUMBER, **WHO)
    code = Outbox(sms).last(to=NUMBER).code

    for call in (theirs.verify(challenge_id, code), theirs.resend(challenge_id)):
        with pytest.raises(CodeExpired):
            await call
    await theirs.revoke(challenge_id)

    assert (await ours.verify(challenge_id, code)).organisation == "ours"


async def test_a16_a_code_for_another_purpose_is_refused_and_stays(sms: OutboxSms, clock: FakeClock) -> None:
    codes = codes_over(sms, clock)
    challenge_id = await codes.send(NUMBER, **WHO)
    code = Outbox(sms).last(to=NUMBER).code

    with pytest.raises(CodeExpired):
        await codes.verify(challenge_id, code, purpose="sign")

    assert (await codes.verify(challenge_id, code, purpose="log-in")).purpose == "log-in"


@pytest.mark.parametrize("organisation", ["", "x" * 33, "\ud800", "a b", None], ids=ascii)
def test_an_organisation_is_named_as_everywhere(sms: OutboxSms, clock: FakeClock, organisation: Any) -> None:
    with pytest.raises(ConfigurationError, match="organisation="):
        codes_over(sms, clock, organisation=organisation)


@pytest.mark.parametrize("name", [77, None, "", "\ud800", "a\nb", "x" * 201], ids=ascii)
async def test_what_no_record_could_hold_is_refused(sms: OutboxSms, clock: FakeClock, name: Any) -> None:
    codes = codes_over(sms, clock)

    for what in ("subject", "purpose"):
        with pytest.raises(InvalidInput, match=what):
            await codes.send(NUMBER, **{**WHO, what: name})


@pytest.mark.parametrize("phone", ["", 41791234567, b"+41791234567"], ids=ascii)
async def test_what_is_no_telephone_number_is_refused(sms: OutboxSms, clock: FakeClock, phone: Any) -> None:
    with pytest.raises(InvalidInput):
        await codes_over(sms, clock).send(phone, **WHO)


def test_the_same_calls_block_without_an_event_loop(sms: OutboxSms, clock: FakeClock) -> None:
    with codes_over(sms, clock, blocking.OneTimeCodes) as codes:
        challenge_id = codes.send(PhoneNumber.parse(NUMBER), language="de", **WHO)
        sent = Outbox(sms).last(to=NUMBER)

        assert "ist Ihr Code" in sent.text
        assert codes.verify(challenge_id, sent.code).subject == "user/77"


async def test_a_code_is_sent_again_after_its_cooldown_or_followed_by_another(
    sms: OutboxSms, clock: FakeClock
) -> None:
    codes = codes_over(sms, clock)
    challenge_id = await codes.send(NUMBER, **WHO)
    with pytest.raises(SendTooSoon):
        await codes.resend(challenge_id)
    for rotate in (False, True):
        await clock.advance(minutes=1)
        await codes.resend(challenge_id, rotate=rotate)

    first, second, third = [each.text.split()[0] for each in sms.outbox]
    assert first == second != third
    with pytest.raises(CodeRejected):
        await codes.verify(challenge_id, first)
    assert (await codes.verify(challenge_id, third)).attempts == 1


async def test_a_code_that_was_taken_back_lets_nobody_in(sms: OutboxSms, clock: FakeClock) -> None:
    codes = codes_over(sms, clock)
    challenge_id = await codes.send(NUMBER, **WHO)
    await codes.revoke(challenge_id)

    with pytest.raises(CodeExpired):
        await codes.verify(challenge_id, Outbox(sms).last(to=NUMBER).code)
    for unknown in ("unknown", challenge_id):
        with pytest.raises(CodeExpired):
            await codes.resend(unknown)


class Moody:
    """A gateway that refuses as long as it is told to."""

    def __init__(self) -> None:
        self.refuses = True
        self.taken: list[Sms] = []
        self.keys: list[str] = []

    async def send(self, message: Sms) -> None:
        self.keys.append(message.idempotency_key)
        if self.refuses:
            raise SmsNotSent("the provider is away", is_certain=True)
        self.taken.append(message)


async def test_a36_what_a_gateway_refused_is_sent_again_under_the_same_key(clock: FakeClock) -> None:
    gateway = Moody()
    codes = codes_over(gateway, clock)
    challenge_id = await codes.issue(NUMBER, **WHO)
    for _ in range(4):
        with pytest.raises(SmsNotSent):
            await codes.resend(challenge_id)
        await clock.advance(seconds=timedelta(minutes=2).total_seconds())

    gateway.refuses = False
    await codes.resend(challenge_id)

    assert len(set(gateway.keys)) == 1
    assert (await codes.verify(challenge_id, gateway.taken[0].text.split()[0])).sends == 1


async def test_a_number_that_takes_no_sms_gets_none(sms: OutboxSms, clock: FakeClock) -> None:
    with pytest.raises(NoMobileNumber):
        await codes_over(sms, clock).send("+41223723311", **WHO)
    assert not sms.outbox


async def test_a_fixed_line_is_called_with_the_code(sms: OutboxSms, clock: FakeClock) -> None:
    voice = OutboxVoice(clock=clock)
    codes = codes_over(sms, clock, voice=voice)

    challenge_id = await codes.send("+41223723311", language="it", **WHO)

    [call] = voice.outbox
    assert call.speech.language == "it"
    assert (await codes.verify(challenge_id, call.code)).subject == "user/77"


def test_a_call_brings_the_same_code_without_an_event_loop(sms: OutboxSms, clock: FakeClock) -> None:
    voice = OutboxVoice(clock=clock)
    codes = codes_over(sms, clock, blocking.OneTimeCodes, voice=voice)
    challenge_id = codes.send(NUMBER, **WHO)
    clock._now += timedelta(minutes=1)

    codes.resend(challenge_id, channel="voice")

    assert voice.outbox[0].code == Outbox(sms).last(to=NUMBER).code


class Kiosk:
    """The host's own channel: a screen that shows a code to whoever stands before it."""

    name = "kiosk"

    def __init__(self) -> None:
        self.shown: list[Notice] = []

    async def reaches(self, to: Addressee) -> bool:
        return to.id == "user/77"

    async def send(self, notice: Notice) -> None:
        self.shown.append(notice)


async def test_the_hosts_own_channel_is_told_the_subject(sms: OutboxSms, clock: FakeClock) -> None:
    kiosk = Kiosk()
    codes = codes_over(sms, clock, channels=[kiosk])

    challenge_id = await codes.send("+41223723311", **WHO)

    [notice] = kiosk.shown
    assert (notice.to.id, notice.to.session, notice.link) == ("user/77", None, None)
    assert (await codes.verify(challenge_id, notice.code)).subject == "user/77"


async def test_who_has_no_number_gets_the_code_by_the_hosts_own_channel(
    code_store_url: str, sms: OutboxSms, clock: FakeClock
) -> None:
    kiosk, voice = Kiosk(), OutboxVoice(clock=clock)
    store = open_code_store(code_store_url)
    async with codes_over(sms, clock, channels=[kiosk], voice=voice, store=store) as codes:
        challenge_id = await codes.send(None, **WHO)

        [notice] = kiosk.shown
        assert notice.to.phone is None
        assert await codes.code_channels(challenge_id) == ("kiosk",)
        for channel in ("sms", "voice"):
            with pytest.raises(ChannelUnavailable):
                await codes.resend(challenge_id, channel=channel)
        assert (await codes.verify(challenge_id, notice.code)).subject == "user/77"
    assert not sms.outbox
    assert not voice.outbox


async def test_who_has_no_number_and_no_channel_gets_none(sms: OutboxSms, clock: FakeClock) -> None:
    with pytest.raises(NoMobileNumber):
        await codes_over(sms, clock).send(None, **WHO)


async def test_what_has_no_number_is_counted_by_its_subject_and_apart(
    sms: OutboxSms, clock: FakeClock
) -> None:
    class Everywhere(Kiosk):
        async def reaches(self, to: Addressee) -> bool:
            return True

    policy = CodePolicy(sends_per_hour=2, sends_per_prefix=2, regions=frozenset({"CH"}))
    codes = codes_over(sms, clock, channels=[Everywhere()], policy=policy)
    for _ in range(2):
        await codes.send(None, **WHO)
    with pytest.raises(QuotaReached):
        await codes.send(None, **WHO)

    await codes.send(None, subject="user/78", purpose="log-in")
    await codes.send(NUMBER, **WHO)


async def test_what_cannot_be_sent_as_asked_costs_nothing(sms: OutboxSms, clock: FakeClock) -> None:
    codes = codes_over(sms, clock)
    challenge_id = await codes.issue(NUMBER, **WHO)
    with pytest.raises(ChannelUnavailable):
        await codes.resend(challenge_id, channel="voice")
    with pytest.raises(InvalidInput):
        await codes.resend(challenge_id, language="xx")

    await codes.resend(challenge_id)

    assert (await codes.verify(challenge_id, Outbox(sms).last(to=NUMBER).code)).sends == 1


@pytest.mark.parametrize("options", [{"language": "xx"}, {"site": "ftp://x"}, {"key": b"short"}], ids=str)
def test_what_could_not_work_is_refused_at_construction(options: dict[str, Any]) -> None:
    given = {"key": KEY, "site": "https://www.example.ch", **options}
    with pytest.raises(ConfigurationError):
        OneTimeCodes(store=open_code_store("memory://"), sms=OutboxSms(), brand="HUG@home", **given)


async def test_a_code_is_sent_in_the_words_of_its_host(sms: OutboxSms, clock: FakeClock) -> None:
    texts = Texts({"en": {"code": "{code} opens {brand}."}})

    async with codes_over(sms, clock, texts=texts) as codes:
        await codes.send(NUMBER, **WHO)

    code = Outbox(sms).last(to=NUMBER).code
    assert sms.outbox[-1].text == f"{code} opens HUG@home.\n@www.example.ch #{code}"


@pytest.mark.parametrize("kind", [OneTimeCodes, blocking.OneTimeCodes])
def test_each_call_has_the_signature_and_the_words_of_the_desks(kind: type) -> None:
    names = [name for name, _ in inspect.getmembers(Desk, inspect.iscoroutinefunction) if name[0] != "_"]
    assert "receive_receipt" in names
    for name in names:
        call, ours = getattr(kind, name), getattr(Desk, name)
        assert (call.__doc__, inspect.signature(call)) == (ours.__doc__, inspect.signature(ours))


async def test_what_has_had_its_time_is_deleted_when_the_host_says_so(
    sms: OutboxSms, clock: FakeClock
) -> None:
    async with codes_over(sms, clock) as codes:
        challenge_id = await codes.send(NUMBER, **WHO)
        assert await codes.forget_old() == 0
        await clock.advance(days=1, minutes=11)
        assert await codes.forget_old() == 1

        with pytest.raises(CodeExpired):
            await codes.resend(challenge_id)
        await clock.advance(days=1)
        assert await codes.forget_old() == 3  # the tallies of hour, day and prefix
        assert await codes.forget_old() == 0


def test_it_is_deleted_without_an_event_loop_however_much_there_is(sms: OutboxSms, clock: FakeClock) -> None:
    store = MemoryCodes()
    with codes_over(sms, clock, blocking.OneTimeCodes, store=store) as codes:
        known = drive(store.load(Challenge, codes.issue(NUMBER, **WHO)))
        assert known is not None
        for number in range(2500):
            drive(store.save(replace(known, id=f"c{number}"), expected=0))
        clock._now += timedelta(days=2)

        assert codes.forget_old() == 2501


# --- What became of it ---------------------------------------------------------------------------


def receipt(challenge_id: str, status: str, *, send: int = 1) -> Receipt:
    return Receipt(reference=f"{challenge_id}.{send}.1", status=DeliveryStatus(status))


async def test_a_message_is_queued_then_sent_then_delivered(sms: OutboxSms, clock: FakeClock) -> None:
    codes = codes_over(sms, clock)
    challenge_id = await codes.issue(NUMBER, **WHO)
    assert await codes.delivery(challenge_id) is None

    await codes.resend(challenge_id)
    assert await codes.delivery(challenge_id) is DeliveryStatus.SENT

    assert await codes.receive_receipt(receipt(challenge_id, "delivered"))
    assert await codes.delivery(challenge_id) is DeliveryStatus.DELIVERED
    assert (await codes.verify(challenge_id, Outbox(sms).last(to=NUMBER).code)).delivery == "delivered"


def test_it_is_told_without_an_event_loop_too(code_store_url: str, sms: OutboxSms, clock: FakeClock) -> None:
    store = open_code_store(code_store_url)
    with codes_over(sms, clock, blocking.OneTimeCodes, store=store) as codes:
        challenge_id = codes.send(NUMBER, **WHO)

        assert codes.code_channels(challenge_id) == ("sms",)
        assert codes.receive_receipt(receipt(challenge_id, "failed"))
        assert codes.delivery(challenge_id) is DeliveryStatus.FAILED
        assert codes.verify(challenge_id, Outbox(sms).last(to=NUMBER).code).subject == "user/77"


@pytest.mark.parametrize(
    ("told", "news", "after"),
    [
        (("delivered", "failed", "sent"), [True, False, False], "delivered"),
        (("failed", "sent", "delivered"), [True, False, True], "delivered"),
        (("sent", "delivered", "delivered"), [False, True, False], "delivered"),
        (("failed", "failed"), [True, False], "failed"),
    ],
    ids=str,
)
async def test_receipts_come_late_twice_and_out_of_order(
    sms: OutboxSms, clock: FakeClock, told: tuple[str, ...], news: list[bool], after: str
) -> None:
    codes = codes_over(sms, clock)
    challenge_id = await codes.send(NUMBER, **WHO)

    assert [await codes.receive_receipt(receipt(challenge_id, status)) for status in told] == news

    assert await codes.delivery(challenge_id) == after


async def test_a_receipt_may_be_faster_than_the_gateways_answer(clock: FakeClock) -> None:
    class Hasty:
        async def send(self, message: Sms) -> None:
            reference = message.idempotency_key
            assert await codes.delivery(reference.partition(".")[0]) is DeliveryStatus.QUEUED
            await codes.receive_receipt(Receipt(reference=reference, status=DeliveryStatus.DELIVERED))

    codes = codes_over(Hasty(), clock)

    challenge_id = await codes.send(NUMBER, **WHO)

    assert await codes.delivery(challenge_id) is DeliveryStatus.DELIVERED


async def test_what_a_gateway_refused_has_failed_until_it_is_sent_again(clock: FakeClock) -> None:
    gateway = Moody()
    codes = codes_over(gateway, clock)
    challenge_id = await codes.issue(NUMBER, **WHO)
    with pytest.raises(SmsNotSent):
        await codes.resend(challenge_id)
    assert await codes.delivery(challenge_id) is DeliveryStatus.FAILED
    await clock.advance(minutes=1)

    gateway.refuses = False
    await codes.resend(challenge_id)

    assert await codes.delivery(challenge_id) is DeliveryStatus.SENT


async def test_a_failure_on_the_way_refunds_no_send_and_what_is_said_is_of_the_last_message(
    sms: OutboxSms, clock: FakeClock
) -> None:
    codes = codes_over(sms, clock)
    challenge_id = await codes.send(NUMBER, **WHO)
    await codes.receive_receipt(receipt(challenge_id, "failed"))
    with pytest.raises(SendTooSoon):
        await codes.resend(challenge_id)
    await clock.advance(minutes=1)

    await codes.resend(challenge_id)

    assert not await codes.receive_receipt(receipt(challenge_id, "delivered"))
    assert await codes.delivery(challenge_id) is DeliveryStatus.SENT
    assert await codes.receive_receipt(receipt(challenge_id, "delivered", send=2))
    assert (await codes.verify(challenge_id, Outbox(sms).last(to=NUMBER).code)).sends == 2


async def test_a_receipt_of_nothing_that_is_known_here_is_no_news(sms: OutboxSms, clock: FakeClock) -> None:
    store = open_code_store("memory://")
    codes = codes_over(sms, clock, store=store)
    theirs = codes_over(sms, clock, store=store, organisation="theirs")
    challenge_id = await codes.issue(NUMBER, **WHO)
    for reference in ("nobody.1.1", "x" * 90, f"{challenge_id}.0.1", f"{challenge_id}.1", "\N{KEY}"):
        delivered = Receipt(reference=reference, status=DeliveryStatus.DELIVERED)
        assert not await codes.receive_receipt(delivered)
    await codes.resend(challenge_id)

    assert not await theirs.receive_receipt(receipt(challenge_id, "delivered"))
    second_text = Receipt(reference=f"{challenge_id}.1.2", status=DeliveryStatus.DELIVERED)
    assert not await codes.receive_receipt(second_text)
    for call in (codes.delivery("unknown"), codes.code_channels("unknown"), theirs.delivery(challenge_id)):
        with pytest.raises(CodeExpired):
            await call


async def test_of_a_challenge_that_is_closed_nothing_more_is_noted(sms: OutboxSms, clock: FakeClock) -> None:
    codes = codes_over(sms, clock)
    challenge_id = await codes.send(NUMBER, **WHO)
    await codes.verify(challenge_id, Outbox(sms).last(to=NUMBER).code)

    assert not await codes.receive_receipt(receipt(challenge_id, "failed"))
    assert await codes.delivery(challenge_id) is DeliveryStatus.SENT


class Unnotable(MemoryCodes):
    """Is away in the moment after a message went out."""

    is_away = False

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        if self.is_away:
            raise StoreUnavailable("away")
        return await super().save(record, expected=expected)


async def test_a_message_that_is_out_is_not_said_to_have_failed_because_it_could_not_be_noted(
    clock: FakeClock,
) -> None:
    store, outbox = Unnotable(), OutboxSms(clock=clock)

    class Leaving:
        async def send(self, message: Sms) -> None:
            await outbox.send(message)
            store.is_away = True

    codes = codes_over(Leaving(), clock, store=store)

    challenge_id = await codes.send(NUMBER, **WHO)

    assert await codes.delivery(challenge_id) is DeliveryStatus.QUEUED
    store.is_away = False
    assert await codes.verify(challenge_id, Outbox(outbox).last(to=NUMBER).code)


async def test_what_was_refused_is_told_so_though_it_could_not_be_noted(clock: FakeClock) -> None:
    store = Unnotable()

    class RefusesAndLeaves:
        async def send(self, _: Sms) -> None:
            store.is_away = True
            raise SmsNotSent("the gateway answered 403", is_certain=True)

    codes = codes_over(RefusesAndLeaves(), clock, store=store)

    with pytest.raises(SmsNotSent):
        await codes.send(NUMBER, **WHO)


class Careless:
    """A gateway of the host's that raises errors of its own."""

    async def send(self, message: Sms) -> None:
        raise KeyError(str(message.to))


@pytest.mark.parametrize("kind", [OneTimeCodes, blocking.OneTimeCodes])
async def test_a_gateway_that_breaks_its_promise_is_told_as_one_in_doubt(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, kind: Any
) -> None:
    codes = codes_over(Careless(), clock, kind)
    challenge_id = await result(codes.issue(NUMBER, **WHO))

    with pytest.raises(NotDelivered, match="raised KeyError") as refused:
        await result(codes.resend(challenge_id))

    assert not refused.value.is_certain
    assert NUMBER not in str(refused.value)
    assert caplog.messages == ["a gateway raised KeyError, and not NotDelivered"]
    assert await result(codes.delivery(challenge_id)) is DeliveryStatus.FAILED


async def result(told: Any) -> Any:
    return await told if inspect.isawaitable(told) else told


async def test_another_channel_is_offered_where_one_has_failed(sms: OutboxSms, clock: FakeClock) -> None:
    voice, kiosk = OutboxVoice(clock=clock), Kiosk()
    codes = codes_over(sms, clock, voice=voice, channels=[kiosk])
    challenge_id = await codes.send(NUMBER, **WHO)
    await codes.receive_receipt(receipt(challenge_id, "failed"))
    await clock.advance(minutes=1)

    _, other, _ = await codes.code_channels(challenge_id)
    await codes.resend(challenge_id, channel=other)

    assert voice.outbox[0].code == Outbox(sms).last(to=NUMBER).code
    assert await codes.delivery(challenge_id) is DeliveryStatus.SENT


def test_the_address_for_receipts_is_known_by_its_end(sms: OutboxSms, clock: FakeClock) -> None:
    codes = codes_over(sms, clock)
    url = codes.receipt_url("twilio")

    assert url == receipt_url(key=KEY, site="https://www.example.ch", gateway="twilio")
    token = url.rpartition("/")[2]
    assert codes.knows_receipts("twilio", token)
    assert not codes.knows_receipts("plain", token)

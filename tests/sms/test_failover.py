"""From one gateway to the next, and never two messages for one."""

import asyncio
from datetime import timedelta

import pytest

from hugathome._drive import drive
from hugathome.codes import Sms
from hugathome.errors import ConfigurationError, NoMobileNumber, SmsNotSent
from hugathome.phone import PhoneNumber
from hugathome.reach.handover import LEASE
from hugathome.sms import FailoverSms, HttpSms, OutboxSms, RoutedSms
from hugathome.testing.check_sms import check_sms

REFUSED = SmsNotSent("the gateway answered 403", is_certain=True)
IN_DOUBT = SmsNotSent("no answer from the gateway")
SWISS, FRENCH = "+41791234567", "+33612345678"


class Provider:
    """Takes each key once, unless it fails; a lost answer fails after it has taken the message."""

    def __init__(self, *fails: SmsNotSent | asyncio.CancelledError | None) -> None:
        self.fails = [*fails]
        self.taken: list[str] = []
        self.asked = 0

    async def send(self, message: Sms) -> None:
        self.asked += 1
        error = self.fails.pop(0) if self.fails else None
        is_certain = isinstance(error, SmsNotSent) and error.is_certain
        if not is_certain and message.idempotency_key not in self.taken:
            self.taken.append(message.idempotency_key)
        if error is not None:
            raise error


def message(key: str = "a.1", to: str = SWISS) -> Sms:
    return Sms(to=PhoneNumber.parse(to), text="493817", idempotency_key=key)


def closed_gateway() -> HttpSms:
    return HttpSms(url="http://127.0.0.1:9", body={"to": "{to}", "text": "{text}"}, attempts=1)


async def test_the_next_gateway_sends_what_the_first_refused() -> None:
    first, second = Provider(REFUSED), Provider()

    await FailoverSms([first, second]).send(message())

    assert (first.taken, second.taken) == ([], ["a.1"])


class Numbering(Provider):
    """Says its own number of what it takes."""

    async def send(self, message: Sms) -> str:  # type: ignore[override]  # more than the one that says nothing
        await super().send(message)
        return f"numbering:{self.asked}"


async def test_what_the_gateway_that_took_it_calls_a_message_is_passed_on() -> None:
    through = FailoverSms([Provider(REFUSED), Numbering()])

    assert await RoutedSms({"+41": through}, default=Provider()).send(message()) == "numbering:1"
    assert await RoutedSms({}, default=Provider()).send(message()) is None


async def test_a_gateway_that_takes_it_is_the_only_one_that_is_asked() -> None:
    first, second = Provider(), Provider()

    await FailoverSms([first, second]).send(message())

    assert (first.asked, second.asked) == (1, 0)


async def test_whoever_is_cancelled_while_a_gateway_is_asked_leaves_the_message_with_it() -> None:
    first, second = Provider(asyncio.CancelledError(), REFUSED), Provider()
    gateway = FailoverSms([first, second])

    with pytest.raises(asyncio.CancelledError):
        await gateway.send(message())
    with pytest.raises(SmsNotSent) as refused:
        await gateway.send(message())

    assert (first.taken, second.taken) == (["a.1"], [])
    assert not refused.value.is_certain


async def test_in_doubt_no_second_gateway_is_asked_and_a_retry_goes_to_the_same() -> None:
    first, second = Provider(IN_DOUBT, REFUSED), Provider()
    gateway = FailoverSms([first, second])

    with pytest.raises(SmsNotSent) as doubtful:
        await gateway.send(message())
    with pytest.raises(SmsNotSent) as still:
        await gateway.send(message())
    await gateway.send(message())

    assert [doubtful.value.is_certain, still.value.is_certain] == [False, False]
    assert (first.taken, second.asked) == (["a.1"], 0)


async def test_in_doubt_the_host_may_have_it_sent_twice() -> None:
    first, second = Provider(IN_DOUBT), Provider()

    await FailoverSms([first, second], on_doubt="resend").send(message())

    assert (first.taken, second.taken) == (["a.1"], ["a.1"])


async def test_what_one_gateway_has_taken_the_next_never_gets() -> None:
    first, second = Provider(REFUSED, None), Provider(None, IN_DOUBT)
    gateway = FailoverSms([first, second])
    await gateway.send(message())

    with pytest.raises(SmsNotSent):
        await gateway.send(message())

    assert first.taken == []
    assert second.taken == ["a.1"]


@pytest.mark.parametrize(("fails", "is_certain"), [((REFUSED, REFUSED), True), ((REFUSED, IN_DOUBT), False)])
async def test_where_all_refuse_it_is_certain_that_nobody_took_it(
    fails: tuple[SmsNotSent, SmsNotSent], is_certain: bool
) -> None:
    with pytest.raises(SmsNotSent) as refused:
        await FailoverSms([Provider(error) for error in fails]).send(message())

    assert refused.value.is_certain is is_certain
    assert refused.value.reason == fails[-1].reason


async def test_of_the_keys_only_the_last_are_remembered() -> None:
    first, second = Provider(REFUSED), Provider()
    gateway = FailoverSms([first, second])
    for number in range(1001):
        await gateway.send(message(f"{number}.1"))

    await gateway.send(message("0.1"))

    assert len(gateway._holders) == 1000
    assert (second.asked, "0.1" in first.taken) == (1, True)


async def test_each_number_goes_to_the_gateway_of_its_longest_prefix() -> None:
    swiss, mobile, other = Provider(), Provider(), Provider()
    gateway = RoutedSms({"+41": swiss, "+4179": mobile}, default=other)

    for key, number in (("a.1", "+41791234567"), ("b.1", "+41781234567"), ("c.1", FRENCH)):
        await gateway.send(message(key, number))

    assert (mobile.taken, swiss.taken, other.taken) == (["a.1"], ["b.1"], ["c.1"])


async def test_more_gateways_keep_the_rules_of_one() -> None:
    refusing = FailoverSms(
        [HttpSms(url="http://127.0.0.1:9", body={"to": "{to}", "text": "{text}"}, attempts=1)]
    )
    outbox = OutboxSms()

    def delivered() -> list[tuple[str, str]]:
        return [(str(sent.to), sent.text) for sent in outbox.outbox]

    await check_sms(FailoverSms([refusing, outbox]), delivered=delivered, refusing=refusing)
    await check_sms(RoutedSms({"+41": outbox}, default=outbox), delivered=delivered, refusing=None)


def test_it_may_be_asked_again_where_nobody_gets_two_or_the_host_prefers_that() -> None:
    keyed, keyless = OutboxSms(), Provider()

    assert FailoverSms([keyed]).may_be_asked_again
    assert not FailoverSms([keyless]).may_be_asked_again
    assert not FailoverSms([keyed, keyed]).may_be_asked_again, "another process does not know which has it"
    assert FailoverSms([keyed, keyless], on_doubt="resend").may_be_asked_again
    assert RoutedSms({"+41": keyed}, default=keyed).may_be_asked_again
    assert not RoutedSms({"+41": keyed}, default=keyless).may_be_asked_again
    assert not RoutedSms({"+41": keyless}, default=keyed).may_be_asked_again


def test_it_says_how_long_it_takes_at_most() -> None:
    gateway, unknown = closed_gateway(), OutboxSms()
    ten = timedelta(seconds=10)

    assert FailoverSms([gateway, unknown, gateway]).longest_send == 2 * ten + LEASE
    assert FailoverSms([unknown, unknown, unknown]).longest_send == 3 * LEASE, "each has a minute"
    assert RoutedSms({"+41": gateway}, default=unknown).longest_send == ten
    assert RoutedSms({}, default=unknown).longest_send == timedelta(0)


def test_without_an_event_loop_each_gateway_blocks() -> None:
    closed = closed_gateway()
    outbox = OutboxSms()
    gateway = RoutedSms({"+41": FailoverSms([closed, outbox])}, default=closed).for_blocking()

    drive(gateway.send(message()))

    assert len(outbox.outbox) == 1


def test_a_repr_names_kinds_and_prefixes_and_no_secret() -> None:
    gateway = HttpSms(url="https://sms.example.ch/t0ken", body={"to": "{to}", "text": "{text}"})

    assert repr(FailoverSms([gateway, OutboxSms()])) == "FailoverSms([HttpSms, OutboxSms])"
    assert repr(RoutedSms({"+41": gateway, "+4179": gateway}, default=gateway)) == "RoutedSms(+4179, +41)"


def test_what_could_not_work_is_refused_at_construction() -> None:
    with pytest.raises(ConfigurationError):
        FailoverSms([])
    with pytest.raises(ConfigurationError):
        FailoverSms([OutboxSms()], on_doubt="hope")  # type: ignore[arg-type]  # what a host may get wrong
    for prefix in ("41", "+", "+0", "+41 79", "", "+417912345"):
        with pytest.raises(ConfigurationError):
            RoutedSms({prefix: OutboxSms()}, default=OutboxSms())


def test_what_reaches_no_gateway_is_certain() -> None:
    assert NoMobileNumber("the participant has no mobile number").is_certain
    assert not SmsNotSent("the messenger refused").is_certain, "unless its adapter says so"

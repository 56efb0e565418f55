"""Prove that a gateway keeps the promises of `hugathome.codes.SmsGateway`.

    provider = MyFakeProvider()                  # whatever stands where the messages arrive
    await check_sms(
        MySms(provider.url),
        delivered=lambda: provider.messages,     # (number, text) pairs, oldest first
        refusing=MySms(provider.url_that_refuses),
    )

The first rule that is broken raises `ConformanceFailure`, whose `rule` names it. A gateway with
`for_blocking()` is tried a second time through it, without an event loop. What an idempotency key is
worth after hours or in another process is not checked. It needs no test runner.
"""

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from hugathome._drive import drive
from hugathome.codes import Sms, SmsGateway
from hugathome.errors import ConfigurationError, SmsNotSent
from hugathome.phone import PhoneNumber
from hugathome.testing.conformance import ConformanceFailure

Delivered = Callable[[], Sequence[tuple[str, str]]]
"""Returns number in E.164 and text of every message that has arrived so far."""

_NUMBERS = ("+41791234567", "+33612345678")
_TEXTS = (
    "493817 est votre code.\n@www.example.ch #493817",
    "àéèùìòäöüßÄÖÜÉÇæ €[]{}~^\\|",
    "ç ê œ « » ’ 日本 \N{FAMILY}",
    "{to} {text} {key} {{}} %s \"'\\n </sms> &amp; ?a=b&c=d",
    "  two\n\nlines  ",
    "a" * 612,
)


@runtime_checkable
class _Blocking(Protocol):
    def for_blocking(self) -> SmsGateway: ...


async def check_sms(gateway: SmsGateway, *, delivered: Delivered, refusing: SmsGateway | None) -> None:
    """Raise `ConformanceFailure` unless `gateway` keeps every rule.

    `refusing` is the same gateway before a provider that refuses; None for one that never does.
    """
    await _check(_Bench(gateway, delivered), refusing)
    if isinstance(gateway, _Blocking):
        twin = refusing.for_blocking() if isinstance(refusing, _Blocking) else refusing
        bench = _Bench(gateway.for_blocking(), delivered)
        try:
            drive(_check(bench, twin))
        except ConfigurationError as suspended:
            raise ConformanceFailure("a blocking variant never suspends", str(suspended)) from suspended


async def _check(bench: "_Bench", refusing: SmsGateway | None) -> None:
    await _a_message_arrives_as_it_was_sent(bench)
    await _the_same_key_again_delivers_nothing(bench)
    await _another_key_delivers_the_same_text_again(bench)
    if refusing is not None:
        await _a_refusal_raises_sms_not_sent(bench, refusing)


# --- Rules ---------------------------------------------------------------------------------------


async def _a_message_arrives_as_it_was_sent(bench: "_Bench") -> None:
    for text, number in itertools.product(_TEXTS, _NUMBERS):
        message = bench.message(number, text)
        await bench.expect("a message arrives as it was sent", bench.send(message), [message])


async def _the_same_key_again_delivers_nothing(bench: "_Bench") -> None:
    message = bench.message(_NUMBERS[0], "sent once, tried twice")
    await bench.expect("a message arrives as it was sent", bench.send(message), [message])
    await bench.expect("the same key again delivers nothing", bench.send(message), [])


async def _another_key_delivers_the_same_text_again(bench: "_Bench") -> None:
    for message in (bench.message(_NUMBERS[0], "sent twice") for _ in range(2)):
        await bench.expect("another key delivers the same text again", bench.send(message), [message])


async def _a_refusal_raises_sms_not_sent(bench: "_Bench", refusing: SmsGateway) -> None:
    rule = "a refusal raises SmsNotSent"
    message = bench.message(_NUMBERS[0], _TEXTS[0])
    await bench.expect(rule, _refused(rule, refusing.send(message), message), [])


async def _refused(rule: str, sending: Awaitable[object], message: Sms) -> None:
    try:
        await sending
    except SmsNotSent as refusal:
        if str(message.to)[-9:] in str(refusal) or "493817" in str(refusal):
            raise ConformanceFailure("a reason holds nothing personal", "the number or the text") from None
        return
    raise ConformanceFailure(rule, "send returned")


# --- What the rules are made of ------------------------------------------------------------------


class _Bench:
    def __init__(self, gateway: SmsGateway, delivered: Delivered) -> None:
        self._gateway = gateway
        self._delivered = delivered
        self._keys: Iterator[str] = (f"check-sms-{id(self):x}-{number}" for number in itertools.count())

    def message(self, number: str, text: str) -> Sms:
        return Sms(to=PhoneNumber.parse(number), text=text, idempotency_key=next(self._keys))

    def send(self, message: Sms) -> Awaitable[object]:
        return self._gateway.send(message)

    async def expect(self, rule: str, call: Awaitable[object], messages: list[Sms]) -> None:
        """Make sure that `call` returns, and that exactly `messages` arrive by then."""
        before = Counter(self._delivered())
        try:
            await call
        except ConformanceFailure:
            raise
        except Exception as error:
            raise ConformanceFailure(rule, f"raised {error!r}") from error
        arrived = Counter(self._delivered()) - before
        if arrived != Counter((str(message.to), message.text) for message in messages):
            raise ConformanceFailure(rule, f"there arrived {list(arrived.elements())!r}")

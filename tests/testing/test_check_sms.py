"""The conformance check of gateways: good ones pass it, and every kind of bad one is told its rule."""

import asyncio
from typing import Self

import pytest

from hugathome.codes import Sms
from hugathome.errors import SmsNotSent
from hugathome.sms import LogSms, OutboxSms
from hugathome.testing.check_sms import check_sms
from hugathome.testing.conformance import ConformanceFailure


class Gateway:
    """Keeps every promise; the broken ones below change one thing."""

    def __init__(self) -> None:
        self.delivered: list[tuple[str, str]] = []
        self.keys: set[str] = set()

    async def send(self, message: Sms) -> None:
        if self.is_new(message):
            self.deliver(str(message.to), message.text)

    def is_new(self, message: Sms) -> bool:
        known = message.idempotency_key in self.keys
        self.keys.add(message.idempotency_key)
        return not known

    def deliver(self, to: str, text: str) -> None:
        self.delivered.append((to, text))

    async def refuse(self, message: Sms) -> None:
        raise SmsNotSent("the account is empty")


class Refusing:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    async def send(self, message: Sms) -> None:
        await self.gateway.refuse(message)


async def check(gateway: Gateway) -> None:
    await check_sms(gateway, delivered=lambda: gateway.delivered, refusing=Refusing(gateway))


async def test_a_good_gateway_passes() -> None:
    await check(Gateway())


async def test_the_outbox_passes() -> None:
    gateway = OutboxSms()

    await check_sms(
        gateway, delivered=lambda: [(str(sent.to), sent.text) for sent in gateway.outbox], refusing=None
    )


async def test_the_gateway_for_development_passes() -> None:
    shown: list[str] = []

    def read() -> list[tuple[str, str]]:
        heads = [
            text.removeprefix("─" * 40 + "\nSMS to ").removesuffix("\n" + "─" * 40 + "\n") for text in shown
        ]
        return [(to, text) for to, _, text in (head.partition("\n\n") for head in heads)]

    await check_sms(LogSms(write=shown.append), delivered=read, refusing=None)


class Losing(Gateway):
    def deliver(self, to: str, text: str) -> None:
        pass


class Doubling(Gateway):
    def deliver(self, to: str, text: str) -> None:
        self.delivered += [(to, text)] * 2


class Misdialling(Gateway):
    def deliver(self, to: str, text: str) -> None:
        self.delivered.append(("+41791234567", text))


class Stripping(Gateway):
    def deliver(self, to: str, text: str) -> None:
        self.delivered.append((to, text.strip()))


class Cutting(Gateway):
    def deliver(self, to: str, text: str) -> None:
        self.delivered.append((to, text[:160]))


class AsciiOnly(Gateway):
    def deliver(self, to: str, text: str) -> None:
        self.delivered.append((to, text.encode("ascii", "replace").decode()))


class Templating(Gateway):
    def deliver(self, to: str, text: str) -> None:
        self.delivered.append((to, text.replace("{key}", "k")))


class Failing(Gateway):
    def deliver(self, to: str, text: str) -> None:
        raise OSError("no route")


class KeyBlind(Gateway):
    def is_new(self, message: Sms) -> bool:
        return True


class TextBound(Gateway):
    """Takes the text for the key, so that a code cannot be sent again."""

    def is_new(self, message: Sms) -> bool:
        return (str(message.to), message.text) not in self.delivered


class Yielding(Gateway):
    async def refuse(self, message: Sms) -> None:
        pass


class Crashing(Gateway):
    async def refuse(self, message: Sms) -> None:
        raise KeyError("status")


class Telling(Gateway):
    async def refuse(self, message: Sms) -> None:
        raise SmsNotSent(f"{message.to} is blocked")


class Quoting(Gateway):
    async def refuse(self, message: Sms) -> None:
        raise SmsNotSent(f"spam: {message.text}")


class Lying(Gateway):
    """Delivers what it says it refused."""

    async def refuse(self, message: Sms) -> None:
        self.deliver(str(message.to), message.text)
        raise SmsNotSent("no")


class Suspending(Gateway):
    async def send(self, message: Sms) -> None:
        await asyncio.sleep(0)
        await super().send(message)

    def for_blocking(self) -> Self:
        return self


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (Losing, "arrives as it was sent"),
        (Doubling, "arrives as it was sent"),
        (Misdialling, "arrives as it was sent"),
        (Stripping, "arrives as it was sent"),
        (Cutting, "arrives as it was sent"),
        (AsciiOnly, "arrives as it was sent"),
        (Templating, "arrives as it was sent"),
        (Failing, "arrives as it was sent"),
        (KeyBlind, "the same key again"),
        (TextBound, "another key"),
        (Yielding, "a refusal raises"),
        (Crashing, "a refusal raises"),
        (Lying, "a refusal raises"),
        (Telling, "nothing personal"),
        (Quoting, "nothing personal"),
        (Suspending, "never suspends"),
    ],
)
async def test_a_broken_gateway_is_told_the_rule(broken: type[Gateway], rule: str) -> None:
    with pytest.raises(ConformanceFailure) as failure:
        await check(broken())

    assert rule in failure.value.rule

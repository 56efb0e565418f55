"""The gateways that send nothing: one keeps its messages, the other shows them."""

import logging
from datetime import UTC, datetime

import pytest

from hugathome.clock import SystemClock
from hugathome.codes import Sms
from hugathome.phone import PhoneNumber
from hugathome.sms import LogSms, OutboxSms

TO = PhoneNumber.parse("+41791234567")
NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


class StoppedClock(SystemClock):
    def now(self) -> datetime:
        return NOW


def sms(key: str, text: str = "493817 is your code.") -> Sms:
    return Sms(to=TO, text=text, idempotency_key=key)


async def test_the_outbox_says_what_went_to_whom_and_when() -> None:
    gateway = OutboxSms(clock=StoppedClock())

    await gateway.send(sms("a", "first"))
    await gateway.send(sms("b", "second"))

    assert [(str(sent.to), sent.text, sent.sent_at) for sent in gateway.outbox] == [
        ("+41791234567", "first", NOW),
        ("+41791234567", "second", NOW),
    ]


async def test_a_retry_is_kept_once() -> None:
    gateway = OutboxSms()

    await gateway.send(sms("a"))
    await gateway.send(sms("a"))

    assert len(gateway.outbox) == 1


async def test_neither_number_nor_text_shows_in_a_repr() -> None:
    gateway = OutboxSms(clock=StoppedClock())

    await gateway.send(sms("a"))

    assert "493817" not in repr(gateway.outbox)
    assert "1234567" not in repr(gateway.outbox)


async def test_a_developer_reads_each_message_once() -> None:
    shown: list[str] = []
    gateway = LogSms(write=shown.append)

    await gateway.send(sms("a"))
    await gateway.send(sms("a"))

    (text,) = shown
    assert "+41791234567" in text
    assert "493817 is your code." in text


async def test_what_a_developer_reads_goes_to_standard_error_and_to_no_log(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        await LogSms().send(sms("a"))

    assert "493817" in capsys.readouterr().err
    assert not caplog.records

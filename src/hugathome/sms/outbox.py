"""A gateway that keeps what it is given: for tests. It sends nothing."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import final

from hugathome.clock import Clock, SystemClock
from hugathome.codes import Sms
from hugathome.phone import PhoneNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class SentSms:
    """A message as the gateway took it."""

    to: PhoneNumber
    text: str = field(repr=False)
    sent_at: datetime


@final
class OutboxSms:
    """Accepts every message, each idempotency key once, and keeps them in `outbox`, oldest first."""

    may_be_asked_again = True

    def __init__(self, *, clock: Clock = SystemClock()) -> None:
        self.outbox: list[SentSms] = []
        self._clock = clock
        self._taken: set[str] = set()

    async def send(self, message: Sms) -> None:
        """Keep `message`, unless one of its key is here already."""
        if message.idempotency_key in self._taken:
            return
        self._taken.add(message.idempotency_key)
        self.outbox.append(SentSms(to=message.to, text=message.text, sent_at=self._clock.now()))

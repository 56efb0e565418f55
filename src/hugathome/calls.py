"""Voice gateways for tests and for development; neither calls anybody."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import final

from hugathome.clock import Clock, SystemClock
from hugathome.phone import PhoneNumber
from hugathome.reach.voice import Speech, VoiceCall, heard

_RULE = "─" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedCall:
    """A call as the gateway took it."""

    to: PhoneNumber
    speech: Speech = field(repr=False)
    placed_at: datetime

    @property
    def code(self) -> str | None:
        """The code that whoever picked up hears once they have pressed a key."""
        return heard(self.speech.message, self.speech.language)


@final
class OutboxVoice:
    """Accepts every call, each idempotency key once, and keeps them in `outbox`, oldest first: for tests."""

    def __init__(self, *, clock: Clock = SystemClock()) -> None:
        self.outbox: list[PlacedCall] = []
        self._clock = clock
        self._taken: set[str] = set()

    async def call(self, call: VoiceCall) -> None:
        """Keep `call`, unless one of its key is here already."""
        if call.idempotency_key in self._taken:
            return
        self._taken.add(call.idempotency_key)
        self.outbox.append(PlacedCall(to=call.to, speech=call.speech, placed_at=self._clock.now()))


def _to_stderr(text: str) -> None:
    sys.stderr.write(text)


@final
class LogVoice:
    """Shows what every call would say, each idempotency key once: for development only.

    It prints telephone numbers and codes, which belong in no log: hence standard error and no `logging`.
    """

    def __init__(self, *, write: Callable[[str], object] = _to_stderr) -> None:
        self._write = write
        self._shown: set[str] = set()

    async def call(self, call: VoiceCall) -> None:
        """Show `call`, unless one of its key was shown already."""
        if call.idempotency_key in self._shown:
            return
        self._shown.add(call.idempotency_key)
        said = f"{call.speech.prompt}\n(after a key:) {call.speech.message}"
        self._write(f"{_RULE}\nCall to {call.to}\n\n{said}\n{_RULE}\n")

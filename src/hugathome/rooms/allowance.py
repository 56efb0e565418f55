"""How much a device may still say: a bucket that fills with time, and may be overdrawn once."""

from collections.abc import Callable
from datetime import datetime

from hugathome.protocol.messages import Close, Error, ServerMessage
from hugathome.protocol.wire import CloseCode, Limits


class Allowance:
    """One device's bucket."""

    __slots__ = ("_at", "_is_warned", "_left", "_limits")

    def __init__(self, limits: Limits, *, now: datetime) -> None:
        self._limits = limits
        self._left = float(limits.burst)
        self._at = now
        self._is_warned = False

    def spend(self, now: datetime, say: Callable[[ServerMessage], None]) -> Close | None:
        """Count one message; warn of the overdraft, and close when it is used up too."""
        earned = (now - self._at).total_seconds() * self._limits.rate
        self._left = min(self._left + earned, self._limits.burst) - 1
        self._at = now
        if self._left >= 0:
            self._is_warned = False
            return None
        wait = max(-self._left, 1) / self._limits.rate
        if self._left < -self._limits.burst:
            return Close.because(CloseCode.RATE_LIMITED, after=wait)
        if not self._is_warned:
            say(Error(code="rate-limited", retry_after=wait))
        self._is_warned = True
        return None

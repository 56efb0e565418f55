"""How often one participant may come in: a join costs the room a fold of its log, and its record a line.

A bucket for each participant: so many at once, and so many a minute after that. Resuming, which is what a
device does after a loss, is not counted.
"""

from datetime import datetime, timedelta

from hugathome.protocol.wire import Limits

_SWEPT_EVERY = timedelta(minutes=1)

Who = tuple[str, str]
"""A session and a participant."""


class Turnstile:
    """Counts joins; it forgets whoever has been quiet for long enough to start anew."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._free_at: dict[Who, datetime] = {}
        """When a bucket is, or was, full again."""
        self._swept_at: datetime | None = None

    @property
    def _each(self) -> timedelta:
        return timedelta(minutes=1) / self._limits.joins_a_minute

    def pass_through(self, who: Who, *, now: datetime) -> timedelta | None:
        """Count a join; return how long to wait instead if there were too many."""
        self._sweep(now)
        free_at = max(self._free_at.get(who, now), now) + self._each
        wait = free_at - now - self._each * self._limits.joins_at_once
        if wait > timedelta(0):
            return wait
        self._free_at[who] = free_at
        return None

    def _sweep(self, now: datetime) -> None:
        """Forget full buckets, once a minute: a crowd that comes back at once must not pay for each other."""
        if self._swept_at is None or now - self._swept_at >= _SWEPT_EVERY:
            self._free_at = {who: at for who, at in self._free_at.items() if at > now}
            self._swept_at = now

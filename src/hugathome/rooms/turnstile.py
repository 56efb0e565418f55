"""How often somebody may come: so many times at once, and so many times a minute after that.

A bucket for each of them. A participant who joins costs the room a fold of its log, and its record a line; a
hello of any kind costs a signature that is verified, or a log that is read.
"""

from datetime import datetime, timedelta

_SWEPT_EVERY = timedelta(minutes=1)
_FEW = 1000

Who = tuple[str, str]
"""A session and a participant, or the address that one comes from."""


class TooMany(Exception):
    """Somebody has come too often, or one too many; they may come again after `wait`."""

    def __init__(self, wait: timedelta, why: str = "") -> None:
        super().__init__(why)
        self.wait = wait
        self.why = why


class Turnstile:
    """Counts who comes; it forgets whoever has been quiet for long enough to start anew."""

    def __init__(self, *, at_once: int, a_minute: int) -> None:
        self._at_once = at_once
        self._each = timedelta(minutes=1) / a_minute
        self._free_at: dict[Who, datetime] = {}
        """When a bucket is, or was, full again."""
        self._swept_at: datetime | None = None
        self._most = _FEW
        """Buckets that are let grow in number before they are looked through again."""

    def pass_through(self, who: Who, *, now: datetime) -> timedelta | None:
        """Count one more; return how long to wait instead if there were too many."""
        self._sweep(now)
        free_at = max(self._free_at.get(who, now), now) + self._each
        wait = free_at - now - self._each * self._at_once
        if wait > timedelta(0):
            return wait
        self._free_at[who] = free_at
        return None

    def _sweep(self, now: datetime) -> None:
        """Forget full buckets, once a minute and whenever they have doubled.

        A crowd that comes back at once must not pay for each other, nor names that were made up be kept.
        """
        is_due = self._swept_at is None or now - self._swept_at >= _SWEPT_EVERY
        if is_due or len(self._free_at) >= self._most:
            self._free_at = {who: at for who, at in self._free_at.items() if at > now}
            self._swept_at = now
            self._most = max(_FEW, 2 * len(self._free_at))

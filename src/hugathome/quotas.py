"""Quotas: how often something may happen within a span, and how much of that is used up.

A tally counts one thing for one address, prefix or organisation. Its key is an HMAC and names nobody. The
span begins with the first thing that counts in it and is over when its time has passed; a clock that is
set back begins none anew, and one that was far ahead closes nothing for longer than two. Counters only
grow, and nothing gives back what was counted.

This module is pure: whoever counts (`limiter.py`) loads a tally, steps it and saves it under its version.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar, Final

from hugathome.privacy import Digest, Life, Public

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """How often something may happen within a span; its name tells its tallies from other quotas'."""

    name: str
    at_most: int
    within: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How much of one quota is used up."""

    kept: ClassVar = Life.CODE

    key: Digest[str]
    since: Public[datetime]
    """When the span began."""
    count: Public[int]
    version: Public[int]
    """How many steps have been saved."""

    @property
    def over_at(self) -> datetime:
        """When it counts no more, whatever its quota: no span is longer than a day."""
        return self.since + DAY


def used(tally: Tally | None, quota: Quota, *, now: datetime) -> int:
    """Return how much of the span that `now` is in has been used up."""
    return 0 if tally is None or now >= tally.since + quota.within else tally.count


def reckoned(tally: Tally, quota: Quota, *, now: datetime) -> Tally:
    """Return a tally as begun now if it began more than a span ahead of `now`: then a clock was wrong.

    What it has counted stays: a clock that is set back reopens nothing. One that lies less than a span
    ahead is left alone, so that nothing reopens when the clock is right again; it is over within two.
    """
    if tally.since <= now + quota.within:
        return tally
    return replace(tally, since=now, version=tally.version + 1)


def counted(tally: Tally | None, quota: Quota, *, key: str, now: datetime) -> Tally:
    """Return the tally with one more in it, in a new span if the last one is over."""
    if tally is None:
        return Tally(key=key, since=now, count=1, version=1)
    if now >= tally.since + quota.within:
        return replace(tally, since=now, count=1, version=tally.version + 1)
    return replace(tally, count=tally.count + 1, version=tally.version + 1)


def wait_for_room(tally: Tally, quota: Quota, *, now: datetime) -> timedelta:
    """Return how long the span that `now` is in still lasts."""
    return max(timedelta(0), tally.since + quota.within - now)

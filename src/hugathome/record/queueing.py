"""Waiting for whoever is free: a place in the queue of a service, and how long it may take.

A queue is nothing that is kept: it is the sessions of a service that wait to be taken, in the order in which
they came. Whoever is handed on to another service keeps the time at which they first came. Nothing here
reads a clock or knows a store.
"""

from datetime import datetime, timedelta

from hugathome._model import Instant, Record
from hugathome.privacy import Personal
from hugathome.roles import ParticipantId


class Queued(Record):
    """That a session waits in its service's queue, and who has taken it from there."""

    since: Personal[Instant]
    taken_by: Personal[ParticipantId | None] = None
    taken_at: Personal[Instant | None] = None

    @property
    def is_waiting(self) -> bool:
        """Whether nobody has taken it yet."""
        return self.taken_by is None

    def taken(self, *, by: str, at: datetime) -> "Queued":
        """Return what it is once somebody has taken it."""
        return self.but(taken_by=by, taken_at=at)

    def handed_on(self) -> "Queued":
        """Return what it is in another queue: it waits again, from when it first came."""
        return Queued(since=self.since)


def estimated_wait(*, ahead: int, typical: timedelta, clinicians: int = 1) -> timedelta:
    """Return how long somebody with `ahead` others before them may wait, at a visit's `typical` length.

    With one of several clinicians free on average half a visit from now: a guess to be said as one.
    """
    if ahead < 0 or clinicians < 1:
        raise ValueError("nobody waits behind fewer than none, or for no clinician")
    return (ahead + 0.5) * typical / clinicians


_MOST_DOUBLINGS = 8


def spread(lost: int, *, chance: bytes) -> int:
    """Return how many of those who wait to pass over, after `lost` races for some of them.

    The first is tried first. Whoever loses looks among twice as many, 256 at most, at `chance`, two random
    bytes: so many clinicians share out a queue in few attempts, and nobody at its head is left for long.
    """
    return int.from_bytes(chance) % (1 << min(lost, _MOST_DOUBLINGS))

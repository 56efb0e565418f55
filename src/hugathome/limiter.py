"""Count what quotas limit, for one deployment.

Each count is one compare-and-swap on a tally of its own, under an HMAC of organisation and address. A key
that was changed forgets nothing: what earlier keys have counted is added until their spans are over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hugathome.codes import ChallengeStore
from hugathome.errors import QuotaReached, StoreUnavailable
from hugathome.keys import KeyRing
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.quotas import Quota, Tally, counted, used, wait_for_room

_RACES = 200
"""How often a count that lost a race is taken again; somebody wins each: only a broken store gets there."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Count:
    """One more of something, for somebody: what is about to be counted."""

    quota: Quota
    organisation: str
    whom: str
    """An address, a prefix, or nothing for the organisation itself."""


def a_failure(policy: CodePolicy, *, organisation: str, phone: PhoneNumber) -> Count:
    """Return what a wrong answer counts as."""
    return Count(quota=policy.failures, organisation=organisation, whom=str(phone))


def a_send(policy: CodePolicy, *, organisation: str, phone: PhoneNumber) -> tuple[Count, ...]:
    """Return everything that one message counts as."""
    counts = [Count(quota=one, organisation=organisation, whom=str(phone)) for one in policy.sends_to_address]
    counts.append(Count(quota=policy.sends_to_prefix, organisation=organisation, whom=phone.prefix))
    if policy.sends_of_organisation is not None:
        counts.append(Count(quota=policy.sends_of_organisation, organisation=organisation, whom=""))
    return tuple(counts)


class Limiter:
    """Looks at quotas, and counts towards them."""

    def __init__(self, *, store: ChallengeStore, keys: KeyRing) -> None:
        self._store = store
        self._keys = keys

    async def refuse_if_full(self, *counts: Count, now: datetime) -> None:
        """Raise `QuotaReached`, with the longest wait, if one more would be too many; nothing is counted."""
        waits = [_wait(await self._tallies(count), count.quota, now) for count in counts]
        if longest := max(filter(None, waits), default=None):
            raise QuotaReached(retry_after=longest)

    async def count(self, *counts: Count, now: datetime) -> None:
        """Count one more of each, or raise `QuotaReached`; those before the one that is full stay counted."""
        for count in counts:
            await self._count(count, now, refuses=True)

    async def count_anyway(self, count: Count, *, now: datetime) -> None:
        """Count one more of what has happened, however many there were."""
        await self._count(count, now, refuses=False)

    async def _count(self, count: Count, now: datetime, *, refuses: bool) -> None:
        for _ in range(_RACES):
            tallies = await self._tallies(count)
            if refuses and (wait := _wait(tallies, count.quota, now)):
                raise QuotaReached(retry_after=wait)
            before = tallies[0]
            after = counted(before, count.quota, key=self._names(count)[0], now=now)
            if await self._store.save(after, expected=before.version if before else 0):
                return
        raise StoreUnavailable("a tally changed under every attempt to count")

    async def _tallies(self, count: Count) -> Sequence[Tally | None]:
        """Return the tallies under every key, that of the current one first."""
        return [await self._store.load(Tally, name) for name in self._names(count)]

    def _names(self, count: Count) -> list[str]:
        return self._keys.digests("tally", count.quota.name, count.organisation, count.whom)


def _wait(tallies: Sequence[Tally | None], quota: Quota, now: datetime) -> timedelta | None:
    """Return how long there is no room for one more, or None where there is."""
    if sum(used(tally, quota, now=now) for tally in tallies) < quota.at_most:
        return None
    return max(wait_for_room(tally, quota, now=now) for tally in tallies if tally is not None)

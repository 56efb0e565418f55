"""Count what quotas limit, for one deployment.

Each count is one compare-and-swap on a tally of its own, under an HMAC of organisation and address. A key
that was changed forgets nothing: what earlier keys have counted is added until their spans are over.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from hugathome.codes import ChallengeStore
from hugathome.errors import QuotaReached
from hugathome.keys import KeyRing
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.quotas import Quota, Tally, counted, reckoned, used, wait_for_room
from hugathome.reach.addresses import Address
from hugathome.sending.races import saved


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Count:
    """One more of something, for somebody: what is about to be counted."""

    quota: Quota
    organisation: str
    whom: str
    """An address, a prefix, or nothing for the organisation itself."""


def a_failure(policy: CodePolicy, *, organisation: str, to: Address) -> Count:
    """Return what a wrong answer counts as."""
    return Count(quota=policy.failures, organisation=organisation, whom=str(to))


def a_send(policy: CodePolicy, *, organisation: str, to: Address) -> tuple[Count, ...]:
    """Return everything that one message counts as."""
    counts = [Count(quota=one, organisation=organisation, whom=str(to)) for one in policy.sends_to_address]
    if isinstance(to, PhoneNumber):
        counts.append(Count(quota=policy.sends_to_prefix, organisation=organisation, whom=to.prefix))
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
        waits = [_wait(await self._tallies(count, now), count.quota, now) for count in counts]
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
        async def step() -> tuple[Tally | None, Tally]:
            tallies = await self._tallies(count, now)
            if refuses and (wait := _wait(tallies, count.quota, now)):
                raise QuotaReached(retry_after=wait)
            return tallies[0], counted(tallies[0], count.quota, key=self._names(count)[0], now=now)

        await saved(self._store, step)

    async def _tallies(self, count: Count, now: datetime) -> Sequence[Tally | None]:
        """Return the tallies under every key, that of the current one first."""
        return [await self._tally(name, count.quota, now) for name in self._names(count)]

    async def _tally(self, name: str, quota: Quota, now: datetime) -> Tally | None:
        """Return a tally; one that a clock far ahead began is begun anew in the store, or it never ends."""
        tally = await self._store.load(Tally, name)
        if tally is None or (after := reckoned(tally, quota, now=now)) is tally:
            return tally
        has_saved = await self._store.save(after, expected=tally.version)
        return after if has_saved else await self._store.load(Tally, name)

    def _names(self, count: Count) -> list[str]:
        return self._keys.digests("tally", count.quota.name, count.organisation, count.whom)


def _wait(tallies: Sequence[Tally | None], quota: Quota, now: datetime) -> timedelta | None:
    """Return how long there is no room for one more, or None where there is."""
    if sum(used(tally, quota, now=now) for tally in tallies) < quota.at_most:
        return None
    return max(wait_for_room(tally, quota, now=now) for tally in tallies if tally is not None)

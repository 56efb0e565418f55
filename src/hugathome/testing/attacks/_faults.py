"""A store and a gateway that misbehave, each in front of one that does not."""

import asyncio
from collections import Counter
from enum import StrEnum
from typing import Any

from hugathome.codes import Challenge, ChallengeStore, Kept, Sms, SmsGateway
from hugathome.errors import SmsNotSent, StoreUnavailable
from hugathome.quotas import Tally
from hugathome.testing.attacks._crowd import Interleaved


class Fault(StrEnum):
    """What a store does instead of its work."""

    UNREADABLE = "raises instead of loading"
    UNWRITABLE = "raises instead of saving"
    UNHEARD = "saves and raises after it"
    BEATEN = "says of every save that another came first"
    STALE = "loads what was saved first"


class Hostile:
    """Fails as it is told to."""

    def __init__(self, store: ChallengeStore) -> None:
        self.fault: Fault | None = None
        self._store = store
        self._first: dict[str, Any] = {}

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record under `key`, or fail."""
        if self.fault is Fault.UNREADABLE:
            raise StoreUnavailable("the store is away")
        kept = await self._store.load(kind, key)
        first: Kept | None = self._first.setdefault(kind.__name__ + key, kept) if kept else None
        return first if self.fault is Fault.STALE else kept

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        """Save if the version is still `expected`, or fail."""
        if self.fault is Fault.UNWRITABLE:
            raise StoreUnavailable("the store is away")
        if self.fault is Fault.BEATEN:
            return False
        has_saved = await self._store.save(record, expected=expected)
        if self.fault is Fault.UNHEARD:
            raise StoreUnavailable("the line broke before the answer came")
        return has_saved


class Counting(Interleaved):
    """Counts the challenges that each task loads."""

    def __init__(self, store: ChallengeStore) -> None:
        super().__init__(store)
        self.loads: Counter[str] = Counter()

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record under `key`."""
        if kind is Challenge and (task := asyncio.current_task()):
            self.loads[task.get_name()] += 1
        return await super().load(kind, key)


class Refusing:
    """A gateway that refuses when told to, having taken the message before if told so, too."""

    def __init__(self, sms: SmsGateway) -> None:
        self.refuses = False
        self.takes = True
        self._sms = sms

    async def send(self, message: Sms) -> None:
        """Hand `message` on, or refuse it."""
        if self.takes or not self.refuses:
            await self._sms.send(message)
        if self.refuses:
            raise SmsNotSent("the gateway is away", is_certain=not self.takes)

"""The rules that whoever takes codes off our hands keeps, by any channel; it needs no test runner."""

import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hugathome._drive import drive
from hugathome.errors import ConfigurationError, NotDelivered
from hugathome.testing.conformance import ConformanceFailure

Item = TypeVar("Item")
Send = Callable[[Item], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Trial(Generic[Item]):
    """One gateway on trial: how items are made, sent, and recognised where they arrive."""

    send: Send[Item]
    refuse: Send[Item] | None
    """The same gateway before a provider that refuses; None for one that never does."""
    items: Sequence[Callable[[str], Item]]
    """Each makes an item of its own for an idempotency key."""
    delivered: Callable[[], Sequence[Hashable]]
    arrives_as: Callable[[Item], Hashable]
    secrets: Sequence[str]
    """What no reason of a refusal may hold."""
    _keys: Iterator[int] = field(default_factory=itertools.count)

    async def run(self) -> None:
        """Raise `ConformanceFailure` for the first rule that is broken."""
        for make in self.items:
            first, again = (make(self._key()) for _ in range(2))
            await self._expect("it arrives as it was sent", first, [first])
            await self._expect("the same key again delivers nothing", first, [])
            await self._expect("another key delivers the same again", again, [again])
        if self.refuse is not None:
            await self._refused(self.refuse, self.items[0](self._key()))

    def run_blocking(self) -> None:
        """Try the variant for callers without an event loop: it never suspends."""
        try:
            drive(self.run())
        except ConfigurationError as suspended:
            raise ConformanceFailure("a blocking variant never suspends", str(suspended)) from suspended

    def _key(self) -> str:
        return f"check-{id(self):x}-{next(self._keys)}"

    async def _expect(self, rule: str, item: Item, arriving: Sequence[Item]) -> None:
        before = Counter(self.delivered())
        try:
            await self.send(item)
        except ConfigurationError:
            raise
        except Exception as error:
            raise ConformanceFailure(rule, f"raised {type(error).__name__}") from error
        arrived = Counter(self.delivered()) - before
        if arrived != Counter(map(self.arrives_as, arriving)):
            raise ConformanceFailure(rule, f"there arrived {arrived.total()}, of which not all were expected")

    async def _refused(self, refuse: Send[Item], item: Item) -> None:
        try:
            await refuse(item)
        except NotDelivered as refusal:
            if any(secret in str(refusal) for secret in self.secrets):
                raise ConformanceFailure("a reason holds nothing personal", "the code or its owner") from None
        except Exception as error:
            raise ConformanceFailure("a refusal raises NotDelivered", repr(type(error))) from error
        else:
            raise ConformanceFailure("a refusal raises NotDelivered", "it returned")

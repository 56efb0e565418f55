"""What the rules about stores are tried on: stores opened for one rule, and calls made at once."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from secrets import token_hex
from typing import Any, Protocol, TypeVar, final

from hugathome._drive import drive
from hugathome.codes import ChallengeStore
from hugathome.errors import StoreUnavailable
from hugathome.stores import Store
from hugathome.stores.memory import MemorySessions
from hugathome.testing.conformance import ConformanceFailure

T = TypeVar("T")
Call = Callable[[], Coroutine[Any, Any, T]]
Opens = Callable[[], Store | ChallengeStore]


class Rule(Protocol):
    """Tries one rule, under its name, and raises `ConformanceFailure` where it is broken."""

    __name__: str

    def __call__(self, shelf: "Shelf", rule: str, /) -> Coroutine[Any, Any, None]: ...


@final
class Shelf:
    """Opens stores for one rule and closes them after it; without a loop, their blocking variants."""

    def __init__(self, open_one: Opens, *, is_blocking: bool) -> None:
        self._open_one = open_one
        self._is_blocking = is_blocking
        self._opened: list[Store] = []
        self.keeps_sessions = False
        """Whether what was opened keeps more than codes."""

    def open(self) -> Store:
        """Return another opening of the same store; sessions are added to codes alone."""
        opened = self._open_one()
        self.keeps_sessions = isinstance(opened, Store)
        store = opened if isinstance(opened, Store) else Store(sessions=MemorySessions(), codes=opened)
        self._opened.append(store.for_blocking() if self._is_blocking else store)
        return self._opened[-1]

    async def reopen(self) -> Store:
        """Close all that is open and return a new opening."""
        await self.aclose()
        return self.open()

    async def together(self, calls: Sequence[Call[bool]]) -> list[bool]:
        """Make `calls` at once; who is told that the store cannot be used now has not won either."""
        if not self._is_blocking:
            return await asyncio.gather(*(_won(call) for call in calls))
        with ThreadPoolExecutor(len(calls)) as threads:
            return list(threads.map(lambda call: drive(_won(call)), calls))

    async def aclose(self) -> None:
        """Close all that is open."""
        while self._opened:
            await self._opened.pop().aclose()


async def _won(call: Call[bool]) -> bool:
    try:
        return await call()
    except StoreUnavailable:
        return False


def unique() -> str:
    """Return a name that no store has seen."""
    return token_hex(8)


async def require(rule: str, seen: Awaitable[T], expected: T) -> None:
    """Raise `ConformanceFailure` unless `seen` gives `expected`."""
    found = await seen
    if found != expected:
        raise ConformanceFailure(rule, f"there was {found!r} where {expected!r} belongs")

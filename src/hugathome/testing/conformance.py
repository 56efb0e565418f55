"""What every conformance check of a seam raises, and how none of them waits in vain."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


class ConformanceFailure(AssertionError):
    """An implementation of a seam breaks `rule`; the message says what was seen.

    The checks raise it themselves, so that `python -O` switches nothing off.
    """

    def __init__(self, rule: str, seen: str) -> None:
        super().__init__(f"{rule}: {seen}")
        self.rule = rule
        self.seen = seen


async def in_time(call: Awaitable[T], *, patience: float, otherwise: ConformanceFailure) -> T:
    """Return what `call` returns, or raise `otherwise` if that takes more than so many seconds."""
    limit = asyncio.timeout(patience)
    try:
        async with limit:
            return await call
    except TimeoutError:
        if limit.expired():
            raise otherwise from None
        raise

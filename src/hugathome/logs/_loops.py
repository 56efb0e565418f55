"""What a log has for each event loop that it is used in: readers, writers and a connection of its own."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_PATIENCE: Final = 5.0
"""Seconds."""


class Loops(Generic[T]):
    """One of a kind for each event loop: what waits in one is not for another's hands."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, T] = {}

    def here(self) -> T:
        """Return what is this loop's."""
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            for closed in [each for each in self._made if each.is_closed()]:
                del self._made[closed]
            self._made[loop] = self._make()
        return self._made[loop]

    def each(self, work: Callable[[T], None]) -> None:
        """Do `work` with every one, each in its own loop; from any thread, with a loop or without."""
        for loop, made in list(self._made.items()):
            if loop is _running_loop():
                work(made)
            else:
                with suppress(RuntimeError):  # that loop has closed: nobody listens there any more
                    loop.call_soon_threadsafe(work, made)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


async def ended(task: asyncio.Task[None] | None) -> None:
    """Return once a task has ended by itself; one that takes too long is cancelled.

    A driver that is cancelled while it connects may leave the connection open.
    """
    if task is not None:
        await asyncio.wait([task], timeout=_PATIENCE)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

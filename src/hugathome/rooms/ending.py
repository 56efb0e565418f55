"""How what runs for a connection ends: by what ends first, or because somebody told it to go."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from hugathome.rooms.waker import Waker

T = TypeVar("T")


class Goodbye:
    """Tells one connection that it has to go, however far it has come."""

    __slots__ = ("_hear", "_is_said")

    def __init__(self) -> None:
        self._is_said = False
        self._hear: Callable[[], None] | None = None

    def say(self) -> None:
        """Tell it, once and for all."""
        self._is_said = True
        if self._hear is not None:
            self._hear()

    @contextmanager
    def heard_by(self, hear: Callable[[], None]) -> Iterator[None]:
        """Call `hear` when it is said while the block runs, or was before."""
        self._hear = hear
        if self._is_said:
            hear()
        try:
            yield
        finally:
            self._hear = None

    async def said(self) -> None:
        """Return once it is said."""
        heard = Waker()
        with self.heard_by(heard.set):
            await heard.wait()


async def first_of(*work: Coroutine[Any, Any, T]) -> T:
    """Return the result of whichever ends first, the earlier in order at a tie; the others are cancelled."""
    async with asyncio.TaskGroup() as scope:
        tasks = [scope.create_task(each) for each in work]
        done, others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in others:
            task.cancel()
    return next(task.result() for task in tasks if task in done)

"""What one task waits for and others set: an `asyncio.Event` of a tenth of the size, for one who waits.

Thousands of connections wait at once, each for two or three such things, and each description that is relayed
passes through one.
"""

import asyncio
from collections.abc import Collection


class Waker:
    """Wakes the one task that waits for it."""

    __slots__ = ("_is_set", "_waiting", "names")

    def __init__(self) -> None:
        self.names: Collection[str] = ()
        """Whose news it is woken for; where there are none, for everybody's."""
        self._is_set = False
        self._waiting: asyncio.Future[None] | None = None

    def set(self) -> None:
        """Let the wait end, the present or else the next one."""
        self._is_set = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    def clear(self) -> None:
        """Let the next wait last until somebody sets it."""
        self._is_set = False

    async def wait(self) -> None:
        """Return once it is set."""
        while not self._is_set:
            self._waiting = asyncio.get_running_loop().create_future()
            try:
                await self._waiting
            finally:
                self._waiting = None

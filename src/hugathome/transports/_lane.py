"""One direction of a pipe inside this process: a queue of a few texts that ends, and can be held up."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import final

from hugathome.errors import TransportClosed


@final
class Lane:
    """One direction: a bounded queue that ends."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: deque[str] = deque()
        self._ended = False
        self._held = False
        self._changed = asyncio.Event()

    async def put(self, text: str) -> None:
        """Add `text` once there is room, or raise `TransportClosed`."""
        await self._until(lambda: self._ended or len(self._frames) < self._capacity)
        if self._ended:
            raise TransportClosed("the transport is closed")
        self._frames.append(text)
        self._tell()

    async def get(self) -> str:
        """Take the next text, or raise `TransportClosed` once there are no more."""
        await self._until(lambda: not self._held and (self._ended or len(self._frames) > 0))
        if not self._frames:
            raise TransportClosed("the transport is closed")
        text = self._frames.popleft()
        self._tell()
        return text

    async def get_some(self, size: int) -> list[str]:
        """Take the next text and those behind it that are there, of `size` characters at the most."""
        texts = [await self.get()]
        left = size - len(texts[0])
        while self._frames and not self._held and len(self._frames[0]) <= left:
            texts.append(self._frames.popleft())
            left -= len(texts[-1])
        return texts

    def finish(self) -> None:
        """Take nothing more; what is here can still be taken out."""
        self._ended = True
        self._tell()

    def abandon(self) -> None:
        """End, and forget what is here."""
        self._ended = True
        self._held = False
        self._frames.clear()
        self._tell()

    def hold(self) -> None:
        """Hold everything back."""
        self._held = True

    def release(self) -> None:
        """Let it move again."""
        self._held = False
        self._tell()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        # A condition variable would make `cut` and `stall` wait for its lock; they must work at once.
        while not is_so():
            await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

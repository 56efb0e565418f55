"""Two connected ends in one process, and the faults of a network at a test's command.

For tests and for embedding without a network. It never copies, parses or limits the size of what it
carries.

    near, far = memory_pair()
    await near.send("hello")
    await far.receive()                   # "hello"
    near.stall()                          # nothing moves any more, and neither end is told
    near.cut()                            # both ends are closed, and what was under way is lost
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import final

from hugathome.errors import TransportClosed
from hugathome.transports._wire import check_outgoing


def memory_pair(*, capacity: int = 16) -> tuple["MemoryTransport", "MemoryTransport"]:
    """Return two connected ends; each direction holds `capacity` frames before `send` waits."""
    forth, back = _Lane(capacity), _Lane(capacity)
    return MemoryTransport(sends=forth, receives=back), MemoryTransport(sends=back, receives=forth)


@final
class MemoryTransport:
    """One end of a `memory_pair`; one task at a time receives, any number may send."""

    def __init__(self, *, sends: "_Lane", receives: "_Lane") -> None:
        self._sends = sends
        self._receives = receives

    async def send(self, text: str) -> None:
        """Hand `text` over and return once there was room for it, or raise `TransportClosed`.

        Raises `LocalProtocolError` for text that UTF-8 cannot carry, as a network would.
        """
        check_outgoing(text, limit=None)
        await self._sends.put(text)

    async def receive(self) -> str:
        """Return the next frame, or raise `TransportClosed` once there are no more."""
        return await self._receives.get()

    async def aclose(self) -> None:
        """Close both directions; the other end still receives what was sent before."""
        self._sends.finish()
        self._receives.abandon()

    def cut(self) -> None:
        """Break the connection: both ends are closed, and what was not yet received is lost."""
        self._sends.abandon()
        self._receives.abandon()

    def stall(self) -> None:
        """Hold everything back, in both directions, until `resume`; neither end is told."""
        self._sends.hold()
        self._receives.hold()

    def resume(self) -> None:
        """Let everything move again."""
        self._sends.release()
        self._receives.release()


class _Lane:
    """One direction: a bounded queue that ends."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._frames: deque[str] = deque()
        self._ended = False
        self._held = False
        self._changed = asyncio.Event()

    async def put(self, text: str) -> None:
        await self._until(lambda: self._ended or len(self._frames) < self._capacity)
        if self._ended:
            raise TransportClosed("the transport is closed")
        self._frames.append(text)
        self._tell()

    async def get(self) -> str:
        await self._until(lambda: not self._held and (self._ended or len(self._frames) > 0))
        if not self._frames:
            raise TransportClosed("the transport is closed")
        text = self._frames.popleft()
        self._tell()
        return text

    def finish(self) -> None:
        self._ended = True
        self._tell()

    def abandon(self) -> None:
        self._ended = True
        self._held = False
        self._frames.clear()
        self._tell()

    def hold(self) -> None:
        self._held = True

    def release(self) -> None:
        self._held = False
        self._tell()

    async def _until(self, is_so: Callable[[], bool]) -> None:
        # A condition variable would make `cut` and `stall` wait for its lock; they must work at once.
        while not is_so():
            await self._changed.wait()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

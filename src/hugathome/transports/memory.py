"""Two connected ends in one process, and the faults of a network at a test's command.

For tests and for embedding without a network. It never copies, parses or limits the size of what it
carries.

    near, far = memory_pair()
    await near.send("hello")
    await far.receive()                   # "hello"
    near.stall()                          # nothing moves any more, and neither end is told
    near.cut()                            # both ends are closed, and what was under way is lost
"""

from typing import final

from hugathome.transports._lane import Lane
from hugathome.transports._wire import check_outgoing


def memory_pair(*, capacity: int = 16) -> tuple["MemoryTransport", "MemoryTransport"]:
    """Return two connected ends; each direction holds `capacity` frames before `send` waits."""
    forth, back = Lane(capacity), Lane(capacity)
    return MemoryTransport(sends=forth, receives=back), MemoryTransport(sends=back, receives=forth)


@final
class MemoryTransport:
    """One end of a `memory_pair`; one task at a time receives, any number may send."""

    def __init__(self, *, sends: Lane, receives: Lane) -> None:
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

    async def receive_some(self, *, size: int) -> list[str]:
        """Return the next frame and those behind it that are there, of `size` characters at the most.

        A first frame that is longer comes alone. Raises what `receive` does.
        """
        return await self._receives.get_some(size)

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

"""What the rules of a transport are made of: frames of the full size, and looks at what arrived."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence

from hugathome.errors import TransportClosed
from hugathome.testing._bench import Bench, End

FRAME_BYTES = 65_536
MOST_BUFFERED = 512
"""Frames of the full size, 32 MiB in all, that no transport may take while nobody reads."""


def full_frames(count: int) -> Iterator[str]:
    return (str(number).ljust(FRAME_BYTES, ".") for number in range(count))


async def carry(bench: Bench, sender: End, receiver: End, frames: Sequence[str]) -> None:
    """Send all the `frames` while the other end receives them."""

    async def send_all() -> None:
        for frame in frames:
            await sender.send(frame)

    async with asyncio.TaskGroup() as meanwhile:
        meanwhile.create_task(send_all())
        for number, frame in enumerate(frames):
            same(bench, number, frame, await receiver.receive())


def same(bench: Bench, number: int, sent: str, received: str) -> None:
    if received != sent:
        raise bench.broken(f"frame {number} left as {_brief(sent)} and arrived as {_brief(received)}")


def _brief(frame: str) -> str:
    return repr(frame) if len(frame) <= 40 else f"{frame[:20]!r}… ({len(frame)} characters)"


async def closed(bench: Bench, what: str, call: Awaitable[object]) -> None:
    """Make sure that `call` raises `TransportClosed`."""
    try:
        await call
    except TransportClosed:
        return
    raise bench.broken(f"{what} returned although the transport is closed")

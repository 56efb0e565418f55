"""One connection between a device and a worker: in order, slow as it likes, and it may break anywhere."""

import asyncio
from collections import deque
from collections.abc import Callable
from contextvars import Context
from random import Random
from typing import Protocol

from hugathome.errors import TransportClosed
from hugathome.testing.simulation.loop import VirtualLoop, tell

CAPACITY = 16
"""Frames that are under way to a device before its worker has to wait."""


class Listener(Protocol):
    """The device at the near end."""

    def heard(self, pipe: "Pipe", text: str) -> None:
        """Take a frame."""

    def ended(self, pipe: "Pipe") -> None:
        """Take note that no more will come."""


class Pipe:
    """Fills `Transport` at the worker's end; the device's end calls back."""

    def __init__(self, loop: VirtualLoop, listener: Listener, *, draw: Random) -> None:
        self.is_stalled = False
        """Whether the device reads nothing."""
        self.is_deaf = False
        """Whether everything is lost, and neither end is told."""
        self.is_stuttering = False
        """Whether what the device sends next arrives twice."""
        self._loop = loop
        self._listener = listener
        self._draw = draw
        self._outside = Context()
        self._to_device: deque[str | None] = deque()
        self._to_hub: deque[str | None] = deque()
        self._arrived: deque[str] = deque()
        self._is_open = True
        self._has_ended = False
        self._waiting: list[asyncio.Future[None]] = []
        """Whoever waits at the worker's end."""

    # --- The worker's end ------------------------------------------------------------------------

    async def send(self, text: str) -> None:
        """Return once there is room for `text`, or raise `TransportClosed`."""
        while self._is_open and len(self._to_device) >= CAPACITY:
            await self._change()
        self._refuse_if_closed()
        self._ship(text)

    async def receive(self) -> str:
        """Return the next text, or raise `TransportClosed`."""
        while self._is_open and not self._arrived:
            await self._change()
        if not self._arrived:
            self._refuse_if_closed()
        return self._arrived.popleft()

    async def aclose(self) -> None:
        """Close; the device still hears what was sent before."""
        if self._is_open:
            self._is_open = False
            self._ship(None)
            self._tell()

    # --- The device's end ------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Send a text to the worker."""
        for _ in range(1 + (self.is_stuttering and '"seq":' in text)):
            self._to_hub.append(text)
            self._later(self._arrive)
        self.is_stuttering = False

    def hang_up(self) -> None:
        """Close from the device's side, once everything was sent; it listens no more."""
        self._has_ended = True
        self._to_hub.append(None)
        self._later(self._arrive)

    def cut(self) -> None:
        """Break at once: what is under way is lost, a frame that is half through with it."""
        self._to_device.clear()
        self._to_hub.clear()
        self._arrived.clear()
        self._is_open = False
        self._tell()
        self._loop.call_soon(self._end, context=self._outside)

    def unstall(self) -> None:
        """Let the device read again."""
        self.is_stalled = False
        for _ in self._to_device:
            self._later(self._hand_over)

    @property
    def backlog(self) -> int:
        """How many frames are under way to the device."""
        return len(self._to_device)

    # --- Between them ----------------------------------------------------------------------------

    def _ship(self, text: str | None) -> None:
        self._to_device.append(text)
        self._later(self._hand_over)

    def _later(self, deliver: Callable[[], None]) -> None:
        self._loop.call_later(self._draw.random() * 0.05, deliver, context=self._outside)

    def _hand_over(self) -> None:
        if self.is_stalled or not self._to_device:
            return
        text = self._to_device.popleft()
        self._tell()
        if self.is_deaf:
            return
        if text is None:
            self._end()
        elif not self._has_ended:
            self._listener.heard(self, text)

    def _arrive(self) -> None:
        if not self._to_hub:
            return
        text = self._to_hub.popleft()
        if self.is_deaf:
            return
        if text is None:
            self._is_open = False
        else:
            self._arrived.append(text)
        self._tell()

    def _end(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._listener.ended(self)

    def _refuse_if_closed(self) -> None:
        if not self._is_open:
            raise TransportClosed("the transport is closed")

    async def _change(self) -> None:
        changed = self._loop.create_future()
        self._waiting.append(changed)
        await changed

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            tell(each)

"""An event loop whose time jumps and whose order is drawn: one seed, one run.

Nothing waits. When nobody is ready, the clock moves to the next timer; of those who are ready, the one to
go next is drawn, so that code that relies on its luck loses it. Whatever a place (a worker) has set off
belongs to it, and is held back while that place is frozen: what SIGSTOP does to a process, and SIGKILL for
good. There is no I/O here.
"""

import asyncio
import heapq
from asyncio.events import _set_running_loop
from collections.abc import Callable, Coroutine, Generator, Sequence
from contextvars import Context, ContextVar, copy_context
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
_Ts = TypeVarTuple("_Ts")


class Place:
    """Somewhere that code runs and may be frozen; `context` is what its tasks are created in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_frozen = False
        self.held: list[_Turn] = []
        self.context = Context()
        self.context.run(_PLACE.set, self)


_PLACE: ContextVar[Place] = ContextVar("place")


class _Turn(asyncio.TimerHandle):
    """A callback that waits for its turn; of a handle it has no more than what is asked of one here."""

    __slots__ = ()

    _args: Sequence[Any]
    _callback: Callable[..., object] | None
    _cancelled: bool
    _context: Context
    _loop: asyncio.AbstractEventLoop
    _when: float

    def __init__(
        self,
        when: float,
        callback: Callable[..., object],
        args: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        self._callback, self._args = callback, args
        self._context = copy_context() if context is None else context
        self._cancelled = False
        self._loop, self._when = loop, when

    def cancel(self) -> None:
        """Do nothing when the turn comes; let it lie until then."""
        self._cancelled = True
        self._callback, self._args = None, ()

    def take(self) -> None:
        """Run, or be held back with the place that it belongs to."""
        callback, context = self._callback, self._context
        if callback is None:
            return
        place = context.get(_PLACE)
        if place is not None and place.is_frozen:
            place.held.append(self)
            return
        try:
            context.run(callback, *self._args)
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 - whatever it is, somebody is to be told
            self._loop.call_exception_handler({"message": "a callback failed", "exception": error})


class _Task(asyncio.Task[T]):
    """A task that has the same place in a set in every run: by number, not by where it lies in memory."""

    def __init__(self, number: int, *args: Any, **options: Any) -> None:
        self._number = number
        super().__init__(*args, **options)

    def __hash__(self) -> int:
        return self._number


class VirtualLoop(asyncio.AbstractEventLoop):
    """What `asyncio` needs of a loop that does no I/O; time is in seconds since the beginning."""

    def __init__(self, order: Random, *, on_failure: Callable[[str], None]) -> None:
        self._on_failure = on_failure
        self._order = order
        self._now = 0.0
        self._ready: list[_Turn] = []
        self._timers: list[tuple[float, int, _Turn]] = []
        self._number = count()
        self._is_running = False
        self._is_stopped = False

    # --- What asyncio asks for -------------------------------------------------------------------

    def time(self) -> float:
        """Return the seconds since the beginning."""
        return self._now

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        """Call back in this instant, in an order that is drawn."""
        turn = _Turn(self._now, callback, args, self, context)
        self._ready.append(turn)
        return turn

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back in `delay` seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call back at `when`."""
        turn = _Turn(when, callback, args, self, context)
        heapq.heappush(self._timers, (when, next(self._number), turn))
        return turn

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: str | None = None,
        context: Context | None = None,
        **_: Any,
    ) -> asyncio.Task[T]:
        """Return a task of this loop."""
        return _Task(next(self._number), coro, loop=self, name=name, context=context)

    def get_debug(self) -> bool:
        """Return that nothing is watched closely."""
        return False

    def is_running(self) -> bool:
        """Whether something runs."""
        return self._is_running

    def is_closed(self) -> bool:
        """Whether it is of no more use: never."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell what nobody has caught."""
        self._on_failure(repr(context.get("exception") or context["message"]))

    async def pause(self, seconds: float) -> None:
        """Return in `seconds`: `asyncio.sleep`, less what only a loop that is closed needs."""
        passed = self.create_future()
        timer = self.call_at(self._now + seconds, tell, passed)
        try:
            await passed
        finally:
            timer.cancel()

    # --- Running ---------------------------------------------------------------------------------

    def stop(self) -> None:
        """Let `run_until` return after the present callback."""
        self._is_stopped = True

    def run_until(self, when: float) -> None:
        """Run everything that falls due up to `when`, each thing at its own time."""
        self._is_stopped = False
        _set_running_loop(self)
        self._is_running = True
        try:
            self._take_turns(when)
            if not self._is_stopped:
                self._now = max(self._now, when)
        finally:
            self._is_running = False
            _set_running_loop(None)

    def release(self, place: Place) -> None:
        """Let a place go on where it was frozen."""
        place.is_frozen = False
        self._ready += place.held
        place.held = []

    def _take_turns(self, until: float) -> None:
        """Take one turn after the other: most of what a run costs beside the product goes through here."""
        ready, timers, drawn = self._ready, self._timers, self._order.random
        while not self._is_stopped:
            if not ready:
                if not timers or timers[0][0] > until:
                    return
                self._now = max(self._now, timers[0][0])
            while timers and timers[0][0] <= self._now:
                ready.append(heapq.heappop(timers)[2])
            place = int(drawn() * len(ready))
            ready[place], ready[-1] = ready[-1], ready[place]
            ready.pop().take()


def tell(waiting: asyncio.Future[None]) -> None:
    """Let whoever awaits it go on, unless they no longer do."""
    if not waiting.done():
        waiting.set_result(None)


class VirtualClock:
    """A `Clock` on a virtual loop, wrong by `skew`."""

    def __init__(self, loop: VirtualLoop, *, begins: datetime, skew: timedelta = timedelta()) -> None:
        self._loop = loop
        self._begins = begins + skew

    def now(self) -> datetime:
        """Return the instant that this clock shows."""
        return self._begins + timedelta(seconds=self._loop.time())

    async def sleep(self, seconds: float) -> None:
        """Return once `seconds` have passed."""
        if seconds > 0:
            await self._loop.pause(seconds)
        else:
            await asyncio.sleep(0)

"""Callers who do something at once: tasks of one loop, threads, or processes.

Each thread and each process opens the service for itself, makes one call that leads nowhere (so that what
connects has connected), waits for all the others, and only then acts. Processes are started once and kept
for all the raids of a run.
"""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier as BarrierBetweenProcesses
from threading import Barrier
from typing import Final, Protocol, TypeAlias

from hugathome._drive import blocking_variant
from hugathome.codes import Challenge, ChallengeStore, Kept
from hugathome.quotas import Tally
from hugathome.testing.attacks._service import CodeService, OpenCodes, Surroundings, closed, told

OpenStore: TypeAlias = Callable[[], ChallengeStore]
_Wait: TypeAlias = Callable[[], object]

CALLERS: Final = 16

_PATIENCE: Final = 60.0
"""Seconds after which a caller that does not come is waited for no longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raid:
    """What one caller does: give these answers to a challenge or, without any, ask for its code again."""

    codes: OpenCodes
    open_store: OpenStore
    around: Surroundings
    challenge_id: str
    typed: tuple[object, ...] = ()

    def open(self) -> CodeService:
        """Return a service of the caller's own."""
        return self.around.open(self.codes, self.open_store())

    async def make(self, service: CodeService) -> list[str]:
        """Return what the caller is told, each time."""
        if not self.typed:
            return [await told(partial(service.resend, self.challenge_id))]
        return [await told(partial(service.verify, self.challenge_id, one)) for one in self.typed]


class Crowd(Protocol):
    """Makes raids at once."""

    async def make(self, raids: Sequence[Raid]) -> list[str]:
        """Return everything that the callers were told."""
        ...


# --- Tasks ---------------------------------------------------------------------------------------


class Tasks:
    """Callers of one service, of whom each gets a turn at every access to its store."""

    async def make(self, raids: Sequence[Raid]) -> list[str]:
        """Return everything that the callers were told."""
        one = raids[0]
        service = one.around.open(one.codes, Interleaved(one.open_store()))
        outcomes = await asyncio.gather(*(raid.make(service) for raid in raids))
        await closed(service)
        return [*chain(*outcomes)]


class Interleaved:
    """A store that suspends before and after each access: the worst schedule that one thread can have."""

    def __init__(self, store: ChallengeStore) -> None:
        self._store = store

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record under `key`."""
        await asyncio.sleep(0)
        kept = await self._store.load(kind, key)
        await asyncio.sleep(0)
        return kept

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        """Save if the version is still `expected`."""
        await asyncio.sleep(0)
        has_saved = await self._store.save(record, expected=expected)
        await asyncio.sleep(0)
        return has_saved

    def for_blocking(self) -> ChallengeStore:
        """Return the store alone: callers without a loop take no turns."""
        return blocking_variant(self._store)

    async def aclose(self) -> None:
        """Close the store."""
        await closed(self._store)


# --- Threads and processes -----------------------------------------------------------------------


def _made(raid: Raid, wait: _Wait) -> list[str]:
    """Make a raid from a thread or process of its own, once everybody is ready."""

    async def make() -> list[str]:
        service = raid.open()
        await told(partial(service.verify, "nobody", "000000"))
        wait()
        outcomes = await raid.make(service)
        await closed(service)
        return outcomes

    return asyncio.run(make())


class Threads:
    """Callers in threads, each with a loop and a service of its own."""

    async def make(self, raids: Sequence[Raid]) -> list[str]:
        """Return everything that the callers were told."""
        wait = partial(Barrier(len(raids)).wait, _PATIENCE)
        with ThreadPoolExecutor(len(raids)) as threads:
            return [*chain(*threads.map(partial(_made, wait=wait), raids))]


class Processes:
    """As many callers in processes, started for the first raid and kept until `close`."""

    def __init__(self) -> None:
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        self._barrier: BarrierBetweenProcesses | None = None

    async def make(self, raids: Sequence[Raid]) -> list[str]:
        """Return everything that the callers were told; there are as many raids as processes."""
        if not self._processes:
            self._start()
        for pipe, raid in zip(self._pipes, raids, strict=True):
            pipe.send(raid)
        return [*chain(*map(_received, self._pipes))]

    def close(self) -> None:
        """End the processes."""
        for process in self._processes:
            process.kill()
            process.join()
        for pipe in self._pipes:
            pipe.close()
        self._processes.clear()
        self._pipes.clear()

    def _start(self) -> None:
        context = _context()
        self._barrier = context.Barrier(CALLERS)  # kept: its semaphores are gone once nobody here holds it
        for _ in range(CALLERS):
            ours, theirs = context.Pipe()
            process = context.Process(target=_work, args=(theirs, self._barrier), daemon=True)  # type: ignore[attr-defined]  # typeshed: on the concrete contexts only
            process.start()
            theirs.close()
            self._processes.append(process)
            self._pipes.append(ours)


def _context() -> BaseContext:
    """Return how processes start: from one that has imported everything, where the system can fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _work(pipe: Connection, barrier: BarrierBetweenProcesses) -> None:
    """Make the raids that come through `pipe`, until it is closed."""
    with suppress(EOFError):
        while True:
            raid = pipe.recv()
            try:
                pipe.send(_made(raid, partial(barrier.wait, _PATIENCE)))
            except Exception as error:  # noqa: BLE001 - whatever it was, the other side raises it
                barrier.abort()
                pipe.send(error)


def _received(pipe: Connection) -> list[str]:
    if not pipe.poll(2 * _PATIENCE):
        raise TimeoutError("a process did not answer")
    outcomes: list[str] | Exception = pipe.recv()
    if isinstance(outcomes, Exception):
        raise outcomes
    return outcomes


def make_and_die(raid: Raid) -> None:
    """Make a raid in a process that is killed once it is told, before anybody hears."""
    process = _context().Process(target=_made_and_killed, args=(raid,), daemon=True)  # type: ignore[attr-defined]  # as above
    process.start()
    process.join(_PATIENCE)


def _made_and_killed(raid: Raid) -> None:
    async def make() -> None:
        await raid.make(raid.open())
        os.kill(os.getpid(), signal.SIGKILL)

    asyncio.run(make())

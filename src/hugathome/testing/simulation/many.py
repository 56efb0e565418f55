"""Many runs, one for each seed, on as many cores as one likes."""

import gc
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

from hugathome.testing.simulation.history import InvariantBroken
from hugathome.testing.simulation.scenario import Scenario
from hugathome.testing.simulation.world import World

_AT_ONCE = 20
"""Seeds that a process is given at a time."""
_LEFT_AT_MOST = 20_000
"""Objects that may be left in cycles before they are looked for."""


class Run(NamedTuple):
    """What came of one seed."""

    seed: int
    broken: str | None
    """Which invariant, what was seen, and the history of the run; none where everything held."""


def run(seed: int, scenario: Scenario) -> Run:
    """Let one run happen and return what came of it."""
    try:
        with _collecting_seldom():
            World(seed, scenario).run()
    except InvariantBroken as broken:
        return Run(seed, str(broken))
    return Run(seed, None)


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Look for cycles less often: a run is over before it has left many, and looking takes a sixth of it."""
    before = gc.get_threshold()
    gc.set_threshold(_LEFT_AT_MOST, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)


def runs(seeds: Iterable[int], scenario: Scenario, *, processes: int = 1) -> Iterator[Run]:
    """Yield what comes of each seed; with several processes, in the order in which they end.

    What a scenario holds has to be importable then: functions of a module. Ctrl-C ends them all.
    """
    if processes == 1:
        for seed in seeds:
            with _uninterrupted():
                ended = run(seed, scenario)
            yield ended
        return
    with get_context("spawn").Pool(processes, _leave_interrupts_to_the_parent) as pool:
        yield from pool.imap_unordered(partial(run, scenario=scenario), seeds, chunksize=_AT_ONCE)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Let Ctrl-C wait for the end of a run: tasks that are torn in the middle complain about it at length."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _leave_interrupts_to_the_parent() -> None:
    """A terminal sends Ctrl-C to all processes of a program; it is the first that ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

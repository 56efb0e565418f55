"""Many runs, one for each seed, on as many cores as one likes."""

from collections.abc import Iterable, Iterator
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

from hugathome.testing.simulation.history import InvariantBroken
from hugathome.testing.simulation.scenario import Scenario
from hugathome.testing.simulation.world import World

_AT_ONCE = 20
"""Seeds that a process is given at a time."""


class Run(NamedTuple):
    """What came of one seed."""

    seed: int
    broken: str | None
    """Which invariant, what was seen, and the history of the run; none where everything held."""


def run(seed: int, scenario: Scenario) -> Run:
    """Let one run happen and return what came of it."""
    try:
        World(seed, scenario).run()
    except InvariantBroken as broken:
        return Run(seed, str(broken))
    return Run(seed, None)


def runs(seeds: Iterable[int], scenario: Scenario, *, processes: int = 1) -> Iterator[Run]:
    """Yield what comes of each seed; with several processes, in the order in which they end.

    What a scenario holds has to be importable then: functions of a module.
    """
    if processes == 1:
        yield from (run(seed, scenario) for seed in seeds)
        return
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(partial(run, scenario=scenario), seeds, chunksize=_AT_ONCE)

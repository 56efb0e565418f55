"""Whole visits in virtual time, with everything that goes wrong in a hospital: the same seed, the same run.

    simulate(7)                                   # raises InvariantBroken, with the history of the run
    simulate(7, Scenario(first=[admit], faults={cut: 1, rewind: 1}))

The hub, the rooms, the record and the core of the device are the real ones. What lies between them is not:
an event loop whose time jumps and whose order is drawn, connections that break anywhere, a log that is late,
in doubt, doubled or rewound, workers that are killed and frozen, clocks that are wrong.

    actions.py    what people do                  faults.py     what goes wrong
    device.py     a device on the real core       endpoint.py   what WebRTC would do
    worker.py     a process with the real hub     log.py        the log between workers
    pipe.py       one connection                  loop.py       time, and who is next
    witness.py    what everybody must be told     moments.py    the log, read a second time
    invariants.py what must hold at every entry   rest.py       what must hold once all is well
    scenario.py   what a run is about             world.py      the run itself
    history.py    what happened, to be read       many.py       many runs, on many cores
    progress.py   how far these have come

It proves nothing of media, of real networks and of real back-ends.
"""

from hugathome.testing.simulation.history import History, Invariant, InvariantBroken
from hugathome.testing.simulation.many import Run, runs
from hugathome.testing.simulation.progress import Progress
from hugathome.testing.simulation.scenario import PEOPLE, Scenario
from hugathome.testing.simulation.world import World

__all__ = [
    "PEOPLE",
    "History",
    "Invariant",
    "InvariantBroken",
    "Progress",
    "Run",
    "Scenario",
    "World",
    "runs",
    "simulate",
]

_DEFAULT = Scenario()


def simulate(seed: int, scenario: Scenario = _DEFAULT) -> History:
    """Let one run happen and return what happened, or raise `InvariantBroken`."""
    return World(seed, scenario).run()

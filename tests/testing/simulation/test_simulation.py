"""Whole visits in virtual time: a thousand runs in which everything holds, and each repeats."""

import os
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256

import pytest

from hugathome.testing.simulation import InvariantBroken, Scenario, World, runs, simulate
from hugathome.testing.simulation.actions import admit, write
from hugathome.testing.simulation.faults import cut, kill, rewind

RUNS, EACH = 1000, 25

_DIGEST = """
from hashlib import sha256
from hugathome.testing.simulation import simulate
print(sha256(str(simulate(11)).encode()).hexdigest())
"""


@pytest.mark.parametrize("start", range(0, RUNS, EACH))
def test_everything_holds_whatever_goes_wrong(start: int) -> None:
    for seed in range(start, start + EACH):
        simulate(seed)


def test_a_stranger_is_told_that_nothing_was_heard_in_time_by_a_worker_that_stood_still() -> None:
    simulate(70_180)  # the one of a hundred thousand in which that was taken for a fault


def test_a_seed_is_a_run_in_every_process() -> None:
    here = sha256(str(simulate(11)).encode()).hexdigest()
    elsewhere = subprocess.run(
        [sys.executable, "-c", _DIGEST],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)},
    )

    assert elsewhere.stdout.strip() == here
    assert here != sha256(str(simulate(12)).encode()).hexdigest()


def test_the_history_of_a_broken_run_says_which_it_was_and_how_it_came_to_it() -> None:
    def nobody_writes(world: World) -> Iterator[str]:
        if world.witness.texts:
            yield "somebody has written"

    scenario = Scenario(first=[admit, write], checks=[nobody_writes], trouble=0, actions={write: 1})

    with pytest.raises(InvariantBroken) as broken:
        simulate(3, scenario)

    told = str(broken.value)
    assert told.startswith("seed 3: OWN, what the scenario itself asks for: somebody has written")
    assert "dr.1       hears welcome" in told
    assert "worker" in told


def test_many_runs_are_made_by_several_processes_and_each_comes_to_the_same() -> None:
    impatient = Scenario(steps=3, trouble=0.5)

    made = sorted(runs(range(6), impatient, processes=2))

    assert made == list(runs(range(6), impatient))
    assert [run.seed for run in made] == list(range(6))


def test_a_host_says_who_comes_what_they_do_and_what_goes_wrong() -> None:
    def greet(world: World) -> None:
        world.note("world", "good morning")

    scenario = Scenario(first=[greet], actions={write: 1}, faults={cut: 1, kill: 1, rewind: 1}, trouble=0.5)

    history = simulate(5, scenario)

    did = {event.what for event in history.events if event.who == "world"}
    assert {"greet", "good morning", "is put right"} <= did
    assert did <= {"greet", "good morning", "write", "cut", "kill", "rewind", "is put right"}

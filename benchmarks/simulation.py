"""A hundred thousand simulated visits, with everything that goes wrong: how many break an invariant.

Every run has a seed of its own, 0 and onwards, so that whatever is found can be found again:
`hugathome simulate --seeds 1 --start SEED` tells its history. Each core runs its share; how far they have
come is told every ten seconds. Ctrl-C ends it, says which seeds have run and counts those.

    python benchmarks/simulation.py [RUNS] [--start SEED]
"""

import argparse
import json
import os
import sys
from time import perf_counter

from hugathome.testing.simulation import Progress, Scenario, runs

RUNS = 100_000


def main(count: int = RUNS, *, start: int = 0) -> None:
    processes = os.cpu_count() or 1
    progress, began = Progress(count, start=start), perf_counter()
    ended = runs(range(start, start + count), Scenario(), processes=processes)
    try:
        for run in progress.follow(ended, clock=perf_counter, tell=_aside):
            if run.broken:
                _aside(f"seed {run.seed} is broken")
    except KeyboardInterrupt:
        _aside(progress.where)
    seconds = perf_counter() - began
    print(
        json.dumps(
            {
                "broken": len(progress.broken),
                "runs": progress.done,
                "next": progress.next,
                "processes": processes,
                "runs_a_second": progress.done / seconds,
                "seconds": seconds,
            }
        )
    )


def _aside(words: str) -> None:
    print(words, file=sys.stderr, flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Simulate visits with everything that goes wrong.")
    parser.add_argument("runs", nargs="?", type=int, default=RUNS)
    parser.add_argument("--start", type=int, default=0, help="the first seed")
    given = parser.parse_args()
    main(given.runs, start=given.start)

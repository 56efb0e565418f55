"""A hundred thousand simulated visits, with everything that goes wrong: how many break an invariant.

Every run has a seed of its own, 0 and onwards, so that whatever is found can be found again:
`hugathome simulate --seeds 1 --start SEED` tells its history.

    python benchmarks/simulation.py [RUNS]
"""

import json
import os
import sys
from time import perf_counter

from hugathome.testing.simulation import Scenario, runs

RUNS = 100_000


def main(count: int = RUNS) -> None:
    processes = os.cpu_count() or 1
    began = perf_counter()
    broken = [run.seed for run in runs(range(count), Scenario(), processes=processes) if run.broken]
    seconds = perf_counter() - began
    for seed in sorted(broken):
        print(f"seed {seed} is broken", file=sys.stderr)
    print(
        json.dumps(
            {
                "broken": len(broken),
                "runs": count,
                "processes": processes,
                "runs_a_second": count / seconds,
                "seconds": seconds,
            }
        )
    )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

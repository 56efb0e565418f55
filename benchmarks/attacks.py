"""How often an attack on a code succeeds: the races A01 to A04 again and again, and each of the others once.

On every store, with sixteen processes where processes can open it, and sixteen threads and tasks beside them,
through `OneTimeCodes` and, a tenth as often, through its blocking twin. A success is a violation.

    PYTHONPATH=. python benchmarks/attacks.py
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from time import perf_counter

import psycopg
from tests import servers

from hugathome import OneTimeCodes, blocking
from hugathome.stores import schema
from hugathome.testing import ConformanceFailure
from hugathome.testing.attacks import ATTACKS, campaign_against, make_attack
from hugathome.testing.attacks._crowd import Processes

RUNS = 200
RACES = ("a01", "a02", "a03", "a04")


@contextmanager
def stores() -> Iterator[dict[str, str]]:
    """Start what has to be started, and yield the URLs of empty stores."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(servers.postgresql())
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(schema("postgresql").encode())
        redis = stack.enter_context(servers.redis())
        yield {
            "memory": "memory://",
            "sqlite": f"sqlite:///{folder}/clinic.db",
            "postgresql": url,
            "redis": redis.url,
        }


async def violations(url: str, processes: Processes, *, rounds: int) -> int:
    """Return how many attacks on a store have succeeded."""
    found = 0
    for codes, races in ((OneTimeCodes, rounds), (blocking.OneTimeCodes, max(1, rounds // 10))):
        campaign = campaign_against(url, codes=codes, runs=1, processes=processes)
        for name in ATTACKS:
            for _ in range(races if name.startswith(RACES) else 1):
                found += 1
                with suppress(ConformanceFailure):
                    await make_attack(name, campaign)
                    found -= 1
    return found


def measure(*, rounds: int = RUNS) -> dict[str, float]:
    """Return how many attacks have succeeded on each store, and how long all of it took."""
    began = perf_counter()
    with stores() as urls, closing(Processes()) as processes:
        found = {name: asyncio.run(violations(url, processes, rounds=rounds)) for name, url in urls.items()}
    return {
        "runs": rounds,
        "violations": sum(found.values()),
        **{f"on_{name}": number for name, number in found.items()},
        "seconds": perf_counter() - began,
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

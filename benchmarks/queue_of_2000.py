"""Two hundred clinicians take two thousand patients from one queue over PostgreSQL, each of them once.

Four processes stand for a server's workers, fifty clinicians in each; whoever has a patient takes the next at
once, as no clinician could, so that they compete all the time. Commits are synced.

    PYTHONPATH=. python benchmarks/queue_of_2000.py
"""

import asyncio
import json
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from statistics import median
from time import perf_counter
from typing import Any, NamedTuple

import psycopg
from tests import servers

from hugathome import HugAtHome, Participant
from hugathome.sms import OutboxSms
from hugathome.stores import open_store, schema

QUEUE: dict[str, Any] = {"organisation": "hug", "service": "urgent"}


def hug_over(url: str) -> HugAtHome:
    """Return a deployment: one for each process, all with one key and one database."""
    return HugAtHome(
        key=b"a secret of thirty-two bytes, no",
        store=open_store(url),
        sms=OutboxSms(),
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
    )


# --- One process -----------------------------------------------------------------------------------


class Take(NamedTuple):
    """Who took which session, and when: all processes of a machine read one monotonic clock."""

    by: str
    session: str
    began: float
    ended: float


def works(url: str, clinicians: Iterable[str]) -> list[Take]:
    """Have some clinicians take until nobody waits."""
    return asyncio.run(_work(url, clinicians))


async def _work(url: str, clinicians: Iterable[str]) -> list[Take]:
    taken: list[Take] = []

    async def take(whose: str) -> None:
        by = Participant(id=whose, role="practitioner", name="Dr A. Rossi")
        began = perf_counter()
        while (session := await hug.queue.take_next(**QUEUE, by=by)) is not None:
            taken.append(Take(whose, session.id, began, perf_counter()))
            began = perf_counter()

    async with hug_over(url) as hug, asyncio.TaskGroup() as group:
        for whose in clinicians:
            group.create_task(take(whose))
    return taken


# --- All of them -----------------------------------------------------------------------------------


async def enter(url: str, patients: int) -> set[str]:
    """Let patients come, and return their sessions' ids."""
    patient = Participant(id="p-1", role="patient", name="M. Dupont")
    async with hug_over(url) as hug:
        return {(await hug.queue.enter(**QUEUE, participants=[patient])).id for _ in range(patients)}


async def told(url: str) -> Counter[str]:
    """Return how often the host was told that each session was taken."""
    async with hug_over(url) as hug:
        return Counter(
            [event.session async for event in hug.events(organisation="hug") if event.change.action == "take"]
        )


def measured(url: str, *, clinicians: int, patients: int, processes: int) -> dict[str, float]:
    """Return seconds, rate and how many patients were not taken exactly once."""
    waiting = asyncio.run(enter(url, patients))
    shares = [[f"dr-{n}" for n in range(clinicians)][each::processes] for each in range(processes)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        taken = [one for share in pool.map(works, [url] * processes, shares) for one in share]
    once = Counter(dict.fromkeys(waiting, 1))
    found, heard = Counter(take.session for take in taken), asyncio.run(told(url))
    seconds = max(take.ended for take in taken) - min(take.began for take in taken)
    each = sorted(take.ended - take.began for take in taken)
    return {
        "not_once": sum(((found - once) + (once - found) + (heard - once) + (once - heard)).values()),
        "seconds": seconds,
        "taken_per_second": patients / seconds,
        "median_ms": 1000 * median(each),
        "p95_ms": 1000 * each[int(0.95 * len(each))],
        "clinicians_who_took": len({take.by for take in taken}),
    }


def main() -> None:
    """Start PostgreSQL, and print what came out as JSON."""
    clinicians, patients, processes = map(int, sys.argv[1:] or (200, 2000, 4))
    with servers.postgresql(fsync=True) as url:
        _make_tables(url)
        found = measured(url, clinicians=clinicians, patients=patients, processes=processes)
    print(json.dumps(found))


def _make_tables(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(schema("postgresql").encode())


if __name__ == "__main__":
    main()

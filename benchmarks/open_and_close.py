"""What 200 rounds of ten rooms leave behind: tasks, threads, file descriptors and memory.

In each round twenty devices come into ten rooms of a real server, describe themselves to one another, and
hang up; the visits are called off, and their logs forgotten, as `run_due` does a quarter of an hour later.
What a process opens once, it opens in the first rounds, which are not counted. The record is in a file: what
a host keeps for ever is no leak.

    PYTHONPATH=. python benchmarks/open_and_close.py
"""

import asyncio
import gc
import json
import tempfile
import threading
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks.relays.devices import Device, Ours
from benchmarks.relays.servers import DEVICES, deployment, planned

from hugathome import HugAtHome
from hugathome.logs import open_log
from hugathome.stores import open_store
from hugathome.web.serving import listening, serving

ROUNDS = 200
WARM_UP = 20
ROOMS = 10
EXCHANGES = 4
DESCRIPTORS = "/dev/fd"
"""Where Linux and macOS list them."""


class Held(NamedTuple):
    """What the process holds at one moment."""

    tasks: int
    threads: int
    descriptors: int
    kilobytes: int


def held() -> Held:
    """Count what is open, less the event loop's own pool: its threads come one by one, and stay."""
    gc.collect()
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    resident = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmRSS" in line)
    open_now = len(list(Path(DESCRIPTORS).iterdir()))
    return Held(len(asyncio.all_tasks()), len(threads), open_now, int(resident.split()[1]))


async def visit(hug: HugAtHome, port: int) -> str:
    """Hold one visit between two devices, and return its session's id."""
    session = await planned(hug)
    exchanged = asyncio.Event()
    left = EXCHANGES

    def described(device: Device) -> None:
        nonlocal left
        left -= 1
        if left:
            device.describe()
        else:
            exchanged.set()

    def device(whose: str) -> Device:
        return Device(Ours(hug.grant(session, whose).token, is_first=False), described)

    loop = asyncio.get_running_loop()
    both = []
    for whose in DEVICES:
        _, connected = await loop.create_connection(partial(device, whose), "127.0.0.1", port)
        both.append(connected)
    one, other = both
    await asyncio.gather(one.ready, other.ready)
    one.other, other.other = other, one
    (one if one.dialect.is_first else other).describe()
    await exchanged.wait()
    for each in both:
        each.transport.close()
    await hug.sessions.cancel(session, by=DEVICES[0])
    return session


async def _left_by(rounds: int, warm_up: int, rooms: int) -> dict[str, float]:
    log = open_log("memory://")
    with tempfile.TemporaryDirectory() as folder:
        hug = deployment(open_store(f"sqlite:///{Path(folder) / 'clinic.db'}"), log)
        bound = listening()
        async with hug, serving(hug.asgi(), bound):
            before = held()
            for number in range(warm_up + rounds):
                if number == warm_up:
                    before = held()
                sessions = await asyncio.gather(*(visit(hug, bound.getsockname()[1]) for _ in range(rooms)))
                for session in sessions:
                    await log.forget(session)
                await asyncio.sleep(0.05)
            await asyncio.sleep(1)
            after = held()
    left = Held(*(now - then for now, then in zip(after, before, strict=True)))
    return {
        "rounds": rounds,
        **left._asdict(),
        "left": sum(left[:3]),
        "kilobytes_per_round": left.kilobytes / rounds,
    }


def measure(*, rounds: int = ROUNDS, warm_up: int = WARM_UP, rooms: int = ROOMS) -> dict[str, float]:
    """Return how many more of each there are after the rounds than before, and the memory of one."""
    return asyncio.run(_left_by(rounds, warm_up, rooms))


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

"""What fifty calls leave behind: tasks, threads and file descriptors, after both devices have closed.

Every call is a visit of its own between two `Peer`s that send and receive sound and picture, until each
has seen and heard the other. The first call opens what a process opens once, and is not counted.

    scripts/loopback python benchmarks/fifty_calls.py
"""

import asyncio
import gc
import json
import threading
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from hugathome import Participant
from hugathome.testing import FakeHugAtHome, Robot

CALLS = 50
DESCRIPTORS = "/dev/fd"
"""Where Linux and macOS list them."""
PATIENT, CLINICIAN = "p-1", "dr-rossi"


class Held(NamedTuple):
    """What the process holds at one moment."""

    tasks: int
    threads: int
    descriptors: int


def held() -> Held:
    """Count what is open, less the event loop's own pool: its threads come one by one, and stay."""
    gc.collect()
    threads = [thread for thread in threading.enumerate() if not thread.name.startswith("asyncio_")]
    return Held(len(asyncio.all_tasks()), len(threads), len(list(Path(DESCRIPTORS).iterdir())))


async def call(hug: FakeHugAtHome) -> None:
    """Hold one visit, from the grants to the closed devices."""
    now = hug.clock.now()
    session = await hug.sessions.plan(
        organisation="hug",
        service="benchmark",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id=CLINICIAN, role="practitioner", name="Dr A. Rossi"),
            Participant(id=PATIENT, role="patient", name="M. Dupont"),
        ],
    )
    async with (
        Robot.from_grant(hug.grant(session.id, PATIENT), at=hug.here) as patient,
        Robot.from_grant(hug.grant(session.id, CLINICIAN), at=hug.here) as clinician,
    ):
        await clinician.admit(PATIENT)
        await asyncio.gather(
            patient.peer.video(CLINICIAN).recv(),
            clinician.peer.video(PATIENT).recv(),
            patient.peer.audio(CLINICIAN).recv(),
            clinician.peer.audio(PATIENT).recv(),
        )
        await clinician.complete("completed")
        await patient.ended()


async def _left_by(calls: int) -> Held:
    async with FakeHugAtHome() as hug:
        await call(hug)
        await hug.here.drained()
        before = held()
        for _ in range(calls):
            await call(hug)
        await hug.here.drained()
        after = held()
    return Held(*(now - then for now, then in zip(after, before, strict=True)))


def measure(*, rounds: int = CALLS) -> dict[str, float]:
    """Return how many more of each there are after `rounds` calls than before."""
    left = asyncio.run(_left_by(rounds))
    return {"calls": rounds, **left._asdict(), "left": sum(left)}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

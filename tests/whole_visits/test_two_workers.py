"""One visit on two workers: each is killed or stopped, and so is what joins them.

Doctor and patient are connected with different workers and write to each other all the time. Both must be
back within three tries, nothing written may be missing, doubled or out of order, and nobody needs an SMS.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from tests import servers
from tests.lives import is_in_full
from tests.whole_visits.two_workers import Hospital, hospital, planned

from hugathome.clock import Clock, SystemClock
from hugathome.device.returning import Phase
from hugathome.errors import TransportClosed
from hugathome.peer import Peer
from hugathome.signalling import Transport
from hugathome.sms import OutboxSms
from hugathome.testing import Outbox, Robot
from hugathome.testing.robot import PATIENCE
from hugathome.testing.site import Answer, HttpSite

TRIES = 3
PAUSE = timedelta(seconds=60 if is_in_full() else 2)
"""A worker that stands still for a minute is given up by its devices; for two seconds it is not."""
LINES = 20
"""Written by each, at the most, for each trouble: all that is written is still kept at the end."""
ANSWERS_WITHIN = 5.0
"""Seconds, after which a balancer tries another worker."""

pytestmark = [
    pytest.mark.media,
    pytest.mark.skipif(
        not (servers.HAS_REDIS and servers.HAS_POSTGRESQL), reason="no servers can be started as their user"
    ),
]


class Balancer:
    """Leads a page to the worker that it was led to last, and to the other one if that does not answer."""

    def __init__(self, *bases: str) -> None:
        self.clock: Clock = SystemClock()
        self._sites = [HttpSite(base) for base in bases]

    async def ask(self, call: str, **asked: str) -> Answer:
        async with self._moving_on():
            return await self._sites[0].ask(call, **asked)

    async def connect(self) -> Transport:
        async with self._moving_on():
            return await self._sites[0].connect()

    async def aclose(self) -> None:
        for site in self._sites:
            await site.aclose()

    @asynccontextmanager
    async def _moving_on(self) -> AsyncGenerator[None]:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN):
                yield
        except (TransportClosed, TimeoutError):
            self._sites.reverse()
            raise TransportClosed("this worker does not answer") from None


class Visit(NamedTuple):
    """A doctor at the first worker, a patient at the second, what each has written, and how often tried."""

    doctor: Robot
    patient: Robot
    written: dict[str, list[str]]
    tries: Counter[Robot]

    @property
    def robots(self) -> tuple[Robot, Robot]:
        return self.doctor, self.patient

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        """Let both write while the block runs, each as soon as what they wrote last was taken."""
        is_over = asyncio.Event()
        async with asyncio.TaskGroup() as scope:
            for robot in self.robots:
                scope.create_task(self._write(robot, is_over))
            yield
            is_over.set()

    async def _write(self, robot: Robot, is_over: asyncio.Event) -> None:
        lines = self.written.setdefault(robot.peer.participant, [])
        for _ in range(LINES):
            lines.append(f"{robot.peer.participant} {len(lines)}")
            await robot.peer.text(lines[-1])
            with suppress(TimeoutError):
                async with asyncio.timeout(0.1):
                    await is_over.wait()
            if is_over.is_set():
                return

    @property
    def tried(self) -> Counter[Robot]:
        """How often each device has tried until now."""
        return Counter({robot: robot.peer.client.failures for robot in self.robots})

    async def back(self, *robots: Robot, in_vain: Counter[Robot] | None = None) -> None:
        """Return once these have lost their worker and are back; fail where it took too many tries.

        Those that they made `in_vain`, while nobody could serve them, do not count.
        """
        for robot in robots:
            before = self.tries[robot]
            unserved = max(before, in_vain[robot]) if in_vain else before
            await robot.peer.until(partial(is_back, tries=before), within=PATIENCE)
            self.tries[robot] = robot.peer.client.failures
            assert self.tries[robot] - unserved <= TRIES
            assert robot.peer.client.state == "admitted"

    async def read(self) -> None:
        """Return once both have read everything that was written, once and in order."""
        everything = sum(map(len, self.written.values()))
        for robot in self.robots:
            await robot.peer.until(lambda peer: len(peer.client.texts) >= everything, within=PATIENCE)
            for who, lines in self.written.items():
                assert [text.text for text in robot.peer.texts if text.participant == who] == lines


def is_back(peer: Peer, tries: int) -> bool:
    """Whether a device has been lost since it had tried so often, and is there again."""
    return peer.client.failures > tries and peer.client.phase is Phase.LIVE


@asynccontextmanager
async def visit(at: Hospital) -> AsyncGenerator[Visit]:
    sent, session = at.sent, await planned(at.host)
    grant = at.host.grant(session.id, "dr-rossi")
    doctor = Robot.from_grant(grant, at=Balancer(*at.bases), media=False)
    sms = Outbox(at.sms).last()
    patient = Robot.from_sms(sms, site=Balancer(*reversed(at.bases)), media=False)
    async with doctor, patient:
        await doctor.admit("p-1")
        await patient.admitted()
        yield Visit(doctor, patient, {}, Counter())
    assert at.sent == sent + 1


async def outlives_its_workers(at: Hospital, held: Visit) -> None:
    async with held.writing():
        await at.workers[0].kill()
        await held.back(held.doctor)
    await held.read()
    if is_in_full():
        await at.workers[0].start()
        async with held.writing():
            await at.workers[1].kill()
            await held.back(*held.robots)
        await held.read()


async def outlives_a_pause(at: Hospital, held: Visit) -> None:
    async with held.writing():
        at.workers[1].pause()
        await asyncio.sleep(PAUSE.total_seconds())
        at.workers[1].go_on()
    await held.read()

    for robot in held.robots:
        assert robot.peer.client.failures <= TRIES


async def outlives_a_restart(restart: Callable[[], None], held: Visit) -> None:
    async with held.writing():
        await asyncio.to_thread(restart)
        await held.back(*held.robots, in_vain=held.tried)
    await held.read()


async def test_a_visit_on_postgresql_outlives_a_worker_that_stands_still(
    tmp_path: Path, sms: OutboxSms, emptied_postgresql: str
) -> None:
    async with hospital(tmp_path, sms, database=emptied_postgresql) as at:
        async with visit(at) as held:
            await outlives_a_pause(at, held)
        if is_in_full():
            async with visit(at) as held:
                await outlives_a_restart(partial(servers.restart_postgresql, emptied_postgresql), held)
                await outlives_its_workers(at, held)


async def test_a_visit_on_redis_outlives_its_workers_and_redis_itself(tmp_path: Path, sms: OutboxSms) -> None:
    with servers.redis(fsync=True) as server:
        async with hospital(tmp_path, sms, log=server.url) as at:
            if is_in_full():
                async with visit(at) as held:
                    await outlives_a_pause(at, held)
            async with visit(at) as held:
                await outlives_a_restart(server.restart, held)
                await outlives_its_workers(at, held)


async def test_a_visit_outlives_a_redis_that_has_forgotten_everything(tmp_path: Path, sms: OutboxSms) -> None:
    with servers.redis() as server:
        async with hospital(tmp_path, sms, log=server.url) as at, visit(at) as held:
            before = [robot.peer.client.peer for robot in held.robots]
            server.restart()
            await held.back(*held.robots)
            async with held.writing():
                pass
            await held.read()

            assert not {robot.peer.client.peer for robot in held.robots} & set(before)


async def test_a_visit_outlives_a_redis_that_was_taken_back(tmp_path: Path, sms: OutboxSms) -> None:
    with servers.redis() as server:
        async with hospital(tmp_path, sms, log=server.url) as at, visit(at) as held:
            async with held.writing():
                pass
            server.save()
            async with held.writing():
                pass
            await held.read()
            written = {who: len(lines) for who, lines in held.written.items()}
            server.restart()
            await held.back(*held.robots)
            async with held.writing():
                pass

            for robot, (who, lines) in product(held.robots, held.written.items()):
                await robot.peer.until(partial(has_read, lines=lines[written[who] :]), within=PATIENCE)
                read = [text.text for text in robot.peer.texts if text.participant == who]
                assert read == [line for line in lines if line in read]


def has_read(peer: Peer, lines: Sequence[str]) -> bool:
    return set(lines) <= {text.text for text in peer.texts}

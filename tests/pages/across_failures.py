"""One visit of two pages on two workers, and what may fail in the middle of it.

    the doctor's page ──┐            ┌── one worker ────┐
                        ├─ HAProxy ──┤                  ├── Redis or PostgreSQL
    the patient's page ─┘            └── the other ─────┘

The patient came by the link and the code of an SMS. Both write to each other before, while and after it
fails. What the pages noted meanwhile is handed back as `Outcome`; texts that are lost, doubled, out of order
or shown twice fail at once, and so does a page that does not come back.
"""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.async_api import Browser, Page, expect
from tests import servers
from tests.pages.browsing import DESKTOP, comes_true, device, in_state, open_from_sms, sees_and_hears, use
from tests.pages.noting import NOTING, SHOWS_FRAMES, WAS_AWAY, noted_by, read_by
from tests.pages.proxies import (
    DESKTOP_AGENT,
    HANDHELD_AGENT,
    Connections,
    answers,
    before_two_workers,
    unused_port,
)
from tests.whole_visits.two_workers import Hospital, hospital, planned

from hugathome.device.returning import SPREAD
from hugathome.sms import OutboxSms
from hugathome.stores import schema

TRIES = 3
LONGEST_PAUSE = 1.0
"""Seconds without a new frame, that nobody may be left with."""
_PATIENCE = 30_000
"""Milliseconds for a page to come back, and to show everything."""
_STANDS_STILL = 60.0
_AT_MOST = 10
"""Texts of each while something fails: a page that comes back is given the last hundred."""
_PICTURE = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
const little = { width: 320, height: 240, frameRate: 15 };
navigator.mediaDevices.getUserMedia = ({ audio, video }) => ask({ audio, video: video && little });
"""


class Ground(NamedTuple):
    """What may fail."""

    at: Hospital
    database: str | None
    redis: servers.RedisServer | None


class Fault(NamedTuple):
    """Something that fails; it `happens`, and once that returns, whoever tries can be served again."""

    on: str
    """Where the log is: "redis", one that loses nothing, "forgetful redis" or "postgresql"."""
    happens: Callable[[Ground], Awaitable[None]]
    before: Callable[[Ground], Awaitable[None]] | None = None
    """What is done earlier, and must not be noticed by anybody."""
    is_always_served: bool = True
    """Whether there is a worker all the time that a page can go to."""
    forgets: bool = False
    """Whether the log comes back without all that it had taken."""


class Told(NamedTuple):
    """What one page noted; times are in seconds."""

    longest_pause: float
    """Without a new frame of the other's picture."""
    away: float
    """From when the page noticed, or could be served, until it was back; 0 if it never noticed."""
    tries: int
    """To come back, from when it could be served."""
    back_offs: float
    """What three back-offs take at the most, after those that it has had when it could be served."""


class Outcome(NamedTuple):
    """What became of the visit."""

    doctor: Told
    patient: Told
    messages: int
    """SMS in all."""


# --- What fails ----------------------------------------------------------------------------------


async def _kill_the_doctors_worker(ground: Ground) -> None:
    await ground.at.workers[0].kill()


async def _kill_the_patients_worker_and_start_another(ground: Ground) -> None:
    await ground.at.workers[1].kill()
    await ground.at.workers[1].start()


async def _stop_the_doctors_worker_for_a_minute(ground: Ground) -> None:
    ground.at.workers[0].pause()
    await asyncio.sleep(_STANDS_STILL)
    ground.at.workers[0].go_on()


async def _kill_redis(ground: Ground) -> None:
    assert ground.redis is not None
    await asyncio.to_thread(ground.redis.restart)


async def _save_redis(ground: Ground) -> None:
    assert ground.redis is not None
    await asyncio.to_thread(ground.redis.save)


async def _kill_postgresql(ground: Ground) -> None:
    assert ground.database is not None
    await asyncio.to_thread(servers.restart_postgresql, ground.database)


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        **{
            f"{what}, on {where}": Fault(where, happens)
            for where in ("redis", "postgresql")
            for what, happens in (
                ("kill of the doctor's worker", _kill_the_doctors_worker),
                ("kill of the patient's worker", _kill_the_patients_worker_and_start_another),
                ("a worker that stands still for a minute", _stop_the_doctors_worker_for_a_minute),
            )
        },
        "kill of redis": Fault("redis", _kill_redis, is_always_served=False),
        "kill of redis with all its data": Fault(
            "forgetful redis", _kill_redis, is_always_served=False, forgets=True
        ),
        "redis taken back to an older snapshot": Fault(
            "forgetful redis", _kill_redis, before=_save_redis, is_always_served=False, forgets=True
        ),
        "kill of postgresql": Fault("postgresql", _kill_postgresql, is_always_served=False),
    }
)


# --- The visit -----------------------------------------------------------------------------------


class Side(NamedTuple):
    """One page of the visit."""

    who: str
    page: Page
    connections: Connections
    written: list[str]

    async def writes(self) -> None:
        """Write one text."""
        self.written.append(f"{self.who} {len(self.written)}")
        await self.page.fill("[data-text]", self.written[-1])
        await use(self.page, "send-text")


class Visit(NamedTuple):
    """Both pages, each with the picture of the other."""

    doctor: Side
    patient: Side

    @property
    def sides(self) -> tuple[Side, Side]:
        return self.doctor, self.patient

    @property
    def tries(self) -> tuple[int, int]:
        """How often each page has tried to reach a hub."""
        return self.doctor.connections.tries, self.patient.connections.tries

    async def said(self, times: int = 2) -> None:
        """Let both write, and return once both pages are there and show all that was ever written."""
        for _ in range(times):
            await self._write()
        everything = sum(len(side.written) for side in self.sides)
        for side in self.sides:
            await expect(side.page.locator("body")).to_have_attribute("data-link", "live", timeout=_PATIENCE)
            await in_state(side.page, "visit")
            texts = side.page.locator("[data-texts] [data-words]")
            await expect(texts).to_have_count(everything, timeout=_PATIENCE)
            await expect(side.page.locator(".tile")).to_have_count(1)

    async def saying_until(self, is_over: asyncio.Future[None]) -> None:
        """Let both write from time to time until something has happened; all of it is kept to the end."""
        for _ in range(_AT_MOST):
            await self._write()
            await asyncio.wait([is_over], timeout=0.4)
            if is_over.done():
                return

    async def noticed(self, *, since: float) -> None:
        """Return once both pages have said that they were away."""
        for side in self.sides:
            await comes_true(side.page, WAS_AWAY, since)

    async def have_read(self, *, all_alike: bool) -> None:
        """Fail unless both show what each has written, in order and once; `all_alike`: in one order."""
        shown = [await read_by(side.page) for side in self.sides]
        for texts in shown:
            for side in self.sides:
                assert [text for text in texts if text.startswith(side.who)] == side.written
        if all_alike:
            assert shown[0] == shown[1]

    async def _write(self) -> None:
        for side in self.sides:
            await side.writes()


class Suffered(NamedTuple):
    """When it failed, and when whoever tried could be served again."""

    since: float
    mended: float
    tried: tuple[int, int]
    """How often each page had tried to reach a hub when it failed."""
    in_vain: tuple[int, int]
    """And since then, until it could be served."""


async def visit_across(fault: Fault, folder: Path, chromium: Browser) -> Outcome:
    """Hold a visit in which this fails, and return what became of it."""
    async with _ground(fault, folder) as ground, _visit(ground, chromium) as visit:
        await visit.said()
        if fault.before is not None:
            await fault.before(ground)
            await visit.said()
        suffered = await _suffered(fault, ground, visit)
        await visit.said()
        await visit.said()
        await visit.have_read(all_alike=not fault.forgets)
        for side in visit.sides:
            await comes_true(side.page, SHOWS_FRAMES, _now())
        doctor, patient = [await _told(visit.sides, suffered, number) for number in (0, 1)]
        return Outcome(doctor, patient, ground.at.sent)


async def _suffered(fault: Fault, ground: Ground, visit: Visit) -> Suffered:
    """Let it fail while both go on writing, and return once whoever tries can be served again."""
    since, tried = _now(), visit.tries
    happening = asyncio.ensure_future(fault.happens(ground))
    await visit.saying_until(happening)
    await happening
    if fault.is_always_served:
        return Suffered(since, since, tried, (0, 0))
    mended, by_then = _now(), visit.tries
    await visit.noticed(since=since)
    return Suffered(since, mended, tried, (by_then[0] - tried[0], by_then[1] - tried[1]))


async def _told(sides: Sequence[Side], suffered: Suffered, number: int) -> Told:
    noted = await noted_by(sides[number].page)
    assert (noted.doubled, noted.vanished) == ([], [])
    away = noted.away(since=suffered.since)
    tried = suffered.tried[number] + suffered.in_vain[number]
    return Told(
        longest_pause=noted.longest_pause(since=suffered.since) / 1000,
        away=max(away[1] - max(away[0], suffered.mended), 0) / 1000 if away else 0,
        tries=sides[number].connections.tries - tried,
        back_offs=back_offs(suffered.in_vain[number], TRIES),
    )


def back_offs(already: int, more: int) -> float:
    """Return what so many `more` back-offs take at the most after those that were `already` taken."""
    least, most = (each.total_seconds() for each in SPREAD)
    return math.fsum(min(least * 2.0**number, most) for number in range(already, already + more))


# --- Where it is held ----------------------------------------------------------------------------


@asynccontextmanager
async def _ground(fault: Fault, folder: Path) -> AsyncGenerator[Ground]:
    sms, front = OutboxSms(), unused_port()
    if fault.on == "postgresql":
        with servers.postgresql() as url:
            _create_tables(url)
            async with hospital(folder, sms, database=url, front=front) as at:
                yield Ground(at, url, None)
    else:
        with servers.redis(fsync=fault.on == "redis") as redis:
            async with hospital(folder, sms, log=redis.url, front=front) as at:
                yield Ground(at, None, redis)


def _create_tables(url: str) -> None:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(schema("postgresql").encode())


@asynccontextmanager
async def _visit(ground: Ground, chromium: Browser) -> AsyncGenerator[Visit]:
    at = ground.at
    one, other = at.ports
    front = urlsplit(at.host.site).port or 0
    desktop = await device(chromium, NOTING, _PICTURE, viewport=DESKTOP, agent=DESKTOP_AGENT)
    phone = await device(chromium, NOTING, _PICTURE, agent=HANDHELD_AGENT)
    with before_two_workers(at.folder, front=front, one=one, other=other):
        await answers(front)
        session = await planned(at.host)
        patient = await open_from_sms(phone, at)
        doctor = await desktop.new_page()
        await doctor.goto(at.host.room_url(at.host.grant(session.id, "dr-rossi")))
        visit = Visit(_side("doctor", doctor), _side("patient", patient))
        await _meet(visit)
        yield visit
    await desktop.close()
    await phone.close()


def _side(who: str, page: Page) -> Side:
    return Side(who, page, Connections(page), [])


async def _meet(visit: Visit) -> None:
    doctor, patient = (side.page for side in visit.sides)
    for page in (doctor, patient):
        await use(page, "join")
    await use(doctor, "admit")
    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(doctor, "p-1")
    for page in (doctor, patient):
        await use(page, "text-panel")


def _now() -> float:
    return 1000 * time.time()

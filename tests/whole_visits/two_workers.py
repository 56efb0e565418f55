"""A hospital that runs two workers, each a process of its own, on one database and one log."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from tests.whole_visits.server import KEY, Server, prepared

from hugathome import HugAtHome, Participant, Session
from hugathome.logs import open_log
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.web.serving import listening


class Hospital(NamedTuple):
    """Two workers, what joins them, and a host that serves nobody."""

    folder: Path
    host: HugAtHome
    workers: tuple[Server, ...]
    ports: tuple[int, ...]
    sms: OutboxSms

    @property
    def bases(self) -> tuple[str, ...]:
        """Where the workers serve."""
        return tuple(f"http://127.0.0.1:{port}/visit" for port in self.ports)

    @property
    def sent(self) -> int:
        """How many messages have gone out."""
        return len(self.sms.outbox) + self.workers[0].sent


@asynccontextmanager
async def hospital(
    folder: Path,
    sms: OutboxSms,
    *,
    database: str | None = None,
    log: str | None = None,
    front: int | None = None,
) -> AsyncGenerator[Hospital]:
    """Start it; `front` is the port of a proxy, where one stands before both workers."""
    database = database or f"sqlite:///{folder}/clinic.db"
    with listening() as one, listening() as other:
        ports = [probe.getsockname()[1] for probe in (one, other)]
    site = f"http://127.0.0.1:{front or ports[0]}/visit"
    async with AsyncExitStack() as stack:
        host = HugAtHome(
            key=KEY,
            store=open_store(database),
            log=open_log(log or database),
            sms=sms,
            site=site,
            timezone="Europe/Zurich",
            brand="HUG@home",
        )
        await stack.enter_async_context(host)
        workers = [prepared(folder, port=port, site=site, database=database, log=log) for port in ports]
        for worker in workers:
            stack.push_async_callback(worker.aclose)
        await asyncio.gather(*(worker.start() for worker in workers))
        yield Hospital(folder, host, tuple(workers), tuple(ports), sms)


async def planned(host: HugAtHome) -> Session:
    """Plan a visit that begins now, and invite the patient."""
    now = host.clock.now()
    session = await host.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
        ],
    )
    await host.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await host.invite(session.id, "p-1")
    return session

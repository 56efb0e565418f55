"""A made-up clinic for one scenario: the real product over the log and the transports that are tried.

The record is in memory and the clock stands still until the scenario moves it: what is tried lies between a
device and the room's log, and nothing else may be late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import timedelta
from typing import Any, final

from hugathome.app import HugAtHome
from hugathome.grants import JoinGrant
from hugathome.protocol.ice import IceServer
from hugathome.protocol.messages import Admit, Hello, Pair, Welcome
from hugathome.protocol.wire import Caps, Limits, ResumeFrom
from hugathome.record.participants import Participant
from hugathome.session import Session
from hugathome.signalling import SignallingLog, Transport
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing.clock import FakeClock
from hugathome.testing.golden.device import Device
from hugathome.testing.golden.script import Script

ConnectPair = Callable[[], Awaitable[tuple[Transport, Transport]]]

BROWSER = Caps(rollback=True, ice_restart=True)
PEOPLE = (
    Participant(id="dr", role="practitioner", name="Dr A. Rossi"),
    Participant(id="colleague", role="practitioner", name="Dr B. Keller"),
    Participant(id="pat", role="patient", name="M. Dupont"),
    Participant(id="nurse", role="nurse", name="N. Weber"),
    Participant(id="student", role="observer", name="C. Blanc"),
)
_ICE_SERVERS = (IceServer(urls=["turn:turn.example.ch"], secret="nobody's"),)  # noqa: S106 - of no server
_DEFAULTS = Limits()


@final
class Stage:
    """What a scenario is played on: `visit` sets it up, `close` clears it."""

    def __init__(self, connect: ConnectPair, log: SignallingLog, script: Script) -> None:
        self.script = script
        self._connect = connect
        self._log = log
        self._visits: list[Visit] = []

    async def visit(self, *, limits: Limits = _DEFAULTS, people: Sequence[Participant] = PEOPLE) -> "Visit":
        """Plan a visit that begins now, served by two workers."""
        visit = Visit(self._connect, self._log, self.script, limits=limits)
        await visit.plan(people)
        self._visits.append(visit)
        return visit

    async def close(self) -> None:
        """End whatever still runs."""
        for visit in self._visits:
            await visit.close()
        await self._log.aclose()


@final
class Visit:
    """One visit: who comes to it, and what the hospital's own software says of it."""

    session: Session

    def __init__(self, connect: ConnectPair, log: SignallingLog, script: Script, *, limits: Limits) -> None:
        self.clock = FakeClock()
        self.script = script
        store = open_store("memory://")
        self.workers = [
            HugAtHome(
                key=b"a key that is only ever used in scenarios",
                store=store,
                log=log,
                sms=OutboxSms(),
                site="https://visit.example.ch",
                timezone="Europe/Zurich",
                brand="HUG@home",
                ice_servers=_ICE_SERVERS,
                limits=limits,
                clock=self.clock,
            )
            for _ in range(2)
        ]
        self.hug = self.workers[0]
        """As the hospital's own software has it."""
        self._connect = connect
        self._log = log
        self._ends: list[Transport] = []
        self._running: list[asyncio.Task[None]] = []

    async def plan(self, people: Sequence[Participant]) -> None:
        """Have the visit in the record."""
        now = self.clock.now()
        self.session = await self.hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            starts_at=now,
            ends_at=now + timedelta(minutes=30),
            participants=people,
        )

    # --- Coming ----------------------------------------------------------------------------------

    async def join(
        self, who: str, *, caps: Caps = BROWSER, worker: int = 0, grant: JoinGrant | None = None
    ) -> Device:
        """Have somebody come in, or be welcomed again on the same `grant`."""
        device = await self.knock(who, caps=caps, worker=worker, grant=grant)
        await device.until(Welcome)
        return device

    async def knock(
        self,
        who: str,
        *,
        caps: Caps = BROWSER,
        worker: int = 0,
        grant: JoinGrant | None = None,
        nonce: str = "",
    ) -> Device:
        """Have somebody say hello, whatever becomes of it."""
        grant = grant or self.hug.grant(self.session.id, who)
        device = await self.dial(worker=worker)
        await device.send(Hello(grant=grant.token, nonce=nonce or grant.jti, caps=caps))
        return device

    async def resume(self, former: Device, *, worker: int = 0, at: ResumeFrom | None = None) -> Device:
        """Have a device come back to where it was."""
        device = await self.knock_again(former, worker=worker, at=at)
        welcome = await device.until(Welcome)
        self.script.same("the peer of a resume", welcome.peer, former.welcome.peer)
        return device

    async def knock_again(self, former: Device, *, worker: int = 0, at: ResumeFrom | None = None) -> Device:
        """Have a device ask to resume, whatever becomes of it."""
        device = await self.dial(worker=worker)
        device.numbers = former.numbers
        device.roster, device.pairs = dict(former.roster), dict(former.pairs)
        await device.send(Hello(resume=at or former.last, nonce="again", caps=BROWSER))
        return device

    async def dial(self, *, worker: int = 0) -> Device:
        """Connect somebody who has not said anything yet."""
        here, there = await self.script.in_time("a connection", self._connect())
        self._ends += (here, there)
        self.start(self.workers[worker].serve(there))
        return Device(here, self.script)

    async def meet(self, who: str = "pat", *, caps: Caps = BROWSER) -> tuple[Device, Device]:
        """Have the doctor let somebody in; both are connected with each other."""
        doctor, guest = await self.join("dr", caps=caps), await self.join(who, caps=caps)
        await self.admit(doctor, guest)
        return doctor, guest

    async def admit(self, doctor: Device, guest: Device) -> None:
        """Have the doctor let somebody in who waits, and hear that it is done with."""
        seq = await doctor.say(Admit(participant=guest.welcome.participant))
        await guest.until(Pair, participant=doctor.welcome.participant)
        await doctor.until(Pair, participant=guest.welcome.participant)
        await doctor.until_acked(seq)  # what is not acknowledged would have to be said again after a cut

    # --- Around it -------------------------------------------------------------------------------

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the script."""
        self._running.append(asyncio.create_task(work))

    async def close(self) -> None:
        """Hang up, have the workers end, and leave nothing in the log; a failure in it is the scenario's."""
        hanging_up = (self.script.in_time("a close", end.aclose()) for end in self._ends)
        await asyncio.gather(*hanging_up, return_exceptions=True)
        try:
            for worker in self.workers:
                await self.script.in_time("the end of a worker", worker.drain(within=timedelta()))
            for running in self._running:
                await self.script.in_time("the end of a connection", running)
            await self._log.forget(self.session.id)
        finally:
            for running in self._running:
                running.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
            for worker in self.workers:
                await worker.aclose()

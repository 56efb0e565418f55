"""One run: a visit, its people with their devices, the hospital's workers, and what happens to them."""

from collections.abc import Callable, Collection
from contextvars import Context
from datetime import UTC, datetime, timedelta
from random import Random
from typing import NamedTuple

from hugathome._drive import drive
from hugathome.consultations import Consultations
from hugathome.device.client import Client
from hugathome.protocol.wire import Caps, Devices
from hugathome.record.participants import Participant
from hugathome.record.transitions import OUT
from hugathome.roles import Capability
from hugathome.stores.memory import MemorySessions
from hugathome.testing.simulation.actions import Action
from hugathome.testing.simulation.device import Device
from hugathome.testing.simulation.endpoint import Endpoint
from hugathome.testing.simulation.history import History, Invariant, InvariantBroken
from hugathome.testing.simulation.log import SimulatedLog
from hugathome.testing.simulation.loop import VirtualClock, VirtualLoop
from hugathome.testing.simulation.pipe import Listener, Pipe
from hugathome.testing.simulation.rest import unrest
from hugathome.testing.simulation.scenario import Scenario
from hugathome.testing.simulation.witness import Witness
from hugathome.testing.simulation.worker import KEYS, Reader, Worker
from hugathome.visits.archive import Archive

_BEGINS = datetime(2026, 1, 1, 12, tzinfo=UTC)
_REST_WITHIN = 300
"""Seconds until everybody must be back: the longest back-off many times, and a dead worker doubted."""

_FEW = 12
"""Entries that a worker keeps in memory in half of the runs, so that a device has to begin at a snapshot."""
_OFTEN, _SELDOM = 0.4, 0.1
"""How often somebody comes whom the visit does not need, and a colleague of the clinician."""


class Line(NamedTuple):
    """A connection, and whose it is."""

    device: Device
    worker: Worker
    pipe: Pipe


class World:
    """Everything there is in one run; actions, faults and checks look at it and change it."""

    def __init__(self, seed: int, scenario: Scenario) -> None:
        self.scenario = scenario
        self.draw = Random(seed)
        """What everything that is left to chance is drawn from."""
        self.history = History(seed)
        self.loop = VirtualLoop(self.draw, on_failure=self._failed)  # type: ignore[abstract]  # no I/O
        self.clock = VirtualClock(self.loop, begins=_BEGINS)
        self.limits = scenario.limits.but(
            kept=self.draw.choice([scenario.limits.kept, _FEW]),
            devices=scenario.limits.devices if self.draw.random() < 0.8 else self.draw.choice(list(Devices)),
        )
        self.people = self._who_comes()
        self.hosts = [each.id for each in self.people if Capability.ADMIT in each.capabilities]
        """The ids of those who admit."""
        self.workers: list[Worker] = []
        self.devices: list[Device] = []
        self.session = ""
        """The id of the visit."""
        self._log = SimulatedLog(on_append=self._appended)
        self._store = MemorySessions()
        self._archive = Archive(store=self._store, keys=KEYS, randomness=self.draw.randbytes)
        self._reader = Reader()
        self._lines: list[Line] = []
        self.robbed: set[str] = set()
        """Participants whose greetings somebody has tried to use."""
        self._gone: list[Worker] = []
        self._found: tuple[Invariant, str] | None = None
        self._numbers = 0
        self._longer = 0.0
        self._outside = Context()

    # --- Running ---------------------------------------------------------------------------------

    def run(self) -> History:
        """Let everything happen, come to rest, and end; raise `InvariantBroken`."""
        try:
            self._begin()
            for act in self.scenario.first:
                self._step(act, pause=1.0)
            for _ in range(self.scenario.steps):
                self._step(self._drawn(), pause=self.draw.random() ** 3 * 6)
            self._settle()
        finally:
            self._end()
        self._raise_if_broken()
        return self.history

    def _begin(self) -> None:
        for _ in range(self.scenario.workers):
            self.hire()
        self.workers[0].ask(self._plan)
        self.loop.run_until(1)
        self.witness = Witness(self.session, blame=self.blame)
        for person in self.people:
            self.bring(person.id)

    async def _plan(self, record: Consultations) -> None:
        planned = await record.plan(
            organisation="hug",
            service="cardiology",
            starts_at=_BEGINS,
            ends_at=_BEGINS + timedelta(hours=1),
            participants=list(self.scenario.people),
        )
        self.session = planned.id

    def _drawn(self) -> Action:
        scenario = self.scenario
        weighted = scenario.faults if self.draw.random() < scenario.trouble else scenario.actions
        return self.draw.choices(list(weighted), list(weighted.values()))[0]

    def _step(self, act: Action, *, pause: float) -> None:
        self.note("world", act.__name__)
        act(self)
        self.loop.run_until(self.loop.time() + pause + self._longer)
        self._longer = 0.0
        for check in self.scenario.checks:
            for seen in check(self):
                self.blame(Invariant.OWN, seen)
        self._raise_if_broken()

    def _settle(self) -> None:
        """Put everything right, and wait until nothing more is to come."""
        self.note("world", "is put right")
        self._heal()
        until = self.loop.time() + _REST_WITHIN
        while (found := next(unrest(self), None)) and self.loop.time() < until:
            self.loop.run_until(self.loop.time() + 1)
            self._raise_if_broken()
        if found:
            self.blame(*found)
        self._raise_if_broken()

    def _heal(self) -> None:
        for worker in list(self.workers):
            worker.cut_off()
            worker.thaw()
            if abs(worker.skew) > timedelta(minutes=1):  # nobody is let in on grants from another time
                self.kill(worker)
        for line in self._lines:
            line.pipe.unstall()
        while len(self.workers) < self.scenario.workers:
            self.hire(skew=timedelta())
        self._log.ring()

    def _end(self) -> None:
        """Take everything apart; what a worker does not let go of would be there for ever."""
        for device in self.devices:
            device.stop()
        for line in self._lines:
            line.pipe.cut()
        for worker in (*self.workers, *self._gone):
            worker.bury()
        self.loop.run_until(self.loop.time() + 60)

    def _raise_if_broken(self) -> None:
        if self._found is not None:
            invariant, seen = self._found
            raise InvariantBroken(invariant, seen, history=self.history)

    # --- Who is there ----------------------------------------------------------------------------

    def any_device(self) -> Device:
        """Return a device, most likely one that is not over."""
        present = [device for device in self.devices if not device.is_over]
        return self.draw.choice(present or self.devices)

    def host(self) -> Device:
        """Return a device of somebody who admits, most likely one that is not over."""
        hosts = [device for device in self.devices if device.participant in self.hosts]
        return self.draw.choice([device for device in hosts if not device.is_over] or hosts[-1:])

    def anybody(self) -> str:
        """Return the id of somebody who takes part, most likely of one who has to be let in."""
        people = [person.id for person in self.people]
        guests = [person for person in people if person not in self.hosts]
        return self.draw.choice(guests if guests and self.draw.random() < 0.9 else people)

    def any_worker(self) -> Worker:
        """Return a worker."""
        return self.draw.choice(self.workers)

    def any_line(self) -> Line | None:
        """Return a connection, if there is one."""
        self._lines = [line for line in self._lines if line.device.pipe is line.pipe]
        return self.draw.choice(self._lines) if self._lines else None

    def lines_of(self, worker: Worker) -> list[Line]:
        """Return the connections to a worker."""
        return [line for line in self._lines if line.worker is worker and line.device.pipe is line.pipe]

    def has_successor(self, device: Device) -> bool:
        """Whether the participant has had another device, or somebody who pretends to be one."""
        is_robbed = device.participant in self.robbed
        return is_robbed or sum(each.participant == device.participant for each in self.devices) > 1

    def _who_comes(self) -> list[Participant]:
        """One of those who may admit comes, and one at least of the others; of the rest it is drawn."""
        people = list(self.scenario.people)
        hosts = [person for person in people if Capability.ADMIT in person.capabilities]
        guests = [person for person in people if person not in hosts]
        certain = [*hosts[:1], *([self.draw.choice(guests)] if guests else [])]
        return [
            each
            for each in people
            if each in certain or self.draw.random() < (_SELDOM if each in hosts else _OFTEN)
        ]

    # --- What is done to them --------------------------------------------------------------------

    def number(self) -> int:
        """Return the next number, for texts that differ."""
        self._numbers += 1
        return self._numbers

    def wait(self, seconds: float) -> None:
        """Let so much time pass before what comes next."""
        self._longer = seconds

    def bring(self, participant: str, *, beside: bool = False) -> None:
        """Start a device for somebody who has none, or one more `beside` it."""
        theirs = [device for device in self.devices if device.participant == participant]
        if not beside and any(not device.is_over for device in theirs):
            return
        is_a_browser = self.draw.random() < 0.7
        client = Client(caps=Caps(rollback=is_a_browser, ice_restart=is_a_browser))
        skew = timedelta(minutes=self.draw.uniform(-600, 600))
        device = Device(
            f"{participant}.{len(theirs) + 1}",
            participant,
            client,
            around=self,
            clock=VirtualClock(self.loop, begins=_BEGINS, skew=skew),
            draw=self.draw,
        )
        self.devices.append(device)
        self.later(self.draw.random(), device.dial)

    def hire(self, *, skew: timedelta | None = None) -> None:
        """Start a worker; now and then its clock is wrong, by up to ten minutes."""
        if skew is None:
            skew = timedelta(
                seconds=self.draw.uniform(-25, 25)
                if self.draw.random() < 0.95
                else self.draw.uniform(-600, 600)
            )
        self.workers.append(
            Worker(
                f"worker.{len(self.workers) + len(self._gone) + 1}",
                loop=self.loop,
                log=self._log,
                store=self._store,
                limits=self.limits,
                begins=_BEGINS,
                skew=skew,
                draw=self.draw,
                on_failure=self._failed,
            )
        )

    def kill(self, worker: Worker) -> None:
        """End a worker; its connections break."""
        self.dismiss(worker)
        worker.kill()
        for line in self._lines:
            if line.worker is worker:  # those that a device has left, too
                line.pipe.cut()

    def dismiss(self, worker: Worker) -> None:
        """Let nobody connect to a worker any more."""
        self.workers.remove(worker)
        self._gone.append(worker)

    def rewind(self, *, to: int) -> None:
        """Have the log lose what is behind offset `to`; its followers find out a little later."""
        self.witness.rewind(self._log.rewind(to))
        self.later(self.draw.random() * 5, self._log.ring)

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        """Do something in a while."""
        self.loop.call_later(seconds, work, context=self._outside)

    def note(self, who: str, what: str, message: object = None) -> None:
        """Put into the history what happens."""
        self.history.note(self.loop.time(), who, what, message)

    def blame(self, invariant: Invariant, seen: str) -> None:
        """Note that something is not as it must be, and stop; the first of these counts."""
        if self._found is None:
            self.note("world", f"is broken: {invariant.name}, {invariant}: {seen}")
            self._found = invariant, seen
            self.loop.stop()

    # --- What devices find -----------------------------------------------------------------------

    def dial(self, device: Device) -> Pipe:
        """Open a pipe to a worker; to a frozen one as well, where nobody will answer."""
        worker = self.any_worker()
        self.note(device.name, f"connects to {worker.name}")
        pipe = self.connect(device, worker)
        self._lines.append(Line(device, worker, pipe))
        return pipe

    def connect(self, listener: Listener, worker: Worker) -> Pipe:
        """Open a pipe for whoever listens."""
        pipe = Pipe(self.loop, listener, draw=self.draw)
        worker.serve(pipe)
        return pipe

    def grant(self, participant: str) -> str | None:
        """Return a grant, as the host's page would get one, if the record lets it."""
        if self.is_out(participant):
            return None
        return self.any_worker().doorkeeper.grant(self.session, participant).token

    def is_out(self, participant: str) -> bool:
        """Whether the record lets nobody in as this participant: they were put out, or it has ended."""
        session = drive(self._archive.load(self.session))
        return session is None or session.status.is_terminal or session.of(participant).presence in OUT

    def endpoints(self, pc: str, gen: int) -> Collection[Endpoint]:
        """Return the endpoints of one generation, of both sides."""
        return [device.endpoints[pc, gen] for device in self.devices if (pc, gen) in device.endpoints]

    def _appended(self, room: str, record: bytes) -> None:
        head = self.witness.head.position
        entry = self._reader.read(record, room=room, after=head)
        self.note("log", f"{head.offset + 1}", entry)
        self.witness.append(entry, record)

    def _failed(self, failure: str) -> None:
        self.blame(Invariant.OWN, f"something failed: {failure}")

"""Whole lives of visits, in any order, by anybody, with several workers at them at once.

What holds whatever happens: nothing that was saved is lost; a reader of the events misses none, gets none
twice and none out of order; record, events and audit trail tell the same; nobody does what their role may
not; nobody is let in, or shown a name, who was not admitted; no slot is booked twice; what has ended has
ended, and names nobody once it is erased.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from tests.lives import (
    DEEDS,
    DOCTOR,
    EVERYBODY,
    PATIENT,
    PLANNED,
    is_in_full,
    refuse_afterlife,
    refuse_disagreement,
    refuse_double_booking,
    refuse_double_taking,
    refuse_gaps,
    refuse_names,
    refuse_uninvited,
    refuse_what_nobody_may,
)

from hugathome import Action, AuditEntry, Event, HugAtHome, Participant, Session
from hugathome.errors import HugathomeError, NotPermitted, StillOpen
from hugathome.logs import open_log
from hugathome.organisations import Organisation
from hugathome.presets import presets
from hugathome.record.audit import Head
from hugathome.record.imaging import Territory
from hugathome.record.offers import Coverage, Offer, Price, Slot
from hugathome.record.seats import Seat
from hugathome.record.services import Service
from hugathome.record.shelf import StoredSession
from hugathome.record.transitions import OUT
from hugathome.roles import Role
from hugathome.sms import OutboxSms
from hugathome.stores import Store, open_store
from hugathome.stores.memory import MemoryCodes, MemorySessions
from hugathome.testing import FakeClock, Robot
from hugathome.testing.fake import seeded
from hugathome.testing.site import MemorySite

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ORGANISATION = "hug"
WORKERS = 3
TEACHING = Service(id="teaching", welcome=tuple(Seat(role=role) for role in Role), on_demand=True)
SERVICES = {**presets(), "teaching": TEACHING}
OFTEN = st.sampled_from([DOCTOR, DOCTOR, DOCTOR, *EVERYBODY])
DEED = st.tuples(st.sampled_from(sorted(DEEDS)), OFTEN, st.sampled_from([PATIENT, PATIENT, *EVERYBODY]))
SHARES = 25
"""In how many tests all examples of the proof are tried, each drawn anew: none takes long."""
_LIVES = count(1)


class Agenda:
    """What the doctor offers on one day: three times, whoever has booked them."""

    def __init__(self, number: int) -> None:
        self.offer = Offer(
            id="teaching",
            organisation=ORGANISATION,
            service="teaching",
            practitioner=DOCTOR,
            discipline="cardiology",
            languages=("fr",),
            registered_in=Territory(nation="CH"),
            modalities=("video",),
            price=Price(amount=Decimal(100), currency="CHF"),
            coverage=Coverage(covered_in=frozenset({"CH"})),
        )
        starts = (NOW + timedelta(hours=1 + n) for n in range(3))
        self.free = [
            Slot(id=f"{number}/{n}", starts_at=at, ends_at=at + timedelta(minutes=20))
            for n, at in enumerate(starts)
        ]

    async def offers(self, organisation: str) -> Sequence[Offer]:
        return [self.offer]

    async def slots(self, offer: Offer, *, since: datetime, until: datetime) -> Sequence[Slot]:
        return self.free


class Interleaved(MemorySessions):
    """In memory, where others may come between a load and the save that follows it."""

    async def load_session(self, session_id: str) -> StoredSession | None:
        await asyncio.sleep(0)
        return await super().load_session(session_id)


class Clinic:
    """Stores over one database, one for each worker, and the loop on which they run."""

    def __init__(self, where: str) -> None:
        self._runner = asyncio.Runner()
        self.read: list[Event] = []
        if where == "memory://":
            shared = Store(sessions=Interleaved(), codes=MemoryCodes())
            self.stores = [shared] * WORKERS
        else:
            self.stores = [open_store(where) for _ in range(WORKERS)]

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Return what `work` returns."""
        return self._runner.run(work)

    def close(self) -> None:
        """Close every store."""
        for store in self.stores:
            self.run(store.aclose())
        self._runner.close()


class Lives(RuleBasedStateMachine):
    """Visits that begin where those of the example before have ended: no database is emptied between."""

    def __init__(self, clinic: Clinic) -> None:
        super().__init__()
        number = next(_LIVES)
        self.number = number
        self.clinic = clinic
        self.clock = FakeClock(NOW)
        self.agenda = Agenda(number)
        self.reference = f"urn:pid:{number}"
        """What the host calls the patient: another in each example, to be erased in it."""
        self.others = [
            each.but(reference=self.reference) if each is PATIENT else each for each in PLANNED[1:]
        ]
        self.workers = [
            self._worker(store, seed=number * WORKERS + n) for n, store in enumerate(clinic.stores)
        ]
        self.known: dict[str, Session] = {}

    def _worker(self, store: Store, *, seed: int) -> HugAtHome:
        return HugAtHome(
            key=b"a key that is only ever used in tests",
            store=store,
            log=open_log("memory://"),
            sms=OutboxSms(clock=self.clock),
            site="https://visit.example.ch",
            timezone="Europe/Zurich",
            brand="HUG",
            organisations={ORGANISATION: Organisation(services=SERVICES)},
            directory=self.agenda,
            clock=self.clock,
            randomness=seeded(seed),
        )

    # --- What may be done ------------------------------------------------------------------------

    @initialize(hours=st.integers(0, 3))
    def begin(self, hours: int) -> None:
        self.since = self.clinic.run(self.workers[0].audit_head(organisation=ORGANISATION))
        self.begun_at = len(self.clinic.read)
        self.everybody_plans(reference=0, minutes=hours * 60)

    @rule(reference=st.integers(0, 2), minutes=st.sampled_from([0, 20, 90]))
    def everybody_plans(self, reference: int, minutes: int) -> None:
        """Plan the same visit from every worker at once: it is one."""
        starts_at = self.clock.now() + timedelta(minutes=minutes)

        async def plan(hug: HugAtHome) -> Session:
            return await hug.sessions.plan(
                organisation=ORGANISATION,
                service="teaching",
                participants=[DOCTOR, *self.others],
                starts_at=starts_at,
                reference=f"{self.number}.{reference}",
            )

        planned = self._at_once([plan(hug) for hug in self.workers])
        assert len({session.id for session in planned if isinstance(session, Session)}) <= 1
        for session in planned:
            if isinstance(session, Session):
                self.known.setdefault(session.id, session)

    @rule(slot=st.integers(0, 2), for_=st.sampled_from([None, 5, 60]))
    def everybody_books_one_slot(self, slot: int, for_: int | None) -> None:
        """Book, or hold, the same time from every worker at once: one gets it."""

        async def book(hug: HugAtHome) -> Session:
            offer, free = self.agenda.offer, self.agenda.free[slot]
            if for_ is None:
                return await hug.offers.book(offer, free, participants=self.others)
            held_for = timedelta(minutes=for_)
            return await hug.offers.hold(offer, free, participants=self.others, for_=held_for)

        came_of_it = self._at_once([book(hug) for hug in self.workers])
        booked = [session for session in came_of_it if isinstance(session, Session)]
        assert len(booked) <= 1
        self.known.update((session.id, session) for session in booked)

    @rule(which=st.integers(0, 9))
    def everybody_confirms(self, which: int) -> None:
        session_id = self._chosen(which).id
        self._at_once([hug.offers.confirm(session_id) for hug in self.workers])

    @rule(worker=st.integers(0, WORKERS - 1))
    def the_patient_asks_to_be_forgotten_too_early(self, worker: int) -> None:
        """Erase nothing while a visit stands; the invariant sees whether anything has gone."""
        if all(session.status.is_terminal for session in self.known.values()):
            return
        hug = self.workers[worker]
        (refused,) = self._at_once(
            [hug.erase(organisation=ORGANISATION, reference=self.reference, by="desk")]
        )
        assert isinstance(refused, StillOpen)

    @rule(deed=DEED, which=st.integers(0, 9), worker=st.integers(0, WORKERS - 1))
    def somebody_does(self, deed: tuple[str, Any, Any], which: int, worker: int) -> None:
        self._at_once([self._done(deed, which, worker)])

    @rule(deeds=st.lists(DEED, min_size=2, max_size=WORKERS), which=st.integers(0, 9))
    def several_do_at_once(self, deeds: list[tuple[str, Any, Any]], which: int) -> None:
        self._at_once([self._done(deed, which, worker) for worker, deed in enumerate(deeds)])

    @rule(which=st.integers(0, 9))
    def the_visit_begins(self, which: int) -> None:
        """Go the way that most visits go: by chance alone few would get far."""
        for deed in ("accept", "arrive", "admit"):
            self._at_once([self._done((deed, DOCTOR, PATIENT), which, 0)])

    @rule()
    def somebody_queues_up(self) -> None:
        entering = self.workers[0].queue.enter(
            organisation=ORGANISATION, service="teaching", participants=self.others[:2]
        )
        (session,) = self._at_once([entering])
        self.known[session.id] = session

    @rule()
    def everybody_takes_the_next(self) -> None:
        """Take as many as there are workers: each somebody else."""
        clinicians = [Participant(id=f"dr-{n}", role="practitioner", name=f"Dr {n}") for n in range(WORKERS)]
        taken = self._at_once(
            [
                hug.queue.take_next(organisation=ORGANISATION, service="teaching", by=by)
                for hug, by in zip(self.workers, clinicians, strict=True)
            ]
        )
        ids = [session.id for session in taken if isinstance(session, Session)]
        assert len(set(ids)) == len(ids)
        assert set(ids) <= set(self.known)

    @rule(minutes=st.integers(1, 90))
    def time_passes_and_every_worker_does_what_is_due(self, minutes: int) -> None:
        self.clinic.run(self.clock.advance(minutes=minutes))
        self._at_once([hug.run_due() for hug in self.workers])

    @rule(whom=st.sampled_from(EVERYBODY), which=st.integers(0, 9), worker=st.integers(0, WORKERS - 1))
    def somebody_opens_their_page(self, whom: Any, which: int, worker: int) -> None:
        """Whoever is not in the visit is shown nobody's name; the page is told as the record stands."""
        session, hug = self._chosen(which), self.workers[worker]

        async def shown() -> tuple[set[str | None], Session]:
            page = Robot.from_grant(hug.grant(session.id, whom.id), at=MemorySite(hug), media=False)
            async with page:
                others = {w.name for id, w in page.peer.participants.items() if id != whom.id}
                return others, await hug.sessions.get(session.id)

        (seen,) = self._at_once([shown()])
        if isinstance(seen, tuple):
            others, record = seen
            assert not others or record.is_let_in(whom.id)

    def _chosen(self, which: int) -> Session:
        return list(self.known.values())[which % len(self.known)]

    async def _done(self, deed: tuple[str, Any, Any], which: int, worker: int) -> object:
        name, by, whom = deed
        return await DEEDS[name](self.workers[worker], self._chosen(which).id, by.id, whom.id)

    def _at_once(self, work: Sequence[Coroutine[Any, Any, Any]]) -> list[Any]:
        """Do it all at the same time, with somebody who reads the events; only our own errors come out."""

        async def together() -> list[Any]:
            return await asyncio.gather(self._follow(), *work, return_exceptions=True)

        came_of_it: list[Any] = self.clinic.run(together())
        for each in came_of_it:
            if isinstance(each, BaseException) and not isinstance(each, HugathomeError):
                raise each
        return came_of_it[1:]

    async def _follow(self) -> None:
        read, hug = self.clinic.read, self.workers[-1]
        read += [event async for event in hug.events(organisation=ORGANISATION, after=len(read))]

    # --- What holds ------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost_and_what_has_ended_has_ended(self) -> None:
        for session_id, before in self.known.items():
            after = self.clinic.run(self.workers[0].sessions.get(session_id))
            refuse_afterlife(before, after)
            refuse_what_nobody_may(after)
            refuse_uninvited(after)
            refuse_double_taking(after)
            self.known[session_id] = after
        refuse_double_booking(self.known.values())

    def teardown(self) -> None:
        if not self.known:
            return
        hug = self.workers[0]
        self._at_once([hug.sessions.complete(s.id, by=_practitioner(s)) for s in self.known.values()])
        self._at_once([hug.sessions.cancel(each, by="desk") for each in self.known])
        self.nothing_is_lost_and_what_has_ended_has_ended()
        self._at_once([self._done((deed, DOCTOR, PATIENT), 0, 0) for deed in DEEDS])  # of no use any more
        hubs = [each._crew.hub for each in self.workers]  # the stores go on to the next example
        self._at_once([each.aclose() for each in hubs])
        self._at_once([])
        self.nothing_is_lost_and_what_has_ended_has_ended()
        assert all(session.status.is_terminal for session in self.known.values())
        refuse_gaps(self.clinic.read)
        trail = self.clinic.run(_told(hug, since=self.since))
        for session in self.known.values():
            refuse_disagreement(session, self.clinic.read[self.begun_at :], trail)
        refused = [entry for entry in trail if entry.result == NotPermitted.problem.rpartition(":")[2]]
        put_out = {session.id for session in self.known.values() if _has_put_out_the_doctor(session)}
        assert all(
            entry.by != DOCTOR.id
            for entry in refused
            if entry.action != "accept" and entry.participant != DOCTOR.id and entry.session not in put_out
        )
        self._everybody_is_forgotten(hug)

    def _everybody_is_forgotten(self, hug: HugAtHome) -> None:
        """Erase the patient from every worker at once, and look for what is left of anybody."""
        asked = {"organisation": ORGANISATION, "reference": self.reference, "by": "desk"}
        self._at_once([each.erase(**asked) for each in self.workers])
        self._at_once([])
        after = self.begun_at
        events = self.clinic.run(_all(hug.events(organisation=ORGANISATION, after=after)))
        refuse_gaps(events, after=after)
        trail = self.clinic.run(_told(hug, since=self.since))
        for session_id in self.known:
            session = self.clinic.run(hug.sessions.get(session_id))
            refuse_names(session, events)
            refuse_disagreement(session, events, trail)


def _practitioner(session: Session) -> str:
    """Return who may end a session; nobody needs to, whom nobody has taken from the queue.

    Practitioners put one another out, and nobody themselves: one of them is always left.
    """
    practitioners = (each.id for each in session.participants if each.role == "practitioner")
    return next((id for id in practitioners if session.of(id).presence not in OUT), "")


def _has_put_out_the_doctor(session: Session) -> bool:
    """Whether a colleague has put the doctor out: they may do nothing more."""
    changes = [change for change in session.history if change.participant == DOCTOR.id]
    return any(change.action in {Action.DENY, Action.REMOVE} for change in changes)


async def _all(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def _told(hug: HugAtHome, *, since: Head) -> list[AuditEntry]:
    """Return what the audit trail tells from somewhere on, once it is verified from there."""
    await hug.verify_audit(organisation=ORGANISATION, after=since)
    return [entry async for entry in hug.audit(organisation=ORGANISATION, after=since.position)]


@pytest.fixture
def clinic(store_url: str) -> Iterator[Clinic]:
    clinic = Clinic(store_url)
    yield clinic
    clinic.close()


@pytest.mark.hypothesis
@pytest.mark.parametrize("share", range(SHARES if is_in_full() else 1))
def test_whole_lives_under_competing_workers(clinic: Clinic, share: int) -> None:
    few = settings(max_examples=6, stateful_step_count=30)
    run_state_machine_as_test(
        lambda: Lives(clinic),  # type: ignore[arg-type]  # it calls what it is given, a class or not
        settings=settings(max_examples=settings().max_examples // SHARES) if is_in_full() else few,
    )

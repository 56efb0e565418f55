"""A worker that takes a patient from the booking to the end of a visit, and is killed wherever it is told to.

    python -m tests.whole_visits.worker DATABASE FOLDER    reads `VISIT AWAIT` from its input, line by line

For each line a process of its own does everything for one visit, and erases the patient in the end. It kills
itself with SIGKILL at that await of a seam: before a store, a log or a gateway is asked, or once it has
answered; 0 lets it live. How it ended is printed, and how many awaits there are stands in the folder.
"""

import asyncio
import os
import re
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import wraps
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

from hugathome import (
    Action,
    CodePolicy,
    HugAtHome,
    Participant,
    SendTooSoon,
    Session,
    SessionNotFound,
    Sms,
)
from hugathome.logs import open_log
from hugathome.organisations import Organisation
from hugathome.presets import presets
from hugathome.record.imaging import Territory
from hugathome.record.offers import Coverage, Offer, Price, Slot
from hugathome.stores import open_store

STARTS_AT = datetime(2026, 11, 24, 14, tzinfo=UTC)
PLANNED_AT = STARTS_AT - timedelta(days=2)
MINUTE = timedelta(minutes=1)
LEASE_IS_OVER = 3 * MINUTE
"""After this long whatever a dead worker had in hand is another's."""
DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")


@dataclass
class Wristwatch:
    """A clock that is set by whoever wears it."""

    at: datetime = PLANNED_AT

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError(f"nothing here waits, for {seconds} s or any other time")


OFFER = Offer(
    id="primary-care",
    organisation="hug",
    service="primary-care",
    practitioner=DOCTOR,
    discipline="general-practice",
    languages=("fr",),
    registered_in=Territory(nation="CH"),
    modalities=("video",),
    price=Price(amount=Decimal(50), currency="CHF"),
    coverage=Coverage(covered_in=frozenset({"CH"})),
)


class Agenda:
    """The doctor's: as many see her at one time as there are lives, each in a slot of its own."""

    async def offers(self, organisation: str) -> Sequence[Offer]:
        return [OFFER]

    async def slots(self, offer: Offer, *, since: datetime, until: datetime) -> Sequence[Slot]:
        ends_at = STARTS_AT + 20 * MINUTE
        return [Slot(id=f"slot-{n}", starts_at=STARTS_AT, ends_at=ends_at) for n in range(_MOST_LIVES)]


_MOST_LIVES = 2000


class Provider:
    """A gateway that keeps in a file what it took: once for each key, however often it is asked."""

    may_be_asked_again = True

    def __init__(self, folder: Path) -> None:
        self._file = folder / "taken"

    @property
    def taken(self) -> list[list[str]]:
        """Key, number and text of each message."""
        lines = self._file.read_text().splitlines() if self._file.exists() else []
        return [line.split("\t") for line in lines]

    async def send(self, message: Sms) -> None:
        if message.idempotency_key not in {key for key, *_ in self.taken}:
            text = message.text.replace("\n", " ")
            with self._file.open("a") as provider:
                provider.write(f"{message.idempotency_key}\t{message.to}\t{text}\n")

    def keys(self, whom: Participant) -> list[str]:
        """Return the keys of what went to somebody, in order."""
        return [key for key, to, _ in self.taken if to == str(whom.phone)]

    def last_code(self, whom: Participant) -> str:
        """Return the code that somebody read last."""
        texts = [text for _, to, text in self.taken if to == str(whom.phone)]
        code: str = re.findall(r"\b\d{6}\b", texts[-1])[-1]
        return code


# --- One life --------------------------------------------------------------------------------------


class Life:
    """One visit, from the plan to the end; whoever goes on with it does what is missing."""

    def __init__(self, hug: HugAtHome, watch: Wristwatch, provider: Provider, *, number: int) -> None:
        self._hug = hug
        self._watch = watch
        self._provider = provider
        self.reference = f"visit-{number}"
        self.session_id: str | None = None
        """By what it is found once it names nobody, where that is known."""
        self.slot = Slot(id=f"slot-{number}", starts_at=STARTS_AT, ends_at=STARTS_AT + 20 * MINUTE)
        self.patient = Participant(
            id="p-1",
            role="patient",
            name="M. Dupont",
            phone=f"+4179{number:07}",
            reference=f"urn:pid:{number}",
        )

    async def live(self) -> None:
        """Do everything in its order and at its time, but for what the record says is done."""
        days, hours = timedelta(days=1), timedelta(hours=1)
        await self._at(PLANNED_AT, Action.PLAN, self._book)
        await self._at(PLANNED_AT, Action.ACCEPT, self._accept)
        await self._at(PLANNED_AT, Action.INVITE, self._invite)
        for beat in (days, hours, hours - LEASE_IS_OVER):
            await self._at(STARTS_AT - beat, None, self._hug.run_due)
        await self._at(STARTS_AT - 5 * MINUTE, Action.CHECK_IN, self._come_in)
        for action, deed in (
            (Action.ARRIVE, self._arrive),
            (Action.ADMIT, self._admit),
            (Action.HOLD, self._hold),
            (Action.RESUME, self._resume),
            (Action.COMPLETE, self._complete),
        ):
            await self._at(STARTS_AT, action, deed)
        await self._at(STARTS_AT + hours, None, self._hug.run_due)

    async def end_up_forgotten(self) -> None:
        """Erase the patient from what is left of the visit."""
        await self._at(STARTS_AT + timedelta(days=1), Action.ERASE, self._erase)

    async def found(self) -> Session | None:
        """Return the record, if there is one."""
        try:
            session = await self._hug.sessions.find(organisation="hug", reference=self.reference)
        except SessionNotFound:
            return None if self.session_id is None else await self._hug.sessions.get(self.session_id)
        self.session_id = session.id
        return session

    async def _at(self, time: datetime, action: Action | None, deed: Callable[[], Awaitable[Any]]) -> None:
        session = await self.found()
        history = session.history if session else ()
        self._watch.at = max(self._watch.at, time)
        if action not in {change.action for change in history}:
            await deed()

    async def _id(self) -> str:
        return (await self._hug.sessions.find(organisation="hug", reference=self.reference)).id

    async def _book(self) -> None:
        await self._hug.offers.book(OFFER, self.slot, participants=[self.patient], reference=self.reference)

    async def _accept(self) -> None:
        await self._hug.sessions.accept(await self._id(), "p-1", recorded_by=DOCTOR.id)

    async def _invite(self) -> None:
        await self._hug.invite(await self._id(), "p-1")

    async def _come_in(self) -> None:
        link = (await self._hug.invite(await self._id(), "p-1", deliver=False)).link_id
        try:
            await self._hug.send_code(link)
        except SendTooSoon as too_soon:  # whoever died had one on its way: patients press again
            self._watch.at += too_soon.retry_after
            await self._hug.send_code(link)
        await self._hug.check_in(link, self._provider.last_code(self.patient))

    async def _arrive(self) -> None:
        await self._hug.sessions.arrive(await self._id(), DOCTOR.id)

    async def _admit(self) -> None:
        await self._hug.sessions.admit(await self._id(), "p-1", by=DOCTOR.id)

    async def _hold(self) -> None:
        await self._hug.sessions.hold(await self._id(), by=DOCTOR.id)

    async def _resume(self) -> None:
        await self._hug.sessions.resume(await self._id(), by=DOCTOR.id)

    async def _complete(self) -> None:
        await self._hug.sessions.complete(await self._id(), by=DOCTOR.id, outcome="report")

    async def _erase(self) -> None:
        await self._hug.erase(organisation="hug", reference=self.patient.reference or "", by="the desk")


# --- One death -------------------------------------------------------------------------------------


class Fate:
    """Counts the awaits of a process and kills it at one of them."""

    def __init__(self, dies_at: int) -> None:
        self._dies_at = dies_at
        self.awaits = 0

    def step(self) -> None:
        self.awaits += 1
        if self.awaits == self._dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def on(self, seam: Any) -> Any:
        """Return a seam each of whose calls is two awaits: before it is asked, and once it has answered."""
        for name in dir(type(seam)):
            call = getattr(seam, name)
            if iscoroutinefunction(call) and not name.startswith("_") and name != "aclose":
                setattr(seam, name, self._counted(call))
        return seam

    def _counted(self, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(call)
        async def counted(*given: Any, **named: Any) -> Any:
            self.step()
            answer = await call(*given, **named)
            self.step()
            return answer

        return counted


def opened(database: str, watch: Wristwatch, provider: Provider, *, fate: Fate | None = None) -> HugAtHome:
    """Return a worker on a database; with a fate, one that meets it."""
    fate = fate or Fate(0)
    store, log = open_store(database), open_log(database)
    fate.on(store.sessions)
    fate.on(store.codes)
    return HugAtHome(
        key=b"a key that is only ever used in tests",
        store=store,
        log=fate.on(log),
        sms=fate.on(provider),
        site="https://visit.example.ch",
        timezone="Europe/Zurich",
        brand="HUG",
        organisations={"hug": Organisation(services=presets())},
        directory=Agenda(),
        code_policy=CodePolicy(sends_per_prefix=10_000),
        clock=watch,
    )


async def _live(database: str, folder: Path, *, number: int, dies_at: int) -> None:
    watch, provider, fate = Wristwatch(), Provider(folder), Fate(dies_at)
    async with opened(database, watch, provider, fate=fate) as hug:
        life = Life(hug, watch, provider, number=number)
        await life.live()
        await life.end_up_forgotten()
    (folder / "awaits").write_text(str(fate.awaits))


def _main(database: str, folder: str) -> None:
    for line in sys.stdin:
        number, dies_at = map(int, line.split())
        worker = os.fork()
        if worker == 0:
            asyncio.run(_live(database, Path(folder), number=number, dies_at=dies_at))
            os._exit(0)
        _, status = os.waitpid(worker, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _main(*sys.argv[1:])

"""What a session's record costs: to change it, to save it with its event, to list a day, to read events.

In memory the floor copies the record with other values, and judges nothing. On a store there are two floors,
done bare over the same driver: the conditional update and the event's row in one transaction; and all that a
save writes, which is also the counter that makes positions dense, a look at what leads to the session, and
the entry of the audit trail. They take turns, and each save has a session of its own. SQLite's file and
PostgreSQL are synced at each commit.

    PYTHONPATH=. python benchmarks/sessions.py
"""

import asyncio
import json
import sqlite3
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from itertools import count
from secrets import token_bytes
from time import perf_counter
from typing import Any, NamedTuple

import psycopg
from tests import servers

from hugathome import Participant
from hugathome.keys import KeyRing
from hugathome.record.audit import START, Append
from hugathome.record.history import Action, Change, Window
from hugathome.record.shelf import Listing, SessionStore, StoredSession
from hugathome.session import Session
from hugathome.stores import open_store, schema
from hugathome.stores._records import microseconds
from hugathome.stores.memory import MemorySessions
from hugathome.visits.archive import Archive

SAVES = 1_500
LISTS = 300
ROWS = (1_000, 100_000, 1_000_000)
EVENTS = 20_000
FLOOR = "floor"
"""The organisation whose events and entries are written bare."""
A_DAY = 100
"""How many sessions start on each day, however many days there are."""
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
END = NOW + timedelta(minutes=30)
KEYS = KeyRing(token_bytes(32))

Step = Callable[[], Awaitable[object]]
Statement = tuple[str, Sequence[object]]


def visit(number: int = 0) -> Session:
    """Return a session as it is planned."""
    return Session(
        id=f"hug.{number:020x}",
        organisation="hug",
        service="cardiology",
        modality="video",
        window=Window(opens_at=NOW, starts_at=NOW, ends_at=END, closes_at=END),
        participants=(
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567", reference="p/77"),
        ),
        reference=f"appointment/{number}",
        history=(Change(action=Action.PLAN, at=NOW, by="dr-rossi"),),
    )


ARRIVED = Change(action=Action.ARRIVE, at=NOW, participant="p-1")

# --- Places --------------------------------------------------------------------------------------


class Place(NamedTuple):
    """A store of sessions, a bare transaction beside it, and how many rows are written there at once."""

    store: SessionStore
    bare: Callable[[Sequence[Statement]], Awaitable[None]]
    fill: Callable[[str, Iterator[Sequence[object]]], None]


@asynccontextmanager
async def sqlite(*, is_blocking: bool) -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/clinic.db"
        store = open_store(f"sqlite:///{path}")
        store = store.for_blocking() if is_blocking else store
        await store.sessions.next_due()  # there are tables now
        with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as raw:
            raw.execute("PRAGMA synchronous=FULL")
            raw.execute("PRAGMA secure_delete=ON")
            yield Place(store.sessions, _bare_sqlite(raw, is_blocking=is_blocking), _filler(raw))
        await store.aclose()


def _bare_sqlite(raw: sqlite3.Connection, *, is_blocking: bool) -> Callable[..., Awaitable[None]]:
    """Return what runs statements in one transaction; on a loop all of it in one thread."""

    def transact(statements: Sequence[Statement]) -> None:
        raw.execute("BEGIN IMMEDIATE")
        for text, values in statements:
            raw.execute(text, values)
        raw.execute("COMMIT")

    async def step(statements: Sequence[Statement]) -> None:
        if is_blocking:
            transact(statements)
        else:
            await asyncio.to_thread(transact, statements)

    return step


def _filler(raw: sqlite3.Connection) -> Callable[[str, Iterator[Sequence[object]]], None]:
    def fill(table: str, rows: Iterator[Sequence[object]]) -> None:
        first = next(rows)
        places = ", ".join("?" * len(first))
        raw.execute("BEGIN")
        raw.execute(f"INSERT INTO {table} VALUES ({places})", first)
        raw.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        raw.execute("COMMIT")
        raw.execute("ANALYZE")

    return fill


@asynccontextmanager
async def postgresql(*, is_blocking: bool) -> AsyncIterator[Place]:
    with servers.postgresql(fsync=True) as url, psycopg.connect(url, autocommit=True) as raw:
        raw.execute(schema("postgresql").encode())
        store = open_store(url)
        store = store.for_blocking() if is_blocking else store
        async with await psycopg.AsyncConnection.connect(url) as on_loop:
            with psycopg.connect(url) as blocking:
                bare = _bare_postgresql(blocking if is_blocking else on_loop)
                yield Place(store.sessions, bare, _copier(raw))
        await store.aclose()


def _bare_postgresql(connection: Any) -> Callable[..., Awaitable[None]]:
    async def step(statements: Sequence[Statement]) -> None:
        for text, values in statements:
            await _come(connection.execute(text.replace("?", "%s"), values))
        await _come(connection.commit())

    return step


def _copier(raw: psycopg.Connection) -> Callable[[str, Iterator[Sequence[object]]], None]:
    def fill(table: str, rows: Iterator[Sequence[object]]) -> None:
        with raw.cursor() as cursor, cursor.copy(f"COPY {table} FROM STDIN".encode()) as copied:
            for row in rows:
                copied.write_row(row)
        raw.execute(f"VACUUM (ANALYZE) {table}".encode())

    return fill


async def _come(answer: Any) -> Any:
    """Return an answer that is there, or that comes."""
    return await answer if isinstance(answer, Awaitable) else answer


PLACES = {"sqlite": sqlite, "postgresql": postgresql}

# --- To save -------------------------------------------------------------------------------------

_UPDATE = (
    "UPDATE hugathome_session SET organisation = ?, version = ?, status = ?, starts_at = ?, due_at = ?,"
    " body = ? WHERE id = ? AND version = ?"
)
_EVENT = "INSERT INTO hugathome_event (organisation, position, session_id, body) VALUES (?, ?, ?, ?)"
_LEADING = (
    "SELECT digest, NULL FROM hugathome_lookup WHERE session_id = ?"
    " UNION ALL SELECT digest, at FROM hugathome_tag WHERE session_id = ?"
)
_COUNT = "UPDATE hugathome_counter SET position = position + 1 WHERE organisation = ?"
_HEAD = "SELECT position, digest FROM hugathome_audit WHERE organisation = ? ORDER BY position DESC LIMIT 1"
_ENTRY = "INSERT INTO hugathome_audit (organisation, position, previous, digest, body) VALUES (?, ?, ?, ?, ?)"


class Sealed(NamedTuple):
    """What an archive hands to a store."""

    row: StoredSession
    expected: int
    events: Sequence[bytes]
    audit: Append | None

    async def save(self, store: SessionStore) -> None:
        saved = await store.save_session(
            self.row, expected=self.expected, events=self.events, audit=self.audit
        )
        _require(saved, "a save was refused")


class Asked(MemorySessions):
    """A store that notes what is to be saved, and keeps nothing."""

    async def save_session(
        self, session: StoredSession, *, expected: int, events: Sequence[bytes], audit: Append | None = None
    ) -> bool:
        self.sealed = Sealed(session, expected, events, audit)
        return True


async def sealed(session: Session, *, expected: int) -> Sealed:
    """Return what a session's last change comes to."""
    asked = Asked()
    archive = Archive(store=asked, keys=KEYS, randomness=token_bytes)
    await archive.save(session, expected=expected, news=session.history[-1:])
    return asked.sealed


class Saves:
    """Saves a change to sessions, each of its own: as ours does it, and bare."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._numbers = count(1)

    async def changed(self) -> Sealed:
        """Return the next change of a session that is planned."""
        session = visit(next(self._numbers)).but(version=1)
        await (await sealed(session, expected=0)).save(self._place.store)
        return await sealed(session.after(ARRIVED).but(version=2), expected=1)

    async def ours(self) -> Step:
        change = await self.changed()
        return lambda: change.save(self._place.store)

    async def bare(self) -> Step:
        """Return the two writes that a save is about."""
        update, event, _ = self._written(await self.changed())
        return lambda: self._place.bare([update, event])

    async def all_bare(self) -> Step:
        """Return every statement of such a save, with an entry that is linked already."""
        change = await self.changed()
        update, event, entry = self._written(change)
        leading = (_LEADING, (change.row.id, change.row.id))
        statements = [update, leading, (_COUNT, (FLOOR,)), (_HEAD, (FLOOR,)), event, entry]
        return lambda: self._place.bare(statements)

    def _written(self, change: Sealed) -> list[Statement]:
        """Return the rows of a session, an event and an entry; an organisation of their own numbers them."""
        row, expected, events, audit = change
        due = None if row.due_at is None else microseconds(row.due_at)
        fields = (row.organisation, row.version, row.status, microseconds(row.starts_at), due, row.body)
        position = next(self._numbers)
        (entry,) = () if audit is None else audit(START)
        linked = (FLOOR, position, entry.previous, entry.digest, entry.body)
        return [
            (_UPDATE, (*fields, row.id, expected)),
            (_EVENT, (FLOOR, position, row.id, events[0])),
            (_ENTRY, linked),
        ]


async def in_turn(sides: Sequence[Callable[[], Awaitable[Step]]], *, times: int) -> list[float]:
    """Return the median of each side in microseconds; every step is prepared before the first is taken."""
    took: list[list[float]] = [[] for _ in sides]
    for steps in [[await side() for side in sides] for _ in range(times)]:
        for step, seconds in zip(steps, took, strict=True):
            began = perf_counter()
            await step()
            seconds.append(perf_counter() - began)
    return [statistics.median(seconds) * 1e6 for seconds in took]


async def saving(*, times: int) -> dict[str, float]:
    """Compare a save at every place with the floor there."""
    values: dict[str, float] = {}
    for name, place in PLACES.items():
        for suffix, is_blocking in (("", True), ("_on_a_loop", False)):
            async with place(is_blocking=is_blocking) as here:
                here.fill("hugathome_counter", iter([(FLOOR, 0)]))
                saves = Saves(here)
                bare, all_bare, ours = await in_turn([saves.bare, saves.all_bare, saves.ours], times=times)
                values |= _told(name + suffix, bare, ours)
                values |= {f"{name}{suffix}_all_us": all_bare, f"{name}{suffix}_all_ratio": ours / all_bare}
    return values


async def changing(*, times: int) -> dict[str, float]:
    """Compare a transition in memory with a copy of the record that has as many new values."""
    session = visit()
    after = session.after(ARRIVED)
    values = {"attendance": after.attendance, "history": after.history, "status": after.status}

    async def bare() -> object:
        return session.model_copy(update=values)

    async def ours() -> object:
        return session.after(ARRIVED)

    return _told("memory", *await in_turn([_prepared(bare), _prepared(ours)], times=times))


# --- To list and to read -------------------------------------------------------------------------


async def listing(*, times: int, rows: Sequence[int]) -> dict[str, float]:
    """Compare a page of a service's day, and of a queue, among few sessions and many, in turn."""
    values: dict[str, float] = {}
    for name, place in PLACES.items():
        async with AsyncExitStack() as stack:
            places = [await stack.enter_async_context(place(is_blocking=True)) for _ in rows]
            for here, size in zip(places, rows, strict=True):
                _fill(here, (await sealed(visit().but(version=1), expected=0)).row, size)
            for what, page in (("day", of_the_day), ("queue", of_the_queue)):
                sides = [_prepared(page(here, size)) for here, size in zip(places, rows, strict=True)]
                took = await in_turn(sides, times=times)
                values |= {f"{name}_{size}_{what}_us": us for size, us in zip(rows, took, strict=True)}
                values[f"{name}_{what}_ratio"] = max(took[1:]) / took[0]
    return values


def of_the_day(here: Place, size: int) -> Step:
    """Return what lists one service's sessions of a day in the middle."""
    day = NOW + timedelta(days=size // A_DAY // 2)
    tags = (frozenset({"cardiology"}),)
    asked = Listing(organisation="hug", since=day, until=day + timedelta(days=1), tags=tags, limit=50)

    async def step() -> None:
        _require(len(await here.store.list_sessions(asked)) == A_DAY // 4, "a day was not listed")

    return step


def of_the_queue(here: Place, _size: int) -> Step:
    """Return what lists a queue's head."""

    async def step() -> None:
        _require(len(await here.store.tagged_sessions(["queue"], limit=50)) == 50, "a queue was not listed")

    return step


def _prepared(step: Step) -> Callable[[], Awaitable[Step]]:
    async def side() -> Step:
        return step

    return side


def _fill(here: Place, model: StoredSession, size: int) -> None:
    """Put sessions into a store: a hundred on each day, a quarter of them in cardiology, 60 in its queue."""

    def at(number: int) -> int:
        return microseconds(NOW + timedelta(days=number // A_DAY, minutes=number % A_DAY))

    def names() -> Iterator[tuple[int, str]]:
        return ((number, f"hug.{number:020x}") for number in range(size))

    here.fill(
        "hugathome_session",
        ((name, "hug", 1, str(model.status), at(number), None, model.body) for number, name in names()),
    )
    services = ("cardiology", "oncology", "paediatrics", "radiology")
    here.fill("hugathome_tag", ((services[number % 4], at(number), name) for number, name in names()))
    here.fill("hugathome_tag", (("queue", at(number), name) for number, name in names() if number < 60))


async def reading(*, events: int) -> dict[str, float]:
    """Time events that are read and opened, a thousand at a time."""
    values: dict[str, float] = {}
    for name, place in PLACES.items():
        async with place(is_blocking=True) as here:
            opened = Archive(store=here.store, keys=KEYS, randomness=token_bytes)
            (body,) = (await sealed(visit(), expected=0)).events
            here.fill("hugathome_event", (("hug", at, "hug.1", body) for at in range(1, events + 1)))
            began = perf_counter()
            after = 0
            while page := await opened.events("hug", after=after, limit=1_000):
                after = page[-1].position
            took = perf_counter() - began
            values |= {f"{name}_event_us": took / events * 1e6, f"{name}_events_per_second": events / took}
            _require(after == events, "events were missed")
    return values


def _require(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise RuntimeError(otherwise)


def _told(name: str, floor: float, library: float) -> dict[str, float]:
    return {f"{name}_floor_us": floor, f"{name}_us": library, f"{name}_ratio": library / floor}


async def _measured() -> dict[str, float]:
    values = await changing(times=SAVES) | await saving(times=SAVES)
    return values | await listing(times=LISTS, rows=ROWS) | await reading(events=EVENTS)


def measure() -> dict[str, float]:
    """Return every figure: floors and ours in microseconds, ratios, and events in a second."""
    return asyncio.run(_measured())


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

"""What verifying a code costs on each store, against the least that anybody could do there.

In memory the floor derives a secret, computes the code, compares it and makes the next record. On a store
there are two. One is the same load and the same conditional update, done bare over the same driver: the
same bytes to and fro, a transaction for each statement and the same threads, but no code is computed. The
other does the same and judges the answer in between, as anybody must: it reads the record that it was
given, does what the floor in memory does, and writes the next one.

All sides take turns, and each verify has a challenge of its own. PostgreSQL and the files of SQLite are
synced at each commit; Redis keeps everything in memory, where the floor is lowest. django-otp is compared
twice: in a file that is synced as ours is, and with SQLite as Django opens it if nothing is said.

    PYTHONPATH=. python benchmarks/codes.py
"""

import asyncio
import hmac
import json
import os
import sqlite3
import statistics
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from secrets import token_bytes
from time import perf_counter
from typing import Any, NamedTuple

import psycopg
import redis.asyncio
from tests import servers

from hugathome import CodePolicy, PhoneNumber, SystemClock
from hugathome.codes import Challenge, ChallengeState, ChallengeStore, code_for, sent
from hugathome.keys import KeyRing
from hugathome.stores import open_code_store, schema
from hugathome.stores._records import microseconds, read_record, write_record
from hugathome.stores.memory import MemoryCodes
from hugathome.verifier import Verifier

NUMBER = "+41791234567"
VERIFIES = 1_500
ROWS = (1_000, 1_000_000)

KEY = KeyRing(token_bytes(32)).current

Step = Callable[[Challenge], Awaitable[object]]
"""What is done to one challenge, and nothing else."""
Judge = Callable[[Any], Any]
"""Makes of the bytes that were loaded those that are saved."""
Bare = Callable[[Judge], Step]
"""Makes the load and the conditional update of a place, with something in between."""


class Place(NamedTuple):
    """A store, its floors by the name of what they are, and the file, where it is one."""

    store: Any
    floors: dict[str, Step]
    where: str = ""


# --- Floors --------------------------------------------------------------------------------------


def used(challenge: Challenge) -> Challenge:
    """Do what any verifier must: derive a secret, compute the code, compare it, make the next record."""
    code = code_for(challenge, key=KEY, address=NUMBER)
    hmac.compare_digest(code.encode(), b"000000")
    return replace(challenge, state=ChallengeState.USED, version=3)


def judged(body: Any) -> str:
    """Do the same to a record as it lies in a store."""
    return write_record(used(read_record(Challenge, body)))


def floors(bare: Bare) -> dict[str, Step]:
    """Return the load and the update alone, which puts back what it found, and with a judgement."""
    return {"floor": bare(lambda body: body), "judging": bare(judged)}


_LOAD = "SELECT body FROM hugathome_code WHERE kind = 'Challenge' AND key = ?"
_SAVE = "UPDATE hugathome_code SET body = ?, version = 3 WHERE kind = 'Challenge' AND key = ? AND version = 2"
_SWAP = """
if redis.call('HGET', KEYS[1], 'version') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'version', ARGV[2], 'body', ARGV[3])
return 1
"""


def bare_sqlite(path: str, *, is_blocking: bool) -> Bare:
    """Return it over the standard library; on a loop each statement runs in a thread."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA synchronous=FULL")

    async def run(statement: str, *values: str) -> Any:
        def execute() -> Any:
            return connection.execute(statement, values).fetchone()

        return execute() if is_blocking else await asyncio.to_thread(execute)

    def bare(judge: Judge) -> Step:
        async def step(challenge: Challenge) -> None:
            (body,) = await run(_LOAD, challenge.id)
            await run(_SAVE, judge(body), challenge.id)

        return step

    return bare


def bare_postgresql(connection: Any) -> Bare:
    """Return it over psycopg, which begins no transaction for a single statement."""
    load, save = _LOAD.replace("?", "%s"), _SAVE.replace("?", "%s")

    def bare(judge: Judge) -> Step:
        async def step(challenge: Challenge) -> None:
            found = await _come(connection.execute(load, (challenge.id,)))
            (body,) = await _come(found.fetchone())
            await _come(connection.execute(save, (judge(body), challenge.id)))

        return step

    return bare


def bare_redis(client: Any) -> Bare:
    """Return it over redis-py."""
    swap = client.register_script(_SWAP)

    def bare(judge: Judge) -> Step:
        async def step(challenge: Challenge) -> None:
            name = f"hugathome:Challenge:{challenge.id}"
            body = await _come(client.hget(name, "body"))
            await _come(swap(keys=[name], args=[2, 3, judge(body)]))

        return step

    return bare


async def _come(answer: Any) -> Any:
    """Return an answer that is there, or that comes."""
    return await answer if isinstance(answer, Awaitable) else answer


# --- Places --------------------------------------------------------------------------------------


@asynccontextmanager
async def memory() -> AsyncIterator[Place]:
    async def step(challenge: Challenge) -> Challenge:
        return used(challenge)

    yield Place(MemoryCodes(), {"floor": step})


@asynccontextmanager
async def sqlite(*, is_blocking: bool) -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory() as folder:
        async with _opened(f"sqlite:///{folder}/clinic.db", is_blocking=is_blocking) as store:
            await store.load(Challenge, "none")  # there is a file now
            path = f"{folder}/clinic.db-codes"
            yield Place(store, floors(bare_sqlite(path, is_blocking=is_blocking)), path)


@asynccontextmanager
async def postgresql(*, is_blocking: bool) -> AsyncIterator[Place]:
    with servers.postgresql(fsync=True) as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(schema("postgresql").encode())
        async with (
            _opened(url, is_blocking=is_blocking) as store,
            await psycopg.AsyncConnection.connect(url, autocommit=True) as on_loop,
        ):
            yield Place(store, floors(bare_postgresql(connection if is_blocking else on_loop)))


@asynccontextmanager
async def on_redis(*, is_blocking: bool) -> AsyncIterator[Place]:
    with servers.redis() as server, redis.Redis.from_url(server.url) as client:
        async with (
            _opened(server.url, is_blocking=is_blocking) as store,
            redis.asyncio.Redis.from_url(server.url) as on_loop,
        ):
            yield Place(store, floors(bare_redis(client if is_blocking else on_loop)))


@asynccontextmanager
async def _opened(url: str, *, is_blocking: bool) -> AsyncIterator[Any]:
    store: Any = open_code_store(url)
    store = store.for_blocking() if is_blocking else store
    yield store
    await store.aclose()


# --- The sides that take turns -------------------------------------------------------------------

Side = Callable[[], Awaitable[Awaitable[object]]]
"""Prepares one step and returns it, not yet begun: only the step is timed."""


class Verifies:
    """Verifies right codes on a store, each of a challenge of its own."""

    def __init__(self, store: ChallengeStore) -> None:
        self._store = store
        self._verifier = Verifier(
            store=store, keys=KeyRing(token_bytes(32)), clock=SystemClock(), randomness=token_bytes
        )
        self._policy = CodePolicy()

    async def issue(self) -> Challenge:
        """Return a new challenge whose code is out; no quota counts it."""
        phone = PhoneNumber.parse(NUMBER)
        opened = await self._verifier.issue(
            self._policy, organisation="hug", purpose="log-in", subject="user/77", phone=phone
        )
        asked = sent(opened, now=opened.issued_at)
        await self._store.save(asked, expected=opened.version)
        return asked

    async def __call__(self) -> Awaitable[object]:
        challenge = await self.issue()
        code = self._verifier.message(challenge).code
        return self._verifier.verify(challenge.id, code, policy=self._policy)


class Devices:
    """Verifies right tokens with django-otp, each of its own device, in a file that is synced as ours is."""

    def __init__(self, path: str) -> None:
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # nothing else runs on the loop of this benchmark
        import django
        from django.conf import settings
        from django.core.management import call_command

        synced = {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL"}
        apps = (
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django_otp",
            "django_otp.plugins.otp_hotp",
        )
        settings.configure(
            INSTALLED_APPS=apps,
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": path, "OPTIONS": synced}},
        )
        django.setup()
        call_command("migrate", verbosity=0)
        from django.contrib.auth.models import User

        self._user = User.objects.create(username="user/77")

    def as_it_comes(self) -> None:
        """Go on as Django opens a file if nothing is said: synced too, but with a journal to roll back."""
        from django.db import connection

        connection.cursor().execute("PRAGMA journal_mode=DELETE")

    async def __call__(self) -> Awaitable[object]:
        from django_otp import verify_token
        from django_otp.oath import hotp
        from django_otp.plugins.otp_hotp.models import HOTPDevice

        device = HOTPDevice.objects.create(user=self._user, confirmed=True)
        token = f"{hotp(device.bin_key, 0):06}"

        async def step() -> None:
            if verify_token(self._user, device.persistent_id, token) is None:
                raise RuntimeError("a right token was refused")

        return step()


async def in_turn(*sides: Side, times: int) -> list[float]:
    """Return the median of each side in microseconds; every step is prepared before the first is taken."""
    took: list[list[float]] = [[] for _ in sides]
    for steps in [[await side() for side in sides] for _ in range(times)]:
        for step, seconds in zip(steps, took, strict=True):
            began = perf_counter()
            await step
            seconds.append(perf_counter() - began)
    return [statistics.median(seconds) * 1e6 for seconds in took]


# --- Figures -------------------------------------------------------------------------------------


async def against_floors(*, times: int) -> dict[str, float]:
    """Compare a verify at every place with the floors there."""
    places = {"memory": memory()}
    for name, where in (("sqlite", sqlite), ("postgresql", postgresql), ("redis", on_redis)):
        places[name] = where(is_blocking=True)
        places[f"{name}_on_a_loop"] = where(is_blocking=False)
    values: dict[str, float] = {}
    for name, place in places.items():
        async with place as here:
            sides = [_prepared(floor, Verifies(here.store)) for floor in here.floors.values()]
            *least, ours = await in_turn(*sides, Verifies(here.store), times=times)
            values |= _told(name, dict(zip(here.floors, least, strict=True)), ours)
    return values


def _prepared(floor: Step, ours: Verifies) -> Side:
    async def side() -> Awaitable[object]:
        return floor(await ours.issue())

    return side


async def against_django_otp(*, times: int) -> dict[str, float]:
    """Compare a verify on SQLite with one of django-otp's on the same disk."""
    async with sqlite(is_blocking=True) as here:
        ours, theirs = Verifies(here.store), Devices(f"{here.where}-otp")
        synced_alike, beside_it = await in_turn(theirs, ours, times=times)
        theirs.as_it_comes()
        as_it_comes, beside_that = await in_turn(theirs, ours, times=times)
        return {
            **_told("django_otp", {"floor": synced_alike}, beside_it),
            **_told("django_otp_as_it_comes", {"floor": as_it_comes}, beside_that),
        }


async def among_many(*, times: int, rows: tuple[int, int]) -> dict[str, float]:
    """Compare a verify among many outstanding codes with one among few, on SQLite."""
    async with sqlite(is_blocking=True) as few, sqlite(is_blocking=True) as many:
        sides = Verifies(few.store), Verifies(many.store)
        for place, side, count in zip((few, many), sides, rows, strict=True):
            fill(place, await side.issue(), count)
        among_few, among_many = await in_turn(*sides, times=times)
        return _told("rows", {"floor": among_few}, among_many)


def fill(place: Place, like: Challenge, count: int) -> None:
    """Put challenges like one into a file, their ids spread evenly and in order: that is quickest."""
    ids = (f"{number * 2**64 // count:016x}" for number in range(count))
    rows = ((one, microseconds(like.over_at), write_record(replace(like, id=one))) for one in ids)
    with closing(sqlite3.connect(place.where)) as connection, connection:
        connection.executemany("INSERT INTO hugathome_code VALUES ('Challenge', ?, 1, ?, ?)", rows)


def _told(name: str, others: dict[str, float], ours: float) -> dict[str, float]:
    """Tell ours, each other side, and ours as a multiple of it; the one that is a floor names no ratio."""
    told = {f"{name}_us": ours}
    for which, other in others.items():
        to = name if which == "floor" else f"{name}_{which}"
        told |= {f"{name}_{which}_us": other, f"{to}_ratio": ours / other}
    return told


async def _measured(times: int, rows: tuple[int, int]) -> dict[str, float]:
    floors = await against_floors(times=times)
    return floors | await against_django_otp(times=times) | await among_many(times=times, rows=rows)


def measure(*, times: int = VERIFIES, rows: tuple[int, int] = ROWS) -> dict[str, float]:
    """Return every figure: the other side and ours in microseconds, and ours as a multiple of it."""
    return asyncio.run(_measured(times, rows))


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

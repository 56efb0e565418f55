"""Codes on Redis: what a restart or a fail-over has rewound lets nobody in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from secrets import token_bytes
from typing import Any

import pytest
import redis as driver
from tests import servers

from hugathome._drive import drive
from hugathome.codes import Challenge, issue
from hugathome.errors import CodeAlreadyUsed, CodeExpired, ConfigurationError, StoreUnavailable
from hugathome.keys import KeyRing
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.quotas import DAY, Tally
from hugathome.stores import open_code_store
from hugathome.stores.redis import RedisCodes
from hugathome.verifier import Verifier

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
POLICY = CodePolicy()
PHONE = PhoneNumber.parse("+41791234567")
KEYS = KeyRing(b"a secret of thirty-two bytes, no")
NOWHERE = "unix:///nowhere/socket"

pytestmark = pytest.mark.skipif(not servers.HAS_REDIS, reason="no Redis can be started as its own user")


class StoppedClock:
    """Stands still."""

    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a verifier waits for nothing")


def challenge(challenge_id: str = "c1") -> Challenge:
    issued = issue(
        POLICY,
        challenge_id=challenge_id,
        organisation="hug",
        purpose="check-in",
        subject="hug.s1/p-1",
        address="sealed",
        key_id="0123456789ab",
        now=NOW,
    )
    return replace(issued, version=1)


@pytest.fixture(scope="module")
def server() -> Iterator[servers.RedisServer]:
    """Start one that may be killed."""
    with servers.redis() as one:
        yield one


@pytest.fixture
def raw(server: servers.RedisServer) -> Iterator[driver.Redis]:
    with driver.Redis.from_url(server.url) as client:
        client.flushall()
        yield client


@pytest.fixture
def codes(server: servers.RedisServer, raw: driver.Redis) -> Iterator[RedisCodes]:
    store = RedisCodes(server.url, is_blocking=True)
    yield store
    drive(store.aclose())


def verifier(codes: RedisCodes) -> Verifier:
    return Verifier(store=codes, keys=KEYS, clock=StoppedClock(), randomness=token_bytes)


def issued(codes: RedisCodes) -> tuple[Challenge, str]:
    """Return a new challenge whose code has been sent, and that code."""
    ours = verifier(codes)
    one = drive(ours.issue(POLICY, organisation="hug", purpose="log-in", subject="u/1", phone=PHONE))
    return one, drive(ours.reserve(one, POLICY)).code


def answer(codes: RedisCodes, challenge_id: str, code: str) -> Challenge:
    return drive(verifier(codes).verify(challenge_id, code, policy=POLICY))


# --- Rewound -------------------------------------------------------------------------------------


def test_a_used_code_that_a_restart_has_opened_again_is_refused(
    server: servers.RedisServer, raw: driver.Redis, codes: RedisCodes
) -> None:
    one, code = issued(codes)
    raw.save()
    answer(codes, one.id, code)
    with pytest.raises(CodeAlreadyUsed):
        answer(codes, one.id, code)

    server.restart()

    assert '"state":"open"' in str(raw.hgetall(f"hugathome:Challenge:{one.id}"))
    with pytest.raises(CodeExpired):
        answer(codes, one.id, code)


def test_a_used_code_that_a_fail_over_and_back_has_opened_again_is_refused(
    raw: driver.Redis, codes: RedisCodes
) -> None:
    """The server that is demoted and promoted again never stopped, and is the same process."""
    one, code = issued(codes)

    raw.replicaof("127.0.0.1", "1")
    raw.replicaof("NO", "ONE")

    with pytest.raises(CodeExpired):
        answer(codes, one.id, code)


def test_what_was_read_before_a_restart_is_not_saved_after_it(
    server: servers.RedisServer, raw: driver.Redis, codes: RedisCodes
) -> None:
    drive(codes.save(challenge(), expected=0))
    raw.save()

    server.restart()

    assert not drive(codes.save(replace(challenge(), version=2), expected=1))
    assert not drive(codes.save(challenge(), expected=0))


def test_a_code_of_the_new_run_is_accepted(server: servers.RedisServer, codes: RedisCodes) -> None:
    server.restart()

    one, code = issued(codes)

    assert answer(codes, one.id, code).id == one.id


def test_a_tally_outlives_a_restart(
    server: servers.RedisServer, raw: driver.Redis, codes: RedisCodes
) -> None:
    tally = Tally(key="t", since=NOW, count=3, version=1)
    drive(codes.save(tally, expected=0))
    raw.save()

    server.restart()

    assert drive(codes.load(Tally, "t")) == tally
    assert drive(codes.save(replace(tally, count=4, version=2), expected=1))


# --- Kept ----------------------------------------------------------------------------------------


def test_a_record_outlives_every_deadline_and_span_from_its_last_save(
    raw: driver.Redis, codes: RedisCodes
) -> None:
    longest = max(
        timedelta(minutes=10), *(quota.within for quota in (*POLICY.sends_to_address, POLICY.failures)), DAY
    )
    drive(codes.save(challenge(), expected=0))
    (name,) = raw.keys()
    raw.expire(name, 1)

    drive(codes.save(replace(challenge(), version=2), expected=1))

    assert timedelta(seconds=raw.ttl(name)) > 2 * longest


def test_scripts_that_the_server_has_forgotten_are_given_again(raw: driver.Redis, codes: RedisCodes) -> None:
    drive(codes.save(challenge(), expected=0))
    raw.script_flush()

    assert drive(codes.load(Challenge, "c1")) == challenge()


# --- What goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["", "{}", "null", "not json", "[]"])
def test_a_code_that_was_changed_outside_is_refused(raw: driver.Redis, codes: RedisCodes, body: str) -> None:
    drive(codes.save(challenge(), expected=0))
    raw.hset("hugathome:Challenge:c1", "body", body)

    with pytest.raises(StoreUnavailable):
        drive(codes.load(Challenge, "c1"))


def test_what_is_no_record_is_refused_without_its_name(raw: driver.Redis, codes: RedisCodes) -> None:
    raw.set("hugathome:Challenge:c1", "a string")

    for call in (codes.load(Challenge, "c1"), codes.save(challenge(), expected=0)):
        with pytest.raises(StoreUnavailable) as refused:
            drive(call)
        assert "c1" not in str(refused.value)
        assert refused.value.__cause__ is None


async def test_a_server_that_is_away_is_said_so_with_and_without_a_loop() -> None:
    away = open_code_store(NOWHERE)
    assert isinstance(away, RedisCodes)

    for store in (away, away.for_blocking()):
        with pytest.raises(StoreUnavailable):
            await store.load(Challenge, "c1")
        with pytest.raises(StoreUnavailable):
            await store.save(challenge(), expected=0)
        await store.aclose()


@pytest.mark.parametrize(
    "url", ["redis://scott:tiger@host:port", "redis://host/?colour=tiger", "redis://host?protocol=tiger"]
)
def test_what_is_no_url_of_redis_is_refused_when_it_is_opened(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        open_code_store(url)

    assert "tiger" not in str(refused.value)


def test_a_missing_extra_is_named() -> None:
    script = f"""
import sys
sys.modules["redis"] = None
from hugathome.errors import MissingExtra
from hugathome.stores import open_code_store
try:
    open_code_store({NOWHERE!r})
except MissingExtra as refused:
    print(refused.extra)
"""
    environment: dict[str, Any] = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, check=True, capture_output=True, text=True
    )

    assert done.stdout == "redis\n"

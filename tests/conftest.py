"""What holds for every test: examples are the same in every run, media run one after another, nobody waits
for ever, and in CI a skip is a failure."""

import asyncio
import functools
import inspect
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from tests import servers
from tests.front_desk import NOW, Gateway, hug_over

from hugathome.app import HugAtHome
from hugathome.stores import Store, open_store, schema
from hugathome.testing.clock import FakeClock

SLOW = [HealthCheck.too_slow]  # on a busy machine, everything is
settings.register_profile("fixed", derandomize=True, deadline=None, suppress_health_check=SLOW)
settings.register_profile(
    "proof", max_examples=500, deadline=None, print_blob=True, suppress_health_check=SLOW
)
settings.load_profile("fixed")  # `--hypothesis-profile=proof` comes after it

PATIENCE = 200
"""Seconds that a test may take which awaits anything: before `faulthandler_timeout` ends its whole worker."""


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what opens peer connections first, on one worker: it is timing-sensitive and takes longest."""

    def is_media(item: pytest.Item) -> bool:
        return any(item.get_closest_marker(name) for name in ("media", "browser"))

    items.sort(key=lambda item: not is_media(item))
    for item in filter(is_media, items):
        item.add_marker(pytest.mark.xdist_group("media"))


@pytest.hookimpl(tryfirst=True)  # before pytest-asyncio makes of it what pytest can call
def pytest_runtest_call(item: pytest.Item) -> None:
    """Bound every test that awaits: one that waits for what never comes fails, and tells where it stood."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.obj = _bounded(item.obj)


def _bounded(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def bounded(**fixtures: object) -> None:
        bound = asyncio.timeout(PATIENCE)
        try:
            async with bound:
                await test(**fixtures)
        except TimeoutError as waited:
            if bound.expired():
                raise AssertionError(f"still waiting after {PATIENCE} seconds") from waited
            raise

    return bounded


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not hasattr(report, "wasxfail"):
        _refuse_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _refuse_skip(report)
    return report


def _refuse_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Fail what was skipped in CI: there, everything that a test needs is installed."""
    if os.environ.get("CI") and report.outcome == "skipped":
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {reason}"


# --- Stores: memory and SQLite always, PostgreSQL and Redis where a server can be started as its own user ---


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    databases = ["sqlite", *(["postgresql"] if servers.HAS_POSTGRESQL else [])]
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", databases, indirect=True)
    if "store_url" in metafunc.fixturenames:
        metafunc.parametrize("store_url", ["memory", *databases], indirect=True)
    for name in {"code_store_url", "any_log_url"} & set(metafunc.fixturenames):
        kinds = ["memory", *databases, *(["redis"] if servers.HAS_REDIS else [])]
        metafunc.parametrize(name, kinds, indirect=True)
    if "log_url" in metafunc.fixturenames:
        kinds = [*databases, *(["redis"] if servers.HAS_REDIS else [])]
        metafunc.parametrize("log_url", kinds, indirect=True)
    if "alias" in metafunc.fixturenames:
        metafunc.parametrize("alias", ["default", "server"] if servers.HAS_POSTGRESQL else ["default"])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a server, and return the URL of its first database."""
    with servers.postgresql() as url:
        yield url


@pytest.fixture(scope="session")
def pgbouncer(postgresql: str) -> Iterator[str]:
    """Start one before the server, with fewer connections than are asked for at once, and return its URL."""
    with servers.pgbouncer(postgresql, size=4) as url:
        yield url


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """Start a server, and return its URL."""
    with servers.redis() as server:
        yield server.url


@pytest.fixture(scope="session")
def socket(request: pytest.FixtureRequest) -> str | None:
    """Return the folder of the server's socket, if there is one."""
    if not servers.HAS_POSTGRESQL:
        return None
    url: str = request.getfixturevalue("postgresql")
    return url.rpartition("host=")[2]


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that is empty but for its tables."""
    return _emptied(request.param, request, tmp_path)


@pytest.fixture
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return what `open_store` takes for an empty store of each kind."""
    return _emptied(request.param, request, tmp_path)


@pytest.fixture
def code_store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return what `open_code_store` takes for an empty store of each kind; all but memory serve processes."""
    return _emptied(request.param, request, tmp_path)


@pytest.fixture
def emptied_postgresql(postgresql: str) -> str:
    """Return the URL of a database on a server, empty but for its tables."""
    return _emptied_postgresql(postgresql)


@pytest.fixture
def log_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return what `open_log` takes for an empty log of each kind that several processes share."""
    return _emptied(request.param, request, tmp_path)


@pytest.fixture
def any_log_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return what `open_log` takes for an empty log of each kind."""
    return _emptied(request.param, request, tmp_path)


def _emptied(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    match kind:
        case "memory":
            return "memory://"
        case "sqlite":
            return f"sqlite:///{tmp_path}/clinic.db"
        case "redis":
            return _emptied_redis(request.getfixturevalue("redis"))
        case _:
            return _emptied_postgresql(request.getfixturevalue("postgresql"))


def _emptied_redis(url: str) -> str:
    import redis

    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


def _emptied_postgresql(url: str) -> str:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute(schema("postgresql").encode())
    return url


# --- A front desk: see `tests/front_desk.py` ------------------------------------------------------


@pytest.fixture
def sms() -> Gateway:
    """Return a gateway that keeps what it accepts."""
    return Gateway()


@pytest.fixture
def clock() -> FakeClock:
    """Return a clock that stands still until it is told to go on."""
    return FakeClock(NOW)


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Return a store: the one that forgets, and the one that needs no server."""
    return open_store("memory://" if request.param == "memory" else f"sqlite:///{tmp_path}/clinic.db")


@pytest.fixture
async def hug(store: Store, sms: Gateway, clock: FakeClock) -> AsyncIterator[HugAtHome]:
    """Return a clinic over the three."""
    async with hug_over(store, sms, clock) as hug:
        yield hug

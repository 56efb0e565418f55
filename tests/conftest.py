"""What holds for every test: examples are the same in every run, media run one after another, and in CI a
skip is a failure."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from hugathome.stores import schema

settings.register_profile("fixed", derandomize=True, deadline=None)
settings.register_profile("proof", max_examples=500, deadline=None, print_blob=True)
settings.load_profile("fixed")  # `--hypothesis-profile=proof` comes after it


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what opens peer connections first, on one worker: it is timing-sensitive and takes longest."""

    def is_media(item: pytest.Item) -> bool:
        return any(item.get_closest_marker(name) for name in ("media", "browser"))

    items.sort(key=lambda item: not is_media(item))
    for item in filter(is_media, items):
        item.add_marker(pytest.mark.xdist_group("media"))


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


# --- Databases: SQLite always, PostgreSQL where a server can be started as its own user ---------------

_SERVERS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
HAS_POSTGRESQL = bool(_SERVERS) and os.geteuid() == 0 and shutil.which("runuser") is not None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        kinds = ["sqlite", "postgresql"] if HAS_POSTGRESQL else ["sqlite"]
        metafunc.parametrize("database", kinds, indirect=True)
    if "alias" in metafunc.fixturenames:
        metafunc.parametrize("alias", ["default", "server"] if HAS_POSTGRESQL else ["default"])


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """Start a server as its own user, on a Unix socket, and return the URL of its first database."""
    where = Path(tempfile.mkdtemp(prefix="hug"))
    shutil.chown(where, "postgres")

    def as_postgres(command: str, *arguments: str) -> None:
        program = str(_SERVERS[-1].with_name(command))
        subprocess.run(
            ["runuser", "-u", "postgres", "--", program, "-D", str(where / "data"), *arguments],
            cwd=where,
            check=True,
            stdout=subprocess.DEVNULL,
        )

    as_postgres("initdb", "--auth=trust", "--username=postgres", "--no-sync")
    options = f"-c listen_addresses='' -c fsync=off -k {where}"
    as_postgres("pg_ctl", "--wait", "--options", options, "--log", str(where / "log"), "start")
    try:
        yield f"postgresql://postgres@/postgres?host={where}"
    finally:
        as_postgres("pg_ctl", "--wait", "--mode=immediate", "stop")
        shutil.rmtree(where)


@pytest.fixture(scope="session")
def socket(request: pytest.FixtureRequest) -> str | None:
    """Return the folder of the server's socket, if there is one."""
    if not HAS_POSTGRESQL:
        return None
    url: str = request.getfixturevalue("postgresql")
    return url.rpartition("host=")[2]


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Return the URL of a database that is empty but for its tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/clinic.db"

    import psycopg

    url: str = request.getfixturevalue("postgresql")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA public CASCADE")
        connection.execute("CREATE SCHEMA public")
        connection.execute(schema("postgresql").encode())
    return url

"""Databases to try the stores on: SQLite always, PostgreSQL where a server can be started."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hugathome.stores import schema

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

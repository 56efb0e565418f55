"""What a host writes passes its own `mypy --strict`, without any plugin, and runs."""

import importlib.util
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from hugathome import Status
from hugathome.sms import OutboxSms

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
HOSTS = sorted(path.name for path in HERE.glob("*.py") if not path.name.startswith("test_"))
KEY = b"a key that is only ever used in tests"


def loaded(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"host_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checked(folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    """Run mypy as a host does: strict, with no configuration of ours, the library being somebody else's."""
    cache = ROOT / ".mypy_cache" / "as-a-host"  # other options would make the one of ours useless
    options = ["--strict", "--config-file=", "--follow-imports=silent", f"--cache-dir={cache}"]
    return subprocess.run(
        [sys.executable, "-m", "mypy", *options, *files],
        cwd=folder,
        env={**os.environ, "MYPYPATH": str(ROOT / "src")},
        check=False,
        capture_output=True,
        text=True,
    )


def test_what_a_host_writes_passes_its_strict_mypy() -> None:
    assert HOSTS

    done = checked(HERE, *HOSTS)

    assert done.returncode == 0, done.stdout + done.stderr


def test_what_a_host_gets_wrong_does_not(tmp_path: Path) -> None:
    wrong = 'from hugathome import Participant\n\nParticipant(id="p-1", role="surgeon", name="A.")\n'
    (tmp_path / "host.py").write_text(wrong)

    done = checked(tmp_path, "host.py")

    assert done.returncode == 1
    assert "host.py:3" in done.stdout


@pytest.fixture
def start() -> datetime:
    return datetime.now(UTC) + timedelta(minutes=5)


async def test_what_a_host_writes_runs(tmp_path: Path, start: datetime) -> None:
    host, sms = loaded("embedding"), OutboxSms()
    hug = host.deployed(key=KEY, database=f"sqlite:///{tmp_path}/clinic.db", sms=sms)

    async with hug:
        session = await host.planned(hug, start=start, end=start + timedelta(minutes=30))
        await host.checked_in(hug, session, sms)
        ended = await host.held(hug, session)
        events = await host.told(hug)

        assert ended.status is Status.COMPLETED
        assert [event.position for event in events] == list(range(1, len(events) + 1))
        assert host.mounted(hug).routes
        assert callable(host.in_front_of(hug, host.mounted(hug)))


async def test_what_a_host_tests_with_runs(start: datetime) -> None:
    host = loaded("tested")

    assert await host.a_whole_visit(start) == "report"
    await host.seams_of_ones_own()


def test_what_a_synchronous_host_writes_runs(tmp_path: Path, start: datetime) -> None:
    from hugathome.blocking import HugAtHome
    from hugathome.stores import open_store

    host, sms = loaded("blocking"), OutboxSms()
    store = open_store(f"sqlite:///{tmp_path}/clinic.db")
    site = "https://www.example.ch/visit"

    with HugAtHome(
        key=KEY, store=store, sms=sms, site=site, timezone="Europe/Zurich", brand="HUG@home"
    ) as hug:
        ended = host.held(hug, start=start, end=start + timedelta(minutes=30))
        events = host.told(hug)

    assert ended.status is Status.COMPLETED
    assert events[-1].change.action == "complete"

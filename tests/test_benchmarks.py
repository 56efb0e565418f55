"""Every benchmark runs, once and small, and says what it measured; how fast is no test's business."""

import importlib.util
import json
import math
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests import servers

from hugathome.sms import OutboxSms
from hugathome.testing import Outbox

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def load(name: str) -> Any:
    """Import a script of `benchmarks/`, which is no package."""
    specification = importlib.util.spec_from_file_location(f"benchmarks_{name}", BENCHMARKS / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module: ModuleType = importlib.util.module_from_spec(specification)
    sys.modules[module.__name__] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def proof() -> Any:
    return load("proof")


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("first_frame", marks=pytest.mark.media),
        pytest.param("fifty_calls", marks=pytest.mark.media),
        "import_time",
    ],
)
def test_a_benchmark_gives_its_headline(name: str, proof: Any) -> None:
    (figure,) = [each for each in proof.FIGURES if each.script == f"{name}.py"]

    values = load(name).measure(rounds=1)

    assert figure.key in values
    assert all(math.isfinite(value) and value >= 0 for value in values.values())


@pytest.mark.skipif(not (servers.HAS_POSTGRESQL and servers.HAS_REDIS), reason="needs both servers")
async def test_a_code_is_verified_at_every_place_beside_its_floor(proof: Any) -> None:
    benchmark = load("codes")
    keys = {figure.key for figure in proof.FIGURES if figure.script == "codes.py"}

    values = {
        **await benchmark.against_floors(times=3),
        **await benchmark.among_many(times=3, rows=(10, 100)),
    }

    # django-otp configures Django, and is no part of [dev].
    assert keys - set(values) == {"django_otp_ratio", "django_otp_as_it_comes_ratio"}
    assert all(math.isfinite(value) and value > 0 for value in values.values())


@pytest.mark.skipif(not servers.HAS_POSTGRESQL, reason="needs a server")
async def test_a_session_is_changed_saved_listed_and_told_beside_its_floors(proof: Any) -> None:
    benchmark = load("sessions")
    keys = {figure.key for figure in proof.FIGURES if figure.script == "sessions.py"}

    values = {
        **await benchmark.changing(times=3),
        **await benchmark.saving(times=3),
        **await benchmark.listing(times=3, rows=(1_000, 2_000)),
        **await benchmark.reading(events=1_500),
    }

    assert keys <= set(values)
    assert all(math.isfinite(value) and value > 0 for value in values.values())


@pytest.mark.skipif(not servers.HAS_POSTGRESQL, reason="needs a server")
def test_a_queue_is_taken_by_several_processes(proof: Any) -> None:
    keys = {figure.key for figure in proof.FIGURES if figure.script == "queue_of_2000.py"}
    small = [sys.executable, str(BENCHMARKS / "queue_of_2000.py"), "4", "8", "2"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(BENCHMARKS.parent), *sys.path])}

    run = subprocess.run(small, env=environment, stdout=subprocess.PIPE, check=True)

    values = json.loads(run.stdout)
    assert keys <= set(values)
    assert values["not_once"] == 0


async def test_descriptions_are_relayed_beside_a_bare_relay_idle_among_rooms_and_after_a_resume(
    proof: Any,
) -> None:
    benchmark = load("signalling")
    keys = {figure.key for figure in proof.FIGURES if figure.script == "signalling.py"}

    values = {
        **await benchmark.relaying("ours", "bare", rounds=1, seconds=0.1, rooms=2),
        **await benchmark.idling("ours", "bare", connections=20),
        **await benchmark.among_rooms(rooms=(1, 2, 3), seconds=0.1),
        **await benchmark.resuming(entries=20, rounds=1),
    }

    others = {"socketio_ratio", "peerjs_ratio", "bare_redis_ratio", "bare_postgresql_ratio"}
    assert keys - set(values) == others  # whose servers only `make proof` starts
    assert all(math.isfinite(value) for value in values.values())


@pytest.mark.skipif(not (servers.HAS_POSTGRESQL and servers.HAS_REDIS), reason="needs both servers")
async def test_entries_of_a_log_are_seen_beside_bare_commands(
    proof: Any, emptied_postgresql: str, redis: str
) -> None:
    benchmark = load("logs")
    keys = {figure.key for figure in proof.FIGURES if figure.script == "logs.py"}

    values = {
        **await benchmark.compared("postgresql", emptied_postgresql, rounds=1, seconds=0.05),
        **await benchmark.compared("redis", redis, rounds=1, seconds=0.05),
    }

    assert keys <= set(values)
    assert all(0 < value < math.inf for value in values.values())


async def test_what_is_compared_with_a_peer_server_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = load("signalling")
    monkeypatch.setattr(benchmark, "PEERJS", tmp_path / "peerjs.js")

    with pytest.raises(SystemExit, match="make build/peerjs"):
        await benchmark.relaying("peerjs")


def test_rooms_that_open_and_close_leave_nothing_behind() -> None:
    values = load("open_and_close").measure(rounds=2, warm_up=2, rooms=2)

    assert values["left"] == 0


@pytest.mark.media
@pytest.mark.browser
async def test_a_click_on_our_pages_is_timed_until_each_shows_the_other() -> None:
    benchmark, sms = load("click_to_picture"), OutboxSms()

    async with benchmark.served(sms) as hug, benchmark.two_browsers() as browsers:
        took = await benchmark.library(hug, Outbox(sms), browsers)

    assert 0 < min(took) <= took.both < 30_000


async def test_what_is_compared_with_peerjs_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    benchmark = load("click_to_picture")
    monkeypatch.setattr(benchmark, "PEERJS", tmp_path)

    with pytest.raises(SystemExit, match="make build/peerjs"):
        async with benchmark.peer_server():
            pass


def test_every_benchmark_is_part_of_the_proof_and_stands_in_the_readme(proof: Any) -> None:
    scripts = {path.name for path in BENCHMARKS.glob("*.py")} - {"proof.py"}
    readme = (BENCHMARKS / "README.md").read_text()

    assert {figure.script for figure in proof.FIGURES} == scripts
    assert all(f"benchmarks/{script}`" in readme for script in scripts)


def test_a_report_says_which_aims_were_met_and_which_not(proof: Any) -> None:
    within = proof.Figure("met", "one.py", at_most=1.25)
    told = proof.report(
        [
            proof.Measured(within, {"ratio": 1.25, "floor_ms": 80.0}),
            proof.Measured(within._replace(what="missed"), {"ratio": 1.26}),
            proof.Measured(within._replace(what="broken"), {}),
            proof.Measured(proof.Figure("without an aim", "two.py"), {"ratio": 11.0}),
            proof.Measured(proof.Figure("a count", "three.py", key="left", at_most=0), {"left": 0}),
        ],
        [
            proof.Checked(proof.Check("long", ()), has_passed=True, summary="9 passed"),
            proof.Checked(proof.Check("longer", ()), has_passed=False, summary="1 failed"),
        ],
        at=NOON,
        machine="A machine.",
    )

    assert told.startswith("# Figures of 2026-11-22\n\nMade by `make proof` at 12:00 UTC. A machine.\n")
    assert "| met | 1.25 × | ≤ 1.25 | yes |" in told
    assert "| missed | 1.26 × | ≤ 1.25 | **no** |" in told
    assert "| broken | – | ≤ 1.25 | **could not be measured** |" in told
    assert "| without an aim | 11 × | – | – |" in told
    assert "| a count | 0 | ≤ 0 | yes |" in told
    assert "- `one.py`: ratio 1.25, floor ms 80\n" in told
    assert "- long: 9 passed\n- longer: **failed**: 1 failed\n" in told


def test_a_report_says_what_was_left_out_and_nothing_unknown_is(proof: Any) -> None:
    told = proof.report([], [], at=NOON, machine="A machine.", left_out=["attacks.py"])

    assert "Not measured this time: `attacks.py`.\n" in told
    with pytest.raises(SystemExit, match="no figure is taken by"):
        proof.main("nothing.py")


def test_a_report_says_on_what_it_was_measured_and_names_no_place(proof: Any) -> None:
    machine = proof.machine()

    assert "cores" in machine
    assert "aiortc 1." in machine
    assert str(BENCHMARKS.parent) not in machine
    assert str(Path.home()) not in machine


def test_what_cannot_be_measured_is_said_and_not_guessed(
    proof: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken.py").write_text("raise SystemExit(1)")
    (tmp_path / "fine.py").write_text("print('{\"ratio\": 2.5}')")
    monkeypatch.setattr(proof, "HERE", tmp_path)

    broken, fine = (proof.measured(proof.Figure(name, f"{name}.py")) for name in ("broken", "fine"))

    assert broken.values == {}
    assert fine.values == {"ratio": 2.5}

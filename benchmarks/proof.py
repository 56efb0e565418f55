"""Take every figure in full and run the long checks; write what came out into `benchmarks/reports/`.

    make proof
    make proof WITHOUT="attacks.py fuzz.py"

Each figure runs in a process of its own, one after another. A missed aim is a finding and stands in the
report; only what could not be measured, and a check that failed, make this command fail. Figures compare
within one run: on a busy machine both sides are slow.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent
VERSIONS_OF = (
    *("aiortc", "aioice", "av", "pyotp", "pydantic", "PyJWT", "cryptography", "phonenumbers"),
    *("SQLAlchemy", "starlette", "uvicorn", "websockets"),
)


class Figure(NamedTuple):
    """One thing to measure: `script` prints JSON, `key` is its headline, which should be `at_most`."""

    what: str
    script: str
    key: str = "ratio"
    at_most: float | None = None


class Check(NamedTuple):
    """Tests whose passing is part of the proof."""

    what: str
    options: Sequence[str]


class Measured(NamedTuple):
    """What a figure's script printed; nothing where it failed."""

    figure: Figure
    values: dict[str, float]

    @property
    def verdict(self) -> str:
        """Say whether the aim was met."""
        if not self.values:
            return "**could not be measured**"
        if self.figure.at_most is None:
            return "–"
        return "yes" if self.values[self.figure.key] <= self.figure.at_most else "**no**"


class Checked(NamedTuple):
    """How a check came out; `summary` is pytest's last line."""

    check: Check
    has_passed: bool
    summary: str


FIGURES = (
    Figure(
        "both admitted → both see a picture: server, hub and SQLite against two bare aiortc connections",
        "first_frame.py",
        at_most=1.25,
    ),
    Figure(
        "the click on *admit* → both pages show a picture, in Chromium: against a call with PeerJS",
        "click_to_picture.py",
        at_most=1,
    ),
    Figure(
        "verify a code in memory, against deriving, computing, comparing and a record",
        "codes.py",
        key="memory_ratio",
        at_most=1.7,
    ),
    *(
        Figure(f"the same on {where}, against {floor}", "codes.py", key=f"{name}_{key}", at_most=at_most)
        for name, where in (
            ("sqlite", "SQLite"),
            ("sqlite_on_a_loop", "SQLite under asyncio"),
            ("postgresql", "PostgreSQL"),
            ("postgresql_on_a_loop", "PostgreSQL under asyncio"),
            ("redis", "Redis"),
            ("redis_on_a_loop", "Redis under asyncio"),
        )
        for key, floor, at_most in (
            ("ratio", "its load and conditional update alone", 1.25),
            ("judging_ratio", "these and what any verifier computes", None),
        )
    ),
    Figure(
        "the same on SQLite, against a device of django-otp's in a file that is synced as ours is",
        "codes.py",
        key="django_otp_ratio",
        at_most=0.2,
    ),
    Figure(
        "the same, against one in a file as Django opens it",
        "codes.py",
        key="django_otp_as_it_comes_ratio",
    ),
    Figure("the same among a million codes, against a thousand", "codes.py", key="rows_ratio", at_most=1.3),
    Figure("change a session in memory, against a copy of it", "sessions.py", key="memory_ratio"),
    *(
        Figure(
            f"save a session with its event on {where}, against {floor}",
            "sessions.py",
            key=f"{name}_{key}",
            at_most=1.3,
        )
        for name, where in (
            ("sqlite", "SQLite"),
            ("sqlite_on_a_loop", "SQLite under asyncio"),
            ("postgresql", "PostgreSQL"),
            ("postgresql_on_a_loop", "PostgreSQL under asyncio"),
        )
        for key, floor in (("ratio", "these two writes alone"), ("all_ratio", "all that it writes, bare"))
    ),
    *(
        Figure(
            f"list {what} among a million sessions on {where}, against a thousand",
            "sessions.py",
            key=f"{name}_{key}_ratio",
            at_most=1.5,
        )
        for name, where in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
        for key, what in (("day", "a service's day"), ("queue", "a queue"))
    ),
    *(
        Figure(f"microseconds to read and open an event on {where}", "sessions.py", key=f"{name}_event_us")
        for name, where in (("sqlite", "SQLite"), ("postgresql", "PostgreSQL"))
    ),
    Figure(
        "milliseconds of the slowest of a million codes, numbers, receipts, messages, descriptions …",
        "fuzz.py",
        key="slowest_ms",
        at_most=1,
    ),
    *(
        Figure(
            f"descriptions relayed in a second by {whom}, against ours",
            "signalling.py",
            key=f"{name}_ratio",
            at_most=aim,
        )
        for name, whom, aim in (
            ("bare", "a bare relay on the same server", 2),
            ("socketio", "python-socketio", 0.5),
            ("peerjs", "PeerServer", 1),
            ("bare_redis", "a bare relay through a Redis stream, ours through its log there", 1 / 0.6),
            ("bare_postgresql", "a bare relay through PostgreSQL, ours through its log there", 1 / 0.6),
        )
    ),
    *(
        Figure(
            f"processor time for an entry appended to a log on {where} and seen, against {what} alone",
            "logs.py",
            key=f"{name}_log_ratio",
            at_most=0.6,
        )
        for name, where, what in (
            ("redis", "Redis", "XADD and XREAD"),
            ("postgresql", "PostgreSQL", "INSERT with NOTIFY and SELECT"),
        )
    ),
    Figure(
        "memory of an idle connection among 5,000, against the bare relay's",
        "signalling.py",
        key="idle_ratio",
        at_most=1.3,
    ),
    Figure(
        "median time of a relay, one at a time, among 2,000 open rooms, against one room",
        "signalling.py",
        key="rooms_ratio",
        at_most=1.3,
    ),
    Figure(
        "the same: what the server computes for it, heartbeats of all connections included",
        "signalling.py",
        key="rooms_processor_ratio",
        at_most=1.3,
    ),
    Figure(
        "milliseconds to resume in a room of 4,000 entries on a worker that has never seen it",
        "signalling.py",
        key="resume_cold_ms",
        at_most=50,
    ),
    Figure(
        "tasks, threads and file descriptors left by 200 rounds of ten rooms",
        "open_and_close.py",
        key="left",
        at_most=0,
    ),
    Figure("`import hugathome`, against its own dependencies", "import_time.py"),
    Figure(
        "tasks, threads and file descriptors left by 50 calls between two Python endpoints",
        "fifty_calls.py",
        key="left",
        at_most=0,
    ),
    Figure(
        "a patient's page on a slow phone: seconds from the link to the answer to a touch",
        "slow_phone.py",
        key="usable_s",
        at_most=3,
    ),
    Figure("the same: kilobytes received until then", "slow_phone.py", key="kilobytes", at_most=60),
    Figure(
        "the same: seconds from the admission to the first sound", "slow_phone.py", key="sound_s", at_most=5
    ),
    Figure(
        "of 2,000 patients in a queue over PostgreSQL, those whom 200 clinicians do not take exactly once",
        "queue_of_2000.py",
        key="not_once",
        at_most=0,
    ),
    Figure("the same: seconds until all are taken", "queue_of_2000.py", key="seconds"),
    Figure(
        "visits of two minutes behind a proxy that ends what is silent for 25 s, and one that also refuses "
        "WebSockets: how often a page had to come back",
        "behind_proxies.py",
        key="came_back",
        at_most=0,
    ),
    Figure(
        "visits of two pages on two workers in which a worker, Redis or PostgreSQL fails, nothing written is "
        "lost or doubled and no SMS needed: seconds that a picture stood still at the most",
        "across_failures.py",
        key="longest_pause_s",
        at_most=1,
    ),
    Figure(
        "the same: tries of a page to come back, from when it could be served",
        "across_failures.py",
        key="tries",
        at_most=3,
    ),
    Figure("the same: seconds of it", "across_failures.py", key="away_s"),
    Figure(
        "Autobahn cases that fail at the mounted application, and not at uvicorn's WebSockets alone",
        "autobahn.py",
        key="beyond",
        at_most=0,
    ),
    Figure(
        "attacks on codes that succeed, on four stores: races of sixteen processes 200 times, the rest once",
        "attacks.py",
        key="violations",
        at_most=0,
    ),
    Figure(
        "of 100,000 simulated visits with everything that goes wrong, those that break an invariant",
        "simulation.py",
        key="broken",
        at_most=0,
    ),
    Figure(
        "changes to the rules of codes that no test notices, of all that Cosmic Ray makes",
        "mutation.py",
        key="escaped",
        at_most=0.05,
    ),
)
CHECKS = (
    Check(
        "whole visits over the real server: kills, restarts, late doctors, Chromium",
        ("tests/whole_visits", "tests/pages"),
    ),
    Check(
        "`kill -9` of a worker at every await from the plan of a visit to its end",
        ("tests/whole_visits/test_killed_worker.py", "--hypothesis-profile=proof", "--numprocesses=2"),
    ),
    Check(
        "two workers on PostgreSQL and on Redis: killed, stopped for a minute, Redis killed and emptied",
        ("tests/whole_visits/test_two_workers.py", "--hypothesis-profile=proof"),
    ),
    Check(
        "every golden scenario of a room over every transport and every log",
        ("tests/testing/test_check_room.py", "--hypothesis-profile=proof"),
    ),
    Check(
        "every property and state machine, 500 examples each, drawn anew",
        ("-m", "hypothesis", "--hypothesis-profile=proof", "--numprocesses=2"),
    ),
)


# --- Doing ---------------------------------------------------------------------------------------


def measured(figure: Figure) -> Measured:
    """Run a figure's script, or take what it printed before for another figure."""
    return Measured(figure, _printed(HERE / figure.script))


@cache
def _printed(script: Path) -> dict[str, float]:
    print(f"{script.name} …", flush=True)
    run = _run(str(script))
    values: dict[str, float] = json.loads(run.stdout) if run.returncode == 0 else {}
    return values


def checked(check: Check) -> Checked:
    """Run a check's tests."""
    print(f"{check.what} …", flush=True)
    began = perf_counter()
    run = _run("-m", "pytest", "--quiet", *check.options)
    said = run.stdout.strip().splitlines() or [f"pytest ended with {run.returncode}"]
    if run.returncode != 0:
        print(run.stdout)
    summary = said[-1].strip("= ").partition(" in ")[0]
    return Checked(check, run.returncode == 0, f"{summary}, in {perf_counter() - began:.0f} s")


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},  # what tests and benchmarks share is imported as tests.…
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )


# --- Telling -------------------------------------------------------------------------------------


def report(
    figures: Iterable[Measured],
    checks: Iterable[Checked],
    *,
    at: datetime,
    machine: str,
    left_out: Iterable[str] = (),
    to_come: Iterable[Check] = (),
) -> str:
    """Return the report in Markdown; it says which scripts were left out, and which checks have not ended."""
    figures = tuple(figures)
    lines = [
        f"# Figures of {at:%Y-%m-%d}",
        "",
        f"Made by `make proof` at {at:%H:%M} UTC. {machine}",
        "",
        "| figure | measured | aim | met |",
        "| --- | ---: | ---: | --- |",
        *(_row(each) for each in figures),
        "",
        *(f"Not measured this time: `{script}`.\n" for script in left_out),
        "## What went into them",
        "",
        *dict.fromkeys(f"- `{each.figure.script}`: {_all_of(each)}" for each in figures),
        "",
        "## Long checks",
        "",
        *(f"- {each.check.what}: {_outcome(each)}" for each in checks),
        *(f"- {each.what}: has not ended" for each in to_come),
    ]
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Say what this was measured on; nothing that names the machine."""
    load, *_ = os.getloadavg()
    versions = ", ".join(f"{name} {version(name)}" for name in VERSIONS_OF)
    return (
        f"Revision {_revision()}; {os.cpu_count()} cores ({_processor()}), load {load:.1f} at the start, "
        f"{platform.system()} {platform.machine()}, Python {platform.python_version()}; {versions}."
    )


def _row(each: Measured) -> str:
    headline = f"{each.values[each.figure.key]:.3g}" if each.values else "–"
    if each.values and each.figure.key.endswith("ratio"):
        headline += " ×"
    aim = "–" if each.figure.at_most is None else f"≤ {each.figure.at_most:g}"
    return f"| {each.figure.what} | {headline} | {aim} | {each.verdict} |"


def _all_of(each: Measured) -> str:
    said = ", ".join(f"{name} {value:.4g}" for name, value in each.values.items())
    return said.replace("_", " ") or "failed"


def _outcome(each: Checked) -> str:
    return each.summary if each.has_passed else f"**failed**: {each.summary}"


def _revision() -> str:
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"`{told.stdout.strip()}`"


def _processor() -> str:
    """Return the model as Linux tells it."""
    told = Path("/proc/cpuinfo")
    lines = told.read_text().splitlines() if told.exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(models, "") or platform.processor() or "unknown"


def main(*left_out: str) -> int:
    """Do all of it but the scripts that are `left_out`, and return what the command ends with."""
    if unknown := set(left_out) - {figure.script for figure in FIGURES}:
        raise SystemExit(f"no figure is taken by {', '.join(unknown)}")
    at, on = datetime.now(UTC), machine()
    path = HERE / "reports" / f"{at:%Y-%m-%d}.md"
    path.parent.mkdir(exist_ok=True)
    figures = [measured(figure) for figure in FIGURES if figure.script not in left_out]
    checks: list[Checked] = []

    def written() -> str:
        to_come = CHECKS[len(checks) :]
        told = report(figures, checks, at=at, machine=on, left_out=left_out, to_come=to_come)
        path.write_text(told, encoding="utf-8")
        return told

    told = written()  # and after each check, for whoever has to break off
    for check in CHECKS:
        checks.append(checked(check))
        told = written()
    print(f"\n{told}\nwritten to {path.relative_to(ROOT)}")
    return 0 if all(each.values for each in figures) and all(each.has_passed for each in checks) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

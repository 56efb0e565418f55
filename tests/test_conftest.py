"""The rules of the test run itself."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HERE = Path(__file__).parent
SKIPPING = {
    "by_mark": "import pytest\n@pytest.mark.skip(reason='no camera')\ndef test_it() -> None: ...\n",
    "by_call": "import pytest\ndef test_it() -> None:\n    pytest.skip('no camera')\n",
    "by_module": "import pytest\npytest.skip('no camera', allow_module_level=True)\n",
}


MEDIA = """
import os, pytest
@pytest.mark.parametrize("call", range(3))
@pytest.mark.{mark}
def test_call(call: int) -> None:
    with open("workers", "a") as workers:
        workers.write(os.environ["PYTEST_XDIST_WORKER"] + " ")
"""

WAITING = """
import asyncio
async def test_waiting() -> None:
    never_comes = asyncio.Event()
    await never_comes.wait()
async def test_after_it() -> None: ...
async def test_own_bound() -> None:
    async with asyncio.timeout(0):
        await asyncio.Event().wait()
"""

EXAMPLES = """
from hypothesis import given, strategies as st
@given(st.integers())
def test_number(number: int) -> None:
    with open("numbers", "a") as numbers:
        numbers.write(f"{number} ")
"""


def run_pytest(
    folder: Path, tests: Mapping[str, str], *options: str, patience: float = 200, **environment: str
) -> subprocess.CompletedProcess[str]:
    rules = (HERE / "conftest.py").read_text()
    assert "\nPATIENCE = 200\n" in rules
    (folder / "conftest.py").write_text(rules.replace("PATIENCE = 200", f"PATIENCE = {patience}"))
    (folder / "tests").mkdir(exist_ok=True)
    for drawn_on in ("servers.py", "front_desk.py"):
        (folder / "tests" / drawn_on).write_text((HERE / drawn_on).read_text())
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    media\n    browser\n")
    for name, source in tests.items():
        (folder / f"test_{name}.py").write_text(source)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options],
        cwd=folder,
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_skip_is_a_failure_in_ci(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, SKIPPING, "--continue-on-collection-errors", CI="true")

    assert result.returncode != 0
    for way in SKIPPING:
        assert f"test_{way}.py" in result.stdout
    assert result.stdout.count("skipped in CI: ") >= len(SKIPPING)
    assert "skipped" not in result.stdout.splitlines()[-1]


def test_every_skip_is_a_skip_elsewhere(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, SKIPPING)

    assert "3 skipped" in result.stdout.splitlines()[-1]
    assert "failed" not in result.stdout


def test_an_expected_failure_is_none_in_ci(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_it() -> None:\n    raise ValueError\n"

    result = run_pytest(tmp_path, {"it": source}, CI="true")

    assert result.returncode == 0
    assert "1 xfailed" in result.stdout


def test_media_run_one_after_another_on_one_worker(tmp_path: Path) -> None:
    calls = {mark: MEDIA.format(mark=mark) for mark in ("media", "browser")}

    result = run_pytest(tmp_path, calls, "--numprocesses=2", "--dist=loadgroup")

    assert "6 passed" in result.stdout
    workers = (tmp_path / "workers").read_text().split()
    assert len(set(workers)) == 1, "pytest and pytest-xdist do not go together: see pyproject.toml"


def test_who_waits_for_ever_fails_and_tells_where(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, {"it": WAITING}, "--override-ini=asyncio_mode=auto", patience=0.2)

    assert "1 passed" in result.stdout
    assert ">       await never_comes.wait()" in result.stdout
    assert "AssertionError: still waiting after 0.2 seconds" in result.stdout
    assert "test_own_bound - TimeoutError" in result.stdout


def test_examples_are_the_same_in_every_run_but_the_proofs(tmp_path: Path) -> None:
    def drawn(*options: str) -> list[str]:
        result = run_pytest(tmp_path, {"it": EXAMPLES}, *options)
        assert "1 passed" in result.stdout
        numbers = (tmp_path / "numbers").read_text().split()
        (tmp_path / "numbers").unlink()
        return numbers

    fixed = drawn()

    assert drawn() == fixed
    assert len(drawn("--hypothesis-profile=proof")) > len(fixed)

"""Whether the tests notice: the rules of codes and quotas, changed in one place after another.

Cosmic Ray changes an operator, a number, a condition or a call at a time, in a copy of the repository, and
runs the tests of the rules. A change that no test notices has survived, and is printed.

    python benchmarks/mutation.py
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
MUTATED = ("src/hugathome/codes.py", "src/hugathome/quotas.py")
TESTS = ("tests/test_codes.py", "tests/test_quotas.py", "tests/test_policy.py", "tests/test_verifier.py")
SETTINGS = """
[cosmic-ray]
module-path = {modules}
timeout = 60.0
excluded-modules = []
test-command = {command}

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = ["core/ReplaceBinaryOperator_(Mul|BitOr)_.*"]
"""
"""Left out: the star before keyword-only options and the bar in annotations, which it takes for operators."""


def survivors(folder: Path) -> tuple[int, list[str]]:
    """Return how many changes were tried, and the difference that each survivor makes."""
    for part in ("src", "tests", "pyproject.toml"):
        source = ROOT / part
        shutil.copytree(source, folder / part) if source.is_dir() else shutil.copy(source, folder)
    command = f"{sys.executable} -m pytest -x -q -p no:cacheprovider {' '.join(TESTS)}"
    settings = SETTINGS.format(modules=json.dumps(MUTATED), command=json.dumps(command))
    (folder / "settings.toml").write_text(settings)
    _run(folder, "cosmic-ray", "init", "settings.toml", "session.sqlite")
    _run(folder, "cr-filter-operators", "session.sqlite", "settings.toml")
    _run(folder, "cosmic-ray", "exec", "settings.toml", "session.sqlite")
    outcomes = list(_outcomes(_run(folder, "cosmic-ray", "dump", "session.sqlite")))
    return len(outcomes), [each["diff"] for each in outcomes if each["test_outcome"] == "survived"]


def _outcomes(dumped: str) -> Iterator[dict[str, Any]]:
    for line in dumped.splitlines():
        _, outcome = json.loads(line)
        if outcome is not None and outcome["worker_outcome"] != "skipped":
            yield outcome


def _run(folder: Path, command: str, *words: str) -> str:
    run = subprocess.run(
        [Path(sys.executable).with_name(command), *words],
        cwd=folder,
        env={"PYTHONPATH": "src", "PATH": "/usr/bin:/bin"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return run.stdout


def measure() -> dict[str, float]:
    """Return how many changes there were, and which share of them escaped the tests; print those."""
    with tempfile.TemporaryDirectory() as folder:
        tried, left = survivors(Path(folder))
    for difference in left:
        print(difference, file=sys.stderr)
    return {"escaped": len(left) / tried, "changes": tried, "survived": len(left)}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

"""Whether the tests of the rules of codes notice a change: each is made, one at a time, and should fail them.

Cosmic Ray changes an operator, a number, a condition or a decorator in a copy of the repository, and runs
what tests these rules, over no store but memory. A change that no test notices has escaped, and is printed.
Known to escape, because nothing that anybody could see depends on them:

- `==` for `is` on a state, and `is` for `==` on a small number: members and small integers are single;
- what only has an effect on time: the cache around a class, and imports that are there for types alone.

    python benchmarks/mutation.py
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
SHARES = (("codes.py",), ("quotas.py", "policy.py"))
"""The modules that are changed, parted so that two processes have about as much to do."""
TESTS = (
    *("tests/test_quotas.py", "tests/test_codes.py", "tests/test_policy.py", "tests/test_verifier.py"),
    *("-k", "not sqlite and not postgresql and not redis"),
)
SETTINGS = """
[cosmic-ray]
module-path = {modules}
timeout = 120.0
excluded-modules = []
test-command = {command}

[cosmic-ray.distributor]
name = "local"

[cosmic-ray.filters.operators-filter]
exclude-operators = ["core/ReplaceBinaryOperator_(Mul|BitOr)_.*"]
"""
"""Left out: the star before keyword-only options and the bar of a signature, which it takes for operators."""


def outcomes(modules: Iterable[str]) -> list[dict[str, Any]]:
    """Change `modules` in a copy of the repository, and return what became of each change."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("src", "tests"):
            shutil.copytree(ROOT / part, folder / part)
        shutil.copy(ROOT / "pyproject.toml", folder)
        tests = (sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS)
        _run(folder, *tests)  # tests that fail without any change would catch them all
        paths = json.dumps([f"src/hugathome/{module}" for module in modules])
        settings = SETTINGS.format(modules=paths, command=json.dumps(shlex.join(tests)))
        (folder / "settings.toml").write_text(settings)
        _run(folder, _program("cosmic-ray"), "init", "settings.toml", "session.sqlite")
        _run(folder, _program("cr-filter-operators"), "session.sqlite", "settings.toml")
        _run(folder, _program("cosmic-ray"), "exec", "settings.toml", "session.sqlite")
        return list(_told(_run(folder, _program("cosmic-ray"), "dump", "session.sqlite")))


def _program(name: str) -> str:
    """Return the path of one that is installed beside Python."""
    return str(Path(sys.executable).with_name(name))


def _run(folder: Path, *command: str) -> str:
    """Run `command` on the copy in `folder`, and return what it prints."""
    run = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder / "src")},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return run.stdout


def _told(dumped: str) -> Iterator[dict[str, Any]]:
    """Read the outcomes of the changes that were not left out."""
    for line in dumped.splitlines():
        _, outcome = json.loads(line)
        if outcome is None or outcome["worker_outcome"] not in {"normal", "skipped"}:
            raise RuntimeError(f"a change was not tried: {outcome}")
        if outcome["worker_outcome"] == "normal":
            yield outcome


def measure() -> dict[str, float]:
    """Return how many changes there were, and the share of them that escaped; print those that did."""
    with ThreadPoolExecutor(len(SHARES)) as threads:
        told = list(chain.from_iterable(threads.map(outcomes, SHARES)))
    escaped = [outcome["diff"] for outcome in told if outcome["test_outcome"] == "survived"]
    for difference in escaped:
        print(difference, file=sys.stderr)
    return {"escaped": len(escaped) / len(told), "changes": len(told), "unnoticed": len(escaped)}


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

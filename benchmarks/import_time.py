"""What `import hugathome` costs, against importing what it cannot do without.

The floor is every module outside the library that the import brings in, in the order in which it does.
Each import runs in an interpreter of its own, the two in turn; what is left is the library's own share.
Bytecode is compiled beforehand, as an installation does, and kept in a folder of the benchmark's own.

    python benchmarks/import_time.py
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence

ROUNDS = 15
OURS = ("hugathome",)
BROUGHT_IN = """
import sys
before = set(sys.modules)
import hugathome, json
others = [name for name in sys.modules if name not in before and not name.startswith("hugathome")]
print(json.dumps(others))
"""
TIMED = """
import sys
from importlib import import_module
from time import perf_counter
began = perf_counter()
for name in sys.argv[1:]:
    import_module(name)
print((perf_counter() - began) * 1e3)
"""


def milliseconds(modules: Sequence[str], *, bytecode: str) -> float:
    """Return what importing `modules` takes in a fresh interpreter."""
    return float(_told(TIMED, *modules, bytecode=bytecode))


def dependencies(*, bytecode: str) -> list[str]:
    """Return every module outside the library that importing it brings in."""
    names: list[str] = json.loads(_told(BROUGHT_IN, bytecode=bytecode))
    return names


def _told(program: str, *arguments: str, bytecode: str) -> str:
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": bytecode, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout


def measure(*, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the medians of several rounds, after one that compiles, and their ratio."""
    with tempfile.TemporaryDirectory() as bytecode:
        others = dependencies(bytecode=bytecode)
        pairs = [
            (milliseconds(others, bytecode=bytecode), milliseconds(OURS, bytecode=bytecode))
            for _ in range(rounds + 1)
        ][1:]
    return {
        "dependencies_ms": statistics.median(bare for bare, _ in pairs),
        "hugathome_ms": statistics.median(ours for _, ours in pairs),
        "ratio": statistics.median(ours / bare for bare, ours in pairs),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

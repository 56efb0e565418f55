"""What `import hugathome` costs, against importing what it cannot do without.

Each import runs in an interpreter of its own, the two in turn; what is left is the library's own share.

    python benchmarks/import_time.py
"""

import json
import statistics
import subprocess
import sys

ROUNDS = 9
TIMED = """
from time import perf_counter
began = perf_counter()
{imports}
print((perf_counter() - began) * 1e3)
"""
OURS = "import hugathome"
DEPENDENCIES = "import asyncio, logging, pydantic, zoneinfo, pydantic.alias_generators"
"""Everything outside the library and the cheap part of the standard library that the import brings in."""


def milliseconds(imports: str) -> float:
    """Return what `imports` take in a fresh interpreter."""
    command = [sys.executable, "-c", TIMED.format(imports=imports)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(*, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the medians of several rounds and their ratio."""
    pairs = [(milliseconds(DEPENDENCIES), milliseconds(OURS)) for _ in range(rounds)]
    return {
        "dependencies_ms": statistics.median(bare for bare, _ in pairs),
        "hugathome_ms": statistics.median(ours for _, ours in pairs),
        "ratio": statistics.median(ours / bare for bare, ours in pairs),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

"""Each of the forty-five attacks is made: on every store, by the library, or by a test of its number."""

import re
from pathlib import Path

from hugathome.testing.attacks import ATTACKS

TESTS = Path(__file__).parents[1]
NUMBERS = [f"a{number:02}" for number in range(1, 46)]
PAGE = TESTS.parent / "docs" / "explanation" / "threat-model.md"


def made() -> dict[str, set[str]]:
    """Return the names of the tests and of the library's attacks that bear each number."""
    found: dict[str, set[str]] = {number: set() for number in NUMBERS}
    for name in ATTACKS:
        found[name[:3]].add(name)
    for path in TESTS.rglob("test_*.py"):
        for name in re.findall(
            r"^ *(?:async )?def test_(a\d\d_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE
        ):
            found[name[:3]].add(name)
    return found


def test_every_attack_has_a_test_of_its_number() -> None:
    assert [number for number, names in made().items() if not names] == []


def test_the_threat_model_lists_every_attack_and_nothing_else() -> None:
    listed = re.findall(r"^\| (A\d\d) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)

    assert [number.lower() for number in listed] == NUMBERS

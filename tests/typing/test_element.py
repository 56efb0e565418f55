"""What a host writes in TypeScript about the embedded room passes its own `tsc --strict`."""

import re
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "src" / "hugathome" / "browser"
DECLARED = (CLIENT / "element.d.ts").read_text(encoding="utf-8")


WRONG = f"""/// <reference path="{CLIENT}/element.d.ts" />
const visit = document.createElement("hugathome-visit");
visit.addEventListener("hugathome-state", ({{ detail }}) => detail.outcome);
visit.addEventListener("hugathome-problem", ({{ detail }}) => detail.kind.toFixed());
if (visit.dataset.state === "begun") visit.remove();
export {{}};
"""


@pytest.fixture(scope="module")
def complaints(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """Return file and line of all that tsc finds in a host that is right, and in one that is wrong."""
    wrong = tmp_path_factory.mktemp("host") / "wrong.ts"
    wrong.write_text(WRONG)
    options = ["--noEmit", "--strict", "--target", "es2020", "--lib", "es2020,dom,dom.iterable"]
    done = subprocess.run(
        ["tsc", *options, str(HERE / "host.ts"), str(wrong)], check=False, capture_output=True, text=True
    )
    return re.findall(r"^(?:.*/)?([\w.]+)\((\d+),\d+\): error", done.stdout, re.MULTILINE)


def test_what_a_host_writes_passes_its_strict_tsc(complaints: list[tuple[str, str]]) -> None:
    assert {file for file, _ in complaints} == {"wrong.ts"}


def test_what_a_host_gets_wrong_does_not(complaints: list[tuple[str, str]]) -> None:
    assert [line for file, line in complaints if file == "wrong.ts"] == ["3", "4", "5"]


def test_what_is_declared_is_what_is_announced() -> None:
    sources = [path.read_text(encoding="utf-8") for path in CLIENT.rglob("*.js")]
    announced = {name for source in sources for name in re.findall(r'_announce\("(\w+)"', source)}
    (declared,) = re.findall(r"interface Announced \{(.*?)\n\}", DECLARED, re.DOTALL)

    assert set(re.findall(r"^  (\w+):", declared, re.MULTILINE)) == announced


def test_the_states_that_are_declared_are_the_views_there_are() -> None:
    markup = "".join(path.read_text(encoding="utf-8") for path in CLIENT.glob("page/markup*.js"))
    (declared,) = re.findall(r"type VisitState = ([^;]+);", DECLARED)

    assert set(re.findall(r'"(\w+)"', declared)) == {"loading", *re.findall(r'data-view="(\w+)"', markup)}

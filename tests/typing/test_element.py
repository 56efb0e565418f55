"""What a host writes in TypeScript about the embedded room passes its own `tsc --strict`."""

import re
import subprocess
from pathlib import Path

HERE = Path(__file__).parent
CLIENT = HERE.parents[1] / "src" / "hugathome" / "browser"
DECLARED = (CLIENT / "element.d.ts").read_text(encoding="utf-8")


def checked(file: Path) -> subprocess.CompletedProcess[str]:
    options = ["--noEmit", "--strict", "--target", "es2020", "--lib", "es2020,dom,dom.iterable"]
    return subprocess.run(["tsc", *options, str(file)], check=False, capture_output=True, text=True)


def test_what_a_host_writes_passes_its_strict_tsc() -> None:
    done = checked(HERE / "host.ts")

    assert done.returncode == 0, done.stdout


def test_what_a_host_gets_wrong_does_not(tmp_path: Path) -> None:
    wrong = (
        f'/// <reference path="{CLIENT}/element.d.ts" />\n'
        'const visit = document.createElement("hugathome-visit");\n'
        'visit.addEventListener("hugathome-state", ({ detail }) => detail.outcome);\n'
        'visit.addEventListener("hugathome-problem", ({ detail }) => detail.kind.toFixed());\n'
        'if (visit.dataset.state === "begun") visit.remove();\n'
    )
    (tmp_path / "host.ts").write_text(wrong)

    done = checked(tmp_path / "host.ts")

    assert done.returncode != 0
    assert re.findall(r"host\.ts\((\d+)", done.stdout) == ["3", "4", "5"]


def test_what_is_declared_is_what_is_announced() -> None:
    sources = [path.read_text(encoding="utf-8") for path in CLIENT.glob("*.js")]
    announced = {name for source in sources for name in re.findall(r'_announce\("(\w+)"', source)}
    (declared,) = re.findall(r"interface Announced \{(.*?)\n\}", DECLARED, re.DOTALL)

    assert set(re.findall(r"^  (\w+):", declared, re.MULTILINE)) == announced


def test_the_states_that_are_declared_are_the_views_there_are() -> None:
    markup = (CLIENT / "markup.js").read_text(encoding="utf-8")
    (declared,) = re.findall(r"type VisitState = ([^;]+);", DECLARED)

    assert set(re.findall(r'"(\w+)"', declared)) == {"loading", *re.findall(r'data-view="(\w+)"', markup)}

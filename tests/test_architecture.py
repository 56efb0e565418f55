"""The house: what importing it costs, and that its guards bite."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "hugathome"
MODULES = sorted(PACKAGE.rglob("*.py"))
TOOLS: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
CONTRACTS = {contract["name"] for contract in TOOLS["importlinter"]["contracts"]}
HEAVY = {
    "aioice", "aiortc", "alembic", "av", "babel", "django", "httpx", "icalendar", "opentelemetry",
    "phonenumbers", "psycopg", "pyotp", "redis", "sqlalchemy", "starlette", "typer", "uvicorn", "websockets",
}  # fmt: skip
TRESPASSES = {
    "Imports run downwards only, and every module has a floor": ("roles", "hugathome.app"),
    "The front doors do not know one another": ("codes", "hugathome.session"),
    "The protocol does not know the front door through which it is reached": (
        "protocol/talk",
        "hugathome.signalling",
    ),
    "Rules are pure: no I/O, no clock, no randomness": ("record/door", "secrets"),
    "Adapters import no coordinator": ("sms", "hugathome.hub"),
    "Only dates and catalogues import Babel": ("wording/words", "babel"),
    "Only calendars imports icalendar": ("app", "icalendar"),
    "Only phone imports phonenumbers": ("session", "phonenumbers"),
    "Only codes imports pyotp": ("verifier", "pyotp"),
    "Only peer imports the WebRTC stack": ("testing", "av"),
    "Only otel imports OpenTelemetry": ("telemetry", "opentelemetry"),
    "Only grants imports PyJWT": ("hub", "jwt"),
    "Only stores and logs import SQLAlchemy": ("blocking", "sqlalchemy"),
    "Only the store and the log on Redis import redis-py": ("app", "redis"),
    "Only asgi, its endpoints and the demonstration's pages import Starlette": ("app", "starlette"),
    "Only the command line imports Typer": ("app", "typer"),
}
"""For each contract a module and what it must not import."""


def run(*command: str | Path, python_path: Path = ROOT / "src") -> str:
    """Return what a fresh interpreter prints."""
    environment = os.environ | {"PYTHONPATH": str(python_path)}
    result = subprocess.run(
        [sys.executable, *command], env=environment, capture_output=True, text=True, check=False
    )
    return result.stdout + result.stderr


def lint_imports(source: Path) -> str:
    script = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(sys.argv[1]))"
    return run("-c", script, ROOT / "pyproject.toml", python_path=source)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a copy of `src` to trespass in."""
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "src"


def test_importing_the_library_loads_nothing_heavy() -> None:
    script = "import sys, hugathome as hug; print(len(hug.__all__), *{m.split('.')[0] for m in sys.modules})"

    exported, *loaded = run("-c", script).split()

    assert int(exported) > 0, "an empty package would prove nothing"
    assert HEAVY.intersection(loaded) == set()


def test_every_export_can_be_had_and_is_public() -> None:
    script = "import hugathome as hug; print({name: hasattr(hug, name) for name in hug.__all__})"

    exports: dict[str, bool] = ast.literal_eval(run("-c", script))

    assert exports
    assert all(exports.values())
    assert not [name for name in exports if name.startswith("_")]


@pytest.mark.parametrize("path", MODULES, ids=[str(path.relative_to(PACKAGE)) for path in MODULES])
def test_a_module_opens_by_saying_what_it_is_for(path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(path.read_text()))

    assert docstring
    assert docstring.partition("\n")[0].endswith((".", ":", ","))


def test_every_contract_has_a_trespass() -> None:
    assert TRESPASSES.keys() == CONTRACTS


def test_every_contract_bites(source: Path) -> None:
    for module, forbidden in TRESPASSES.values():
        folder = source / "hugathome" / module
        path = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
        path.write_text(f"{path.read_text()}\nimport {forbidden}\n")

    report = lint_imports(source)

    assert [name for name in TRESPASSES if f"{name} BROKEN" not in report] == []


def test_a_module_without_a_floor_is_refused(source: Path) -> None:
    (source / "hugathome" / "stray.py").write_text('"""Nobody said where this belongs."""\n')

    report = lint_imports(source)

    assert "hugathome.stray" in report
    assert f"{next(iter(TRESPASSES))} BROKEN" in report

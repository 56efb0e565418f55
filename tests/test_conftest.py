"""The rules of the test run itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).with_name("conftest.py")
SKIPPING = {
    "by mark": "import pytest\n@pytest.mark.skip(reason='no camera')\ndef test_it() -> None: ...\n",
    "by call": "import pytest\ndef test_it() -> None:\n    pytest.skip('no camera')\n",
    "by module": "import pytest\npytest.skip('no camera', allow_module_level=True)\n",
}


def run_pytest(folder: Path, source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text(source)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CI", "PYTEST"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--rootdir", folder, folder],
        env=inherited | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("source", SKIPPING.values(), ids=SKIPPING.keys())
def test_a_skip_is_a_failure_in_ci(tmp_path: Path, source: str) -> None:
    result = run_pytest(tmp_path, source, CI="true")

    assert result.returncode != 0
    assert "skipped in CI" in result.stdout
    assert "no camera" in result.stdout


@pytest.mark.parametrize("source", SKIPPING.values(), ids=SKIPPING.keys())
def test_a_skip_is_a_skip_elsewhere(tmp_path: Path, source: str) -> None:
    result = run_pytest(tmp_path, source)

    assert "1 skipped" in result.stdout
    assert "failed" not in result.stdout


def test_an_expected_failure_is_none_in_ci(tmp_path: Path) -> None:
    source = "import pytest\n@pytest.mark.xfail(strict=True)\ndef test_it() -> None:\n    raise ValueError\n"

    result = run_pytest(tmp_path, source, CI="true")

    assert result.returncode == 0
    assert "1 xfailed" in result.stdout

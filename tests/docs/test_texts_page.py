"""The page about texts of one's own shows what the command really says."""

import re
import sys
from pathlib import Path

import pytest

from hugathome import cli

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "write-your-own-texts.md"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_check_says_what_the_page_shows(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("texts").mkdir()
    Path("texts/fr.po").write_text(block("po"), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["hugathome", "check-templates", "texts"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    assert capsys.readouterr().out == block("text")
    assert ended.value.code == 1

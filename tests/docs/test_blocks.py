"""Every Python block of the README and the documentation runs.

The blocks of one page share a namespace and a working directory of their own, from the first to the last;
where one of them awaits, the whole page runs in one event loop, otherwise in none. A comment above a block
changes what happens to it, and shows in no rendering:

    <!-- fresh -->      it starts a namespace of its own
    <!-- no-run -->     it is compiled only: it needs what a test cannot have
"""

import ast
import asyncio
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import CodeType, ModuleType
from typing import NamedTuple

import pytest

from hugathome._drive import drive

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(
    r"(?:^[ ]*<!--[ ]*(?P<mark>\S+)[ ]*-->\n+)?"
    r"^(?P<indent>[ ]*)(?P<ticks>```+)(?P<language>[^\n`]*)\n"
    r"(?P<body>.*?)"
    r"^(?P=indent)(?P=ticks)[ ]*$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """One fenced block of Python."""

    code: CodeType
    mark: str | None

    @property
    def awaits(self) -> bool:
        return bool(self.code.co_flags & inspect.CO_COROUTINE)


def blocks_of(page: str, text: str) -> Iterator[Block]:
    for fence in FENCE.finditer(text):
        words = fence["language"].split()
        if not words or words[0].strip("{}.") not in {"python", "py"}:
            continue
        assert words == ["python"], f"{page}: write ```python, and any mark as a comment above"
        # Blank lines before it give the page's own line numbers to a traceback.
        source = "\n" * text.count("\n", 0, fence.start("body")) + textwrap.dedent(fence["body"])
        code = compile(source, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        yield Block(code, fence["mark"])


async def follow(blocks: Sequence[Block], monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("page")
    for block in blocks:
        if block.mark == "fresh":
            module = ModuleType("page")
        monkeypatch.setitem(sys.modules, "page", module)  # dataclasses and pydantic look a class's module up
        result = eval(block.code, vars(module))
        if block.awaits:
            await result


def run(blocks: Sequence[Block], monkeypatch: pytest.MonkeyPatch) -> None:
    to_run = [block for block in blocks if block.mark != "no-run"]
    page = follow(to_run, monkeypatch)
    if any(block.awaits for block in to_run):
        asyncio.run(page)
    else:
        drive(page)


PAGES = {
    str(path.relative_to(ROOT)): list(blocks_of(path.name, path.read_text()))
    for path in SOURCES
    if path.exists()
}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("page", [page for page, blocks in PAGES.items() if blocks])
def test_the_blocks_of_a_page_run(page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run(PAGES[page], monkeypatch)


def python(source: str, mark: str = "") -> str:
    return f"Some words.\n\n{mark}\n```python\n{source}\n```\n"


def test_blocks_share_a_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    text = python("x = 1") + python("from pathlib import Path\nPath('seen').write_text(str(x + 1))")

    run(list(blocks_of("a.md", text)), monkeypatch)

    assert Path("seen").read_text() == "2"


def test_a_page_that_awaits_runs_in_one_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    text = python("import asyncio\nloop = asyncio.get_running_loop()\nawait asyncio.sleep(0)") + python(
        "assert asyncio.get_running_loop() is loop\nfrom pathlib import Path\nPath('seen').touch()"
    )

    run(list(blocks_of("a.md", text)), monkeypatch)

    assert Path("seen").exists()


def test_a_page_that_does_not_await_may_start_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    run(list(blocks_of("a.md", python("import asyncio\nasyncio.run(asyncio.sleep(0))"))), monkeypatch)


def test_a_fresh_block_knows_nothing_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    text = python("x = 1") + python("x", mark="<!-- fresh -->")

    with pytest.raises(NameError):
        run(list(blocks_of("a.md", text)), monkeypatch)


def test_a_block_that_is_not_run_must_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    run(list(blocks_of("a.md", python("1 / 0", mark="<!-- no-run -->"))), monkeypatch)

    with pytest.raises(SyntaxError):
        list(blocks_of("a.md", python("1 /", mark="<!-- no-run -->")))


def test_an_indented_block_runs_and_fails_on_its_own_line(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "1. First\n\n    ```python\n    if True:\n        1 / 0\n    ```\n\n```sh\nls\n```\n"

    with pytest.raises(ZeroDivisionError) as failed:
        run(list(blocks_of("a.md", text)), monkeypatch)

    assert failed.traceback[-1].lineno == 4  # counted from zero
    assert str(failed.traceback[-1].path) == "a.md"


def test_a_block_marked_in_its_first_line_is_refused() -> None:
    with pytest.raises(AssertionError, match="as a comment above"):
        list(blocks_of("a.md", "```python no-run\n1 / 0\n```\n"))

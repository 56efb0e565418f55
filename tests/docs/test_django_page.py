"""The page on Django shows the example as it is: what stands on it is run where it comes from."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "how-to" / "embed-in-django.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
EXAMPLE = [path.read_text(encoding="utf-8") for path in (ROOT / "examples" / "django_clinic").rglob("*.py")]


@pytest.mark.parametrize("block", BLOCKS)
def test_a_block_stands_in_the_example_word_for_word(block: str) -> None:
    assert any(block in source for source in EXAMPLE)

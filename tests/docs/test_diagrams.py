"""The diagrams of the documentation are drawn as it is built: all of what they say, and legibly."""

import re
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from scripts.state_diagrams import LETTER, LINE, drawn, read, svg

DOCS = Path(__file__).parents[2] / "docs"
DIAGRAMS = [
    source
    for page in sorted(DOCS.rglob("*.md"))
    for source in re.findall(
        r"^```mermaid\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
]
SVG = "{http://www.w3.org/2000/svg}"


def texts(source: str) -> list[ET.Element]:
    picture = svg(read(source)).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return list(ET.fromstring(picture).iter(f"{SVG}text"))


def place(text: ET.Element) -> tuple[float, float, float, float]:
    """Return left, top, right and bottom of a text, about as wide as a browser would make it."""
    x, y, width = float(text.attrib["x"]), float(text.attrib["y"]), LETTER * len(text.text or "")
    left = x - width * {"start": 0, "middle": 0.5, "end": 1}[text.attrib["text-anchor"]]
    return left, y - LINE + 1, left + width, y


def overlap(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def test_there_are_some() -> None:
    assert len(DIAGRAMS) >= 3


@pytest.mark.parametrize("source", DIAGRAMS)
def test_a_picture_says_all_that_its_source_says(source: str) -> None:
    diagram = read(source)

    said = [text.text for text in texts(source)]
    named = {
        name for name in re.findall(r"^    (\w+) -->", source, re.MULTILINE) if f"as {name}\n" not in source
    }
    by = [word for words in re.findall(r": (.+)", source) for word in words.split(", ")]
    assert named <= set(diagram.states)
    assert sorted(filter(None, said)) == sorted([*diagram.states, *by])
    assert svg(diagram).count("marker-end") == source.count("-->") - len(diagram.last)


@pytest.mark.parametrize("source", DIAGRAMS)
def test_no_two_texts_of_a_picture_lie_on_each_other(source: str) -> None:
    shown = texts(source)

    assert not [
        (one.text, other.text) for one, other in combinations(shown, 2) if overlap(place(one), place(other))
    ]


def test_what_cannot_be_drawn_fails_the_build() -> None:
    with pytest.raises(ValueError, match="not of a state diagram: 'note left of planned'"):
        drawn("stateDiagram-v2\n    [*] --> planned\n    note left of planned\n", "", "", {}, None)

"""The page on embedding names what there is: events, custom properties, and what a frame is to be allowed."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "src" / "hugathome" / "browser"
PAGE = (ROOT / "docs" / "how-to" / "embed-the-room.md").read_text(encoding="utf-8")
EXAMPLES = ROOT / "examples"


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_event_stands_in_the_table() -> None:
    declared = (CLIENT / "element.d.ts").read_text(encoding="utf-8")
    (announced,) = re.findall(r"interface Announced \{(.*?)\n\}", declared, re.DOTALL)

    named = re.findall(r"^\| `(\w+)` \|", section("What is told"), re.MULTILINE)
    assert named == re.findall(r"^  (\w+):", announced, re.MULTILINE)


def test_every_custom_property_of_a_host_stands_in_the_table() -> None:
    style = (CLIENT / "style.css").read_text(encoding="utf-8")

    named = set(re.findall(r"`(--hugathome-[a-z-]+)`", section("Your own style")))
    assert named == set(re.findall(r"var\((--hugathome-[a-z-]+)", style))


def test_the_examples_allow_a_frame_what_the_page_says() -> None:
    (allowed,) = re.findall(r'allow="([^"]+)"', PAGE)

    framed = list(EXAMPLES.rglob("framed.html"))
    assert len(framed) == 2
    for page in framed:
        assert f'allow="{allowed}"' in page.read_text(encoding="utf-8")

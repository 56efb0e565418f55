"""Draw the state diagrams of the documentation as it is built: a hook of MkDocs; no page needs a script.

They are written in a little of Mermaid's language, which repositories show as pictures too:
`[*] --> planned`, `planned --> on_hold: hold`, `on_hold --> [*]`, and `state "on-hold" as on_hold`. States
stand one below the other; what leads down runs on their right, what leads back up on their left.
"""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

WIDTH, HEIGHT, GAP = 150, 36, 48
"""Of a state's box, and below it."""
LINE, LETTER, PADDING = 15, 7.4, 14
"""The height of a line of a label, the width of a letter, and what is left around them."""

_NAMED = re.compile(r'state "(?P<name>[^"]+)" as (?P<alias>\w+)$')
_ARROW = re.compile(r"(?P<before>\w+|\[\*\]) --> (?P<then>\w+|\[\*\])(?:: (?P<by>.+))?$")
_NOWHERE = "[*]"


class Arrow(NamedTuple):
    """From one row to another, and what leads there."""

    before: int
    then: int
    by: tuple[str, ...]

    @property
    def rows(self) -> range:
        """The rows whose lower edges it passes."""
        return range(min(self.before, self.then), max(self.before, self.then))


class Diagram(NamedTuple):
    """States in the order in which they stand, and what leads from one to another."""

    states: Sequence[str]
    first: int
    last: frozenset[int]
    arrows: Sequence[Arrow]


def on_config(config: Any) -> Any:
    """Have MkDocs draw what a fence calls `mermaid`."""
    fence = {"name": "mermaid", "class": "mermaid", "format": drawn}
    config["mdx_configs"]["pymdownx.superfences"] = {"custom_fences": [fence]}
    return config


def drawn(
    source: str, _language: str, _class: str, _options: object, _markdown: object, **_more: object
) -> str:
    """Return a fence's diagram as a picture within the page."""
    return f'<figure class="states">{svg(read(source))}</figure>'


def read(source: str) -> Diagram:
    """Return what a diagram says; raise `ValueError` for a line that is not of the little language."""
    names: dict[str, str] = {}
    ways: list[tuple[str, str, str]] = []
    for line in source.strip().splitlines()[1:]:
        if named := _NAMED.fullmatch(line.strip()):
            names[named["alias"]] = named["name"]
        elif arrow := _ARROW.fullmatch(line.strip()):
            ways.append((arrow["before"], arrow["then"], arrow["by"] or ""))
        else:
            raise ValueError(f"not of a state diagram: {line.strip()!r}")
    rows = {each: row for row, each in enumerate(_in_order(ways))}
    return Diagram(
        states=[names.get(each, each) for each in rows],
        first=next(rows[then] for before, then, _ in ways if before == _NOWHERE),
        last=frozenset(rows[before] for before, then, _ in ways if then == _NOWHERE),
        arrows=[
            Arrow(rows[before], rows[then], tuple(by.split(", ")))
            for before, then, by in ways
            if _NOWHERE not in (before, then)
        ],
    )


def _in_order(ways: Sequence[tuple[str, str, str]]) -> Sequence[str]:
    """Return the states so that each stands below one that leads to it, and what follows it right below."""
    found: list[str] = []
    waiting = [then for before, then, _ in ways if before == _NOWHERE]
    while waiting:
        state = waiting.pop(0)
        if state not in (*found, _NOWHERE):
            found.append(state)
            waiting[:0] = [then for before, then, _ in ways if before == state]
    return found


def svg(diagram: Diagram) -> str:
    """Return the picture; it has the colour of the text around it."""
    right, after = _side([each for each in diagram.arrows if each.before < each.then], side=1)
    left, before = _side([each for each in diagram.arrows if each.before > each.then], side=-1)
    boxes = [_box(row, name, is_last=row in diagram.last) for row, name in enumerate(diagram.states)]
    start = f'<circle cx="0" cy="-34" r="6"/>{_path("M0 -28 V-2")}'
    x, width = -WIDTH / 2 - before, WIDTH + before + after
    height = len(diagram.states) * (HEIGHT + GAP) - GAP
    return (
        f'<svg viewBox="{x:g} -44 {width:g} {height + 50:g}" width="{width:g}" role="img" '
        f'aria-label="{html.escape(", ".join(diagram.states))}" style="max-width: 100%; height: auto" '
        'fill="currentColor" font-size="13" font-family="inherit">'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>'
        f"{start}{''.join([*boxes, *right, *left])}</svg>"
    )


def _side(arrows: Sequence[Arrow], *, side: int) -> tuple[list[str], float]:
    """Return the arrows of one side, the short ones nearest to the boxes, and how much room they take."""
    heights = _heights(arrows, side=side)
    x, found = WIDTH / 2 + 20.0, []
    for lane in _lanes(arrows):
        found += [_arrow(each, heights, x=side * x, side=side) for each in lane]
        x += max(len(word) for each in lane for word in each.by) * LETTER + PADDING
    return found, x - WIDTH / 2


def _lanes(arrows: Sequence[Arrow]) -> Sequence[Sequence[Arrow]]:
    """Part arrows so that none of a lane run beside each other."""
    lanes: list[list[Arrow]] = []
    for arrow in sorted(arrows, key=lambda each: len(each.rows)):
        free = [lane for lane in lanes if not any(set(arrow.rows) & set(other.rows) for other in lane)]
        if not free:
            lanes.append([])
        (free or lanes[-1:])[0].append(arrow)
    return lanes


def _heights(arrows: Sequence[Arrow], *, side: int) -> Mapping[tuple[Arrow, int], float]:
    """Return where each arrow touches each of its two rows, so that as few as can be cross."""
    by_length = sorted(arrows, key=lambda each: len(each.rows))
    heights = {}
    for row in {row for each in arrows for row in (each.before, each.then)}:
        comes = [each for each in by_length if each.then == row]
        goes = [each for each in reversed(by_length) if each.before == row]
        touching = (comes + goes)[::side]  # on the left everything is upside down
        for place, arrow in enumerate(touching, start=1):
            heights[arrow, row] = row * (HEIGHT + GAP) + HEIGHT * place / (len(touching) + 1)
    return heights


def _arrow(arrow: Arrow, heights: Mapping[tuple[Arrow, int], float], *, x: float, side: int) -> str:
    y, then = heights[arrow, arrow.before], heights[arrow, arrow.then]
    edge = side * WIDTH / 2
    row = (arrow.before + arrow.then - 1) // 2
    return _path(f"M{edge:g} {y:g} H{x:g} V{then:g} H{edge + 2 * side:g}") + _label(
        arrow.by, x=x, row=row, side=side
    )


def _label(words: Sequence[str], *, x: float, row: int, side: int) -> str:
    """Say what leads there beside the arrow, in the space between two rows, where no other arrow crosses."""
    middle = row * (HEIGHT + GAP) + HEIGHT + GAP / 2 + 4
    top = middle - LINE * (len(words) - 1) / 2
    anchor = "start" if side > 0 else "end"
    return "".join(
        _text(word, x=x + 5 * side, y=top + LINE * line, how=f'text-anchor="{anchor}"')
        for line, word in enumerate(words)
    )


def _box(row: int, name: str, *, is_last: bool) -> str:
    """Return the box of a state; of one that nothing follows, with a second line around it."""
    y = row * (HEIGHT + GAP)
    text = _text(name, x=0, y=y + HEIGHT / 2 + 5, how='text-anchor="middle" font-weight="600"')
    return _frame(y) + (_frame(y, within=4) if is_last else "") + text


def _frame(y: int, *, within: int = 0) -> str:
    width, height = WIDTH - 2 * within, HEIGHT - 2 * within
    place = f'x="{-width / 2:g}" y="{y + within}" width="{width}" height="{height}"'
    return f'<rect {place} rx="{8 - within}" fill="none" stroke="currentColor"/>'


def _text(text: str, *, x: float, y: float, how: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" {how}>{html.escape(text)}</text>'


def _path(drawn_as: str) -> str:
    return f'<path d="{drawn_as}" fill="none" stroke="currentColor" marker-end="url(#tip)"/>'

"""The tables of the reference say what the code says; a failure shows the table as it should be."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from click import Command
from typer.main import get_command

from hugathome import cli, errors
from hugathome.errors import HugathomeError
from hugathome.record.expertise import EXPERTISE, ExpertiseState
from hugathome.record.history import Action
from hugathome.record.transitions import PRESENCES, TRANSITIONS, Presence, Status
from hugathome.roles import CAPABILITIES, GRANTED, PARTS, WITHHELD, Capability, Part, Role, Step
from hugathome.telemetry import METRICS
from hugathome.testing.golden import SCENARIOS
from hugathome.wording.templates import PLACES

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "docs" / "reference"
BROWSER = ROOT / "src" / "hugathome" / "browser"


def commands_of(command: Any) -> Mapping[str, Command]:
    """Return the commands under one by the words that call them, also those of a group."""
    under: Mapping[str, Command] = getattr(command, "commands", {})
    return {
        " ".join(filter(None, (name, inner))): found
        for name, each in under.items()
        for inner, found in (commands_of(each) or {"": each}).items()
    }


COMMANDS = commands_of(get_command(cli.app))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def public_errors(root: type[HugathomeError] = HugathomeError) -> Iterator[type[HugathomeError]]:
    if not root.__name__.startswith("_"):
        yield root
    for kind in root.__subclasses__():
        if kind.__module__ == errors.__name__:
            yield from public_errors(kind)


def of_errors() -> str:
    head = ("Error", "Problem: `urn:hugathome:problem:…`", "Status", "What a patient may read")
    return table(
        head,
        (
            (f"`{kind.__name__}`", f"`{kind.problem.rpartition(':')[2]}`", str(kind.status), kind.public)
            for kind in public_errors()
        ),
    )


def of_roles() -> str:
    head = ("May", *(f"`{role}`" for role in Role))
    rows = (
        (f"`{one}`", *("yes" if one in CAPABILITIES[role] else "" for role in Role)) for one in Capability
    )
    return table(head, rows)


def of_figures() -> str:
    head = ("Figure", "Unit", "Told apart by", "What it counts")
    rows = ((f"`{one.name}`", f"`{one.unit}`", one.label or "", one.says) for one in METRICS)
    return table(head, rows)


def of_parts() -> str:
    rows = (
        (f"`{role}`", f"`{part}`", _named(GRANTED.get(part, ())), _named(WITHHELD.get(part, ())))
        for role in Role
        for part in Part
        if part in PARTS.get(role, ())
    )
    return table(("Role", "Part", "May also", "May not"), rows)


def _named(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


def of_steps(states: Iterable[str], steps: Mapping[tuple[Any, Action], str]) -> str:
    from_states = [state for state in states if any(before == state for before, _ in steps)]
    rows = (
        (
            f"`{action}`",
            *(f"`{steps[state, action]}`" if (state, action) in steps else "" for state in from_states),
        )
        for action in Action
        if any(step is action for _, step in steps)
    )
    return table(("", *(f"from `{state}`" for state in from_states)), rows)


def leaves_the_status(action: Action) -> bool:
    return all(TRANSITIONS.get((status, action)) is status for status in Status if not status.is_terminal)


def of_statuses() -> str:
    steps = {step: after for step, after in TRANSITIONS.items() if not leaves_the_status(step[1])}
    return of_steps(Status, steps)


def of_other_actions() -> str:
    return ", ".join(f"`{action}`" for action in Action if leaves_the_status(action))


def of_facts() -> str:
    return ", ".join(f"`{step}`" for step in Step)


def of_presences() -> str:
    return of_steps(Presence, PRESENCES)


def of_requests() -> str:
    return of_steps(ExpertiseState, EXPERTISE)


def drawn(states: Iterable[str], steps: Mapping[tuple[Any, Action], str], *, first: str) -> str:
    """Draw a table as a diagram of Mermaid, without the steps that lead nowhere else."""
    lines = [f'    state "{state}" as {_alias(state)}' for state in states if _alias(state) != state]
    lines.append(f"    [*] --> {first}")
    labels: dict[tuple[str, str], list[str]] = {}
    for (before, action), then in steps.items():
        if before != then:
            labels.setdefault((_alias(before), _alias(then)), []).append(action)
    lines += [f"    {one} --> {other}: {', '.join(by)}" for (one, other), by in labels.items()]
    goes_on = {before for (before, _), then in steps.items() if before != then}
    lines += [f"    {_alias(state)} --> [*]" for state in states if state not in goes_on]
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```", ""])


def _alias(state: str) -> str:
    """Return a state as a diagram may name it: there, a hyphen belongs to an arrow."""
    return state.replace("-", "_")


def of_command(name: str, command: Command) -> str:
    rows = ((f"`{max(part.opts, key=len)}`", str(getattr(part, "help", ""))) for part in command.params)
    return f"## {name}\n\n{command.help}\n\n{table(('Takes', 'Meaning'), rows)}"


def of_messages() -> str:
    rows = (
        (f"`{kind}`", ", ".join(f"`{{{place}}}`" for place in sorted(places)))
        for kind, places in PLACES.items()
    )
    return table(("Kind", "Must have"), rows)


def of_scenarios() -> str:
    rows = (
        (name, scenario.__module__.rpartition("._")[2].replace("_", " "))
        for name, scenario in SCENARIOS.items()
    )
    return table(("Scenario", "Of"), rows)


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("errors.md", of_errors()),
        ("roles.md", of_roles()),
        ("roles.md", of_parts()),
        ("states.md", of_statuses()),
        ("states.md", of_other_actions()),
        ("states.md", of_presences()),
        ("states.md", of_facts()),
        ("states.md", of_requests()),
        ("states.md", drawn(Status, TRANSITIONS, first=Status.PLANNED)),
        ("states.md", drawn(Presence, PRESENCES, first=Presence.EXPECTED)),
        ("states.md", drawn(ExpertiseState, EXPERTISE, first=ExpertiseState.REQUESTED)),
        ("texts.md", of_messages()),
        ("figures.md", of_figures()),
        ("testing.md", of_scenarios()),
        *(("command-line.md", of_command(*command)) for command in COMMANDS.items()),
    ],
    ids=[
        "errors",
        "roles",
        "parts",
        "statuses",
        "other-actions",
        "presences",
        "facts",
        "requests",
        "session drawn",
        "participant drawn",
        "request drawn",
        "messages",
        "figures",
        "scenarios",
        *COMMANDS,
    ],
)
def test_a_table_of_the_reference_is_the_one_of_the_code(page: str, expected: str) -> None:
    text = (REFERENCE / page).read_text(encoding="utf-8")

    assert expected in text, f"{page} should hold:\n\n{expected}"


def test_every_hook_that_the_reference_promises_is_in_the_pages() -> None:
    rows = (REFERENCE / "http-api.md").read_text(encoding="utf-8").partition("`data-action`")[2]
    promised = set(re.findall(r"`([a-z-]+)`", rows.partition("`data-participant`")[0]))
    pages = "".join(path.read_text(encoding="utf-8") for path in BROWSER.rglob("*.js"))

    assert {"send-code", "confirm-end", "identify"} <= promised
    assert {hook for hook in promised if f'data-action="{hook}"' not in pages} == set()

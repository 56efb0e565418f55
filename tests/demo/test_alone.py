"""The demonstration: it shows a whole visit, and says so where something does not hold."""

import sys

import pytest

from hugathome import cli
from hugathome.demo import alone
from hugathome.record.history import Action
from hugathome.testing import Robot

SHOWN = [
    "planned: ",
    "accepted: ",
    "sent to +41791234567:",
    "@127.0.0.1 #",
    "link opened: ",
    "code typed wrong: ",
    "code typed right",
    "the patient waits, and nobody else",
    "admitted: ",
    "connected in ",
    "the clinician saw ",
    "the patient saw ",
    "ended: completed, outcome in-person-visit-needed",
    "the hospital's software saw ",
    "  1 plan",
    " complete",
    "all of it held",
]
"""What the timeline says, in this order."""


@pytest.mark.media
def test_it_shows_a_whole_visit_as_it_happens(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["hugathome", "demo"])

    with pytest.raises(SystemExit) as ended:
        cli.main()

    out, err = capsys.readouterr()
    assert (ended.value.code, err) == (0, "")
    lines = iter(out.splitlines())
    assert [what for what in SHOWN if not any(what in line for line in lines)] == []


@pytest.mark.media
async def test_it_fails_where_the_host_is_not_told_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "SECONDS_OF_VISIT", 0.5)
    monkeypatch.setattr(alone, "TOLD", {*alone.TOLD, Action.CANCEL})
    lines: list[str] = []

    assert await alone.run(lines.append) == 1
    assert [line for line in lines if "FAILED: the hospital's software saw" in line]
    assert "all of it held" not in "".join(lines)


async def test_it_fails_where_any_code_lets_somebody_in(monkeypatch: pytest.MonkeyPatch) -> None:
    async def let_in(robot: Robot, code: str) -> None:
        pass

    monkeypatch.setattr(Robot, "type_code", let_in)
    lines: list[str] = []

    assert await alone.run(lines.append) == 1
    assert lines[-1].endswith("FAILED: a wrong code is refused")


async def test_it_fails_where_it_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(robot: Robot) -> None:
        raise TimeoutError

    monkeypatch.setattr(Robot, "open", never)
    lines: list[str] = []

    assert await alone.run(lines.append) == 1
    assert lines[-1].endswith("FAILED: it took too long")

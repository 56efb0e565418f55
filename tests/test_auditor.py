"""The commands that read an audit trail: what they print, how they end, and where they take the key from."""

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hugathome import HugAtHome, Participant, cli
from hugathome.record.audit import START, Head
from hugathome.sms import OutboxSms
from hugathome.stores import open_store

KEY = b"a secret of thirty-two bytes, no"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
STORE = ("--store", "sqlite:///clinic.db")
KEY_FILE = ("--key-file", "key")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Return what runs `hugathome audit …` in a folder with a key, and gives exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.delenv("HUGATHOME_KEY", raising=False)
    (tmp_path / "key").write_bytes(KEY)

    def command(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["hugathome", "audit", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        out, err = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, out, err

    return command


@pytest.fixture
async def noted(run: Run) -> Head:
    """Return the head of a trail of three entries in `clinic.db`."""
    async with HugAtHome(
        key=KEY,
        store=open_store("sqlite:///clinic.db"),
        sms=OutboxSms(),
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
    ) as hug:
        session = await hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            starts_at=NOW,
            ends_at=NOW + timedelta(minutes=30),
            participants=[
                Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
                Participant(id="p-1", role="patient", name="M. Dupont"),
            ],
        )
        await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        await hug.sessions.cancel(session.id, by="dr-rossi")
        return await hug.audit_head(organisation="hug")


def executed(statement: str) -> None:
    with closing(sqlite3.connect("clinic.db")) as raw:
        raw.execute(statement)
        raw.commit()


def test_a_trail_that_nobody_touched_is_said_so_with_its_head(run: Run, noted: Head) -> None:
    whole = (0, f"hug: as it was written, up to {noted}\n", "")

    assert run("head", "hug", *STORE) == (0, f"{noted}\n", "")
    assert run("verify", "hug", *STORE, *KEY_FILE) == whole
    assert run("verify", "hug", *STORE, *KEY_FILE, "--head", str(noted)) == whole
    assert run("verify", "hug", *STORE, *KEY_FILE, "--after", str(noted)) == whole


def test_the_first_entry_that_was_touched_is_named_and_fails_the_command(run: Run, noted: Head) -> None:
    executed("DELETE FROM hugathome_audit WHERE position = 2")

    assert run("verify", "hug", *STORE, *KEY_FILE) == (1, "hug: audit entry 2: removed\n", "")


def test_an_end_that_was_cut_off_shows_by_the_head_that_was_noted(run: Run, noted: Head) -> None:
    executed("DELETE FROM hugathome_audit WHERE position = 3")

    assert run("verify", "hug", *STORE, *KEY_FILE)[0] == 0
    found = run("verify", "hug", *STORE, *KEY_FILE, "--head", str(noted))
    assert found == (1, "hug: audit entry 3: removed\n", "")


def test_a_trail_without_entries_is_not_called_whole(run: Run, noted: Head) -> None:
    nothing = (2, "", "hugathome: this store has no audit trail of chuv\n")

    assert run("verify", "chuv", *STORE, *KEY_FILE) == nothing
    assert run("head", "chuv", *STORE) == nothing


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_file_holds_the_key_and_perhaps_the_line_end_of_an_editor(
    run: Run, noted: Head, tmp_path: Path, end: bytes
) -> None:
    (tmp_path / "key").write_bytes(KEY + end)

    assert run("verify", "hug", *STORE, *KEY_FILE)[0] == 0


def test_the_key_may_be_in_the_environment_and_so_may_the_store(
    run: Run, noted: Head, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUGATHOME_KEY", KEY.decode())
    monkeypatch.setenv("HUGATHOME_STORE", "sqlite:///clinic.db")

    assert run("verify", "hug")[0] == 0


def test_with_another_key_nothing_can_be_told(run: Run, noted: Head, tmp_path: Path) -> None:
    (tmp_path / "other").write_bytes(KEY[::-1])

    assert run("verify", "hug", *STORE, "--key-file", "other")[:2] == (1, "hug: audit entry 1: unknown-key\n")
    assert run("verify", "hug", *STORE, "--key-file", "other", *KEY_FILE)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--key-file", "nowhere"], "nowhere cannot be read"),
        ([], "give the key as --key-file or HUGATHOME_KEY: at least 32 bytes"),
        ([*KEY_FILE, "--head", "12"], "a head is a position, a colon and 64 hexadecimal digits"),
        (
            [*KEY_FILE, "--after", f"1:{'0' * 64}", "--head", str(START)],
            "the head that was noted lies before the place where reading begins",
        ),
    ],
)
def test_what_cannot_be_verified_is_said_so(run: Run, noted: Head, arguments: list[str], why: str) -> None:
    assert run("verify", "hug", *STORE, *arguments) == (2, "", f"hugathome: {why}\n")


def test_a_key_that_is_too_short_is_none(run: Run, noted: Head, tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"short")

    assert run("verify", "hug", *STORE, *KEY_FILE)[0] == 2

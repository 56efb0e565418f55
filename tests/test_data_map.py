"""The data map: complete, true of the tables, and short where something personal can be read."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest
from typer.testing import CliRunner

from hugathome._model import Record
from hugathome.cli import app
from hugathome.data_map import TABLES, Row, as_markdown, data_map, marks_of
from hugathome.logs.sql import METADATA as LOGS
from hugathome.privacy import AtRest, Life, Personal, Public, Sensitivity
from hugathome.quotas import HOUR, Quota, counted
from hugathome.record.shelf import Event
from hugathome.stores.sql import METADATA as STORES
from hugathome.stores.sqlite import SqliteCodes
from hugathome.testing.clock import FakeClock
from hugathome.visits import archive

PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "what-is-stored.md"


def named(matches: Callable[[Row], bool]) -> set[str]:
    return {f"{row.record}.{row.field}" for row in data_map() if matches(row)}


def test_a_kept_field_that_does_not_say_how_private_it_is_is_refused() -> None:
    class Inner(Record):
        said: Public[str]
        unsaid: str

    class Outer(Record):
        kept: ClassVar = Life.SESSION
        inner: tuple[Inner, ...]

    with pytest.raises(TypeError, match=r"Inner\.unsaid"):
        list(marks_of(Outer))


def test_a_mark_stands_for_all_that_is_in_its_field() -> None:
    class Inner(Record):
        unsaid: str

    class Outer(Record):
        inner: Personal[Inner | None]

    assert [(name, mark.sensitivity) for _, name, mark in marks_of(Outer)] == [
        ("inner", Sensitivity.PERSONAL)
    ]


def test_the_map_has_the_columns_of_the_tables_and_no_others() -> None:
    tables = {**STORES.tables, **LOGS.tables}

    assert set(tables) == set(TABLES)
    for name, table in tables.items():
        assert {c.name for c in table.columns} == {row.field for row in data_map() if row.record == name}


async def test_the_map_has_the_columns_of_the_codes_on_sqlite(tmp_path: Path) -> None:
    store = SqliteCodes(str(tmp_path / "codes"))
    now = FakeClock().now()
    await store.save(counted(None, Quota(name="x", at_most=1, within=HOUR), key="k", now=now), expected=0)
    await store.aclose()

    columns = sqlite3.connect(tmp_path / "codes").execute("PRAGMA table_info(hugathome_code)").fetchall()

    assert {column[1] for column in columns} == {r.field for r in data_map() if r.record == "hugathome_code"}


def test_an_event_is_kept_as_it_is_told() -> None:
    assert archive._Told.model_fields.keys() | {"position"} == Event.model_fields.keys()


def test_what_is_personal_and_can_be_read_in_the_store_is_this_and_no_more() -> None:
    readable = named(lambda row: row.at_rest == AtRest.READABLE and row.sensitivity != Sensitivity.PUBLIC)

    assert readable == {
        "hugathome_session.starts_at",
        "hugathome_tag.at",
        "hugathome_code.key",
        "hugathome_code.over_at",
        "hugathome_code.body",
        "Challenge.id",
        "Challenge.subject",
        "Challenge.issued_at",
        "Challenge.expires_at",
        "Challenge.last_sent_at",
    }


def test_names_numbers_and_links_are_sealed() -> None:
    sealed = named(lambda row: row.at_rest == AtRest.SEALED)

    assert {
        "Participant.name",
        "Participant.phone",
        "Participant.reference",
        "Session.reference",
        "Attendance.link_id",
        "Challenge.address",
        "RecordedParticipant.name",
        "Commanded.body",
    } <= sealed


def test_a_record_that_is_kept_in_two_places_stands_once_and_names_both() -> None:
    reasons = [row for row in data_map() if (row.record, row.field) == ("Change", "reason")]

    assert [row.kept_in for row in reasons] == ["hugathome_session.body, hugathome_event.body"]


def test_the_command_prints_the_map_as_a_table_and_as_json() -> None:
    table = CliRunner().invoke(app, ["data-map"])
    listed = CliRunner().invoke(app, ["data-map", "--format", "json"])

    assert table.stdout == as_markdown(data_map())
    assert {"record": "Participant", "field": "name"}.items() <= next(
        row for row in json.loads(listed.stdout) if row["record"] == "Participant" and row["field"] == "name"
    ).items()
    assert len(json.loads(listed.stdout)) == len(table.stdout.splitlines()) - 2


def columns(table: str, at_rest: AtRest) -> str:
    rows = (row for row in data_map() if row.record == table and row.at_rest == at_rest)
    return ", ".join(f"`{row.field}`" for row in rows)


@pytest.mark.parametrize("table", TABLES)
def test_the_page_on_what_is_stored_says_what_the_map_says(table: str) -> None:
    until = next(row.kept_until for row in data_map() if row.record == table)
    line = f"| `{table}` | {' | '.join(columns(table, rest) for rest in AtRest)} | {until} |"

    assert line in PAGE.read_text(encoding="utf-8").splitlines(), f"the page should hold:\n\n{line}"

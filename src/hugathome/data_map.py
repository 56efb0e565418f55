"""The data map: every field that is kept, how much it tells, how a store sees it, until when, and for whom.

It is read off the types (`privacy.py`) and knows nothing that they do not say; `hugathome data-map` prints
it. A field that is kept and says nothing about itself is a `TypeError` here, which fails the tests.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, is_dataclass
from datetime import datetime
from typing import Any, ClassVar, Final, get_args, get_type_hints

from pydantic import BaseModel

from hugathome.codes import Challenge
from hugathome.privacy import AtRest, Body, Digest, Kept, Life, Mark, Personal, Public, Secret
from hugathome.protocol.entries import Entry
from hugathome.quotas import Tally
from hugathome.record.audit import AuditEntry
from hugathome.record.shelf import Event, StoredSession
from hugathome.session import Session

# --- What is kept where ----------------------------------------------------------------------------


class LookupColumns:
    """By what a session is found."""

    kept: ClassVar = Life.SESSION
    digest: Digest[str]
    session_id: Public[str]


class TagColumns:
    """By what sessions are listed, and queue; `at` is when they start, or first came."""

    kept: ClassVar = Life.SESSION
    digest: Digest[str]
    at: Personal[datetime]
    session_id: Public[str]


class EventColumns:
    """An event and its place."""

    kept: ClassVar = Life.SESSION
    organisation: Public[str]
    position: Public[int]
    session_id: Public[str]
    body: Body[bytes]


class AuditColumns:
    """An entry of an audit trail."""

    kept: ClassVar = Life.EVIDENCE
    organisation: Public[str]
    position: Public[int]
    previous: Digest[bytes]
    digest: Digest[bytes]
    body: Body[bytes]


class CounterColumns:
    """How many events an organisation has had."""

    kept: ClassVar = Life.FOR_EVER
    organisation: Public[str]
    position: Public[int]


class CodeColumns:
    """A challenge or a tally; what is readable in `body` is listed field by field."""

    kept: ClassVar = Life.CODE
    kind: Public[str]
    key: Secret[str]
    version: Public[int]
    over_at: Personal[datetime]
    body: Personal[str]


class LogColumns:
    """One entry of a room's log."""

    kept: ClassVar = Life.ROOM
    room: Public[str]
    position: Public[int]
    record: Body[bytes]


class SnapshotColumns:
    """A room's log up to a position, in short."""

    kept: ClassVar = Life.ROOM
    room: Public[str]
    position: Public[int]
    snapshot: Body[bytes]


TABLES: Final[Mapping[str, type[Kept]]] = {
    "hugathome_session": StoredSession,
    "hugathome_lookup": LookupColumns,
    "hugathome_tag": TagColumns,
    "hugathome_event": EventColumns,
    "hugathome_audit": AuditColumns,
    "hugathome_counter": CounterColumns,
    "hugathome_code": CodeColumns,
    "hugathome_log": LogColumns,
    "hugathome_log_snapshot": SnapshotColumns,
}
"""The tables of stores and logs, and what their columns say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordColumn:
    """A column that holds records."""

    name: str
    records: Sequence[type[Kept]]
    is_sealed: bool


RECORD_COLUMNS: Final = (
    RecordColumn(name="hugathome_code.body", records=(Challenge, Tally), is_sealed=False),
    RecordColumn(name="hugathome_session.body", records=(Session,), is_sealed=True),
    RecordColumn(name="hugathome_event.body", records=(Event,), is_sealed=True),
    RecordColumn(name="hugathome_audit.body", records=(AuditEntry,), is_sealed=True),
    RecordColumn(name="hugathome_log.record", records=get_args(Entry), is_sealed=True),
)

_ELSEWHERE: Final = {
    ("hugathome_session", "lookups"),
    ("hugathome_session", "tags"),
    ("Event", "position"),
    ("AuditEntry", "position"),
}
"""What a store keeps in another column than the rest of its record."""

# --- The map ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field, or one column."""

    record: str
    field: str
    sensitivity: str
    at_rest: str
    kept_in: str
    kept_until: str
    read_by: str


def data_map() -> list[Row]:
    """Return every column, then every field of every record; a record stands once, wherever it is kept."""
    columns = [row for table, columns in TABLES.items() for row in _columns(table, columns)]
    fields = _merged(row for column in RECORD_COLUMNS for row in _fields(column))
    return [row for row in (*columns, *fields) if (row.record, row.field) not in _ELSEWHERE]


def as_markdown(rows: Sequence[Row]) -> str:
    """Return the map as one table."""
    head = ("Record", "Field", "Class", "At rest", "Kept in", "Kept until", "Read by")
    lines = [head, ("---",) * len(head), *(tuple(asdict(row).values()) for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_json(rows: Sequence[Row]) -> str:
    """Return the map as a list of objects."""
    return json.dumps([asdict(row) for row in rows], indent=2) + "\n"


def marks_of(record: type) -> Iterator[tuple[type, str, Mark]]:
    """Yield the fields of a record and of the records in it, each with what its type says about it.

    A mark stands for all that is in its field. Raises `TypeError` where a field says nothing.
    """
    nested: list[type] = []
    for name, hint in _hints(record).items():
        marks = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Mark)]
        inside = [] if marks else list(_records_in(hint))
        if not marks and not inside:
            raise TypeError(f"{record.__name__}.{name} is kept, and its type does not say how private it is")
        if marks:
            yield record, name, marks[-1]
        nested += inside
    for inner in dict.fromkeys(nested):
        yield from marks_of(inner)


def _hints(record: type) -> Mapping[str, Any]:
    hints = get_type_hints(record, include_extras=True)
    names = record.model_fields if issubclass(record, BaseModel) else record.__annotations__
    return {name: hints[name] for name in names if name != "kept"}


def _records_in(hint: Any) -> Iterator[type]:
    """Yield the records that a field's type names, however deep."""
    if isinstance(hint, type) and (issubclass(hint, BaseModel) or is_dataclass(hint)):
        yield hint
    for inner in get_args(hint):
        yield from _records_in(inner)


def _columns(table: str, columns: type[Kept]) -> Iterator[Row]:
    for _, name, mark in marks_of(columns):
        yield _row(table, name, mark, kept=columns.kept, kept_in=table)


def _fields(column: RecordColumn) -> Iterator[Row]:
    for root in column.records:
        for record, name, mark in marks_of(root):
            yield _row(
                record.__name__,
                name,
                mark,
                kept=root.kept,
                kept_in=column.name,
                is_sealed=column.is_sealed,
            )


def _row(record: str, name: str, mark: Mark, *, kept: Life, kept_in: str, is_sealed: bool = False) -> Row:
    at_rest = AtRest.SEALED if is_sealed else mark.at_rest
    readers = ["whoever reads the store"] if at_rest is AtRest.READABLE else []
    return Row(
        record=record,
        field=name,
        sensitivity=mark.sensitivity,
        at_rest=at_rest,
        kept_in=kept_in,
        kept_until=kept,
        read_by=", ".join([*readers, mark.reader]),
    )


def _merged(rows: Iterator[Row]) -> Iterator[Row]:
    """Yield one row for each field, naming all places where it is kept."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        found.setdefault((row.record, row.field), []).append(row)
    for same in found.values():
        texts = {key: ", ".join(dict.fromkeys(asdict(row)[key] for row in same)) for key in asdict(same[0])}
        yield Row(**texts)

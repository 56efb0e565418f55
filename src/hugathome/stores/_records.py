"""How challenges and tallies are written: JSON, validated when it is read back; and instants beside it."""

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from hugathome.codes import Challenge, Kept
from hugathome.errors import StoreUnavailable
from hugathome.quotas import Tally

_ADAPTERS: dict[type, TypeAdapter[Any]] = {kind: TypeAdapter(kind) for kind in (Challenge, Tally)}


def write_record(record: Challenge | Tally) -> str:
    """Return `record` as text."""
    return _ADAPTERS[type(record)].serializer.to_json(record).decode()


def read_record(kind: type[Kept], text: str) -> Kept:
    """Return the record that `text` holds, or raise `StoreUnavailable`."""
    try:
        record: Kept = _ADAPTERS[kind].validator.validate_json(text)
    except ValidationError:
        raise StoreUnavailable("a stored code was changed outside this library") from None
    return record


def microseconds(at: datetime) -> int:
    """Return an aware datetime as whole microseconds since 1970: the same in every database."""
    return round(at.timestamp() * 1_000_000)

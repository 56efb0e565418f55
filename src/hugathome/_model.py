"""Frozen records: what is true at one moment, validated once, never changed in place."""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from hugathome.errors import InvalidInput

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What ends a line, or is none."""


def in_utc(at: datetime) -> datetime:
    """Return an aware datetime in UTC; raise `InvalidInput` where the calendar ends on the way."""
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise InvalidInput("Input lies outside the calendar") from None


Instant = Annotated[AwareDatetime, AfterValidator(in_utc)]
"""An aware datetime, kept in UTC; a naive one is refused."""


def _in_one_line(text: str) -> str:
    if _CONTROL.search(text):
        raise ValueError("takes one line, without control characters")
    return text


ShortText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, strip_whitespace=True),
    AfterValidator(_in_one_line),
]
"""A line that somebody wrote."""


_NAMES: set[str] = set()
"""Of the fields of all records, and their aliases: what is wrong may lie in a record within another."""
_SET = object.__setattr__


class Record(BaseModel):
    """A frozen record whose refusals are ours: they name the field and hide what it held."""

    model_config = ConfigDict(
        frozen=True,
        defer_build=True,
        extra="forbid",
        hide_input_in_errors=True,
        allow_inf_nan=False,
        str_max_length=2**20,  # with a limit, pydantic also looks whether UTF-8 can carry the text
        ser_json_bytes="base64",
        val_json_bytes="base64",
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_options: Any) -> None:
        for name, field in cls.__pydantic_fields__.items():
            _NAMES.update((name, field.alias or name))

    def __init__(self, /, **fields: Any) -> None:
        try:
            super().__init__(**fields)
        except ValidationError as refused:
            del fields  # an error that is reported with local variables shows none of these
            raise _explained(type(self), refused).with_traceback(None) from None
        _SET(self, "__pydantic_fields_set__", _all_fields(type(self)))

    # A record within one that is read is made by the reader itself: it would call this once for each of them.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @classmethod
    def from_json(cls, text: str | bytes) -> Self:
        """Read one back from `to_json`, or raise `InvalidInput`."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as refused:
            del text  # as above
            raise _explained(cls, refused).with_traceback(None) from None

    def to_json(self) -> str:
        """Write it so that `from_json` gives an equal record."""
        return self.model_dump_json(exclude_none=True)

    def but(self, **changes: Any) -> Self:
        """Return the same record with `changes`; they are the core's own and not validated again.

        What was derived from the fields is not copied.
        """
        fields = _all_fields(type(self))
        held = {**self.__dict__, **changes}
        if len(held) > len(fields):
            held = {name: held[name] for name in type(self).__pydantic_fields__}
        return self._of(held, fields)

    @classmethod
    def made(cls, **fields: Any) -> Self:
        """Return a record of the core's own making: every field is given, and none is validated."""
        return cls._of(fields, _all_fields(cls))

    @classmethod
    def _of(cls, held: dict[str, Any], given: set[str]) -> Self:
        made = cls.__new__(cls)
        _SET(made, "__dict__", held)
        _SET(made, "__pydantic_fields_set__", given)
        _SET(made, "__pydantic_extra__", None)
        _SET(made, "__pydantic_private__", None)
        return made


@cache
def _all_fields(record: type[Record]) -> set[str]:
    """Return one set for all records of a kind: it weighs more than many of them."""
    return set(record.__pydantic_fields__)


def _explained(record: type[BaseModel], refused: ValidationError) -> InvalidInput:
    first = refused.errors(include_url=False, include_input=False)[0]
    inner = first.get("ctx", {}).get("error")
    if not first["loc"] and isinstance(inner, InvalidInput):
        return inner  # the record has already said so itself
    kind = type(inner) if isinstance(inner, InvalidInput) else InvalidInput
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "union_tag_invalid":  # the one sentence of pydantic's that quotes its input
        reason = "Input is of none of the expected kinds"
    return kind(": ".join(filter(None, (record.__name__, _path(first["loc"], of=first["type"]), reason))))


def _path(loc: tuple[int | str, ...], *, of: str) -> str:
    """Say where without quoting: a key that is no field's name came from outside."""
    within = loc[:-1] if of == "extra_forbidden" else loc
    return ".".join(str(step) for step in within if isinstance(step, int) or step in _NAMES)

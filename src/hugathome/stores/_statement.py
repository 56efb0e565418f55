"""Statements in the words of a driver: each is compiled once, and costs less than to send it.

Values go to the driver as they are given: instants as microseconds, a status as its text.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.util import await_only

PIPELINED = "hugathome_pipelined"
"""The execution option of an engine whose driver sends several statements in one round trip."""


class Answer(NamedTuple):
    """What came of a statement: how many rows it changed, or those that it found."""

    changed: int
    rows: Sequence[Any]


class Spoken(NamedTuple):
    """What a driver is spoken to in, and under which name it is remembered."""

    dialect: sa.Dialect
    schemas: Any
    name: object

    @classmethod
    def on(cls, connection: sa.Connection) -> "Spoken":
        """Return how a connection is spoken to."""
        dialect, schemas = connection.dialect, connection.get_execution_options().get("schema_translate_map")
        mapped = frozenset(schemas.items()) if schemas else None
        return cls(dialect, schemas, (dialect.name, dialect.driver, dialect.paramstyle, mapped))


class Said(NamedTuple):
    """A statement with its values, to be sent together with others."""

    statement: "Statement"
    values: dict[str, object]


class Statement:
    """One statement of a transaction."""

    def __init__(self, statement: sa.Executable) -> None:
        self._statement: Any = statement
        self._compiled: dict[object, tuple[Any, dict[str, object]]] = {}

    def on(self, connection: sa.Connection, **values: object) -> Answer:
        """Execute it; raise what SQLAlchemy would."""
        (answer,) = together(connection, self.with_(**values))
        return answer

    def with_(self, **values: object) -> Said:
        """Return it with its values."""
        return Said(self, values)

    def words(self, spoken: Spoken, values: dict[str, object]) -> tuple[str, Any]:
        """Return its text and its values, as a driver takes them."""
        compiled, constants = self._compiled.get(spoken.name) or self._compile(spoken)
        return compiled.string, arranged(compiled, constants | values if constants else values)

    def _compile(self, spoken: Spoken) -> tuple[Any, dict[str, object]]:
        """Return it in a driver's words, for a host's schemas, with what it says itself, such as a limit."""
        dialect, schemas = spoken.dialect, spoken.schemas
        where = {"schema_translate_map": schemas, "render_schema_translate": True} if schemas else {}
        compiled = self._statement.compile(dialect=dialect, **where)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return self._compiled.setdefault(spoken.name, (compiled, constants))


def together(connection: sa.Connection, *said: Said) -> list[Answer]:
    """Execute statements in order, where the driver can in one round trip; raise what SQLAlchemy would."""
    spoken = Spoken.on(connection)
    words = [statement.words(spoken, values) for statement, values in said]
    try:
        if len(words) == 1 or not connection.get_execution_options().get(PIPELINED):
            cursor = connection.connection.cursor()
            return [_executed(cursor, text, values) for text, values in words]
        raw: Any = connection.connection.driver_connection
        if connection.dialect.is_async:
            return await_only(_piped_on_a_loop(raw, words))
        return _piped(raw, words)
    except connection.dialect.loaded_dbapi.Error as failed:
        raise _judged(connection, failed) from None


def arranged(compiled: Any, values: dict[str, object]) -> Any:
    """Return the values as the driver takes them: by name, or in order."""
    return [values[name] for name in compiled.positiontup] if compiled.positional else values


def _executed(cursor: Any, text: str, values: Any) -> Answer:
    cursor.execute(text, values)
    return Answer(cursor.rowcount, cursor.fetchall() if cursor.description else ())


def _piped(raw: Any, words: Sequence[tuple[str, Any]]) -> list[Answer]:
    with raw.pipeline():
        cursors = [raw.execute(text, values) for text, values in words]
    return [Answer(cursor.rowcount, cursor.fetchall() if cursor.description else ()) for cursor in cursors]


async def _piped_on_a_loop(raw: Any, words: Sequence[tuple[str, Any]]) -> list[Answer]:
    async with raw.pipeline():
        cursors = [await raw.execute(text, values) for text, values in words]
    return [
        Answer(cursor.rowcount, await cursor.fetchall() if cursor.description else ()) for cursor in cursors
    ]


def _judged(connection: sa.Connection, failed: Any) -> Exception:
    """Return SQLAlchemy's error for a driver's, and let go of a connection that is lost."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(failed, connection.connection.dbapi_connection, None)
    if is_lost:
        connection.invalidate(failed)
    error: Exception = sa.exc.DBAPIError.instance(
        None, None, failed, dialect.loaded_dbapi.Error, connection_invalidated=is_lost, dialect=dialect
    )
    return error

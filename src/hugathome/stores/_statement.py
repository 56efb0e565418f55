"""Statements in the words of a driver: each is compiled once, and costs less than to send it.

Values go to the driver as they are given: instants as microseconds, a status as its text.
"""

from typing import Any

import sqlalchemy as sa


class Statement:
    """One statement of a transaction."""

    def __init__(self, statement: sa.Executable) -> None:
        self._statement: Any = statement
        self._compiled: dict[str, tuple[Any, dict[str, object]]] = {}

    def on(self, connection: sa.Connection, **values: object) -> Any:
        """Execute it and return the cursor; raise what SQLAlchemy would."""
        dialect = connection.dialect
        compiled, constants = self._compiled.get(dialect.name) or self._compile(dialect)
        cursor = connection.connection.cursor()
        try:
            cursor.execute(compiled.string, arranged(compiled, constants | values))
        except dialect.loaded_dbapi.Error as failed:
            raise _judged(connection, failed, cursor) from None
        return cursor

    def _compile(self, dialect: sa.Dialect) -> tuple[Any, dict[str, object]]:
        """Return it in the words of a dialect, with what it says itself, such as a limit."""
        compiled = self._statement.compile(dialect=dialect)
        constants = {name: value for name, value in compiled.params.items() if value is not None}
        return self._compiled.setdefault(dialect.name, (compiled, constants))


def arranged(compiled: Any, values: dict[str, object]) -> Any:
    """Return the values as the driver takes them: by name, or in order."""
    return [values[name] for name in compiled.positiontup] if compiled.positional else values


def _judged(connection: sa.Connection, failed: Any, cursor: Any) -> Exception:
    """Return SQLAlchemy's error for a driver's, and let go of a connection that is lost."""
    dialect = connection.dialect
    is_lost = dialect.is_disconnect(failed, connection.connection.dbapi_connection, cursor)
    if is_lost:
        connection.invalidate(failed)
    error: Exception = sa.exc.DBAPIError.instance(
        None, None, failed, dialect.loaded_dbapi.Error, connection_invalidated=is_lost, dialect=dialect
    )
    return error

"""Hearing at once what other processes append to a log on PostgreSQL.

A notification only wakes; what it says is looked up, and what it fails to say is found by asking. One
connection listens for all rooms of a process. It must lead to the server itself: a pooler that hands out a
server connection for each transaction takes LISTEN, and passes nothing on.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final

import sqlalchemy as sa

from hugathome.errors import ConfigurationError

CHANNEL: Final = "hugathome_log"
_TRIED_EVERY: Final = 10.0
"""Seconds between two attempts to listen."""


class Listener:
    """Tells how far the logs of rooms go, as it hears it; a server that cannot be reached is tried again."""

    def __init__(self, url: str, tell: Callable[[Sequence[tuple[str, int]]], None]) -> None:
        self._options = _options(url)
        self._tell = tell
        self._connection: Any = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = -1
        self._try_at = 0.0

    async def listen(self, *, within: float) -> None:
        """Listen from now on, if that can be had within so many seconds; else leave it for later."""
        loop = asyncio.get_running_loop()
        if self._connection is not None or loop.time() < self._try_at:
            return
        self._try_at = loop.time() + _TRIED_EVERY
        import psycopg

        with suppress(psycopg.Error, OSError, TimeoutError):
            async with asyncio.timeout(within):
                connection = await psycopg.AsyncConnection.connect(**self._options, autocommit=True)
                try:
                    await connection.execute(f"LISTEN {CHANNEL}")
                except BaseException:
                    await connection.close()
                    raise
                self._connection, self._loop, self._socket = connection, loop, connection.fileno()
                loop.add_reader(self._socket, self._heard)

    async def aclose(self) -> None:
        """Stop listening; the next reader begins again."""
        connection, self._connection = self._connection, None
        self._try_at = 0.0
        if connection is not None:
            self._deaf()
            await connection.close()

    def _heard(self) -> None:
        import psycopg

        connection = self._connection
        try:
            connection.pgconn.consume_input()
        except psycopg.Error:
            self._connection = None
            self._deaf()
            connection.pgconn.finish()
            return
        while told := connection.pgconn.notifies():
            self._tell(_news(told.extra.decode()))

    def _deaf(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)


def _news(payload: str) -> list[tuple[str, int]]:
    """Return the rooms of which a notification tells, each with the position that was written there."""
    return [
        (room, int(position))
        for position, _, room in (line.partition(" ") for line in payload.splitlines())
        if position.isdecimal()
    ]


def _options(url: str) -> dict[str, Any]:
    """Return what psycopg takes for a URL of SQLAlchemy."""
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError:
        raise ConfigurationError("this is not a database URL") from None
    if parsed.get_backend_name() != "postgresql":
        raise ConfigurationError("only PostgreSQL can be listened to")
    _, options = parsed.set(drivername="postgresql+psycopg").get_dialect()().create_connect_args(parsed)
    return dict(options)

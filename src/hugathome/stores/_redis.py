"""Asking Redis: one round trip for each question, and scripts that the server keeps.

Where many ask at once, one connection can do for all of them (`_shared_line.py`).

Nothing is asked twice by itself: whether a write whose answer was lost was done is for the caller to know.
"""

import asyncio
import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.exceptions import AskError, MovedError, NoScriptError, RedisError, ResponseError
from redis.retry import Retry

from hugathome.errors import ConfigurationError, StoreUnavailable
from hugathome.stores._resp import Refusal, Word

_CONNECTIONS: Final = 50
"""At most, for each process; a call waits for one that is free."""
PATIENCE: Final = 5
"""Seconds that the server may take to answer."""


class Script:
    """A script, known to the server by its digest once it was given."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


class Line(Protocol):
    """Connections to a server, each for one question at a time.

    The clients of redis-py would add as much again to what an answer costs; its connections are enough here.
    """

    async def ask(self, *words: Word) -> Any:
        """Return the answer; raises what redis-py and the network raise."""
        ...

    async def aclose(self) -> None:
        """Close the connections; the next question opens new ones."""
        ...


class AsyncLine:
    """Has one deadline for all of a question: redis-py's pool and its timeouts take three, and a task."""

    def __init__(self, url: str) -> None:
        self._pool: Any = _pool(redis.asyncio.ConnectionPool, url, **_ON_A_LOOP)
        self._idle: list[Any] = []
        self._places = asyncio.Semaphore(_CONNECTIONS)

    async def ask(self, *words: Word) -> Any:
        """Return the answer."""
        async with asyncio.timeout(PATIENCE), self._places:
            connection = self._idle.pop() if self._idle else self._pool.make_connection()
            try:
                await self._pool.ensure_connection(connection)
                await connection.send_command(*words)
                answer = await connection.read_response()
            except BaseException:  # also when cancelled: its answer may still come, and is nobody else's
                await connection.disconnect(nowait=True)
                raise
            self._idle.append(connection)
            return answer

    async def aclose(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().disconnect()


class BlockingLine:
    """Asks in the caller's thread; its coroutines never suspend."""

    def __init__(self, url: str) -> None:
        self._pool: Any = _pool(redis.BlockingConnectionPool, url, socket_timeout=PATIENCE)

    async def ask(self, *words: Word) -> Any:
        """Return the answer."""
        connection = self._pool.get_connection()
        try:
            connection.send_command(*words)
            return connection.read_response()
        finally:
            self._pool.release(connection)

    async def aclose(self) -> None:
        """Close the connections."""
        self._pool.disconnect()


def accepted(answer: Any) -> Any:
    """Return an answer; raise a refusal as redis-py would."""
    if not isinstance(answer, Refusal):
        return answer
    match answer.kind:
        case "NOSCRIPT":
            raise NoScriptError(answer.text)
        case "MOVED":
            raise MovedError(answer.text.partition(" ")[2])
        case "ASK":
            raise AskError(answer.text.partition(" ")[2])
    raise ResponseError(answer.kind)


async def run(line: Line, script: Script, keys: Sequence[str], *values: Word) -> Any:
    """Return what a script answers."""
    try:
        return await line.ask("EVALSHA", script.digest, len(keys), *keys, *values)
    except NoScriptError:  # a server that has just begun; it keeps what it is given here
        return await line.ask("EVAL", script.text, len(keys), *keys, *values)


def server_at(url: str) -> Any:
    """Return a connection of redis-py that is never opened: it knows where the server is, and who asks."""
    pool = _pool(redis.asyncio.ConnectionPool, url, **_ON_A_LOOP)
    return pool.connection_class(**pool.connection_kwargs)


@contextmanager
def translated() -> Iterator[None]:
    """Raise redis-py's errors as ours, naming the kind and no value."""
    try:
        yield
    except AskError:  # MOVED is one too
        raise StoreUnavailable(_REDIRECTED) from None
    except (RedisError, OSError) as failed:
        raise StoreUnavailable(f"Redis refused: {type(failed).__name__}") from None


_REDIRECTED: Final = (
    "Redis sends this to another node of its cluster, and no redirection is followed: "
    "give the address of a proxy of the cluster's, or of a primary that has all slots"
)
_ON_A_LOOP: Final = {"socket_timeout": None}
"""The client's own time limit on sending, `asyncio.wait_for`, may lose a cancellation before Python 3.12."""


def _pool(kind: Any, url: str, **options: Any) -> Any:
    options |= {"protocol": 2, "retry": Retry(NoBackoff(), 0), "socket_connect_timeout": PATIENCE}
    try:
        pool = kind.from_url(url, max_connections=_CONNECTIONS, **options)
        pool.connection_class(**pool.connection_kwargs)  # refuses here what it cannot read
    except (ValueError, TypeError, RedisError):
        raise ConfigurationError("this is not a URL of Redis") from None
    return pool

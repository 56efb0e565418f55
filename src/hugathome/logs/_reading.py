"""What every log's readers share: being woken, and noticing that the log is not what it was."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock

from hugathome.errors import LogForked, LogTrimmed, StoreUnavailable

Rows = Sequence[tuple[int, bytes]]


_LONGEST = 64
"""Characters, as wide as the columns of a database are."""


def named(room: str) -> str:
    """Return the name of a room; raise `StoreUnavailable` for one that would spoil a question for all."""
    if len(room) > _LONGEST or not room.isprintable():
        raise StoreUnavailable("no room can have this name")
    return room


class Bell:
    """Wakes the readers of this process; rung from any thread, with an event loop or without."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._waiting: dict[str, set[tuple[asyncio.AbstractEventLoop, asyncio.Event]]] = defaultdict(set)

    @contextmanager
    def watching(self, room: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at every ring for `room`."""
        listener = asyncio.get_running_loop(), asyncio.Event()
        with self._lock:
            self._waiting[room].add(listener)
        try:
            yield listener[1]
        finally:
            with self._lock:
                self._waiting[room].discard(listener)
                if not self._waiting[room]:
                    del self._waiting[room]

    def ring(self, room: str) -> None:
        """Wake whoever watches `room`, at once."""
        with self._lock:
            listeners = list(self._waiting.get(room, ()))
        for loop, event in listeners:
            if loop is _running_loop():
                event.set()
            else:
                with suppress(RuntimeError):  # that loop has closed: nobody listens there any more
                    loop.call_soon_threadsafe(event.set)


class Tail:
    """Where one reader is; each batch is held against what it read before."""

    def __init__(self, after: int) -> None:
        self.offset = after
        self._last: bytes | None = None

    def take(self, rows: Rows, *, kept_from: int) -> Rows:
        """Return the rows behind the reader's offset and move it there.

        `rows` begin at the offset itself, where it is still kept; everything before `kept_from` is not.
        Raises `LogForked` and `LogTrimmed`.
        """
        if self.offset + 1 < kept_from:
            raise LogTrimmed("the log no longer keeps what comes next")
        if self.offset >= max(kept_from, 1):
            if not rows or rows[0][0] != self.offset or self._last not in {None, rows[0][1]}:
                raise LogForked("the log is not the one that was read before")
            rows = rows[1:]
        if [offset for offset, _ in rows] != list(range(self.offset + 1, self.offset + 1 + len(rows))):
            raise LogForked("the log has a gap")
        if rows:
            self.offset, self._last = rows[-1]
        return rows


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None

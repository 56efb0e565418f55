"""One reader of one room: what has come for it, and whether there is reason to ask for more.

It takes rows from answers to questions and from answers to appends, in whatever order these come, and holds
each against what it has read before.
"""

import asyncio
from typing import Final, NamedTuple

from hugathome.errors import HugathomeError
from hugathome.logs._reading import Rows, Tail

MOST_ROWS: Final = 64
"""In one answer, for one room; a reader that takes them slowly is asked for no more meanwhile."""


class Place(NamedTuple):
    """Where a reader is, for a question about what stands there and behind."""

    room: str
    offset: int


class Answer(NamedTuple):
    """A room from a place on: at most so many rows, and where what is kept begins."""

    kept_from: int
    rows: Rows


class Follower:
    """Where a reader stands, what it has not taken yet, and what is known of the rest."""

    def __init__(self, room: str, after: int) -> None:
        self.room = room
        self._tail = Tail(after)
        self._rows: list[tuple[int, bytes]] = []
        self._failure: HugathomeError | None = None
        self._is_in_doubt = True
        self._told = after
        self._is_asked = False
        self._woken = asyncio.Event()

    @property
    def is_behind(self) -> bool:
        """Whether there may be something to ask for, and room for the answer."""
        if self._rows or self._failure is not None or self._is_asked:
            return False
        return self._is_in_doubt or self._told > self._tail.offset

    async def next(self) -> Rows:
        """Return what has come, once there is something; raise what has ended the reading."""
        while not self._rows:
            if self._failure is not None:
                raise self._failure
            self._woken.clear()
            await self._woken.wait()
        rows, self._rows = self._rows, []
        return rows

    def hear(self, offset: int | None) -> None:
        """Note that the log goes as far as `offset`, or is in doubt."""
        if offset is None:
            self._is_in_doubt = True
        else:
            self._told = max(self._told, offset)

    def asked(self) -> Place:
        """Return for what place to ask."""
        self._is_asked, self._is_in_doubt = True, False
        return Place(self.room, self._tail.offset)

    def take(self, answer: Answer | HugathomeError, *, asked: Place) -> None:
        """Take what was asked for, less what has been handed over meanwhile."""
        self._is_asked = False
        if isinstance(answer, HugathomeError):
            self.fail(answer)
            return
        kept_from, rows = answer
        self._is_in_doubt = self._is_in_doubt or len(rows) >= MOST_ROWS
        new = [row for row in rows if row[0] >= self._tail.offset]
        if new or self._tail.offset == asked.offset:  # else it is older than what is known
            self._add(new, kept_from=kept_from)

    def take_end(self, rows: Rows) -> None:
        """Take a log's last row, if it is the next one; before it stands what the log has there."""
        offset, _ = rows[-1]
        is_next = offset == self._tail.offset + 1 and self._failure is None
        if is_next and len(self._rows) < MOST_ROWS:
            self._add(rows, kept_from=rows[0][0])
        else:
            self.hear(offset if offset > self._tail.offset else None)  # has it begun anew?

    def fail(self, failure: HugathomeError) -> None:
        """End the reading, once what has come is taken."""
        self._failure = failure
        self._woken.set()

    def _add(self, rows: Rows, *, kept_from: int) -> None:
        try:
            rows = self._tail.take(rows, kept_from=kept_from)
        except HugathomeError as failed:  # `LogForked` and `LogTrimmed`
            self.fail(failed)
            return
        if rows:
            self._rows += rows
            self._woken.set()

"""Following the rooms of an event loop together: one question for all readers, and none for what is known.

    appended here ──hand_over──► reader     what the answer to an append proves is not asked for
    told of more  ──tell──► asked ──► reader
    silence       ──────────► asked ──► reader     all of them: what nobody told of is found

Being told only wakes. What a reader yields comes from a question or from the answer to an append, and is
held either way against what it has read before.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from typing import Final, NamedTuple

from hugathome.errors import HugathomeError, StoreUnavailable
from hugathome.logs._loops import ended
from hugathome.logs._reading import Rows, Tail, named

MOST_ROWS: Final = 64
"""In one answer, for one room; a reader that takes them slowly is asked for no more meanwhile."""
_ROOMS_AT_ONCE: Final = 256


class Place(NamedTuple):
    """Where a reader is, for a question about what stands there and behind."""

    room: str
    offset: int


class Answer(NamedTuple):
    """A room from a place on: at most so many rows, and where what is kept begins."""

    kept_from: int
    rows: Rows


Ask = Callable[[Sequence[Place]], Awaitable[Sequence[Answer | HugathomeError]]]


class Followers:
    """The readers of one event loop; a task asks for them for as long as there are any."""

    def __init__(self, ask: Ask, *, silence: Callable[[], Awaitable[float]]) -> None:
        self._ask = ask
        self._silence = silence
        """Return for how many seconds silence is believed."""
        self._rooms: dict[str, list[_Follower]] = {}
        self._expected: set[str] = set()
        self._behind: dict[_Follower, None] = {}
        self._rung = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._is_closing = False

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield the records behind offset `after`, then follow for ever."""
        with self._following(_Follower(named(room), after)) as follower:
            while True:
                self._look_after(follower)
                for row in await follower.next():
                    yield row

    def tell(self, room: str, offset: int | None = None) -> None:
        """Note that a room's log goes as far as `offset`, or is not what it was."""
        for follower in self._rooms.get(room, ()):
            follower.hear(offset)
            self._look_after(follower)

    def tell_all(self) -> None:
        """Note that any room's log may be not what it was."""
        for room in self._rooms:
            self.tell(room)

    def hand_over(self, room: str, rows: Rows) -> None:
        """Give readers the end of a log, as the answer to an append has proved it."""
        for follower in self._rooms.get(room, ()):
            follower.take_end(rows)
            self._look_after(follower)

    def is_followed(self, room: str) -> bool:
        """Whether a room has readers here."""
        return room in self._rooms

    def fail(self, failure: HugathomeError) -> None:
        """End all reading."""
        for follower in [each for readers in self._rooms.values() for each in readers]:
            follower.fail(failure)

    @contextmanager
    def expecting(self, rooms: Collection[str]) -> Iterator[None]:
        """Ask for nothing that is told of these rooms before the block ends: it is being handed over."""
        self._expected.update(rooms)
        try:
            yield
        finally:
            self._expected.difference_update(rooms)
            for room in rooms:
                for follower in self._rooms.get(room, ()):
                    self._look_after(follower)

    async def aclose(self) -> None:
        """Stop asking; whoever still reads is told."""
        self._is_closing = True
        self._rung.set()
        await ended(self._asking)
        self._is_closing = False

    @contextmanager
    def _following(self, follower: "_Follower") -> Iterator["_Follower"]:
        self._rooms.setdefault(follower.room, []).append(follower)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._run())
        try:
            yield follower
        finally:
            self._behind.pop(follower, None)
            self._rooms[follower.room].remove(follower)
            if not self._rooms[follower.room]:
                del self._rooms[follower.room]
            if not self._rooms:
                self._rung.set()

    def _look_after(self, follower: "_Follower") -> None:
        """Have it asked for what a reader waits for."""
        if follower.is_behind and follower.room not in self._expected:
            self._behind[follower] = None
            self._rung.set()

    async def _run(self) -> None:
        look_at = 0.0
        try:
            while self._rooms and not self._is_closing:
                self._rung.clear()
                if few := self._next_few():
                    await self._ask_for(few)
                if asyncio.get_running_loop().time() >= look_at:
                    look_at = await self._silence() + asyncio.get_running_loop().time()
                    self.tell_all()
                elif not self._behind and not self._is_closing:
                    with suppress(TimeoutError):
                        async with asyncio.timeout_at(look_at):
                            await self._rung.wait()
        finally:
            self.fail(StoreUnavailable("the log was closed"))

    def _next_few(self) -> "list[_Follower]":
        few = list(islice(self._behind, _ROOMS_AT_ONCE))
        for follower in few:
            del self._behind[follower]
        return few

    async def _ask_for(self, followers: Sequence["_Follower"]) -> None:
        places = [follower.asked() for follower in followers]
        try:
            answers = await self._ask(places)
        except HugathomeError as failed:
            answers = [failed] * len(places)
        for follower, place, answer in zip(followers, places, answers, strict=True):
            follower.take(answer, asked=place)
            self._look_after(follower)


class _Follower:
    """One reader of one room: what it has not taken yet, and what is known of the rest."""

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

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
from typing import Final

from hugathome.errors import HugathomeError, StoreUnavailable
from hugathome.logs._follower import Answer, Follower, Place
from hugathome.logs._loops import ended
from hugathome.logs._reading import Rows, named

_ROOMS_AT_ONCE: Final = 256


Ask = Callable[[Sequence[Place]], Awaitable[Sequence[Answer | HugathomeError]]]


class Followers:
    """The readers of one event loop; a task asks for them for as long as there are any."""

    def __init__(self, ask: Ask, *, silence: Callable[[], Awaitable[float]]) -> None:
        self._ask = ask
        self._silence = silence
        """Return for how many seconds silence is believed."""
        self._rooms: dict[str, list[Follower]] = {}
        self._expected: set[str] = set()
        self._behind: dict[Follower, None] = {}
        self._rung = asyncio.Event()
        self._asking: asyncio.Task[None] | None = None
        self._is_closing = False

    async def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        """Yield the records behind offset `after`, then follow for ever."""
        with self._following(Follower(named(room), after)) as follower:
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
    def _following(self, follower: Follower) -> Iterator[Follower]:
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

    def _look_after(self, follower: Follower) -> None:
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

    def _next_few(self) -> list[Follower]:
        few = list(islice(self._behind, _ROOMS_AT_ONCE))
        for follower in few:
            del self._behind[follower]
        return few

    async def _ask_for(self, followers: Sequence[Follower]) -> None:
        places = [follower.asked() for follower in followers]
        try:
            answers = await self._ask(places)
        except HugathomeError as failed:
            answers = [failed] * len(places)
        for follower, place, answer in zip(followers, places, answers, strict=True):
            follower.take(answer, asked=place)
            self._look_after(follower)

"""Readers of an event loop are served together, and are asked for nothing that an append has told."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import pytest

from hugathome.errors import HugathomeError, LogForked, StoreUnavailable
from hugathome.logs._follower import MOST_ROWS, Answer, Place
from hugathome.logs._following import Followers
from hugathome.logs._reading import Rows

SOON = 30
"""Seconds."""


class Server:
    """Has the records of rooms, and notes what it is asked for."""

    def __init__(self) -> None:
        self.rooms: dict[str, list[tuple[int, bytes]]] = {}
        self.asked: list[Sequence[Place]] = []
        self.failure: HugathomeError | None = None
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.followers = Followers(self.ask, silence=self.silence)

    def write(self, room: str, record: bytes) -> Rows:
        """Add a record, and return what an append proves."""
        rows = self.rooms.setdefault(room, [])
        rows.append((len(rows) + 1, record))
        return rows[-2:]

    async def ask(self, places: Sequence[Place]) -> Sequence[Answer | HugathomeError]:
        self.asked.append(places)
        answers = [Answer(1, self.rooms.get(room, [])[max(offset - 1, 0) :]) for room, offset in places]
        await self.may_answer.wait()
        if self.failure is not None:
            raise self.failure
        return [Answer(1, answer.rows[:MOST_ROWS]) for answer in answers]

    async def silence(self) -> float:
        return 3600.0


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    server = Server()
    async with asyncio.timeout(SOON):
        yield server
    await server.followers.aclose()


async def at_rest() -> None:
    """Let everything be asked for that is wanted."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_is_written_here_is_asked_for_by_nobody(server: Server) -> None:
    async with aclosing(server.followers.read("room", 0)) as records:
        for number in (1, 2, 3):
            waiting = asyncio.ensure_future(anext(records))
            await at_rest()
            server.asked.clear()
            server.followers.hand_over("room", server.write("room", b"%d" % number))
            assert await waiting == (number, b"%d" % number)
            await at_rest()
            assert server.asked == []


async def test_an_append_behind_another_record_than_the_one_that_was_read_is_a_fork(server: Server) -> None:
    server.write("room", b"1")
    async with aclosing(server.followers.read("room", 0)) as records:
        await anext(records)
        await at_rest()
        server.followers.hand_over("room", [(1, b"another"), (2, b"2")])

        with pytest.raises(LogForked):
            await anext(records)


async def test_an_append_to_a_log_that_begins_anew_is_looked_into(server: Server) -> None:
    server.write("room", b"1")
    server.write("room", b"2")
    async with aclosing(server.followers.read("room", 1)) as records:
        await anext(records)
        await at_rest()
        server.rooms.clear()
        server.followers.hand_over("room", server.write("room", b"anew"))

        with pytest.raises(LogForked):
            await anext(records)


async def test_rooms_that_others_have_written_to_are_asked_for_together(server: Server) -> None:
    readers = [server.followers.read(room, 0) for room in ("one", "two", "three")]
    waiting = [asyncio.ensure_future(anext(reader)) for reader in readers]
    await at_rest()
    server.asked.clear()

    for room in ("one", "two"):
        server.write(room, b"1")
        server.followers.tell(room, 1)
    assert [await each for each in waiting[:2]] == [(1, b"1"), (1, b"1")]

    assert [{place.room for place in places} for places in server.asked] == [{"one", "two"}]
    waiting[2].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for reader in readers:
        await reader.aclose()


async def test_what_is_told_of_a_record_that_is_on_its_way_is_not_asked_for(server: Server) -> None:
    async with aclosing(server.followers.read("room", 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        await at_rest()
        server.asked.clear()

        with server.followers.expecting(["room"]):
            rows = server.write("room", b"1")
            server.followers.tell("room", 1)
            await at_rest()
            server.followers.hand_over("room", rows)
        await at_rest()

        assert await waiting == (1, b"1")
        assert server.asked == []


async def test_what_was_on_its_way_and_never_came_is_asked_for(server: Server) -> None:
    async with aclosing(server.followers.read("room", 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        await at_rest()

        with server.followers.expecting(["room"]):
            server.write("room", b"1")
            server.followers.tell("room", 1)

        assert await waiting == (1, b"1")


async def test_what_is_written_while_a_question_is_open_comes_once_and_in_order(server: Server) -> None:
    server.may_answer.clear()
    async with aclosing(server.followers.read("room", 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        await at_rest()
        server.followers.hand_over("room", server.write("room", b"1"))
        server.followers.hand_over("room", server.write("room", b"2"))
        server.may_answer.set()

        assert [await waiting, await anext(records)] == [(1, b"1"), (2, b"2")]


async def test_a_reader_that_takes_nothing_is_kept_only_so_much(server: Server) -> None:
    async with aclosing(server.followers.read("room", 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        await at_rest()
        for number in range(1, 4 * MOST_ROWS):
            server.followers.hand_over("room", server.write("room", b"%d" % number))
        (follower,) = server.followers._rooms["room"]

        assert len(follower._rows) <= MOST_ROWS
        rest = [await waiting] + [await anext(records) for _ in range(2, 4 * MOST_ROWS)]
        assert rest == server.rooms["room"]


async def test_a_question_that_fails_ends_the_reading(server: Server) -> None:
    server.failure = StoreUnavailable("away")

    with pytest.raises(StoreUnavailable, match="away"):
        await anext(server.followers.read("room", 0))


async def test_whoever_reads_a_log_that_is_closed_is_told(server: Server) -> None:
    waiting = asyncio.ensure_future(anext(server.followers.read("room", 0)))
    await at_rest()

    await server.followers.aclose()

    with pytest.raises(StoreUnavailable, match="closed"):
        await waiting


async def test_nothing_runs_once_nobody_reads(server: Server) -> None:
    before = asyncio.all_tasks()
    async with aclosing(server.followers.read("room", 0)) as records:
        waiting = asyncio.ensure_future(anext(records))
        await at_rest()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await at_rest()

    assert asyncio.all_tasks() == before


async def test_a_name_that_would_spoil_the_question_for_all_is_refused(server: Server) -> None:
    for name in ("hug.\0", "hug.\ud800", "x" * 65):
        with pytest.raises(StoreUnavailable):
            await anext(server.followers.read(name, 0))

    assert server.asked == []

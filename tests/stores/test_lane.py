"""One connection for all questions: each gets its own answer, or learns that none will come."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from hugathome.stores._lane import Lane

SOON = 10
"""Seconds."""


class Server:
    """Answers each command when it is told to."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self._writer: asyncio.StreamWriter
        self._news = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        while data := await reader.read(2**16):
            self.asked.append(data)
            self._news.set()
        writer.close()

    def say(self, said: bytes) -> None:
        self._writer.write(said)

    async def heard(self) -> None:
        """Return once something has come."""
        await self._news.wait()
        self._news.clear()


@asynccontextmanager
async def opened(
    where: Path, *, patience: float = SOON, hear: Callable[[Sequence[Any]], None] = lambda _: None
) -> AsyncGenerator[tuple[Server, Lane]]:
    server, lost = Server(), asyncio.Event()
    listening = await asyncio.start_unix_server(server.serve, where / "socket")
    _, lane = await asyncio.get_running_loop().create_unix_connection(
        lambda: Lane(patience=patience, hear=hear, lost=lost.set), str(where / "socket")
    )
    async with asyncio.timeout(SOON):
        yield server, lane
    await lane.aclose()
    assert lost.is_set()
    listening.close()
    await listening.wait_closed()


async def test_questions_go_out_together_and_answers_come_in_order(tmp_path: Path) -> None:
    async with opened(tmp_path) as (server, lane):
        asking = asyncio.gather(lane.ask(("A",), ("B",)), lane.ask(("C",)))
        await server.heard()
        assert server.asked == [b"*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n*1\r\n$1\r\nC\r\n"]
        server.say(b":1\r\n:2\r\n:3\r\n")

        assert list(await asking) == [[1, 2], [3]]


async def test_an_answer_that_nobody_waits_for_is_nobody_else_s(tmp_path: Path) -> None:
    async with opened(tmp_path) as (server, lane):
        gone = asyncio.ensure_future(lane.ask(("A",)))
        await server.heard()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        asking = asyncio.ensure_future(lane.ask(("B",)))
        await server.heard()
        server.say(b":1\r\n:2\r\n")

        assert await asking == [2]


async def test_a_connection_on_which_an_answer_is_late_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path, patience=0.05) as (_, lane):
        with pytest.raises(ConnectionError):
            await lane.ask(("A",))

        assert not lane.is_open
        with pytest.raises(ConnectionError):
            await lane.ask(("B",))


async def test_what_does_not_speak_redis_is_given_up(tmp_path: Path) -> None:
    async with opened(tmp_path) as (server, lane):
        asking = asyncio.ensure_future(lane.ask(("A",)))
        await server.heard()
        server.say(b"HTTP/1.1 400 Bad Request\r\n")

        with pytest.raises(ConnectionError):
            await asking


async def test_what_the_server_says_by_itself_is_heard_between_answers(tmp_path: Path) -> None:
    heard: list[Sequence[Any]] = []
    async with opened(tmp_path, hear=heard.append) as (server, lane):
        asking = asyncio.ensure_future(lane.ask(("A",)))
        await server.heard()
        server.say(b">2\r\n$1\r\na\r\n$1\r\nb\r\n:1\r\n")

        assert await asking == [1]
        assert heard == [[b"a", b"b"]]


async def test_a_question_that_cannot_be_said_harms_no_other(tmp_path: Path) -> None:
    async with opened(tmp_path) as (server, lane):
        with pytest.raises(UnicodeEncodeError):
            await lane.ask(("A", "\ud800"))
        asking = asyncio.ensure_future(lane.ask(("B",)))
        await server.heard()
        server.say(b":1\r\n")

        assert await asking == [1]

"""One connection to Redis for all of an event loop: questions go out together, and answers come in order.

A question that nobody waits for any more is answered all the same. A connection on which an answer is late
is given up, with all that was asked on it: whether it was done is for those who asked to find out.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast

from hugathome.stores._resp import Answers, Push, Word, packed


class _Question(NamedTuple):
    answers: list[Any]
    commands: int
    asked_at: float
    done: asyncio.Future[list[Any]]


class Lane(asyncio.Protocol):
    """A connection that is open; `hear` gets what the server says by itself, `lost` is called at its end."""

    def __init__(
        self, *, patience: float, hear: Callable[[Sequence[Any]], None], lost: Callable[[], None]
    ) -> None:
        self._patience = patience
        self._hear = hear
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._answers = Answers()
        self._questions: deque[_Question] = deque()
        self._unsent: list[bytes] = []
        self._watch: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._closed = self._loop.create_future()

    @property
    def is_open(self) -> bool:
        """Whether something can be asked."""
        return self._transport is not None and not self._transport.is_closing()

    async def ask(self, *commands: Sequence[Word]) -> list[Any]:
        """Return what is answered to each; raise `ConnectionError` where the connection ends before."""
        if not self.is_open:
            raise ConnectionError("the connection has ended")
        said = b"".join(map(packed, commands))
        done: asyncio.Future[list[Any]] = self._loop.create_future()
        self._questions.append(_Question([], len(commands), self._loop.time(), done))
        if not self._unsent:
            self._loop.call_soon(self._send)
        self._unsent.append(said)
        if self._watch is None:
            self._watch = self._loop.call_later(self._patience, self._look)
        return await done

    async def aclose(self) -> None:
        """End the connection, and return once it has ended."""
        if self._transport is not None:
            self._transport.abort()
            await self._closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Give each answer to its question."""
        try:
            answers = self._answers.feed(data)
        except ValueError:
            self._abort()
            return
        for answer in answers:
            if isinstance(answer, Push):
                self._hear(answer.words)
            elif self._questions:
                self._answer(answer)

    def connection_lost(self, error: Exception | None) -> None:
        """Fail what is still asked."""
        if self._watch is not None:
            self._watch.cancel()
        for question in self._questions:
            if not question.done.done():
                question.done.set_exception(ConnectionError("the connection has ended"))
        self._questions.clear()
        self._closed.set_result(None)
        self._lost()

    def _answer(self, answer: Any) -> None:
        question = self._questions[0]
        question.answers.append(answer)
        if len(question.answers) == question.commands:
            self._questions.popleft()
            if not question.done.done():
                question.done.set_result(question.answers)

    def _send(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None and self.is_open:
            self._transport.write(b"".join(unsent))

    def _look(self) -> None:
        """Give the connection up if its first question is too old; else look again when it will be."""
        self._watch = None
        if not self._questions:
            return
        late_at = self._questions[0].asked_at + self._patience
        if late_at <= self._loop.time():
            self._abort()
        else:
            self._watch = self._loop.call_at(late_at, self._look)

    def _abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

"""Each transport here breaks one rule, and `check_transport` names that rule and no other."""

import ast
import asyncio
import importlib
import inspect
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from hugathome.errors import TransportClosed
from hugathome.signalling import Transport
from hugathome.testing._bench import Bench
from hugathome.testing.check_transport import _RULES, check_transport
from hugathome.testing.conformance import ConformanceFailure
from hugathome.transports.memory import MemoryTransport, memory_pair

PATIENCE = timedelta(seconds=0.5)
T = TypeVar("T")


class Sound:
    """An end that keeps every rule; each class below spoils one thing."""

    def __init__(self, inner: MemoryTransport) -> None:
        self.inner = inner
        self.count = 0
        self.closed = False

    async def send(self, text: str) -> None:
        await self.inner.send(text)

    async def receive(self) -> str:
        return await self.inner.receive()

    async def aclose(self) -> None:
        self.closed = True
        await self.inner.aclose()


class SplitsLongFrames(Sound):
    async def send(self, text: str) -> None:
        for start in range(0, max(len(text), 1), 4096):
            await self.inner.send(text[start : start + 4096])


class TrimsNewlines(Sound):
    async def receive(self) -> str:
        return (await self.inner.receive()).rstrip("\n")


class SkipsEmptyFrames(Sound):
    async def send(self, text: str) -> None:
        if text:
            await self.inner.send(text)


class LosesAFrame(Sound):
    async def send(self, text: str) -> None:
        self.count += 1
        if self.count != 5_000:
            await self.inner.send(text)


class RepeatsAFrame(Sound):
    async def send(self, text: str) -> None:
        self.count += 1
        for _ in range(2 if self.count == 5_000 else 1):
            await self.inner.send(text)


class Reorders(Sound):
    held = ""

    async def send(self, text: str) -> None:
        self.count += 1
        if self.count == 5_000:
            self.held = text
            return
        await self.inner.send(text)
        if self.count == 5_001:
            await self.inner.send(self.held)


class OneDirectionAtATime(Sound):
    def __init__(self, inner: MemoryTransport) -> None:
        super().__init__(inner)
        self.turn = asyncio.Lock()

    async def send(self, text: str) -> None:
        async with self.turn:
            await self.inner.send(text)

    async def receive(self) -> str:
        async with self.turn:
            return await self.inner.receive()


class CloseHangs(Sound):
    async def aclose(self) -> None:
        await asyncio.Event().wait()


class ClosesOnce(Sound):
    async def aclose(self) -> None:
        if self.closed:
            raise RuntimeError("already closed")
        await super().aclose()


class CloseCancelsTheNext(Sound):
    """As `asyncio.StreamWriter.wait_closed` does: all calls await one future."""

    def __init__(self, inner: MemoryTransport) -> None:
        super().__init__(inner)
        self.ended = asyncio.get_running_loop().create_future()

    async def aclose(self) -> None:
        await super().aclose()
        asyncio.get_running_loop().call_soon(self.end)
        await self.ended

    def end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)


class CloseWaitsForItsSends(Sound):
    def __init__(self, inner: MemoryTransport) -> None:
        super().__init__(inner)
        self.sending = asyncio.Lock()

    async def send(self, text: str) -> None:
        async with self.sending:
            await self.inner.send(text)

    async def aclose(self) -> None:
        async with self.sending:
            await super().aclose()


class CloseForgetsTheUnread(Sound):
    async def aclose(self) -> None:
        self.inner.cut()


class CloseGivesUpWhenCancelled(Sound):
    async def aclose(self) -> None:
        if not self.closed:
            self.closed = True
            await asyncio.sleep(0)
            await self.inner.aclose()


class SendsAfterItsOwnClose(Sound):
    async def send(self, text: str) -> None:
        if not self.closed:
            await self.inner.send(text)


class EndsWithAnotherError(Sound):
    async def receive(self) -> str:
        try:
            return await self.inner.receive()
        except TransportClosed:
            if self.closed:
                raise
            raise EOFError from None


class EndsWithAnEmptyFrame(Sound):
    async def receive(self) -> str:
        try:
            return await self.inner.receive()
        except TransportClosed:
            if self.closed:
                raise
            return ""


class NeverNoticesThatThePeerIsGone(Sound):
    async def send(self, text: str) -> None:
        try:
            await self.inner.send(text)
        except TransportClosed:
            if self.closed:
                raise


class LeavesAReceiveWaiting(Sound):
    async def receive(self) -> str:
        if self.closed:
            raise TransportClosed
        try:
            return await self.inner.receive()
        except TransportClosed:
            if self.closed:
                await asyncio.Event().wait()
            raise


class LosesWhatACancelledReceiveHeld(Sound):
    async def receive(self) -> str:
        text = await self.inner.receive()
        await asyncio.sleep(0)
        return text


class MixesSenders(Sound):
    first: str | None = None

    async def send(self, text: str) -> None:
        await self.inner.send(text[:1])
        await asyncio.sleep(0)
        await self.inner.send(text[1:])

    async def receive(self) -> str:
        if self.first is None:
            self.first = await self.inner.receive()
        text = self.first + await self.inner.receive()
        self.first = None
        return text


class SendsInTwoHalves(MixesSenders):
    def __init__(self, inner: MemoryTransport) -> None:
        super().__init__(inner)
        self.turn = asyncio.Lock()

    async def send(self, text: str) -> None:
        async with self.turn:
            await self.inner.send(text[:1])
            await self.inner.send(text[1:])


class HangsOnceItHasWaited(Sound):
    """Notices the end only where it finds it: what waits already is never told."""

    async def receive(self) -> str:
        try:
            async with asyncio.timeout(0):
                return await self.inner.receive()
        except TimeoutError:
            return await self.told(self.inner.receive())

    async def told(self, waiting: Awaitable[T]) -> T:
        try:
            return await waiting
        except TransportClosed:
            if not self.closed:
                await asyncio.Event().wait()
            raise


class SendsOnToNobody(HangsOnceItHasWaited):
    async def receive(self) -> str:
        return await self.inner.receive()

    async def send(self, text: str) -> None:
        try:
            async with asyncio.timeout(0):
                await self.inner.send(text)
        except TimeoutError:
            await self.told(self.inner.send(text))


class TakesATimeoutForTheEnd(Sound):
    async def receive(self) -> str:
        try:
            return await self.inner.receive()
        except asyncio.CancelledError:
            raise TransportClosed from None


@pytest.mark.parametrize(
    ("broken", "rule"),
    [
        (SplitsLongFrames, "frames arrive as they were sent"),
        (TrimsNewlines, "frames arrive as they were sent"),
        (SkipsEmptyFrames, "frames arrive as they were sent"),
        (OneDirectionAtATime, "both directions carry at once"),
        (MixesSenders, "frames of several senders stay whole"),
        (CloseHangs, "closing is quick and may be repeated"),
        (ClosesOnce, "closing is quick and may be repeated"),
        (SendsAfterItsOwnClose, "after its own close an end raises transport closed"),
        (EndsWithAnotherError, "receiving from a closed peer raises transport closed"),
        (EndsWithAnEmptyFrame, "receiving from a closed peer raises transport closed"),
        (NeverNoticesThatThePeerIsGone, "sending to a closed peer soon raises transport closed"),
        (LeavesAReceiveWaiting, "a waiting receive ends with its own close"),
        (HangsOnceItHasWaited, "a waiting receive ends when the peer closes"),
        (CloseForgetsTheUnread, "what was sent before a close still arrives"),
        (CloseWaitsForItsSends, "closing does not wait for a peer that stopped reading"),
        (SendsOnToNobody, "a waiting send ends when the peer closes"),
        (TakesATimeoutForTheEnd, "a receive can be timed out"),
        (LosesWhatACancelledReceiveHeld, "a cancelled receive loses nothing"),
        (SendsInTwoHalves, "a cancelled send leaves the other frames whole"),
        (CloseGivesUpWhenCancelled, "a cancelled close can be repeated"),
        (CloseCancelsTheNext, "a cancelled close can be repeated"),
        (LosesAFrame, "many frames all arrive in order"),
        (RepeatsAFrame, "many frames all arrive in order"),
        (Reorders, "many frames all arrive in order"),
    ],
)
async def test_a_broken_transport_fails_the_rule_that_it_breaks(
    broken: Callable[[MemoryTransport], Transport], rule: str
) -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        near, far = memory_pair(capacity=15)  # odd: two halves of a frame are not taken together
        return broken(near), broken(far)

    with pytest.raises(ConformanceFailure) as failure:
        await check_transport(connect_pair, patience=PATIENCE)

    assert failure.value.rule == rule


@pytest.mark.parametrize("turned", [False, True])
async def test_a_fault_of_either_end_is_found(turned: bool) -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        near, far = memory_pair()
        return (TrimsNewlines(near), Sound(far)) if turned else (Sound(near), TrimsNewlines(far))

    with pytest.raises(ConformanceFailure, match="frames arrive as they were sent"):
        await check_transport(connect_pair, patience=PATIENCE)


async def test_an_unbounded_queue_is_found() -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        return memory_pair(capacity=1_000_000)

    with pytest.raises(ConformanceFailure) as failure:
        await check_transport(connect_pair, patience=PATIENCE)

    assert failure.value.rule == "a send waits while nobody reads"


async def test_pairs_that_share_their_frames_are_found() -> None:
    shared: list[tuple[Sound, Sound]] = []

    async def connect_pair() -> tuple[Transport, Transport]:
        if not shared or shared[-1][0].closed:
            near, far = memory_pair()
            shared.append((Sound(near), Sound(far)))
        return shared[-1]

    with pytest.raises(ConformanceFailure) as failure:
        await check_transport(connect_pair, patience=PATIENCE)

    assert failure.value.rule == "pairs do not mix"


async def test_a_task_that_survives_the_close_is_found() -> None:
    leaked: list[asyncio.Task[bool]] = []

    async def connect_pair() -> tuple[Transport, Transport]:
        leaked.append(asyncio.create_task(asyncio.Event().wait()))
        return memory_pair()

    with pytest.raises(ConformanceFailure) as failure:
        await check_transport(connect_pair, patience=PATIENCE)

    assert failure.value.rule == "closing leaves no task"
    for task in leaked:
        task.cancel()


async def test_files_that_stay_open_are_found() -> None:
    leaked: list[int] = []

    async def connect_pair() -> tuple[Transport, Transport]:
        leaked.append(os.open(os.devnull, os.O_RDONLY))
        return memory_pair()

    with pytest.raises(ConformanceFailure) as failure:
        await check_transport(connect_pair, patience=PATIENCE)

    assert failure.value.rule == "many pairs leave no file open"
    for descriptor in leaked:
        os.close(descriptor)


async def test_threads_that_go_on_running_are_found() -> None:
    ended = threading.Event()

    async def connect_pair() -> tuple[Transport, Transport]:
        threading.Thread(target=ended.wait, daemon=True).start()
        return memory_pair()

    with pytest.raises(ConformanceFailure) as failure:
        await check_transport(connect_pair, patience=PATIENCE)

    assert failure.value.rule == "many pairs leave no thread running"
    ended.set()


class Courteous(Sound):
    """Lets whoever closes at the same time go first."""

    peer: "Courteous"

    def __init__(self, inner: MemoryTransport) -> None:
        super().__init__(inner)
        self.is_closing = False
        self.gone = asyncio.Event()

    async def aclose(self) -> None:
        self.is_closing = True
        await asyncio.sleep(0)
        if self.peer.is_closing:
            await self.peer.gone.wait()
        await super().aclose()
        self.gone.set()


async def test_ends_that_wait_for_each_others_close_are_found() -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        near, far = map(Courteous, memory_pair())
        near.peer, far.peer = far, near
        return near, far

    with pytest.raises(ConformanceFailure) as failure:
        await check_transport(connect_pair, patience=PATIENCE)

    assert failure.value.rule == "both ends may close at once"


def test_every_rule_is_broken_by_somebody() -> None:
    named = {each.__name__.replace("_", " ") for each in _RULES}
    tests = Path(__file__).read_text(encoding="utf-8")

    assert not [name for name in named if f'"{name}"' not in tests]


async def test_ends_that_do_not_connect_are_a_failure() -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        await asyncio.Event().wait()
        return memory_pair()

    with pytest.raises(ConformanceFailure, match="connecting did not return"):
        await check_transport(connect_pair, patience=PATIENCE)


class Rendezvous:
    """Half of a pair without any buffer: `send` returns when the other side has received."""

    def __init__(self) -> None:
        self.peer = self
        self.offers: deque[tuple[str, asyncio.Future[None]]] = deque()
        self.offered = asyncio.Event()
        self.closed = False

    async def send(self, text: str) -> None:
        if self.closed or self.peer.closed:
            raise TransportClosed
        taken = asyncio.get_running_loop().create_future()
        self.peer.offers.append((text, taken))
        self.peer.offered.set()
        await taken

    async def receive(self) -> str:
        while not self.closed:
            while self.offers:
                text, taken = self.offers.popleft()
                if not taken.done():
                    taken.set_result(None)
                    return text
            if self.peer.closed:
                break
            self.offered.clear()
            await self.offered.wait()
        raise TransportClosed

    async def aclose(self) -> None:
        self.closed = True
        for end in (self, self.peer):
            end.offered.set()
            for _, taken in end.offers:
                if not taken.done():
                    taken.set_exception(TransportClosed())


async def test_cancelling_the_check_is_no_failure_of_the_transport() -> None:
    connecting = asyncio.Event()

    async def connect_pair() -> tuple[Transport, Transport]:
        connecting.set()
        await asyncio.Event().wait()
        return memory_pair()

    checking = asyncio.create_task(check_transport(connect_pair))
    await connecting.wait()
    checking.cancel()

    with pytest.raises(asyncio.CancelledError):
        await checking


async def test_a_transport_without_any_buffer_keeps_the_rules() -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        near, far = Rendezvous(), Rendezvous()
        near.peer, far.peer = far, near
        return near, far

    await check_transport(connect_pair, patience=PATIENCE)


@pytest.mark.parametrize(
    "module",
    [check_transport.__module__, Bench.__module__, *sorted({each.__module__ for each in _RULES})],
)
def test_the_checks_hold_under_python_o(module: str) -> None:
    tree = ast.parse(inspect.getsource(importlib.import_module(module)))

    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))

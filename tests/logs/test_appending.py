"""Records that wait at once are written together, and each writer is told what became of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from hugathome._drive import drive
from hugathome.errors import StoreUnavailable
from hugathome.logs._appending import Appends, append_alone


class Server:
    """Writes what it is given, unless `crowd` other writers are first."""

    def __init__(self, *, crowd: int = 0) -> None:
        self.batches: list[Sequence[tuple[str, bytes]]] = []
        self.crowd = crowd
        self.failure: Exception | None = None
        self.appends = Appends(self.write)

    async def write(self, records: Sequence[tuple[str, bytes]]) -> Sequence[bool]:
        self.batches.append(records)
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.crowd -= 1
        return [room != "crowded" or self.crowd < 0 for room, _ in records]


async def test_what_waits_at_once_goes_together_and_a_room_keeps_its_order() -> None:
    server = Server()

    wishes = [("one", b"1"), ("two", b"2"), ("one", b"3"), ("one", b"4")]
    await asyncio.gather(*(server.appends.append(*wish) for wish in wishes))

    assert server.batches == [[("one", b"1"), ("two", b"2")], [("one", b"3")], [("one", b"4")]]


async def test_whoever_was_not_first_tries_again_before_those_behind() -> None:
    server = Server(crowd=2)

    wishes = [("crowded", b"1"), ("two", b"2"), ("crowded", b"3")]
    await asyncio.gather(*(server.appends.append(*wish) for wish in wishes))

    assert server.batches[1:] == [[("crowded", b"1")], [("crowded", b"1")], [("crowded", b"3")]]


async def test_who_is_never_first_is_told_and_nobody_else() -> None:
    server = Server(crowd=1000)

    refused, written = await asyncio.gather(
        server.appends.append("crowded", b"1"), server.appends.append("two", b"2"), return_exceptions=True
    )

    assert isinstance(refused, StoreUnavailable)
    assert written is None


async def test_a_record_that_nobody_waits_for_any_more_is_not_sent() -> None:
    server = Server()
    writers = [asyncio.ensure_future(server.appends.append("room", b"%d" % number)) for number in (1, 2, 3)]
    await asyncio.sleep(0)

    writers[1].cancel()
    await asyncio.gather(*writers, return_exceptions=True)

    assert server.batches == [[("room", b"1")], [("room", b"3")]]


async def test_a_writer_that_goes_away_takes_nobody_along() -> None:
    server = Server()
    gone, other = [asyncio.ensure_future(server.appends.append(room, b"1")) for room in ("one", "two")]
    await asyncio.sleep(0)
    await asyncio.sleep(0)

    gone.cancel()

    await other
    assert server.batches == [[("one", b"1"), ("two", b"1")]]


async def test_all_of_a_batch_are_told_that_it_failed_and_the_next_one_goes() -> None:
    server = Server()
    server.failure = StoreUnavailable("away")

    told = await asyncio.gather(
        *(server.appends.append(room, b"1") for room in ("one", "two")), return_exceptions=True
    )
    server.failure = None
    await server.appends.append("one", b"2")

    assert [type(each) for each in told] == [StoreUnavailable] * 2
    assert server.batches[-1] == [("one", b"2")]


async def test_a_defect_leaves_nobody_waiting(caplog: pytest.LogCaptureFixture) -> None:
    server = Server()
    server.failure = RuntimeError("a defect")

    with pytest.raises(StoreUnavailable):
        await server.appends.append("room", b"1")
    await server.appends.aclose()


def test_a_host_without_a_loop_is_told_that_there_is_no_place() -> None:
    async def always_late(records: Sequence[tuple[str, bytes]]) -> Sequence[bool]:
        return [False for _ in records]

    with pytest.raises(StoreUnavailable, match="too many"):
        drive(append_alone(always_late, "room", b"1"))

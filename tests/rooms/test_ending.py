"""A connection is told to go wherever it is, and what waits is woken once for everything that was set."""

import asyncio

from hugathome.rooms.ending import Goodbye
from hugathome.rooms.waker import Waker


def test_a_goodbye_is_heard_by_whoever_listens_and_by_who_comes_later() -> None:
    goodbye, heard = Goodbye(), list[str]()

    with goodbye.heard_by(lambda: heard.append("first")):
        goodbye.say()
    with goodbye.heard_by(lambda: heard.append("later")):
        pass

    assert heard == ["first", "later"]


def test_who_has_stopped_listening_is_not_called() -> None:
    goodbye, heard = Goodbye(), list[str]()

    with goodbye.heard_by(lambda: heard.append("no")):
        pass
    goodbye.say()

    assert heard == []


async def test_a_wait_ends_when_it_is_set_before_or_meanwhile() -> None:
    waker = Waker()

    waker.set()
    await asyncio.wait_for(waker.wait(), timeout=5)
    waker.clear()
    waiting = asyncio.create_task(waker.wait())
    await asyncio.sleep(0)

    assert not waiting.done()
    waker.set()
    waker.set()
    await asyncio.wait_for(waiting, timeout=5)


async def test_a_wait_that_was_given_up_leaves_the_next_one_whole() -> None:
    waker = Waker()
    given_up = asyncio.create_task(waker.wait())
    await asyncio.sleep(0)
    given_up.cancel()
    await asyncio.wait([given_up])

    waker.set()

    await asyncio.wait_for(waker.wait(), timeout=5)

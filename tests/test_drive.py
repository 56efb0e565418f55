"""Driving a coroutine without an event loop: it ends in one step, or it is refused."""

import asyncio

import pytest

from hugathome._drive import blocking_variant, drive
from hugathome.errors import ConfigurationError, StoreUnavailable


async def answer(value: object) -> object:
    return value


@pytest.mark.parametrize("value", [None, 7, (1, 2), StopIteration])
def test_what_a_coroutine_returns_is_returned(value: object) -> None:
    assert drive(answer(value)) is value


def test_a_coroutine_may_await_others_that_do_not_wait() -> None:
    async def outer() -> list[object]:
        return [await answer(number) for number in range(100)]

    assert drive(outer()) == list(range(100))


def test_what_a_coroutine_raises_is_raised() -> None:
    async def fail() -> None:
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable, match="away"):
        drive(fail())


def test_a_coroutine_that_waits_is_refused_and_closed() -> None:
    seen: list[str] = []

    async def wait() -> None:
        try:
            await asyncio.sleep(0)
            seen.append("went on")
        finally:
            seen.append("closed")

    with pytest.raises(ConfigurationError, match="event loop"):
        drive(wait())
    assert seen == ["closed"]


async def test_it_works_beneath_a_running_loop_too() -> None:
    assert drive(answer("value")) == "value"


class Suspending:
    def for_blocking(self) -> "Blocking":
        return Blocking()


class Blocking:
    """Has no variant: it is one."""


def test_a_part_is_taken_in_the_variant_that_blocks_where_it_has_one() -> None:
    part = Blocking()

    assert isinstance(blocking_variant(Suspending()), Blocking)
    assert blocking_variant(part) is part
    assert blocking_variant(None) is None

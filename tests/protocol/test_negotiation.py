"""The negotiation rule, and a model of two endpoints and a room that explores every interleaving."""

from collections import deque
from typing import NamedTuple

import pytest

from hugathome.protocol.negotiation import Endpoint, Mode, Negotiation, begin


def endpoint(peer: str, *, rollback: bool = True, host: bool = False) -> Endpoint:
    return Endpoint(peer=peer, rollback=rollback, host=host)


def test_the_host_is_impolite() -> None:
    for pair in [
        (endpoint("a", host=True), endpoint("b")),
        (endpoint("b"), endpoint("a", host=True)),
    ]:
        negotiation = begin(*pair)
        assert (negotiation.mode, negotiation.impolite) == (Mode.OPTIMISTIC, "a")


def test_between_equals_the_greater_peer_id_is_impolite() -> None:
    assert begin(endpoint("a"), endpoint("b")).impolite == "b"
    assert begin(endpoint("b"), endpoint("a")).impolite == "b"


def test_who_cannot_roll_back_is_impolite_even_to_the_host() -> None:
    negotiation = begin(endpoint("z", host=True), endpoint("a", rollback=False))

    assert (negotiation.mode, negotiation.impolite) == (Mode.OPTIMISTIC, "a")


def test_two_who_cannot_roll_back_take_turns_and_the_first_is_granted() -> None:
    negotiation = begin(endpoint("a", rollback=False), endpoint("b", rollback=False, host=True))

    assert negotiation.mode is Mode.TURN
    assert negotiation.holder == "b"
    assert negotiation.neg == 1
    assert negotiation.offer(by="a", neg=1) is None
    assert negotiation.offer(by="b", neg=1) is not None


def test_an_answer_closes_only_the_round_that_it_names() -> None:
    offered = begin(endpoint("a"), endpoint("b")).offer(by="b", neg=1)
    assert offered is not None

    assert offered.answer(by="b", neg=1) is None
    assert offered.answer(by="a", neg=2) is None
    closed = offered.answer(by="a", neg=1)
    assert closed is not None
    assert closed.answer(by="a", neg=1) is None


def test_rounds_are_numbered_without_gaps() -> None:
    start = begin(endpoint("a"), endpoint("b"))

    assert start.offer(by="a", neg=2) is None
    assert start.offer(by="a", neg=0) is None


def test_the_impolite_offer_overrides_and_the_polite_one_does_not() -> None:
    start = begin(endpoint("a"), endpoint("b"))
    polite = start.offer(by="a", neg=1)
    impolite = start.offer(by="b", neg=1)
    assert polite is not None
    assert impolite is not None

    assert polite.offer(by="b", neg=1) is not None
    assert impolite.offer(by="a", neg=1) is None
    assert polite.offer(by="a", neg=2) is None


def test_in_turn_mode_whoever_asks_is_served_in_order() -> None:
    start = begin(endpoint("a", rollback=False), endpoint("b", rollback=False))
    asked = start.ask(by="a")
    assert asked is not None
    assert asked.ask(by="a") == asked
    offered = asked.offer(by="b", neg=1)
    assert offered is not None

    granted = offered.answer(by="a", neg=1)

    assert granted is not None
    assert (granted.holder, granted.neg, granted.is_offered) == ("a", 2, False)


def test_nobody_asks_in_optimistic_mode() -> None:
    assert begin(endpoint("a"), endpoint("b")).ask(by="a") is None


# --- The model -----------------------------------------------------------------------------------
# Two endpoints, the room between them, a queue in each of the four directions. An endpoint is what W3C's
# perfect negotiation makes of `setLocalDescription` and `setRemoteDescription`; one that cannot roll back
# raises where the other would. Every order of deliveries and of up to two changes a side is explored.


class Side(NamedTuple):
    state: str = "stable"  # or have-local-offer; have-remote-offer lasts only while a message is handled
    wants: int = 0
    """Local changes that no answered offer has carried."""
    carried: int = 0
    """How many of them the open offer carries."""
    neg: int = 0
    """The greatest number seen."""
    local: int = 0
    """The number of the open offer."""
    has_asked: bool = False


class World(NamedTuple):
    sides: tuple[Side, Side]
    left: tuple[int, int]
    """Changes that may still come."""
    up: tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
    down: tuple[tuple[tuple[str, int], ...], tuple[tuple[str, int], ...]]
    room: Negotiation


class InvalidState(Exception):
    pass


NAMES = ("a", "b")


def replaced(pair: tuple, index: int, value: object) -> tuple:  # type: ignore[type-arg]
    return (value, pair[1]) if index == 0 else (pair[0], value)


def sent(world: World, me: int, message: tuple[str, int]) -> World:
    return world._replace(up=replaced(world.up, me, (*world.up[me], message)))


def offering(world: World, me: int, neg: int) -> World:
    side = world.sides[me]
    if side.state != "stable":
        raise InvalidState
    side = side._replace(state="have-local-offer", carried=side.wants, neg=neg, local=neg, has_asked=False)
    return sent(world._replace(sides=replaced(world.sides, me, side)), me, ("offer", neg))


def negotiated(world: World, me: int) -> World:
    """Do what a side does on its own when it wants something and may."""
    side = world.sides[me]
    if not side.wants or side.state != "stable":
        return world
    if world.room.mode is Mode.OPTIMISTIC:
        return offering(world, me, side.neg + 1)
    if side.has_asked:
        return world
    side = side._replace(has_asked=True)
    return sent(world._replace(sides=replaced(world.sides, me, side)), me, ("negotiate", 0))


def taken(world: World, me: int, message: tuple[str, int], *, rolls_back: bool) -> World:
    kind, neg = message
    side = world.sides[me]
    if kind == "granted":
        return offering(world, me, neg)
    if kind == "answer":
        if side.state != "have-local-offer" or neg != side.local:
            raise InvalidState
        side = side._replace(state="stable", wants=side.wants - side.carried, carried=0)
        return negotiated(world._replace(sides=replaced(world.sides, me, side)), me)
    if side.state == "have-local-offer":
        if world.room.impolite == NAMES[me]:
            return world._replace(sides=replaced(world.sides, me, side._replace(neg=max(side.neg, neg))))
        if not rolls_back:
            raise InvalidState
    side = side._replace(state="stable", carried=0, neg=max(side.neg, neg))
    world = sent(world._replace(sides=replaced(world.sides, me, side)), me, ("answer", neg))
    return negotiated(world, me)


def judged(world: World, me: int) -> World:
    (kind, neg), *rest = world.up[me]
    world = world._replace(up=replaced(world.up, me, tuple(rest)))
    before, by, other = world.room, NAMES[me], 1 - me
    if kind == "negotiate":
        room = before.ask(by=by)
    else:
        room = (before.offer if kind == "offer" else before.answer)(by=by, neg=neg)
    if room is None:
        return world
    world = world._replace(room=room)
    if kind != "negotiate":
        world = world._replace(down=replaced(world.down, other, (*world.down[other], (kind, neg))))
    if room.mode is Mode.TURN and room.holder and not room.is_offered and room.neg != before.neg:
        holder = NAMES.index(room.holder)
        world = world._replace(
            down=replaced(world.down, holder, (*world.down[holder], ("granted", room.neg)))
        )
    return world


def successors(world: World, rolls_back: tuple[bool, bool]) -> list[World]:
    worlds = []
    for me in (0, 1):
        if world.left[me]:
            side = world.sides[me]._replace(wants=world.sides[me].wants + 1)
            changed = world._replace(
                left=replaced(world.left, me, world.left[me] - 1), sides=replaced(world.sides, me, side)
            )
            worlds.append(negotiated(changed, me))
        if world.up[me]:
            worlds.append(judged(world, me))
        if world.down[me]:
            message, *rest = world.down[me]
            delivered = world._replace(down=replaced(world.down, me, tuple(rest)))
            worlds.append(taken(delivered, me, message, rolls_back=rolls_back[me]))
    return worlds


def explored(rolls_back: tuple[bool, bool], *, room: Negotiation | None = None) -> tuple[int, int, int]:
    """Return how many states there are, how many runs end stuck, and how many in an invalid state."""
    one, other = (endpoint(name, rollback=can) for name, can in zip(NAMES, rolls_back, strict=True))
    room = room or begin(one, other)
    start = World(sides=(Side(), Side()), left=(2, 2), up=((), ()), down=((), ()), room=room)
    if room.mode is Mode.TURN:
        start = offering(start, NAMES.index(room.impolite), 1)
    seen, todo, stuck, invalid = {start}, deque([start]), 0, 0
    while todo:
        world = todo.popleft()
        try:
            following = successors(world, rolls_back)
        except InvalidState:
            invalid += 1
            continue
        if not following and any(side.wants or side.state != "stable" for side in world.sides):
            stuck += 1
        for successor in following:
            if successor not in seen:
                seen.add(successor)
                todo.append(successor)
    return len(seen), stuck, invalid


@pytest.mark.parametrize("rolls_back", [(True, True), (True, False), (False, True), (False, False)])
def test_no_order_of_events_ends_stuck_or_invalid(rolls_back: tuple[bool, bool]) -> None:
    states, stuck, invalid = explored(rolls_back)

    assert (stuck, invalid) == (0, 0)
    assert states > 50


def test_the_model_finds_what_is_wrong_with_the_wrong_side_being_polite() -> None:
    wrong = Negotiation(mode=Mode.OPTIMISTIC, impolite="a", polite="b")

    _, _, invalid = explored((True, False), room=wrong)

    assert invalid > 0

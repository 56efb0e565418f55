"""One line alone, and two of them facing each other over the rule of the room."""

import random
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from hugathome.device.effects import AddCandidates, Apply, Describe
from hugathome.device.line import (
    CONNECT_WITHIN,
    FAILED_WAITS,
    MOST_HELD,
    Line,
    LineEffect,
    Round,
)
from hugathome.protocol.connections import Connection, Refused
from hugathome.protocol.messages import (
    Answer,
    Candidates,
    Granted,
    Media,
    Negotiate,
    Offer,
    Restart,
)
from hugathome.protocol.negotiation import Endpoint, Mode, begin
from hugathome.protocol.wire import CandidateInit, PairView

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def sdp(ufrag: str = "abcd") -> str:
    return "\r\n".join(
        [
            "v=0",
            "o=- 1 2 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            f"a=ice-ufrag:{ufrag}",
            "a=ice-pwd:" + "x" * 24,
            "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
            "a=sendrecv",
            "",
        ]
    )


def line(*, offers_first: bool = True, polite: bool = False, mode: Mode = Mode.TURN, neg: int = 0) -> Line:
    pair = PairView(
        pc="c_1", gen=3, peer="p_b", participant="b", polite=polite, mode=mode, offerer="p_a", neg=neg
    )
    return Line(pair=pair, offers_first=offers_first, restarts_ice=False, neg=neg, due=NOW + CONNECT_WITHIN)


def offer(neg: int = 1, ufrag: str = "abcd") -> Offer:
    return Offer(pc="c_1", gen=3, neg=neg, sdp=sdp(ufrag))


def answer(neg: int = 1) -> Answer:
    return Answer(pc="c_1", gen=3, neg=neg, sdp=sdp())


def candidates(*ufrags: str | None) -> Candidates:
    inits = tuple(CandidateInit(candidate="", username_fragment=each) for each in ufrags)
    return Candidates(pc="c_1", gen=3, candidates=inits)


def stable() -> Line:
    """Return a line on which an offer was made and answered."""
    begun, _ = line().begun()
    offered, _ = begun.offered(sdp())
    return offered.received(answer())[0]


# --- One line ------------------------------------------------------------------------------------


def test_the_side_that_offers_first_does_so_without_being_asked() -> None:
    begun, effects = line().begun()
    _, said = begun.offered(sdp())

    assert effects == (Describe("c_1", 3),)
    assert said == (offer(neg=1),)


def test_the_other_side_waits_and_answers() -> None:
    begun, effects = line(offers_first=False).begun()
    asked, applied = begun.received(offer())
    after, said = asked.answered(sdp())

    assert effects == ()
    assert applied == (Apply("c_1", 3, "offer", sdp()),)
    assert said == (answer(),)
    assert after.round is Round.STABLE


def test_an_answer_closes_the_round_it_names_and_no_other() -> None:
    offered, _ = line().begun()[0].offered(sdp())

    assert offered.received(answer(neg=2)) == (offered, ())
    after, applied = offered.received(answer(neg=1))
    assert applied == (Apply("c_1", 3, "answer", sdp()),)
    assert after.received(answer(neg=1)) == (after, ())


def test_an_offer_that_comes_twice_is_answered_once() -> None:
    begun, _ = line(offers_first=False).begun()
    after, _ = begun.received(offer())[0].answered(sdp())

    assert after.received(offer()) == (after, ())


def test_a_generation_that_an_endpoint_of_ours_has_lost_is_begun_anew() -> None:
    _, said = line(neg=1).begun()

    assert said == (Restart(pc="c_1", gen=3, reason="the endpoint was lost"),)


def test_an_offer_that_would_restart_ice_asks_for_a_new_generation_instead() -> None:
    before = stable()
    after, said = before.received(offer(neg=2, ufrag="efgh"))

    assert after == before
    assert [type(each) for each in said] == [Restart]


def test_an_endpoint_that_can_restart_ice_is_given_such_an_offer() -> None:
    before = stable().but(restarts_ice=True)
    _, applied = before.received(offer(neg=2, ufrag="efgh"))

    assert applied == (Apply("c_1", 3, "offer", sdp("efgh")),)


def test_in_turn_mode_an_offer_is_asked_for_and_made_once_granted() -> None:
    wanting, asked = stable().wants_offer()
    granted, effects = wanting.received(Granted(pc="c_1", gen=3, neg=4))
    _, said = granted.offered(sdp())

    assert asked == (Negotiate(pc="c_1", gen=3),)
    assert effects == (Describe("c_1", 3),)
    assert said == (offer(neg=4),)


def test_the_polite_side_answers_an_offer_that_crosses_its_own_and_offers_again() -> None:
    begun, _ = line(polite=True, mode=Mode.OPTIMISTIC).begun()
    offered, _ = begun.offered(sdp())
    crossed, applied = offered.received(offer(neg=1))
    after, said = crossed.answered(sdp())

    assert applied == (Apply("c_1", 3, "offer", sdp()),)
    assert said == (answer(), Describe("c_1", 3))
    assert after.round is Round.MAKING


@pytest.mark.parametrize("is_made", [False, True])
def test_the_impolite_side_ignores_an_offer_that_crosses_its_own(is_made: bool) -> None:
    crossed, _ = line(mode=Mode.OPTIMISTIC).begun()
    if is_made:
        crossed, _ = crossed.offered(sdp())

    assert crossed.received(offer(neg=1)) == (crossed, ())


def test_an_offer_that_was_overtaken_while_it_was_made_is_dropped() -> None:
    begun, _ = line(polite=True, mode=Mode.OPTIMISTIC).begun()
    overtaken, _ = begun.received(offer(neg=1))

    assert overtaken.offered(sdp()) == (overtaken, ())


def test_candidates_are_held_until_their_description_was_handed_on_and_keep_their_order() -> None:
    begun, _ = line(offers_first=False).begun()
    first, nothing = begun.received(candidates("abcd", None))
    after, applied = first.received(offer(ufrag="abcd"))
    _, added = after.received(candidates("abcd"))

    assert nothing == ()
    assert applied == (
        Apply("c_1", 3, "offer", sdp("abcd")),
        AddCandidates("c_1", 3, candidates("abcd", None).candidates),
    )
    assert added == (AddCandidates("c_1", 3, candidates("abcd").candidates),)


def test_candidates_of_another_description_wait_for_it() -> None:
    described, _ = line(offers_first=False).begun()[0].received(offer(ufrag="abcd"))
    after, added = described.received(candidates("efgh", "abcd"))

    assert added == (AddCandidates("c_1", 3, candidates("abcd").candidates),)
    assert after.held == candidates("efgh").candidates


def test_what_is_held_has_a_limit() -> None:
    after = line()
    for number in range(MOST_HELD + 8):
        after, _ = after.received(candidates(f"u{number:03}"))

    assert len(after.held) == MOST_HELD
    assert after.held[-1].username_fragment == f"u{MOST_HELD + 7:03}"


def test_what_broke_is_begun_anew_at_once() -> None:
    connected, told = stable().fared("connected", now=NOW)
    after, said = connected.fared("closed", now=NOW)

    assert told == (Media(pc="c_1", gen=3, state="connected"),)
    assert [type(each) for each in said] == [Media, Restart]
    assert after.due == NOW + CONNECT_WITHIN


def test_what_never_worked_is_begun_anew_when_patience_has_ended_and_then_again() -> None:
    before = stable()
    early, nothing = before.overdue(now=before.due - timedelta(seconds=1))
    late, said = early.overdue(now=before.due)
    _, again = late.overdue(now=late.due)

    assert nothing == ()
    assert [type(each) for each in (*said, *again)] == [Restart, Restart]
    assert late.due == before.due + CONNECT_WITHIN


def test_a_failure_shortens_patience() -> None:
    after, said = stable().fared("failed", now=NOW)

    assert [type(each) for each in said] == [Media]
    assert after.due == NOW + FAILED_WAITS


def test_nobody_grows_impatient_with_what_is_connected() -> None:
    connected, _ = stable().fared("connected", now=NOW)

    assert connected.overdue(now=NOW + timedelta(days=1)) == (connected, ())


# --- Two lines -----------------------------------------------------------------------------------


class Side:
    """A line and an endpoint that follows JSEP, and breaks where aiortc would."""

    def __init__(self, name: str, other: str, connection: Connection, *, can_roll_back: bool) -> None:
        rule = connection.negotiation
        pair = PairView(
            pc="c_1",
            gen=1,
            peer=other,
            participant=other,
            polite=rule.polite == name,
            mode=rule.mode,
            offerer=rule.impolite,
        )
        self.name = name
        self.line = Line(pair=pair, offers_first=rule.impolite == name, restarts_ice=False, due=NOW)
        self.inbox: deque[Offer | Answer | Granted] = deque()
        self.work: deque[Describe | Apply] = deque()
        self.signalling_state = "stable"
        self._can_roll_back = can_roll_back

    def do_work(self) -> tuple[LineEffect, ...]:
        match self.work.popleft():
            case Describe():
                assert self.signalling_state == "stable", "InvalidStateError"
                self.signalling_state = "have-local-offer"
                return self._step(self.line.offered(sdp(f"{self.name}{self.name}")))
            case Apply(kind="offer"):
                assert self.signalling_state == "stable" or self._can_roll_back, "InvalidStateError"
                self.signalling_state = "stable"
                return self._step(self.line.answered(sdp(f"{self.name}{self.name}")))
            case Apply():
                assert self.signalling_state == "have-local-offer", "InvalidStateError"
                self.signalling_state = "stable"
        return ()

    def hear(self) -> tuple[LineEffect, ...]:
        return self._step(self.line.received(self.inbox.popleft()))

    def want(self) -> tuple[LineEffect, ...]:
        return self._step(self.line.wants_offer())

    def begin(self) -> tuple[LineEffect, ...]:
        return self._step(self.line.begun())

    def _step(self, step: tuple[Line, tuple[LineEffect, ...]]) -> tuple[LineEffect, ...]:
        self.line, effects = step
        return effects


class Facing:
    """Two sides, and a room between them that relays in the order of its log."""

    def __init__(self, *, rollback: tuple[bool, bool], seed: int) -> None:
        ends = [Endpoint(peer=name, rollback=can) for name, can in zip(("p_a", "p_b"), rollback, strict=True)]
        self.connection = Connection(pc="c_1", peers=frozenset({"p_a", "p_b"}), negotiation=begin(*ends))
        self.sides = {
            end.peer: Side(end.peer, other.peer, self.connection, can_roll_back=end.rollback)
            for end, other in zip(ends, reversed(ends), strict=True)
        }
        self.log: deque[tuple[str, LineEffect]] = deque()
        self.random = random.Random(seed)
        for side in self.sides.values():
            self.do(side, side.begin)

    def do(self, side: Side, move: Callable[[], tuple[LineEffect, ...]]) -> None:
        for effect in move():
            if isinstance(effect, Describe | Apply):
                side.work.append(effect)
            else:
                self.log.append((side.name, effect))

    def wish(self, wishes: list[str]) -> None:
        side = self.sides[wishes.pop()]
        self.do(side, side.want)

    def fold(self) -> None:
        by, command = self.log.popleft()
        before = self.connection.negotiation
        other = self.sides[self.connection.other(by)]
        try:
            match command:
                case Offer() | Answer():
                    self.connection = self.connection.described(command, by=by, may_send=True, at_most=64)
                    other.inbox.append(command)
                case Negotiate():
                    self.connection = self.connection.asked(by=by)
        except Refused:
            return
        after = self.connection.negotiation
        if after.mode is Mode.TURN and not after.is_offered and after.holder and after.neg != before.neg:
            self.sides[after.holder].inbox.append(Granted(pc="c_1", gen=1, neg=after.neg))

    def turn(self, wishes: list[str]) -> bool:
        """Do one thing of all that could happen next; say whether there was any."""
        moves: list[Callable[[], None]] = [self.fold] if self.log else []
        for side in self.sides.values():
            moves += [partial(self.do, side, side.do_work)] if side.work else []
            moves += [partial(self.do, side, side.hear)] if side.inbox else []
        if wishes:
            moves.append(partial(self.wish, wishes))
        if not moves:
            return False
        self.random.choice(moves)()
        return True


@pytest.mark.parametrize("rollback", [(True, True), (True, False), (False, False)], ids=str)
def test_two_sides_that_want_to_offer_at_any_time_end_stable_in_the_same_round(
    rollback: tuple[bool, bool],
) -> None:
    for seed in range(400):
        facing = Facing(rollback=rollback, seed=seed)
        wishes = facing.random.choices(["p_a", "p_b"], k=facing.random.randrange(6))

        while facing.turn(wishes):
            pass

        a, b = (side.line for side in facing.sides.values())
        assert (a.round, b.round) == (Round.STABLE, Round.STABLE)
        assert a.neg == b.neg == facing.connection.negotiation.neg
        assert facing.connection.negotiation.holder is None
        assert not a.is_wanted
        assert not b.is_wanted

"""The window: numbers without gaps, a limit, and what a resume or a rejoin makes of it."""

from hugathome.device.window import Window
from hugathome.protocol.messages import (
    Admit,
    Candidates,
    Command,
    Hold,
    Leave,
    Sending,
    Text,
)
from hugathome.protocol.wire import CandidateInit


def said(*commands: Command) -> Window:
    window = Window()
    for command in commands:
        window = window.said(command)
    return window


def test_commands_are_numbered_from_one_without_gaps() -> None:
    window, sent = said(Hold(), Leave()).flushed(limit=64)
    _, later = window.said(Hold()).flushed(limit=64)

    assert [each.seq for each in (*sent, *later)] == [1, 2, 3]


def test_what_the_limit_holds_back_goes_out_with_the_next_acknowledgement() -> None:
    window, sent = said(*(Admit(participant=f"p-{n}") for n in range(3))).flushed(limit=2)
    assert [each.seq for each in sent] == [1, 2]

    window, none = window.flushed(limit=2)
    assert none == ()

    window, sent = window.acknowledged(1).flushed(limit=2)
    assert [each.seq for each in sent] == [3]
    assert [each.seq for each in window.unacked] == [2, 3]


def test_an_acknowledgement_covers_all_before_it_and_an_old_one_nothing() -> None:
    window, _ = said(Hold(), Hold(), Hold()).flushed(limit=64)

    assert [each.seq for each in window.acknowledged(2).unacked] == [3]
    assert window.acknowledged(2).acknowledged(1) == window.acknowledged(2)
    assert window.acknowledged(None) == window


def test_a_command_is_held_until_it_is_acknowledged() -> None:
    command = Admit(participant="p-1")
    waiting = said(command)
    sent, _ = waiting.flushed(limit=64)

    assert waiting.holds(command)
    assert sent.holds(command)
    assert sent.numbered(1) == command
    assert not sent.acknowledged(1).holds(command)
    assert sent.acknowledged(1).numbered(1) is None


def test_a_new_peer_says_again_what_was_not_taken_except_of_connections_that_are_no_more() -> None:
    candidates = Candidates(pc="c_1", gen=1, candidates=(CandidateInit(),))
    window, _ = said(Hold(), candidates, Admit(participant="p-1"), Leave()).flushed(limit=3)

    _, sent = window.acknowledged(1).renumbered(former="p_a").flushed(limit=64)

    assert [(each.type, each.seq, each.again) for each in sent] == [("admit", 1, "p_a.3"), ("leave", 2, None)]


def test_what_is_said_again_and_again_keeps_its_first_number_unless_it_is_of_the_peer_itself() -> None:
    text, leave = Text(text="yes"), Leave()
    window, _ = said(text, leave).flushed(limit=64)

    once, _ = window.renumbered(former="p_a").flushed(limit=64)
    twice, sent = once.renumbered(former="p_b").flushed(limit=64)

    assert [(each.type, each.seq, each.again) for each in sent] == [("text", 1, "p_a.1"), ("leave", 2, None)]
    assert twice.holds(text)
    assert twice.numbered(1) == text


def test_a_new_peer_says_again_what_it_sends_once_and_as_it_is_now() -> None:
    earlier, now = Sending(sound=True, picture="camera"), Sending(sound=False, picture="none")
    taken, _ = Window().said(earlier).said(now).flushed(limit=64)

    later = taken.acknowledged(2).renumbered(former="p_a")
    assert later.waiting == later.renumbered(former="p_b").waiting == (now,)
    assert taken.acknowledged(1).renumbered(former="p_a").waiting == (now,)

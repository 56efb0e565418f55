"""The host's seat: one practitioner's, kept for a while, passed on in two steps."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.test_signalling import ENTRIES, Scene, folded, heard, joined, recorded

from hugathome.protocol.entries import Attached, Detached, Entry, Expired, Vacated
from hugathome.protocol.messages import Close, Error, Leave, ParticipantChanged, Transfer, TransferAccept
from hugathome.signalling import Room

AT = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)


def ward() -> Scene:
    """Two practitioners and a patient inside; the one who came first has the seat."""
    return Scene(recorded(1, admitted=["pat"]), joined("dr"), joined("colleague"), joined("pat"))


def back(name: str, *, link: str = "l2") -> Attached:
    return Attached(peer=f"p_{name}", presented=f"t_p_{name}", token_hash="t2", link=link, at=AT)


def holder(scene: Scene) -> str | None:
    return scene.room.seat.holder


def shown(room: Room, to: str) -> dict[str, str]:
    return {seen.participant: seen.host for seen in room.view(f"p_{to}").participants if seen.host}


def test_it_is_the_first_practitioners_and_nobody_elses() -> None:
    scene = Scene(recorded(1, admitted=["pat"]), joined("pat"))
    assert holder(scene) is None

    scene.add(joined("colleague"), joined("dr"))

    assert holder(scene) == "colleague"
    assert shown(scene.room, "dr") == shown(scene.room, "pat") == {"colleague": "held"}


def test_who_waits_is_not_told_whose_it_is() -> None:
    scene = Scene(recorded(1), joined("dr"), joined("pat"))

    assert shown(scene.room, "dr") == {"dr": "held"}
    assert shown(scene.room, "pat") == {}
    for number, name in enumerate(["dr", "colleague", "nobody"], start=1):
        told = scene.does("pat", Transfer(participant=name))
        assert heard(told, "pat") == [Error(code="not-the-host", ref=number)]


def test_a_transfer_takes_two_steps_and_nothing_changes_before_the_second() -> None:
    scene = ward()

    offered = scene.does("dr", Transfer(participant="colleague"))
    assert (holder(scene), shown(scene.room, "pat")) == ("dr", {"dr": "held", "colleague": "offered"})
    taken = scene.does("colleague", TransferAccept(participant="dr"))

    assert shown(scene.room, "pat") == {"colleague": "held"}
    told = [
        message for message in heard([*offered, *taken], "pat") if isinstance(message, ParticipantChanged)
    ]
    assert [(each.participant, each.host) for each in told] == [
        ("colleague", "offered"),
        ("dr", None),
        ("colleague", "held"),
    ]


@pytest.mark.parametrize(
    ("who", "command", "code"),
    [
        ("colleague", Transfer(participant="colleague"), "not-the-host"),
        ("colleague", Transfer(participant="dr"), "not-the-host"),
        ("pat", Transfer(participant="colleague"), "not-the-host"),
        ("dr", Transfer(participant="pat"), "not-here"),
        ("dr", Transfer(participant="nobody"), "not-here"),
        ("colleague", TransferAccept(participant="dr"), "not-offered"),
        ("pat", TransferAccept(participant="dr"), "not-offered"),
    ],
)
def test_nobody_gives_what_they_do_not_have_nor_takes_what_they_are_not_offered(
    who: str, command: Transfer | TransferAccept, code: str
) -> None:
    scene = ward()

    told = scene.does(who, command)

    assert heard(told, who) == [Error(code=code, ref=1)]
    assert (holder(scene), scene.room.seat.offered_to) == ("dr", None)


def test_an_offer_is_taken_back_and_ends_when_the_colleague_goes_away() -> None:
    scene = ward()

    scene.does("dr", Transfer(participant="colleague"))
    scene.does("dr", Transfer(participant="dr"))
    assert scene.room.seat.offered_to is None
    scene.does("dr", Transfer(participant="colleague"))
    scene.add(Detached(peer="p_colleague", conn=1), back("colleague"))

    told = scene.does("colleague", TransferAccept(participant="dr"), conn=2)
    assert heard(told, "colleague") == [Error(code="not-offered", ref=1)]


@pytest.mark.parametrize("is_away", [False, True])
def test_who_is_offered_it_may_decline_and_it_stays_where_it_is(is_away: bool) -> None:
    scene = ward()
    scene.does("dr", Transfer(participant="colleague"))
    if is_away:
        scene.add(Detached(peer="p_dr", conn=1))

    told = scene.does("colleague", Transfer(participant="dr"))

    assert shown(scene.room, "pat") == {"dr": "held"}
    seen = [each for each in heard(told, "pat") if isinstance(each, ParticipantChanged)]
    assert [(each.participant, each.host) for each in seen] == [("colleague", None)]


def test_it_is_kept_for_a_host_who_comes_back_even_on_another_device() -> None:
    scene = ward()

    scene.add(Detached(peer="p_dr", conn=1))
    since = scene.room.seat.empty_since
    scene.add(Expired(peer="p_dr", conn=1))
    assert (holder(scene), scene.room.seat.empty_since) == ("dr", since)
    scene.add(joined("dr", peer="p_again", jti="j2"))

    assert (holder(scene), scene.room.seat.empty_since) == ("dr", None)


def test_after_the_grace_it_goes_to_whoever_is_there_and_closes_nothing() -> None:
    scene = ward()
    scene.add(Detached(peer="p_dr", conn=1))
    since = scene.room.seat.empty_since
    assert since is not None

    told = scene.add(Vacated(holder="dr", since=since))

    assert holder(scene) == "colleague"
    assert not [message for _, message in told if isinstance(message, Close)]
    assert scene.room.status == "in-progress"
    scene.add(back("dr"))
    assert holder(scene) == "colleague"


def test_a_timer_of_an_absence_that_is_over_changes_nothing() -> None:
    scene = ward()
    scene.add(Detached(peer="p_dr", conn=1))
    since = scene.room.seat.empty_since
    assert since is not None
    scene.add(back("dr"), Detached(peer="p_dr", conn=2))

    scene.add(Vacated(holder="dr", since=since), Vacated(holder="colleague", since=since))

    assert holder(scene) == "dr"


def test_in_the_grace_the_colleague_may_still_accept() -> None:
    scene = ward()
    scene.does("dr", Transfer(participant="colleague"))
    scene.add(Detached(peer="p_dr", conn=1))

    scene.does("colleague", TransferAccept(participant="dr"))

    assert (holder(scene), scene.room.seat.empty_since) == ("colleague", None)


def test_who_leaves_or_is_put_out_frees_it_at_once() -> None:
    left, removed = ward(), ward()

    left.does("dr", Leave())
    removed.add(recorded(2, admitted=["pat"], removed=["dr"]))

    assert holder(left) == holder(removed) == "colleague"


def test_without_a_practitioner_nobody_has_it_and_the_visit_goes_on() -> None:
    scene = Scene(recorded(1, admitted=["pat", "nurse"]), joined("dr"), joined("pat"), joined("nurse"))

    scene.does("dr", Leave())

    assert holder(scene) is None
    assert len(scene.room.connections) == 1
    scene.add(joined("dr", peer="p_again", jti="j2"))
    assert holder(scene) == "dr"


@given(st.lists(ENTRIES, max_size=60))
def test_there_is_never_none_while_a_practitioner_is_there_nor_ever_two(entries: list[Entry]) -> None:
    for _, after, _ in folded(entries):
        here = {peer.participant for peer in after.peers.values() if peer.is_attached and "admit" in peer.can}
        seat = after.seat
        if seat.holder is None:
            assert not {name for name in here if after.people[name].is_let_in}
        elif seat.empty_since is None:
            assert seat.holder in here
        else:
            assert seat.holder not in here
        for peer in after.peers:
            assert list(shown(after, peer.removeprefix("p_")).values()).count("held") <= 1

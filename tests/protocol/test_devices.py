"""Several devices of one participant, under each policy."""

import pytest
from tests.test_signalling import Scene, codes, joined, kinds, recorded

from hugathome.protocol.messages import Close, NoteStep, Pair, Ring
from hugathome.protocol.wire import CloseCode, Devices
from hugathome.roles import Step
from hugathome.signalling import Called, Detached, Entry, Opened


def scene(policy: Devices, *entries: Entry, peers: int = 8) -> Scene:
    begun = Scene()
    begun.room = begun.room.but(
        limits=Opened(session="hug.s", organisation="hug", devices=policy, peers=peers)
    )
    begun.add(*entries)
    return begun


def on_tablet(name: str = "pat", *, device: int = 0) -> Entry:
    return joined(name, peer="p_tablet", jti="j_tablet", device=device)


def test_where_devices_are_kept_another_one_is_refused_while_the_first_is_there() -> None:
    visit = scene(Devices.REJECT, recorded(1, admitted=["pat"]), joined("pat"))

    assert codes(visit.add(on_tablet())) == [("l_p_tablet", CloseCode.SUPERSEDED)]
    assert list(visit.room.peers) == ["p_pat"]

    visit.add(Detached(peer="p_pat", conn=1))
    assert codes(visit.add(joined("pat", peer="p_third", jti="j3"))) == [("l_p_pat", CloseCode.SUPERSEDED)]


def test_a_later_check_in_takes_over_where_devices_are_kept_too() -> None:
    visit = scene(Devices.REJECT, recorded(1, admitted=["pat"]), joined("pat"))

    told = visit.add(on_tablet(device=1))

    assert codes(told) == [("l_p_pat", CloseCode.SUPERSEDED)]
    assert list(visit.room.peers) == ["p_tablet"]


def test_of_several_devices_that_ring_the_first_to_answer_stays() -> None:
    visit = scene(Devices.MULTI, recorded(1), joined("pat"), on_tablet())

    rung = visit.add(Called(participant="pat", by="dr"))
    told = visit.does("tablet", NoteStep(step=Step.CALL_ANSWERED))
    late = visit.does("pat", NoteStep(step=Step.CALL_ANSWERED))

    assert kinds(rung, "pat") == kinds(rung, "tablet") == [Ring]
    assert codes(told) == [("l_p_pat", CloseCode.SUPERSEDED)]
    assert late == []
    assert list(visit.room.peers) == ["p_tablet"]


def test_of_several_devices_that_wait_the_last_goes_in() -> None:
    visit = scene(Devices.MULTI, recorded(1), joined("dr"), joined("pat"), on_tablet())

    told = visit.add(recorded(2, admitted=["pat"]))

    assert kinds(told, "pat") == [Close]
    assert Pair in kinds(told, "tablet")
    assert [peer.peer for peer in visit.room.devices_of("pat")] == ["p_tablet"]


def test_of_several_devices_each_sees_itself_and_a_clinician_one_participant() -> None:
    visit = scene(Devices.MULTI, recorded(1), joined("dr"), joined("pat"), on_tablet())

    assert [seen.peer for seen in visit.room.view("p_pat").participants] == ["p_pat"]
    assert [seen.peer for seen in visit.room.view("p_tablet").participants] == ["p_tablet"]
    seen = [each for each in visit.room.view("p_dr").participants if each.participant == "pat"]
    assert [each.peer for each in seen] == ["p_tablet"]


def test_several_devices_all_count_for_a_full_room_and_inside_one_takes_over() -> None:
    visit = scene(Devices.MULTI, recorded(1), joined("dr"), joined("pat"), peers=2)

    assert codes(visit.add(on_tablet())) == [("l_p_tablet", CloseCode.RATE_LIMITED)]
    visit.add(recorded(2, admitted=["pat"]))
    assert codes(visit.add(joined("pat", peer="p_third", jti="j3"))) == [("l_p_pat", CloseCode.SUPERSEDED)]


@pytest.mark.parametrize("policy", Devices)
def test_a_device_of_an_earlier_check_in_is_refused_under_every_policy(policy: Devices) -> None:
    visit = scene(policy, recorded(1, devices={"pat": 1}), on_tablet(device=1))

    assert codes(visit.add(joined("pat"))) == [("l_p_pat", CloseCode.SUPERSEDED)]


def test_a_page_that_is_loaded_again_and_again_keeps_neither_itself_nor_the_clinician_out() -> None:
    visit = scene(Devices.MULTI, recorded(1), peers=3)
    for number in range(5):
        assert codes(visit.add(joined("pat", peer=f"p_{number}", jti=f"j_{number}"))) == (
            [(f"l_p_{number - 3}", CloseCode.SUPERSEDED)] if number > 2 else []
        )
        visit.add(Detached(peer=f"p_{number}", conn=1))

    assert list(visit.room.peers) == ["p_2", "p_3", "p_4"]
    assert codes(visit.add(joined("dr"))) == []
    assert "p_dr" in visit.room.peers

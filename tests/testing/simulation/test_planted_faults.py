"""What the simulator is worth: faults are planted in the design, and it has to find them."""

import pytest
from tests.testing.simulation.planted import PLANTED, SURVIVORS, Plant, Planted

from hugathome.testing.simulation import InvariantBroken, simulate


def _found(fault: Planted) -> InvariantBroken | None:
    for seed in (fault.first, *range(fault.within)):
        try:
            simulate(seed, fault.scenario)
        except InvariantBroken as broken:
            return broken
    return None


@pytest.mark.parametrize("fault", [pytest.param(each, id=each.plant.__name__) for each in PLANTED])
def test_a_planted_fault_is_found(fault: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    fault.plant(monkeypatch)

    broken = _found(fault)

    assert broken is not None
    assert broken.invariant in fault.shows_as


@pytest.mark.parametrize("plant", [pytest.param(each, id=each.__name__) for each in SURVIVORS])
def test_what_survives_still_does(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)

    for seed in range(20):
        simulate(seed)


def test_nine_in_ten_are_found_and_there_are_many() -> None:
    planted = len(PLANTED) + len(SURVIVORS)

    assert planted >= 20
    assert len(PLANTED) >= 0.9 * planted

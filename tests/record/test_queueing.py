"""Waiting: how long it may take, and how whoever loses a race spreads out."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from hugathome.record.queueing import Queued, estimated_wait, spread

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
EVERY_CHANCE = [bytes(pair) for pair in product(range(256), repeat=2)]


@pytest.mark.parametrize(
    ("ahead", "clinicians", "minutes"), [(0, 1, 5), (1, 1, 15), (3, 1, 35), (0, 2, 2.5), (3, 2, 17.5)]
)
def test_a_wait_is_that_of_whoever_is_ahead_and_half_a_visit(
    ahead: int, clinicians: int, minutes: float
) -> None:
    assert estimated_wait(ahead=ahead, typical=10 * MINUTE, clinicians=clinicians) == minutes * MINUTE


@pytest.mark.parametrize(("ahead", "clinicians"), [(-1, 1), (0, 0)])
def test_nobody_waits_behind_fewer_than_none_or_for_no_clinician(ahead: int, clinicians: int) -> None:
    with pytest.raises(ValueError, match="nobody waits"):
        estimated_wait(ahead=ahead, typical=MINUTE, clinicians=clinicians)


@pytest.mark.parametrize(("lost", "among"), [(0, 1), (1, 2), (2, 4), (7, 128), (8, 256), (9, 256), (60, 256)])
def test_whoever_loses_looks_among_twice_as_many_all_as_likely(lost: int, among: int) -> None:
    passed_over = [spread(lost, chance=chance) for chance in EVERY_CHANCE]

    assert sorted(set(passed_over)) == list(range(among))
    assert {passed_over.count(each) for each in {0, among // 2, among - 1}} == {len(EVERY_CHANCE) // among}


def test_whoever_is_handed_on_waits_again_since_they_first_came() -> None:
    taken = Queued(since=NOW).taken(by="dr-rossi", at=NOW + MINUTE)

    assert not taken.is_waiting
    assert taken.handed_on() == Queued(since=NOW)

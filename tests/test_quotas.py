"""Quotas: a span begins with the first that counts in it, and nothing gives back what was counted."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.quotas import HOUR, Quota, Tally, counted, reckoned, used, wait_for_room

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
QUOTA = Quota(name="sends-hour", at_most=5, within=HOUR)
TALLY = Tally(key="t", since=NOW, count=3, version=7)


def test_the_first_that_counts_begins_the_span() -> None:
    assert used(None, QUOTA, now=NOW) == 0
    assert counted(None, QUOTA, key="t", now=NOW) == Tally(key="t", since=NOW, count=1, version=1)


@pytest.mark.parametrize(
    ("later", "expected"),
    [
        (timedelta(0), 3),
        (HOUR - timedelta(microseconds=1), 3),
        (HOUR, 0),
        (-HOUR, 3),
        (timedelta(days=-9), 3),
    ],
    ids=str,
)
def test_a_span_is_over_only_when_its_time_has_passed(later: timedelta, expected: int) -> None:
    assert used(TALLY, QUOTA, now=NOW + later) == expected


def test_one_more_in_the_span_leaves_its_beginning() -> None:
    later = NOW + HOUR - timedelta(microseconds=1)

    assert counted(TALLY, QUOTA, key="t", now=later) == Tally(key="t", since=NOW, count=4, version=8)
    assert wait_for_room(TALLY, QUOTA, now=later) == timedelta(microseconds=1)


def test_one_more_after_it_begins_another() -> None:
    later = NOW + HOUR

    assert counted(TALLY, QUOTA, key="t", now=later) == Tally(key="t", since=later, count=1, version=8)
    assert wait_for_room(TALLY, QUOTA, now=later) == timedelta(0)
    assert wait_for_room(TALLY, QUOTA, now=later + HOUR) == timedelta(0)


@pytest.mark.parametrize("later", [timedelta(0), HOUR, timedelta(days=9), -HOUR], ids=str)
def test_a_clock_that_is_set_back_by_no_more_than_a_span_moves_nothing(later: timedelta) -> None:
    assert reckoned(TALLY, QUOTA, now=NOW + later) is TALLY


def test_a_tally_that_a_clock_far_ahead_began_is_begun_now_and_keeps_its_count() -> None:
    now = NOW - HOUR - timedelta(microseconds=1)

    assert reckoned(TALLY, QUOTA, now=now) == Tally(key="t", since=now, count=3, version=8)


@given(st.lists(st.integers(min_value=-7200, max_value=7200), min_size=1))
def test_no_more_counts_in_one_span_than_happened_and_versions_count_steps(offsets: list[int]) -> None:
    tally: Tally | None = None
    for steps, offset in enumerate(offsets, start=1):
        now = NOW + timedelta(seconds=offset)
        before = used(tally, QUOTA, now=now)
        tally = counted(tally, QUOTA, key="t", now=now)
        assert used(tally, QUOTA, now=now) == before + 1
        assert tally.version == steps

"""What is written down: windows in order and in UTC, changes that are read back as they were."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hugathome.errors import InvalidInput
from hugathome.record.history import Action, Change, Consent, DeliveryStatus, Outcome, Window, window_around
from hugathome.roles import Step

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
NAIVE = datetime(2026, 11, 22, 9)
MINUTE = timedelta(minutes=1)
WINDOW = window_around(NOW, NOW + 30 * MINUTE)


def test_an_appointment_opens_half_an_hour_before_and_closes_an_hour_after() -> None:
    assert WINDOW.opens_at == NOW - 30 * MINUTE
    assert (WINDOW.starts_at, WINDOW.ends_at) == (NOW, NOW + 30 * MINUTE)
    assert WINDOW.closes_at == NOW + 90 * MINUTE


def test_a_window_is_kept_in_utc_wherever_it_was_planned() -> None:
    start = datetime(2026, 7, 1, 11, tzinfo=ZoneInfo("Europe/Zurich"))

    window = window_around(start, start + 30 * MINUTE)

    assert window.starts_at == datetime(2026, 7, 1, 9, tzinfo=UTC)
    assert window.starts_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("starts_at", "ends_at"),
    [
        (NAIVE, NOW),
        (NOW, NAIVE + timedelta(days=1)),
        (NOW, NOW),
        (NOW, NOW - MINUTE),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)),
        (datetime(9999, 12, 31, 22, tzinfo=UTC), datetime(9999, 12, 31, 23, 30, tzinfo=UTC)),
        (None, NOW),
        ("soon", NOW),
    ],
    ids=["naive start", "naive end", "no length", "reversed", "first day", "last day", "none", "words"],
)
def test_an_appointment_that_cannot_be_is_refused(starts_at: Any, ends_at: Any) -> None:
    with pytest.raises(InvalidInput):
        window_around(starts_at, ends_at)


def test_a_window_in_another_order_is_refused() -> None:
    with pytest.raises(InvalidInput):
        window_around(NOW, NOW + MINUTE, early=-MINUTE)
    with pytest.raises(InvalidInput):
        window_around(NOW, NOW + MINUTE, late=-MINUTE)
    with pytest.raises(InvalidInput):
        Window(opens_at=NOW, starts_at=NOW - MINUTE, ends_at=NOW + MINUTE, closes_at=NOW + MINUTE)


@pytest.mark.parametrize("field", ["opens_at", "starts_at", "ends_at", "closes_at"])
@pytest.mark.parametrize("instant", [NAIVE, None, "soon"], ids=str)
def test_a_window_takes_aware_instants_only(field: str, instant: Any) -> None:
    with pytest.raises(InvalidInput):
        Window(**{**dict(WINDOW), field: instant})


CONSENT = Consent(
    participant="p-1", recorded_by="dr-rossi", at=NOW, how="oral", language="rm", text_version="3"
)


@pytest.mark.parametrize(
    "change",
    [
        Change(action=Action.PLAN, at=NOW, window=WINDOW),
        Change(action=Action.ACCEPT, at=NOW, by="dr-rossi", participant="p-1", consent=CONSENT),
        Change(
            action=Action.DELIVER,
            at=NOW,
            participant="p-1",
            delivery=DeliveryStatus.FAILED,
            step=Step.SMS_FAILED,
        ),
        Change(action=Action.ARRIVE, at=NOW, participant="p-1", position="7.00ff00ff00ff"),
        Change(action=Action.IDENTIFY, at=NOW, by="dr-rossi", participant="p-1", how="known to us"),
        Change(action=Action.CHANGE_MODALITY, at=NOW, by="dr-rossi", modality="phone"),
        Change(action=Action.COMPLETE, at=NOW, by="dr-rossi", outcome="no-show"),
        Change(action=Action.CANCEL, at=NOW, by="the secretary", reason="moved to Friday"),
    ],
    ids=lambda change: change.action,
)
def test_a_change_is_read_back_as_it_was_written(change: Change) -> None:
    assert Change.from_json(change.to_json()) == change


def test_an_outcome_may_be_given_as_a_word() -> None:
    assert Change(action=Action.COMPLETE, at=NOW, outcome="referred").outcome is Outcome.REFERRED


@pytest.mark.parametrize(
    "fields",
    [
        {"at": NAIVE},
        {"action": "explode"},
        {"outcome": "cured"},
        {"action": Action.CHANGE_MODALITY},
        {"action": Action.CHANGE_MODALITY, "modality": "telepathy"},
        {"how": ""},
        {"how": "h" * 201},
        {"reason": ""},
        {"reason": "r" * 201},
        {"code": "1"},
    ],
    ids=str,
)
def test_a_change_that_cannot_be_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Change(**{"action": Action.CANCEL, "at": NOW, **fields})


@pytest.mark.parametrize(
    "change",
    [
        Change(action=Action.CANCEL, at=NOW, reason="M. Dupont is in hospital"),
        Change(action=Action.IDENTIFY, at=NOW, participant="p-1", how="Dupont, as his passport says"),
    ],
    ids=lambda change: change.action,
)
def test_words_which_may_name_somebody_are_not_shown(change: Change) -> None:
    assert "Dupont" not in repr(change)

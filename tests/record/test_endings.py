"""How a visit ends: a no-show is cancelled unless it had begun, and the host ends what nobody in it can."""

from datetime import UTC, datetime, timedelta

import pytest

from hugathome.errors import (
    HugathomeError,
    InvalidTransition,
    NotPermitted,
    SessionEnded,
    UnknownParticipant,
)
from hugathome.record.endings import ended, recorded
from hugathome.record.history import Absent, Action, Change, Outcome, window_around
from hugathome.record.participants import Participant
from hugathome.record.transitions import Status
from hugathome.session import Session

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
DESK = "the front desk"


def visit(status: Status = Status.PLANNED, *, came: str = "dr") -> Session:
    """Return one in which somebody came, and that stands as is said."""
    planned = Session(
        id="hug.s1",
        organisation="hug",
        service="cardiology",
        modality="video",
        window=window_around(NOW, NOW + timedelta(minutes=30)),
        participants=(
            Participant(id="dr", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont"),
        ),
    )
    return planned.after(Change(action=Action.ARRIVE, at=NOW, participant=came)).but(status=status)


def ending(by: str | None = "dr", *, outcome: str = "no-show", absent: str | None = None) -> Change:
    return Change.model_validate(
        {"action": "complete", "at": NOW, "by": by, "outcome": outcome, "absent": absent}
    )


def breaking_off(by: str | None) -> Change:
    return Change(action=Action.DISCONTINUE, at=NOW, by=by)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Status.PLANNED, Status.CANCELLED),
        (Status.IN_PROGRESS, Status.COMPLETED),
        (Status.ON_HOLD, Status.COMPLETED),
    ],
)
def test_a_no_show_cancels_what_has_not_begun_and_completes_what_has(before: Status, after: Status) -> None:
    missed = ended(visit(before), ending())

    assert (missed.status, missed.outcome) == (after, Outcome.NO_SHOW)


@pytest.mark.parametrize(
    ("came", "said", "absent"),
    [
        ("dr", None, Absent.PATIENT),
        ("p-1", None, Absent.PRACTITIONER),
        ("dr", "both", Absent.BOTH),
    ],
)
def test_who_was_absent_is_what_was_said_or_what_the_history_shows(
    came: str, said: str | None, absent: Absent
) -> None:
    assert ended(visit(came=came), ending(absent=said)).absent is absent
    assert recorded(visit(came=came), ending(DESK, absent=said)).absent is absent


def test_any_other_outcome_is_of_a_visit_that_took_place() -> None:
    took_place = ended(visit(Status.IN_PROGRESS), ending(outcome="report"))

    assert (took_place.status, took_place.outcome, took_place.absent) == ("completed", "report", None)
    with pytest.raises(InvalidTransition):
        ended(visit(), ending(outcome="report"))


@pytest.mark.parametrize(
    ("by", "refusal"), [("p-1", NotPermitted), (DESK, UnknownParticipant), (None, UnknownParticipant)]
)
@pytest.mark.parametrize("status", [Status.PLANNED, Status.IN_PROGRESS])
def test_of_who_takes_part_their_role_says_whether_they_end_it(
    by: str | None, refusal: type[HugathomeError], status: Status
) -> None:
    for change in (ending(by), breaking_off(by)):
        with pytest.raises(refusal):
            ended(visit(status), change)


def test_the_host_says_that_nobody_came_as_long_as_it_has_not_begun() -> None:
    assert recorded(visit(), ending(DESK)).status is Status.CANCELLED
    with pytest.raises(InvalidTransition):
        recorded(visit(Status.IN_PROGRESS), ending(DESK))


@pytest.mark.parametrize("status", [Status.IN_PROGRESS, Status.ON_HOLD])
def test_the_host_breaks_off_what_has_begun_and_nothing_else(status: Status) -> None:
    assert recorded(visit(status), breaking_off(DESK)).status is Status.DISCONTINUED
    with pytest.raises(InvalidTransition):
        recorded(visit(), breaking_off(DESK))


@pytest.mark.parametrize("by", ["dr", "p-1"])
def test_the_host_speaks_for_nobody_who_takes_part(by: str) -> None:
    for change in (ending(by), breaking_off(by)):
        with pytest.raises(NotPermitted):
            recorded(visit(Status.IN_PROGRESS), change)


@pytest.mark.parametrize("status", [Status.COMPLETED, Status.DISCONTINUED, Status.CANCELLED])
def test_what_has_ended_does_not_end_again_whoever_asks(status: Status) -> None:
    for change in (ending(), ending("p-1"), breaking_off("dr")):
        with pytest.raises(SessionEnded):
            ended(visit(status), change)
    for change in (ending(DESK), breaking_off(DESK)):
        with pytest.raises(SessionEnded):
            recorded(visit(status), change)

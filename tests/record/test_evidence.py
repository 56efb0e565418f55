"""Who was absent is read off what the history shows: comings and doings, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest

from hugathome.record.evidence import absent
from hugathome.record.history import Absent, Action, Change, window_around
from hugathome.record.participants import Participant
from hugathome.roles import Step
from hugathome.session import Session

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def session(*changes: tuple[Action, str | None, str | None]) -> Session:
    happened = tuple(
        Change(action=action, at=NOW, by=by, participant=whom, step=Step.PAGE_OPENED if whom else None)
        for action, by, whom in changes
    )
    return Session(
        id="hug.s1",
        organisation="hug",
        service="cardiology",
        modality="video",
        window=window_around(NOW, NOW + timedelta(minutes=30)),
        participants=(
            Participant(id="dr", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont"),
            Participant(id="nurse", role="nurse", name="B. Keller"),
            Participant(id="interpreter", role="interpreter", name="C. Silva"),
        ),
        history=happened,
    )


ARRIVED = (Action.ARRIVE, None, "p-1")
CAME = (Action.ARRIVE, None, "dr")


@pytest.mark.parametrize(
    ("happened", "who"),
    [
        ((), Absent.BOTH),
        ((ARRIVED,), Absent.PRACTITIONER),
        ((CAME,), Absent.PATIENT),
        ((CAME, ARRIVED), None),
        (((Action.CHECK_IN, None, "nurse"), CAME), None),
        (((Action.ARRIVE, None, "interpreter"), CAME), Absent.PATIENT),
        (((Action.CALL, "dr", "p-1"),), Absent.PATIENT),
        (((Action.IDENTIFY, "dr", "p-1"),), None),
        (((Action.STEP, None, "p-1"), CAME), Absent.PATIENT),
        (((Action.INVITE, "dr", "p-1"), (Action.DELIVER, None, "p-1")), Absent.BOTH),
        (((Action.ARRIVE, None, "somebody who has left the record"),), Absent.BOTH),
        ((ARRIVED, (Action.DEPART, None, "p-1"), CAME), None),
    ],
)
def test_who_was_absent(
    happened: tuple[tuple[Action, str | None, str | None], ...], who: Absent | None
) -> None:
    assert absent(session(*happened)) is who

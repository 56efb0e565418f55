"""Whole visits: robots that have nothing but an SMS or a grant, over a real server, SQLite and aiortc."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hugathome import HugAtHome, NotAdmitted, Session, SessionEnded, Status
from hugathome.messages import CloseCode, State
from hugathome.testing import Network, ReceivedSms, Robot

Plan = Callable[[], Awaitable[Session]]
Invite = Callable[[str, str], Awaitable[ReceivedSms]]

WITHIN = 20
"""Seconds for any one thing; none takes more than two where nothing else runs."""

pytestmark = pytest.mark.media


async def meet(*robots: Robot) -> None:
    """Return once each of them has seen and heard each other one."""
    async with asyncio.timeout(WITHIN):
        await asyncio.gather(
            *(
                perceive(other.peer.participant)
                for robot in robots
                for other in robots
                if robot is not other
                for perceive in (robot.sees, robot.hears)
            )
        )


async def sees_state(robot: Robot, participant: str, state: State) -> None:
    """Return once a robot knows that somebody is in `state`."""

    def is_so() -> bool:
        view = robot.peer.participants.get(participant)
        return view is not None and view.state is state

    async with asyncio.timeout(WITHIN):
        await robot.peer.until(lambda _: is_so())


async def test_the_patient_comes_by_sms_and_both_see_and_hear_each_other(
    hug: HugAtHome, plan: Plan, invite: Invite
) -> None:
    session = await plan()
    sms = await invite(session.id, "p-1")

    async with Robot.from_sms(sms) as patient:
        await patient.waiting()
        assert [each.id for each in (await hug.sessions.get(session.id)).waiting] == ["p-1"]
        async with Robot.from_grant(hug.grant(session.id, "dr-rossi"), at=hug.site) as clinician:
            await clinician.admit("p-1")
            await meet(patient, clinician)
            present = (await hug.sessions.get(session.id)).present
            await clinician.complete("in-person-visit-needed")
        end = await patient.peer.ended()

    ended = await hug.sessions.get(session.id)
    assert {each.id for each in present} == {"p-1", "dr-rossi"}
    assert end.code == CloseCode.SESSION_ENDED
    assert (ended.status, ended.outcome) == (Status.COMPLETED, "in-person-visit-needed")
    with pytest.raises(SessionEnded):
        await Robot.from_sms(sms).type_code(sms.code or "")


async def test_a_nurse_and_a_mother_join_and_everybody_sees_everybody(
    hug: HugAtHome, plan: Plan, invite: Invite
) -> None:
    session = await plan()
    patient_sms, mother_sms = await invite(session.id, "p-1"), await invite(session.id, "mother")

    async with (
        Robot.from_sms(patient_sms) as patient,
        Robot.from_grant(hug.grant(session.id, "dr-rossi"), at=hug.site) as clinician,
    ):
        await clinician.admit("p-1")
        await meet(patient, clinician)
        async with (
            Robot.from_sms(mother_sms) as mother,
            Robot.from_grant(hug.grant(session.id, "nurse"), at=hug.site) as nurse,
        ):
            await clinician.admit("mother")
            await hug.sessions.admit(session.id, "nurse", by="dr-rossi")
            await meet(patient, clinician, mother, nurse)
            names = {each.name for each in patient.peer.participants.values()}

    assert names == {"Dr A. Rossi", "M. Dupont", "N. Favre", "A. Dupont"}

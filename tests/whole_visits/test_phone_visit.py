"""Visits by telephone: a code that is read out, a fixed line, and a video visit that turns to it and back."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest

from hugathome import Action, Event, HugAtHome, InvalidTransition, Participant, Reach, Session, Status, Step
from hugathome.sms import OutboxSms
from hugathome.testing import FakeHugAtHome, ReceivedSms, Robot, meet
from hugathome.testing.robot import PATIENCE

Plan = Callable[[], Awaitable[Session]]
Invite = Callable[[str, str], Awaitable[ReceivedSms]]

NOW = datetime(2026, 1, 14, 13, tzinfo=UTC)
MOBILE, FIXED = "+41791234567", "+41223723311"


async def planned(hug: HugAtHome, *, starts_at: datetime = NOW, phone: str = MOBILE) -> Session:
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality="phone",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", language="fr", phone=phone),
        ],
    )
    return await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")


async def parted(robot: Robot, other: str) -> None:
    """Return once a robot has no connection to somebody any more."""
    await robot.peer.until(lambda peer: not peer.is_connected(other), within=PATIENCE)


async def told(hug: HugAtHome) -> list[Event]:
    return [event async for event in hug.events(organisation="hug")]


async def test_a_patient_is_called_and_reads_the_code_out() -> None:
    async with FakeHugAtHome(now=NOW) as hug:
        session = await planned(hug, starts_at=NOW + timedelta(days=1))
        await hug.invite(session.id, "p-1")
        announced = hug.outbox.last(to=MOBILE)
        await hug.clock.advance(days=1)

        await hug.call(session.id, "p-1", by="dr-rossi")
        about_to_call = hug.outbox.last(to=MOBILE)
        await hug.clock.advance(minutes=1)
        await hug.send_code_for(session.id, "p-1", by="dr-rossi")
        code = hug.outbox.last(to=MOBILE).code
        begun = await hug.identify(session.id, "p-1", by="dr-rossi", code=code)
        await hug.clock.advance(minutes=20)
        ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="prescription")

        assert "jeudi 15 janvier 2026 à 14:00" in announced.text
        assert "téléphonerons" in announced.text
        assert "numéro masqué" in announced.text
        assert (announced.link, announced.code) == (None, None)
        assert "sous peu" in about_to_call.text
        word = await hug.callback_word(session.id, "p-1")
        assert f"nous dirons le mot {word}." in announced.text
        assert f"nous dirons le mot {word}." in about_to_call.text
        assert (about_to_call.link, about_to_call.code) == (None, None)
        assert (begun.status, [p.id for p in begun.present]) == (Status.IN_PROGRESS, ["p-1"])
        assert (ended.status, ended.outcome) == (Status.COMPLETED, "prescription")
        by_staff = [event.change for event in await told(hug) if event.change.by == "dr-rossi"]
        later = NOW + timedelta(days=1)
        assert [(change.action, change.how, change.at - later) for change in by_staff] == [
            (Action.ACCEPT, None, timedelta(days=-1)),
            (Action.CALL, Reach.SMS, timedelta(0)),
            (Action.STEP, None, timedelta(minutes=1)),
            (Action.IDENTIFY, "code", timedelta(minutes=1)),
            (Action.COMPLETE, None, timedelta(minutes=21)),
        ]
        assert [step.step for step in ended.steps("p-1")] == [Step.SMS_SENT, Step.SMS_SENT, Step.CODE_ASKED]


async def test_a_patient_with_a_fixed_line_is_called_and_known_otherwise() -> None:
    async with FakeHugAtHome(now=NOW) as hug:
        session = await planned(hug, phone=FIXED)

        invitation = await hug.invite(session.id, "p-1")
        called = await hug.call(session.id, "p-1", by="dr-rossi")
        begun = await hug.identify(session.id, "p-1", by="dr-rossi", how="date of birth, address")
        ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="completed")

        assert (invitation.delivery, len(hug.outbox)) == (None, 0)
        (to_be_told,) = invitation.texts
        assert "nous vous téléphonons sous peu" in to_be_told
        assert called.history[-1].how == Reach.NONE
        assert begun.status is Status.IN_PROGRESS
        identity = ended.identity("p-1")
        assert identity is not None
        assert (identity.how, identity.by, identity.at) == ("date of birth, address", "dr-rossi", NOW)


async def test_a_call_that_nobody_answers_is_no_visit() -> None:
    async with FakeHugAtHome(now=NOW) as hug:
        session = await planned(hug)
        await hug.call(session.id, "p-1", by="dr-rossi")

        with pytest.raises(InvalidTransition):
            await hug.sessions.complete(session.id, by="dr-rossi")
        ended = await hug.sessions.complete(session.id, by="dr-rossi", outcome="no-show")

        assert (ended.status, ended.outcome) == (Status.CANCELLED, "no-show")


async def test_a_page_that_is_open_in_a_phone_visit_starts_nothing() -> None:
    async with FakeHugAtHome(now=NOW) as hug:
        session = await planned(hug)

        async with Robot.from_grant(hug.grant(session.id, "p-1"), at=hug.here, media=False) as page:
            here = await hug.sessions.get(session.id)
            assert (here.status, [p.id for p in here.present]) == (Status.PLANNED, ["p-1"])
            assert here.identity("p-1") is None
            await hug.call(session.id, "p-1", by="dr-rossi")
            assert page.peer.rings == 0

        assert (await hug.sessions.get(session.id)).present == ()


@pytest.mark.media
async def test_a_video_visit_turns_to_the_telephone_and_back_with_sound_and_picture(
    hug: HugAtHome, plan: Plan, invite: Invite, sms: OutboxSms
) -> None:
    session = await plan()

    async with (
        Robot.from_sms(await invite(session.id, "p-1")) as patient,
        Robot.from_grant(hug.grant(session.id, "dr-rossi"), at=hug.site) as clinician,
        Robot.from_grant(hug.grant(session.id, "nurse"), at=hug.site, media=False) as nurse,
    ):
        await clinician.admit("p-1")
        await meet(patient, clinician)
        sent = len(sms.outbox)

        await clinician.peer.change_modality("phone", reason="the picture stands still")
        await parted(patient, "dr-rossi")
        await parted(clinician, "p-1")
        by_phone = await hug.sessions.get(session.id)
        await hug.identify(session.id, "p-1", by="dr-rossi", how="seen a minute ago")

        await hug.sessions.change_modality(session.id, "video", by="dr-rossi")
        await meet(patient, clinician)
        back = await hug.sessions.get(session.id)
        nurse_waits = nurse.peer.client.state == "waiting"
        await clinician.complete()

    assert [p.id for p in by_phone.present] == ["dr-rossi", "p-1", "nurse"]
    assert ([p.id for p in back.present], [p.id for p in back.waiting]) == (["dr-rossi", "p-1"], ["nurse"])
    assert nurse_waits
    assert back.of("p-1").device == by_phone.of("p-1").device == 1
    assert len(sms.outbox) == sent
    turns = [event.change for event in await told(hug) if event.change.action is Action.CHANGE_MODALITY]
    assert [(turn.modality, turn.by, turn.reason) for turn in turns] == [
        ("phone", "dr-rossi", "the picture stands still"),
        ("video", "dr-rossi", None),
    ]
    assert turns[0].at < turns[1].at
    assert turns == [c for c in back.history if c.action is Action.CHANGE_MODALITY]

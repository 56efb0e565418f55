"""Rooms counted, and nobody named."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from hugathome import Participant, Session, StoreUnavailable
from hugathome.rooms import census
from hugathome.rooms.census import lines
from hugathome.testing import FakeHugAtHome, Robot

DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr Rossi")
PATIENT = Participant(id="p-1", role="patient", name="Zebulon Quokkabert")


@pytest.fixture
async def hug() -> AsyncIterator[FakeHugAtHome]:
    async with FakeHugAtHome() as hug:
        yield hug


async def planned(hug: FakeHugAtHome, *, organisation: str = "hug") -> Session:
    now = hug.clock.now()
    return await hug.sessions.plan(
        organisation=organisation,
        service="cardiology",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[DOCTOR, PATIENT],
    )


def robot(hug: FakeHugAtHome, session: Session, whom: Participant) -> Robot:
    return Robot.from_grant(hug.grant(session.id, whom.id), at=hug.here, media=False)


async def test_a_room_is_open_from_the_first_arrival_until_the_visit_has_ended(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    assert await hug.rooms(organisation="hug") == ()

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(robot(hug, session, PATIENT))
        (waiting,) = await hug.rooms(organisation="hug")
        doctor = await stack.enter_async_context(robot(hug, session, DOCTOR))
        await doctor.admit(PATIENT.id)
        await hug.clock.advance(minutes=3)
        (under_way,) = await hug.rooms(organisation="hug")
        await doctor.complete("completed")

    assert (waiting.waiting, waiting.inside, waiting.connected, waiting.participants) == (1, 0, 1, 2)
    assert (under_way.waiting, under_way.inside, under_way.connected) == (0, 2, 2)
    assert under_way.opened_at == waiting.opened_at == hug.clock.now() - timedelta(minutes=3)
    assert await hug.rooms(organisation="hug") == ()


async def test_whoever_has_lost_the_connection_is_inside_and_not_connected(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    async with robot(hug, session, DOCTOR):
        pass

    (room,) = await hug.rooms(organisation="hug")

    assert room.connected == 0


async def test_rooms_are_counted_page_after_page(hug: FakeHugAtHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(census, "_AT_ONCE", 2)
    async with AsyncExitStack() as stack:
        for session in [await planned(hug) for _ in range(5)]:
            await stack.enter_async_context(robot(hug, session, PATIENT))

        assert len(await hug.rooms(organisation="hug")) == 5
        assert await hug.rooms(organisation="another") == ()


async def test_what_is_printed_names_nobody_and_says_for_how_long(hug: FakeHugAtHome) -> None:
    session = await planned(hug)
    async with robot(hug, session, PATIENT):
        await hug.clock.advance(minutes=7)

        head, row = lines(await hug.rooms(organisation="hug"), now=hug.clock.now())

    assert head.split() == [
        "session",
        "status",
        "modality",
        "minutes",
        "waiting",
        "inside",
        "connected",
        "people",
    ]
    assert row.split() == [session.id, "planned", "video", "7", "1", "0", "1", "2"]
    assert "Quokkabert" not in row


@pytest.mark.parametrize("part", ["sessions", "codes", "log"])
async def test_a_deployment_is_ready_while_each_of_its_stores_answers(
    hug: FakeHugAtHome, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    async def fail(*_: object, **__: object) -> None:
        raise StoreUnavailable("the database is gone")

    await hug.ready()
    broken = {"sessions": hug._store.sessions, "codes": hug._store.codes, "log": hug._log}[part]
    for name in ("next_due", "load"):
        if hasattr(broken, name):
            monkeypatch.setattr(broken, name, fail)

    with pytest.raises(StoreUnavailable):
        await hug.ready()

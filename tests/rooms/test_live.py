"""A room as one worker follows it: what it holds, whom it doubts, and how it ends."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import pytest
from tests.test_hub import BROWSER, Clinic

from hugathome.errors import StoreUnavailable
from hugathome.logs.memory import MemoryLog
from hugathome.protocol.messages import Close, Hello, Leave, Text
from hugathome.protocol.wire import CloseCode, Limits
from hugathome.rooms import live as rooms
from hugathome.rooms.live import LiveRoom
from hugathome.session import Session
from hugathome.signalling import Called, Detached, Doubted, Room


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clinic = Clinic()
    yield clinic
    await clinic.aclose()


@pytest.fixture
async def silent() -> AsyncIterator[Clinic]:
    """Return a clinic whose devices need not say that they are there."""
    clinic = Clinic(limits=Limits(dead_after=600))
    yield clinic
    await clinic.aclose()


def live(clinic: Clinic, session: Session) -> LiveRoom:
    return clinic.hub._rooms[session.id]


async def test_what_is_held_for_those_who_resume_is_bounded_in_bytes(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rooms, "_HELD", 20_000)
    session, doctor, _ = await clinic.visit()

    for _ in range(30):
        await doctor.until_acked(await doctor.say(Text(text="x" * 1000)))

    held = live(clinic, session)._kept
    size = held[-1].position.size - held[0].position.size
    assert 15_000 < size <= 20_000


async def test_a_log_whose_end_alone_is_too_much_to_hold_is_cut_nevertheless(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, doctor, _ = await clinic.visit()
    for _ in range(30):
        await doctor.until_acked(await doctor.say(Text(text="x" * 1000)))
    monkeypatch.setattr(rooms, "_HELD", 2_000)
    monkeypatch.setattr(rooms, "_LONG", 10_000)

    await clinic.join(session, "nurse", hub=clinic.new_hub())
    await clinic.clock.settle()

    assert await clinic.log.snapshot(session.id) is not None


@pytest.mark.parametrize("is_asked", [True, False])
async def test_a_third_worker_s_doubt_gives_nobody_less_time_to_answer(
    silent: Clinic, is_asked: bool
) -> None:
    clinic = silent
    session = await clinic.plan()
    await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat", hub=clinic.new_hub())
    seen = (await clinic.journal.room(session.id)).peers[patient.welcome.peer]

    append, held = clinic.journal.append, asyncio.Event()

    async def unheard(room: str, entry: Any) -> None:
        if isinstance(entry, Doubted) and not is_asked:
            raise StoreUnavailable("away")
        await append(room, entry)

    clinic.journal.append = unheard  # type: ignore[method-assign]
    await clinic.clock.advance(seconds=69.9)  # each worker has asked the other, and was answered

    async def late(room: str, entry: Any) -> None:
        if not isinstance(entry, Detached | Doubted):
            await held.wait()
        await append(room, entry)

    clinic.journal.append = late  # type: ignore[method-assign]
    await append(session.id, Doubted(peer=seen.peer, conn=seen.conn))
    await clinic.clock.advance(seconds=0.2)
    clinic.journal.append = append  # type: ignore[method-assign]
    held.set()
    await clinic.clock.settle()

    now = (await clinic.journal.room(session.id)).peers[patient.welcome.peer]
    assert (now.is_attached, now.is_doubted) == (True, False)


async def test_a_room_that_breaks_is_logged_without_a_word_of_what_was_said(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _, doctor, _ = await clinic.visit()
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    def broken(*_: object) -> None:
        raise ZeroDivisionError("M. Dupont has a rash")

    monkeypatch.setattr(Room, "after", broken)
    await doctor.say(Leave())
    await doctor.hear_all()
    await clinic.clock.settle()

    assert "unexpected ZeroDivisionError at " in caplog.text
    assert "Dupont" not in caplog.text
    assert reported == []


async def test_a_former_room_is_waited_for_at_the_end_too(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()
    former = live(clinic, session)
    depart, left = clinic.consultations.depart, asyncio.Event()

    async def slow(*args: Any, **options: Any) -> Any:
        left.set()
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            left.clear()
        return await depart(*args, **options)

    clinic.consultations.depart = slow  # type: ignore[method-assign]
    for device in (doctor, patient):
        await device.say(Leave())
        await device.hear_all()
    await clinic.clock.settle()
    assert left.is_set(), "the room is over, and has a departure yet to tell the record"
    await clinic.join(session, "dr")
    assert live(clinic, session) is not former

    await clinic.hub.aclose()

    assert not left.is_set()


async def test_a_log_that_was_replaced_between_being_loaded_and_followed_is_noticed(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = clinic.log
    assert isinstance(log, MemoryLog)
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    await doctor.transport.aclose()
    await clinic.clock.advance(minutes=2)
    await clinic.journal.append(session.id, Called(participant="pat", by="dr"))
    records = log._rooms[session.id].tail
    another = records.pop()
    read = log.read

    def replaced(room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        records[-1] = another
        return read(room, after)

    monkeypatch.setattr(log, "read", replaced)
    device = clinic.dial()
    grant = clinic.doorkeeper.grant(session.id, "dr")
    await device.transport.send(Hello(grant=grant.token, nonce="n", caps=BROWSER).to_json())

    close = await device.until(Close)
    monkeypatch.setattr(log, "read", read)

    assert (close.code, close.retry) == (CloseCode.STATE_LOST, "rejoin")
    assert (await clinic.join(session, "dr")).welcome.state == "admitted"

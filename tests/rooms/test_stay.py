"""Coming in, staying and going: what a hub writes for whom, and what it tells them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
from tests.test_hub import BROWSER, Clinic

from hugathome.errors import LocalProtocolError
from hugathome.protocol.messages import Close, Hello, Welcome
from hugathome.protocol.wire import CloseCode, ResumeFrom
from hugathome.signalling import START, Entry, Position, Unread
from hugathome.transports.memory import MemoryTransport


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clinic = Clinic()
    yield clinic
    await clinic.aclose()


async def resumed(clinic: Clinic, last: ResumeFrom) -> Close:
    device = clinic.dial()
    await device.transport.send(Hello(resume=last, nonce="n", caps=BROWSER).to_json())
    return await device.until(Close)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [({"token": "made up"}, CloseCode.GRANT_REFUSED), ({"peer": "p_nobody"}, CloseCode.STATE_LOST)],
)
async def test_nothing_is_written_for_whoever_resumes_with_what_was_made_up(
    clinic: Clinic, wrong: dict[str, str], code: CloseCode
) -> None:
    session, doctor, _ = await clinic.visit()
    theirs = ResumeFrom(session=session.id, peer=doctor.welcome.peer, pos=doctor.pos, token="t")
    written = len(await clinic.journal.load(session.id))

    close = await resumed(clinic, theirs.but(**wrong))

    assert close.code == code
    assert len(await clinic.journal.load(session.id)) == written


async def test_nothing_is_written_for_whoever_resumes_where_nobody_has_been(clinic: Clinic) -> None:
    session = await clinic.plan()

    close = await resumed(clinic, ResumeFrom(session=session.id, peer="p_1", token="made up"))

    assert close.code == CloseCode.STATE_LOST
    assert not await clinic.journal.is_open(session.id)


async def test_a_token_that_was_given_out_elsewhere_is_good_before_it_was_read_here(clinic: Clinic) -> None:
    session, doctor, _ = await clinic.visit()
    follow, reads_on = clinic.journal.follow, asyncio.Event()
    reads_on.set()

    async def late(room: str, *, after: Position = START) -> AsyncGenerator[tuple[Position, Entry | Unread]]:
        async with aclosing(follow(room, after=after)) as entries:
            async for each in entries:
                await reads_on.wait()
                yield each

    clinic.journal.follow = late  # type: ignore[method-assign]
    other = clinic.new_hub()
    await clinic.join(session, "nurse", hub=other)
    reads_on.clear()
    again = await clinic.resume(session, doctor)
    again.welcome = await again.until(Welcome)

    elsewhere = await clinic.resume(session, again, hub=other)
    await clinic.clock.settle()
    reads_on.set()

    assert (await elsewhere.until(Welcome)).recovered


async def test_a_welcome_that_no_frame_holds_ends_the_connection_for_good(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = MemoryTransport.send

    async def narrow(transport: MemoryTransport, text: str) -> None:
        if '"type":"welcome"' in text:
            raise LocalProtocolError("a frame of 70000 bytes is larger than 65536")
        await send(transport, text)

    monkeypatch.setattr(MemoryTransport, "send", narrow)
    session = await clinic.plan()
    device = clinic.dial()
    grant = clinic.doorkeeper.grant(session.id, "pat")
    await device.transport.send(Hello(grant=grant.token, nonce="n", caps=BROWSER).to_json())

    close = await device.until(Close)

    assert (close.code, close.retry) == (CloseCode.TOO_BIG, "never")

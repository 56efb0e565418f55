"""Coming in, staying and going: what a hub writes for whom, and what it tells them."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

import pytest
from tests.test_hub import BROWSER, Clinic, Device

from hugathome.errors import LocalProtocolError
from hugathome.protocol.messages import Close, Hello, Leave, Text, Welcome
from hugathome.protocol.wire import CloseCode, Limits, ResumeFrom
from hugathome.rooms import live as rooms
from hugathome.session import Session
from hugathome.signalling import START, Commanded, Entry, Joined, Position, Unread
from hugathome.transports.memory import MemoryTransport


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clinic = Clinic()
    yield clinic
    await clinic.aclose()


async def greeted(clinic: Clinic, session: Session, who: str) -> Device:
    device = clinic.dial()
    grant = clinic.doorkeeper.grant(session.id, who)
    await device.transport.send(Hello(grant=grant.token, nonce="n", caps=BROWSER).to_json())
    return device


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
    device = await greeted(clinic, await clinic.plan(), "pat")

    close = await device.until(Close)

    assert (close.code, close.retry) == (CloseCode.TOO_BIG, "never")


async def test_whoever_s_entry_the_log_has_lost_is_sent_to_come_again_and_keeps_no_room(
    clinic: Clinic,
) -> None:
    append = clinic.journal.append

    async def lossy(room: str, entry: Entry) -> None:
        if not isinstance(entry, Joined):
            await append(room, entry)

    clinic.journal.append = lossy  # type: ignore[method-assign]
    device = await greeted(clinic, await clinic.plan(), "pat")

    await clinic.clock.advance(seconds=60)

    assert (await device.until(Close)).retry == "resume"
    await clinic.clock.settle()
    assert not clinic.hub._rooms


async def test_whoever_s_refusal_is_held_no_longer_is_sent_to_come_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clinic = Clinic()
    session, doctor, _ = await clinic.visit()
    used = clinic.doorkeeper.grant(session.id, "nurse")
    await clinic.join(session, "nurse", grant=used)
    append = clinic.journal.append
    peer = (await clinic.journal.room(session.id)).peers[doctor.welcome.peer]

    async def outrun(room: str, entry: Entry) -> None:
        """Let nobody read before there is more than a room holds."""
        await append(room, entry)
        for seq in range(2, 32) if isinstance(entry, Joined) else ():
            said = Text(text="x" * 900, seq=seq)
            await append(
                room, Commanded(peer=peer.peer, conn=peer.conn, seq=seq, body=said, at=clinic.clock.now())
            )

    monkeypatch.setattr(rooms, "_HELD", 3000)
    clinic.journal.append = outrun  # type: ignore[method-assign]
    device = clinic.dial()
    await device.transport.send(Hello(grant=used.token, nonce="another", caps=BROWSER).to_json())

    assert (await device.until(Close)).retry == "resume"
    await clinic.aclose()


async def test_who_finds_the_room_full_again_and_again_leaves_nothing_in_its_log() -> None:
    clinic = Clinic(limits=Limits(peers=2))
    session, doctor, _ = await clinic.visit()
    before = await clinic.log.load(session.id, 0)

    refused = [await (await greeted(clinic, session, "nurse")).until(Close) for _ in range(3)]
    left = await clinic.log.load(session.id, 0)
    await doctor.say(Leave())
    await doctor.until(Close)
    nurse = await clinic.join(session, "nurse")

    assert {each.code for each in refused} == {CloseCode.RATE_LIMITED}
    assert left == before
    assert nurse.welcome.state == "waiting"
    await clinic.aclose()

"""The test kit as a host writes it; `test_embedding.py` has it checked and runs what needs no media."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from hugathome import IceServer, JoinGrant, OneTimeCodes, Participant, Transport
from hugathome.logs import open_log
from hugathome.peer import IceSettings, Peer
from hugathome.sms import OutboxSms
from hugathome.stores import open_code_store, open_store
from hugathome.testing import (
    FakeClock,
    FakeHugAtHome,
    Robot,
    attack_codes,
    check_log,
    check_room,
    check_sms,
    check_store,
    check_transport,
    memory_pair,
)

if TYPE_CHECKING:
    from av import VideoFrame


async def a_whole_visit(start: datetime) -> str | None:
    async with FakeHugAtHome(now=start, seed=7) as hug:
        clock: FakeClock = hug.clock
        session = await hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            modality="video",
            starts_at=start,
            ends_at=start + timedelta(minutes=30),
            participants=[
                Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
                Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
            ],
        )
        await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        await hug.invite(session.id, "p-1")
        sms = hug.outbox.last(to="+41791234567")
        read: tuple[str, str | None, str | None] = (sms.text, sms.link, sms.code)
        assert all(read)
        async with Robot.from_sms(sms, media=False) as patient:
            await patient.waiting()
            await clock.advance(minutes=11)
            await hug.sessions.admit(session.id, "p-1", by="dr-rossi")
            await patient.admitted()
            session = await hug.sessions.complete(session.id, by="dr-rossi", outcome="report")
            await patient.ended()
        return session.outcome


async def a_transport_of_ones_own() -> None:
    async def connect_pair() -> tuple[Transport, Transport]:
        return memory_pair()

    connect: Callable[[], Awaitable[tuple[Transport, Transport]]] = connect_pair
    await check_transport(connect)
    played: tuple[str, ...] = await check_room(
        connect, lambda: open_log("memory://"), only=["a cut loses and doubles nothing"]
    )
    assert len(played) == 1


async def a_probe(transport: Transport, grant: JoinGrant) -> "VideoFrame":
    ice = IceSettings(servers=(IceServer(urls=["stun:stun.example.ch"]),), loopback=False)
    async with Peer(transport, grant, audio=True, video=True, ice=ice) as peer:
        await peer.admitted()
        await peer.connected("p-1")
        return await peer.video("p-1").recv()


async def seams_of_ones_own() -> None:
    outbox = OutboxSms()
    await check_sms(
        outbox, delivered=lambda: [(str(sms.to), sms.text) for sms in outbox.outbox], refusing=None
    )
    store = open_store("memory://")
    await check_store(lambda: store)
    await check_log(lambda: open_log("memory://"))
    codes = open_code_store("memory://")
    await attack_codes(lambda: codes, codes=OneTimeCodes, only=["A05", "A18"], runs=1)

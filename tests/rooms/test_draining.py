"""A rolling deploy: one worker sends its devices to another while they talk, and nothing is lost."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest
from tests.test_hub import Clinic

from hugathome.hub import Hub
from hugathome.peer import Peer
from hugathome.protocol.messages import Goaway
from hugathome.session import Session
from hugathome.transports.memory import MemoryTransport, memory_pair

ROOMS = 6
WHO = ("dr", "pat", "nurse", "colleague")
TEXTS = 12


class Deploy:
    """Two workers of one clinic; whoever connects is given the old one until it is leaving."""

    def __init__(self) -> None:
        self.clinic = Clinic()
        self.old, self.new = self.clinic.hub, self.clinic.new_hub()
        self.worker: Hub = self.old
        self.served: list[asyncio.Task[None]] = []

    def dial(self) -> MemoryTransport:
        near, far = memory_pair()
        self.served.append(asyncio.create_task(self.worker.serve(far)))
        return near

    def peer(self, session: Session, who: str) -> Peer:
        async def reconnect() -> tuple[MemoryTransport, str]:
            return self.dial(), self.clinic.doorkeeper.grant(session.id, who).token

        grant = self.clinic.doorkeeper.grant(session.id, who)
        clock = self.clinic.clock
        return Peer(self.dial(), grant, media=False, reconnect=reconnect, clock=clock)

    async def visit(self) -> list[Peer]:
        session = await self.clinic.plan()
        peers = [await self.peer(session, who).__aenter__() for who in WHO]
        for who in ("pat", "nurse"):
            await self.clinic.consultations.admit(session.id, who, by="dr")
        for peer in peers:
            await peer.admitted()
        return peers


@pytest.fixture
async def deploy() -> AsyncIterator[Deploy]:
    deploy = Deploy()
    yield deploy
    await asyncio.gather(deploy.old.aclose(), deploy.new.aclose(), *deploy.served)
    await deploy.clinic.aclose()


async def test_what_is_said_while_a_worker_drains_is_read_once_by_everybody_in_one_order(
    deploy: Deploy,
) -> None:
    rooms = [await deploy.visit() for _ in range(ROOMS)]
    deploy.worker = deploy.new
    draining = asyncio.create_task(deploy.old.aclose(within=timedelta(seconds=10)))

    saying = []
    for number in range(TEXTS):
        saying += [asyncio.create_task(peer.text(f"{number}")) for peers in rooms for peer in peers]
        await deploy.clinic.clock.advance(seconds=1)
    await deploy.clinic.clock.advance(seconds=10)
    await asyncio.gather(*saying)
    await draining

    for peers in rooms:
        written = [[(text.participant, text.text) for text in peer.texts] for peer in peers]
        assert written[0] == written[1] == written[2] == written[3]
        assert sorted(written[0]) == sorted((who, f"{number}") for who in WHO for number in range(TEXTS))
        for who in WHO:
            assert [text for writer, text in written[0] if writer == who] == [str(n) for n in range(TEXTS)]
        for peer in peers:
            await peer.aclose()


async def test_devices_leave_one_after_the_other_and_late_ones_at_once(deploy: Deploy) -> None:
    clock = deploy.clinic.clock
    session = await deploy.clinic.plan()
    devices = [await deploy.clinic.join(session, who) for who in WHO]
    begun = clock.now()
    draining = asyncio.create_task(deploy.old.aclose(within=timedelta(seconds=8)))
    left = []

    for device in devices:
        goaway = await device.until(Goaway)
        left.append(clock.now() - begun)
        assert goaway.deadline == begun + timedelta(seconds=8)
        await clock.advance(seconds=2)
    late = deploy.clinic.dial(deploy.old)

    assert [after - before for before, after in pairwise(left)] == [timedelta(seconds=2)] * 3
    assert isinstance(await late.hear(), Goaway)
    await draining

"""Visits that can be held only through a relay: a real coturn that runs as the documentation says."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, async_playwright, expect
from tests.certificates import self_signed
from tests.pages.browsing import (
    DESKTOP,
    FLAGS,
    device,
    frames_of,
    in_state,
    open_from_sms,
    open_room,
    received,
    sees_and_hears,
    use,
)
from tests.pages.clinic import Clinic
from tests.pages.hospital import RELAYED, SERVERS, Room, documented, hospital, lacks, relay

from hugathome import IceServer, Session
from hugathome.peer import Peer
from hugathome.protocol.ice import ice_servers_for
from hugathome.signalling import Transport
from hugathome.transports.websockets import connect
from hugathome.web.serving import Certificate

LACKS = lacks()
pytestmark = [
    pytest.mark.media,
    pytest.mark.browser,
    pytest.mark.skipif(LACKS is not None, reason=str(LACKS)),
]

OVER_UDP = f"turn:{SERVERS}:3478?transport=udp"
OVER_TLS = f"turns:{SERVERS}:443?transport=tcp"
(SECRET,) = documented()["static-auth-secret"]
HOW_THE_RELAY_REFUSES = """
window.refusal = new Promise((refused) => {
    window.RTCPeerConnection = class extends RTCPeerConnection {
        constructor(...options) {
            super(...options);
            this.addEventListener("icecandidateerror", ({ errorCode }) => refused(errorCode));
        }
    };
});
"""
WAYS = """
async () => {
    const figures = await window.connections[window.connections.length - 1].getStats();
    const { selectedCandidatePairId } = [...figures.values()].find((each) => each.type === "transport");
    const { localCandidateId, remoteCandidateId } = figures.get(selectedCandidatePairId);
    const { candidateType, relayProtocol } = figures.get(localCandidateId);
    return [candidateType, relayProtocol || null, figures.get(remoteCandidateId).candidateType];
}
"""
"""The kind of the selected way: from here, by which protocol to the relay, to there."""


class Overheard:
    """A transport of which everything that comes is noted down."""

    def __init__(self, transport: Transport, heard: list[str]) -> None:
        self._transport = transport
        self._heard = heard
        self.send, self.aclose = transport.send, transport.aclose

    async def receive(self) -> str:
        text = await self._transport.receive()
        self._heard.append(text)
        return text


async def everything_gathered(heard: list[str]) -> None:
    """Return once the other side has named all its candidates, of which some may come after the picture."""
    async with asyncio.timeout(20):
        while True:
            if any(re.search(r'"candidate": ?""', text) for text in heard):
                return
            await asyncio.sleep(0.05)


Opens = Callable[..., Awaitable[Clinic]]


def with_another_secret() -> IceServer:
    return IceServer(urls=[OVER_UDP], secret="a secret that coturn does not know")


def with_credentials_of_yesterday() -> IceServer:
    then = datetime(2026, 1, 1, tzinfo=UTC)
    (minted,) = ice_servers_for([IceServer(urls=[OVER_UDP], secret=SECRET)], peer="p_1", now=then)
    return IceServer(urls=minted.urls, username=minted.username, credential=minted.credential)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("certificate"), address=SERVERS)


@pytest.fixture(scope="module")
def rooms(certificate: Certificate, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Room, Room]]:
    """Give two rooms, and coturn between them."""
    paths = {"cert": str(certificate.chain), "pkey": str(certificate.key)}
    here = {"listening-ip": SERVERS, "relay-ip": RELAYED, **paths}
    with hospital() as both, relay(tmp_path_factory.mktemp("relay"), here):
        yield both


@pytest.fixture
async def opens(certificate: Certificate, tmp_path: Path) -> AsyncIterator[Opens]:
    """Give what opens a clinic whose pages are told of a relay."""
    opened: list[Clinic] = []

    async def open_clinic(server: IceServer, **options: Any) -> Clinic:
        clinic = Clinic(tmp_path, host=SERVERS, tls=certificate, ice_servers=[server], **options)
        await clinic.start()
        opened.append(clinic)
        return clinic

    yield open_clinic
    for clinic in opened:
        await clinic.stop()


@pytest.fixture
async def browsers(rooms: tuple[Room, Room], tmp_path: Path) -> AsyncIterator[tuple[Browser, Browser]]:
    """Give one browser in each room."""
    async with async_playwright() as playwright:
        elsewhere = {"--allow-loopback-in-peer-connection"}  # a way that leads nowhere from here
        flags = [*(flag for flag in FLAGS if flag not in elsewhere), "--ignore-certificate-errors"]
        programs = [room.program("/usr/bin/chromium", tmp_path) for room in rooms]
        one, other = [
            await playwright.chromium.launch(executable_path=program, args=flags) for program in programs
        ]
        yield one, other
        for browser in (one, other):
            await browser.close()


async def admitted(clinic: Clinic, phones: Browser, desks: Browser, *scripts: str) -> tuple[Page, Page]:
    """Return the patient's page and the clinician's, once the patient is let in."""
    session = await clinic.plan()
    patient = await open_from_sms(await device(phones, *scripts), clinic)
    clinician = await open_room(await device(desks, *scripts, viewport=DESKTOP), clinic, session, "dr-rossi")
    for page in (patient, clinician):
        await use(page, "join")
    await use(clinician, "admit")
    for page in (patient, clinician):
        await in_state(page, "visit")
    return patient, clinician


async def test_no_room_has_a_way_to_the_other_nor_to_where_the_relay_speaks(rooms: tuple[Room, Room]) -> None:
    one, other = rooms

    assert one.reaches(SERVERS)
    assert other.reaches(SERVERS)
    assert not one.reaches(other.address)
    assert not other.reaches(one.address)
    assert not one.reaches(RELAYED)


@pytest.mark.parametrize(("url", "protocol"), [(OVER_UDP, "udp"), (OVER_TLS, "tls")])
async def test_two_pages_that_can_meet_only_through_the_relay_hold_the_visit(
    opens: Opens, browsers: tuple[Browser, Browser], url: str, protocol: str
) -> None:
    clinic = await opens(IceServer(urls=[url], secret=SECRET))

    patient, clinician = await admitted(clinic, *browsers)
    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(clinician, "p-1")

    for page in (patient, clinician):
        assert await page.evaluate(WAYS) == ["relay", protocol, "relay"]


@pytest.mark.parametrize(
    "server", [with_another_secret(), with_credentials_of_yesterday()], ids=["wrong", "old"]
)
async def test_a_relay_that_refuses_costs_the_picture_and_not_the_link(
    opens: Opens, browsers: tuple[Browser, Browser], server: IceServer
) -> None:
    clinic = await opens(server)

    patient, clinician = await admitted(clinic, *browsers, HOW_THE_RELAY_REFUSES)
    unauthorized = [await page.evaluate("window.refusal") for page in (patient, clinician)]

    assert unauthorized == [401, 401]
    for page in (patient, clinician):
        await expect(page.locator("body")).to_have_attribute("data-link", "live")
        await in_state(page, "visit")
        assert await received(page) == {"frames": 0, "energy": 0}


async def test_where_there_is_no_way_at_all_both_pages_say_so_and_what_to_do(
    opens: Opens, browsers: tuple[Browser, Browser]
) -> None:
    clinic = await opens(with_another_secret())

    pages = await admitted(clinic, *browsers)

    for page in pages:
        await expect(page.locator("[data-quality-advice]")).to_be_visible(timeout=45_000)
        await expect(page.locator("[data-badge]").first).to_have_attribute("data-quality", "lost")
        await expect(page.locator("body")).to_have_attribute("data-link", "live")


@pytest.mark.parametrize("relay_only", [False, True])
async def test_with_relay_only_nobody_learns_an_address_although_there_is_a_direct_way(
    opens: Opens, browsers: tuple[Browser, Browser], rooms: tuple[Room, Room], relay_only: bool
) -> None:
    clinic = await opens(IceServer(urls=[OVER_UDP], secret=SECRET), relay_only=relay_only)
    session = await clinic.plan()
    desk = browsers[0]
    patient = await open_from_sms(await device(desk), clinic)
    clinician = await open_room(await device(desk, viewport=DESKTOP), clinic, session, "dr-rossi")
    heard = [frames_of(page) for page in (patient, clinician)]
    for page in (patient, clinician):
        await use(page, "join")
    await use(clinician, "admit")
    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(clinician, "p-1")
    await everything_gathered(heard[0])

    learnt = ["candidate:" in text and rooms[0].address in text for frames in heard for text in frames]
    assert any(learnt) is not relay_only
    relays = {found for text in heard[0] for found in re.findall(r"candidate:[^\"]* typ relay", text)}
    # Once it has found the direct way, Chromium waits for no relay any more.
    assert relay_only <= len(relays) <= 1, "each is a place at the relay that is paid for"
    way, _, _ = await patient.evaluate(WAYS)
    assert (way == "relay") is relay_only


async def test_python_endpoints_meet_through_the_relay(rooms: tuple[Room, Room], tmp_path: Path) -> None:
    server = IceServer(urls=[OVER_UDP], secret=SECRET)
    clinic = Clinic(tmp_path, ice_servers=[server], relay_only=True)
    heard: list[str] = []

    async def attending(session: Session, participant: str) -> Peer:
        transport = await connect(f"ws{clinic.base.removeprefix('http')}/visit/signal")
        grant = clinic.hug.grant(session.id, participant)
        return Peer(Overheard(transport, heard), grant, audio=True, video=True)

    async with AsyncExitStack() as stack:
        await clinic.start()
        stack.push_async_callback(clinic.stop)
        session = await clinic.plan()
        patient = await stack.enter_async_context(await attending(session, "p-1"))
        clinician = await stack.enter_async_context(await attending(session, "dr-rossi"))
        await clinician.arrived("p-1")
        await clinician.admit("p-1")
        async with asyncio.timeout(30):
            await asyncio.gather(patient.video("dr-rossi").recv(), clinician.video("p-1").recv())

    assert set(re.findall(r" typ (\w+)", "".join(heard))) == {"relay"}

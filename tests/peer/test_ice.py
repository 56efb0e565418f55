"""What a peer lets itself be sent to: nothing on its own machine, unless it is told so."""

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import aioice.ice
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection

from hugathome.device.effects import AddCandidates, Apply
from hugathome.device.line import MediaState
from hugathome.peer._generation import Generation
from hugathome.peer._ice import IceSettings, admissible, configuration, is_admissible
from hugathome.peer._streams import Stream
from hugathome.protocol.ice import IceServer
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.wire import CandidateInit, IceServerView, PairView

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
PAIR = PairView(pc="c_1", gen=1, peer="p_b", participant="dr", polite=True, mode=Mode.TURN, offerer="p_b")


def candidate(address: str, *, port: int = 4000) -> str:
    return f"candidate:1 1 udp 2130706431 {address} {port} typ host"


SETTINGS = IceSettings()
ON_LOOPBACK = IceSettings(loopback=True)
AMONG_STRANGERS = IceSettings(private=False)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "169.254.169.254", "fe80::1", "0.0.0.0", "::"],
)
def test_loopback_and_link_local_candidates_are_refused_unless_asked_for(address: str) -> None:
    assert not is_admissible(candidate(address), SETTINGS)
    assert not is_admissible(candidate(address), AMONG_STRANGERS)
    assert is_admissible(candidate(address), ON_LOOPBACK)


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.1", "fd00::1", "100.64.0.1", "::ffff:172.16.0.1"])
def test_private_candidates_are_refused_where_the_policy_says_so(address: str) -> None:
    assert is_admissible(candidate(address), SETTINGS)
    assert not is_admissible(candidate(address), AMONG_STRANGERS)


@pytest.mark.parametrize("address", ["1.1.1.1", "2a00:1450::1"])
def test_public_candidates_are_admitted_whatever_the_policy(address: str) -> None:
    assert is_admissible(candidate(address), SETTINGS)
    assert is_admissible(candidate(address), AMONG_STRANGERS)


@pytest.mark.parametrize("text", [candidate("0a3e-7c.local"), "", "candidate:", "not a candidate"])
@pytest.mark.parametrize("settings", [SETTINGS, ON_LOOPBACK])
def test_names_and_what_is_no_candidate_are_refused(text: str, settings: IceSettings) -> None:
    assert not is_admissible(text, settings)


def test_a_description_keeps_everything_but_what_is_refused() -> None:
    kept = ["v=0", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=" + candidate("1.1.1.1"), "a=mid:0"]
    refused = ["a=" + candidate("127.0.0.1"), "a=" + candidate("x.local"), "a=end-of-candidates"]
    private = ["a=" + candidate("10.1.2.3")]
    sdp = "\r\n".join([*kept, *private, *refused, ""])

    assert admissible(sdp, SETTINGS) == "\r\n".join([*kept, *private, ""])
    assert admissible(sdp, AMONG_STRANGERS) == "\r\n".join([*kept, ""])


def test_no_server_is_ever_asked_that_was_not_named() -> None:
    made = configuration(IceSettings(), given=(), relay_only=False, peer="p_a", now=NOW)

    assert made.iceServers == []


def test_own_servers_come_before_those_of_the_hub_and_their_credentials_are_minted() -> None:
    settings = IceSettings(servers=[IceServer(urls=["turn:own.example.ch"], secret="s")])
    given = (IceServerView(urls=("stun:hub.example.ch",)),)

    made = configuration(settings, given=given, relay_only=False, peer="p_a", now=NOW)

    assert made.iceServers is not None
    own, hubs = made.iceServers
    assert (own.urls, hubs.urls) == (["turn:own.example.ch"], ["stun:hub.example.ch"])
    assert str(own.username).endswith(":p_a")
    assert own.credential


@pytest.mark.parametrize(("own", "hubs"), [(True, False), (False, True)])
def test_either_side_may_ask_for_relays_only(own: bool, hubs: bool) -> None:
    made = configuration(IceSettings(relay_only=own), given=(), relay_only=hubs, peer="p_a", now=NOW)

    assert made.iceTransportPolicy.value == "relay"


def test_an_address_that_the_library_cannot_read_costs_no_connection() -> None:
    given = (IceServerView(urls=("stun:a.example.ch?transport=udp", "turn:b.example.ch")),)

    made = configuration(IceSettings(), given=given, relay_only=False, peer="p_a", now=NOW)

    assert made.iceServers is not None
    assert [each.urls for each in made.iceServers] == [["turn:b.example.ch"]]


# --- On a real connection ------------------------------------------------------------------------


class Told:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.states: list[MediaState] = []
        self.changed = asyncio.Event()

    def offered(self, pc: str, gen: int, sdp: str) -> None:
        pytest.fail("nobody asked for an offer")

    def answered(self, pc: str, gen: int, sdp: str) -> None:
        self.answers.append(sdp)
        self.changed.set()

    def fared(self, pc: str, gen: int, state: MediaState) -> None:
        self.states.append(state)
        self.changed.set()


class Target:
    """A service on this machine that a stranger would like to reach."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.setblocking(False)

    @property
    def candidate(self) -> str:
        return candidate("127.0.0.1", port=self.socket.getsockname()[1])

    async def is_hit(self) -> bool:
        try:
            async with asyncio.timeout(0.3):
                return bool(await asyncio.get_running_loop().sock_recv(self.socket, 2000))
        except TimeoutError:
            return False


@pytest.fixture
async def target() -> AsyncIterator[Target]:
    target = Target()
    yield target
    target.socket.close()


@pytest.fixture
async def stranger() -> AsyncIterator[RTCPeerConnection]:
    stranger = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    stranger.addTransceiver("audio", direction="recvonly")
    yield stranger
    await stranger.close()


async def offer_of(stranger: RTCPeerConnection, *, candidates: list[str]) -> str:
    await stranger.setLocalDescription()
    lines = stranger.localDescription.sdp.splitlines()
    kept = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of"))]
    return "\r\n".join([*kept, *(f"a={each}" for each in candidates), ""])


def generation(told: Told, *, loopback: bool) -> Generation:
    return Generation(
        PAIR,
        ice=IceSettings(loopback=loopback),
        sends=(),
        receives=lambda kind: Stream(kind, changed=lambda: None),
        plays=lambda _: True,
        listener=told,
    )


@pytest.mark.media
@pytest.mark.parametrize("loopback", [False, True])
@pytest.mark.parametrize("trickles", [False, True])
async def test_a_stranger_aims_the_peer_at_this_machine_only_if_it_was_told_so(
    stranger: RTCPeerConnection,
    target: Target,
    monkeypatch: pytest.MonkeyPatch,
    loopback: bool,
    trickles: bool,
) -> None:
    # A machine whose only address is this one: so that there is something to send from, in any case.
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    told = Told()
    peer = generation(told, loopback=loopback)
    running = asyncio.create_task(peer.run(RTCConfiguration(iceServers=[]), ("audio",)))

    inits = (CandidateInit(candidate=target.candidate, sdp_mid="0", sdp_m_line_index=0),)
    sdp = await offer_of(stranger, candidates=[] if trickles else [target.candidate])
    peer.do(Apply("c_1", 1, "offer", sdp))
    if trickles:
        peer.do(AddCandidates("c_1", 1, inits))
    is_hit = await target.is_hit()
    peer.end()
    await running

    assert len(told.answers) == 1
    assert is_hit is loopback


@pytest.mark.media
async def test_what_the_library_cannot_apply_fails_this_connection_and_nothing_else(
    stranger: RTCPeerConnection,
) -> None:
    told = Told()
    peer = generation(told, loopback=True)
    running = asyncio.create_task(peer.run(RTCConfiguration(iceServers=[]), ("audio",)))
    sdp = await offer_of(stranger, candidates=[])

    peer.do(Apply("c_1", 1, "offer", sdp.replace("opus", "quux").replace("PCM", "QCM").replace("G722", "H7")))
    async with asyncio.timeout(10):
        await told.changed.wait()
    peer.end()
    await running

    assert told.states == ["failed"]
    assert told.answers == []

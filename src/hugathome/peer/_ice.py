"""Which addresses a peer connection offers, and which it lets itself be sent to.

A remote candidate is an order to send UDP somewhere. Whoever runs a `Peer` on a server must not let a
stranger aim it at the server's own services: candidates on loopback and on the link are taken out of
descriptions and of what trickles in, before aiortc sees them, and by policy those on private networks. So
are names under `.local`: looking one up asks the reader's network, and the answer could be any address;
whoever hides theirs still reaches us at ours.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.rtcicetransport import parse_stun_turn_uri

from hugathome._model import Record
from hugathome.errors import RemoteProtocolError
from hugathome.protocol.candidates import Reach, parse_candidate, reach_of
from hugathome.protocol.ice import IceServer, ice_servers_for
from hugathome.protocol.wire import IceServerView

LOOPBACK = "127.0.0.1"


class IceSettings(Record):
    """How an endpoint finds the others."""

    servers: Sequence[IceServer] = ()
    """Servers of one's own, asked before those that the hub names at admission. aiortc uses one STUN and one
    TURN server, the first of each."""
    loopback: bool = False
    """Gather 127.0.0.1 and nothing else, and accept candidates there: for demonstrations and tests."""
    private: bool = True
    """Accept candidates on private networks, as two endpoints within a hospital need. False is for a server
    whose network strangers must not aim at: they still reach it at its own address, or through a relay."""
    relay_only: bool = False
    """Connect through TURN only, and so hide one's addresses; the hub may ask for it, too."""


def configuration(
    settings: IceSettings, *, given: Iterable[IceServerView], relay_only: bool, peer: str, now: datetime
) -> RTCConfiguration:
    """Return what to make a peer connection with; never the library's default, which asks a public server."""
    servers = [*ice_servers_for(settings.servers, peer=peer, now=now), *given]
    hides = settings.relay_only or relay_only
    return RTCConfiguration(
        iceServers=[
            RTCIceServer(urls=urls, username=each.username, credential=each.credential)
            for each in servers
            if (urls := [url for url in each.urls if _is_understood(url)])
        ],
        iceTransportPolicy=RTCIceTransportPolicy.RELAY if hides else RTCIceTransportPolicy.ALL,
        bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,  # one transport to gather for, and nothing to throw away
    )


async def gather(pc: RTCPeerConnection, settings: IceSettings) -> None:
    """Gather candidates ahead of the description that will hold them."""
    for transceiver in pc.getTransceivers():
        gatherer = transceiver.receiver.transport.transport.iceGatherer
        if settings.loopback and gatherer.state == "new":
            _confine(gatherer._connection)  # noqa: SLF001 - aiortc has no word for it
        await gatherer.gather()


def admissible(sdp: str, settings: IceSettings) -> str:
    """Return a description without the candidates that are refused.

    Nor does it say that there are no more: of candidates that come after that word aioice takes none, and
    an endpoint whose candidates are all refused would count as failed before it could reach us.
    """
    kept = [line for line in sdp.splitlines() if _is_kept(line, settings)]
    return "\r\n".join(kept) + "\r\n"


def is_admissible(candidate: str, settings: IceSettings) -> bool:
    """Whether a candidate may be used; the empty one, that says there are no more, may not."""
    try:
        reach = reach_of(parse_candidate(candidate))
    except RemoteProtocolError:
        return False
    accepted = {
        Reach.HIDDEN: False,
        Reach.OWN: settings.loopback,
        Reach.PRIVATE: settings.private,
        Reach.PUBLIC: True,
    }
    return accepted[reach]


def _is_understood(url: str) -> bool:
    """Whether aiortc can read a server's address; one that it cannot would fail every connection."""
    try:
        parse_stun_turn_uri(url)
    except ValueError:
        return False
    return True


def _is_kept(line: str, settings: IceSettings) -> bool:
    if line.startswith("a=candidate:"):
        return is_admissible(line.removeprefix("a="), settings)
    return line != "a=end-of-candidates"


def _confine(connection: Any) -> None:
    """Make one aioice connection gather loopback, which aioice leaves out, and no other address."""
    connection.get_component_candidates = partial(_on_loopback, connection.get_component_candidates)


async def _on_loopback(
    gather_on: Callable[..., Awaitable[Any]], *, component: int, addresses: list[str], timeout: int = 5
) -> Any:
    return await gather_on(component=component, addresses=[LOOPBACK], timeout=timeout)

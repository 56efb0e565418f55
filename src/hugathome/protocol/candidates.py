"""ICE candidates: what is let through, and where one would have its reader send.

The grammar is RFC 8839's as far as a relay needs it, in visible ASCII: what one parser takes for a space or
for the end of a line, another does not. A text is refused or passed on as it is, never rewritten. Names are
refused but for those under `.local`: looking one up would ask the reader's own network.
"""

import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

from hugathome.errors import RemoteProtocolError

_LONGEST = 1024
_WORD = r"[\x21-\x7e]"
_BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4 = re.compile(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}")
_MDNS = re.compile(r"[0-9a-z-]{1,63}\.local")
_CANDIDATE = re.compile(
    rf"candidate:[a-z0-9+/_-]{{1,32}} ([0-9]{{1,3}}) (udp|tcp|ssltcp) ([0-9]{{1,10}})"
    rf" ({_WORD}{{1,255}}) ([0-9]{{1,5}}) typ (host|srflx|prflx|relay)"
    rf"(?: raddr ({_WORD}{{1,255}}))?(?: {_WORD}+ {_WORD}+)* ?"
)
"""In small letters, for its words are read in any: an expression that does so itself takes twice as long."""
_EMBEDDING = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""Where the last four bytes are an IPv4 address: of a translator (RFC 6052), and the old compatible form."""


class Candidate(NamedTuple):
    """One candidate, read."""

    component: int
    transport: str
    priority: int
    address: str
    """An IP address, or a name under `.local` that hides one (mDNS); in small letters."""
    port: int
    kind: str
    """`host`, `srflx`, `prflx` or `relay`."""

    def __repr__(self) -> str:
        return f"Candidate(transport={self.transport!r}, kind={self.kind!r})"


class Reach(StrEnum):
    """Where what is sent to an address would go, as seen by whoever sends."""

    HIDDEN = "hidden"
    """A name, of which only the sender's own network knows the address."""
    OWN = "own"
    """The sender's own machine or link: loopback, unspecified, link-local, multicast."""
    PRIVATE = "private"
    """A network that is not the Internet's: RFC 1918, RFC 4193, and whatever else nobody routes."""
    PUBLIC = "public"


def parse_candidate(text: str) -> Candidate:
    """Read `RTCIceCandidateInit.candidate`, or raise `RemoteProtocolError`."""
    found = _CANDIDATE.fullmatch(text.lower()) if len(text) <= _LONGEST and text.isascii() else None
    if found is None:
        raise RemoteProtocolError("not a candidate")
    component, transport, priority, address, port, kind, related = found.groups()
    read = Candidate(int(component), transport, int(priority), address, int(port), kind)
    if read.port > 65535 or not _is_address(address) or not (related is None or _is_address(related)):
        raise RemoteProtocolError("a candidate without a usable address")
    return read


def reach_of(candidate: Candidate) -> Reach:
    """Say where sending to a candidate would lead; an IPv4 address inside of an IPv6 one counts as itself."""
    if candidate.address.endswith(".local"):
        return Reach.HIDDEN
    address = ip_address(candidate.address)
    meant = address if isinstance(address, IPv4Address) else _embedded(address) or address
    if any(_is_own(each) for each in (address, meant)):
        return Reach.OWN
    return Reach.PUBLIC if meant.is_global else Reach.PRIVATE


def _embedded(address: IPv6Address) -> IPv4Address | None:
    """Return the IPv4 address that a packet to `address` would come to, if it would."""
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_own(address: IPv4Address | IPv6Address) -> bool:
    is_everybody = address.is_multicast or address == IPv4Address("255.255.255.255")
    return is_everybody or address.is_loopback or address.is_link_local or address.is_unspecified


def _is_address(text: str) -> bool:
    if _IPV4.fullmatch(text) or _MDNS.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text

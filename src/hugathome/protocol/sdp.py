"""Session descriptions and candidates: what is let through, and what can be read off them.

The grammar is RFC 8866's and RFC 8839's as far as a relay needs it: enough to refuse what no endpoint
writes (hundreds of sections, endless lines, control characters, names instead of addresses) before any
endpoint parses it. A text is refused or passed on as it is, never rewritten.
"""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise

from pydantic import Field

from hugathome._model import Record
from hugathome.errors import RemoteProtocolError

_TOO_BIG = 4009
_LINE = re.compile(r"[a-z]=[^\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]*")
"""Without what some parsers take for the end of a line: none may read another description than this one."""
_SECTION = re.compile(r"m=([a-z]+) (\d{1,5})(?:/\d+)? ([A-Z/]+) .+", re.ASCII)
_FINGERPRINT = re.compile(r"sha-(?:256|384|512) (?:[0-9A-Fa-f]{2}:){31,63}[0-9A-Fa-f]{2}")
_ICE_WORD = re.compile(r"[A-Za-z0-9+/_-]{4,256}")
_DIRECTION = re.compile(r"a=(sendrecv|sendonly|recvonly|inactive)")
_MDNS = re.compile(r"[0-9A-Za-z-]{1,63}\.local", re.IGNORECASE | re.ASCII)
_CANDIDATE = re.compile(
    r"candidate:[A-Za-z0-9+/_-]{1,32} (\d{1,3}) (udp|tcp|ssltcp) (\d{1,10}) (\S{1,255}) (\d{1,5})"
    r" typ (host|srflx|prflx|relay)((?: \S+ \S+)*) ?",
    re.IGNORECASE | re.ASCII,
)


class SdpLimits(Record):
    """How large a description may be: above every browser's, below what costs a parser time."""

    size: int = 48 * 1024
    """Bytes."""
    sections: int = 24
    """Media lines."""
    lines: int = 2000
    line: int = 1024
    """Bytes in one line."""


_DEFAULTS = SdpLimits()
UNLIMITED = SdpLimits(size=2**31, sections=2**31, lines=2**31, line=2**31)
"""For what was judged before: the limits of today refuse nothing that the log holds."""


class Candidate(Record):
    """One candidate, read."""

    component: int
    transport: str
    priority: int
    address: str = Field(repr=False)
    """An IP address, or a name under `.local` that hides one (mDNS)."""
    port: int
    kind: str
    """`host`, `srflx`, `prflx` or `relay`."""


class Section(Record):
    """One media line and its attributes."""

    kind: str
    port: int
    direction: str = "sendrecv"
    """Its own; not all endpoints heed one that stands above the sections."""
    is_rejected: bool = False
    """By port 0, unless that only says that it shares the transport of another section (RFC 9143)."""


class Description(Record):
    """What a relay or an endpoint's filter needs to know of an offer or answer."""

    sections: tuple[Section, ...] = ()
    ufrags: frozenset[str] = frozenset()
    fingerprints: frozenset[str] = frozenset()
    candidates: tuple[Candidate, ...] = ()

    @property
    def sends_media(self) -> bool:
        """Whether the writer means to send sound or picture."""
        return any(
            section.kind in {"audio", "video"}
            and not section.is_rejected
            and section.direction in {"sendrecv", "sendonly"}
            for section in self.sections
        )


def parse_description(sdp: str, *, limits: SdpLimits = _DEFAULTS) -> Description:
    """Read an offer or answer, or raise `RemoteProtocolError`: 4009 beyond `limits`, else 4000."""
    lines = _lines(sdp, limits)
    if lines[:1] != ["v=0"] or not {"o", "s", "t"} <= {line[0] for line in lines}:
        raise RemoteProtocolError("a description needs its version, origin, name and time")
    starts = [number for number, line in enumerate(lines) if line[0] == "m"]
    if len(starts) > limits.sections:
        raise RemoteProtocolError("a description with too many sections", code=_TOO_BIG)
    attributes = [line[2:] for line in lines if line[0] == "a"]
    description = Description(
        sections=tuple(_sections(lines, starts)),
        ufrags=frozenset(_ice_word(value) for value in _values(attributes, "ice-ufrag")),
        fingerprints=frozenset(_fingerprint(value) for value in _values(attributes, "fingerprint")),
        candidates=tuple(parse_candidate(line) for line in attributes if line.startswith("candidate:")),
    )
    if not all(section.is_rejected for section in description.sections):
        _require_keys(description)
    return description


def parse_candidate(text: str) -> Candidate:
    """Read `RTCIceCandidateInit.candidate`, or raise `RemoteProtocolError`."""
    found = _CANDIDATE.fullmatch(text) if len(text) <= 1024 else None
    if found is None:
        raise RemoteProtocolError("not a candidate")
    component, transport, priority, address, port, kind = found.groups()[:6]
    if int(port) > 65535 or not _is_address(address):
        raise RemoteProtocolError("a candidate without a usable address")
    return Candidate(
        component=int(component),
        transport=transport.lower(),
        priority=int(priority),
        address=address,
        port=int(port),
        kind=kind.lower(),
    )


def is_loopback_or_link_local(candidate: Candidate) -> bool:
    """Whether the candidate points at the reader's own machine or link; the unspecified address does too."""
    if candidate.address.lower().endswith(".local"):
        return False
    address: IPv4Address | IPv6Address = ip_address(candidate.address)
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return address.is_loopback or address.is_link_local or address.is_unspecified


def _lines(sdp: str, limits: SdpLimits) -> list[str]:
    if len(sdp.encode()) > limits.size:
        raise RemoteProtocolError("a description that is too big", code=_TOO_BIG)
    lines = sdp.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) > limits.lines or any(len(line.encode()) > limits.line for line in lines):
        raise RemoteProtocolError("a description with too many or too long lines", code=_TOO_BIG)
    if not all(_LINE.fullmatch(line) for line in lines):
        raise RemoteProtocolError("a line that is no line of a description")
    return lines


def _sections(lines: list[str], starts: list[int]) -> Iterator[Section]:
    for start, end in pairwise([*starts, len(lines)]):
        found = _SECTION.fullmatch(lines[start])
        if found is None or int(found[2]) > 65535:
            raise RemoteProtocolError("a malformed media line")
        port, section = int(found[2]), lines[start:end]
        is_rejected = port == 0 and not any(line.startswith("a=bundle-only") for line in section)
        yield Section(kind=found[1], port=port, direction=_direction(section), is_rejected=is_rejected)


def _direction(section: list[str]) -> str:
    """Return the one direction; what reads like one and is none, endpoints read differently."""
    named = [(line, found) for line in section if (found := _DIRECTION.match(line))]
    if len(named) > 1:
        raise RemoteProtocolError("a section with two directions")
    for line, found in named:
        if line != f"a={found[1]}":
            raise RemoteProtocolError("a malformed direction")
        return found[1]
    return "sendrecv"


def _values(attributes: list[str], name: str) -> Iterator[str]:
    prefix = name + ":"
    return (line.removeprefix(prefix) for line in attributes if line.startswith(prefix))


def _ice_word(value: str) -> str:
    if not _ICE_WORD.fullmatch(value):
        raise RemoteProtocolError("a malformed ICE user name")
    return value


def _fingerprint(value: str) -> str:
    if not _FINGERPRINT.fullmatch(value):
        raise RemoteProtocolError("a malformed or outdated fingerprint")
    return value


def _require_keys(description: Description) -> None:
    """Refuse media that nothing would encrypt: WebRTC is DTLS or it is nothing (RFC 8827, 6.5)."""
    if not description.fingerprints or not description.ufrags:
        raise RemoteProtocolError("a description without fingerprint or ICE user name")


def _is_address(text: str) -> bool:
    """Other names are refused: looking them up would ask the reader's own network."""
    if _MDNS.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text

"""Session descriptions and candidates: what is let through, and what can be read off them.

The grammar is RFC 8866's and RFC 8839's as far as a relay needs it: enough to refuse what no endpoint
writes (hundreds of sections, endless lines, control characters, names instead of addresses) before any
endpoint parses it. A text is refused or passed on as it is, never rewritten.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import pairwise

from hugathome._model import Record
from hugathome.errors import RemoteProtocolError

_TOO_BIG = 4009
_LINES = re.compile(r"(?:[a-z]=.*\n)+")
_PLAIN = bytes({*range(256)} - {*range(32), 127} | {9, 10})
"""All bytes but controls; of these, tabulators and line feeds are as good."""
_BREAKS = re.compile(r"[\x85\u2028\u2029]")
"""What some parsers take for the end of a line: none may read another description than this one."""
_SAYING = re.compile(
    r"^(m=|a=(?:ice-ufrag:|fingerprint:|candidate:|bundle-only|sendrecv|sendonly|recvonly|inactive))(.*)",
    re.MULTILINE,
)
"""The lines that are looked at, as name and value; of the others it is enough that they are lines."""
_SECTION = re.compile(r"([a-z]+) (\d{1,5})(?:/\d+)? ([A-Z/]+) .+", re.ASCII)
_FINGERPRINT = re.compile(r"sha-(?:256|384|512) (?:[0-9A-Fa-f]{2}:){31,63}[0-9A-Fa-f]{2}")
_ICE_WORD = re.compile(r"[A-Za-z0-9+/_-]{4,256}")
_DIRECTIONS = {"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}
_MDNS = re.compile(r"[0-9A-Za-z-]{1,63}\.local", re.IGNORECASE | re.ASCII)
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])(?:\.(?!$)|$)){4}")
_CANDIDATE = re.compile(
    r"candidate:[A-Za-z0-9+/_-]{1,32} (\d{1,3}) (udp|tcp|ssltcp) (\d{1,10}) (\S{1,255}) (\d{1,5})"
    r" typ (host|srflx|prflx|relay)((?: \S+ \S+)*) ?",
    re.IGNORECASE | re.ASCII,
)

_Said = tuple[str, str]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One candidate, read."""

    component: int
    transport: str
    priority: int
    address: str = field(repr=False)
    """An IP address, or a name under `.local` that hides one (mDNS)."""
    port: int
    kind: str
    """`host`, `srflx`, `prflx` or `relay`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One media line and its attributes."""

    kind: str
    port: int
    direction: str = "sendrecv"
    """Its own; not all endpoints heed one that stands above the sections."""
    is_rejected: bool = False
    """By port 0, unless that only says that it shares the transport of another section (RFC 9143)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
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


def parse_description(sdp: str, *, limits: SdpLimits | None = _DEFAULTS) -> Description:
    """Read an offer or answer, or raise `RemoteProtocolError`: 4009 beyond `limits`, else 4000."""
    if limits is not None:
        require_within(limits, sdp)
    text = _text(sdp)
    if not text.startswith("v=0\n") or not all(f"\n{kind}=" in text for kind in "ost"):
        raise RemoteProtocolError("a description needs its version, origin, name and time")
    said: list[_Said] = _SAYING.findall(text)
    starts = [number for number, (name, _) in enumerate(said) if name == "m="]
    description = Description(
        sections=tuple(_sections(said, starts)),
        ufrags=frozenset(_ice_word(value) for name, value in said if name == "a=ice-ufrag:"),
        fingerprints=frozenset(_fingerprint(value) for name, value in said if name == "a=fingerprint:"),
        candidates=tuple(
            parse_candidate(f"candidate:{value}") for name, value in said if name == "a=candidate:"
        ),
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


def require_within(limits: SdpLimits, sdp: str) -> None:
    """Raise `RemoteProtocolError` (4009) for a text that is too big to be read."""
    written = _written(sdp)
    if len(written) > limits.size:
        raise RemoteProtocolError("a description that is too big", code=_TOO_BIG)
    lines = written.replace(b"\r\n", b"\n").removesuffix(b"\n").split(b"\n")
    if len(lines) > limits.lines or max(map(len, lines)) > limits.line:
        raise RemoteProtocolError("a description with too many or too long lines", code=_TOO_BIG)
    if written.count(b"\nm=") > limits.sections:
        raise RemoteProtocolError("a description with too many sections", code=_TOO_BIG)


def _text(sdp: str) -> str:
    """Return the description with each line ended by a line feed."""
    text = sdp.replace("\r\n", "\n").removesuffix("\n") + "\n"
    is_plain = not _written(text).translate(None, _PLAIN) and (text.isascii() or not _BREAKS.search(text))
    if not is_plain or not _LINES.fullmatch(text):
        raise RemoteProtocolError("a line that is no line of a description")
    return text


def _written(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise RemoteProtocolError("a description that UTF-8 cannot carry") from None


def _sections(said: list[_Said], starts: list[int]) -> Iterator[Section]:
    for start, end in pairwise([*starts, len(said)]):
        found = _SECTION.fullmatch(said[start][1])
        if found is None or int(found[2]) > 65535:
            raise RemoteProtocolError("a malformed media line")
        port, attributes = int(found[2]), said[start + 1 : end]
        is_rejected = port == 0 and not any(name == "a=bundle-only" for name, _ in attributes)
        yield Section(kind=found[1], port=port, direction=_direction(attributes), is_rejected=is_rejected)


def _direction(attributes: list[_Said]) -> str:
    """Return the one direction; what reads like one and is none, endpoints read differently."""
    named = [said for said in attributes if said[0] in _DIRECTIONS]
    if len(named) > 1:
        raise RemoteProtocolError("a section with two directions")
    for name, more in named:
        if more:
            raise RemoteProtocolError("a malformed direction")
        return name[2:]
    return "sendrecv"


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
    if _IPV4.fullmatch(text) or _MDNS.fullmatch(text):
        return True
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text

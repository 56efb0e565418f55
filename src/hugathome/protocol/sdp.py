"""Session descriptions: what is let through, and what can be read off them.

The grammar is RFC 8866's and RFC 8839's as far as a relay needs it: enough to refuse what no endpoint
writes (hundreds of sections, endless lines, control characters, lines where they do not belong, media that
nothing encrypts) before any endpoint parses it. A text is refused or passed on as it is, never rewritten.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from hugathome._model import Record
from hugathome.errors import RemoteProtocolError
from hugathome.protocol.candidates import Candidate, parse_candidate

_TOO_BIG = 4009
_FORM = re.compile(
    r"v=0\no=[\x21-\x7e]+ [0-9]{1,20} [0-9]{1,20} IN IP[46] [\x21-\x7e]+\ns=.*\n"
    r"(?:[iuepcbrzka]=.*\n)*t=[0-9]{1,20} [0-9]{1,20}\n(?:[iuepcbrzka]=.*\n)*"
    r"(?:m=.*\n(?:[icbka]=.*\n)*)*"
)
"""The lines in their order (RFC 8866, 9)."""
_PLAIN = bytes({*range(256)} - {*range(32), 127} | {9, 10})
"""All bytes but controls; of these, tabulators and line feeds are as good."""
_BREAKS = re.compile(r"[\x85\u2028\u2029]")
"""What some parsers take for the end of a line: none may read another description than this one."""
_SAYING = re.compile(
    r"\n(m=|a=(?:mid:|ice-ufrag:|ice-pwd:|fingerprint:|candidate:"
    r"|bundle-only|sendrecv|sendonly|recvonly|inactive))(.*)"
)
"""The lines that are looked at, as name and value; of the others it is enough that they are lines.

None of them is the first: by what they begin with, the next is found three times as fast as by `^`.
"""
_SECTION = re.compile(r"([a-z]+) (\d{1,5})(?:/\d+)? ([A-Z/]+)((?: [\x21-\x7e]+)+)", re.ASCII)
_ENCRYPTED = re.compile(r"(?:UDP|TCP)/D?TLS/RTP/SAVPF?|(?:(?:UDP|TCP)/)?DTLS/SCTP")
_MID = re.compile(r"[!#-'*+.0-9A-Z^-~-]{1,64}")
_FINGERPRINT = re.compile(r"sha-(?:256|384|512) (?:[0-9A-Fa-f]{2}:){31,63}[0-9A-Fa-f]{2}")
_USER_NAME = re.compile(r"[A-Za-z0-9+/_-]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/_-]{22,256}")
_DIRECTIONS = {"a=sendrecv", "a=sendonly", "a=recvonly", "a=inactive"}

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


class Section(NamedTuple):
    """One media line and its attributes."""

    kind: str
    port: int
    direction: str
    """Its own; not all endpoints heed one that stands above the sections."""
    is_rejected: bool
    """By port 0, unless that only says that it shares the transport of another section (RFC 9143)."""


class Description(NamedTuple):
    """What a relay or an endpoint's filter needs to know of an offer or answer."""

    sections: tuple[Section, ...]
    ufrags: frozenset[str]
    fingerprints: frozenset[str]
    candidates: tuple[Candidate, ...]

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
    said: list[_Said] = _SAYING.findall(_text(sdp))
    values: dict[str, list[str]] = defaultdict(list)
    for name, value in said:
        values[name].append(value)
    description = Description(
        tuple(_sections(said)),
        ufrags=_well_formed(values, "a=ice-ufrag:", _USER_NAME),
        fingerprints=_well_formed(values, "a=fingerprint:", _FINGERPRINT),
        candidates=tuple([parse_candidate(f"candidate:{value}") for value in values["a=candidate:"]]),
    )
    passwords, mids = _well_formed(values, "a=ice-pwd:", _PASSWORD), _well_formed(values, "a=mid:", _MID)
    if len(values["a=mid:"]) > len(mids):
        raise RemoteProtocolError("two sections of one name")
    if not all(section.is_rejected for section in description.sections):
        _require_keys(description, passwords)
    return description


def require_within(limits: SdpLimits, sdp: str) -> None:
    """Raise `RemoteProtocolError` (4009) for a text that is too big to be read."""
    written = _written(sdp)
    if len(written) > limits.size:
        raise RemoteProtocolError("a description that is too big", code=_TOO_BIG)
    lines = written.splitlines()
    if len(lines) > limits.lines or max(map(len, lines), default=0) > limits.line:
        raise RemoteProtocolError("a description with too many or too long lines", code=_TOO_BIG)
    if written.count(b"\nm=") > limits.sections:
        raise RemoteProtocolError("a description with too many sections", code=_TOO_BIG)


def _text(sdp: str) -> str:
    """Return the description with each line ended by a line feed."""
    text = sdp.replace("\r\n", "\n").removesuffix("\n") + "\n"
    is_plain = not _written(text).translate(None, _PLAIN) and (text.isascii() or not _BREAKS.search(text))
    if not is_plain or not _FORM.fullmatch(text):
        raise RemoteProtocolError("a line that is none of a description, or not in its place")
    return text


def _written(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise RemoteProtocolError("a description that UTF-8 cannot carry") from None


def _sections(said: list[_Said]) -> Iterator[Section]:
    starts = [number for number, (name, _) in enumerate(said) if name == "m="]
    for start, end in pairwise([*starts, len(said)]):
        found = _SECTION.fullmatch(said[start][1])
        if found is None or int(found[2]) > 65535:
            raise RemoteProtocolError("a malformed media line")
        port, attributes = int(found[2]), said[start + 1 : end]
        is_rejected = port == 0 and not any(name == "a=bundle-only" for name, _ in attributes)
        if not is_rejected and not _ENCRYPTED.fullmatch(found[3]):
            raise RemoteProtocolError("media that nothing would encrypt")
        yield Section(found[1], port, direction=_direction(attributes), is_rejected=is_rejected)


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


def _well_formed(values: Mapping[str, list[str]], wanted: str, form: re.Pattern[str]) -> frozenset[str]:
    """Return the values of `wanted`, each once: sections that share a transport say the same ones again."""
    named = frozenset(values.get(wanted, ()))
    for value in named:
        if not form.fullmatch(value):
            raise RemoteProtocolError(f"a malformed {wanted}")
    return named


def _require_keys(description: Description, passwords: frozenset[str]) -> None:
    """Refuse media that nothing would encrypt: WebRTC is DTLS or it is nothing (RFC 8827, 6.5)."""
    if not description.fingerprints or not description.ufrags or not passwords:
        raise RemoteProtocolError("a description without fingerprint or ICE credentials")

"""Session descriptions: what is let through, and what can be read off them.

The grammar is RFC 8866's and RFC 8839's as far as a relay needs it: enough to refuse what no endpoint
writes (hundreds of sections, endless lines, control characters, lines where they do not belong, media that
nothing encrypts) before any endpoint parses it. A text is refused or passed on as it is, never rewritten.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from hugathome._model import Record
from hugathome.errors import RemoteProtocolError
from hugathome.protocol.candidates import Candidate, parse_candidate

_TOO_BIG = 4009
_LINE = re.compile(r"[a-z]=[^\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]*")
"""Without what some parsers take for the end of a line: none may read another description than this one."""
_ORDER = re.compile(r"vos[iuepcbrzka]*t[iuepcbtrzka]*(?:m[icbka]*)*")
"""The first letters of the lines, one after another (RFC 8866, 9)."""
_ORIGIN = re.compile(r"o=[\x21-\x7e]+ \d{1,20} \d{1,20} IN IP[46] [\x21-\x7e]+", re.ASCII)
_TIME = re.compile(r"t=\d{1,20} \d{1,20}", re.ASCII)
_SECTION = re.compile(r"m=([a-z]+) (\d{1,5})(?:/\d+)? ([A-Z/]+)((?: [\x21-\x7e]+)+)", re.ASCII)
_ENCRYPTED = re.compile(r"(?:UDP|TCP)/D?TLS/RTP/SAVPF?|(?:(?:UDP|TCP)/)?DTLS/SCTP")
_MID = re.compile(r"[!#-'*+.0-9A-Z^-~-]{1,64}")
_FINGERPRINT = re.compile(r"sha-(?:256|384|512) (?:[0-9A-Fa-f]{2}:){31,63}[0-9A-Fa-f]{2}")
_USER_NAME = re.compile(r"[A-Za-z0-9+/_-]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/_-]{22,256}")
_DIRECTION = re.compile(r"a=(sendrecv|sendonly|recvonly|inactive)")


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
    _require_beginning(lines)
    starts = [number for number, line in enumerate(lines) if line[0] == "m"]
    if len(starts) > limits.sections:
        raise RemoteProtocolError("a description with too many sections", code=_TOO_BIG)
    attributes = [line[2:] for line in lines if line[0] == "a"]
    passwords = _values(attributes, "ice-pwd", _PASSWORD)
    description = Description(
        sections=tuple(_sections(lines, starts)),
        ufrags=frozenset(_values(attributes, "ice-ufrag", _USER_NAME)),
        fingerprints=frozenset(_values(attributes, "fingerprint", _FINGERPRINT)),
        candidates=tuple(parse_candidate(line) for line in attributes if line.startswith("candidate:")),
    )
    mids = _values(attributes, "mid", _MID)
    if len(mids) > len(set(mids)):
        raise RemoteProtocolError("two sections of one name")
    if not all(section.is_rejected for section in description.sections):
        _require_keys(description, passwords)
    return description


def _lines(sdp: str, limits: SdpLimits) -> list[str]:
    if len(sdp.encode(errors="replace")) > limits.size:
        raise RemoteProtocolError("a description that is too big", code=_TOO_BIG)
    lines = sdp.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(lines) > limits.lines or any(len(line.encode(errors="replace")) > limits.line for line in lines):
        raise RemoteProtocolError("a description with too many or too long lines", code=_TOO_BIG)
    if not all(_LINE.fullmatch(line) for line in lines):
        raise RemoteProtocolError("a line that is no line of a description")
    return lines


def _require_beginning(lines: list[str]) -> None:
    is_in_order = _ORDER.fullmatch("".join(line[0] for line in lines)) is not None
    if not is_in_order or lines[0] != "v=0" or not _ORIGIN.fullmatch(lines[1]):
        raise RemoteProtocolError("a description needs its version, origin, name and time, in this order")
    if not all(_TIME.fullmatch(line) for line in lines if line[0] == "t"):
        raise RemoteProtocolError("a malformed time")


def _sections(lines: list[str], starts: list[int]) -> Iterator[Section]:
    for start, end in pairwise([*starts, len(lines)]):
        found = _SECTION.fullmatch(lines[start])
        if found is None or int(found[2]) > 65535:
            raise RemoteProtocolError("a malformed media line")
        port, section = int(found[2]), lines[start:end]
        is_rejected = port == 0 and not any(line.startswith("a=bundle-only") for line in section)
        if not is_rejected and not _ENCRYPTED.fullmatch(found[3]):
            raise RemoteProtocolError("media that nothing would encrypt")
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


def _values(attributes: list[str], name: str, form: re.Pattern[str]) -> list[str]:
    prefix = name + ":"
    values = [line.removeprefix(prefix) for line in attributes if line.startswith(prefix)]
    if not all(form.fullmatch(value) for value in values):
        raise RemoteProtocolError(f"a malformed {name}")
    return values


def _require_keys(description: Description, passwords: list[str]) -> None:
    """Refuse media that nothing would encrypt: WebRTC is DTLS or it is nothing (RFC 8827, 6.5)."""
    if not description.fingerprints or not description.ufrags or not passwords:
        raise RemoteProtocolError("a description without fingerprint or ICE credentials")

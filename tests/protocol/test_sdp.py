"""Descriptions and candidates: real ones pass, everything else raises our own error and nothing else."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import RemoteProtocolError
from hugathome.protocol.sdp import SdpLimits, is_loopback_or_link_local, parse_candidate, parse_description

HEAD = ["v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0"]
KEYS = ["a=ice-ufrag:Yb2x", "a=ice-pwd:" + "p" * 24, "a=fingerprint:sha-256 " + ":".join(["0F"] * 32)]
AUDIO = ["m=audio 9 UDP/TLS/RTP/SAVPF 111 63", "c=IN IP4 0.0.0.0", *KEYS, "a=mid:0", "a=sendrecv"]
DATA = ["m=application 9 UDP/DTLS/SCTP webrtc-datachannel", *KEYS, "a=sctp-port:5000"]


def text(*lines: str) -> str:
    return "\r\n".join([*lines, ""])


def test_a_description_is_read() -> None:
    candidate = "a=candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host generation 0 ufrag Yb2x"

    description = parse_description(text(*HEAD, *AUDIO, candidate, *DATA))

    assert [section.kind for section in description.sections] == ["audio", "application"]
    assert description.ufrags == {"Yb2x"}
    assert len(description.fingerprints) == 1
    assert [each.address for each in description.candidates] == ["192.0.2.7"]
    assert description.sends_media


def test_line_feeds_alone_separate_lines_too() -> None:
    assert parse_description("\n".join([*HEAD, *AUDIO, ""])).sections


@pytest.mark.parametrize(
    ("direction", "sends"),
    [("sendrecv", True), ("sendonly", True), ("recvonly", False), ("inactive", False), (None, True)],
)
def test_directions_say_whether_media_are_sent(direction: str | None, sends: bool) -> None:
    lines = [*HEAD, *AUDIO[:-1], *([f"a={direction}"] if direction else [])]

    assert parse_description(text(*lines)).sends_media is sends


def test_a_direction_above_the_sections_binds_nobody() -> None:
    """Chromium and aiortc read none there: whoever may not send would send all the same."""
    assert parse_description(text(*HEAD, "a=recvonly", *AUDIO[:-1])).sends_media
    assert parse_description(text(*HEAD, "a=recvonly", *AUDIO)).sends_media
    assert not parse_description(text(*HEAD, "a=sendrecv", *AUDIO[:-1], "a=recvonly")).sends_media


def test_data_and_rejected_sections_send_no_media() -> None:
    rejected = [AUDIO[0].replace(" 9 ", " 0 "), *AUDIO[1:]]

    assert not parse_description(text(*HEAD, *DATA)).sends_media
    assert not parse_description(text(*HEAD, *rejected)).sends_media


def test_a_section_that_shares_the_transport_of_another_is_not_rejected() -> None:
    bundled = [AUDIO[0].replace(" 9 ", " 0 "), "a=bundle-only", *AUDIO[1:]]

    assert parse_description(text(*HEAD, *DATA, *bundled)).sends_media


@pytest.mark.parametrize(
    "lines",
    [
        [],
        ["v=1", *HEAD[1:]],
        HEAD[:3],
        [*HEAD, "m=audio nine UDP/TLS/RTP/SAVPF 111"],
        [*HEAD, "m=audio 99999 UDP/TLS/RTP/SAVPF 111", *KEYS],
        [*HEAD, *AUDIO[:2], *AUDIO[3:]],
        [*HEAD, *[line for line in AUDIO if "fingerprint" not in line]],
        [*HEAD, *AUDIO, "a=fingerprint:sha-1 " + ":".join(["0F"] * 20)],
        [*HEAD, *AUDIO, "a=ice-ufrag:with space"],
        [*HEAD, *AUDIO, "a=inactive"],
        [*HEAD, *AUDIO[:-1], "a=recvonly", "a=sendrecv:x"],
        [*HEAD, *AUDIO[:-1], "a=recvonly", "a=sendrecv "],
        [*HEAD, *AUDIO[:-1], "a=recvonly", "a=x\u2028a=sendrecv"],
        [*HEAD, *AUDIO[:-1], "a=recvonly", "a=x\x85a=sendrecv"],
        [*HEAD, *AUDIO, "a=x\0y"],
        [*HEAD, *AUDIO, "a=\udc80"],
        [*HEAD, *AUDIO, "", "a=x"],
        [*HEAD, *AUDIO, "hello"],
        [*HEAD, *AUDIO, "a=candidate:1 1 udp 1 internal.example.ch 50000 typ host"],
    ],
)
def test_what_no_endpoint_writes_is_refused(lines: list[str]) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_description(text(*lines))

    assert refusal.value.code == 4000


@pytest.mark.parametrize(
    "lines",
    [
        [*HEAD, *(AUDIO * 400)],
        [*HEAD, *(AUDIO * 25)],
        [*HEAD, *AUDIO, *(["a=x"] * 2000)],
        [*HEAD, *AUDIO, "a=" + "x" * 1023],
        [*HEAD, *AUDIO, *(["a=" + "é" * 500] * 60)],
    ],
)
def test_what_is_too_big_is_refused_as_that(lines: list[str]) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_description(text(*lines))

    assert refusal.value.code == 4009


def test_limits_can_be_set() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_description(text(*HEAD, *AUDIO, *DATA), limits=SdpLimits(sections=1))


@pytest.mark.parametrize(
    ("candidate", "address", "kind"),
    [
        ("candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host", "192.0.2.7", "host"),
        (
            "candidate:842163049 1 UDP 1677729535 2001:db8::7 50000 typ srflx raddr 0.0.0.0 rport 0",
            "2001:db8::7",
            "srflx",
        ),
        (
            "candidate:1 1 tcp 1518280447 192.0.2.7 9 typ host tcptype active generation 0 ufrag x",
            "192.0.2.7",
            "host",
        ),
        (
            "candidate:1 1 udp 1 2d1a5a4c-1d5e-4c0b-9a55-1f6d0e3c7a11.local 50000 typ host",
            "2d1a5a4c-1d5e-4c0b-9a55-1f6d0e3c7a11.local",
            "host",
        ),
    ],
)
def test_candidates_of_browsers_are_read(candidate: str, address: str, kind: str) -> None:
    read = parse_candidate(candidate)

    assert (read.address, read.kind) == (address, kind)


@pytest.mark.parametrize(
    "candidate",
    [
        "",
        "candidate:",
        "a=candidate:1 1 udp 1 192.0.2.7 50000 typ host",
        "candidate:1 1 udp 1 192.0.2.7 65536 typ host",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ guest",
        "candidate:1 1 sctp 1 192.0.2.7 50000 typ host",
        "candidate:1 1 udp 1 example.ch 50000 typ host",
        "candidate:1 1 udp 1 localhost 50000 typ host",
        "candidate:1 1 udp 1 a.b.local 50000 typ host",
        "candidate:1 1 udp 1 fe80::1%eth0 50000 typ host",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ host odd",
        "candidate:1 1 udp 1 192.0.2.7 \uff15\uff10\uff10\uff10 typ host",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ host\r\na=x",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ host" + " a b" * 400,
    ],
)
def test_garbage_is_no_candidate(candidate: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_candidate(candidate)


@pytest.mark.parametrize(
    ("address", "is_local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.10", True),
        ("0.0.0.0", True),
        ("169.254.1.1", True),
        ("::1", True),
        ("::", True),
        ("fe80::1", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:192.0.2.7", False),
        ("192.0.2.7", False),
        ("10.1.2.3", False),
        ("2001:db8::1", False),
        ("some-name.local", False),
    ],
)
def test_addresses_of_the_readers_own_machine_are_told_apart(address: str, is_local: bool) -> None:
    candidate = parse_candidate(f"candidate:1 1 udp 1 {address} 50000 typ host")

    assert is_loopback_or_link_local(candidate) is is_local


def test_what_is_refused_is_not_quoted() -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_candidate("candidate:1 1 udp 1 secret.example.ch 50000 typ host")

    assert "secret" not in str(refusal.value)
    assert "192.0.2" not in repr(parse_candidate("candidate:1 1 udp 1 192.0.2.7 50000 typ host"))


LINES = st.sampled_from([*HEAD, *AUDIO, *DATA, "a=candidate:1 1 udp 1 192.0.2.7 1 typ host", "", "a=", "m="])


@given(st.lists(LINES | st.text(max_size=40), max_size=30), st.sampled_from(["\r\n", "\n", "\r"]))
def test_nothing_but_our_own_error_leaves_the_reader_of_descriptions(lines: list[str], end: str) -> None:
    with suppress(RemoteProtocolError):
        parse_description(end.join(lines))


@given(st.text() | st.from_regex(r"candidate:\S+ \d+ udp \d+ \S+ \d+ typ host.*", fullmatch=True))
def test_nothing_but_our_own_error_leaves_the_reader_of_candidates(candidate: str) -> None:
    with suppress(RemoteProtocolError):
        is_loopback_or_link_local(parse_candidate(candidate))

"""Candidates: real ones pass, everything else raises our own error, and where they lead is known."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import RemoteProtocolError
from hugathome.protocol.candidates import Reach, parse_candidate, reach_of


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
        "candidate:1 1 udp 1 192.0.2.7 50000 typ host x \u2028y",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ host x\xa0y z",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ host x \0",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ srflx raddr intern.example.ch rport 9",
        "candidate:1 1 udp 1 192.0.2.7 50000 typ host" + " a b" * 400,
    ],
)
def test_garbage_is_no_candidate(candidate: str) -> None:
    with pytest.raises(RemoteProtocolError):
        parse_candidate(candidate)


@pytest.mark.parametrize(
    ("address", "reach"),
    [
        *((own, Reach.OWN) for own in ("127.0.0.1", "127.8.9.10", "0.0.0.0", "169.254.1.1")),
        *((own, Reach.OWN) for own in ("224.0.0.251", "255.255.255.255", "::1", "::", "fe80::1", "ff02::1")),
        *(
            (own, Reach.OWN)
            for own in ("::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::")
        ),
        *((inner, Reach.PRIVATE) for inner in ("10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1")),
        *((inner, Reach.PRIVATE) for inner in ("fd00::1", "192.0.2.7", "2001:db8::1", "240.0.0.1")),
        *((inner, Reach.PRIVATE) for inner in ("::ffff:10.1.2.3", "64:ff9b::a00:1", "2002:a00:1::")),
        *((outer, Reach.PUBLIC) for outer in ("1.1.1.1", "2a00:1450::1", "::ffff:1.1.1.1", "64:ff9b::101:1")),
        ("some-name.local", Reach.HIDDEN),
    ],
)
def test_it_is_known_where_sending_to_an_address_would_lead(address: str, reach: Reach) -> None:
    candidate = parse_candidate(f"candidate:1 1 udp 1 {address} 50000 typ host")

    assert reach_of(candidate) is reach


def test_what_is_refused_is_not_quoted() -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_candidate("candidate:1 1 udp 1 secret.example.ch 50000 typ host")

    assert "secret" not in str(refusal.value)
    assert "192.0.2" not in repr(parse_candidate("candidate:1 1 udp 1 192.0.2.7 50000 typ host"))


@given(st.text() | st.from_regex(r"candidate:\S+ \d+ udp \d+ \S+ \d+ typ host.*", fullmatch=True))
def test_nothing_but_our_own_error_leaves_the_reader_of_candidates(candidate: str) -> None:
    with suppress(RemoteProtocolError):
        reach_of(parse_candidate(candidate))

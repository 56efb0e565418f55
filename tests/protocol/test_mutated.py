"""What arrives from outside, changed at random: a parser raises our own error, or returns.

A few thousand inputs of a fixed seed; `benchmarks/fuzz.py` takes a million of each, guided by coverage.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from hugathome.errors import RemoteProtocolError
from hugathome.protocol.frames import parse_client, parse_server
from hugathome.protocol.sdp import is_loopback_or_link_local, parse_candidate, parse_description

SDP = (Path(__file__).parents[1] / "corpus/description.sdp").read_text().replace("\n", "\r\n")
CANDIDATE = "candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host generation 0"
ON_PAIR = {"v": 1, "seq": 1, "pc": "c_1", "gen": 1}
OFFER = json.dumps({**ON_PAIR, "type": "offer", "neg": 1, "sdp": SDP})
CANDIDATES = json.dumps({**ON_PAIR, "type": "candidate", "candidates": [{"candidate": CANDIDATE}]})
TEXT = json.dumps({"type": "text", "pos": "5.9f1c22d07ab1", "at": "2026-11-22T09:00:00Z", "text": "Hello"})
PIECES = (
    *(
        "",
        "0",
        "-1",
        "1e400",
        "null",
        "[]",
        "{}",
        '"',
        "\\",
        "\\ud800",
        "\ud800",
        "\0",
        "é",
        "\u2028",
        "\x85",
        "\n",
    ),
    *(
        "type",
        "must",
        "true",
        "9" * 20,
        "[" * 300,
        "m=",
        "a=candidate:",
        "a=inactive",
        "a=ice-ufrag:",
        "%eth0",
        "::1",
    ),
    *("x" * 2000, "256.1.1.1", "\u0661", ".local", " "),
)


def followed(text: str) -> None:
    is_loopback_or_link_local(parse_candidate(text))


@pytest.mark.parametrize(
    ("parse", "seed"),
    [
        (parse_client, OFFER),
        (parse_client, CANDIDATES),
        (parse_server, TEXT),
        (parse_server, OFFER),
        (parse_description, SDP),
        (followed, CANDIDATE),
    ],
    ids=["an offer", "candidates", "a text", "an offer from the hub", "a description", "a candidate"],
)
def test_a_changed_text_is_read_or_refused_in_our_own_words(
    parse: Callable[[str], object], seed: str
) -> None:
    random = Random(6)

    for _ in range(2_000):
        with suppress(RemoteProtocolError):
            parse(_changed(seed, random))


def _changed(text: str, random: Random) -> str:
    for _ in range(random.randint(1, 3)):
        begin = random.randint(0, len(text))
        end = begin + random.choice((0, 0, 1, 2, 8, 64))
        text = text[:begin] + random.choice(PIECES) + text[end:]
    return text

"""What strangers type, post and signal: a million inputs to each parser raise nothing but our own errors.

None may be slow, either. Each target runs under Atheris in a process of its own, guided by what it covers in
this library. Coverage slows everything down, so that the slowest inputs are timed again without it.

    python benchmarks/fuzz.py
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from heapq import heappush, heappushpop
from pathlib import Path
from time import perf_counter

INPUTS = 1_000_000
SLOWEST = 50
"""Inputs of each target that are timed again."""
TRIES = 5
LONGEST = 4096
"""Bytes of one input."""


def code(given: bytes) -> None:
    """Read what somebody typed as a code."""
    from hugathome.codes import parse_code

    parse_code(given.decode(errors="surrogateescape"), digits=6)


def phone(given: bytes) -> None:
    """Read what somebody gave as their number, in E.164 or as a Swiss one."""
    from hugathome.phone import PhoneNumber

    text = given[1:].decode(errors="surrogateescape")
    PhoneNumber.parse(text, region="CH" if given[:1] < b"\x80" else None)


def receipt(given: bytes) -> None:
    """Read what somebody posted as a gateway's receipt."""
    from hugathome.sms.reading import KINDS, READERS, read_receipt

    choice = given[0] if given else 0
    gateway = list(READERS)[choice % len(READERS)]
    read_receipt(gateway, given[1:], kind=KINDS[choice // 128], query={"reference": "abcdefgh.1"})


def message(given: bytes) -> None:
    """Read what a device, or a hub, sent."""
    from hugathome.protocol.frames import parse_client, parse_server

    text = given[1:].decode(errors="surrogateescape")
    (parse_client if given[:1] < b"\x80" else parse_server)(text)


def description(given: bytes) -> None:
    """Read an offer or answer."""
    from hugathome.protocol.sdp import parse_description

    parse_description(given.decode(errors="surrogateescape"))


def candidate(given: bytes) -> None:
    """Read a candidate, and look where it leads."""
    from hugathome.protocol.sdp import is_loopback_or_link_local, parse_candidate

    is_loopback_or_link_local(parse_candidate(given.decode(errors="surrogateescape")))


_TARGETS = (code, phone, receipt, message, description, candidate)
TARGETS: dict[str, Callable[[bytes], object]] = {each.__name__: each for each in _TARGETS}
_SDP = (Path(__file__).parents[1] / "tests/corpus/description.sdp").read_bytes().replace(b"\n", b"\r\n")
SEEDS = {
    "code": [b"493817", b"493 817", "４９３８１７".encode(), b"None", b"-1e5"],  # noqa: RUF001 - full-width digits
    "phone": [
        b"\x00079 123 45 67",
        b"\xff+41791234567",
        b"\xff+41 (0)79/123.45.67",
        b"\xfftel:+41-79-123;ext=1",
    ],
    "receipt": [
        b'\x00{"reference": "abcdefgh.1", "status": "delivered", "reason": 30003}',
        b"\x82MessageStatus=undelivered&ErrorCode=30003",
        b'\x02{"refClient": "abcdefgh.1", "status": {"value": "DELIVERED"}}',
    ],
    "message": [
        b'\x00{"v": 1, "type": "hello", "nonce": "n", "grant": "g", "caps": {"rollback": true}}',
        b'\x00{"type": "candidate", "seq": 1, "pc": "c", "gen": 1, "candidates": [{"candidate": ""}]}',
        b'\x00{"v": 1, "type": "step", "seq": 2, "step": "devices-allowed"}',
        b'\xff{"type": "text", "pos": "5.9f1c22d07ab1", "at": "2026-11-22T09:00:00Z", "text": "Hello"}',
        b'\xff{"type": "close", "code": 4012, "retry": "resume", "after": 1.5}',
        b'\xff{"type": "tomorrow", "must": true}',
    ],
    "description": [_SDP],
    "candidate": [
        b"candidate:1 1 udp 2130706431 192.0.2.7 50000 typ host generation 0",
        b"candidate:2 1 tcp 1 ::ffff:127.0.0.1 9 typ srflx raddr 0.0.0.0 rport 0",
        b"candidate:3 1 udp 1 2d1a5a4c-1d5e.local 50000 typ host",
    ],
}
"""The first byte of a number says whether it is Swiss, that of a receipt whose and of which kind it is, and
that of a message who sent it."""


def fuzzed(target: str, inputs: int) -> dict[str, float]:
    """Fuzz one target, and return how many inputs it took and what the slowest costs, in microseconds."""
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder) / "corpus"
        corpus.mkdir()
        for number, seed in enumerate(SEEDS[target]):
            (corpus / str(number)).write_bytes(seed)
        subprocess.run(
            [sys.executable, __file__, target, str(inputs), folder],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        found = json.loads((Path(folder) / "slowest.json").read_text())
    return {
        f"{target}_inputs": found["inputs"],
        f"{target}_slowest_us": max(
            _microseconds(target, bytes.fromhex(given)) for given in found["slowest"]
        ),
    }


def _microseconds(target: str, given: bytes) -> float:
    """Return the shortest of several tries: what else the machine does is no cost of the input."""
    tries = []
    for _ in range(TRIES):
        began = perf_counter()
        _judge(target, given)
        tries.append(perf_counter() - began)
    return min(tries) * 1e6


def _judge(target: str, given: bytes) -> None:
    """Give `given` to a target; anything but a refusal of ours is a crash."""
    from hugathome.errors import HugathomeError

    with suppress(HugathomeError):
        TARGETS[target](given)


def _fuzz(target: str, inputs: int, folder: Path) -> None:
    """Run Atheris, which ends the process; what was slowest is written down before."""
    import atheris

    slowest: list[tuple[float, int, str]] = []
    seen = 0

    def one(given: bytes) -> None:
        nonlocal seen
        seen += 1
        began = perf_counter()
        _judge(target, given)
        entry = (perf_counter() - began, seen, given.hex())
        heappush(slowest, entry) if len(slowest) < SLOWEST else heappushpop(slowest, entry)
        if seen == inputs:
            written = {"inputs": seen, "slowest": [given for _, _, given in slowest]}
            (folder / "slowest.json").write_text(json.dumps(written))

    with atheris.instrument_imports(include=["hugathome"]):
        _judge(target, b"")
    options = [f"-runs={inputs + 1}", f"-max_len={LONGEST}", f"-artifact_prefix={folder}/"]
    atheris.Setup([sys.argv[0], *options, str(folder / "corpus")], one)
    atheris.Fuzz()


def measure(*, inputs: int = INPUTS) -> dict[str, float]:
    """Return, of each target, inputs and slowest; and the slowest of all in milliseconds."""
    values: dict[str, float] = {}
    for target in TARGETS:
        values |= fuzzed(target, inputs)
    slowest = max(value for name, value in values.items() if name.endswith("_us"))
    return {"slowest_ms": slowest / 1000, **values}


if __name__ == "__main__":
    if len(sys.argv) > 1:
        _fuzz(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        print(json.dumps(measure(), indent=2))

"""The devices of `signalling.py`: one kind of client for every server, as cheap as Python can make it.

A device speaks WebSocket over a bare asyncio protocol and reads no more of a frame than it must: it knows a
relayed description by its size. What differs between servers are only the words (`Dialect`).
"""

import asyncio
import json
from collections.abc import Callable
from time import perf_counter

SDP = "\r\n".join(
    (
        "v=0",
        "o=- 4611731400430051336 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0 1",
        *(
            line
            for mid, (kind, codecs) in enumerate(
                (("audio", ("opus/48000/2", "PCMU/8000")), ("video", ("VP8/90000", "H264/90000")))
            )
            for line in (
                f"m={kind} 9 UDP/TLS/RTP/SAVPF 96 97",
                "c=IN IP4 0.0.0.0",
                "a=ice-ufrag:Xk3d",
                "a=ice-pwd:abcdefghijklmnopqrstuvwx",
                f"a=fingerprint:sha-256 {':'.join(['AB'] * 32)}",
                "a=setup:actpass",
                f"a=mid:{mid}",
                "a=sendrecv",
                "a=rtcp-mux",
                *(f"a=rtpmap:{96 + number} {codec}" for number, codec in enumerate(codecs)),
                *(f"a=rtcp-fb:{96 + number} {what}" for number in (0, 1) for what in ("nack", "ccm fir")),
                *(f"a=fmtp:{96 + number} minptime=10;useinbandfec=1" for number in (0, 1)),
                f"a=candidate:1 1 udp 2122260223 192.0.2.{mid} 50000 typ host",
                f"a=candidate:2 1 udp 1686052607 198.51.100.{mid} 50000 typ srflx raddr 0.0.0.0 rport 0",
                f"a=ssrc:{1000 + mid} cname:Zm9yIHRoZSBiZW5jaG1hcms",
            )
        ),
        "",
    )
)
"""An offer of a browser's kind, of about 1.5 kB."""
QUOTED = json.dumps(SDP)
LARGE = 1000
"""Bytes: only smaller texts are read."""


class Dialect:
    """The words of one server for one device: how it gets in, and how it describes itself."""

    subprotocol = ""

    def __init__(self, seat: str, *, is_first: bool) -> None:
        self.seat = seat
        self.is_first = is_first
        self.is_ready = False

    def path(self) -> str:
        """Return where to connect."""
        return self.seat

    def opened(self) -> str | None:
        """Return the first words."""
        self.is_ready = True
        return None

    def heard(self, text: bytes) -> str | None:
        """Take what is no description, and return what it must be answered with."""
        return None

    def description(self) -> str:
        """Return the next description."""
        return QUOTED


class Ours(Dialect):
    """A hello on a grant, then offer and answer in rounds."""

    subprotocol = "hugathome.v1"
    _seq = _neg = 0
    _pc = ""

    def path(self) -> str:
        return "/signal"

    def opened(self) -> str:
        caps = {"rollback": True, "iceRestart": True}
        hello = {"v": 1, "type": "hello", "grant": self.seat, "nonce": self.seat[-12:], "caps": caps}
        return json.dumps(hello)

    def heard(self, text: bytes) -> str | None:
        if b'"type":"ping"' in text:
            return '{"v":1,"type":"pong"}'
        if b'"type":"pair"' in text:
            pair = json.loads(text)
            self._pc, self.is_ready = pair["pc"], True
            self.is_first = pair["offerer"] != pair["peer"]
        return None

    def description(self) -> str:
        self._seq += 1
        self._neg += 1
        kind = "offer" if self.is_first else "answer"
        where = f'"pc":"{self._pc}","gen":1,"neg":{self._neg}'
        return f'{{"v":1,"type":"{kind}","seq":{self._seq},{where},"sdp":{QUOTED}}}'


class Bare(Dialect):
    """One object, and nothing else."""

    def description(self) -> str:
        return f'{{"type":"offer","sdp":{QUOTED}}}'


class SocketIo(Dialect):
    """Engine.IO 4 over a WebSocket from the start, and events."""

    def path(self) -> str:
        return "/socket.io/?EIO=4&transport=websocket"

    def opened(self) -> None:
        return None

    def heard(self, text: bytes) -> str | None:
        if text.startswith(b"0"):
            return "40"
        if text.startswith(b"40"):
            self.is_ready = True
            return f'42["enter","{self.seat}"]'
        return "3" if text == b"2" else None

    def description(self) -> str:
        return f'42["relay",{{"room":"{self.seat}","type":"offer","sdp":{QUOTED}}}]'


class PeerJs(Dialect):
    """What a PeerJS page says; the names of the two differ by their last letter."""

    @property
    def _name(self) -> str:
        return f"r{self.seat.strip('/')}{'ab'[not self.is_first]}"

    def path(self) -> str:
        return f"/peerjs?key=peerjs&id={self._name}&token={self._name}"

    def opened(self) -> None:
        return None

    def heard(self, text: bytes) -> str | None:
        self.is_ready = self.is_ready or b"OPEN" in text
        return None

    def description(self) -> str:
        other = f"{self._name[:-1]}{'ab'[self.is_first]}"
        return f'{{"type":"OFFER","dst":"{other}","payload":{{"type":"offer","sdp":{QUOTED}}}}}'


class Device(asyncio.Protocol):
    """A WebSocket client; `described` is called for each description that comes in, `lost` at the end."""

    transport: asyncio.Transport

    def __init__(
        self,
        dialect: Dialect,
        described: Callable[["Device"], None],
        lost: Callable[[], None] = lambda: None,
    ) -> None:
        self.dialect = dialect
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent_at = 0.0
        self.other: Device = self
        self._described = described
        self._lost = lost
        self._buffer = b""
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        named = f"Sec-WebSocket-Protocol: {self.dialect.subprotocol}\r\n" if self.dialect.subprotocol else ""
        transport.write(
            f"GET {self.dialect.path()} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{named}\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_open:
            head, end, self._buffer = self._buffer.partition(b"\r\n\r\n")
            if not end:
                self._buffer = head
                return
            if b" 101 " not in head:
                raise RuntimeError(f"refused: {head!r}")
            self._is_open = True
            self._say(self.dialect.opened())
        self._read()
        if self.dialect.is_ready and not self.ready.done():
            self.ready.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ready.done():
            self.ready.set_exception(ConnectionError("the server hung up"))
        self._lost()

    def describe(self) -> None:
        """Send the next description."""
        self.sent_at = perf_counter()
        self._say(self.dialect.description())

    def _say(self, text: str | None) -> None:
        if text is not None:
            self._write(0x81, text.encode())

    def _write(self, kind: int, payload: bytes) -> None:
        """Write a frame, masked with zeros: the server's work is the same, and ours is none."""
        size = len(payload)
        length = bytes((0x80 | size,)) if size < 126 else b"\xfe" + size.to_bytes(2)
        self.transport.write(bytes((kind,)) + length + bytes(4) + payload)

    def _read(self) -> None:
        while len(self._buffer) >= 2:
            size, begin = self._buffer[1], 2
            if size == 126:
                size, begin = int.from_bytes(self._buffer[2:4]), 4
            if len(self._buffer) < begin + size:
                return
            kind, payload = self._buffer[0] & 15, self._buffer[begin : begin + size]
            self._buffer = self._buffer[begin + size :]
            self._take(kind, payload)

    def _take(self, kind: int, payload: bytes) -> None:
        if kind == 9:
            self._write(0x8A, payload)
        elif kind == 1 and len(payload) > LARGE and b"m=audio" in payload:
            self._described(self)
        elif kind == 1:
            self._say(self.dialect.heard(payload))

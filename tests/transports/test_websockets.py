"""The client against a real server on 127.0.0.1, whose ends are the ASGI transport."""

import asyncio
import importlib
import socket
import ssl
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
import uvicorn
import websockets.asyncio.client
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from hugathome.errors import (
    InvalidInput,
    LocalProtocolError,
    MissingExtra,
    RemoteProtocolError,
    TransportClosed,
)
from hugathome.testing.check_transport import check_transport
from hugathome.transports.asgi import AsgiTransport, Receive, Scope, Send, accept, refuse
from hugathome.transports.websockets import WebSocketTransport, connect

App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ServedEnd:
    """The server's end of a connection; the application stays in it until it is closed."""

    def __init__(self, transport: AsgiTransport) -> None:
        self._transport = transport
        self.closed = asyncio.Event()

    async def send(self, text: str) -> None:
        await self._transport.send(text)

    async def receive(self) -> str:
        return await self._transport.receive()

    async def aclose(self) -> None:
        try:
            await self._transport.aclose()
        finally:
            self.closed.set()


class Site:
    """An application that hands its end of every connection to the test."""

    def __init__(self) -> None:
        self.url = ""
        self.ends: asyncio.Queue[ServedEnd] = asyncio.Queue()
        self.headers: dict[bytes, bytes] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.headers = dict(scope["headers"])
        end = ServedEnd(await accept(scope, receive, send))
        self.ends.put_nowait(end)
        await end.closed.wait()

    async def connect_pair(self) -> tuple[WebSocketTransport, ServedEnd]:
        client = await connect(self.url)
        return client, await self.ends.get()

    async def raw_pair(self) -> tuple[websockets.asyncio.client.ClientConnection, ServedEnd]:
        """Connect with the bare library, which may break our rules."""
        raw = await websockets.asyncio.client.connect(
            self.url, subprotocols=[Subprotocol("hugathome.v1")], proxy=None
        )
        return raw, await self.ends.get()


@asynccontextmanager
async def served(app: App, *, certificate: Path | None = None, key: Path | None = None) -> AsyncIterator[str]:
    """Serve `app` on a port of its own, and stop; give its address."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_level="critical",
        ws="websockets-sansio",
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    server = uvicorn.Server(config)
    listening = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    scheme = "ws" if certificate is None else "wss"
    try:
        yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    async with served(site) as site.url:
        yield site


async def test_client_and_server_keep_the_rules_of_a_transport(site: Site) -> None:
    await check_transport(site.connect_pair)


async def test_the_origin_is_sent(site: Site) -> None:
    client = await connect(site.url, origin="https://visit.example.ch")
    served_end = await site.ends.get()

    assert site.headers[b"origin"] == b"https://visit.example.ch"
    await client.aclose()
    await served_end.aclose()


async def test_compression_is_not_offered(site: Site) -> None:
    client, served_end = await site.connect_pair()

    assert b"sec-websocket-extensions" not in site.headers
    await client.aclose()
    await served_end.aclose()


async def test_an_oversize_frame_of_the_client_is_answered_with_4009(site: Site) -> None:
    raw, served_end = await site.raw_pair()
    await raw.send("x" * 65_537)

    with pytest.raises(RemoteProtocolError) as refused:
        await served_end.receive()

    assert refused.value.code == 4009
    with pytest.raises(ConnectionClosed) as told:
        await raw.recv()
    assert told.value.rcvd is not None
    assert told.value.rcvd.code == 4009
    await served_end.aclose()


async def test_a_binary_frame_of_the_client_is_answered_with_4000(site: Site) -> None:
    raw, served_end = await site.raw_pair()
    await raw.send(b"{}")

    with pytest.raises(RemoteProtocolError):
        await served_end.receive()

    with pytest.raises(ConnectionClosed) as told:
        await raw.recv()
    assert told.value.rcvd is not None
    assert told.value.rcvd.code == 4000
    await served_end.aclose()


async def test_a_client_that_vanishes_ends_the_server_s_transport(site: Site) -> None:
    raw, served_end = await site.raw_pair()
    await raw.send("last words")

    raw.transport.abort()

    assert await served_end.receive() == "last words"
    with pytest.raises(TransportClosed):
        await served_end.receive()
    await served_end.aclose()


async def test_what_is_no_frame_is_refused_and_the_connection_stands(site: Site) -> None:
    client, served_end = await site.connect_pair()

    for text in ("x" * 65_537, "\ud83d"):
        with pytest.raises(LocalProtocolError):
            await client.send(text)

    await client.send("next")
    assert await served_end.receive() == "next"
    await client.aclose()
    await served_end.aclose()


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "websocket.send", "text": "x" * 65_537}, 4009),
        ({"type": "websocket.send", "bytes": b"{}"}, 4000),
    ],
)
async def test_a_server_that_breaks_the_protocol_is_named(event: dict[str, object], code: int) -> None:
    async def rude(scope: Scope, receive: Receive, send: Send) -> None:
        await accept(scope, receive, send)
        await send(event)
        await receive()

    async with served(rude) as url:
        client = await connect(url)

        with pytest.raises(RemoteProtocolError) as broken:
            await client.receive()

        assert broken.value.code == code
        with pytest.raises(TransportClosed):
            await client.send("late")
        await client.aclose()


async def test_a_server_that_stops_ends_the_client_s_transport() -> None:
    site = Site()
    async with served(site) as url:
        client = await connect(url)
        served_end = await site.ends.get()
        await served_end.send("last words")
        served_end.closed.set()

    assert await client.receive() == "last words"
    with pytest.raises(TransportClosed):
        await client.receive()
    await client.aclose()


async def test_a_client_that_is_refused_with_a_code_is_closed() -> None:
    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        await refuse(scope, receive, send, code=4015)

    async with served(elsewhere) as url:
        client = await connect(url)

        with pytest.raises(TransportClosed):
            await client.receive()

        await client.aclose()


async def test_a_handshake_that_is_refused_raises_transport_closed() -> None:
    async def forbidden(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.close", "code": 1000})

    async with served(forbidden) as url:
        with pytest.raises(TransportClosed):
            await connect(url)


@pytest.mark.parametrize("chosen", [None, "other.v1"])
async def test_a_server_of_another_protocol_is_named_with_4011(chosen: str | None) -> None:
    async def other(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept", "subprotocol": chosen})
        await receive()

    async with served(other) as url:
        with pytest.raises(RemoteProtocolError) as refused:
            await connect(url)

    assert refused.value.code == 4011


async def test_nobody_there_raises_transport_closed() -> None:
    with socket.socket() as closed_again:
        closed_again.bind(("127.0.0.1", 0))
        port = closed_again.getsockname()[1]

    with pytest.raises(TransportClosed):
        await connect(f"ws://127.0.0.1:{port}/")


async def test_a_server_that_does_not_answer_the_handshake_raises_transport_closed() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()

        with pytest.raises(TransportClosed):
            await connect(
                f"ws://127.0.0.1:{silent.getsockname()[1]}/", open_timeout=timedelta(milliseconds=50)
            )


async def test_an_address_that_is_none_is_invalid_input() -> None:
    with pytest.raises(InvalidInput):
        await connect("https://visit.example.ch/")


async def test_a_tls_context_for_an_address_without_tls_is_invalid_input() -> None:
    with pytest.raises(InvalidInput):
        await connect("ws://127.0.0.1/", ssl=ssl.create_default_context())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that no authority has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


async def test_wss_refuses_a_certificate_that_nobody_vouches_for(certificate: tuple[Path, Path]) -> None:
    async with served(Site(), certificate=certificate[0], key=certificate[1]) as url:
        with pytest.raises(TransportClosed) as refused:
            await connect(url)

    assert isinstance(refused.value.__cause__, ssl.SSLCertVerificationError)


async def test_wss_takes_the_authority_of_the_context_that_it_is_given(
    certificate: tuple[Path, Path],
) -> None:
    site = Site()
    trusting = ssl.create_default_context(cafile=certificate[0])

    async with served(site, certificate=certificate[0], key=certificate[1]) as url:
        client = await connect(url, ssl=trusting)
        served_end = await site.ends.get()
        await client.send("hello")

        assert await served_end.receive() == "hello"
        await client.aclose()
        await served_end.aclose()


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "hugathome.transports.websockets")
    monkeypatch.setitem(sys.modules, "websockets.asyncio", None)

    with pytest.raises(MissingExtra) as missing:
        importlib.import_module("hugathome.transports.websockets")

    assert missing.value.extra == "server"

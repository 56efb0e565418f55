"""Serving over uvicorn: what is particular about the sockets, TLS, and what runs beside."""

import asyncio
import os
import signal
import socket
import ssl
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.certificates import self_signed

from hugathome.errors import ConfigurationError, TransportClosed
from hugathome.protocol.messages import Close
from hugathome.protocol.wire import CloseCode
from hugathome.signalling import Transport
from hugathome.testing import FakeHugAtHome
from hugathome.transports.httpx import PostedTransport, connect
from hugathome.web.serving import listening, running_due, serve_alone, serving, told_to_end


async def hello(_scope: object, _receive: object, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_with_a_certificate_it_serves_tls_and_nothing_else(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    trusts_it = ssl.create_default_context(cafile=str(certificate.chain))

    bound = listening()
    there = f"127.0.0.1:{bound.getsockname()[1]}"
    async with serving(hello, bound, tls=certificate), httpx.AsyncClient(verify=trusts_it) as client:
        answer = await client.get(f"https://{there}/")
        with pytest.raises(httpx.TransportError):
            await client.get(f"http://{there}/")

    assert answer.text == "hello"


@pytest.mark.parametrize("broken", ["missing", "another's", "none"])
async def test_a_certificate_that_cannot_be_used_is_said_before_anybody_relies_on_it(
    tmp_path: Path, broken: str
) -> None:
    certificate = self_signed(tmp_path)
    (tmp_path / "other").mkdir()
    match broken:
        case "missing":
            certificate.key.unlink()
        case "another's":
            certificate = replace(certificate, key=self_signed(tmp_path / "other").key)
        case "none":
            certificate.chain.write_text("no certificate")

    with listening() as bound, pytest.raises(ConfigurationError):
        async with serving(hello, bound, tls=certificate):
            pytest.fail("nothing is served here")


async def test_the_end_waits_for_no_browser_that_keeps_an_idle_connection(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    trusts_it = ssl.create_default_context(cafile=str(certificate.chain))
    now = asyncio.get_running_loop().time

    def ask(at: tuple[str, int]) -> ssl.SSLSocket:
        """Ask for something, and leave the connection open: a blocking socket reads no goodbye."""
        connection = trusts_it.wrap_socket(socket.create_connection(at), server_hostname=at[0])
        connection.sendall(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        while not connection.recv(4096).endswith((b"hello", b"0\r\n\r\n")):
            pass
        return connection

    bound = listening()
    async with serving(hello, bound, tls=certificate):
        idle = await asyncio.to_thread(ask, bound.getsockname())
        told_at = now()
    took = now() - told_at
    idle.close()

    assert took < 3, "seconds; it would wait for five"


async def test_whoever_is_accepted_is_answered_without_waiting_for_more_to_send() -> None:
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.set_result(
            writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        )
        writer.close()

    bound = listening()
    async with await asyncio.start_server(accept, sock=bound) as server:
        _, writer = await asyncio.open_connection(*bound.getsockname())
        no_delay = await accepted
        writer.close()
        await writer.wait_closed()
        server.close()

    assert no_delay == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_tells_whoever_waits_for_the_end(number: signal.Signals) -> None:
    loop = asyncio.get_running_loop()
    told = told_to_end()
    try:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(5):
            await told.wait()
    finally:
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(each)


async def test_the_end_waits_for_no_stream_that_lasts_as_long_as_a_visit(unused_tcp_port: int) -> None:
    hug = FakeHugAtHome(site=f"http://127.0.0.1:{unused_tcp_port}/visit")
    serving_it = asyncio.create_task(serve_alone(hug, host="127.0.0.1", port=unused_tcp_port))
    device = await connected(f"{hug.site}/signal/http")

    os.kill(os.getpid(), signal.SIGTERM)

    async with asyncio.timeout(4):  # the server alone would wait for five seconds
        await serving_it
    assert Close.model_validate_json(await last_of(device)).code == CloseCode.GOING_AWAY
    await device.aclose()


async def connected(url: str) -> PostedTransport:
    """Connect to a server that is about to start."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await connect(url)
            except TransportClosed:
                await asyncio.sleep(0.01)


async def last_of(device: Transport) -> str:
    """Return the last frame before the end."""
    frame = ""
    with suppress(TransportClosed):
        while True:
            frame = await device.receive()
    return frame


async def test_what_is_due_is_looked_for_as_long_as_the_block_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = asyncio.Event()

    async def look(_: object) -> None:
        looked.set()

    monkeypatch.setattr(FakeHugAtHome, "run_due", look)
    async with FakeHugAtHome() as hug:
        async with running_due(hug):
            async with asyncio.timeout(5):
                await looked.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}

    assert not [task for task in others if "_pump" in repr(task)]

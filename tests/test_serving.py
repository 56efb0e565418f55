"""Serving over uvicorn: what is particular about the sockets, and TLS."""

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.certificates import self_signed

from hugathome.serving import listening, serving


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

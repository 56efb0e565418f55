"""Serving over uvicorn: what is particular about the sockets."""

import asyncio
import socket

from hugathome.serving import listening


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

"""The client whose connection POSTs carry, against a real server on 127.0.0.1."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from tests.transports.posting import Site, posting_site

from hugathome.errors import InvalidInput, LocalProtocolError, TransportClosed
from hugathome.testing.check_transport import check_transport
from hugathome.transports.asgi import Send
from hugathome.transports.httpx import connect
from hugathome.web.serving import listening, serving


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with posting_site() as site:
        yield site


async def test_a_stream_and_what_is_said_beside_it_keep_the_rules_of_a_transport(site: Site) -> None:
    await check_transport(site.streamed_pair)


async def test_long_polls_keep_the_rules_of_a_transport(site: Site) -> None:
    await check_transport(site.polled_pair)


async def test_what_is_no_frame_is_refused_and_the_connection_stands(site: Site) -> None:
    client, end = await site.streamed_pair()

    for text in ("x" * 65_537, "\ud83d"):
        with pytest.raises(LocalProtocolError):
            await client.send(text)

    await client.send("next")
    assert await end.receive() == "next"
    await client.aclose()
    await end.aclose()


async def test_a_request_whose_answer_got_lost_is_made_again_and_said_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, end = await site.streamed_pair()
    post = httpx.AsyncClient.post
    lost: list[str] = []

    async def lose_the_first(self: httpx.AsyncClient, url: str, *, content: str) -> httpx.Response:
        answer = await post(self, url, content=content)
        if not lost:
            lost.append(content)
            raise httpx.ReadError("")
        return answer

    monkeypatch.setattr(httpx.AsyncClient, "post", lose_the_first)
    await client.send("once")
    await client.send("then")

    heard = [await end.receive(), await end.receive()]
    await client.aclose()

    assert heard == ["once", "then"]
    assert "once" in lost[0]
    with pytest.raises(TransportClosed):
        await end.receive()
    await end.aclose()


async def test_a_connection_that_is_given_up_while_it_opens_is_closed(site: Site) -> None:
    opening = asyncio.create_task(connect(site.url))
    end = await site.ends.get()
    opening.cancel()
    await asyncio.wait({opening})

    async with asyncio.timeout(5):
        with pytest.raises(TransportClosed):
            await end.receive()
    await end.aclose()


async def a_page(_scope: object, _receive: object, send: Send) -> None:
    """Answer as a proxy does that wants somebody to sign in."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/html")]})
    await send({"type": "http.response.body", "body": b"data: <p>Please sign in.</p>\n\n"})


@pytest.mark.parametrize("streams", [True, False])
async def test_a_proxys_page_in_the_place_of_an_answer_is_a_closed_transport(streams: bool) -> None:
    bound = listening()

    async with serving(a_page, bound):
        with pytest.raises(TransportClosed):
            await connect(f"http://127.0.0.1:{bound.getsockname()[1]}/", streams=streams)


@pytest.mark.parametrize("streams", [True, False])
async def test_nobody_there_is_a_closed_transport(unused_tcp_port: int, streams: bool) -> None:
    with pytest.raises(TransportClosed):
        await connect(f"http://127.0.0.1:{unused_tcp_port}/", streams=streams)


async def test_an_address_that_is_none_is_invalid_input() -> None:
    with pytest.raises(InvalidInput):
        await connect("ws://127.0.0.1/")

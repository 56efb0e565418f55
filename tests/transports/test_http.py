"""The server's ends that POSTs carry: request by request, without a server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, MutableMapping
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from tests.transports.posting import Site

from hugathome.errors import TransportClosed
from hugathome.transports import _requests
from hugathome.transports.http import PostedConnections

OURS = "https://visit.example.ch"
EVENTS = {"accept": "text/event-stream"}


class Response:
    """What the application answers, as it comes."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._chunks: asyncio.Queue[bytes] = asyncio.Queue()
        self.leaving = asyncio.Event()
        """Set when the client goes away."""

    async def send(self, event: MutableMapping[str, Any]) -> None:
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self.headers = {name.decode(): value.decode() for name, value in event["headers"]}
        else:
            self._chunks.put_nowait(event.get("body", b""))

    async def chunk(self) -> bytes:
        async with asyncio.timeout(5):
            return await self._chunks.get()

    async def told(self) -> dict[str, Any]:
        """Return the next answer of a stream."""
        event = (await self.chunk()).rpartition(b"data: ")[2]
        answer: dict[str, Any] = json.loads(event)
        return answer


class Client:
    """Makes requests of an application."""

    def __init__(self, **options: Any) -> None:
        self.site = Site()
        numbers = count(1)
        self.application = PostedConnections(
            self.site.serve,
            allow=lambda origin: {"X-Allowed": "yes"} if origin in {None, OURS} else None,
            randomness=lambda size: next(numbers).to_bytes(size, "big"),
            **options,
        )

    async def request(self, body: bytes, *, method: str = "POST", **headers: str) -> Response:
        response = Response()
        await self._call(response, body, method, {"content-type": "application/json", **headers})
        return response

    async def ask(self, **asked: Any) -> dict[str, Any]:
        response = await self.request(json.dumps(asked).encode())
        assert response.status == 200
        return json.loads(await response.chunk())  # type: ignore[no-any-return]

    async def opened_from(self, address: str) -> int:
        """Open a connection from an address, and return the status."""
        response = Response()
        await self._call(response, b"{}", "POST", {"content-type": "application/json"}, address)
        return response.status

    def stream(self) -> tuple[Response, asyncio.Task[None]]:
        """Open a connection that is told everything in one stream."""
        response = Response()
        call = self._call(response, b"{}", "POST", {"content-type": "application/json", **EVENTS})
        return response, asyncio.create_task(call)

    async def _call(
        self,
        response: Response,
        body: bytes,
        method: str,
        headers: dict[str, str],
        address: str = "127.0.0.1",
    ) -> None:
        parts = iter([{"type": "http.request", "body": body}])

        async def receive() -> MutableMapping[str, Any]:
            if (part := next(parts, None)) is not None:
                return part
            await response.leaving.wait()
            return {"type": "http.disconnect"}

        listed = [(name.encode(), value.encode()) for name, value in headers.items()]
        scope = {
            "type": "http",
            "method": method,
            "path": "/signal/http",
            "headers": listed,
            "client": (address, 50_000),
        }
        await self.application(scope, receive, response.send)


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    client = Client()
    yield client
    while not client.site.ends.empty():
        await client.site.ends.get_nowait().aclose()


async def ended(opened: Client, connection: str) -> bool:
    """Whether a connection is no more."""
    response = await opened.request(json.dumps({"connection": connection}).encode())
    return response.status == 404


# --- What is said and told -----------------------------------------------------------------------


async def test_whoever_opens_a_connection_is_told_its_secret_name_and_nobody_else_again(
    client: Client,
) -> None:
    opened = await client.ask()
    asked_again = await client.ask(connection=opened["connection"], after=0)

    assert len(opened["connection"]) == 48
    assert "connection" not in asked_again


async def test_what_was_told_is_told_again_until_it_is_known_to_have_arrived(client: Client) -> None:
    name = (await client.ask())["connection"]
    end = await client.site.ends.get()
    await end.send("1")
    await end.send("2")

    first = await client.ask(connection=name, after=0)
    again = await client.ask(connection=name, after=0)
    behind_one = await client.ask(connection=name, after=1)
    behind_both = await client.ask(connection=name, after=2)

    assert first["frames"] == again["frames"] == ["1", "2"]
    assert (behind_one["number"], behind_one["frames"]) == (2, ["2"])
    assert (behind_both["number"], behind_both["frames"]) == (3, [])
    await end.aclose()


async def test_what_is_said_twice_is_heard_once(client: Client) -> None:
    name = (await client.ask())["connection"]
    end = await client.site.ends.get()

    await client.ask(connection=name, number=1, frames=["1", "2"])
    told = await client.ask(connection=name, number=2, frames=["2", "3"])

    assert told["taken"] == 3
    assert [await end.receive() for _ in range(3)] == ["1", "2", "3"]
    await end.aclose()


async def test_a_frame_that_is_missing_is_not_skipped(client: Client) -> None:
    name = (await client.ask())["connection"]

    response = await client.request(json.dumps({"connection": name, "number": 2, "frames": ["2"]}).encode())

    assert response.status == 400


async def test_a_request_for_frames_waits_for_them(client: Client) -> None:
    name = (await client.ask())["connection"]
    end = await client.site.ends.get()
    asking = asyncio.create_task(client.ask(connection=name, after=0, wait=5))
    await asyncio.sleep(0)

    await end.send("at last")

    assert (await asking)["frames"] == ["at last"]
    await end.aclose()


async def test_what_was_said_before_the_end_is_told_before_the_end(client: Client) -> None:
    name = (await client.ask())["connection"]
    end = await client.site.ends.get()
    await end.send("farewell")
    await end.aclose()

    last = await client.ask(connection=name, after=0)
    over = await client.ask(connection=name, after=1)

    assert (last["frames"], last["ended"], over["ended"]) == (["farewell"], False, True)
    assert await ended(client, name)


# --- Streams -------------------------------------------------------------------------------------


async def test_a_stream_begins_with_enough_to_fill_a_proxys_buffer(client: Client) -> None:
    response, streaming = client.stream()

    first = await response.chunk()

    assert first.startswith(b": ")
    assert len(first.partition(b"\n\n")[0]) >= 2048
    assert response.headers["content-type"] == "text/event-stream"
    assert "no-transform" in response.headers["cache-control"]
    assert response.headers["x-accel-buffering"] == "no"
    response.leaving.set()
    await streaming


async def test_a_stream_tells_what_is_said_and_ends_with_its_connection(client: Client) -> None:
    response, streaming = client.stream()
    opened = await response.told()
    end = await client.site.ends.get()

    await client.ask(connection=opened["connection"], frames=["hello"])
    await end.send(await end.receive())
    told = await response.told()
    await end.aclose()

    assert told["frames"] == ["hello"]
    assert (await response.told())["ended"]
    await streaming


async def test_a_silent_stream_carries_comments(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_requests, "COMMENT_EVERY", 0.001)
    response, streaming = client.stream()
    await response.told()

    assert await response.chunk() == b":\n\n"
    response.leaving.set()
    await streaming


async def test_a_stream_that_breaks_ends_its_connection(client: Client) -> None:
    response, streaming = client.stream()
    opened = await response.told()
    end = await client.site.ends.get()

    response.leaving.set()
    await streaming

    with pytest.raises(TransportClosed):
        await end.receive()
    assert await ended(client, opened["connection"])
    await end.aclose()


async def test_a_stream_whose_server_stops_ends_its_connection(client: Client) -> None:
    response, streaming = client.stream()
    await response.told()
    end = await client.site.ends.get()

    streaming.cancel()
    await asyncio.wait({streaming})

    with pytest.raises(TransportClosed):
        await end.receive()
    await end.aclose()


# --- Who is gone, and who is refused -------------------------------------------------------------


async def test_a_connection_for_which_nobody_asks_any_more_is_cut() -> None:
    client = Client(patience=timedelta(milliseconds=1))
    await client.ask()
    end = await client.site.ends.get()

    async with asyncio.timeout(5):
        with pytest.raises(TransportClosed):
            await end.receive()
    await end.aclose()


async def test_a_device_that_says_goodbye_is_gone_at_once_and_was_heard(client: Client) -> None:
    name = (await client.ask())["connection"]
    end = await client.site.ends.get()

    await client.ask(connection=name, frames=["last words"], ends=True)

    assert await ended(client, name)
    assert await end.receive() == "last words"
    with pytest.raises(TransportClosed):
        await end.receive()
    await end.aclose()


async def test_a_connection_of_another_worker_is_not_found(client: Client) -> None:
    elsewhere = (await Client().ask())["connection"]

    assert await ended(client, elsewhere)


@pytest.mark.parametrize("headers", [{}, EVENTS], ids=["polls", "stream"])
async def test_no_more_connections_are_opened_than_may_be(headers: dict[str, str]) -> None:
    client = Client(most=1)
    await client.ask()

    response = await client.request(b"{}", **headers)

    assert response.status == 503
    await (await client.site.ends.get()).aclose()


async def test_whoever_opens_connections_and_says_nothing_keeps_nobody_else_out() -> None:
    client = Client(most=4)
    crowd = [await client.opened_from("192.0.2.1") for _ in range(5)]

    others = [await client.opened_from(address) for address in ("192.0.2.2", "192.0.2.3", "192.0.2.4")]

    assert crowd == [200, 200, 200, 200, 503]
    assert others == [200, 200, 200]
    assert await client.opened_from("192.0.2.1") == 503


async def test_the_addresses_of_one_network_are_one_client() -> None:
    client = Client(most=2)
    await client.opened_from("2001:db8:1:1::1")
    await client.opened_from("2001:db8:1:1::2")

    neighbours = [await client.opened_from(f"2001:db8:1:1::{number}") for number in (3, 4)]

    assert neighbours == [503, 503]
    assert await client.opened_from("2001:db8:1:2::1") == 200


async def test_no_connection_that_is_in_use_gives_way(client: Client) -> None:
    client = Client(most=2)
    served = []
    for _ in range(2):
        served.append((await client.ask())["connection"])
        await (await client.site.ends.get()).send("welcome")
        await client.ask(connection=served[-1], after=0)

    assert await client.opened_from("192.0.2.2") == 503

    assert [await ended(client, name) for name in served] == [False, False]


async def test_one_that_was_sent_away_and_lingers_gives_way() -> None:
    client = Client(most=1)
    name = (await client.ask())["connection"]
    end = await client.site.ends.get()
    await end.send("farewell")
    await client.ask(connection=name, after=0)
    await end.aclose()
    await asyncio.sleep(0)

    assert await client.opened_from("192.0.2.2") == 200


async def refused(client: Client, method: str, body: bytes, **headers: str) -> int:
    response = await client.request(body, method=method, **headers)
    assert client.site.ends.empty()
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(await response.chunk())["status"] == response.status
    return response.status


@pytest.mark.parametrize(
    ("asked", "status"),
    [
        (lambda client: refused(client, "POST", b"{}", origin="https://evil.example"), 403),
        (lambda client: refused(client, "POST", b"{}", origin="null"), 403),
        (lambda client: refused(client, "GET", b""), 405),
        (lambda client: refused(client, "POST", b"{}", **{"content-type": "text/plain"}), 415),
        (lambda client: refused(client, "POST", b" " * 400_000), 413),
        (lambda client: refused(client, "POST", b"{"), 400),
        (lambda client: refused(client, "POST", b'{"wait":26}'), 400),
        (lambda client: refused(client, "POST", b'{"frames":["\\ud83d"]}'), 400),
    ],
)
async def test_what_may_not_ask_or_cannot_be_read_is_refused(
    client: Client, asked: Callable[[Client], Any], status: int
) -> None:
    assert await asked(client) == status


async def test_a_page_of_ours_may_ask(client: Client) -> None:
    response = await client.request(b"{}", origin=OURS)

    assert response.status == 200
    assert response.headers["x-allowed"] == "yes"


async def test_a_client_that_goes_away_within_its_request_opens_nothing(client: Client) -> None:
    async def gone() -> MutableMapping[str, Any]:
        return {"type": "http.disconnect"}

    scope = {"type": "http", "method": "POST", "headers": [(b"content-type", b"application/json")]}
    response = Response()
    await client.application(scope, gone, response.send)

    assert response.status == 0
    assert client.site.ends.empty()

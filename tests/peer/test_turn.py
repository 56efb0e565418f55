"""coturn as the documentation says to run it: whom it serves, until when, and where it sends nothing."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from aioice import stun
from aioice.turn import TurnClientUdpProtocol
from tests.certificates import self_signed
from tests.pages.hospital import RELAYED, SERVERS, documented, hospital, lacks, relay

from hugathome import IceServer
from hugathome.protocol.ice import CREDENTIALS_LIFETIME, ice_servers_for
from hugathome.protocol.wire import IceServerView

LACKS = lacks()
pytestmark = [pytest.mark.media, pytest.mark.skipif(LACKS is not None, reason=str(LACKS))]

PORT, PORT_OF_ANOTHER = 3478, 3479
OK, UNAUTHORIZED, FORBIDDEN, QUOTA_REACHED = 200, 401, 403, 486
(SECRET,) = documented()["static-auth-secret"]
(QUOTA,) = documented()["user-quota"]
UNUSED = count(20_000)
"""Ports to call from: coturn knows a place by where it is called from, and for a while after it was left."""
A_PARTICIPANT = "198.51.100.2"
OUR_OWN_NETWORKS = [
    *(
        "0.0.0.0",
        "127.0.0.1",
        "127.255.255.254",
        "10.0.0.1",
        "10.255.255.255",
        "172.16.0.1",
        "172.31.255.255",
    ),
    *("192.168.0.1", "192.168.255.255", "169.254.169.254", "100.64.0.1", "198.18.0.1", "192.0.0.8"),
    *("224.0.0.1", "255.255.255.255", "203.0.113.64", "203.0.113.127"),
]

Client = TurnClientUdpProtocol
Calls = Callable[..., Awaitable[Client]]


async def answer_to(asking: Awaitable[object]) -> int:
    """Return how the relay has answered: 200, or the number of its refusal."""
    try:
        await asking
    except stun.TransactionFailed as refused:
        return refused.response.error_code or 0
    return OK


def bound_to(client: Client, address: str, *, channel: int = 0x4000) -> Awaitable[object]:
    """Ask the relay for the permission to send to an address, and for a channel there."""
    return client.channel_bind(channel, (address, 50_000))


def refreshed(client: Client) -> Awaitable[object]:
    """Ask the relay to keep an allocation for longer."""
    request = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
    request.attributes["LIFETIME"] = 600
    return client.request_with_retry(request)


def minted(
    peer: str = "p_1", *, secret: str = SECRET, lifetime: timedelta = CREDENTIALS_LIFETIME
) -> IceServerView:
    server = IceServer(urls=[f"turn:{SERVERS}"], secret=secret)
    (view,) = ice_servers_for([server], peer=peer, now=datetime.now(UTC), lifetime=lifetime)
    return view


@pytest.fixture(scope="module", autouse=True)
def relays(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Run the relay as documented, and beside it another one that denies nothing of ours."""
    certificate = self_signed(tmp_path_factory.mktemp("certificate"), address=SERVERS)
    here = {
        "listening-ip": SERVERS,
        "relay-ip": RELAYED,
        "cert": str(certificate.chain),
        "pkey": str(certificate.key),
    }
    careless = {
        "listening-port": str(PORT_OF_ANOTHER),
        "tls-listening-port": "444",
        "denied-peer-ip": "192.0.2.200-192.0.2.201",
    }
    with (
        hospital(),
        relay(tmp_path_factory.mktemp("relay"), here),
        relay(tmp_path_factory.mktemp("another"), here | careless),
    ):
        yield


@pytest.fixture
async def calls() -> AsyncIterator[Calls]:
    """Give what reaches the relay with some credentials, before anything is asked of it."""
    async with AsyncExitStack() as stack:

        async def call(credentials: IceServerView, *, port: int = PORT) -> Client:
            transport, client = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: Client(
                    (SERVERS, port),
                    username=credentials.username,
                    password=credentials.credential,
                    lifetime=600,
                    channel_refresh_time=500,
                ),
                local_addr=(SERVERS, next(UNUSED)),
                remote_addr=(SERVERS, port),
            )
            stack.callback(transport.close)
            stack.push_async_callback(client.delete)
            return client

        yield call


async def test_who_was_let_in_gets_a_place_and_reaches_a_participant(calls: Calls) -> None:
    client = await calls(minted())

    assert await answer_to(client.connect()) == OK
    assert await answer_to(bound_to(client, A_PARTICIPANT)) == OK


@pytest.mark.parametrize("address", OUR_OWN_NETWORKS)
async def test_nobody_is_relayed_into_our_own_networks(calls: Calls, address: str) -> None:
    client = await calls(minted())
    await client.connect()

    assert await answer_to(bound_to(client, address)) == FORBIDDEN


async def test_it_is_the_documented_lines_that_deny_them(calls: Calls) -> None:
    client = await calls(minted(), port=PORT_OF_ANOTHER)
    await client.connect()

    assert await answer_to(bound_to(client, "10.0.0.1")) == OK


async def test_credentials_that_have_expired_get_no_place(calls: Calls) -> None:
    client = await calls(minted(lifetime=timedelta(seconds=-1)))

    assert await answer_to(client.connect()) == UNAUTHORIZED


async def test_credentials_of_another_secret_get_no_place(calls: Calls) -> None:
    client = await calls(minted(secret="a secret that coturn does not know"))

    assert await answer_to(client.connect()) == UNAUTHORIZED


async def test_credentials_are_one_peers_and_end_when_they_say(calls: Calls) -> None:
    mine = minted("p_1")
    expires = int(str(mine.username).partition(":")[0])

    for username in (f"{expires}:p_2", f"{expires + 600}:p_1"):
        client = await calls(mine.but(username=username))
        assert await answer_to(client.connect()) == UNAUTHORIZED


async def test_a_connection_that_stands_outlives_its_credentials(calls: Calls) -> None:
    brief = minted("p_brief", lifetime=timedelta(seconds=2))
    client = await calls(brief)
    await client.connect()
    await bound_to(client, A_PARTICIPANT)

    async with asyncio.timeout(10):
        while await answer_to((await calls(brief)).connect()) == OK:  # noqa: ASYNC110 - on coturn's own clock
            await asyncio.sleep(0.2)

    assert await answer_to(refreshed(client)) == OK
    assert await answer_to(bound_to(client, A_PARTICIPANT)) == OK
    assert await answer_to(bound_to(client, "198.51.100.3", channel=0x4001)) == OK


async def test_one_participant_gets_so_many_places_whatever_credentials_they_show(calls: Calls) -> None:
    for number in range(int(QUOTA)):
        client = await calls(minted("p_greedy", lifetime=timedelta(seconds=60 + number)))
        assert await answer_to(client.connect()) == OK

    one_more = await calls(minted("p_greedy", lifetime=timedelta(seconds=30)))
    another = await calls(minted("p_modest"))

    assert await answer_to(one_more.connect()) == QUOTA_REACHED
    assert await answer_to(another.connect()) == OK

"""Log and codes on a node of a Redis Cluster: nothing touches two slots, and no redirection is followed."""

from collections.abc import Iterator
from datetime import timedelta
from time import monotonic, sleep
from typing import Any

import pytest
import redis as driver
from redis.crc import key_slot
from tests import servers

from hugathome.codes import Challenge
from hugathome.errors import StoreUnavailable
from hugathome.logs import open_log
from hugathome.stores import open_code_store
from hugathome.testing.check_log import check_log
from hugathome.testing.check_store import check_store

SOON = 20
"""Seconds."""
ROOM = "hug.room"

pytestmark = pytest.mark.skipif(not servers.HAS_REDIS, reason="no Redis can be started as its own user")


@pytest.fixture(scope="module")
def cluster() -> Iterator[driver.Redis]:
    """Start a node that has all slots; a cluster answers nothing in its first two seconds."""
    with servers.redis_in_cluster() as server, driver.Redis.from_url(server.url) as client:
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        deadline = monotonic() + SOON
        while client.cluster("INFO")["cluster_state"] != "ok":
            assert monotonic() < deadline, "the cluster did not begin"
            sleep(0.02)
        yield client


@pytest.fixture
def url(cluster: driver.Redis) -> str:
    path: str = cluster.connection_pool.connection_kwargs["path"]
    return f"unix://{path}"


async def test_a_log_in_a_cluster_keeps_every_rule_and_touches_one_slot_at_a_time(url: str) -> None:
    await check_log(lambda: open_log(url), patience=timedelta(seconds=SOON))


async def test_codes_in_a_cluster_keep_every_rule_and_touch_one_slot_at_a_time(url: str) -> None:
    await check_store(lambda: open_code_store(url))


async def test_what_another_node_has_is_refused_and_not_followed(cluster: Any, url: str) -> None:
    for key in (f"hugathome:log:{{{ROOM}}}", "hugathome:Challenge:c1"):
        cluster.execute_command("CLUSTER", "SETSLOT", key_slot(key.encode()), "NODE", servers.ELSEWHERE)
    log, codes = open_log(url), open_code_store(url)

    for call in (log.append(ROOM, b"1"), log.load(ROOM, 0), anext(log.read(ROOM, 0))):
        with pytest.raises(StoreUnavailable, match="another node"):
            await call
    with pytest.raises(StoreUnavailable, match="another node"):
        await codes.load(Challenge, "c1")
    await log.aclose()

"""Visits behind proxies that end what is silent, or refuse WebSockets; `make proof` holds longer ones."""

from pathlib import Path

import pytest
from playwright.async_api import Browser
from tests.pages.proxies import HAS_HAPROXY, visit_behind_a_proxy

pytestmark = [
    pytest.mark.media,
    pytest.mark.browser,
    pytest.mark.skipif(not HAS_HAPROXY, reason="haproxy is not installed: scripts/system-packages"),
]


async def test_a_visit_outlasts_the_patience_of_a_proxy(tmp_path: Path, chromium: Browser) -> None:
    connections = await visit_behind_a_proxy(tmp_path, chromium, refuses_upgrade=False, timeout=2, lasts=5)

    assert (connections.sockets, connections.streams) == (1, 0)


async def test_a_visit_goes_on_in_a_stream_where_a_proxy_refuses_websockets(
    tmp_path: Path, chromium: Browser
) -> None:
    connections = await visit_behind_a_proxy(tmp_path, chromium, refuses_upgrade=True, timeout=2, lasts=5)

    assert (connections.sockets, connections.streams) == (2, 1)

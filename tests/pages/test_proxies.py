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
    held = await visit_behind_a_proxy(tmp_path, chromium, refuses_upgrade=False, timeout=2, lasts=5)

    for each in held:
        assert (each.sockets, each.streams, each.polls) == (1, 0, 0)


async def test_a_visit_goes_on_in_a_stream_where_websockets_are_refused_and_in_polls_without_one(
    tmp_path: Path, chromium: Browser
) -> None:
    held = await visit_behind_a_proxy(tmp_path, chromium, refuses_upgrade=True, timeout=2, lasts=5)

    assert (held.patient.sockets, held.patient.streams, held.patient.polls) == (2, 1, 0)
    assert (held.clinician.sockets, held.clinician.streams, held.clinician.polls) == (2, 2, 1)

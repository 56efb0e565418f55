"""What a process answers to whoever watches it: that it is alive, and whether store and log are there too."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from hugathome import StoreUnavailable
from hugathome.testing import FakeHugAtHome
from hugathome.web import endpoints


@pytest.fixture
async def hug() -> AsyncIterator[FakeHugAtHome]:
    async with FakeHugAtHome() as hug:
        yield hug


@pytest.fixture
async def http(hug: FakeHugAtHome) -> AsyncIterator[httpx.AsyncClient]:
    application = httpx.ASGITransport(hug.asgi())
    async with httpx.AsyncClient(transport=application, base_url="https://visit.example.ch") as http:
        yield http


async def test_a_process_that_answers_is_alive_and_ready(http: httpx.AsyncClient) -> None:
    for path, status in (("/health", "alive"), ("/ready", "ready")):
        answer = await http.get(path)

        assert (answer.status_code, answer.json()) == (200, {"status": status})
        assert answer.headers["cache-control"] == "no-store"


async def test_without_its_store_it_is_alive_and_not_ready(
    hug: FakeHugAtHome, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise StoreUnavailable("the database is gone")

    monkeypatch.setattr(hug, "ready", fail)

    answer = await http.get("/ready")

    assert answer.status_code == 503
    assert answer.json()["type"] == StoreUnavailable.problem
    assert (await http.get("/health")).status_code == 200


async def test_a_store_that_hangs_is_not_waited_for(
    hug: FakeHugAtHome, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "READY_WITHIN", 0.01)
    monkeypatch.setattr(hug, "ready", asyncio.Event().wait)

    assert (await http.get("/ready")).status_code == 503

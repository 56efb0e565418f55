"""The demonstration's clinic, open on loopback."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from hugathome.demo.people import Doors, open_clinic
from hugathome.peer import IceSettings


class Visitor:
    """What somebody at the clinic's page can ask for, and sees."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def plan(self, **wanted: Any) -> str:
        answer = await self.http.post("visits", json=wanted)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    async def sees(self, what: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
        """Return the first board, of those that come, of which `what` is true."""
        async with asyncio.timeout(20), self.http.stream("GET", "board") as stream:
            async for line in stream.aiter_lines():
                if line.startswith("data: ") and what(board := json.loads(line.removeprefix("data: "))):
                    return dict(board)
        raise AssertionError("the server has ended the stream")


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_clinic(ice=IceSettings(loopback=True)) as doors:
        yield doors


@pytest.fixture
async def visitor(doors: Doors) -> AsyncIterator[Visitor]:
    async with httpx.AsyncClient(base_url=doors.clinic, trust_env=False, timeout=20) as http:
        yield Visitor(http)

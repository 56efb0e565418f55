"""The FastAPI example holds a visit: in memory, and behind a real server on loopback."""

import asyncio
import importlib
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from playwright.async_api import Browser
from tests.examples.rooms import enter_the_element, enter_the_frame

from hugathome.sms import OutboxSms
from hugathome.testing.outbox import Outbox

EXAMPLES = Path(__file__).parents[2] / "examples"
KEY = b"a key that is only ever used in tests"

Clinic = Callable[..., FastAPI]


@pytest.fixture
def clinic(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clinic:
    monkeypatch.syspath_prepend(str(EXAMPLES))
    module = importlib.import_module("fastapi_clinic")

    def create(*, sms: OutboxSms, site: str, frames: Sequence[str] = ()) -> FastAPI:
        store = f"sqlite:///{tmp_path}/clinic.db"
        app: FastAPI = module.create(key=KEY, store=store, sms=sms, site=site, frames=frames)
        return app

    return create


async def hold_a_visit(client: httpx.AsyncClient, sms: OutboxSms) -> None:
    """Go through the whole visit as clinic and patient do."""
    outbox = Outbox(sms)
    start = datetime.now(UTC) + timedelta(minutes=5)
    appointment = {"number": "4711", "starts_at": start.isoformat(), "patient": "M. Dupont"}

    refused = await client.post("/appointments", json={**appointment, "phone": "0901 23 45 67"})
    assert refused.status_code == 400

    planned = await client.post("/appointments", json={**appointment, "phone": "079 123 45 67"})
    assert planned.status_code == 201, planned.text
    message = outbox.last(to="+41791234567")
    assert message.link is not None

    page = await client.get(message.link)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")

    link_id = message.link.rpartition("/")[2]
    api = message.link.rpartition("/j/")[0] + "/api"
    checked_in = await client.post(f"{api}/check-in", json={"link": link_id, "code": message.code})
    assert checked_in.status_code == 200, checked_in.text
    assert (await client.get("/appointments/4711")).json()["waiting"] == ["M. Dupont"]

    room = await client.post("/appointments/4711/room")
    assert room.status_code == 303
    assert (await client.get(room.headers["location"].partition("#")[0])).status_code == 200

    admitted = (await client.post("/appointments/4711/admit")).json()
    assert admitted["status"] == "in-progress"
    assert admitted["present"] == ["M. Dupont"]

    ended = await client.post("/appointments/4711/end", json={"outcome": "in-person-visit-needed"})
    assert ended.json()["status"] == "completed"

    told = (await client.get("/events")).json()
    assert told[0] == "1 plan"
    assert told[-1] == f"{len(told)} complete"
    again = await client.post("/appointments/4711/admit")
    assert again.status_code == 410


async def test_it_holds_a_visit_in_memory(clinic: Clinic) -> None:
    sms = OutboxSms()
    app = clinic(sms=sms, site="http://127.0.0.1:8000/visit")

    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        await hold_a_visit(client, sms)


async def test_it_holds_a_visit_behind_a_real_server(clinic: Clinic, free_port: int) -> None:
    sms = OutboxSms()
    base = f"http://127.0.0.1:{free_port}"
    app = clinic(sms=sms, site=f"{base}/visit")

    async with serving(app, free_port), httpx.AsyncClient(base_url=base) as client:
        await hold_a_visit(client, sms)


@pytest.mark.media
@pytest.mark.browser
async def test_its_pages_have_the_room_in_them(clinic: Clinic, free_port: int, chromium: Browser) -> None:
    own, other = f"http://127.0.0.1:{free_port}", f"http://localhost:{free_port}"
    app = clinic(sms=OutboxSms(), site=f"{own}/visit", frames=[own, other])
    start = datetime.now(UTC) + timedelta(minutes=5)
    asked = {"starts_at": start.isoformat(), "patient": "M. Dupont", "phone": "079 123 45 67"}

    async with serving(app, free_port), httpx.AsyncClient(base_url=own) as client:
        await client.post("/appointments", json={"number": "4711", **asked})
        await enter_the_frame(chromium, f"{other}/appointments/4711/framed")
        await enter_the_element(chromium, f"{other}/appointments/4711/embedded")
        await enter_the_element(chromium, f"{own}/appointments/4711/embedded")


@asynccontextmanager
async def serving(app: FastAPI, port: int) -> AsyncGenerator[None]:
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    task = asyncio.create_task(server.serve())
    try:
        while not server.started:
            assert not task.done(), "the server did not start"
            await asyncio.sleep(0.01)
        yield
    finally:
        server.should_exit = True
        await task

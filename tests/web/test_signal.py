"""Where devices connect: whose pages may, and whole visits whose network refuses WebSockets."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest

from hugathome import Participant
from hugathome.protocol.wire import CloseCode
from hugathome.testing import FakeHugAtHome, HttpSite, Robot, Way
from hugathome.web.serving import listening, serving


@pytest.fixture
async def hug() -> AsyncIterator[FakeHugAtHome]:
    """A deployment that is served on 127.0.0.1."""
    bound = listening()
    hug = FakeHugAtHome(site=f"http://127.0.0.1:{bound.getsockname()[1]}/visit")
    async with hug, serving(hug.asgi(otherwise=hug.asgi()), bound):
        yield hug
        await hug.aclose()  # a stream is served until its connection ends


@pytest.mark.parametrize("way", [Way.STREAM, Way.POLLS])
async def test_a_visit_is_held_without_a_websocket(hug: FakeHugAtHome, way: Way) -> None:
    now = hug.clock.now()
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id="p-1", role="patient", name="M. Dupont", phone="+41791234567"),
            Participant(id="dr-rossi", role="practitioner", name="Dr Rossi"),
        ],
    )
    await hug.sessions.accept(session.id, "p-1", recorded_by="reception")
    await hug.invite(session.id, "p-1")
    grant = hug.grant(session.id, "dr-rossi")
    sms, site = hug.outbox.last(), HttpSite(hug.site, way=way)

    async with asyncio.timeout(20), Robot.from_sms(sms, media=False, site=site) as patient:
        await patient.waiting()
        async with Robot.from_grant(grant, at=HttpSite(hug.site, way=way), media=False) as clinician:
            await clinician.admit("p-1")
            await patient.admitted()
            await clinician.complete("in-person-visit-needed")
        end = await patient.ended()

    assert end.code == CloseCode.SESSION_ENDED


@pytest.mark.parametrize(
    ("origin", "status"), [(None, 200), ("own", 200), ("https://evil.example", 403), ("null", 403)]
)
async def test_only_the_sites_own_pages_and_what_is_no_page_may_ask(
    hug: FakeHugAtHome, origin: str | None, status: int
) -> None:
    own = hug.site.removesuffix("/visit")
    headers = {} if origin is None else {"Origin": own if origin == "own" else origin}

    async with httpx.AsyncClient(headers=headers) as client:
        answer = await client.post(f"{hug.site}/signal/http", json={})

    assert answer.status_code == status
    assert answer.headers["content-security-policy"] if status == 200 else answer.json()["status"] == status
    assert "access-control-allow-origin" not in answer.headers

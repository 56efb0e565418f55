"""The same over HTTP: whoever has a link and no code, and scanners that open every link."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from tests.front_desk import NOW, Gateway, hug_over, invited, wrong

from hugathome import HugAtHome
from hugathome.stores import open_store
from hugathome.testing import FakeClock
from hugathome.visits.reception import Invitation

SITE = "https://www.example.ch"


@asynccontextmanager
async def clinic(sms: Gateway) -> AsyncIterator[tuple[HugAtHome, Invitation]]:
    """Open a clinic that has invited one patient to a visit that is now."""
    async with hug_over(open_store("memory://"), sms, FakeClock(NOW), site=SITE) as hug:
        yield hug, await invited(hug)


def from_address(hug: HugAtHome, number: int) -> httpx.AsyncClient:
    """Return a browser at another address, behind a proxy that says yet another."""
    address = f"203.0.113.{number}"
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(hug.asgi(), client=(address, 4711)),
        base_url=SITE,
        headers={"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for={address}"},
    )


async def test_a09_another_address_or_header_gives_no_further_guesses() -> None:
    sms, told = Gateway(), Counter[str]()
    async with clinic(sms) as (hug, invitation):
        for number in range(10):
            async with from_address(hug, number) as browser:
                asked = {"link": invitation.link_id, "code": wrong(sms.code)}
                answer = await browser.post("/api/check-in", json=asked)
                told[answer.json()["type"].rpartition(":")[2]] += 1

    assert told == {"code-refused": 5, "too-many-attempts": 5}


async def test_a45_scanners_that_open_a_link_use_up_and_send_nothing() -> None:
    sms = Gateway()
    async with clinic(sms) as (hug, invitation), from_address(hug, 1) as scanner:
        before = await hug.sessions.get(invitation.session), len(sms.accepted)
        for _ in range(100):
            assert (await scanner.get(invitation.url)).status_code == 200
            assert (await scanner.head(invitation.url)).status_code == 200

        assert (await hug.sessions.get(invitation.session), len(sms.accepted)) == before
        await hug.check_in(invitation.link_id, sms.code)

"""The address for receipts: a secret, quick to answer, and never a reason to send one again."""

import hmac
import json
import logging
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from tests.front_desk import MINUTE, NOW, SITE, Gateway, hug_over, invited

from hugathome.app import HugAtHome
from hugathome.codes import Sms
from hugathome.errors import ConfigurationError, StoreUnavailable
from hugathome.record.history import DeliveryStatus
from hugathome.stores import open_store
from hugathome.testing.clock import FakeClock

JSON = {"content-type": "application/json"}
FORM = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}


@pytest.fixture
def sms() -> Gateway:
    return Gateway()


@pytest.fixture
async def hug(sms: Gateway) -> AsyncIterator[HugAtHome]:
    async with hug_over(open_store("memory://"), sms, FakeClock(NOW)) as hug:
        yield hug


@pytest.fixture
async def http(hug: HugAtHome) -> AsyncIterator[httpx.AsyncClient]:
    application = httpx.ASGITransport(hug.asgi(), root_path="/visit")
    async with httpx.AsyncClient(transport=application) as http:
        yield http


async def status_after(hug: HugAtHome, session_id: str) -> DeliveryStatus:
    return (await hug.sessions.get(session_id)).of("p-1").messages[0].status


async def test_a_gateway_posts_what_became_of_a_message(
    hug: HugAtHome, http: httpx.AsyncClient, sms: Gateway
) -> None:
    invitation = await invited(hug)
    fields = {"reference": sms.accepted[0].idempotency_key, "status": "delivered"}

    answer = await http.post(hug.receipt_url("plain"), content=json.dumps(fields), headers=JSON)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert await status_after(hug, invitation.session) is DeliveryStatus.DELIVERED


async def test_twilio_posts_a_form_to_the_address_with_our_reference(
    hug: HugAtHome, http: httpx.AsyncClient, sms: Gateway
) -> None:
    invitation = await invited(hug)
    url = f"{hug.receipt_url('twilio')}?reference={sms.accepted[0].idempotency_key}"
    form = urlencode({"MessageStatus": "undelivered", "ErrorCode": "30003"})

    answer = await http.post(url, content=form, headers=FORM)

    assert answer.status_code == 204
    failed = (await hug.sessions.get(invitation.session)).history[-1]
    assert (failed.delivery, failed.reason) == (DeliveryStatus.FAILED, "30003")


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_ovhcloud_asks_with_its_own_number_in_the_query(method: str) -> None:
    class Ovhcloud(Gateway):
        async def send(self, message: Sms) -> str:  # type: ignore[override]  # it says more than others
            await super().send(message)
            return "ovhcloud:26929925"

    async with hug_over(open_store("memory://"), Ovhcloud(), FakeClock(NOW)) as hug:
        invitation = await invited(hug, starts_at=NOW + 60 * MINUTE)
        url = f"{hug.receipt_url('ovhcloud')}?id=26929925&ptt=24&date=now&description=2&descriptionDlr=x"
        application = httpx.ASGITransport(hug.asgi(), root_path="/visit")
        async with httpx.AsyncClient(transport=application) as http:
            answer = await http.request(method, url)

        assert answer.status_code == 204
        failed = (await hug.sessions.get(invitation.session)).history[-1]
        assert (failed.delivery, failed.reason) == (DeliveryStatus.FAILED, "24")


@pytest.mark.parametrize(
    ("token", "status"), [("the token", "delivered"), ("another", "sent"), (None, "sent")], ids=str
)
async def test_where_twilios_token_is_given_only_what_it_has_signed_counts(
    sms: Gateway, caplog: pytest.LogCaptureFixture, token: str | None, status: str
) -> None:
    secrets = {"receipt_secrets": {"twilio": "the token"}}
    async with hug_over(open_store("memory://"), sms, FakeClock(NOW), **secrets) as hug:
        invitation = await invited(hug)
        url = f"{hug.receipt_url('twilio')}?reference={sms.accepted[0].idempotency_key}"
        signed = f"{url}MessageStatusdelivered".encode()
        signature = b64encode(hmac.digest((token or "").encode(), signed, "sha1")).decode()
        headers = FORM if token is None else {**FORM, "x-twilio-signature": signature}
        application = httpx.ASGITransport(hug.asgi(), root_path="/visit")
        async with httpx.AsyncClient(transport=application) as http:
            answer = await http.post(url, content="MessageStatus=delivered", headers=headers)

        assert answer.status_code == 204
        assert await status_after(hug, invitation.session) == status
        assert ("does not bear its gateway's signature" in caplog.text) is (status == "sent")


async def test_what_follows_a_signed_address_makes_its_receipt_nobody_elses(sms: Gateway) -> None:
    secrets = {"receipt_secrets": {"twilio": "the token"}}
    async with hug_over(open_store("memory://"), sms, FakeClock(NOW), **secrets) as hug:
        await invited(hug)
        other = await invited(hug)
        mine, others = (message.idempotency_key for message in sms.accepted)
        url = f"{hug.receipt_url('twilio')}?reference={mine}"
        signed = hmac.digest(b"the token", f"{url}MessageStatusfailed".encode(), "sha1")

        async def asked(scope: Any, receive: Any, send: Any) -> None:
            query = f"reference={mine}#&reference={others}".encode()  # as some servers pass it on
            await hug.asgi()({**scope, "query_string": query}, receive, send)

        application = httpx.ASGITransport(asked, root_path="/visit")
        headers = {**FORM, "x-twilio-signature": b64encode(signed).decode()}
        async with httpx.AsyncClient(transport=application) as http:
            await http.post(url, content="MessageStatus=failed", headers=headers)

        assert await status_after(hug, other.session) is DeliveryStatus.SENT


@pytest.mark.parametrize("secrets", [{"smsmode": "x"}, {"twilio": ""}, {"twilio": None}], ids=str)
def test_a_secret_that_would_check_nothing_is_refused(sms: Gateway, secrets: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="receipt_secrets="):
        hug_over(open_store("memory://"), sms, FakeClock(NOW), receipt_secrets=secrets)


@pytest.mark.parametrize(
    "path",
    [
        "/receipts/plain/x",
        "/receipts/plain/" + "A" * 24,
        "/receipts/twilio/{plain}",
        "/receipts/Plain/{plain}",
        "/receipts/plain/{plain}A",
        "/receipts/nobody/{nobody}",
        "/receipts/plain/%F0%9F%94%91",
    ],
)
async def test_nobody_who_does_not_know_the_address_posts_anything(
    hug: HugAtHome, http: httpx.AsyncClient, sms: Gateway, path: str
) -> None:
    invitation = await invited(hug)
    tokens = {name: hug.receipt_url(name).rpartition("/")[2] for name in ("plain", "nobody")}
    fields = {"reference": sms.accepted[0].idempotency_key, "status": "delivered"}

    answer = await http.post(SITE + path.format(**tokens), json=fields)

    assert answer.status_code == 404
    assert await status_after(hug, invitation.session) is DeliveryStatus.SENT


@pytest.mark.parametrize(
    "body", ["", "{", "[]", '{"reference": "a.1"}', '{"reference": "a.1", "status": "lost in +41791234567"}']
)
async def test_what_cannot_be_read_is_not_asked_for_again(
    hug: HugAtHome, http: httpx.AsyncClient, body: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = await http.post(hug.receipt_url("plain"), content=body, headers=JSON)

    assert answer.status_code == 204
    assert "a receipt of plain was not understood" in caplog.text
    assert "+4179" not in caplog.text


async def test_a_receipt_for_nothing_that_is_known_is_not_asked_for_again(
    hug: HugAtHome, http: httpx.AsyncClient
) -> None:
    for reference in ("nobody.1", "x" * 900, "a.1.1"):
        fields = {"reference": reference, "status": "delivered"}
        assert (await http.post(hug.receipt_url("plain"), json=fields)).status_code == 204


async def test_a_receipt_that_could_not_be_kept_is_asked_for_again(
    hug: HugAtHome, http: httpx.AsyncClient, sms: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    await invited(hug, starts_at=NOW + 60 * MINUTE)

    async def unavailable(_: str) -> None:
        raise StoreUnavailable("the database is away")

    monkeypatch.setattr(hug._store.sessions, "find_session", unavailable)
    fields = {"reference": sms.accepted[0].idempotency_key, "status": "delivered"}

    assert (await http.post(hug.receipt_url("plain"), json=fields)).status_code == 503


async def test_size_type_and_method_are_held_as_elsewhere(hug: HugAtHome, http: httpx.AsyncClient) -> None:
    url = hug.receipt_url("plain")

    assert (await http.post(url, content=b"x" * 8193, headers=JSON)).status_code == 413
    assert (await http.post(url, content=b"<x/>", headers={"content-type": "text/xml"})).status_code == 415
    refused = await http.get(url)
    assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
    assert (await http.head(hug.receipt_url("ovhcloud"))).status_code == 405

"""The settings for four providers, against requests as their public documentation shows them."""

import hashlib
import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from hugathome._drive import drive
from hugathome.codes import Sms
from hugathome.errors import ConfigurationError, SmsNotSent
from hugathome.phone import PhoneNumber
from hugathome.reach.receipts import receipt_url
from hugathome.record.history import DeliveryStatus
from hugathome.sms import HttpSms
from hugathome.sms.dialects import ovhcloud, smsmode, swisscom, twilio
from hugathome.sms.reading import FORM, read_receipt
from hugathome.testing.clock import FakeClock

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
KEY = "dGhlIG1lc3NhZ2U.1"
TEXT = "493817 est votre code à usage unique & +.\n@www.example.ch #493817"
MESSAGE = Sms(to=PhoneNumber.parse("+41791234567"), text=TEXT, idempotency_key=KEY)
SECRETS = ("t0ken", "s3cret", "C0nsumer")
OVH_TOOK_IT = {
    "totalCreditsRemoved": 1,
    "invalidReceivers": [],
    "ids": [26929925],
    "validReceivers": ["+41791234567"],
}


class Provider:
    """Keeps what it is posted, and answers as it is told."""

    def __init__(self) -> None:
        self.path, self.headers, self.body = "", dict[str, str](), b""
        self.status, self.answer = 201, b"{}"
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                provider.path = self.path
                provider.headers = {name.lower(): value for name, value in self.headers.items()}
                provider.body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(provider.status)
                self.send_header("Content-Length", str(len(provider.answer)))
                self.end_headers()
                self.wfile.write(provider.answer)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def form(self) -> dict[str, list[str]]:
        return parse_qs(self.body.decode(), strict_parsing=True)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


def an_ovhcloud(api: str) -> HttpSms:
    return ovhcloud(
        service="sms-ab12345-1",
        application_key="AppKey",
        application_secret="s3cret",
        consumer_key="C0nsumer",
        sender="HUG",
        api=api,
        clock=FakeClock(NOW),
    )


def test_what_may_have_arrived_is_handed_to_none_of_them_again() -> None:
    gateways = (
        twilio(account_sid="AC123", auth_token="t0ken", sender="HUG"),
        smsmode(api_key="t0ken", sender="HUG"),
        swisscom(client_id="t0ken"),
        an_ovhcloud("https://eu.api.ovh.com"),
    )

    assert [gateway.may_be_asked_again for gateway in gateways] == [False] * 4


async def test_twilio_takes_a_form_with_basic_credentials(provider: Provider) -> None:
    receipts = receipt_url(key=b"k" * 32, site="https://www.example.ch", gateway="twilio")
    await twilio(
        account_sid="AC123", auth_token="t0ken", sender="HUG", receipts=receipts, api=provider.api
    ).send(MESSAGE)

    callback = f"{receipts}?reference={KEY}"
    assert provider.path == "/2010-04-01/Accounts/AC123/Messages.json"
    assert provider.headers["authorization"] == f"Basic {b64encode(b'AC123:t0ken').decode()}"
    assert provider.headers["content-type"] == "application/x-www-form-urlencoded"
    assert provider.form == {
        "To": ["+41791234567"],
        "From": ["HUG"],
        "Body": [TEXT],
        "StatusCallback": [callback],
    }
    query = {name: values[0] for name, values in parse_qs(urlsplit(callback).query).items()}
    receipt = read_receipt("twilio", b"MessageStatus=delivered", kind=FORM, query=query)
    assert (receipt.reference, receipt.status) == (KEY, DeliveryStatus.DELIVERED)


async def test_a_name_that_begins_as_a_messaging_service_does_is_a_name_to_twilio(provider: Provider) -> None:
    await twilio(account_sid="AC123", auth_token="t0ken", sender="MGH Zurich", api=provider.api).send(MESSAGE)

    assert provider.form["From"] == ["MGH Zurich"]


async def test_twilio_sends_through_a_messaging_service(provider: Provider) -> None:
    service = f"MG{'4f' * 16}"
    await twilio(account_sid="AC123", auth_token="t0ken", sender=service, api=provider.api).send(MESSAGE)

    assert provider.form == {
        "To": ["+41791234567"],
        "MessagingServiceSid": [service],
        "Body": [TEXT],
    }


async def test_smsmode_takes_json_with_a_key(provider: Provider) -> None:
    receipts = "https://www.example.ch/receipts/smsmode/x"
    await smsmode(api_key="t0ken", sender="HUG", receipts=receipts, api=provider.api).send(MESSAGE)

    assert provider.path == "/sms/v1/messages"
    assert provider.headers["x-api-key"] == "t0ken"
    assert json.loads(provider.body) == {
        "recipient": {"to": "41791234567"},
        "body": {"text": TEXT},
        "from": "HUG",
        "refClient": KEY,
        "callbackUrlStatus": receipts,
    }


async def test_swisscom_takes_json_with_a_client_id(provider: Provider) -> None:
    await swisscom(client_id="t0ken", api=provider.api).send(MESSAGE)

    assert provider.path == "/messaging/sms"
    assert (provider.headers["client_id"], provider.headers["scs-version"]) == ("t0ken", "2")
    assert provider.headers["accept"] == provider.headers["content-type"] == "application/json"
    assert json.loads(provider.body) == {"to": "+41791234567", "text": TEXT}

    await swisscom(client_id="t0ken", sender="HUG", api=provider.api).send(MESSAGE)
    assert json.loads(provider.body)["from"] == "HUG"


async def test_ovhcloud_takes_json_that_is_signed(provider: Provider) -> None:
    provider.status, provider.answer = 200, json.dumps(OVH_TOOK_IT).encode()
    await an_ovhcloud(f"{provider.api}/1.0").send(MESSAGE)

    assert provider.path == "/1.0/sms/sms-ab12345-1/jobs"
    assert json.loads(provider.body) == {
        "message": TEXT,
        "receivers": ["+41791234567"],
        "sender": "HUG",
        "charset": "UTF-8",
        "noStopClause": True,
        "priority": "high",
    }
    url, time = f"{provider.api}{provider.path}", str(int(NOW.timestamp()))
    signed = f"s3cret+C0nsumer+POST+{url}+{provider.body.decode()}+{time}"
    assert provider.headers["x-ovh-application"] == "AppKey"
    assert provider.headers["x-ovh-consumer"] == "C0nsumer"
    assert provider.headers["x-ovh-timestamp"] == time
    assert provider.headers["x-ovh-signature"] == "$1$" + hashlib.sha1(signed.encode()).hexdigest()
    assert "s3cret" not in str(provider.headers)


def test_a_refusal_of_ovhcloud_in_the_body_of_a_200_is_one(provider: Provider) -> None:
    refused = OVH_TOOK_IT | {"validReceivers": [], "invalidReceivers": ["+41791234567"], "ids": []}
    provider.status, provider.answer = 200, json.dumps(refused).encode()

    with pytest.raises(SmsNotSent, match="refused in the body") as refusal:
        drive(an_ovhcloud(provider.api).for_blocking().send(MESSAGE))

    assert refusal.value.is_certain
    assert "4179" not in str(refusal.value)


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[", b"[]", b"null", b"{}", b"[" * 9000, b'{"ids":[' + b"1," * 90_000),
        *(b'{"ids":null}', b'{"ids":[]}', b'{"ids":[1,2]}', b'{"ids":["a"]}', b'{"ids":{"0":1}}'),
    ],
)
async def test_an_answer_of_ovhcloud_that_cannot_be_read_is_none_the_less_one(
    provider: Provider, body: bytes
) -> None:
    provider.status, provider.answer = 200, body

    assert await an_ovhcloud(provider.api).send(MESSAGE) is None
    assert drive(an_ovhcloud(provider.api).for_blocking().send(MESSAGE)) is None


async def test_ovhcloud_answers_with_the_number_by_which_its_receipts_name_the_message(
    provider: Provider,
) -> None:
    provider.status, provider.answer = 200, json.dumps(OVH_TOOK_IT).encode()
    query = {"id": "26929925", "ptt": "4", "date": "20261122093002", "description": "1"}

    handle = await an_ovhcloud(provider.api).send(MESSAGE)

    assert handle == drive(an_ovhcloud(provider.api).for_blocking().send(MESSAGE))
    assert handle == read_receipt("ovhcloud", b"", kind="", query=query).reference


@pytest.mark.parametrize(("status", "is_certain"), [(400, True), (401, True), (408, False), (500, False)])
async def test_an_answer_says_whether_the_message_may_have_been_taken(
    provider: Provider, status: int, is_certain: bool
) -> None:
    provider.status = status

    with pytest.raises(SmsNotSent) as refused:
        await swisscom(client_id="t0ken", api=provider.api).send(MESSAGE)

    assert refused.value.is_certain is is_certain


async def test_a_gateway_that_is_not_there_has_certainly_taken_nothing() -> None:
    gateway = HttpSms(url="http://127.0.0.1:9", body={"to": "{to}", "text": "{text}"}, attempts=1)

    with pytest.raises(SmsNotSent) as refused:
        await gateway.send(MESSAGE)

    assert refused.value.is_certain


def test_no_dialect_shows_its_secrets() -> None:
    for gateway in (
        twilio(account_sid="AC123", auth_token="t0ken", sender="HUG"),
        smsmode(api_key="t0ken", sender="HUG"),
        swisscom(client_id="t0ken"),
        an_ovhcloud("https://eu.api.ovh.com/1.0"),
    ):
        assert repr(gateway).startswith("HttpSms(https://")
        assert not [secret for secret in SECRETS if secret in repr(gateway)]


def test_what_could_not_work_is_refused_at_construction() -> None:
    with pytest.raises(ConfigurationError):
        smsmode(api_key="t0ken\r\nX-Evil: 1", sender="HUG")
    with pytest.raises(ConfigurationError):
        twilio(account_sid="AC 123", auth_token="t0ken", sender="HUG")
    with pytest.raises(ConfigurationError):
        ovhcloud(service="s", application_key="a\n", application_secret="b", consumer_key="c", sender="HUG")
    with pytest.raises(ConfigurationError):
        HttpSms(url="https://a.ch", body={"to": ["{to}"], "text": "{text}"}, encoding="form")
    with pytest.raises(ConfigurationError):
        HttpSms(url="https://a.ch", body={"to": "{to}", "text": "{text}"}, encoding="xml")  # type: ignore[arg-type]  # what a host may get wrong

"""The receipts of gateways, as their public documentation spells them, and as nobody should."""

import json
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import InvalidInput
from hugathome.history import DeliveryStatus
from hugathome.receipts import Receipt
from hugathome.sms.reading import FORM, JSON, KINDS, READERS, read_receipt

KEY = "dGhlIG1lc3NhZ2U.1"


def twilio(status: str, **more: str) -> bytes:
    """A status callback for an SMS: twilio.com/docs/messaging/guides/track-outbound-message-status."""
    sid = "SM1234567890abcdef1234567890abcdef"
    fields = {
        "SmsSid": sid,
        "SmsStatus": status,
        "MessageStatus": status,
        "To": "+41791234567",
        "MessageSid": sid,
        "AccountSid": "AC1234567890abcdef1234567890abcdef",
        "From": "HUG",
        "ApiVersion": "2010-04-01",
        **more,
    }
    return urlencode(fields).encode()


def smsmode(value: str) -> bytes:
    """What integrations of dev.smsmode.com/sms/v1 are posted: the message, with where it stands."""
    message = {
        "messageId": "b6d3d6a4-0000-4000-8000-000000000001",
        "acceptedAt": "2026-11-22T09:00:00",
        "channel": {
            "channelId": "b6d3d6a4-0000-4000-8000-000000000002",
            "type": "SMS",
            "flow": "TRANSACTIONAL",
        },
        "type": "SMS",
        "direction": "MT",
        "recipient": {"to": "41791234567"},
        "from": "HUG",
        "body": {"text": "493817 is your code", "encoding": "GSM7", "messagePartCount": 1},
        "status": {"deliveryDate": "2026-11-22T09:00:04", "value": value},
        "refClient": KEY,
    }
    return json.dumps(message).encode()


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("accepted", "sent"),
        ("queued", "sent"),
        ("sending", "sent"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("read", "delivered"),
        ("undelivered", "failed"),
        ("failed", "failed"),
        ("canceled", "failed"),
    ],
)
def test_twilio_says_what_became_of_a_message(word: str, status: str) -> None:
    receipt = read_receipt("twilio", twilio(word), kind=FORM, query={"reference": KEY})

    assert receipt == Receipt(reference=KEY, status=DeliveryStatus(status))


def test_twilio_says_why_by_a_code() -> None:
    body = twilio("undelivered", ErrorCode="30003", RawDlrDoneDate="2611220900")

    assert read_receipt("twilio", body, kind=FORM, query={"reference": KEY}).reason == "30003"


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("SCHEDULED", "sent"),
        ("ENROUTE", "sent"),
        ("DELIVERED", "delivered"),
        ("UNDELIVERABLE", "failed"),
        ("UNDELIVERED", "failed"),
    ],
)
def test_smsmode_says_what_became_of_a_message(word: str, status: str) -> None:
    receipt = read_receipt("smsmode", smsmode(word), kind=JSON, query={})

    assert receipt == Receipt(reference=KEY, status=DeliveryStatus(status))


def test_a_plain_receipt_is_json_or_a_form() -> None:
    fields = {"reference": KEY, "status": "failed", "reason": "absent"}
    expected = Receipt(reference=KEY, status=DeliveryStatus.FAILED, reason="absent")

    assert read_receipt("plain", json.dumps(fields).encode(), kind=JSON, query={}) == expected
    assert read_receipt("plain", urlencode(fields).encode(), kind=FORM, query={}) == expected


@pytest.mark.parametrize(
    ("gateway", "kind", "body"),
    [
        ("nobody", JSON, b"{}"),
        ("plain", JSON, b""),
        ("plain", JSON, b"[]"),
        ("plain", JSON, b"null"),
        ("plain", JSON, b"[" * 8000),
        ("plain", JSON, b"\xff"),
        ("plain", JSON, b'{"status": "delivered"}'),
        ("plain", JSON, b'{"reference": "a.1", "status": "teleported"}'),
        ("plain", JSON, b'{"reference": 7, "status": "sent"}'),
        ("plain", FORM, "référence=1".encode()),
        ("plain", FORM, b"a=1&" * 101),
        ("twilio", FORM, b"MessageStatus=sent"),
        ("smsmode", JSON, b'{"refClient": "a.1", "status": {"value": {}}}'),
        ("smsmode", JSON, b'{"refClient": "a.1", "status": []}'),
    ],
)
def test_what_is_no_receipt_is_refused(gateway: str, kind: str, body: bytes) -> None:
    with pytest.raises(InvalidInput):
        read_receipt(gateway, body, kind=kind, query={})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
NAMES = ("reference", "status", "reason", "value", "refClient", "MessageStatus", "ErrorCode")
shaped = st.dictionaries(st.sampled_from(NAMES) | st.text(), json_values, max_size=6)
bodies = (
    st.binary(max_size=400)
    | st.text(max_size=200).map(str.encode)
    | (json_values | shaped).map(lambda value: json.dumps(value).encode())
    | st.dictionaries(st.sampled_from(NAMES), st.text()).map(lambda fields: urlencode(fields).encode())
)


@given(
    gateway=st.sampled_from([*READERS]) | st.text(max_size=10),
    body=bodies,
    kind=st.sampled_from(KINDS),
    query=st.dictionaries(st.just("reference"), st.text()),
)
def test_whatever_is_posted_is_a_receipt_or_refused(
    gateway: str, body: bytes, kind: str, query: dict[str, Any]
) -> None:
    with suppress(InvalidInput):
        assert isinstance(read_receipt(gateway, body, kind=kind, query=query), Receipt)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", [b"[", b'{"a":', b"a=1&", b"%", b"&", b"\x00", b'"', b"9"])
def test_the_largest_body_that_is_taken_is_read_in_no_time(kind: str, unit: bytes) -> None:
    body = (unit * 8192)[:8192]
    began = time.perf_counter()
    for _ in range(20):
        with pytest.raises(InvalidInput):
            read_receipt("plain", body, kind=kind, query={})

    assert (time.perf_counter() - began) / 20 < 0.02

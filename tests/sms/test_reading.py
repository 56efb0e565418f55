"""The receipts of gateways, as their public documentation spells them, and as nobody should."""

import hashlib
import hmac
import json
import time
from base64 import b64encode
from contextlib import suppress
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import ConfigurationError, InvalidInput
from hugathome.reach.receipts import Receipt
from hugathome.record.history import DeliveryStatus
from hugathome.sms.reading import FORM, JSON, KINDS, READERS, Seal, read_receipt

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


def ovhcloud(ptt: str, description: str) -> dict[str, str]:
    """A call of OVHcloud's: docs.ovhcloud.com, "Everything you need to know about SMS users"."""
    told = {"date": "2026-11-22 09:00:04", "descriptionDlr": "as it may be"}
    return {"id": "26929925", "ptt": ptt, "description": description, **told}


@pytest.mark.parametrize(
    ("ptt", "description", "status", "reason"),
    [
        ("1", "4", "sent", None),
        ("2", "8", "sent", None),
        ("3", "1", "sent", None),
        ("4", "1", "delivered", None),
        ("6", "1", "sent", None),
        ("24", "2", "failed", "24"),
        ("202", "16", "failed", "202"),
        ("999", "2", "failed", "999"),
        ("", "16", "failed", None),
    ],
)
def test_ovhcloud_says_in_the_query_what_became_of_a_message(
    ptt: str, description: str, status: str, reason: str | None
) -> None:
    receipt = read_receipt("ovhcloud", b"", kind="", query=ovhcloud(ptt, description))

    expected = Receipt(reference="ovhcloud:26929925", status=DeliveryStatus(status), reason=reason)
    assert receipt == expected


@pytest.mark.parametrize(
    "query", [{}, {"ptt": "4"}, {"id": "", "ptt": "4"}, {"id": "26929925"}, ovhcloud("999", "1")], ids=str
)
def test_a_query_that_says_nothing_of_a_message_is_no_receipt(query: dict[str, str]) -> None:
    with pytest.raises(InvalidInput):
        read_receipt("ovhcloud", b"", kind="", query=query)


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


# --- Whose they are ------------------------------------------------------------------------------

TOKEN = "12345"
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
SIGNED_URL = f"https://mycompany.com/receipts?reference={KEY}"
DELIVERED = {"MessageSid": "SM1", "MessageStatus": "delivered", "RawDlrDoneDate": ""}


def signed(fields: dict[str, str], *, url: str = SIGNED_URL, token: str = TOKEN) -> str:
    """Sign as twilio.com/docs/usage/security says."""
    text = url + "".join(f"{name}{fields[name]}" for name in sorted(fields))
    return b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


def read_signed(
    fields: dict[str, str] | bytes, signature: str | None, *, url: str = SIGNED_URL, reference: str = KEY
) -> Receipt:
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    seal = Seal(secret=TOKEN, url=url, signature=signature)
    return read_receipt("twilio", body, kind=FORM, query={"reference": reference}, seal=seal)


@pytest.mark.parametrize(
    ("url", "body", "signature"),
    [
        (URL, urlencode(CALL).encode(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL, b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234", "IK+Dwps556ElfBT0I3Rgjkr1wJU="),
        (URL.replace(".com", ".com:1234"), urlencode(CALL).encode(), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL, urlencode(CALL).encode(), "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (URL.replace("https", "http"), urlencode(CALL).encode(), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
    ],
    ids=["plain", "a field twice", "a port that is not signed", "a port that is", "http"],
)
def test_a_signature_that_twilio_publishes_is_its_own(url: str, body: bytes, signature: str) -> None:
    with pytest.raises(InvalidInput, match="a status"):  # it is read: these are calls, and say none
        read_signed(body, signature, url=url)
    with pytest.raises(InvalidInput, match="signature"):
        read_signed(body + b"4", signature, url=url)


def test_a_receipt_that_twilio_has_signed_is_read() -> None:
    assert read_signed(DELIVERED, signed(DELIVERED)).status is DeliveryStatus.DELIVERED


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        signed(DELIVERED, token="another"),
        signed(DELIVERED, url=SIGNED_URL + "3"),
        signed({**DELIVERED, "MessageStatus": "failed"}),
        signed(DELIVERED).rstrip("="),
        "\N{KEY}",
        "\ud800",
    ],
    ids=ascii,
)
def test_a_receipt_that_somebody_else_has_signed_is_refused(signature: str | None) -> None:
    with pytest.raises(InvalidInput, match="signature"):
        read_signed(DELIVERED, signature)


def test_a_receipt_is_of_the_message_that_was_signed_whatever_a_framework_reads_from_the_address() -> None:
    receipt = read_signed(DELIVERED, signed(DELIVERED), reference="another.1")

    assert receipt.reference == KEY


@pytest.mark.parametrize("secret", ["", None], ids=str)
def test_a_seal_whose_secret_anybody_knows_is_refused(secret: Any) -> None:
    with pytest.raises(ConfigurationError, match="secret="):
        Seal(secret=secret, url=URL, signature=signed(DELIVERED, token=""))


def test_what_cannot_be_signed_is_refused_where_it_should_be() -> None:
    seal = Seal(secret=TOKEN, url=URL, signature="")
    for gateway, kind in (("plain", FORM), ("smsmode", JSON), ("twilio", JSON)):
        with pytest.raises(InvalidInput, match="signed receipts"):
            read_receipt(gateway, b"{}", kind=kind, query={}, seal=seal)
    for body, url in ((b"\xff", URL), (b"a=1&" * 101, URL), (b"a=1", "https://a:x/"), (b"a=1", "https://[")):
        with pytest.raises(InvalidInput):
            read_signed(body, "", url=url)


# --- Anything ------------------------------------------------------------------------------------

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
    seal=st.none()
    | st.builds(Seal, secret=st.text(min_size=1), url=st.text(), signature=st.none() | st.text()),
)
def test_whatever_is_posted_is_a_receipt_or_refused(
    gateway: str, body: bytes, kind: str, query: dict[str, Any], seal: Seal | None
) -> None:
    with suppress(InvalidInput):
        assert isinstance(read_receipt(gateway, body, kind=kind, query=query, seal=seal), Receipt)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("unit", [b"[", b'{"a":', b"a=1&", b"%", b"&", b"\x00", b'"', b"9"])
def test_the_largest_body_that_is_taken_is_read_in_no_time(kind: str, unit: bytes) -> None:
    body = (unit * 8192)[:8192]
    began = time.perf_counter()
    for _ in range(20):
        with pytest.raises(InvalidInput):
            read_receipt("plain", body, kind=kind, query={})

    assert (time.perf_counter() - began) / 20 < 0.02

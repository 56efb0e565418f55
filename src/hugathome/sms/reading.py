"""How gateways spell their receipts: whatever is posted becomes a `Receipt`, or `InvalidInput`.

    plain      {"reference": …, "status": "delivered", "reason": …}, as JSON or as a form
    twilio     a form with MessageStatus and ErrorCode; the reference is in the address, where we put it
    smsmode    JSON with refClient and status.value
    ovhcloud   a query with OVHcloud's own id of the message, and ptt; what may be in a body is not read

`plain` is for gateways whose template can be written, and for a bridge of the host's own. Swisscom says of a
message only that it has changed: there is nothing to read here.

Twilio signs what it posts; with its `Seal` a receipt that somebody else has written is none. The others sign
nothing: whoever knows their address is believed.
"""

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from hugathome.errors import ConfigurationError, InvalidInput
from hugathome.reach.receipts import DELIVERED, FAILED, SENT, Receipt, receipt_of

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
KINDS = (JSON, FORM)
"""The kinds of bodies that gateways post."""
_MOST_FIELDS = 100

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Seal:
    """What shows that a receipt is the gateway's own."""

    secret: str
    """What only the gateway and its customer know: Twilio's auth token."""
    url: str
    """The whole address that it was posted to, with its query, as the gateway was given it."""
    signature: str | None
    """What it came with: Twilio's header `X-Twilio-Signature`; None, as most frameworks say it, for none."""

    def __post_init__(self) -> None:
        """Refuse a secret that anybody knows: a setting that was left out, as a rule."""
        if not isinstance(self.secret, str) or not self.secret:
            raise ConfigurationError("a seal's secret= takes a text that is not empty")


def read_receipt(
    gateway: str, body: bytes, *, kind: str, query: Mapping[str, str], seal: Seal | None = None
) -> Receipt:
    """Return the receipt that a gateway posted as `kind` to an address with `query`.

    Raises `InvalidInput` for what is none, and with a `seal` for what the gateway has not signed. Then
    `query` is that of the address that was signed, whatever the request was taken to ask besides.
    """
    reader = READERS.get(gateway)
    if reader is None:
        raise InvalidInput(f"receipts are read of {', '.join(READERS)}")
    if seal is not None:
        _refuse_forged(gateway, body, kind, seal)
        query = dict(parse_qsl(urlsplit(seal.url).query))
    return reader({} if gateway in IN_QUERY else _fields(body, kind), query)


def _fields(body: bytes, kind: str) -> Fields:
    try:
        if kind == FORM:
            return dict(parse_qsl(body.decode("ascii"), max_num_fields=_MOST_FIELDS))
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise InvalidInput("a receipt is JSON or a form") from None
    if not isinstance(fields, dict):
        raise InvalidInput("a receipt is one JSON object")
    return fields


def _plain(fields: Fields, _: Mapping[str, str]) -> Receipt:
    return receipt_of(
        reference=fields.get("reference"), status=fields.get("status"), reason=fields.get("reason")
    )


def _twilio(fields: Fields, query: Mapping[str, str]) -> Receipt:
    return receipt_of(
        reference=query.get("reference"), status=fields.get("MessageStatus"), reason=fields.get("ErrorCode")
    )


def _smsmode(fields: Fields, _: Mapping[str, str]) -> Receipt:
    status = fields.get("status")
    value = status.get("value") if isinstance(status, dict) else status
    return receipt_of(reference=fields.get("refClient"), status=value)


_OVH_STATES = {
    SENT: "1 2 3 6",
    DELIVERED: "4",
    FAILED: "5 8 20 21 23 24 25 26 27 28 29 33 39 73 74 76 202",
}
_OVH_PTT = {code: status for status, codes in _OVH_STATES.items() for code in codes.split()}
"""What its `ptt` means: docs.ovhcloud.com, "Everything you need to know about SMS users". With 6 the operator
never said, so that a gateway has the message, and no more is known."""
_OVH_FAILED = ("2", "16")
"""Of `description`, which tells a failure whose `ptt` is not in that list; it names the main ones only."""


def _ovhcloud(_: Fields, query: Mapping[str, str]) -> Receipt:
    number, ptt = query.get("id"), query.get("ptt", "")
    status = _OVH_PTT.get(ptt, FAILED if query.get("description") in _OVH_FAILED else None)
    reference = f"ovhcloud:{number}" if number else None
    return receipt_of(reference=reference, status=status, reason=ptt if status is FAILED else None)


READERS: Mapping[str, Callable[[Fields, Mapping[str, str]], Receipt]] = MappingProxyType(
    {"plain": _plain, "twilio": _twilio, "smsmode": _smsmode, "ovhcloud": _ovhcloud}
)
"""Whose receipts are understood, by the name in the address."""
IN_QUERY = ("ovhcloud",)
"""Who says everything in the query, and may ask with GET."""


# --- Whose they are ------------------------------------------------------------------------------


def _refuse_forged(gateway: str, body: bytes, kind: str, seal: Seal) -> None:
    """Refuse what `seal` does not fit: HMAC-SHA1 over the address and the sorted fields of the form."""
    if gateway not in SIGNING or kind != FORM:
        raise InvalidInput(f"signed receipts are forms of {', '.join(SIGNING)}")
    try:
        fields = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        urls = _spellings(seal.url)
    except ValueError:
        raise InvalidInput("a receipt is a form, and its address a URL") from None
    written = "".join(name + value for name, value in sorted(set(fields)))
    given = (seal.signature or "").encode(errors="replace")
    if not any(hmac.compare_digest(_signature(seal.secret, url + written), given) for url in urls):
        raise InvalidInput("a receipt does not bear its gateway's signature")


def _signature(secret: str, signed: str) -> bytes:
    digest = hmac.digest(secret.encode(), signed.encode(errors="replace"), hashlib.sha1)
    return b64encode(digest)


def _spellings(url: str) -> tuple[str, str]:
    """Return an address without a port and with one: Twilio has signed either."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].partition(":")[0]
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()


SIGNING = ("twilio",)
"""Who signs."""

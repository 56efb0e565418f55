"""How gateways spell their receipts: whatever is posted becomes a `Receipt`, or `InvalidInput`.

    plain      {"reference": …, "status": "delivered", "reason": …}, as JSON or as a form
    twilio     a form with MessageStatus and ErrorCode; the reference is in the address, where we put it
    smsmode    JSON with refClient and status.value

`plain` is for gateways whose template can be written, and for a bridge of the host's own. OVHcloud and
Swisscom name a message by a number of their own, which never was ours: there is nothing to read here.
"""

import json
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl

from hugathome.errors import InvalidInput
from hugathome.receipts import Receipt, receipt_of

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
KINDS = (JSON, FORM)
"""The kinds of bodies that gateways post."""
_MOST_FIELDS = 100

Fields = Mapping[str, Any]


def read_receipt(gateway: str, body: bytes, *, kind: str, query: Mapping[str, str]) -> Receipt:
    """Return the receipt that a gateway posted as `kind` to an address with `query`."""
    reader = READERS.get(gateway)
    if reader is None:
        raise InvalidInput(f"receipts are read of {', '.join(READERS)}")
    return reader(_fields(body, kind), query)


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


READERS: Mapping[str, Callable[[Fields, Mapping[str, str]], Receipt]] = MappingProxyType(
    {"plain": _plain, "twilio": _twilio, "smsmode": _smsmode}
)
"""Whose receipts are understood, by the name in the address."""

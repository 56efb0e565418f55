"""The body of a request to a gateway: JSON or a form, with places for number, text and key.

Only string values are filled in, each place once, so that a text that looks like a place stays a text.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, Literal, final
from urllib.parse import quote, urlencode

from hugathome.codes import Sms
from hugathome.errors import ConfigurationError

_PLACE = re.compile(r"\{(\w+)\}")
_PLACES = ("to", "msisdn", "text", "key", "reference")

Encoding = Literal["json", "form"]
_KINDS: Mapping[Encoding, str] = {"json": "application/json", "form": "application/x-www-form-urlencoded"}


@final
class BodyTemplate:
    """A body with `{to}` or `{msisdn}`, `{text}` and perhaps `{key}` somewhere in its strings."""

    def __init__(self, body: Mapping[str, Any], *, encoding: Encoding = "json") -> None:
        if encoding not in _KINDS:
            raise ConfigurationError("encoding= is json or form")
        self._encoding = encoding
        try:
            self._body = json.loads(json.dumps(dict(body), allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            raise ConfigurationError("body= takes what JSON can hold") from None
        if encoding == "form" and not all(isinstance(value, str) for value in self._body.values()):
            raise ConfigurationError("body= of a form takes strings")
        self._places = set(_places(self._body))
        if unknown := self._places.difference(_PLACES):
            raise ConfigurationError(f"body= has places that nothing fills: {', '.join(sorted(unknown))}")
        if "text" not in self._places or self._places.isdisjoint(("to", "msisdn")):
            raise ConfigurationError("body= needs a place for {text}, and one for {to} or {msisdn}")

    @property
    def kind(self) -> str:
        """The content type."""
        return _KINDS[self._encoding]

    @property
    def has_key(self) -> bool:
        """Whether the gateway can tell a retry from a second message by the body."""
        return "key" in self._places

    def filled(self, message: Sms) -> bytes:
        """Return the body for `message`, in ASCII."""
        number = str(message.to)
        values = {
            "to": number,
            "msisdn": number.removeprefix("+"),
            "text": message.text,
            "key": message.idempotency_key,
            "reference": quote(message.idempotency_key, safe=""),
        }
        filled = _filled(self._body, values)
        return (urlencode(filled) if self._encoding == "form" else json.dumps(filled)).encode()


def _places(node: Any) -> list[str]:
    if isinstance(node, str):
        return _PLACE.findall(node)
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [place for child in inner for place in _places(child)]


def _filled(node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return _PLACE.sub(lambda place: values[place[1]], node)
    if isinstance(node, dict):
        return {name: _filled(child, values) for name, child in node.items()}
    if isinstance(node, list):
        return [_filled(child, values) for child in node]
    return node

"""A gateway that takes JSON or a form over HTTP: its address, headers and body are yours to name.

    HttpSms(
        url="https://sms.example.ch/v1/messages",
        headers={"Authorization": "Bearer …"},
        body={"from": "HUG", "to": ["{to}"], "content": {"text": "{text}"}},
    )

Any 2xx is acceptance. What another try may mend (no connection, no answer in time, 429, 5xx) is tried
again with the same idempotency key; any other status is final. Of a gateway that says *refused* in the body
of a 200, `is_taken` reads the beginning; `handle` does of one whose receipts bring only its own number of a
message. Nothing here queues: whoever calls learns at once.
"""

import re
import ssl
from collections.abc import Callable, Mapping
from copy import copy
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self, final
from urllib.parse import quote, urlsplit

from hugathome.clock import Clock, SystemClock
from hugathome.codes import Sms
from hugathome.errors import ConfigurationError, SmsNotSent
from hugathome.sms._template import BodyTemplate, Encoding
from hugathome.sms._wire import Answer, AsyncWire, BlockingWire, Line, Request, Wire

if TYPE_CHECKING:
    import httpx

_FIRST_WAIT = 0.5
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?")


@final
class HttpSms:
    """Posts each message to `url`, over https unless the gateway is on loopback.

    The strings of `body` have places: `{to}` is E.164, `{msisdn}` the same without its +, `{text}` and
    `{key}`. The key travels in `idempotency_header` too; name it as your gateway does. With None, and no
    `{key}`, a gateway cannot tell a retry from a second message: then only what certainly did not arrive
    is tried again. `{reference}` is the key for a gateway that only gives it back in its receipts; it is
    safe in an address.

    Each of the `attempts` may take `timeout`. Between them goes the time that the gateway asks for in
    Retry-After, or a growing wait; one that asks for more than `longest_wait` is not tried again.
    `tls` replaces the public roots, for a gateway behind the hospital's own authority. `sign` is given the
    body of every attempt and returns more headers. `is_taken` and `handle` are given the beginning of the
    body that accepts; a handle is the gateway's name and its own number of the message, `ovhcloud:26929925`.
    """

    def __init__(
        self,
        *,
        url: str,
        body: Mapping[str, Any],
        headers: Mapping[str, str] = MappingProxyType({}),
        encoding: Encoding = "json",
        sign: Callable[[bytes], Mapping[str, str]] | None = None,
        is_taken: Callable[[bytes], bool] | None = None,
        handle: Callable[[bytes], str | None] | None = None,
        idempotency_header: str | None = "Idempotency-Key",
        timeout: timedelta = timedelta(seconds=10),
        attempts: int = 3,
        longest_wait: timedelta = timedelta(seconds=10),
        proxy: str | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock = SystemClock(),
    ) -> None:
        _refuse_url(url)
        _refuse_proxy(proxy)
        _refuse_headers(headers if idempotency_header is None else {**headers, idempotency_header: "key"})
        if timeout <= timedelta(0) or longest_wait < timedelta(0) or attempts < 1:
            raise ConfigurationError(
                "timeout= and attempts= are at least something, longest_wait= is not negative"
            )
        self._url = url
        self._template = BodyTemplate(body, encoding=encoding)
        given = {name.lower(): value for name, value in headers.items()}
        self._headers = {"content-type": self._template.kind, **given}
        self._sign = sign
        self._is_taken = is_taken
        self._handle = handle
        self._key_header = idempotency_header and idempotency_header.lower()
        self._attempts = attempts
        self._longest_wait = longest_wait.total_seconds()
        self._clock = clock
        self._line = Line(seconds=timeout.total_seconds(), proxy=proxy, tls=tls)
        self._wire: Wire = AsyncWire(self._line, clock=clock)

    def __repr__(self) -> str:
        parts = urlsplit(self._url)
        return f"HttpSms({parts.scheme}://{parts.netloc})"

    @property
    def may_be_asked_again(self) -> bool:
        """Whether the gateway recognises a message that it has taken already, by its key."""
        return self._key_header is not None or self._template.has_key

    @property
    def longest_send(self) -> timedelta:
        """How long all attempts and the waits between them take at most.

        Without an event loop a gateway whose answer trickles may take longer: see `for_blocking`.
        """
        waits = (self._attempts - 1) * self._longest_wait
        return timedelta(seconds=self._attempts * self._line.seconds + waits)

    def for_blocking(self) -> Self:
        """Return the same gateway for callers without an event loop: it blocks and never suspends.

        There `timeout` bounds each step of an attempt and not their sum.
        """
        twin = copy(self)
        twin._wire = BlockingWire(self._line)  # noqa: SLF001 - its own kind
        return twin

    async def send(self, message: Sms) -> str | None:
        """Return the `handle` of `message` once the gateway has accepted it, or raise `SmsNotSent`."""
        is_certain, tried = True, 1
        while not (answer := await self._wire.post(self._request(message))).is_acceptance:
            is_certain = is_certain and answer.is_refusal
            wait = self._wait_after(answer, tried)
            if wait is None or tried == self._attempts:
                reason = f"{answer.reason} (attempt {tried})"
                raise SmsNotSent(reason, is_certain=is_certain) from answer.error
            await self._wire.pause(wait)
            tried += 1
        self._refuse_unless_taken(answer, is_certain=is_certain)
        return None if self._handle is None else self._handle(answer.body)

    def _refuse_unless_taken(self, answer: Answer, *, is_certain: bool) -> None:
        if self._is_taken is not None and not self._is_taken(answer.body):
            reason = f"the gateway answered {answer.status}, and refused in the body"
            raise SmsNotSent(reason, is_certain=is_certain)

    def _request(self, message: Sms) -> Request:
        headers = dict(self._headers)
        if self._key_header is not None:
            headers[self._key_header] = quote(message.idempotency_key, safe=":/=+")
        content = self._template.filled(message)
        headers.update({} if self._sign is None else self._sign(content))
        wants_body = self._is_taken is not None or self._handle is not None
        return Request(url=self._url, headers=headers, content=content, wants_body=wants_body)

    def _wait_after(self, answer: Answer, tried: int) -> float | None:
        """Return the seconds before the next attempt, or None where there is to be none."""
        certainly_lost = answer.unconnected or answer.status == 429
        may_be_mended = answer.status is None or answer.status >= 500
        if not certainly_lost and not (self.may_be_asked_again and may_be_mended):
            return None
        asked = _seconds(answer.retry_after, now=self._clock.now())
        if asked is None:
            return min(_FIRST_WAIT * 2.0 ** (tried - 1), self._longest_wait)
        return asked if asked <= self._longest_wait else None


def _seconds(retry_after: str | None, *, now: datetime) -> float | None:
    """Read a Retry-After (RFC 9110, section 10.2.3); one that cannot be read is none."""
    if retry_after is None:
        return None
    if re.fullmatch("[0-9]{1,9}", retry_after):
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except (ValueError, OverflowError):
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def _parsed(url: str) -> "httpx.URL | None":
    """Read a URL as strictly as it will be used."""
    import httpx

    try:
        parsed = httpx.URL(url if re.fullmatch(r"[\x21-\x7e]+", url) else "")
    except httpx.InvalidURL:
        return None
    return parsed if parsed.host and (parsed.port or 0) < 2**16 else None


def _refuse_url(url: str) -> None:
    parsed = _parsed(url)
    if parsed is None or parsed.userinfo:
        raise ConfigurationError("url= takes a URL in ASCII, without credentials: they go into headers=")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and _is_loopback(parsed.host)):
        raise ConfigurationError("url= is https; http is for loopback only")


def _refuse_proxy(proxy: str | None) -> None:
    parsed = None if proxy is None else _parsed(proxy)
    if proxy is not None and (parsed is None or parsed.scheme not in ("http", "https")):
        raise ConfigurationError("proxy= takes the http or https URL of a proxy")


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _refuse_headers(headers: Mapping[str, str]) -> None:
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise ConfigurationError("headers= and idempotency_header= take what HTTP can carry, in ASCII")

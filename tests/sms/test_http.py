"""Any gateway that takes JSON, against one on loopback that misbehaves as it is told."""

import json
import logging
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hugathome._drive import drive
from hugathome.codes import Sms
from hugathome.errors import ConfigurationError, SmsNotSent
from hugathome.phone import PhoneNumber
from hugathome.sms import HttpSms
from hugathome.testing.check_sms import check_sms

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
TEXT = "493817 est votre code.\n@www.example.ch #493817"
MESSAGE = Sms(to=PhoneNumber.parse("+41791234567"), text=TEXT, idempotency_key="challenge-1:send-2")
BODY = {"to": "{to}", "text": "{text}"}
BRIEF = timedelta(seconds=1)

Answer = Callable[[BaseHTTPRequestHandler], None]
Send = Callable[[HttpSms], Awaitable[None]]


# --- The gateway ------------------------------------------------------------------------------------


class Provider:
    """Takes messages as a provider does, each idempotency key once; `script` says how it answers first."""

    def __init__(self) -> None:
        self.script: deque[Answer] = deque()
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.messages: list[tuple[str, str]] = []
        self.over = threading.Event()
        self._keys: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def secure(self, certificate: Path) -> None:
        """Speak TLS from here on."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        # Handshakes happen in the handlers' threads, so that a failed one does not end the server.
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    def then(self, *answers: Answer) -> None:
        self.script.extend(answers)

    def accept(self, request: BaseHTTPRequestHandler) -> None:
        _, headers, body = self.requests[-1]
        key = headers.get("idempotency-key") or body.get("key") or str(len(self.requests))
        if key not in self._keys:
            self._keys.add(key)
            self.messages.append((body["to"], body["text"]))
        answer(202)(request)

    # --- Misbehaviour ---

    def hang(self, _: BaseHTTPRequestHandler) -> None:
        """Say nothing until the test is over."""
        self.over.wait()

    def drip(self, request: BaseHTTPRequestHandler) -> None:
        """Send a head that never ends, a byte at a time."""
        request.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        self._flood(request, b"x", pause=0.02)

    def drip_body(self, request: BaseHTTPRequestHandler) -> None:
        """Accept, and send a body that never ends, a byte at a time."""
        self.accept_head(request)
        self._flood(request, b"x", pause=0.02)

    def flood_body(self, request: BaseHTTPRequestHandler) -> None:
        """Accept, and send a body that never ends, as fast as it goes."""
        self.accept_head(request)
        self._flood(request, b"x" * 65_536, pause=0)

    def flood_head(self, request: BaseHTTPRequestHandler) -> None:
        """Send a head that never ends, as fast as it goes."""
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        self._flood(request, b"X-Padding: " + b"x" * 1000 + b"\r\n", pause=0)

    def accept_head(self, request: BaseHTTPRequestHandler) -> None:
        _, _, body = self.requests[-1]
        self.messages.append((body["to"], body["text"]))
        request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n")

    def _flood(self, request: BaseHTTPRequestHandler, chunk: bytes, *, pause: float) -> None:
        with suppress(OSError):
            while not self.over.wait(pause):
                request.wfile.write(chunk)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.close_connection = True
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                headers = {name.lower(): value for name, value in self.headers.items()}
                provider.requests.append((self.path, headers, body))
                respond = answer(403) if self.path == "/closed" else provider.accept
                (provider.script.popleft() if provider.script else respond)(self)

            def handle(self) -> None:
                with suppress(OSError):  # the client may be gone
                    super().handle()

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def answer(status: int, *, body: bytes = b"{}", **headers: str) -> Answer:
    """Answer `status`; `headers` are spelled with underscores."""

    def write(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return write


def raw(data: bytes) -> Answer:
    """Write `data` and hang up."""

    def write(request: BaseHTTPRequestHandler) -> None:
        request.wfile.write(data)

    return write


def reset(request: BaseHTTPRequestHandler) -> None:
    """Break the connection without a word."""
    request.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    request.connection.close()


class Pauses:
    """A clock that stands still, and notes how long it was asked to wait."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def now(self) -> datetime:
        return NOW

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    yield provider
    provider.close()


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture(params=["with an event loop", "blocking"])
def send(request: pytest.FixtureRequest, pauses: Pauses, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Send `MESSAGE` through a gateway, in either way."""
    monkeypatch.setattr("hugathome.sms._wire.time", SimpleNamespace(sleep=pauses.waits.append))

    async def send(gateway: HttpSms) -> None:
        if request.param == "blocking":
            drive(gateway.for_blocking().send(MESSAGE))
        else:
            await gateway.send(MESSAGE)

    return send


def gateway(provider: Provider, pauses: Pauses, **options: Any) -> HttpSms:
    defaults: dict[str, Any] = {"url": provider.url, "body": BODY, "timeout": BRIEF, "clock": pauses}
    return HttpSms(**(defaults | options))


# --- What is posted ---------------------------------------------------------------------------------


async def test_a_message_is_posted_as_the_template_says(
    provider: Provider, pauses: Pauses, send: Send
) -> None:
    body = {
        "to": "{to}",
        "text": "{text}",
        "recipients": [{"msisdn": "{msisdn}"}],
        "reference": "hug-{key}",
        "flash": False,
        "parts": 1,
        "none": None,
    }

    await send(
        gateway(
            provider,
            pauses,
            url=provider.url + "/v1/messages?tenant=hug",
            body=body,
            headers={"Authorization": "Bearer s3cret"},
        )
    )

    ((path, headers, posted),) = provider.requests
    assert path == "/v1/messages?tenant=hug"
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["content-type"] == "application/json"
    assert headers["idempotency-key"] == MESSAGE.idempotency_key
    assert posted == body | {
        "to": "+41791234567",
        "text": TEXT,
        "recipients": [{"msisdn": "41791234567"}],
        "reference": "hug-challenge-1:send-2",
    }


async def test_headers_of_the_host_replace_ours(provider: Provider, pauses: Pauses, send: Send) -> None:
    await send(
        gateway(
            provider,
            pauses,
            headers={"Content-Type": "application/vnd.sms+json"},
            idempotency_header="X-Request-Id",
        )
    )

    ((_, headers, _),) = provider.requests
    assert headers["content-type"] == "application/vnd.sms+json"
    assert headers["x-request-id"] == MESSAGE.idempotency_key
    assert "idempotency-key" not in headers


async def test_a_key_that_a_header_cannot_carry_is_quoted(provider: Provider, pauses: Pauses) -> None:
    await gateway(provider, pauses).send(Sms(to=MESSAGE.to, text="x", idempotency_key="é\r\nX-Evil: 1"))

    ((_, headers, _),) = provider.requests
    assert headers["idempotency-key"] == "%C3%A9%0D%0AX-Evil:%201"


async def test_it_passes_the_conformance_check(provider: Provider, pauses: Pauses) -> None:
    closed = HttpSms(url=provider.url + "/closed", body=BODY, attempts=1)

    await check_sms(gateway(provider, pauses), delivered=lambda: provider.messages, refusing=closed)


# --- What is tried again ----------------------------------------------------------------------------


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_acceptance_whatever_its_body(
    provider: Provider, pauses: Pauses, send: Send, status: int
) -> None:
    provider.then(answer(status, body=b"" if status == 204 else b"<html>not JSON"))

    await send(gateway(provider, pauses))

    assert len(provider.requests) == 1


FLEETING: dict[str, Callable[[Provider], Answer]] = {
    "500": lambda provider: answer(500),
    "503": lambda provider: answer(503),
    "429": lambda provider: answer(429),
    "reset": lambda provider: reset,
    "no answer": lambda provider: raw(b""),
    "half a status line": lambda provider: raw(b"HTTP/1.1 20"),
    "another protocol": lambda provider: raw(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "a hang": lambda provider: provider.hang,
    "a head without end": lambda provider: provider.flood_head,
}


@pytest.mark.parametrize("fault", FLEETING.values(), ids=FLEETING)
async def test_what_may_pass_is_tried_again_with_the_same_key(
    provider: Provider, pauses: Pauses, send: Send, fault: Callable[[Provider], Answer]
) -> None:
    provider.then(fault(provider))

    await send(gateway(provider, pauses))

    assert provider.messages == [("+41791234567", TEXT)]
    assert [headers["idempotency-key"] for _, headers, _ in provider.requests] == ["challenge-1:send-2"] * 2
    assert provider.requests[0][2] == provider.requests[1][2]
    assert pauses.waits == [0.5]


async def test_a_head_that_drips_is_given_up_in_time(provider: Provider, pauses: Pauses) -> None:
    provider.then(provider.drip)

    await gateway(provider, pauses).send(MESSAGE)

    assert provider.messages == [("+41791234567", TEXT)]


@pytest.mark.parametrize("endless", ["drip_body", "flood_body"])
async def test_a_body_without_end_is_not_read(
    provider: Provider, pauses: Pauses, send: Send, endless: str
) -> None:
    provider.then(getattr(provider, endless))

    await send(gateway(provider, pauses))

    assert len(provider.requests) == 1


async def test_after_the_last_attempt_it_gives_up(provider: Provider, pauses: Pauses, send: Send) -> None:
    provider.then(*[answer(500)] * 4)

    with pytest.raises(SmsNotSent) as refused:
        await send(gateway(provider, pauses, attempts=4))

    assert refused.value.reason == "the gateway answered 500 (attempt 4)"
    assert pauses.waits == [0.5, 1.0, 2.0]


async def test_waits_grow_no_longer_than_the_longest(provider: Provider, pauses: Pauses, send: Send) -> None:
    provider.then(*[answer(500)] * 4)

    await send(gateway(provider, pauses, attempts=5, longest_wait=timedelta(seconds=1.5)))

    assert pauses.waits == [0.5, 1.0, 1.5, 1.5]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 409, 422])
async def test_any_other_answer_is_final(provider: Provider, pauses: Pauses, send: Send, status: int) -> None:
    provider.then(answer(status, body=TEXT.encode(), Location="/elsewhere"))

    with pytest.raises(SmsNotSent) as refused:
        await send(gateway(provider, pauses))

    assert refused.value.reason == f"the gateway answered {status} (attempt 1)"
    assert len(provider.requests) == 1


async def test_a_gateway_that_is_not_there_is_tried_again(pauses: Pauses, send: Send) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(SmsNotSent, match="no connection") as refused:
        await send(HttpSms(url=f"http://127.0.0.1:{port}", body=BODY, clock=pauses))

    assert refused.value.__cause__ is not None
    assert pauses.waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        ("0", 0.0),
        ("7", 7.0),
        ("10", 10.0),
        ("Sun, 22 Nov 2026 09:30:04 GMT", 4.0),
        ("Sun, 22 Nov 2026 09:30:04 -0000", 4.0),
        ("Sun, 22 Nov 2020 09:30:04 GMT", 0.0),
        ("soon", 0.5),
        ("-5", 0.5),
        ("9" * 400, 0.5),
        ("Sun, 22 Nov 99999999999999999999 09:30:04 GMT", 0.5),
    ],
)
async def test_a_gateway_says_how_long_to_wait(
    provider: Provider, pauses: Pauses, send: Send, asked: str, waited: float
) -> None:
    provider.then(answer(503, Retry_After=asked))

    await send(gateway(provider, pauses))

    assert pauses.waits == [waited]


@pytest.mark.parametrize("asked", ["11", "999999999", "Sun, 22 Nov 2026 10:30:00 GMT"])
async def test_a_gateway_that_asks_for_too_long_is_not_tried_again(
    provider: Provider, pauses: Pauses, send: Send, asked: str
) -> None:
    provider.then(answer(429, Retry_After=asked))

    with pytest.raises(SmsNotSent, match="429"):
        await send(gateway(provider, pauses))

    assert pauses.waits == []


@pytest.mark.parametrize("fault", ["500", "reset", "a hang"])
async def test_without_a_key_what_may_have_arrived_is_not_sent_again(
    provider: Provider, pauses: Pauses, send: Send, fault: str
) -> None:
    provider.then(FLEETING[fault](provider))

    with pytest.raises(SmsNotSent):
        await send(gateway(provider, pauses, idempotency_header=None))

    assert len(provider.requests) == 1


async def test_without_a_key_what_was_turned_away_is_sent_again(
    provider: Provider, pauses: Pauses, send: Send
) -> None:
    provider.then(answer(429))

    await send(gateway(provider, pauses, idempotency_header=None))

    assert len(provider.requests) == 2


async def test_a_key_in_the_body_is_key_enough(provider: Provider, pauses: Pauses, send: Send) -> None:
    provider.then(answer(500))

    await send(gateway(provider, pauses, idempotency_header=None, body=BODY | {"key": "{key}"}))

    assert [posted["key"] for _, _, posted in provider.requests] == ["challenge-1:send-2"] * 2


# --- What leaks nowhere -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [*FLEETING, "400"])
async def test_no_reason_and_no_log_shows_number_text_or_secret(
    provider: Provider, pauses: Pauses, send: Send, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    provider.then(FLEETING[fault](provider) if fault in FLEETING else answer(400, body=TEXT.encode()))
    refusing = gateway(provider, pauses, attempts=1, headers={"Authorization": "Bearer s3cret"})

    with caplog.at_level(logging.INFO), pytest.raises(SmsNotSent) as refused:
        await send(refusing)

    said = f"{refused.value!r} {refused.value.__cause__!r} {caplog.text} {MESSAGE!r}"
    assert not [secret for secret in ("493817", "1234567", "s3cret") if secret in said]


@pytest.mark.parametrize(
    ("options", "recognises"),
    [
        ({}, True),
        ({"idempotency_header": None}, False),
        ({"idempotency_header": None, "body": {**BODY, "id": "{key}"}}, True),
        ({"idempotency_header": None, "body": {**BODY, "id": "{reference}"}}, False),
    ],
    ids=["header", "none", "body", "receipts only"],
)
def test_it_may_be_asked_again_where_a_key_travels(options: dict[str, Any], recognises: bool) -> None:
    gateway = HttpSms(**{"url": "https://sms.example.ch", "body": BODY, **options})

    assert gateway.may_be_asked_again is recognises
    assert gateway.for_blocking().may_be_asked_again is recognises


async def test_it_says_how_long_it_takes_at_most(provider: Provider, pauses: Pauses) -> None:
    provider.then(*[answer(503, Retry_After="4")] * 3)
    slow = gateway(provider, pauses, longest_wait=timedelta(seconds=4), attempts=3, timeout=BRIEF)

    with pytest.raises(SmsNotSent):
        await slow.send(MESSAGE)

    assert slow.longest_send == 3 * BRIEF + timedelta(seconds=sum(pauses.waits)) == timedelta(seconds=11)


def test_its_repr_shows_the_host_and_nothing_else() -> None:
    secretive = HttpSms(
        url="https://sms.example.ch/t0ken/send?key=s3cret",
        body=BODY,
        headers={"Authorization": "Bearer s3cret"},
    )

    assert repr(secretive) == "HttpSms(https://sms.example.ch)"


async def test_a_gateway_that_nobody_vouches_for_gets_no_message(
    provider: Provider, pauses: Pauses, send: Send, certificate: Path
) -> None:
    provider.secure(certificate)
    url = provider.url.replace("http://", "https://")

    with pytest.raises(SmsNotSent, match="no connection"):
        await send(gateway(provider, pauses, url=url, attempts=1))
    assert provider.requests == []

    await send(gateway(provider, pauses, url=url, tls=ssl.create_default_context(cafile=certificate)))
    assert len(provider.requests) == 1


async def test_a_proxy_is_used_where_it_is_named_and_never_by_the_environment(
    provider: Provider, pauses: Pauses, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")

    await send(gateway(provider, pauses))
    await send(gateway(provider, pauses, url="http://127.0.0.1:1/behind", proxy=provider.url))

    assert [path for path, _, _ in provider.requests] == ["/", "http://127.0.0.1:1/behind"]


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Make a certificate for 127.0.0.1 that signs itself."""
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a gateway")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "gateway.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


# --- What construction refuses ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"url": ""},
        {"url": "sms.example.ch"},
        {"url": "http://sms.example.ch"},
        {"url": "http://127.0.0.1.example.ch"},
        {"url": "http://10.0.0.1"},
        {"url": "ftp://127.0.0.1"},
        {"url": "https://user:s3cret@sms.example.ch"},
        {"url": "https://sms.example.ch:99999"},
        {"url": "https://sms..example.ch:a"},
        {"url": "https://" + "h" * 70_000},
        {"proxy": ""},
        {"proxy": "proxy.example.ch:3128"},
        {"proxy": "socks5://proxy.example.ch"},
        {"proxy": "http://"},
        {"url": "https://[::1"},
        {"url": "https://sms.example.ch/a b"},
        {"url": "https://sms.example.ch/\n"},
        {"url": "https://sms.exämple.ch/"},
        {"body": {}},
        {"body": {"to": "{to}"}},
        {"body": {"text": "{text}"}},
        {"body": {"{to}": "{text}"}},
        {"body": BODY | {"from": "{sender}"}},
        {"body": BODY | {"at": NOW}},
        {"body": BODY | {"at": float("nan")}},
        {"headers": {"Authorization": "Bearer\r\nX-Evil: 1"}},
        {"headers": {"X Y": "1"}},
        {"headers": {"X": "é"}},
        {"headers": {"X": ""}},
        {"idempotency_header": ""},
        {"idempotency_header": "Idempotency Key"},
        {"attempts": 0},
        {"timeout": timedelta(0)},
        {"longest_wait": timedelta(seconds=-1)},
    ],
    ids=lambda options: ascii(options)[:60],
)
def test_what_could_not_work_is_refused_at_construction(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        HttpSms(**({"url": "https://sms.example.ch", "body": BODY} | options))

    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["https://sms.example.ch", "http://localhost:9", "http://127.0.0.1:9/a", "http://[::1]:9", "HTTPS://A.B"],
)
def test_https_is_required_except_on_loopback(url: str) -> None:
    assert repr(HttpSms(url=url, body=BODY)).startswith("HttpSms(http")


def test_a_template_that_changes_later_changes_nothing(provider: Provider, pauses: Pauses) -> None:
    body: dict[str, Any] = {"to": "{to}", "text": "{text}", "more": ["a"]}
    kept = gateway(provider, pauses, body=body)
    body["more"].append("{evil}")

    drive(kept.for_blocking().send(MESSAGE))

    assert provider.requests[0][2]["more"] == ["a"]

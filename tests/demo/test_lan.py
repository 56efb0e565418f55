"""A phone's way in: an address, a certificate that holds for it and for nothing else, a QR code to scan."""

import ipaddress
import re
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import segno
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from hugathome import ConfigurationError
from hugathome.demo import lan

NOW = datetime(2026, 11, 22, 7, tzinfo=UTC)
URL = "https://192.0.2.20:8000/a1b2c3d4e5f6/phone"


def matrix_of(drawing: str) -> list[list[int]]:
    """Read a QR code off a terminal, as two rows of light and dark in each line of text."""
    lines = [line.removeprefix("\x1b[97;40m").removesuffix("\x1b[0m") for line in drawing.splitlines()]
    light = {"█": (1, 1), "▀": (1, 0), "▄": (0, 1), " ": (0, 0)}
    return [[1 - light[sign][half] for sign in line] for line in lines for half in (0, 1)]


def framed(matrix: list[list[int]], *, quiet: int) -> list[list[int]]:
    """Return a QR code with a quiet zone of so many modules."""
    width = len(matrix) + 2 * quiet
    rows = [[0] * quiet + row + [0] * quiet for row in matrix]
    return [[0] * width] * quiet + rows + [[0] * width] * quiet


def expected(text: str) -> list[list[int]]:
    return [list(row) for row in segno.make_qr(text).matrix]


def test_the_own_address_is_one_of_this_machine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bound:
        bound.bind((lan.own_address(), 0))


def test_a_machine_without_a_network_has_loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    class Unreachable(socket.socket):
        def connect(self, _address: object) -> None:
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", Unreachable)

    assert lan.own_address() == "127.0.0.1"
    with pytest.raises(ConfigurationError, match="in no network"):
        lan.lan_address(None)


@pytest.mark.parametrize("address", ["127.0.0.2", "192.0.2.20", "2001:db8::20"])
def test_an_address_that_is_given_is_taken(address: str) -> None:
    assert lan.lan_address(address) == address


@pytest.mark.parametrize(
    "address", ["my-laptop", "192.0.2.20:8000", "http://192.0.2.20", "127.0.0.1", "0.0.0.0"]
)
def test_what_no_phone_reaches_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="--address"):
        lan.lan_address(address)


@pytest.mark.parametrize("address", ["127.0.0.2", "2001:db8::20"])
def test_the_certificate_is_for_this_address_and_for_a_week(tmp_path: Path, address: str) -> None:
    made, fingerprint = lan.certified(address, tmp_path, now=NOW)

    certificate = x509.load_pem_x509_certificate(made.chain.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert list(names) == [x509.IPAddress(ipaddress.ip_address(address))]
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert certificate.not_valid_before_utc < NOW
    assert certificate.not_valid_after_utc == NOW + timedelta(days=7)
    assert fingerprint == certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    assert re.fullmatch("(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", fingerprint)


def test_the_key_is_its_own_and_nobody_elses_to_read(tmp_path: Path) -> None:
    made, _ = lan.certified("127.0.0.2", tmp_path, now=NOW)

    assert made.key.stat().st_mode & 0o077 == 0
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(made.chain, made.key)


def test_the_terminal_shows_the_code_of_the_address() -> None:
    assert matrix_of(lan.qr_terminal(URL))[: len(expected(URL)) + 4] == framed(expected(URL), quiet=2)

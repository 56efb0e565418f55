"""A real phone's way to the demonstration: an address in the network, a certificate for it, a QR code.

Browsers give camera and microphone to a page over HTTPS only. So a certificate is made on the spot, for one
address and a few days, and signed by nobody but itself: every browser warns of it, and rightly so. It is for
trying only; a deployment has a name and a certificate that browsers know. Nothing here sends anything.
"""

import ipaddress
import socket
from datetime import datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hugathome.errors import ConfigurationError, MissingExtra
from hugathome.web.serving import Certificate

if TYPE_CHECKING:
    import segno
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import ec

LOOPBACK: Final = "127.0.0.1"

_SOMEWHERE: Final = ("192.0.2.1", 9)
"""An address outside that is nobody's (RFC 5737)."""
_LIVES: Final = timedelta(days=7)
_WHITE_ON_BLACK, _AS_BEFORE = "\x1b[97;40m", "\x1b[0m"


def own_address() -> str:
    """Return the address by which this machine faces its network, or loopback's where it faces none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        try:
            unused.connect(_SOMEWHERE)  # picks the way, and sends nothing: this is UDP
        except OSError:
            return LOOPBACK
        return str(unused.getsockname()[0])


def lan_address(given: str | None) -> str:
    """Return the address to be reached at, which is this machine's own unless one is `given`.

    Raises `ConfigurationError` where that is none to be reached at.
    """
    address = given or own_address()
    try:
        read = ipaddress.ip_address(address)
    except ValueError:
        raise ConfigurationError("--address takes an IP address of this machine") from None
    if given is None and read.is_loopback:
        raise ConfigurationError("this machine is in no network: give the address to use with --address")
    if read.is_unspecified or address == LOOPBACK:
        raise ConfigurationError(f"no phone reaches {address}: give another with --address")
    return address


def certified(address: str, folder: Path, *, now: datetime) -> tuple[Certificate, str]:
    """Make a certificate for an IP address; return where it lies, and its SHA-256 fingerprint."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(address, key, now)
    made = Certificate(chain=folder / "certificate.pem", key=folder / "key.pem")
    made.chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    made.key.touch(mode=0o600)
    made.key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return made, certificate.fingerprint(hashes.SHA256()).hex(":").upper()


def qr_svg(text: str) -> bytes:
    """Return a QR code (ISO/IEC 18004) as a picture, one unit a module, with its quiet zone."""
    drawn = BytesIO()
    _qr(text).save(drawn, kind="svg", xmldecl=False, light="#fff", border=4)
    return drawn.getvalue()


def qr_terminal(text: str) -> str:
    """Return a QR code for a terminal: dark modules dark, whatever its colours are."""
    drawn = StringIO()
    _qr(text).terminal(drawn, border=2, compact=True)
    return "\n".join(f"{_WHITE_ON_BLACK}{line}{_AS_BEFORE}" for line in drawn.getvalue().splitlines())


def _self_signed(address: str, key: "ec.EllipticCurvePrivateKey", now: datetime) -> "x509.Certificate":
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hugathome demo, for trying only")])
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))  # a phone's clock may be slow
        .not_valid_after(now + _LIVES)
        .add_extension(alternative, critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(key, hashes.SHA256())
    )


def _qr(text: str) -> "segno.QRCode":
    try:
        import segno
    except ImportError:
        raise MissingExtra("server") from None
    return segno.make_qr(text)

"""The demonstration for people: a clinic on this computer, and on request a way in for a real phone.

    async with open_clinic(port=8000) as doors:
        print(doors.clinic)

The clinic's page hears nobody but this computer. With an `address` the visit is served there as well, over
HTTPS, and the site of every link is that one. Nothing is written down but the certificate's key, and that
goes with its folder. Only signalling passes here: sound and picture go from browser to browser.
"""

import secrets
import tempfile
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from socket import socket
from typing import Final
from urllib.parse import urlsplit

from hugathome.app import HugAtHome
from hugathome.demo.clinic import Clinic
from hugathome.demo.lan import LOOPBACK, certified, lan_address, own_address, qr_terminal
from hugathome.demo.made_up import TIMEZONE
from hugathome.demo.web import desk, phone
from hugathome.peer import IceSettings
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.web.serving import listening, running_due, serving, told_to_end

_TOLD_OF_PHONES: Final = """\
On a phone in the same network:

  {phone}

{code}

The phone's browser will warn that the connection is not private. It is right to: the certificate was made a
moment ago on this computer, and nobody else vouches for it. Here, and only here, go on all the same (Chrome:
Advanced, then Proceed; Firefox: Advanced, then Accept). Whoever wants to be sure compares its SHA-256:

{fingerprint}

iPhones are known to let such a page through, and to refuse the live connection that a visit needs: take
another phone, or the phone-sized window. A firewall on this computer may have to let port {port} in.

This is for trying only. Whoever has the address above reads the messages of the made-up patients.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """Where to find the clinic that is open."""

    clinic: str
    """Its page, on this computer."""
    phone: str | None = None
    """Where a real phone reads the messages; it holds a key."""
    fingerprint: str | None = None
    """The certificate's SHA-256."""


async def run(print_line: Callable[[str], None], *, port: int, lan: bool, address: str | None) -> None:
    """Keep the clinic open until told to end (SIGINT, SIGTERM), printing where it is.

    `lan` opens it to real phones, at this machine's own address unless one is given.
    """
    end = told_to_end()
    async with open_clinic(port=port, address=lan_address(address) if lan else None) as doors:
        print_line(f"The clinic is open at {doors.clinic}\n")
        if doors.phone is not None:
            print_line(_told_of_phones(doors.phone, doors.fingerprint or ""))
        print_line("Ctrl-C closes it, and forgets everything.")
        await end.wait()
    print_line("Closed.")


@asynccontextmanager
async def open_clinic(
    *, port: int = 0, address: str | None = None, ice: IceSettings | None = None
) -> AsyncGenerator[Doors]:
    """Serve the clinic on loopback, and at `address` as well if there is one, while the block runs.

    `ice` is how a robot finds the way to a browser; left out, it offers what a browser of this machine does.
    """
    async with AsyncExitStack() as stack:
        here = stack.enter_context(listening(port=port))
        there = None if address is None else stack.enter_context(listening(address, port))
        origin = _origin("http", here)
        sms = OutboxSms()
        hug = _deployment(sms, site=_origin("https", there) if there else origin, here=origin)
        await stack.enter_async_context(hug)
        await stack.enter_async_context(running_due(hug))
        clinic = await stack.enter_async_context(Clinic(hug, sms, ice=ice or _as_browsers_here()))
        doors = Doors(clinic=f"{origin}/")
        if there is not None:
            doors = await stack.enter_async_context(_open_to_phones(hug, clinic, there, doors=doors))
        desks = hug.asgi(otherwise=desk(clinic, site=hug.site, phone_url=doors.phone))
        await stack.enter_async_context(serving(desks, here))
        stack.callback(clinic.close)  # first of all: what follows the board would hold up the servers
        yield doors


@asynccontextmanager
async def _open_to_phones(
    hug: HugAtHome, clinic: Clinic, there: socket, *, doors: Doors
) -> AsyncGenerator[Doors]:
    """Serve the visit and a phone's messages over HTTPS while the block runs; add this door to `doors`."""
    key = secrets.token_hex(6)
    with tempfile.TemporaryDirectory() as folder:
        tls, fingerprint = certified(there.getsockname()[0], Path(folder), now=hug.clock.now())
        async with serving(hug.asgi(otherwise=phone(clinic, key=key)), there, tls=tls):
            phone_url = f"{_origin('https', there)}/{key}/phone"
            yield replace(doors, phone=phone_url, fingerprint=fingerprint)


def _deployment(sms: OutboxSms, *, site: str, here: str) -> HugAtHome:
    """Return the product; pages of this computer may ask it, whatever the site's own address is."""
    return HugAtHome(
        key=secrets.token_bytes(32),
        store=open_store("memory://"),
        sms=sms,
        site=f"{site}/visit",
        timezone=TIMEZONE,
        brand="HUG@home",
        help_phone="+41 22 372 33 11",
        frames=[here, here.replace(LOOPBACK, "localhost")],
    )


def _as_browsers_here() -> IceSettings:
    """Offer the addresses that a browser of this machine offers: loopback's only where there is no other."""
    return IceSettings(loopback=own_address() == LOOPBACK)


def _origin(scheme: str, bound: socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _told_of_phones(url: str, fingerprint: str) -> str:
    half = len(fingerprint) // 2
    return _TOLD_OF_PHONES.format(
        phone=url,
        code=qr_terminal(url),
        fingerprint=f"  {fingerprint[:half]}\n  {fingerprint[half + 1 :]}",
        port=urlsplit(url).port,
    )

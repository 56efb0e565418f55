"""A visit behind HAProxy, as one stands before hospitals: it ends what is silent, or refuses WebSockets."""

import asyncio
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from playwright.async_api import Browser, Page, Request, Route
from tests.pages.browsing import DESKTOP, device, in_state, open_from_sms, open_room, sees_and_hears, use
from tests.pages.clinic import Clinic

from hugathome.protocol.wire import Limits

EVENTS = "text/event-stream"
HAS_HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin") is not None
_REFUSING = "http-request deny deny_status 403 if { req.hdr(Upgrade) -m found }"
_CONFIGURATION = """
global
    maxconn 200
defaults
    mode http
    timeout connect 5s
    timeout client {timeout}ms
    timeout server {timeout}ms
    timeout tunnel {timeout}ms
frontend visit
    bind 127.0.0.1:{front}
    {refusing}
    default_backend server
backend server
    server visit 127.0.0.1:{behind}
"""


@contextmanager
def haproxy(
    folder: Path, ports: Mapping[str, int], *, timeout: float, refuses_upgrade: bool
) -> Iterator[None]:
    """Stand at the port `front` before the server `behind`; what is silent for `timeout` seconds is ended."""
    configuration = folder / "haproxy.cfg"
    refusing = _REFUSING if refuses_upgrade else ""
    configuration.write_text(_CONFIGURATION.format(timeout=int(1000 * timeout), refusing=refusing, **ports))
    with subprocess.Popen(["/usr/sbin/haproxy", "-q", "-f", str(configuration)]) as process:
        try:
            yield
        finally:
            process.terminate()


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as bound:
        return int(bound.getsockname()[1])


class Connections:
    """How often a page has opened a connection to its hub, by each way."""

    def __init__(self, page: Page) -> None:
        self.sockets = self.streams = self.polls = 0
        page.on("websocket", lambda _: self._opened_socket())
        page.on("request", self._asked)

    def _opened_socket(self) -> None:
        self.sockets += 1

    def _asked(self, request: Request) -> None:
        if request.method == "POST" and request.post_data == "{}":
            is_stream = request.headers.get("accept") == EVENTS
            self.streams += is_stream
            self.polls += not is_stream


class Held(NamedTuple):
    """How the two of a visit were connected."""

    patient: Connections
    clinician: Connections


async def visit_behind_a_proxy(
    folder: Path, chromium: Browser, *, refuses_upgrade: bool, timeout: float, lasts: float
) -> Held:
    """Hold a visit of so many seconds in which nobody says a word.

    Where WebSockets are refused, the clinician is to have no stream either.
    """
    front = unused_port()
    clinic = Clinic(folder, front=front, limits=Limits(ping_every=0.8 * timeout))  # as 20 s are of 25
    await clinic.start()
    try:
        ports = {"front": front, "behind": clinic.port}
        with haproxy(folder, ports, timeout=timeout, refuses_upgrade=refuses_upgrade):
            await answers(front)
            phone, desktop = await device(chromium), await device(chromium, viewport=DESKTOP)
            if refuses_upgrade:
                await desktop.route("**/signal/*", _without_streams)
            session = await clinic.plan()
            patient = await open_from_sms(phone, clinic)
            clinician = await open_room(desktop, clinic, session, "dr-rossi")
            held = Held(Connections(patient), Connections(clinician))
            await _hold(patient, clinician, lasts=lasts)
            return held
    finally:
        await clinic.stop()


async def _hold(patient: Page, clinician: Page, *, lasts: float) -> None:
    for page in (patient, clinician):
        await use(page, "join")
    await in_state(clinician, "visit")
    await use(clinician, "admit")
    await in_state(patient, "visit")
    await asyncio.sleep(lasts)  # of real time: the proxy has a clock of its own
    await sees_and_hears(patient, "dr-rossi")
    await use(clinician, "end")
    await clinician.select_option("[data-outcome]", "prescription")
    await use(clinician, "confirm-end")
    await in_state(patient, "ended")


async def _without_streams(route: Route) -> None:
    """Be something that collects whole answers, and so never passes on one that does not end."""
    if route.request.headers.get("accept") == EVENTS:
        await route.abort()
    else:
        await route.continue_()


async def answers(port: int) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return

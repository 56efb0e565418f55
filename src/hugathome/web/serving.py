"""Run the web application over uvicorn: for hosts that are not ASGI, for the demonstration and for tests."""

import asyncio
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hugathome.errors import ConfigurationError, HugathomeError, MissingExtra

try:
    import uvicorn
except ImportError:
    raise MissingExtra("server") from None

if TYPE_CHECKING:
    from hugathome.app import HugAtHome

_LOGGER = logging.getLogger("hugathome")
_LOOKS_EVERY = timedelta(seconds=30)
"""How often what is due is looked for, at the most seldom."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """Where a server's certificate and its private key lie, as PEM."""

    chain: Path
    """The certificate, followed by those that vouch for it."""
    key: Path


def listening(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a socket that is bound, so that its address is known before anything is served there."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio lets small frames go at once (TCP_NODELAY) only where a socket says that it is TCP: of one that
    # does not, every second message waits 40 ms for the other side's acknowledgement.
    bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as refused:
        bound.close()
        raise ConfigurationError(f"cannot listen on {host}:{port}: {refused.strerror}") from refused
    return bound


@asynccontextmanager
async def serving(
    application: Callable[..., Awaitable[None]], on: socket.socket, *, tls: Certificate | None = None
) -> AsyncGenerator[None]:
    """Serve `application` on a bound socket while the block runs; over HTTPS with `tls`.

    Raises `ConfigurationError` where that cannot be read, before anything is served.
    """
    server = _Server(_config(application, tls))
    on.listen()  # whoever connects before the server has started waits for it
    running = asyncio.create_task(server.serve(sockets=[on]))
    try:
        yield
    finally:
        server.should_exit = True
        await running


async def serve_alone(hug: "HugAtHome", *, host: str, port: int, drain: timedelta = timedelta()) -> None:
    """Serve until told to end (SIGINT, SIGTERM), and be the scheduler for what is due.

    At the end the devices leave for other workers, evenly within `drain`.
    """
    end = told_to_end()
    bound = listening(host, port)
    async with hug, serving(_at_its_path(hug), bound), running_due(hug):
        await end.wait()
        await hug.drain(within=drain)
        await hug.aclose()  # before the server, which waits for answers that last as long as a visit


@asynccontextmanager
async def running_due(hug: "HugAtHome") -> AsyncGenerator[None]:
    """Be the scheduler for what is due while the block runs."""
    pump = asyncio.create_task(_pump(hug))
    try:
        yield
    finally:
        pump.cancel()
        await asyncio.gather(pump, return_exceptions=True)


def told_to_end() -> asyncio.Event:
    """Return what is set by the signals that end a process; uvicorn's own way leaves no time to close."""
    told = asyncio.Event()
    with suppress(NotImplementedError):  # Windows: there, an interrupt cancels the main task
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, told.set)
    return told


def _at_its_path(hug: "HugAtHome") -> Callable[..., Awaitable[None]]:
    """Return the application at the path of its site, and at the root where a proxy has cut that off."""
    root = hug.asgi()
    return hug.asgi(otherwise=root) if hug.site.count("/") > 2 else root


async def _pump(hug: "HugAtHome") -> None:
    while True:
        try:
            due = await hug.run_due()
        except HugathomeError as failed:
            _LOGGER.warning("what is due could not be run: %s", failed)
            due = None
        rest = _LOOKS_EVERY if due is None else min(due - hug.clock.now(), _LOOKS_EVERY)
        await asyncio.sleep(max(rest.total_seconds(), 1))


def _config(application: Callable[..., Awaitable[None]], tls: Certificate | None) -> uvicorn.Config:
    # Sizes are our own business; compression triples a connection's memory and helps nobody here.
    options: dict[str, Any] = {"ws_max_size": 128 * 1024, "ws_per_message_deflate": False}
    if tls is not None:
        options |= {"ssl_certfile": tls.chain, "ssl_keyfile": tls.key}
    config = uvicorn.Config(
        application,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        **options,
    )
    try:
        config.load()
    except OSError as refused:  # what is wrong with a certificate is one, too
        raise ConfigurationError(f"the certificate cannot be used: {refused.strerror}") from refused
    return config


class _Server(uvicorn.Server):
    """A server inside somebody else's program: signals stay theirs."""

    def capture_signals(self) -> Any:
        """Capture none."""
        from contextlib import nullcontext

        return nullcontext()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close every connection, and wait for none whose other side leaves TLS's goodbye unanswered."""
        hanging_up = asyncio.create_task(self._hang_up())
        try:
            await super().shutdown(sockets)
        finally:
            hanging_up.cancel()
            await asyncio.gather(hanging_up, return_exceptions=True)

    async def _hang_up(self) -> None:
        """Drop what is closing and has nothing left to send: browsers let idle connections be closed so."""
        while True:
            await asyncio.sleep(0.1)
            for transport in [connection.transport for connection in self.server_state.connections]:
                if transport.is_closing() and not transport.get_write_buffer_size():
                    transport.abort()

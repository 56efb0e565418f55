"""Two rooms, each on a network of its own, that reach the web server and a relay, and never one another.

    192.0.2.2     a page's browser                      198.51.100.2  another page's browser
         └───────────── 203.0.113.1  web server, coturn ─────────────┘
                        203.0.113.2  from where coturn speaks to the other side; no page has a way there

A room is a network namespace: whoever is in it has that one address, and a way to the servers' and to
nothing else, as behind a hospital's firewall. All of this lives inside the namespace that
`scripts/loopback` makes, and nowhere else: outside of it this would change the machine's own network.
"""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

SERVERS = "203.0.113.1"
RELAYED = "203.0.113.2"
HOW_TO = Path(__file__).parents[2] / "docs/how-to/put-a-turn-server-in-front.md"


class Room(NamedTuple):
    """A network of one address; `process` is in it."""

    address: str
    process: int

    def program(self, path: str, folder: Path) -> Path:
        """Write a script that runs a program in this room, and return its path."""
        script = folder / f"at-{self.address}"
        script.write_text(f'#!/bin/sh\nexec nsenter --net=/proc/{self.process}/ns/net "{path}" "$@"\n')
        script.chmod(0o700)
        return script

    def reaches(self, address: str) -> bool:
        """Whether there is a way from here to an address."""
        asked = ["nsenter", f"--net=/proc/{self.process}/ns/net", "ip", "route", "get", address]
        return subprocess.run(asked, check=False, capture_output=True).returncode == 0


def lacks() -> str | None:
    """Return what is missing here for a hospital with rooms, if anything is."""
    for program in ("turnserver", "nsenter", "ip"):
        if shutil.which(program) is None:
            return f"{program} is not installed: scripts/system-packages"
    if any(name != "lo" for _, name in socket.if_nameindex()):
        return "other networks than loopback are here: run this under scripts/loopback"
    if subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True).returncode != 0:
        return "no network namespaces to be had here"
    return None


@contextmanager
def hospital() -> Iterator[tuple[Room, Room]]:
    """Give the servers their addresses, and two rooms."""
    with ExitStack() as stack:
        for address in (SERVERS, RELAYED):
            _ip("address", "add", f"{address}/32", "dev", "lo")
            stack.callback(_ip, "address", "delete", f"{address}/32", "dev", "lo")
        one = stack.enter_context(_room("room1", "192.0.2"))
        other = stack.enter_context(_room("room2", "198.51.100"))
        yield one, other


@contextmanager
def _room(name: str, network: str) -> Iterator[Room]:
    inside = [
        "unshare",
        "-n",
        "sh",
        "-c",
        "echo entered && exec cat",
    ]  # `cat` stays until its input is closed
    with subprocess.Popen(inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stays:
        assert stays.stdin is not None
        assert stays.stdout is not None
        assert stays.stdout.readline() == "entered\n"
        enter = ("nsenter", f"--net=/proc/{stays.pid}/ns/net")
        _ip("link", "add", name, "type", "veth", "peer", "name", "out", "netns", str(stays.pid))
        try:
            # An address that comes late, as IPv6's own do, makes Chromium drop what it is just loading.
            _ip("link", "set", name, "addrgenmode", "none", "up")
            _ip("address", "add", f"{network}.1/24", "dev", name)
            _ip("link", "set", "lo", "up", by=enter)
            _ip("link", "set", "out", "addrgenmode", "none", "up", by=enter)
            _ip("address", "add", f"{network}.2/24", "dev", "out", by=enter)
            _ip("route", "add", f"{SERVERS}/32", "via", f"{network}.1", by=enter)
            yield Room(f"{network}.2", stays.pid)
        finally:
            _ip("link", "delete", name)
            stays.stdin.close()


def _ip(*arguments: str, by: tuple[str, ...] = ()) -> None:
    subprocess.run([*by, "ip", *arguments], check=True)


# --- The relay -----------------------------------------------------------------------------------


def documented() -> dict[str, list[str]]:
    """Return the options of coturn that the documentation shows, each with its values."""
    (block,) = re.findall(r"^```ini\n(.*?)^```$", HOW_TO.read_text(), re.MULTILINE | re.DOTALL)
    options: dict[str, list[str]] = {}
    for line in block.splitlines():
        if line and not line.startswith("#"):
            name, _, value = line.partition("=")
            options.setdefault(name, []).append(value)
    return options


@contextmanager
def relay(folder: Path, here: Mapping[str, str]) -> Iterator[None]:
    """Run coturn as documented, but for the addresses and paths that are `here` others."""
    shown = documented()
    assert here.keys() <= shown.keys()
    options = shown | {name: [value] for name, value in here.items()}
    lines = [f"{name}={value}" if value else name for name, values in options.items() for value in values]
    file = folder / "turnserver.conf"
    file.write_text("\n".join(lines) + "\n")
    own = ["--pidfile", str(folder / "pid"), "--db", str(folder / "turndb"), "--log-file", "stdout"]
    with (folder / "log").open("w") as log:
        running = subprocess.Popen(["turnserver", "-c", str(file), *own], stdout=log, stderr=log)
        try:
            _wait_for(*options["listening-ip"], *options["listening-port"])
            yield
        finally:
            running.terminate()
            running.wait()


def _wait_for(address: str, port: str) -> None:
    """Return once somebody listens there."""
    gives_up = time.monotonic() + 10
    while time.monotonic() < gives_up:
        with suppress(ConnectionRefusedError), socket.create_connection((address, int(port))):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {address}:{port}")

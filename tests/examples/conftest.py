"""What the tests of the examples share."""

import socket

import pytest


@pytest.fixture
def free_port() -> int:
    """Return a port on loopback that nobody listens on: a site must know its address before it is served."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""ICE servers: the REST credentials of coturn, and nothing of the secret anywhere."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from hugathome.errors import InvalidInput
from hugathome.protocol.ice import IceServer, ice_servers_for

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def test_credentials_name_their_end_and_their_peer() -> None:
    server = IceServer(urls=["turns:turn.example.ch:443?transport=tcp"], secret="north")

    (minted,) = ice_servers_for([server], peer="p_1", now=NOW, lifetime=timedelta(minutes=10))

    expires = int(NOW.timestamp()) + 600
    assert minted.username == f"{expires}:p_1"
    mac = hmac.new(b"north", minted.username.encode(), hashlib.sha1).digest()
    assert minted.credential == base64.b64encode(mac).decode()
    assert minted.urls == ("turns:turn.example.ch:443?transport=tcp",)


def test_fixed_credentials_and_none_pass_as_they_are() -> None:
    fixed = IceServer(urls=["turn:turn.example.ch"], username="u", credential="c")
    open_to_all = IceServer(urls=["stun:stun.example.ch"])

    one, other = ice_servers_for([fixed, open_to_all], peer="p_1", now=NOW)

    assert (one.username, one.credential) == ("u", "c")
    assert (other.username, other.credential) == (None, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"urls": []},
        {"urls": ["https://turn.example.ch"]},
        {"urls": ["turn:turn.example.ch"], "secret": "s", "credential": "c"},
    ],
)
def test_what_is_no_ice_server_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        IceServer(**fields)  # type: ignore[arg-type]


def test_nothing_secret_is_shown() -> None:
    server = IceServer(urls=["turn:turn.example.ch"], secret="north-secret")
    minted = ice_servers_for([server], peer="p_1", now=NOW)

    shown = repr(server) + repr(minted)

    assert "north" not in shown
    assert str(minted[0].credential) not in shown

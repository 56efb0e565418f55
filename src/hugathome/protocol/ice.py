"""Where endpoints find a way to one another: STUN and TURN servers, and credentials that expire.

Credentials are coturn's REST kind (draft-uberti-behave-turn-rest): the user name says until when and for
whom, the password is an HMAC of it under the server's secret. They are minted for one peer at the moment
when it is let in, and again when it asks; the secret leaves this process never.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from hugathome._model import Record
from hugathome.protocol.wire import IceServerView

_SCHEMES = ("stun:", "stuns:", "turn:", "turns:")
CREDENTIALS_LIFETIME = timedelta(minutes=10)
"""Devices ask for fresh ones at half of it, and apply them whenever a connection is made or restarted. One
that stands goes on: coturn looks at the time when a place is asked for, and not when it is kept."""


class IceServer(Record):
    """One server: with a `secret` its credentials are minted, otherwise it has fixed ones or needs none."""

    urls: Annotated[Sequence[str], AfterValidator(tuple)] = Field(min_length=1)
    username: str | None = Field(default=None, repr=False)
    credential: str | None = Field(default=None, repr=False)
    secret: str | None = Field(default=None, repr=False)
    """coturn's `static-auth-secret`."""

    @model_validator(mode="after")
    def _names_servers_and_one_kind_of_credentials(self) -> "IceServer":
        if not all(url.startswith(_SCHEMES) for url in self.urls):
            raise ValueError("the URL of an ICE server begins with stun:, stuns:, turn: or turns:")
        if self.secret is not None and (self.username or self.credential):
            raise ValueError("an ICE server has a secret or fixed credentials, not both")
        return self


def expire(servers: Iterable[IceServer]) -> bool:
    """Whether some of the credentials are minted, and therefore need to be asked for again."""
    return any(server.secret is not None for server in servers)


def ice_servers_for(
    servers: Iterable[IceServer], *, peer: str, now: datetime, lifetime: timedelta = CREDENTIALS_LIFETIME
) -> tuple[IceServerView, ...]:
    """Return what `peer` may use until `now + lifetime`."""
    expires = int((now + lifetime).timestamp())
    return tuple(_for_peer(server, f"{expires}:{peer}") for server in servers)


def _for_peer(server: IceServer, username: str) -> IceServerView:
    if server.secret is None:
        return IceServerView(urls=tuple(server.urls), username=server.username, credential=server.credential)
    mac = hmac.digest(server.secret.encode(), username.encode(), hashlib.sha1)
    return IceServerView(
        urls=tuple(server.urls), username=username, credential=base64.b64encode(mac).decode()
    )

"""Who may come in: the join grant and the visit pass, what they say and how they are judged.

A *join grant* opens one connection: it lives two minutes and the room accepts it once. A *visit pass*
stays with a page for the length of a visit and is traded for a fresh grant at every connection. Both
are JSON Web Tokens (RFC 7519) signed with ES256 under a key that is derived from the master key; `kid`
is the fingerprint of that key and fixes the algorithm. They say who somebody is and never what they
may do: capabilities come from the record, when they join.

PyJWT checks signatures only. Times are judged here, at the `now` that is given.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from pydantic import Field

from hugathome._model import Instant, Record
from hugathome.errors import GrantRefused, HugathomeError, InvalidInput
from hugathome.keys import KeyRing, MasterKey
from hugathome.roles import OrganisationId, ParticipantId

GRANT_LIFETIME = timedelta(seconds=120)
LEEWAY = timedelta(seconds=60)
"""How far two hosts' clocks may differ."""

_ALGORITHM = "ES256"
_LONGEST = 4096
"""Characters of a token; what travels in headers and first messages stays small."""
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


class _Token(Record):
    session: str
    """The session's id."""
    participant: ParticipantId
    organisation: OrganisationId
    """The audience: a token of one organisation opens nothing of another."""
    device: int | None = None
    """The participant's device counter: a later check-in outdates it. None: the host vouches for whoever
    holds this, on whatever device they are."""
    jti: str
    """128 random bits that name this token."""
    issued_at: Instant
    token: str = Field(default="", repr=False)
    """The signed text, as it travels."""
    claims: dict[str, Any] = Field(default_factory=dict, repr=False)
    """What the host vouches for about this person, in the words of OpenID Connect: `iss` and `sub`, by which
    it knows them, `acr`, how they signed in, and whatever else, such as a national identifier. Only `acr` is
    read here, where a service asks for one."""

    @property
    def acr(self) -> str | None:
        """How they signed in, if the host says so."""
        acr = self.claims.get("acr")
        return acr if isinstance(acr, str) else None


class JoinGrant(_Token):
    """Opens one signalling connection, once."""

    expires_at: Instant


class VisitPass(_Token):
    """Lets a page reconnect to this visit, on this device, until the visit closes."""


def sign_grant(grant: JoinGrant, *, keys: KeyRing, issuer: str) -> JoinGrant:
    """Return the grant with its `token`."""
    extra = {"exp": int(grant.expires_at.timestamp())}
    return grant.but(token=_signed(grant, "join", keys=keys, issuer=issuer, extra=extra))


def sign_pass(visit_pass: VisitPass, *, keys: KeyRing, issuer: str) -> VisitPass:
    """Return the pass with its `token`."""
    return visit_pass.but(token=_signed(visit_pass, "visit", keys=keys, issuer=issuer, extra={}))


def judge_grant(token: str, *, keys: KeyRing, issuer: str, now: datetime) -> JoinGrant:
    """Return what a grant says, or raise `GrantRefused`."""
    claims = _verified(token, "join", keys=keys, issuer=issuer, now=now)
    with _refusing():
        expires_at = datetime.fromtimestamp(claims["exp"], UTC)
        grant = JoinGrant(**_common(claims, token), expires_at=expires_at)
    if now >= expires_at + LEEWAY:
        raise GrantRefused("the grant is too old")
    return grant


def claimed_session(token: str) -> str:
    """Return the session that a grant says it is for, unverified: to count by, and for nothing else."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims["sid"])[:64]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""


def judge_pass(token: str, *, keys: KeyRing, issuer: str, now: datetime) -> VisitPass:
    """Return what a pass says, or raise `GrantRefused`; whether the visit is open is the record's word."""
    claims = _verified(token, "visit", keys=keys, issuer=issuer, now=now)
    with _refusing():
        return VisitPass(**_common(claims, token))


def _signed(token: _Token, kind: str, *, keys: KeyRing, issuer: str, extra: dict[str, Any]) -> str:
    import jwt

    payload = {
        "iss": issuer,
        "aud": token.organisation,
        "sub": token.participant,
        "sid": token.session,
        "dev": token.device,
        "jti": token.jti,
        "iat": int(token.issued_at.timestamp()),
        "typ": kind,
        "claims": token.claims,
        **extra,
    }
    private = _signing_key(keys.current)
    try:
        signed = jwt.encode(payload, private, algorithm=_ALGORITHM, headers={"kid": keys.current.id})
    except (TypeError, ValueError, RecursionError):
        raise InvalidInput("claims= takes what JSON can say") from None
    if len(signed) > _LONGEST:
        raise InvalidInput("claims= is too long to travel in a grant")
    return signed


def _verified(token: object, kind: str, *, keys: KeyRing, issuer: str, now: datetime) -> dict[str, Any]:
    """Check signature, issuer and kind; refuse a token from the future."""
    import jwt

    if not isinstance(token, str) or len(token) > _LONGEST or not token.isascii():
        raise GrantRefused("this is not a grant")
    try:
        master = keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if master is None:
            raise GrantRefused("signed under a key that is not ours")
        options: Any = {f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud")}
        public = _signing_key(master).public_key()
        claims: dict[str, Any] = jwt.decode(
            token, public, algorithms=[_ALGORITHM], issuer=issuer, options=options
        )
    except (jwt.PyJWTError, ValueError, RecursionError):  # PyJWT lets json's own errors through
        raise GrantRefused("the signature or the issuer is not ours") from None
    if claims.get("typ") != kind:
        raise GrantRefused("a token of another kind")
    with _refusing():
        if datetime.fromtimestamp(claims["iat"], UTC) > now + LEEWAY:
            raise GrantRefused("issued in the future")
    return claims


def _common(claims: dict[str, Any], token: str) -> dict[str, Any]:
    return {
        "session": claims["sid"],
        "participant": claims["sub"],
        "organisation": claims["aud"],
        "device": claims["dev"],
        "jti": claims["jti"],
        "issued_at": datetime.fromtimestamp(claims["iat"], UTC),
        "token": token,
        "claims": claims.get("claims", {}),
    }


@contextmanager
def _refusing() -> Iterator[None]:
    """Turn a claim that is missing or of the wrong form into `GrantRefused`."""
    try:
        yield
    except GrantRefused:
        raise
    except (HugathomeError, KeyError, TypeError, ValueError, OverflowError, OSError):
        raise GrantRefused("a claim is missing or malformed") from None


@lru_cache(maxsize=16)
def _signing_key(master: MasterKey) -> Any:
    """Derive the P-256 key of a master key: a scalar from 64 derived bytes (FIPS 186-5, A.2.1)."""
    from cryptography.hazmat.primitives.asymmetric import ec

    wide = master.derive("sign", "1") + master.derive("sign", "2")
    scalar = int.from_bytes(wide, "big") % (_P256_ORDER - 1) + 1
    return ec.derive_private_key(scalar, ec.SECP256R1())

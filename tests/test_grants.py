"""Grants and passes: what is signed comes back, and nothing else ever gets through."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from hugathome import grants
from hugathome.errors import GrantRefused, InvalidInput
from hugathome.grants import (
    GRANT_LIFETIME,
    LEEWAY,
    JoinGrant,
    VisitPass,
    judge_grant,
    judge_pass,
    sign_grant,
    sign_pass,
)
from hugathome.keys import KeyRing

OLD = b"an older secret of thirty-two by"
NEW = b"a newer secret of thirty-two byt"
KEYS = KeyRing(NEW)
SITE = "https://www.example.ch/visit"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def grant(**facts: Any) -> JoinGrant:
    whole = {
        "session": "hug.s1",
        "participant": "p-1",
        "organisation": "hug",
        "device": 2,
        "jti": "j1",
        "issued_at": NOW,
        "expires_at": NOW + GRANT_LIFETIME,
    }
    return JoinGrant(**{**whole, **facts})


def visit_pass() -> VisitPass:
    return VisitPass(
        session="hug.s1", participant="p-1", organisation="hug", device=2, jti="j2", issued_at=NOW
    )


def signed(keys: KeyRing = KEYS, *, issuer: str = SITE, **facts: Any) -> str:
    return sign_grant(grant(**facts), keys=keys, issuer=issuer).token


def judged(token: Any, keys: KeyRing = KEYS, *, issuer: str = SITE, now: datetime = NOW) -> JoinGrant:
    return judge_grant(token, keys=keys, issuer=issuer, now=now)


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a good grant with changes; `None` takes one away."""
    good = jwt.decode(signed(), options={"verify_signature": False})
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


def forged(content: Any, *, kid: Any = KEYS.current.id, algorithm: str = "ES256", key: Any = None) -> str:
    """Sign `content` under our own key, unless another is given."""
    private = grants._signing_key(KEYS.current) if key is None else key
    headers = {} if kid is None else {"kid": kid}
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return jwt.PyJWS().encode(body, private, algorithm=algorithm, headers=headers)


def public_pem() -> bytes:
    public = grants._signing_key(KEYS.current).public_key()
    pem: bytes = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


# --- What is signed comes back -------------------------------------------------------------------


@pytest.mark.parametrize("device", [0, 2, None])
def test_a_grant_says_what_was_signed(device: int | None) -> None:
    whole = sign_grant(grant(device=device, claims={"sub": "x", "list": [1]}), keys=KEYS, issuer=SITE)

    assert judged(whole.token) == whole


def test_a_pass_says_what_was_signed() -> None:
    whole = sign_pass(visit_pass(), keys=KEYS, issuer=SITE)

    assert judge_pass(whole.token, keys=KEYS, issuer=SITE, now=NOW) == whole


def test_a_grant_is_a_json_web_token_that_others_can_read() -> None:
    token = signed()

    said = jwt.decode(
        token,
        public_pem(),
        algorithms=["ES256"],
        audience="hug",
        options={"verify_exp": False, "verify_iat": False},
    )

    assert jwt.get_unverified_header(token) == {"alg": "ES256", "typ": "JWT", "kid": KEYS.current.id}
    assert said["iss"] == SITE
    assert said["exp"] - said["iat"] == 120


def test_the_token_of_a_grant_is_not_shown() -> None:
    whole = sign_grant(grant(claims={"name": "M. Dupont"}), keys=KEYS, issuer=SITE)

    assert whole.token not in repr(whole)
    assert "Dupont" not in repr(whole)


@pytest.mark.parametrize(
    "said", [{"x": object()}, {"x": "x" * 4096}, {"x": {1, 2}}, {1: b"bytes"}], ids=lambda _: ""
)
def test_claims_that_cannot_travel_are_refused(said: Any) -> None:
    with pytest.raises(InvalidInput):
        signed(claims=said)


# --- Time ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "age", [-LEEWAY, timedelta(0), GRANT_LIFETIME, GRANT_LIFETIME + LEEWAY - SECOND], ids=str
)
def test_a_grant_is_taken_while_it_lives_give_or_take_what_clocks_differ(age: timedelta) -> None:
    assert judged(signed(), now=NOW + age).jti == "j1"


@pytest.mark.parametrize(
    "age", [GRANT_LIFETIME + LEEWAY, timedelta(days=1), -LEEWAY - SECOND, -timedelta(days=1)], ids=str
)
def test_a_grant_that_is_too_old_or_from_the_future_is_refused(age: timedelta) -> None:
    with pytest.raises(GrantRefused):
        judged(signed(), now=NOW + age)


def test_a_pass_does_not_age_and_comes_from_no_future() -> None:
    token = sign_pass(visit_pass(), keys=KEYS, issuer=SITE).token

    assert judge_pass(token, keys=KEYS, issuer=SITE, now=NOW + timedelta(hours=3)).jti == "j2"
    with pytest.raises(GrantRefused):
        judge_pass(token, keys=KEYS, issuer=SITE, now=NOW - LEEWAY - SECOND)


# --- Keys ----------------------------------------------------------------------------------------


def test_a_grant_outlives_a_change_of_keys_as_long_as_its_own_is_given() -> None:
    token = signed(KeyRing(OLD))

    assert judged(token, KeyRing({"new": NEW, "old": OLD})).jti == "j1"
    with pytest.raises(GrantRefused):
        judged(token, KeyRing(NEW))


def test_the_first_key_signs() -> None:
    token = signed(KeyRing({"new": NEW, "old": OLD}))

    assert jwt.get_unverified_header(token)["kid"] == KEYS.current.id
    assert judged(token).jti == "j1"


# --- What is not ours ----------------------------------------------------------------------------


def test_a_grant_of_another_deployment_is_refused() -> None:
    with pytest.raises(GrantRefused):
        judged(signed(issuer="https://other.example.ch"))


def test_a_pass_is_no_grant_and_a_grant_no_pass() -> None:
    with pytest.raises(GrantRefused):
        judged(sign_pass(visit_pass(), keys=KEYS, issuer=SITE).token)
    with pytest.raises(GrantRefused):
        judge_pass(signed(), keys=KEYS, issuer=SITE, now=NOW)


def unsigned(algorithm: str) -> str:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    return f"{part({'alg': algorithm, 'typ': 'JWT', 'kid': KEYS.current.id})}.{part(claims())}."


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", "HS256", "ES256", ""])
def test_a_token_without_a_signature_is_refused(algorithm: str) -> None:
    with pytest.raises(GrantRefused):
        judged(unsigned(algorithm))


def test_a_token_signed_with_the_public_key_as_a_secret_is_refused() -> None:
    head, body, _ = unsigned("HS256").split(".")
    mac = jwt.get_algorithm_by_name("HS256").sign(f"{head}.{body}".encode(), public_pem())
    token = f"{head}.{body}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    with pytest.raises(GrantRefused):
        judged(token)


@pytest.mark.parametrize("algorithm", ["HS256", "HS512"])
def test_a_token_under_a_secret_of_ours_is_refused(algorithm: str) -> None:
    with pytest.raises(GrantRefused):
        judged(forged(claims(), algorithm=algorithm, key=NEW * 2))


def test_a_token_of_somebody_elses_key_is_refused() -> None:
    with pytest.raises(GrantRefused):
        judged(forged(claims(), key=ec.generate_private_key(ec.SECP256R1())))


@pytest.mark.parametrize("kid", [None, "", "0" * 12, "../../etc/passwd", "None", KeyRing(OLD).current.id])
def test_a_token_under_a_key_that_is_not_ours_is_refused(kid: str | None) -> None:
    with pytest.raises(GrantRefused):
        judged(forged(claims(), kid=kid))


def test_a_token_names_the_key_it_was_signed_with() -> None:
    both = KeyRing({"new": NEW, "old": OLD})

    with pytest.raises(GrantRefused):
        judged(forged(claims(), kid=KeyRing(OLD).current.id), both)


@pytest.mark.parametrize("place", [0, 5, 40, 150, -1, -40, -86])
def test_no_character_of_a_token_may_change(place: int) -> None:
    token = signed()
    other = "A" if token[place] != "A" else "Q"
    changed = token[:place] + other + token[place:][1:]

    with pytest.raises(GrantRefused):
        judged(changed)


@pytest.mark.parametrize(
    "changes",
    [
        *({name: ...} for name in ("iss", "aud", "sub", "sid", "dev", "jti", "iat", "exp", "typ")),
        {"iss": None},
        {"iss": [SITE]},
        {"aud": ["hug"]},
        {"aud": "hug@home"},
        {"sub": "p 1"},
        {"sub": 1},
        {"sid": 1},
        {"dev": "many"},
        {"jti": 7},
        {"iat": "now"},
        {"iat": None},
        {"iat": 1e300},
        {"iat": float("nan")},
        {"iat": -(10**18)},
        {"exp": "later"},
        {"exp": 10**30},
        {"exp": []},
        {"typ": "JOIN"},
        {"claims": []},
        {"claims": None},
    ],
    ids=repr,
)
def test_claims_of_another_form_are_refused_even_under_our_signature(changes: dict[str, Any]) -> None:
    with pytest.raises(GrantRefused):
        judged(forged(claims(**changes)))


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'"join"', b"{", b"\xff", b"[" * 2900])
def test_a_body_that_is_no_object_is_refused_even_under_our_signature(content: bytes) -> None:
    with pytest.raises(GrantRefused):
        judged(forged(content))


DEEP = base64.urlsafe_b64encode(b'{"alg":' + b"[" * 2900).decode()


@pytest.mark.parametrize(
    "token",
    [None, 0, b"", b"a.b.c", [], {}, "", ".", "..", "a.b.c", "=.=.=", "é.é.é", "\ud800.\ud800.\ud800",
     "\x00", "x" * 10**6, "." * 4096, f"{DEEP}.e30.AA", f"{DEEP}..", "eyJhbGciOiJFUzI1NiIsImtpZCI6W119.e30."],
    ids=lambda token: repr(token)[:30],
)  # fmt: skip
def test_what_is_no_token_is_refused(token: Any) -> None:
    with pytest.raises(GrantRefused):
        judged(token)
    with pytest.raises(GrantRefused):
        judge_pass(token, keys=KEYS, issuer=SITE, now=NOW)


@given(
    st.one_of(
        st.text(), st.binary(), st.none(), st.lists(st.text(max_size=9), min_size=3, max_size=3).map(".".join)
    )
)
def test_anything_else_is_refused(token: Any) -> None:
    with pytest.raises(GrantRefused):
        judged(token)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted(claims())), JSON, min_size=1, max_size=3))
def test_anything_that_our_key_signed_is_a_grant_or_refused(changes: dict[str, Any]) -> None:
    token = forged(claims(**changes))
    try:
        said = judged(token)
    except GrantRefused:
        return
    assert isinstance(said, JoinGrant)
    assert judged(token) == said


@given(st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "x5u"]), JSON))
def test_any_header_is_refused_or_our_own(header: dict[str, Any]) -> None:
    _, body, signature = signed().split(".")
    head = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()

    with pytest.raises(GrantRefused):
        judged(f"{head}.{body}.{signature}")


def test_a_refusal_says_nothing_of_the_token() -> None:
    with pytest.raises(GrantRefused) as refused:
        judged(forged(claims(sub="Dupont Dupont")))

    assert "Dupont" not in str(refused.value)
    assert refused.value.__cause__ is None

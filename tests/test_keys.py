"""Keys: each use has its own, what is sealed opens only where it was put, and keys can be changed."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import ConfigurationError, StoreUnavailable
from hugathome.keys import NONCE_BYTES, KeyRing, MasterKey

OLD = b"an older secret of thirty-two by"
NEW = b"a newer secret of thirty-two byt"
NONCE = b"n" * NONCE_BYTES
LABELS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), max_size=4).map(tuple)

master = MasterKey(NEW)


def sealed(ring: KeyRing, *bound_to: str) -> bytes:
    return ring.seal("record", b"M. Dupont", bound_to=bound_to, nonce=NONCE)


@pytest.mark.parametrize("secret", [b"", b"x" * 31, "x" * 32, None, 32], ids=repr)
def test_a_key_that_is_short_or_no_bytes_is_refused(secret: object) -> None:
    with pytest.raises(ConfigurationError):
        MasterKey(secret)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        KeyRing(secret)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError):
        KeyRing({"2026-11": secret})  # type: ignore[dict-item]


def test_a_ring_without_keys_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        KeyRing({})


def test_a_key_is_judged_by_its_length_only() -> None:
    assert MasterKey(b"\0" * 32).derive("a") != MasterKey(b"\0" * 33).derive("b")


def test_a_key_shows_its_fingerprint_and_never_itself() -> None:
    shown = f"{master!r} {master} {KeyRing(NEW)!r}"

    assert master.id in shown
    assert NEW.decode() not in shown
    assert NEW.hex() not in shown


def test_a_key_is_not_pickled() -> None:
    for secret in (master, KeyRing(NEW)):
        with pytest.raises(TypeError):
            pickle.dumps(secret)


def test_a_fingerprint_belongs_to_the_secret_not_to_its_name() -> None:
    assert KeyRing({"2026-11": NEW}).current.id == KeyRing({"other": NEW}).current.id == master.id
    assert MasterKey(OLD).id != master.id


def test_a_fingerprint_is_no_derived_key_of_anything_else() -> None:
    assert not master.derive("look-up").hex().startswith(master.id)


def test_derivation_is_hmac_over_length_prefixed_labels() -> None:
    import hashlib
    import hmac

    message = b"\0\0\0\x04code\0\0\0\x03h\xc3\xa9"

    assert master.derive("code", "hé") == hmac.new(NEW, message, hashlib.sha256).digest()


@given(LABELS, LABELS)
def test_different_labels_give_different_keys(some: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert (master.derive(*some) == master.derive(*others)) == (some == others)


@pytest.mark.parametrize(
    ("some", "others"),
    [(("ab", "c"), ("a", "bc")), (("a",), ("a", "")), ((), ("",)), (("a\0\0\0\x01b",), ("a", "b"))],
)
def test_labels_never_run_into_one_another(some: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert master.derive(*some) != master.derive(*others)


@given(st.binary(max_size=200), LABELS, st.binary(min_size=NONCE_BYTES, max_size=NONCE_BYTES))
def test_what_is_sealed_opens_again(plain: bytes, bound_to: tuple[str, ...], nonce: bytes) -> None:
    box = master.seal("record", plain, bound_to=bound_to, nonce=nonce)

    assert master.open("record", box, bound_to=bound_to) == plain


def test_what_is_sealed_hides_what_it_holds() -> None:
    assert b"Dupont" not in sealed(KeyRing(NEW), "hug", "s-1")


@pytest.mark.parametrize("bound_to", [("hug", "s-2"), ("hugs-", "1"), ("hug",), ("hug", "s-1", ""), ()])
def test_what_is_sealed_opens_only_where_it_was_put(bound_to: tuple[str, ...]) -> None:
    ring = KeyRing(NEW)

    with pytest.raises(StoreUnavailable):
        ring.open("record", sealed(ring, "hug", "s-1"), bound_to=bound_to)


def test_what_is_sealed_for_one_use_does_not_open_for_another() -> None:
    ring = KeyRing(NEW)

    with pytest.raises(StoreUnavailable):
        ring.open("event", sealed(ring, "hug"), bound_to=("hug",))


def test_no_bit_may_change() -> None:
    ring = KeyRing(NEW)
    box = sealed(ring, "hug")

    for place in range(len(box)):
        changed = box[:place] + bytes([box[place] ^ 1]) + box[place + 1 :]
        with pytest.raises(StoreUnavailable):
            ring.open("record", changed, bound_to=("hug",))


def test_a_box_that_was_cut_short_is_refused() -> None:
    ring = KeyRing(NEW)
    box = sealed(ring, "hug")

    for length in range(len(box)):
        with pytest.raises(StoreUnavailable):
            ring.open("record", box[:length], bound_to=("hug",))


def test_the_first_key_signs_and_all_open() -> None:
    before, between = KeyRing(OLD), KeyRing({"2026-11": NEW, "2025-11": OLD})

    box = sealed(before, "hug")

    assert between.open("record", box, bound_to=("hug",)) == b"M. Dupont"
    assert between.current.id == master.id
    assert KeyRing(NEW).open("record", sealed(between, "hug"), bound_to=("hug",)) == b"M. Dupont"
    assert between.digests("phone") == [KeyRing(NEW).digest("phone"), before.digest("phone")]
    assert between.digest("phone") == between.digests("phone")[0]


def test_a_key_that_is_gone_opens_nothing() -> None:
    with pytest.raises(StoreUnavailable, match="no longer given"):
        KeyRing(NEW).open("record", sealed(KeyRing(OLD), "hug"), bound_to=("hug",))
    assert KeyRing(NEW).get(MasterKey(OLD).id) is None


def test_a_refusal_holds_nothing_of_the_box() -> None:
    ring = KeyRing(NEW)
    box = sealed(ring, "hug", "urn:pid:77")

    with pytest.raises(StoreUnavailable) as refused:
        ring.open("record", box, bound_to=("hug",))

    assert "pid" not in str(refused.value)
    assert refused.value.__cause__ is None

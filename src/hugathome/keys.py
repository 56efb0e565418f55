"""The master key and everything that is derived from it.

One secret is given to the library; each use gets a key of its own, so that none can stand in for
another (RFC 5869 in spirit: HMAC-SHA256 over length-prefixed labels). With several master keys the
first signs and seals, and all of them verify and open: that is how a key is changed without refusing
anything that is still under way. A stored key id is a fingerprint of its key, never a name.

Nothing here draws randomness: whoever seals hands over the nonce.
"""

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from functools import cache, cached_property, lru_cache
from typing import TYPE_CHECKING, final

from hugathome.errors import ConfigurationError, StoreUnavailable

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

NONCE_BYTES = 12


def _prefixed(parts: tuple[str, ...]) -> bytes:
    """Join `parts` so that no two different tuples give the same bytes."""
    return b"".join([len(part).to_bytes(4) + part for part in map(str.encode, parts)])


@lru_cache(maxsize=64)
def _place(bound_to: tuple[str, ...]) -> bytes:
    """Return what something is bound to: most of what is sealed or opened goes where the last one went."""
    return _prefixed(bound_to)


@cache
def _unopened() -> tuple[type[Exception], ...]:
    """Return what AES-GCM raises; asked for only when it has raised."""
    from cryptography.exceptions import InvalidTag

    return InvalidTag, ValueError  # ValueError: cut short within the nonce


@final
class MasterKey:
    """One secret of at least 32 bytes; `id` is safe to store and to show."""

    def __init__(self, secret: bytes) -> None:
        if not isinstance(secret, bytes) or len(secret) < 32:
            raise ConfigurationError("key= takes at least 32 bytes")
        self._secret = secret
        self._ciphers: dict[str, AESGCM] = {}

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a key is not pickled")

    @cached_property
    def id(self) -> str:
        """A fingerprint of the key: twelve hexadecimal digits."""
        return self.derive("key-id").hex()[:12]

    @cached_property
    def _mark(self) -> bytes:
        """What everything that is sealed under it begins with."""
        return bytes.fromhex(self.id)

    def derive(self, *labels: str) -> bytes:
        """Return the 32 bytes that belong to `labels` under this key."""
        return hmac.digest(self._secret, _prefixed(labels), hashlib.sha256)

    def _cipher(self, label: str) -> "AESGCM":
        if label not in self._ciphers:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM

            self._ciphers[label] = AESGCM(self.derive("seal", label))
        return self._ciphers[label]

    def seal(self, label: str, plain: bytes, *, bound_to: tuple[str, ...], nonce: bytes) -> bytes:
        """Encrypt with AES-256-GCM, bound to `bound_to`: it opens only where it was put."""
        return self._mark + nonce + self._cipher(label).encrypt(nonce, plain, _place(bound_to))

    def open(self, label: str, sealed: bytes, *, bound_to: tuple[str, ...]) -> bytes:
        """Decrypt what `seal` made, or raise `StoreUnavailable`."""
        nonce, cipher = sealed[6 : 6 + NONCE_BYTES], sealed[6 + NONCE_BYTES :]
        try:
            return self._cipher(label).decrypt(nonce, cipher, _place(bound_to))
        except _unopened():
            raise StoreUnavailable("a stored record was changed or moved outside this library") from None


@final
class KeyRing:
    """The master keys of a deployment: the first signs and seals, all verify and open."""

    def __init__(self, key: bytes | Mapping[str, bytes]) -> None:
        secrets = list(key.values()) if isinstance(key, Mapping) else [key]
        if not secrets:
            raise ConfigurationError("key= takes at least one key")
        self._keys = {master.id: master for master in map(MasterKey, secrets)}

    def __repr__(self) -> str:
        return f"KeyRing({', '.join(self._keys)})"

    def __iter__(self) -> Iterator[MasterKey]:
        return iter(self._keys.values())

    @property
    def current(self) -> MasterKey:
        """The key that signs and seals."""
        return next(iter(self))

    def get(self, key_id: str) -> MasterKey | None:
        """Return the key of this fingerprint, if the ring still has it."""
        return self._keys.get(key_id)

    def sealer(self, sealed: bytes) -> MasterKey | None:
        """Return the key that something was sealed under, if the ring still has it."""
        return self.get(sealed[:6].hex())

    def digest(self, *labels: str) -> str:
        """Return a look-up key for personal data: an HMAC under the current key."""
        return self.current.derive("look-up", *labels).hex()

    def digests(self, *labels: str) -> list[str]:
        """Return the look-up keys under every key, the current one first."""
        return [key.derive("look-up", *labels).hex() for key in self]

    def seal(self, label: str, plain: bytes, *, bound_to: tuple[str, ...], nonce: bytes) -> bytes:
        """Encrypt under the current key; see `MasterKey.seal`."""
        return self.current.seal(label, plain, bound_to=bound_to, nonce=nonce)

    def open(self, label: str, sealed: bytes, *, bound_to: tuple[str, ...]) -> bytes:
        """Decrypt under whichever key sealed it, or raise `StoreUnavailable`."""
        master = self.sealer(sealed)
        if master is None:
            raise StoreUnavailable("a stored record was sealed under a key that is no longer given")
        return master.open(label, sealed, bound_to=bound_to)

"""What a gateway says has become of a message, and what that changes.

    queued ──► sent ──► delivered
       │        │           ▲
       └────────┴──► failed ┘

`sent` says that a gateway has the message, whatever that gateway calls it. Receipts come late, twice and
out of order; one that says less than what is known changes nothing. Delivered is final: no later receipt
takes a message off a telephone again. Failed may still become delivered, for gateways give up before the
operator does, and because a telephone that confirms is better evidence than one that was silent.

This module never looks up a message, never believes a gateway's clock, and keeps none of its prose, which
may quote a number.
"""

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from hugathome.errors import InvalidInput
from hugathome.keys import KeyRing, MasterKey
from hugathome.record.history import DeliveryStatus, Message

QUEUED, SENT = DeliveryStatus.QUEUED, DeliveryStatus.SENT
DELIVERED, FAILED = DeliveryStatus.DELIVERED, DeliveryStatus.FAILED


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a gateway says of one message."""

    reference: str
    """The idempotency key that the message was sent under, or the handle that its gateway gave it."""
    status: DeliveryStatus
    reason: str | None = None
    """The gateway's own code for a failure, such as `30003`."""

    def __post_init__(self) -> None:
        """Refuse what a host's own view may have read."""
        is_code = self.reason is None or (isinstance(self.reason, str) and _REASON.fullmatch(self.reason))
        if not isinstance(self.reference, str) or self.status not in [*DeliveryStatus] or not is_code:
            raise InvalidInput("a receipt has a reference, a DeliveryStatus, and a short code for a reason")
        object.__setattr__(self, "status", DeliveryStatus(self.status))


class Reference(NamedTuple):
    """Which text of which message an idempotency key stands for."""

    message: str
    """Of a code: its challenge and which of its sends."""
    part: int

    @property
    def is_code(self) -> bool:
        """Whether it stands for a code that was sent by itself."""
        return "." in self.message


# --- A gateway's words ---------------------------------------------------------------------------

_WORDS = {
    SENT: "accepted queued scheduled pending submitted sending sent enroute buffered acceptd",
    DELIVERED: "delivered read delivrd",
    FAILED: "undelivered undeliverable failed rejected expired canceled cancelled deleted undeliv rejectd",
}
STATUSES: Mapping[str, DeliveryStatus] = MappingProxyType(
    {word: status for status, words in _WORDS.items() for word in words.split()}
)
"""What the words of gateways mean here; the last ones are SMPP's."""

_REFERENCE = re.compile(r"([A-Za-z0-9_-]{1,64}(?:\.[1-9][0-9]{0,3})?)\.([1-9])")
_REASON = re.compile(r"(?=.)[A-Za-z_-]{0,32}[0-9]{0,6}")


def receipt_of(*, reference: object, status: object, reason: object = None) -> Receipt:
    """Return the receipt that a gateway's words make; raise `InvalidInput` for words that make none.

    A `reason` that is no short code is left out.
    """
    known = STATUSES.get(status.lower()) if isinstance(status, str) else None
    if known is None:
        raise InvalidInput("a receipt says a status that is not known")
    if not isinstance(reference, str) or not 0 < len(reference) <= 200:
        raise InvalidInput("a receipt names a message")
    return Receipt(reference=reference, status=known, reason=_code(reason))


def _code(reason: object) -> str | None:
    if isinstance(reason, int) and not isinstance(reason, bool) and 0 <= reason < 10**6:
        return str(reason)
    return reason if isinstance(reason, str) and _REASON.fullmatch(reason) else None


def reference_of(key: str) -> Reference | None:
    """Return what an idempotency key of ours stands for; None for what never was one."""
    found = _REFERENCE.fullmatch(key) if isinstance(key, str) else None
    return None if found is None else Reference(found[1], int(found[2]))


# --- What they change ----------------------------------------------------------------------------

_NEXT: Mapping[DeliveryStatus, tuple[DeliveryStatus, ...]] = MappingProxyType(
    {QUEUED: (SENT, DELIVERED, FAILED), SENT: (DELIVERED, FAILED), FAILED: (DELIVERED,), DELIVERED: ()}
)


def stepped(status: DeliveryStatus, told: DeliveryStatus) -> DeliveryStatus:
    """Return where a text stands once `told` is known of it, too."""
    return told if told in _NEXT[status] else status


def told(message: Message, *, part: int, status: DeliveryStatus) -> Message:
    """Return the message after a receipt for one of its texts; the same one where it says nothing new.

    A message that is still queued stays so: of whoever sends it nobody knows yet how many texts it has.
    """
    if message.status is QUEUED:
        parts = _padded(message.parts, part, QUEUED)
    elif part <= len(message.parts):
        parts = message.parts
    else:
        return message  # a text that it does not have
    after = stepped(parts[part - 1], status)
    if after is parts[part - 1]:
        return message
    parts = (*parts[: part - 1], after, *parts[part:])
    return message.but(parts=parts, status=QUEUED if message.status is QUEUED else _together(parts))


def concluded(message: Message, status: DeliveryStatus, *, texts: int) -> Message:
    """Return the message once whoever sent its `texts` knows the gateway's answer.

    It is for those of which nothing was known. A receipt may have been faster: then that stands, even
    against a gateway that did not answer in time.
    """
    padded = _padded(message.parts, texts, QUEUED)
    parts = tuple(status if part is QUEUED else part for part in padded)
    return message.but(parts=parts, status=_together(parts) if parts else status)


def is_out(message: Message, *, part: int) -> bool:
    """Whether a receipt has shown that a gateway has this text already."""
    return part <= len(message.parts) and message.parts[part - 1] is not QUEUED


def _padded(
    parts: tuple[DeliveryStatus, ...], texts: int, status: DeliveryStatus
) -> tuple[DeliveryStatus, ...]:
    return parts + (status,) * (texts - len(parts))


def _together(parts: tuple[DeliveryStatus, ...]) -> DeliveryStatus:
    """Return what the texts of a message make together: it takes all of them to be delivered."""
    if FAILED in parts:
        return FAILED
    return DELIVERED if all(part is DELIVERED for part in parts) else SENT


# --- Where they are posted -----------------------------------------------------------------------

_GATEWAY = re.compile(r"[a-z0-9-]{1,32}")


def receipt_url(*, key: bytes | Mapping[str, bytes], site: str, gateway: str) -> str:
    """Return where `gateway` posts its receipts: an address that nobody else can know.

    `key` and `site` are those of the deployment; a change of keys changes the address, and the old one
    works for as long as the old key is given.
    """
    return receipts_at(KeyRing(key), site=site, gateway=gateway)


def receipts_at(keys: KeyRing, *, site: str, gateway: str) -> str:
    """Return the address under the current key."""
    if not isinstance(gateway, str) or not _GATEWAY.fullmatch(gateway):
        raise InvalidInput("a gateway's name has at most 32 of a-z 0-9 -")
    return f"{site.rstrip('/')}/receipts/{gateway}/{_token(keys.current, gateway)}"


def is_known_token(keys: KeyRing, *, gateway: str, token: str) -> bool:
    """Whether `token` is of an address that was given out, under any key that is still given."""
    if not _GATEWAY.fullmatch(gateway):
        return False
    given = token.encode(errors="replace")
    return any(hmac.compare_digest(_token(key, gateway).encode(), given) for key in keys)


def _token(key: MasterKey, gateway: str) -> str:
    return urlsafe_b64encode(key.derive("receipts", gateway)[:18]).decode()

"""One-time codes: what they are, how one is judged, and what keeps a guesser out.

A code is HOTP (RFC 4226) under a secret that is derived for each challenge from the master key, so
nothing secret is at rest and no queue, log or retry carries a code: whoever delivers it computes it
again. A challenge is a frozen record; judging an answer is a pure step from one record to the next.
Whoever judges follows one order: decide, save if the version is still the one that was read, and only
then tell. Attempts are a budget that nothing refills.

    issue ──► open ──right, in time──► used
               │ ├──wrong, budget spent──► locked
               │ └──revoke──► revoked
               └──seen too late──► expired     (unseen, it is a question of `now`)

This module never reads a clock, draws randomness, stores or sends. It is the one importer of pyotp.
"""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, runtime_checkable

from hugathome.errors import MalformedCode
from hugathome.keys import MasterKey
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.privacy import Life, Personal, Public, SealedNumber, Secret
from hugathome.quotas import Tally
from hugathome.reach.receipts import stepped
from hugathome.record.history import DeliveryStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyotp

# --- Nouns ---------------------------------------------------------------------------------------


class ChallengeState(StrEnum):
    """Where a challenge stands; all but `open` are final."""

    OPEN = "open"
    USED = "used"
    LOCKED = "locked"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Verdict(StrEnum):
    """What an answer was worth."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    EXPIRED = "expired"
    USED = "used"
    LOCKED = "locked"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One code, outstanding or done with; it holds neither the code nor what it is made of."""

    kept: ClassVar = Life.CODE

    id: Secret[str]
    """128 random bits."""
    organisation: Public[str]
    purpose: Public[str]
    subject: Personal[str]
    """Whom the code lets in: the host's own word, never a name."""
    address: SealedNumber[str]
    """The telephone number, or the host's word for who has none, sealed; it opens only in this challenge."""
    key_id: Public[str]
    """Fingerprint of the master key that the code is derived from."""
    digits: Public[int]
    counter: Public[int]
    """RFC 4226's moving factor; a rotated resend moves it."""
    issued_at: Personal[datetime]
    expires_at: Personal[datetime]
    max_attempts: Public[int]
    attempts: Public[int] = 0
    sends: Public[int] = 0
    last_sent_at: Personal[datetime | None] = None
    delivery: Public[DeliveryStatus | None] = None
    """What became of the last message, as far as it is known; None before the first."""
    is_undelivered: Public[bool] = False
    """The last message did not go out: the next one takes its place."""
    state: Public[ChallengeState] = ChallengeState.OPEN
    version: Public[int] = 0
    """How many steps have been saved; 0 has never been saved."""

    @property
    def key(self) -> str:
        """What a store keeps it under."""
        return self.id

    @property
    def over_at(self) -> datetime:
        """When a right answer is no longer accepted, whatever came of it before."""
        return self.expires_at

    @property
    def attempts_left(self) -> int:
        """Wrong answers that it still survives."""
        return max(0, self.max_attempts - self.attempts)

    def is_open(self, now: datetime) -> bool:
        """Whether a right answer would be accepted at `now`."""
        return self.state is ChallengeState.OPEN and self.issued_at <= now < self.expires_at


# --- Rules ---------------------------------------------------------------------------------------


def issue(
    policy: CodePolicy,
    *,
    challenge_id: str,
    organisation: str,
    purpose: str,
    subject: str,
    address: str,
    key_id: str,
    now: datetime,
) -> Challenge:
    """Return a new open challenge; nothing has been sent for it yet."""
    return Challenge(
        id=challenge_id,
        organisation=organisation,
        purpose=purpose,
        subject=subject,
        address=address,
        key_id=key_id,
        digits=policy.digits,
        counter=0,
        issued_at=now,
        expires_at=now + policy.lifetime,
        max_attempts=policy.max_attempts,
    )


def code_for(challenge: Challenge, *, key: MasterKey, address: str) -> str:
    """Compute the code: HOTP at the challenge's counter under its own derived secret."""
    secret = key.derive(
        "code",
        challenge.organisation,
        challenge.purpose,
        challenge.id,
        challenge.subject,
        address,
        str(challenge.digits),
    )
    return _hotp_on_bytes()(secret, digits=challenge.digits).at(challenge.counter)


@cache
def _hotp_on_bytes() -> "Callable[..., pyotp.HOTP]":
    """Return HOTP on bytes: pyotp's own takes base32, and decoding it costs more than all the rest."""
    import pyotp

    class HotpOnBytes(pyotp.HOTP):
        def __init__(self, secret: bytes, *, digits: int) -> None:
            self._bytes = secret  # first: pyotp's own constructor asks for it already
            super().__init__("", digits=digits, digest=hashlib.sha256)

        def byte_secret(self) -> bytes:
            return self._bytes

    return HotpOnBytes


_SPACING = re.compile("[ \t\r\n\u00a0\u2007\u2009\u202f-]")
_LONGEST_TYPED = 40


def parse_code(typed: object, *, digits: int) -> str:
    """Return the digits that somebody typed, or raise `MalformedCode`; no attempt is spent.

    Spaces, no-break spaces and hyphens between ASCII digits are how people type; anything else,
    digits of other scripts included, is no code.
    """
    if not isinstance(typed, str) or len(typed) > _LONGEST_TYPED:
        raise MalformedCode("a code is a short string of digits")
    code = _SPACING.sub("", typed)
    if len(code) != digits or not (code.isascii() and code.isdigit()):
        raise MalformedCode(f"a code has {digits} digits")
    return code


_FINAL = {
    ChallengeState.USED: Verdict.USED,
    ChallengeState.LOCKED: Verdict.LOCKED,
    ChallengeState.REVOKED: Verdict.REVOKED,
    ChallengeState.EXPIRED: Verdict.EXPIRED,
}


def attempt(challenge: Challenge, *, matches: bool, now: datetime) -> tuple[Challenge, Verdict]:
    """Judge an answer: return the challenge as it stands after it, and what to tell.

    The same challenge comes back where nothing changed. Whoever comes too late closes it: a clock that is
    set back after that reopens nothing.
    """
    if challenge.state is not ChallengeState.OPEN:
        return challenge, _FINAL[challenge.state]
    if not challenge.is_open(now):
        return expired(challenge, now=now), Verdict.EXPIRED
    if matches:
        return _stepped(challenge, state=ChallengeState.USED), Verdict.ACCEPTED
    spent = challenge.attempts + 1
    state = ChallengeState.LOCKED if spent >= challenge.max_attempts else ChallengeState.OPEN
    return _stepped(challenge, attempts=spent, state=state), Verdict.REJECTED


def expired(challenge: Challenge, *, now: datetime) -> Challenge:
    """Close the challenge if it is still open and its time is over."""
    if challenge.state is not ChallengeState.OPEN or now < challenge.expires_at:
        return challenge
    return _stepped(challenge, state=ChallengeState.EXPIRED)


def wait_before_send(
    challenge: Challenge, policy: CodePolicy, *, now: datetime, rotate: bool = False
) -> timedelta | None:
    """Return how long the next message must wait: zero now, `None` never for this challenge."""
    if challenge.sends >= policy.max_sends and not _is_again(challenge, rotate=rotate):
        return None
    if challenge.last_sent_at is None:
        return timedelta(0)
    cooldown = policy.cooldowns[min(max(challenge.sends, 1), len(policy.cooldowns)) - 1]
    return max(timedelta(0), challenge.last_sent_at + cooldown - now)


def claimed(challenge: Challenge, *, now: datetime) -> Challenge:
    """Keep other calls from sending the first message, while whoever does counts it."""
    return _stepped(challenge, last_sent_at=now)


def sent(challenge: Challenge, *, now: datetime, rotate: bool = False) -> Challenge:
    """Reserve one message; `rotate` moves to the next code, otherwise it is the same again.

    In the place of one that did not go out it is that one again, and counts no further.
    """
    if _is_again(challenge, rotate=rotate):
        return _stepped(challenge, is_undelivered=False, last_sent_at=now, delivery=DeliveryStatus.QUEUED)
    return _stepped(
        challenge,
        sends=challenge.sends + 1,
        last_sent_at=now,
        counter=challenge.counter + 1 if rotate else challenge.counter,
        delivery=DeliveryStatus.QUEUED,
        is_undelivered=False,
    )


def _is_again(challenge: Challenge, *, rotate: bool) -> bool:
    """Whether the next message takes the place of one that did not go out; another code never does."""
    return challenge.is_undelivered and not rotate


def undelivered(challenge: Challenge) -> Challenge:
    """Note that the last message did not go out; of a challenge that is closed nothing is noted."""
    if challenge.state is not ChallengeState.OPEN or challenge.is_undelivered or not challenge.sends:
        return challenge
    return _stepped(challenge, is_undelivered=True)


def noted(challenge: Challenge, told: DeliveryStatus) -> Challenge:
    """Note what is told of the last message, if it is news; of a closed challenge nothing is noted."""
    if challenge.state is not ChallengeState.OPEN or challenge.delivery is None:
        return challenge
    after = stepped(challenge.delivery, told)
    if after is challenge.delivery:
        return challenge
    is_undelivered = challenge.is_undelivered and after is DeliveryStatus.FAILED
    return _stepped(challenge, delivery=after, is_undelivered=is_undelivered)


def revoked(challenge: Challenge) -> Challenge:
    """Close the challenge; one that is already closed stays as it is."""
    if challenge.state is not ChallengeState.OPEN:
        return challenge
    return _stepped(challenge, state=ChallengeState.REVOKED)


def _stepped(challenge: Challenge, **changes: object) -> Challenge:
    return replace(challenge, version=challenge.version + 1, **changes)  # type: ignore[arg-type]  # fields of its own, all


# --- Seams ---------------------------------------------------------------------------------------

Kept = TypeVar("Kept", Challenge, Tally)


class ChallengeStore(Protocol):
    """Keeps challenges and tallies under optimistic concurrency: two methods, one primitive each.

    Both raise `StoreUnavailable`, and nothing else.
    """

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        """Return the record that was last saved under `key`."""
        ...

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        """Save `record` if the stored version is `expected` (0: there is none yet).

        Return False, having changed nothing, if it is another. A save that returned True is durable.
        """
        ...


@runtime_checkable
class ForgettingStore(Protocol):
    """A `ChallengeStore` that deletes what has had its time; one whose records go by themselves need not."""

    async def forget(self, before: datetime, *, limit: int) -> int:
        """Delete at most `limit` records whose `over_at` lies before `before`, and return how many.

        Every other record stays, also one that is saved meanwhile. Raises `StoreUnavailable`, and nothing
        else.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sms:
    """One text message on its way out."""

    to: PhoneNumber
    text: str
    idempotency_key: str
    """The same for every retry of the same message."""

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a message is not pickled: no queue keeps the code that may be in it")


class SmsGateway(Protocol):
    """Whoever takes a text message off our hands.

    It may say two things more. `may_be_asked_again = True`: it recognises the idempotency key of a message
    that it has taken already, in any process; without it, what may have arrived is not sent again.
    `longest_send`, a `timedelta`: `send` returns or raises within it; without it, a minute is taken to do.
    """

    async def send(self, message: Sms) -> str | None:
        """Return once the message is accepted for delivery, or raise `SmsNotSent`.

        A gateway whose receipts bring only its own number of a message returns it, after its name:
        `ovhcloud:26929925`; every other one returns nothing. `is_certain=True` says that the message
        certainly was not taken: then another gateway may be asked.
        """
        ...

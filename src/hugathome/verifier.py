"""Issue one-time codes, send them, judge answers.

The verifier (NIST SP 800-63B's word) joins the rules of `codes.py` to a store, the keys and the clock.
Whatever it does follows one order: decide, save under the version that was read, then tell or send.
A message is reserved before it is sent and the code computed only then, so a crash in between costs a
message and never sends two. The store keeps no code and no telephone number that can be read.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from hugathome.clock import Clock
from hugathome.codes import (
    Challenge,
    ChallengeState,
    ChallengeStore,
    ForgettingStore,
    Verdict,
    attempt,
    claimed,
    code_for,
    expired,
    issue,
    noted,
    parse_code,
    revoked,
    sent,
    undelivered,
    wait_before_send,
)
from hugathome.errors import (
    CodeAlreadyUsed,
    CodeExpired,
    CodeRejected,
    NotDelivered,
    QuotaReached,
    RegionRefused,
    SendTooSoon,
    StoreUnavailable,
    TooManyAttempts,
)
from hugathome.keys import NONCE_BYTES, KeyRing, MasterKey
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.reach.addresses import Address, read_address
from hugathome.record.history import DeliveryStatus
from hugathome.sending.limiter import Count, Limiter, a_failure, a_send
from hugathome.sending.races import saved
from hugathome.telemetry import ANSWERS, SILENT, Telemetry

Randomness = Callable[[int], bytes]
"""Returns this many unpredictable bytes: `secrets.token_bytes`, or a seeded stand-in in a test."""

_STEPS_OF_A_SEND = 5
"""What a message may change of its challenge: two to reserve it, and three for what became of it."""
_LONGEST_ID = 64
_KEPT = timedelta(days=1)
"""How long a record stays when it is over: long enough for a clock that is wrong by hours."""
_AT_ONCE = 1000


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CodeMessage:
    """A code on its way out: only ever handed to whoever delivers it."""

    to: Address
    code: str
    idempotency_key: str

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a code is not pickled: no queue keeps one")


class Verifier:
    """Sends codes and judges answers for one deployment."""

    telemetry: Telemetry = SILENT

    def __init__(self, *, store: ChallengeStore, keys: KeyRing, clock: Clock, randomness: Randomness) -> None:
        self._store = store
        self._keys = keys
        self._clock = clock
        self._randomness = randomness
        self._limiter = Limiter(store=store, keys=keys)

    async def issue(
        self, policy: CodePolicy, *, organisation: str, purpose: str, subject: str, phone: Address
    ) -> Challenge:
        """Open a challenge; nothing is sent yet. Raise `QuotaReached` if the day's failures are used up.

        Of somebody without a `phone` an `Unnumbered` stands in its place.
        """
        now = self._clock.now()
        if isinstance(phone, PhoneNumber) and not policy.allows(phone):
            raise RegionRefused("the policy sends no code to this region")
        failure = a_failure(policy, organisation=organisation, to=phone)
        await self._limiter.refuse_if_full(failure, now=now)
        challenge_id = opaque(self._randomness(16))
        challenge = issue(
            policy,
            challenge_id=challenge_id,
            organisation=organisation,
            purpose=purpose,
            subject=subject,
            address=self._sealed(phone, organisation, challenge_id),
            key_id=self._keys.current.id,
            now=now,
        )
        return await self._saved(replace(challenge, version=1), expected=0)

    async def find(
        self, challenge_id: str | None, *, organisation: str | None = None, purpose: str | None = None
    ) -> Challenge | None:
        """Return a challenge by its id, of the `organisation` and for the `purpose` that are named.

        What is no id is nobody's.
        """
        if not isinstance(challenge_id, str) or not _may_be_id(challenge_id):
            return None
        challenge = await self._store.load(Challenge, challenge_id)
        if challenge is not None and challenge.id != challenge_id:
            raise StoreUnavailable("a stored code was moved outside this library")
        if challenge is None or (organisation is not None and challenge.organisation != organisation):
            return None
        return challenge if purpose is None or challenge.purpose == purpose else None

    def is_open(self, challenge: Challenge | None) -> bool:
        """Whether a right answer to `challenge` would be accepted now."""
        if challenge is None or self._keys.get(challenge.key_id) is None:
            return False
        return challenge.is_open(self._clock.now())

    async def reserve(self, challenge: Challenge, policy: CodePolicy, *, rotate: bool = False) -> CodeMessage:
        """Count one more message for the challenge and return what to deliver.

        Raises `SendTooSoon` in a cool-down or when another call has just sent, `QuotaReached` when the
        challenge or the day has no message left, `TooManyAttempts` on a locked one, `CodeExpired` on
        one that is closed or over.
        """
        now = self._clock.now()
        await self._refuse_if_closed(challenge)
        _refuse_if_spent(challenge, policy, now=now, rotate=rotate)
        reserved = sent(challenge, now=now, rotate=rotate)
        counts = self._send(challenge, policy) if reserved.sends > challenge.sends else ()
        await self._limiter.refuse_if_full(*counts, now=now)
        # The challenge first: a call that loses this race must not use up the day's quota. Of a first
        # message only that it is on its way: before it has counted there is no code to guess at.
        is_first = not challenge.sends
        step = claimed(challenge, now=now) if is_first else reserved
        await self._won(step, policy, expected=challenge.version)
        await self._limiter.count(*counts, now=now)
        if is_first:
            reserved = sent(step, now=now, rotate=rotate)
            await self._won(reserved, policy, expected=step.version)
        return self.message(reserved)

    async def not_delivered(self, message: CodeMessage, refusal: NotDelivered) -> None:
        """Have the next message take the place of one that certainly did not go out, and count no further.

        One of which that is in doubt has counted: it may be on a telephone.
        """
        if refusal.is_certain:
            await self._noted(message.idempotency_key, undelivered)

    async def note(self, key: str, told: DeliveryStatus, *, organisation: str | None = None) -> bool:
        """Note what is told of the message of an idempotency key; return False where it is no news.

        Of an earlier message than a challenge's last nothing is kept.
        """
        return await self._noted(key, lambda known: noted(known, told), organisation=organisation)

    def message(self, challenge: Challenge) -> CodeMessage:
        """Compute the message that was last reserved, for whoever delivers it or tries again to."""
        to = self.address_of(challenge)
        key = f"{challenge.id}.{challenge.sends}"
        return CodeMessage(to=to, code=self._code(challenge, str(to)), idempotency_key=key)

    def address_of(self, challenge: Challenge) -> Address:
        """Return what the code is bound to; raise `CodeExpired` where its key is no more."""
        return read_address(self._address(challenge))

    async def verify(
        self,
        challenge_id: str | None,
        typed: object,
        *,
        policy: CodePolicy,
        organisation: str | None = None,
        purpose: str | None = None,
    ) -> Challenge:
        """Return the challenge that `typed` has just used up, or raise the `CodeError` that says why not.

        A code that was never sent is none: challenges without a message are not counted, and a guess at
        each would be one too many. Nor is one of another `organisation` or `purpose` than those named.

        Parallel calls spend the budget exactly: an answer is told only once the step it took is saved.
        The first answer of a challenge costs one write if it is right. From the second on a failure is
        counted before the answer is looked at, so that challenges side by side share the day's quota.
        """
        is_counted = False
        for _ in range(policy.max_attempts + _STEPS_OF_A_SEND * policy.max_sends + 2):
            challenge = await self.find(challenge_id, organisation=organisation, purpose=purpose)
            answer = parse_code(typed, digits=challenge.digits if challenge else policy.digits)
            if challenge is None or not challenge.sends:
                raise CodeExpired("no code is outstanding")
            if challenge.attempts and not is_counted and self.is_open(challenge):
                await self._limiter.count(self._failure(challenge, policy), now=self._clock.now())
                is_counted = True
            after, verdict = self._judge(challenge, answer)
            if after is challenge or await self._store.save(after, expected=challenge.version):
                if verdict is Verdict.REJECTED and not is_counted:
                    failure = self._failure(challenge, policy)
                    await self._limiter.count_anyway(failure, now=self._clock.now())
                self.telemetry.add(ANSWERS, label=verdict)
                return _told(after, verdict)
        raise StoreUnavailable("the challenge changed under every attempt to judge it")

    async def revoke(self, challenge_id: str | None, *, organisation: str | None = None) -> None:
        """Close a challenge, if it is still open."""

        async def step() -> tuple[Challenge | None, Challenge | None]:
            challenge = await self.find(challenge_id, organisation=organisation)
            return challenge, revoked(challenge) if challenge else None

        await saved(self._store, step)

    async def forget_old(self) -> int:
        """Delete a thousand records that were over a day ago, and return how many there were.

        A store whose records go by themselves, or that cannot delete, is left alone.
        """
        if not isinstance(self._store, ForgettingStore):
            return 0
        return await self._store.forget(self._clock.now() - _KEPT, limit=_AT_ONCE)

    def _judge(self, challenge: Challenge, answer: str) -> tuple[Challenge, Verdict]:
        now = self._clock.now()
        if not challenge.is_open(now):
            return attempt(challenge, matches=False, now=now)
        expected = self._code(challenge, self._address(challenge))
        return attempt(challenge, matches=hmac.compare_digest(expected, answer), now=now)

    def _send(self, challenge: Challenge, policy: CodePolicy) -> tuple[Count, ...]:
        return a_send(policy, organisation=challenge.organisation, to=self.address_of(challenge))

    def _failure(self, challenge: Challenge, policy: CodePolicy) -> Count:
        return a_failure(policy, organisation=challenge.organisation, to=self.address_of(challenge))

    def _code(self, challenge: Challenge, address: str) -> str:
        return code_for(challenge, key=self._key_of(challenge), address=address)

    def _key_of(self, challenge: Challenge) -> MasterKey:
        master = self._keys.get(challenge.key_id)
        if master is None:
            raise CodeExpired("the key of this code is no longer given")
        return master

    def _address(self, challenge: Challenge) -> str:
        try:
            sealed = urlsafe_b64decode(challenge.address)
        except ValueError:
            raise StoreUnavailable("a stored code was changed outside this library") from None
        bound_to = (challenge.organisation, challenge.id)
        return self._key_of(challenge).open("address", sealed, bound_to=bound_to).decode()

    def _sealed(self, to: Address, organisation: str, challenge_id: str) -> str:
        sealed = self._keys.seal(
            "address",
            str(to).encode(),
            bound_to=(organisation, challenge_id),
            nonce=self._randomness(NONCE_BYTES),
        )
        return urlsafe_b64encode(sealed).decode()

    async def _noted(
        self, key: str, note: Callable[[Challenge], Challenge], *, organisation: str | None = None
    ) -> bool:
        """Take a step for the message of a key, if it is its challenge's last; return whether it was one."""
        challenge_id, _, sends = key.rpartition(".")
        is_news = False

        async def step() -> tuple[Challenge | None, Challenge | None]:
            nonlocal is_news
            challenge = await self.find(challenge_id, organisation=organisation)
            is_last = challenge is not None and str(challenge.sends) == sends
            after = note(challenge) if challenge and is_last else challenge
            is_news = after is not challenge
            return challenge, after

        await saved(self._store, step)
        return is_news

    async def _refuse_if_closed(self, challenge: Challenge) -> None:
        now = self._clock.now()
        if challenge.state is ChallengeState.LOCKED:
            raise TooManyAttempts("the challenge is locked")
        if not challenge.is_open(now):
            if (closed := expired(challenge, now=now)) is not challenge:
                await self._store.save(closed, expected=challenge.version)
            raise CodeExpired("the code is no longer valid")

    async def _won(self, reserved: Challenge, policy: CodePolicy, *, expected: int) -> None:
        """Save a step towards a message, or raise `SendTooSoon`: another call has just taken it."""
        if not await self._store.save(reserved, expected=expected):
            raise SendTooSoon(retry_after=policy.cooldowns[0])

    async def _saved(self, challenge: Challenge, *, expected: int) -> Challenge:
        if not await self._store.save(challenge, expected=expected):
            raise StoreUnavailable("a random identifier was already taken")
        return challenge


def _refuse_if_spent(challenge: Challenge, policy: CodePolicy, *, now: datetime, rotate: bool) -> None:
    wait = wait_before_send(challenge, policy, now=now, rotate=rotate)
    if wait is None:
        raise QuotaReached(retry_after=max(challenge.expires_at - now, timedelta(0)))
    if wait > timedelta(0):
        raise SendTooSoon(retry_after=wait)


def _may_be_id(text: str) -> bool:
    """Whether every store can look it up; a pattern would cost a verify more than the look-up in memory."""
    return len(text) <= _LONGEST_ID and text.isascii() and text.isprintable()


def opaque(random: bytes) -> str:
    """Spell random bytes as an identifier."""
    return urlsafe_b64encode(random).rstrip(b"=").decode()


def _told(challenge: Challenge, verdict: Verdict) -> Challenge:
    match verdict:
        case Verdict.ACCEPTED:
            return challenge
        case Verdict.REJECTED:
            raise CodeRejected(attempts_left=challenge.attempts_left)
        case Verdict.LOCKED:
            raise TooManyAttempts("the challenge is locked")
        case Verdict.USED:
            raise CodeAlreadyUsed("the code has been used")
        case Verdict.EXPIRED | Verdict.REVOKED:
            raise CodeExpired("the code is no longer valid")

"""The verifier under attack: budgets are spent exactly, a code works once, and nothing gives it away.

Rows such as A17 are those of the project's list of attacks on one-time codes. What a host can make itself is
in `hugathome.testing.attacks`; here is what only the verifier's own tests can see.
"""

import ast
import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from inspect import getsource
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest

from hugathome import codes as codes_module
from hugathome import verifier as verifier_module
from hugathome._drive import drive
from hugathome.codes import Challenge, ChallengeState, ChallengeStore, ForgettingStore, Kept, code_for
from hugathome.errors import (
    CodeExpired,
    CodeRejected,
    HugathomeError,
    MalformedCode,
    NotDelivered,
    QuotaReached,
    RegionRefused,
    SendTooSoon,
    StoreUnavailable,
    TooManyAttempts,
)
from hugathome.keys import KeyRing
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.quotas import Tally
from hugathome.stores import Store, open_code_store
from hugathome.stores.memory import MemoryCodes, MemorySessions
from hugathome.stores.sqlite import SqliteCodes
from hugathome.verifier import CodeMessage, Verifier

KEY = b"a secret of thirty-two bytes, no"
OLD = b"an older secret of thirty-two by"
PHONE = PhoneNumber.parse("+41791234567")
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
POLICY = CodePolicy()
SECOND = timedelta(seconds=1)
REFUSED = NotDelivered("the gateway answered 403", is_certain=True)


@dataclass
class StoppedClock:
    """Stands where it is put."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a verifier waits for nothing")


@pytest.fixture
def clock() -> StoppedClock:
    return StoppedClock()


@pytest.fixture
def store(code_store_url: str) -> Iterator[ChallengeStore]:
    whole = Store(sessions=MemorySessions(), codes=open_code_store(code_store_url)).for_blocking()
    yield whole.codes
    drive(whole.aclose())


def over(
    store: ChallengeStore, clock: StoppedClock | None = None, *, keys: KeyRing | None = None
) -> Verifier:
    return Verifier(
        store=store, keys=keys or KeyRing(KEY), clock=clock or StoppedClock(), randomness=token_bytes
    )


@pytest.fixture
def verifier(store: ChallengeStore, clock: StoppedClock) -> Verifier:
    return over(store, clock)


async def issued(
    verifier: Verifier,
    policy: CodePolicy = POLICY,
    *,
    organisation: str = "hug",
    purpose: str = "check-in",
    subject: str = "hug.s1/p-1",
    phone: PhoneNumber = PHONE,
) -> Challenge:
    return await verifier.issue(
        policy, organisation=organisation, purpose=purpose, subject=subject, phone=phone
    )


async def outstanding(verifier: Verifier, policy: CodePolicy = POLICY, **whose: Any) -> Challenge:
    """Issue a challenge and send its code."""
    challenge = await issued(verifier, policy, **whose)
    await verifier.reserve(challenge, policy)
    return await found(verifier, challenge)


def the_code(challenge: Challenge, key: bytes = KEY) -> str:
    return code_for(challenge, key=KeyRing(key).current, address=str(PHONE))


def wrong(right: str, nth: int = 1) -> str:
    """Return the nth code that is not the right one."""
    return f"{(int(right) + nth) % 10 ** len(right):0{len(right)}}"


async def told(answer: Awaitable[Challenge]) -> str:
    """Return what an answer was told: `accepted`, or the name of its error."""
    try:
        await answer
    except HugathomeError as error:
        return type(error).__name__
    return "accepted"


async def answering(verifier: Verifier, challenge: Challenge, *typed: str) -> list[str]:
    return [await told(verifier.verify(challenge.id, one, policy=POLICY)) for one in typed]


# --- One after the other -------------------------------------------------------------------------


async def test_the_right_code_is_accepted(verifier: Verifier) -> None:
    challenge = await outstanding(verifier)

    used = await verifier.verify(challenge.id, the_code(challenge), policy=POLICY)

    assert (used.id, used.state, used.subject) == (challenge.id, ChallengeState.USED, "hug.s1/p-1")


async def test_a_wrong_code_says_how_many_are_left(verifier: Verifier) -> None:
    challenge = await outstanding(verifier)

    for left in (4, 3, 2, 1, 0):
        with pytest.raises(CodeRejected) as refused:
            await verifier.verify(challenge.id, wrong(the_code(challenge)), policy=POLICY)
        assert refused.value.attempts_left == left
    with pytest.raises(TooManyAttempts):
        await verifier.verify(challenge.id, the_code(challenge), policy=POLICY)


@pytest.mark.parametrize("typed", ["4938", "49381700", "４９３８１７", ["493817", "493818"], None], ids=repr)  # noqa: RUF001
async def test_what_is_malformed_spends_no_attempt(verifier: Verifier, typed: Any) -> None:
    challenge = await issued(verifier)

    with pytest.raises(MalformedCode):
        await verifier.verify(challenge.id, typed, policy=POLICY)

    assert await verifier.find(challenge.id) == challenge


async def found(verifier: Verifier, challenge: Challenge) -> Challenge:
    kept = await verifier.find(challenge.id)
    assert kept is not None
    return kept


async def test_a07_issuing_again_and_again_meets_the_cap_of_the_day(
    verifier: Verifier, clock: StoppedClock
) -> None:
    async def guess_for_ever() -> None:
        while True:
            challenge = await outstanding(verifier)
            outcomes.extend(await answering(verifier, challenge, *[wrong(the_code(challenge))] * 6))

    outcomes: list[str] = []
    with pytest.raises(QuotaReached) as refused:
        await guess_for_ever()

    assert outcomes.count("CodeRejected") == POLICY.failures_per_day
    assert refused.value.retry_after == timedelta(hours=24)
    clock.at += refused.value.retry_after
    assert (await outstanding(verifier)).state is ChallengeState.OPEN


async def test_the_cap_of_the_day_belongs_to_one_number_in_one_organisation(verifier: Verifier) -> None:
    strict = CodePolicy(failures_per_day=1)
    challenge = await outstanding(verifier, strict)
    await answering(verifier, challenge, wrong(the_code(challenge)))

    await outstanding(verifier, strict, organisation="chuv")
    await outstanding(verifier, strict, phone=PhoneNumber.parse("+41791234568"))
    with pytest.raises(QuotaReached):
        await outstanding(verifier, strict, subject="hug.s2/p-2")


@pytest.mark.parametrize(
    ("tampered", "expected"),
    [
        ({"subject": "hug.s1/p-2"}, "CodeRejected"),
        ({"organisation": "chuv"}, "StoreUnavailable"),
        ({"purpose": "sign"}, "CodeRejected"),
        ({"counter": 1}, "CodeRejected"),
        ({"address": "not sealed at all"}, "StoreUnavailable"),
        ({"address": "é"}, "StoreUnavailable"),
        ({"address": ""}, "StoreUnavailable"),
        ({"key_id": "0" * 12}, "CodeExpired"),
    ],
    ids=str,
)
async def test_a17_a_row_that_was_tampered_with_opens_to_no_old_code(
    store: ChallengeStore, verifier: Verifier, tampered: dict[str, Any], expected: str
) -> None:
    challenge = await outstanding(verifier)
    before = challenge.version
    await store.save(replace(challenge, version=before + 1, **tampered), expected=before)

    assert await answering(verifier, challenge, the_code(challenge)) == [expected]


async def test_a17_another_number_cannot_be_put_into_a_row(
    store: ChallengeStore, verifier: Verifier, clock: StoppedClock
) -> None:
    mine = await outstanding(verifier, phone=PhoneNumber.parse("+41791234568"))
    victim = await outstanding(verifier)
    before = victim.version
    await store.save(replace(victim, address=mine.address, version=before + 1), expected=before)
    clock.at += timedelta(minutes=1)

    with pytest.raises(StoreUnavailable):
        await verifier.reserve(await found(verifier, victim), POLICY)
    assert await answering(verifier, victim, the_code(victim)) == ["StoreUnavailable"]


async def test_a17_a_row_that_was_put_in_anothers_place_is_refused() -> None:
    class Swapped(MemoryCodes):
        async def load(self, kind: type[Kept], key: str) -> Kept | None:
            return await super().load(kind, mine.id if kind is Challenge else key)

    store = Swapped()
    mine = await issued(over(store))
    victim = await issued(over(store))

    assert await answering(over(store), victim, the_code(mine)) == ["StoreUnavailable"]


async def test_a_revoked_code_is_as_good_as_expired(verifier: Verifier) -> None:
    challenge = await issued(verifier)

    for _ in range(2):
        await verifier.revoke(challenge.id)
    for unknown in (None, "unknown"):
        await verifier.revoke(unknown)

    assert await answering(verifier, challenge, the_code(challenge)) == ["CodeExpired"]
    assert (await found(verifier, challenge)).state is ChallengeState.REVOKED


# --- Messages ------------------------------------------------------------------------------------


async def test_a_message_is_for_the_number_and_carries_the_code(verifier: Verifier) -> None:
    challenge = await issued(verifier)

    message = await verifier.reserve(challenge, POLICY)

    assert (message.to, message.code) == (PHONE, the_code(challenge))


async def test_a36_whoever_tries_again_sends_the_same_message(verifier: Verifier) -> None:
    challenge = await issued(verifier)
    first = await verifier.reserve(challenge, POLICY)

    again = verifier.message(await found(verifier, challenge))

    assert (again.to, again.code, again.idempotency_key) == (first.to, first.code, first.idempotency_key)
    assert (await found(verifier, challenge)).sends == 1


async def test_each_message_that_was_asked_for_has_its_own_key(
    verifier: Verifier, clock: StoppedClock
) -> None:
    challenge = await issued(verifier)
    keys = set()
    for _ in range(3):
        keys.add((await verifier.reserve(await found(verifier, challenge), POLICY)).idempotency_key)
        clock.at += timedelta(minutes=2)

    assert len(keys) == 3


async def test_cooldowns_hold_and_say_how_long(verifier: Verifier, clock: StoppedClock) -> None:
    challenge = await issued(verifier)
    await verifier.reserve(challenge, POLICY)
    clock.at += 10 * SECOND

    with pytest.raises(SendTooSoon) as refused:
        await verifier.reserve(await found(verifier, challenge), POLICY)

    assert refused.value.retry_after == 20 * SECOND
    clock.at += refused.value.retry_after
    await verifier.reserve(await found(verifier, challenge), POLICY)


async def test_a_challenge_has_three_messages(verifier: Verifier, clock: StoppedClock) -> None:
    challenge = await issued(verifier)
    for _ in range(3):
        await verifier.reserve(await found(verifier, challenge), POLICY)
        clock.at += timedelta(minutes=2)

    with pytest.raises(QuotaReached) as refused:
        await verifier.reserve(await found(verifier, challenge), POLICY)

    assert refused.value.retry_after == timedelta(minutes=4)


async def test_a_number_gets_five_messages_an_hour_and_ten_a_day(
    verifier: Verifier, clock: StoppedClock
) -> None:
    for span in (timedelta(hours=1), timedelta(hours=23)):
        for _ in range(5):
            await verifier.reserve(await issued(verifier), POLICY)
        last = await issued(verifier)

        with pytest.raises(QuotaReached) as refused:
            await verifier.reserve(last, POLICY)

        assert refused.value.retry_after == span
        assert (await found(verifier, last)).sends == 0
        clock.at += span
    await verifier.reserve(await issued(verifier), POLICY)


async def test_a35_numbers_of_one_prefix_share_a_quota(verifier: Verifier) -> None:
    numbers = [PhoneNumber.parse(f"+4179123{last:04}") for last in range(200)]
    taken = 0
    for number in numbers:
        challenge = await issued(verifier, phone=number)
        try:
            await verifier.reserve(challenge, POLICY)
        except QuotaReached:
            continue
        taken += 1

    assert taken == POLICY.sends_per_prefix == 50
    await verifier.reserve(await issued(verifier, phone=PhoneNumber.parse("+41791240000")), POLICY)


async def test_an_organisation_has_a_budget_of_its_own(verifier: Verifier) -> None:
    thrifty = CodePolicy(sends_per_organisation=3)
    numbers = [PhoneNumber.parse(f"+417912{last:05}") for last in range(0, 40_000, 10_000)]
    for number in numbers[:3]:
        await verifier.reserve(await issued(verifier, thrifty, phone=number), thrifty)

    with pytest.raises(QuotaReached):
        await verifier.reserve(await issued(verifier, thrifty, phone=numbers[3]), thrifty)
    elsewhere = await issued(verifier, thrifty, organisation="chuv", phone=numbers[3])
    await verifier.reserve(elsewhere, thrifty)


async def test_a_number_from_where_the_policy_sends_nothing_gets_no_challenge(verifier: Verifier) -> None:
    swiss = CodePolicy(regions=frozenset({"CH"}))
    await issued(verifier, swiss)

    for abroad in ("+33612345678", "+18764123456"):
        with pytest.raises(RegionRefused):
            await issued(verifier, swiss, phone=PhoneNumber.parse(abroad))


async def test_a_message_that_did_not_go_out_is_the_same_again_and_counts_no_further(
    store: ChallengeStore, verifier: Verifier, clock: StoppedClock
) -> None:
    challenge = await issued(verifier)
    first = await verifier.reserve(challenge, POLICY)
    for _ in range(3):
        await verifier.not_delivered(first, REFUSED)
        with pytest.raises(SendTooSoon):
            await verifier.reserve(await found(verifier, challenge), POLICY)
        clock.at += timedelta(minutes=1)
        again = await verifier.reserve(await found(verifier, challenge), POLICY)
        assert (again.code, again.idempotency_key) == (first.code, first.idempotency_key)

    assert (await found(verifier, challenge)).sends == 1
    assert await tallied(store, "sends-day", str(PHONE)) == 1


async def test_open_challenges_side_by_side_share_the_failures_of_the_day(verifier: Verifier) -> None:
    often = CodePolicy(sends_per_hour=POLICY.sends_per_day)
    challenges = [await outstanding(verifier, often) for _ in range(POLICY.sends_per_day)]

    outcomes = [
        outcome
        for challenge in challenges
        for outcome in await answering(verifier, challenge, *[wrong(the_code(challenge))] * 5)
    ]

    assert outcomes.count("CodeRejected") <= POLICY.failures_per_day + POLICY.sends_per_day
    assert set(outcomes) == {"CodeRejected", "QuotaReached"}


async def test_challenges_without_a_message_take_no_guess(verifier: Verifier) -> None:
    challenges = [await issued(verifier) for _ in range(POLICY.failures_per_day + 1)]

    outcomes = [
        one for c in challenges for one in await answering(verifier, c, wrong(the_code(c)), the_code(c))
    ]

    assert set(outcomes) == {"CodeExpired"}


async def test_a_challenge_whose_first_message_meets_a_full_quota_takes_no_guess() -> None:
    """Whoever asks for many at once has them all looked at before the first of them is counted."""
    verifier = over(Interleaved())
    challenges = [await issued(verifier) for _ in range(POLICY.sends_per_hour + 3)]

    await asyncio.gather(*(verifier.reserve(c, POLICY) for c in challenges), return_exceptions=True)

    outcomes = [one for c in challenges for one in await answering(verifier, c, wrong(the_code(c)))]
    assert Counter(outcomes) == {"CodeRejected": POLICY.sends_per_hour, "CodeExpired": 3}


async def test_a_first_message_takes_no_guess_before_it_has_counted() -> None:
    class Guessing(MemoryCodes):
        """Has somebody guess in the moment in which a message is counted."""

        told: list[str]

        async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
            if isinstance(record, Tally) and not hasattr(self, "told"):
                self.told = []
                self.told += await answering(verifier, challenge, wrong(the_code(challenge)))
            return await super().save(record, expected=expected)

    store = Guessing()
    verifier = over(store)
    challenge = await issued(verifier)

    await verifier.reserve(challenge, POLICY)

    assert store.told == ["CodeExpired"]
    assert await answering(verifier, challenge, the_code(challenge)) == ["accepted"]


async def test_whoever_dies_while_a_first_message_is_counted_costs_the_next_a_cool_down(
    clock: StoppedClock,
) -> None:
    class Dying(MemoryCodes):
        async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
            if isinstance(record, Tally) and clock.at == NOW:
                raise StoreUnavailable("the store is away")
            return await super().save(record, expected=expected)

    verifier = over(Dying(), clock)
    challenge = await issued(verifier)
    with pytest.raises(StoreUnavailable):
        await verifier.reserve(challenge, POLICY)
    clock.at += SECOND

    with pytest.raises(SendTooSoon) as refused:
        await verifier.reserve(await found(verifier, challenge), POLICY)

    assert refused.value.retry_after == POLICY.cooldowns[0] - SECOND
    clock.at += refused.value.retry_after
    assert (await verifier.reserve(await found(verifier, challenge), POLICY)).code == the_code(challenge)


async def test_a_message_that_may_be_out_has_counted(
    store: ChallengeStore, verifier: Verifier, clock: StoppedClock
) -> None:
    challenge = await issued(verifier)
    keys = set()
    for _ in range(POLICY.max_sends):
        message = await verifier.reserve(await found(verifier, challenge), POLICY)
        keys.add(message.idempotency_key)
        await verifier.not_delivered(message, NotDelivered("no answer from the gateway"))
        clock.at += timedelta(minutes=2)

    with pytest.raises(QuotaReached):
        await verifier.reserve(await found(verifier, challenge), POLICY)
    assert len(keys) == await tallied(store, "sends-day", str(PHONE)) == POLICY.max_sends


async def test_a_refusal_that_comes_late_gives_no_other_place_back(
    verifier: Verifier, clock: StoppedClock
) -> None:
    challenge = await issued(verifier)
    first = await verifier.reserve(challenge, POLICY)
    clock.at += timedelta(minutes=1)
    await verifier.reserve(await found(verifier, challenge), POLICY)

    await verifier.not_delivered(first, REFUSED)

    assert not (await found(verifier, challenge)).is_undelivered


@pytest.mark.parametrize("refuses_at", ["reserve", "issue"])
async def test_a_clock_that_was_years_ahead_locks_nobody_out_for_longer_than_a_day(
    verifier: Verifier, clock: StoppedClock, refuses_at: str
) -> None:
    is_issue = refuses_at == "issue"
    strict = CodePolicy(failures_per_day=1) if is_issue else CodePolicy(sends_per_hour=1)
    clock.at = NOW + timedelta(days=1000)
    ahead = await outstanding(verifier, strict)
    if is_issue:
        await answering(verifier, ahead, wrong(the_code(ahead)))

    clock.at = NOW
    with pytest.raises(QuotaReached) as refused:
        await outstanding(verifier, strict)

    assert refused.value.retry_after == timedelta(hours=24 if is_issue else 1)
    clock.at += refused.value.retry_after
    await outstanding(verifier, strict)


@pytest.mark.parametrize("unknown", [b"x", 7, [], {}, "", "\x00", "\ud800", "é", "x" * 10**6], ids=ascii)
async def test_what_is_no_id_is_nobodys(verifier: Verifier, unknown: Any) -> None:
    with pytest.raises(CodeExpired):
        await verifier.verify(unknown, "123456", policy=POLICY)
    await verifier.revoke(unknown)


async def test_another_key_forgets_nothing_of_what_was_counted(store: ChallengeStore) -> None:
    before, after = over(store, keys=KeyRing(OLD)), over(store, keys=KeyRing({"new": KEY, "old": OLD}))
    for verifier in (before, before, after, before, after):
        await verifier.reserve(await issued(verifier), POLICY)

    with pytest.raises(QuotaReached):
        await after.reserve(await issued(after), POLICY)


async def test_no_message_goes_out_for_what_is_closed(verifier: Verifier, clock: StoppedClock) -> None:
    used, locked, revoked, expired = [await outstanding(verifier) for _ in range(4)]
    await answering(verifier, used, the_code(used))
    await answering(verifier, locked, *[wrong(the_code(locked))] * 5)
    await verifier.revoke(revoked.id)

    with pytest.raises(TooManyAttempts):
        await verifier.reserve(await found(verifier, locked), POLICY)
    for closed in (used, revoked):
        with pytest.raises(CodeExpired):
            await verifier.reserve(await found(verifier, closed), POLICY)
    clock.at += POLICY.lifetime
    with pytest.raises(CodeExpired):
        await verifier.reserve(expired, POLICY)


# --- Keys ----------------------------------------------------------------------------------------


async def test_a37_a_code_outlives_a_change_of_keys_while_its_own_is_given(store: ChallengeStore) -> None:
    old, a_minute_later = over(store, keys=KeyRing(OLD)), StoppedClock(NOW + timedelta(minutes=1))
    one, other = await outstanding(old), await outstanding(old)
    both = over(store, keys=KeyRing({"new": KEY, "old": OLD}))
    new = over(store, a_minute_later, keys=KeyRing(KEY))

    assert both.is_open(one)
    assert await answering(both, one, the_code(one, OLD)) == ["accepted"]
    assert not new.is_open(other)
    assert await answering(new, other, the_code(other, OLD)) == ["CodeExpired"]
    with pytest.raises(CodeExpired):
        await new.reserve(other, POLICY)
    with pytest.raises(CodeExpired):
        new.message(other)


# --- What gives nothing away ---------------------------------------------------------------------


def spelled(value: object) -> str:
    return f"{value!r} {value} {getattr(value, '__dict__', '')}"


async def test_what_is_handed_to_whoever_delivers_does_not_show_it(verifier: Verifier) -> None:
    message = await verifier.reserve(await issued(verifier), POLICY)

    assert isinstance(message, CodeMessage)
    assert message.code not in spelled(message)
    assert "791234567" not in spelled(message)


async def test_a28_an_id_is_128_bits_of_the_randomness_given(store: ChallengeStore) -> None:
    drawn: list[int] = []

    def randomness(size: int) -> bytes:
        drawn.append(size)
        return token_bytes(size)

    verifier = Verifier(store=store, keys=KeyRing(KEY), clock=StoppedClock(), randomness=randomness)
    ids = {(await issued(verifier)).id for _ in range(50)}

    assert len(ids) == 50
    assert drawn == [16, 12] * 50


def test_a29_no_code_is_compared_with_an_operator() -> None:
    words = {"code", "answer", "typed", "expected", "otp"}
    for module in (codes_module, verifier_module):
        for node in ast.walk(ast.parse(getsource(module))):
            if isinstance(node, ast.Compare) and any(
                isinstance(op, ast.Eq | ast.NotEq | ast.In) for op in node.ops
            ):
                names = {each.id for each in (node.left, *node.comparators) if isinstance(each, ast.Name)}
                assert not names & words, ast.unparse(node)
    assert "compare_digest(" in getsource(verifier_module)


# --- At once -------------------------------------------------------------------------------------


class Interleaved(MemoryCodes):
    """Gives every other task a turn around each access: the worst schedule that one thread can have."""

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        await asyncio.sleep(0)
        kept = await super().load(kind, key)
        await asyncio.sleep(0)
        return kept

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        await asyncio.sleep(0)
        has_saved = await super().save(record, expected=expected)
        await asyncio.sleep(0)
        return has_saved


async def tallied(store: ChallengeStore, quota: str, whom: str) -> int:
    tally = await store.load(Tally, KeyRing(KEY).digest("tally", quota, "hug", whom))
    return 0 if tally is None else tally.count


async def test_a06_of_parallel_resends_one_is_sent_and_counted(tmp_path: Path) -> None:
    for store in (Interleaved(), SqliteCodes(str(tmp_path / "codes.db"))):
        verifier = over(store)
        challenge = await issued(verifier)

        outcomes = await asyncio.gather(
            *(verifier.reserve(challenge, POLICY) for _ in range(16)), return_exceptions=True
        )

        assert sum(isinstance(outcome, CodeMessage) for outcome in outcomes) == 1
        assert sum(isinstance(outcome, SendTooSoon) for outcome in outcomes) == 15
        for quota, whom in (
            ("sends-hour", str(PHONE)),
            ("sends-day", str(PHONE)),
            ("prefix-day", PHONE.prefix),
        ):
            assert await tallied(store, quota, whom) == 1
        if isinstance(store, SqliteCodes):
            await store.aclose()


async def test_the_failures_of_parallel_guesses_are_all_counted() -> None:
    store = Interleaved()
    verifier = over(store)
    often = CodePolicy(sends_per_hour=10)
    challenges = [await outstanding(verifier, often) for _ in range(10)]

    await asyncio.gather(*(answering(verifier, c, *[wrong(the_code(c))] * 2) for c in challenges))

    assert await tallied(store, "failures", str(PHONE)) == 20
    with pytest.raises(QuotaReached):
        await issued(verifier)


# --- A store that fails --------------------------------------------------------------------------


class Hostile(MemoryCodes):
    """Fails as it is told to."""

    fails_to: str = ""

    async def load(self, kind: type[Kept], key: str) -> Kept | None:
        if self.fails_to == "load":
            raise StoreUnavailable("the store is away")
        return await super().load(kind, key)

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        if self.fails_to == "save":
            raise StoreUnavailable("the store is away")
        if self.fails_to == "win":
            return False
        if self.fails_to == "answer":
            await super().save(record, expected=expected)
            raise StoreUnavailable("the line broke before the answer came")
        return await super().save(record, expected=expected)


@pytest.mark.parametrize("fails_to", ["load", "save", "win", "answer"])
@pytest.mark.parametrize("is_right", [True, False])
async def test_a39_a_store_that_fails_accepts_nobody(fails_to: str, is_right: bool) -> None:
    store = Hostile()
    verifier = over(store)
    challenge = await outstanding(verifier)
    code = the_code(challenge) if is_right else wrong(the_code(challenge))

    store.fails_to = fails_to

    assert await answering(verifier, challenge, code) == ["StoreUnavailable"]


@pytest.mark.parametrize("fails_to", ["load", "save", "win"])
async def test_a39_a_store_that_fails_sends_nothing_and_opens_nothing(fails_to: str) -> None:
    store = Hostile()
    verifier = over(store)
    challenge = await issued(verifier)

    store.fails_to = fails_to

    with pytest.raises((StoreUnavailable, SendTooSoon)):
        await verifier.reserve(challenge, POLICY)
    with pytest.raises(StoreUnavailable):
        await issued(verifier)
    with pytest.raises(StoreUnavailable):
        await verifier.revoke(challenge.id)


async def test_a39_a_replica_that_lags_lets_nobody_guess_on() -> None:
    class Lagging(MemoryCodes):
        """Always answers with the row as it was first saved."""

        def __init__(self) -> None:
            super().__init__()
            self.first: dict[str, Any] = {}

        async def load(self, kind: type[Kept], key: str) -> Kept | None:
            kept = await super().load(kind, key)
            return self.first.setdefault(key, kept) if kind is Challenge else kept

    store = Lagging()
    verifier = over(store)
    challenge = await outstanding(verifier)

    outcomes = await answering(verifier, challenge, *[wrong(the_code(challenge))] * 10, the_code(challenge))

    assert Counter(outcomes) == {"CodeRejected": 1, "StoreUnavailable": 10}


async def test_a39_a_store_that_raises_what_it_should_not_accepts_nobody() -> None:
    class Exploding(MemoryCodes):
        async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
            if isinstance(record, Challenge) and record.state is ChallengeState.USED:
                raise RuntimeError("what no store may raise")
            return await super().save(record, expected=expected)

    verifier = over(Exploding())
    challenge = await outstanding(verifier)

    with pytest.raises(RuntimeError):
        await verifier.verify(challenge.id, the_code(challenge), policy=POLICY)

    assert (await found(verifier, challenge)).state is ChallengeState.OPEN


# --- What has had its time -----------------------------------------------------------------------


async def test_what_has_had_its_time_is_forgotten_a_day_later(
    verifier: Verifier, store: ChallengeStore, clock: StoppedClock
) -> None:
    for _ in range(2):
        challenge = await outstanding(verifier)
        await answering(verifier, challenge, wrong(the_code(challenge)))
        clock.at += timedelta(minutes=30)
    if not isinstance(store, ForgettingStore):  # on Redis, where records go by themselves
        clock.at = NOW + timedelta(days=2, minutes=31)
        assert await verifier.forget_old() == 0
        return
    assert await tallied(store, "failures", str(PHONE)) == 2
    clock.at = NOW + timedelta(days=1, minutes=9)
    assert await verifier.forget_old() == 0

    clock.at = NOW + timedelta(days=1, minutes=41)
    assert await verifier.forget_old() == 2
    assert await tallied(store, "failures", str(PHONE)) == 2
    clock.at = NOW + timedelta(days=2, minutes=31)
    assert await verifier.forget_old() == 4
    assert await tallied(store, "failures", str(PHONE)) == 0
    assert await verifier.forget_old() == 0


async def test_a_thousand_are_forgotten_at_once(clock: StoppedClock) -> None:
    store = MemoryCodes()
    verifier = over(store, clock)
    old = await issued(verifier)
    for number in range(1200):
        await store.save(replace(old, id=f"c{number}"), expected=0)
    clock.at += timedelta(days=2)

    assert [await verifier.forget_old() for _ in range(3)] == [1000, 201, 0]


async def test_a_store_that_cannot_forget_is_left_alone(clock: StoppedClock) -> None:
    class Plain:
        def __init__(self, kept: MemoryCodes) -> None:
            self.load, self.save = kept.load, kept.save

    verifier = over(Plain(MemoryCodes()), clock)
    await issued(verifier)
    clock.at += timedelta(days=3)

    assert await verifier.forget_old() == 0

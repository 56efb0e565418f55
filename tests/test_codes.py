"""Codes: the arithmetic is RFC 4226's, what is typed is read strictly, and a budget is never refilled."""

import base64
import hashlib
import hmac
import time
from contextlib import suppress
from dataclasses import FrozenInstanceError, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from hugathome.codes import (
    Challenge,
    ChallengeState,
    Sms,
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
from hugathome.errors import InvalidInput, MalformedCode
from hugathome.keys import MasterKey
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.quotas import Tally
from hugathome.record.history import DeliveryStatus

KEY = MasterKey(b"a secret of thirty-two bytes, no")
PHONE = "+41791234567"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)
POLICY = CodePolicy()
FINAL = [state for state in ChallengeState if state is not ChallengeState.OPEN]


def issued(policy: CodePolicy = POLICY, *, now: datetime = NOW, subject: str = "hug.s1/p-1") -> Challenge:
    return issue(
        policy,
        challenge_id="c1",
        organisation="hug",
        purpose="check-in",
        subject=subject,
        address="sealed",
        key_id=KEY.id,
        now=now,
    )


def the_code(challenge: Challenge, *, key: MasterKey = KEY, address: str = PHONE) -> str:
    return code_for(challenge, key=key, address=address)


# --- The arithmetic ------------------------------------------------------------------------------

RFC_4226_APPENDIX_D = [
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
]  # fmt: skip


def test_the_library_underneath_computes_the_vectors_of_rfc_4226() -> None:
    hotp = pyotp.HOTP(base64.b32encode(b"12345678901234567890").decode())

    assert [hotp.at(counter) for counter in range(10)] == RFC_4226_APPENDIX_D


def truncated(secret: bytes, counter: int, digits: int) -> str:
    """RFC 4226, section 5.3, written out once more."""
    mac = hmac.digest(secret, counter.to_bytes(8, "big"), hashlib.sha256)
    offset = mac[-1] & 0xF
    return str((int.from_bytes(mac[offset : offset + 4], "big") & 0x7FFFFFFF) % 10**digits).zfill(digits)


@given(st.integers(6, 8), st.integers(0, 2**40), st.text(st.characters(codec="ascii"), max_size=20))
def test_a_code_is_hotp_under_the_secret_of_its_challenge(digits: int, counter: int, subject: str) -> None:
    challenge = replace(issued(CodePolicy(digits=digits), subject=subject), counter=counter)
    secret = KEY.derive("code", "hug", "check-in", "c1", subject, PHONE, str(digits))

    assert the_code(challenge) == truncated(secret, counter, digits)


@pytest.mark.parametrize("digits", [6, 7, 8])
def test_a_code_has_the_digits_of_its_policy(digits: int) -> None:
    assert len(the_code(issued(CodePolicy(digits=digits)))) == digits


def test_the_same_challenge_gives_the_same_code_again() -> None:
    once = issued()

    assert the_code(once) == the_code(sent(sent(once, now=NOW), now=NOW + SECOND))


def test_a_rotated_message_carries_the_next_code() -> None:
    rotated = sent(issued(), now=NOW, rotate=True)

    assert rotated.counter == 1
    assert the_code(rotated) != the_code(issued())


@pytest.mark.parametrize(
    "other",
    [
        replace(issued(), id="c2"),
        replace(issued(), organisation="chuv"),
        replace(issued(), purpose="sign"),
        replace(issued(), subject="hug.s1/p-2"),
        replace(issued(), counter=1),
    ],
    ids=["id", "organisation", "purpose", "subject", "counter"],
)
def test_a16_whatever_names_a_challenge_changes_its_code(other: Challenge) -> None:
    assert the_code(other) != the_code(issued())


def test_another_number_or_key_has_another_code() -> None:
    codes = {
        the_code(issued()),
        the_code(issued(), address="+41791234568"),
        the_code(issued(), key=MasterKey(b"another secret of thirty-two byt")),
    }

    assert len(codes) == 3


def test_what_may_be_moved_without_changing_the_code() -> None:
    moved = replace(issued(), attempts=3, sends=2, version=9, address="sealed anew", key_id="f" * 12)

    assert the_code(moved) == the_code(issued())


# --- The policy ----------------------------------------------------------------------------------


def test_the_defaults_are_those_of_nist_and_psd2() -> None:
    assert POLICY.digits == 6
    assert POLICY.lifetime == timedelta(minutes=10)
    assert POLICY.max_attempts == 5
    assert POLICY.max_sends == 3
    assert POLICY.cooldowns == (timedelta(seconds=30), timedelta(seconds=60), timedelta(seconds=120))
    assert (POLICY.failures_per_day, POLICY.sends_per_hour, POLICY.sends_per_day) == (20, 5, 10)
    assert (POLICY.sends_per_prefix, POLICY.sends_per_organisation) == (50, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"digits": 6, "lifetime": timedelta(seconds=30), "max_attempts": 1, "max_sends": 1},
        {"digits": 8, "lifetime": timedelta(minutes=10), "max_attempts": 100, "max_sends": 10},
        {"cooldowns": (timedelta(0),), "failures_per_day": 1, "sends_per_hour": 1, "sends_per_day": 1},
        {"sends_per_prefix": 1, "sends_per_organisation": 1},
    ],
    ids=["least", "most", "quotas", "shared quotas"],
)
def test_a_policy_within_its_bounds_is_taken(fields: dict[str, Any]) -> None:
    policy = CodePolicy(**fields)

    assert {name: getattr(policy, name) for name in fields} == fields


@pytest.mark.parametrize(
    "fields",
    [
        {"digits": 5},
        {"digits": 9},
        {"lifetime": timedelta(seconds=29)},
        {"lifetime": timedelta(minutes=10, microseconds=1)},
        {"max_attempts": 0},
        {"max_attempts": 101},
        {"max_sends": 0},
        {"max_sends": 11},
        {"cooldowns": ()},
        {"cooldowns": (timedelta(seconds=30), timedelta(seconds=-1))},
        {"failures_per_day": 0},
        {"sends_per_hour": 0},
        {"sends_per_day": 0},
        {"sends_per_prefix": 0},
        {"sends_per_organisation": 0},
        {"test_code": "000000"},
    ],
    ids=str,
)
def test_a_policy_outside_its_bounds_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        CodePolicy(**fields)


# --- What people type ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "typed",
    ["493817", "493 817", "493-817", " 493817\n", "493\u00a0817", "493\u2009817", "493\u202f817",
     "493\u2007817", "4 9 3 8 1 7", "493817\r\n", "\t493817"],
    ids=ascii,
)  # fmt: skip
def test_a22_digits_are_read_as_people_type_them(typed: str) -> None:
    assert parse_code(typed, digits=6) == "493817"


@pytest.mark.parametrize(
    "typed", ["", None, "None", "null", 0, 493817, [], {}, b"493817", ["493817"], True], ids=repr
)
def test_a19_what_is_no_text_of_digits_is_malformed(typed: object) -> None:
    with pytest.raises(MalformedCode):
        parse_code(typed, digits=6)


@pytest.mark.parametrize("typed", ["4", "49", "493", "4938", "49381", "4938170", "0493817", "49381 7 0"])
def test_a20_another_length_is_malformed(typed: str) -> None:
    with pytest.raises(MalformedCode):
        parse_code(typed, digits=6)


def written_from(zero: str) -> str:
    """Write 493817 in the digits of another script, of which `zero` is the first."""
    return "".join(chr(ord(zero) + int(digit)) for digit in "493817")


OTHER_DIGITS = [
    written_from("\N{FULLWIDTH DIGIT ZERO}"),
    written_from("\N{ARABIC-INDIC DIGIT ZERO}"),
    written_from("\N{MATHEMATICAL BOLD DIGIT ZERO}"),
    written_from(chr(ord("\N{CIRCLED DIGIT ONE}") - 1)),
    "\u2074\u2079\u00b3\u2078\u00b9\u2077",  # superscripts
    "49381\N{FULLWIDTH DIGIT SEVEN}",
    "49381\N{SUPERSCRIPT TWO}",
]


@pytest.mark.parametrize(
    "typed",
    [*OTHER_DIGITS, "123_456", "+123456", "1e5", "1e0005", "0x1234", "12345.", "49381\u0000", "49381O",
     "\ud8004938", "493817\u0301", "493817;--"],
    ids=ascii,
)  # fmt: skip
def test_a21_other_digits_are_malformed(typed: str) -> None:
    with pytest.raises(MalformedCode):
        parse_code(typed, digits=6)


@pytest.mark.parametrize(
    "typed",
    ["1" + "\u0301" * 10**6, "1" * 10**6, ["493817"] * 10**4, " " * 10**6 + "493817"],
    ids=["marks", "digits", "list", "spaces"],
)
def test_a23_what_is_too_long_is_refused_before_it_is_read(typed: object) -> None:
    def seconds() -> float:
        before = time.perf_counter()
        with suppress(MalformedCode):
            parse_code(typed, digits=6)
        return time.perf_counter() - before

    with pytest.raises(MalformedCode):
        parse_code(typed, digits=6)
    assert min(seconds() for _ in range(50)) < 0.000_05


def test_a23_as_much_as_forty_characters_is_read() -> None:
    assert parse_code("493817".rjust(40), digits=6) == "493817"
    with pytest.raises(MalformedCode):
        parse_code("493817".rjust(41), digits=6)


@given(st.one_of(st.text(max_size=60), st.none(), st.integers(), st.binary(), st.lists(st.text())))
def test_anything_is_a_code_or_malformed(typed: object) -> None:
    try:
        code = parse_code(typed, digits=6)
    except MalformedCode:
        return

    assert isinstance(typed, str)
    assert len(code) == 6
    assert set(code) <= set("0123456789")
    assert list(code) == [character for character in typed if character in "0123456789"]


def test_a_refusal_does_not_repeat_what_was_typed() -> None:
    with pytest.raises(MalformedCode) as refused:
        parse_code("4938175", digits=6)

    assert "493" not in str(refused.value)


# --- Answers -------------------------------------------------------------------------------------


def test_the_right_answer_in_time_is_accepted_and_uses_the_challenge_up() -> None:
    after, verdict = attempt(issued(), matches=True, now=NOW)

    assert verdict is Verdict.ACCEPTED
    assert after.state is ChallengeState.USED
    assert (after.attempts, after.version) == (0, 1)


def test_a_wrong_answer_spends_one_attempt() -> None:
    after, verdict = attempt(issued(), matches=False, now=NOW)

    assert verdict is Verdict.REJECTED
    assert after.state is ChallengeState.OPEN
    assert (after.attempts, after.attempts_left, after.version) == (1, 4, 1)


def test_the_last_wrong_answer_locks() -> None:
    challenge = issued()
    for _ in range(5):
        challenge, verdict = attempt(challenge, matches=False, now=NOW)
        assert verdict is Verdict.REJECTED

    assert challenge.state is ChallengeState.LOCKED
    assert challenge.attempts_left == 0
    assert attempt(challenge, matches=True, now=NOW) == (challenge, Verdict.LOCKED)


@pytest.mark.parametrize("state", FINAL)
@pytest.mark.parametrize("matches", [True, False])
@pytest.mark.parametrize("now", [NOW - timedelta(days=1), NOW, NOW + timedelta(days=1)])
def test_a_final_state_absorbs_every_answer(state: ChallengeState, matches: bool, now: datetime) -> None:
    challenge = replace(issued(), state=state)

    after, verdict = attempt(challenge, matches=matches, now=now)

    assert after is challenge
    assert verdict.value == state.value
    assert not challenge.is_open(now)


@pytest.mark.parametrize(
    ("at", "verdict"),
    [
        (-timedelta(hours=1), Verdict.EXPIRED),
        (-timedelta(microseconds=1), Verdict.EXPIRED),
        (timedelta(0), Verdict.ACCEPTED),
        (timedelta(minutes=10, microseconds=-1), Verdict.ACCEPTED),
        (timedelta(minutes=10), Verdict.EXPIRED),
        (timedelta(minutes=10, microseconds=1), Verdict.EXPIRED),
        (timedelta(hours=1), Verdict.EXPIRED),
    ],
    ids=str,
)
def test_a13_a_code_works_from_its_issue_to_just_before_its_deadline(at: timedelta, verdict: Verdict) -> None:
    challenge = issued()

    after, told = attempt(challenge, matches=True, now=NOW + at)

    assert told is verdict
    assert (after is challenge) == (at < timedelta(0))
    assert challenge.is_open(NOW + at) == (verdict is Verdict.ACCEPTED)


def test_a13_who_comes_too_late_spends_no_attempt_and_closes_it_for_a_clock_set_back() -> None:
    after, _ = attempt(issued(), matches=False, now=NOW + POLICY.lifetime)

    assert (after.attempts, after.state, after.version) == (0, ChallengeState.EXPIRED, 1)
    assert attempt(after, matches=True, now=NOW) == (after, Verdict.EXPIRED)


def test_only_what_is_open_and_over_expires() -> None:
    over = NOW + POLICY.lifetime

    assert expired(issued(), now=over).state is ChallengeState.EXPIRED
    for challenge, now in [(issued(), over - SECOND), *((replace(issued(), state=s), over) for s in FINAL)]:
        assert expired(challenge, now=now) is challenge


def test_a_budget_that_is_overdrawn_has_nothing_left_and_locks() -> None:
    overdrawn = replace(issued(), attempts=7)

    after, verdict = attempt(overdrawn, matches=False, now=NOW)

    assert (after.state, verdict) == (ChallengeState.LOCKED, Verdict.REJECTED)
    assert overdrawn.attempts_left == after.attempts_left == 0


# --- Messages ------------------------------------------------------------------------------------


def test_the_first_message_goes_out_at_once() -> None:
    assert wait_before_send(issued(), POLICY, now=NOW) == timedelta(0)


@pytest.mark.parametrize(("sends", "cooldown"), [(1, 30), (2, 60), (3, 120), (4, 120), (5, 120)])
def test_each_further_message_waits_for_its_cooldown_and_the_last_repeats(sends: int, cooldown: int) -> None:
    policy = CodePolicy(max_sends=10)
    challenge = replace(issued(), sends=sends, last_sent_at=NOW)

    assert wait_before_send(challenge, policy, now=NOW) == timedelta(seconds=cooldown)
    assert wait_before_send(challenge, policy, now=NOW + timedelta(seconds=cooldown) - SECOND) == SECOND
    assert wait_before_send(challenge, policy, now=NOW + timedelta(seconds=cooldown)) == timedelta(0)


def test_a_challenge_has_no_message_beyond_its_budget() -> None:
    challenge = replace(issued(), sends=3, last_sent_at=NOW)

    assert wait_before_send(challenge, POLICY, now=NOW + timedelta(days=1)) is None


def test_a_first_message_that_is_being_counted_is_not_sent_yet_and_holds_others_back() -> None:
    challenge = claimed(issued(), now=NOW)

    assert challenge == replace(issued(), last_sent_at=NOW, version=1)
    assert wait_before_send(challenge, POLICY, now=NOW) == timedelta(seconds=30)


def test_a_policy_that_has_become_stricter_holds_for_what_is_outstanding() -> None:
    challenge = replace(issued(), sends=3, last_sent_at=NOW)

    assert wait_before_send(challenge, CodePolicy(max_sends=2), now=NOW + timedelta(days=1)) is None


def test_another_code_never_takes_the_place_of_one_that_did_not_go_out() -> None:
    challenge = replace(issued(), sends=3, last_sent_at=NOW, is_undelivered=True)
    later = NOW + timedelta(minutes=5)

    assert wait_before_send(challenge, POLICY, now=later) == timedelta(0)
    assert wait_before_send(challenge, POLICY, now=later, rotate=True) is None


def test_a05_and_a14_a_message_refills_no_attempt_and_moves_no_deadline() -> None:
    tried, _ = attempt(issued(), matches=False, now=NOW)

    again = sent(tried, now=NOW + timedelta(minutes=9, seconds=50))

    assert (again.attempts, again.expires_at) == (1, NOW + POLICY.lifetime)
    assert attempt(again, matches=True, now=NOW + timedelta(minutes=10, seconds=1))[1] is Verdict.EXPIRED


def test_each_rotation_moves_to_a_code_that_was_not_there_before() -> None:
    challenge = issued()
    counters = [challenge.counter]
    for _ in range(3):
        challenge = sent(challenge, now=NOW, rotate=True)
        counters.append(challenge.counter)

    assert counters == [0, 1, 2, 3]


def test_a_message_that_did_not_go_out_keeps_its_place_until_it_does() -> None:
    first = sent(issued(), now=NOW)
    lost = undelivered(first)
    assert (lost.is_undelivered, lost.sends, lost.version) == (True, 1, first.version + 1)
    assert undelivered(lost) is lost

    later = NOW + timedelta(minutes=1)
    again = sent(lost, now=later)
    assert (again.is_undelivered, again.sends, again.last_sent_at) == (False, 1, later)
    assert sent(lost, now=later, rotate=True).sends == 2, "another code is another message"


def test_of_what_was_never_sent_or_is_closed_nothing_is_undelivered() -> None:
    assert not undelivered(issued()).is_undelivered
    for state in FINAL:
        done = replace(sent(issued(), now=NOW), state=state)
        assert undelivered(done) is done


@pytest.mark.parametrize("told", [DeliveryStatus.SENT, DeliveryStatus.DELIVERED])
def test_what_is_told_of_a_message_is_noted_once_and_shows_that_it_is_out(
    told: DeliveryStatus,
) -> None:
    lost = undelivered(sent(issued(), now=NOW))

    out = noted(lost, told)

    assert (out.delivery, out.is_undelivered, out.version) == (told, False, lost.version + 1)
    assert noted(out, told) is out


@pytest.mark.parametrize("is_undelivered", [False, True])
def test_a_message_that_failed_keeps_its_place_only_where_it_never_went_out(is_undelivered: bool) -> None:
    message = replace(sent(issued(), now=NOW), is_undelivered=is_undelivered)

    failed = noted(message, DeliveryStatus.FAILED)

    assert (failed.delivery, failed.is_undelivered) == (DeliveryStatus.FAILED, is_undelivered)


def test_of_what_was_never_sent_or_is_closed_nothing_is_noted() -> None:
    unsent = issued()
    assert noted(unsent, DeliveryStatus.DELIVERED) is unsent
    for state in FINAL:
        done = replace(sent(issued(), now=NOW), state=state)
        assert noted(done, DeliveryStatus.DELIVERED) is done


def test_the_last_message_may_be_tried_again_while_it_did_not_go_out() -> None:
    spent = replace(sent(issued(), now=NOW), sends=POLICY.max_sends)
    later = NOW + timedelta(minutes=5)

    assert wait_before_send(spent, POLICY, now=later) is None
    assert wait_before_send(undelivered(spent), POLICY, now=later) == timedelta(0)


def test_revoking_closes_what_is_open_and_leaves_the_rest() -> None:
    closed = revoked(issued())

    assert (closed.state, closed.version) == (ChallengeState.REVOKED, 1)
    for state in FINAL:
        done = replace(issued(), state=state)
        assert revoked(done) is done


def test_a_message_shows_neither_number_nor_text() -> None:
    message = Sms(to=PhoneNumber.parse(PHONE), text="493817 is your code", idempotency_key="k")

    assert "4938" not in repr(message)
    assert "4179" not in repr(message)


# --- Records -------------------------------------------------------------------------------------


def test_a_challenge_is_kept_under_its_id() -> None:
    assert issued().key == issued().id == "c1"


def test_a_record_has_had_its_time_when_no_answer_and_no_quota_asks_for_it() -> None:
    assert issued().over_at == NOW + POLICY.lifetime
    assert Tally(key="t", since=NOW, count=1, version=1).over_at == NOW + timedelta(days=1)


@pytest.mark.parametrize(
    "record",
    [
        issued(),
        Sms(to=PhoneNumber.parse(PHONE), text="493817 is your code", idempotency_key="k"),
        POLICY.failures,
        Tally(key="t", since=NOW, count=1, version=1),
        POLICY.guess_probability(),
    ],
    ids=lambda record: type(record).__name__,
)
def test_a_record_is_made_by_name_has_room_for_nothing_else_and_is_never_changed(record: Any) -> None:
    values = {field.name: getattr(record, field.name) for field in fields(record)}

    assert type(record)(**values) == record
    assert not hasattr(record, "__dict__")
    with pytest.raises(TypeError):
        type(record)(*values.values())
    for name, value in values.items():
        with pytest.raises(FrozenInstanceError):
            setattr(record, name, value)


# --- All of it at once ---------------------------------------------------------------------------


class ChallengeLife(RuleBasedStateMachine):
    """Any order of answers, messages and revocations, at any time: what holds whatever happens."""

    steps: Bundle[Challenge] = Bundle("steps")

    @initialize(target=steps, digits=st.integers(6, 8), max_attempts=st.integers(1, 7))
    def begin(self, digits: int, max_attempts: int) -> Challenge:
        self.policy = CodePolicy(digits=digits, max_attempts=max_attempts)
        self.first = self.last = issued(self.policy)
        self.acceptances = 0
        self.evaluated = 0
        return self.first

    def _take(self, after: Challenge) -> Challenge:
        before, self.last = self.last, after
        assert after.version == before.version + (after is not before)
        assert after.attempts >= before.attempts
        assert after.sends >= before.sends
        assert before.state is ChallengeState.OPEN or after.state is before.state
        return after

    @rule(
        target=steps,
        before=consumes(steps),
        matches=st.booleans(),
        late=st.timedeltas(-SECOND, timedelta(minutes=11)),
    )
    def answer(self, before: Challenge, matches: bool, late: timedelta) -> Challenge:
        after, verdict = attempt(before, matches=matches, now=NOW + late)
        self.acceptances += verdict is Verdict.ACCEPTED
        self.evaluated += verdict in (Verdict.ACCEPTED, Verdict.REJECTED)
        assert after is not before or verdict not in (Verdict.ACCEPTED, Verdict.REJECTED)
        if verdict is Verdict.ACCEPTED:
            assert matches
            assert timedelta(0) <= late < self.policy.lifetime
        return self._take(after)

    @rule(
        target=steps,
        before=consumes(steps),
        late=st.timedeltas(timedelta(0), timedelta(minutes=11)),
        rotate=st.booleans(),
    )
    def send(self, before: Challenge, late: timedelta, rotate: bool) -> Challenge:
        if wait_before_send(before, self.policy, now=NOW + late, rotate=rotate) != timedelta(0):
            return self._take(before)
        return self._take(sent(before, now=NOW + late, rotate=rotate))

    @rule(target=steps, before=consumes(steps))
    def lose_the_message(self, before: Challenge) -> Challenge:
        return self._take(undelivered(before))

    @rule(target=steps, before=consumes(steps))
    def revoke(self, before: Challenge) -> Challenge:
        return self._take(revoked(before))

    @invariant()
    def at_most_one_answer_is_accepted(self) -> None:
        assert self.acceptances <= 1
        assert (self.acceptances == 1) == (self.last.state is ChallengeState.USED)

    @invariant()
    def the_budgets_hold(self) -> None:
        assert self.evaluated <= self.policy.max_attempts
        assert self.last.sends <= self.policy.max_sends
        assert (self.last.attempts >= self.policy.max_attempts) == (self.last.state is ChallengeState.LOCKED)

    @invariant()
    def the_deadline_and_the_names_never_move(self) -> None:
        names = (
            "id",
            "organisation",
            "purpose",
            "subject",
            "address",
            "key_id",
            "digits",
            "issued_at",
            "expires_at",
        )
        assert all(getattr(self.last, name) == getattr(self.first, name) for name in names)


TestChallengeLife = ChallengeLife.TestCase

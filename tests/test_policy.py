"""Policies say what they guarantee, and what they guarantee is what the rules do."""

import random
from datetime import UTC, datetime, timedelta

import pytest

from hugathome.codes import ChallengeState, Verdict, attempt, issue
from hugathome.phone import PhoneNumber
from hugathome.policy import EU_2018_389, NIST_800_63B, OWASP_ASVS_5, CodePolicy
from hugathome.quotas import Quota

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)


def test_the_defaults_are_let_in_by_a_guess_five_times_in_a_million() -> None:
    guessed = CodePolicy().guess_probability()

    assert guessed.per_challenge == pytest.approx(5e-6)
    assert guessed.per_subject_and_day == pytest.approx(30e-6)


def test_attempts_that_cannot_fill_a_day_are_what_bounds_it() -> None:
    assert CodePolicy(max_attempts=1).guess_probability().per_subject_and_day == pytest.approx(10e-6)


def test_failures_and_first_answers_of_a_day_add_up_to_its_guesses() -> None:
    policy = CodePolicy(failures_per_day=7, sends_per_day=3)

    assert policy.guess_probability().per_subject_and_day == pytest.approx(10e-6)


def test_no_policy_is_more_certain_than_certainty() -> None:
    lavish = CodePolicy(failures_per_day=10**6, sends_per_day=10**6, max_attempts=100)

    assert lavish.guess_probability().per_subject_and_day == 1.0


def test_a_policy_says_how_often_in_which_span() -> None:
    policy = CodePolicy(
        failures_per_day=6, sends_per_hour=2, sends_per_day=3, sends_per_prefix=4, sends_per_organisation=5
    )
    hour, day = timedelta(hours=1), timedelta(days=1)

    assert policy.failures == Quota(name="failures", at_most=6, within=day)
    assert policy.sends_to_address == (
        Quota(name="sends-hour", at_most=2, within=hour),
        Quota(name="sends-day", at_most=3, within=day),
    )
    assert policy.sends_to_prefix == Quota(name="prefix-day", at_most=4, within=day)
    assert policy.sends_of_organisation == Quota(name="organisation-day", at_most=5, within=day)
    assert CodePolicy().sends_of_organisation is None


def test_presets_keep_what_their_source_asks_for() -> None:
    assert 10**NIST_800_63B.digits >= 2**20 > 10 ** (NIST_800_63B.digits - 1)
    assert NIST_800_63B.lifetime <= timedelta(minutes=10)
    assert NIST_800_63B.max_attempts == EU_2018_389.max_attempts == 5
    assert EU_2018_389.lifetime == timedelta(minutes=5)
    assert (OWASP_ASVS_5.digits, OWASP_ASVS_5.lifetime) == (6, timedelta(minutes=10))


@pytest.mark.parametrize("max_attempts", [1, 5, 20])
def test_a_guesser_gets_in_as_often_as_the_policy_says(max_attempts: int) -> None:
    """Guess in a space of 200 codes, where chance shows: the bound scales with the space."""
    rng, space, visits = random.Random(7), 200, 4_000
    policy = CodePolicy(max_attempts=max_attempts)
    expected = policy.guess_probability().per_challenge * 10**policy.digits / space

    let_in = sum(_is_let_in(policy, rng, space) for _ in range(visits)) / visits

    spread = 4 * (expected * (1 - expected) / visits) ** 0.5
    assert let_in == pytest.approx(expected, abs=spread)


def _is_let_in(policy: CodePolicy, rng: random.Random, space: int) -> bool:
    """Guess, without repeating oneself, for as long as the challenge judges."""
    challenge = issue(
        policy,
        challenge_id="c",
        organisation="hug",
        purpose="check-in",
        subject="s",
        address="sealed",
        key_id="0" * 12,
        now=NOW,
    )
    code = rng.randrange(space)
    for guess in rng.sample(range(space), space):
        challenge, verdict = attempt(challenge, matches=guess == code, now=NOW)
        if verdict is Verdict.ACCEPTED:
            return True
        if challenge.state is ChallengeState.LOCKED:
            return False
    raise AssertionError("nothing locked the challenge")


@pytest.mark.parametrize(
    ("regions", "number", "expected"),
    [
        (None, "+33612345678", True),
        (None, "+8816312345678"[:13], False),
        (frozenset({"CH", "FR"}), "+33612345678", True),
        (frozenset({"CH"}), "+33612345678", False),
        (frozenset({"001"}), "+8816312345678"[:13], True),
    ],
)
def test_a_policy_says_where_messages_may_go(
    regions: frozenset[str] | None, number: str, expected: bool
) -> None:
    assert CodePolicy(regions=regions).allows(PhoneNumber.parse(number)) is expected

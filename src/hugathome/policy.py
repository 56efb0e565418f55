"""Policies: how long a code is and lives, how often it may be tried and sent, and what that guarantees.

A policy is a value: a host reads it, shows it, and compares it with what its own rules ask for. The
presets are named after their source. This module judges nothing; `codes.py` and `quotas.py` do.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from annotated_types import Ge, Le
from pydantic import Field, StringConstraints, model_validator

from hugathome._model import Record
from hugathome.phone import PhoneNumber
from hugathome.quotas import DAY, HOUR, Quota

_Region = Annotated[str, StringConstraints(pattern=r"^([A-Z]{2}|001)$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class GuessProbability:
    """The chance that somebody who only guesses is let in, at most."""

    per_challenge: float
    per_subject_and_day: float
    """Whatever is issued and sent to one address in one organisation, in a span of a day."""


class CodePolicy(Record):
    """How long a code is and lives, and how often it may be tried and sent.

    The defaults follow NIST SP 800-63B (ten minutes, once only) and (EU) 2018/389, article 4 (at most
    five failures). A day and an hour begin with the first thing that counts in them.
    """

    digits: Annotated[int, Ge(6), Le(8)] = 6
    """Length of a code."""
    lifetime: Annotated[timedelta, Ge(timedelta(seconds=30)), Le(timedelta(minutes=10))] = timedelta(
        minutes=10
    )
    """From the moment of issue; sending the code again does not move it."""
    max_attempts: Annotated[int, Ge(1), Le(100)] = 5
    """Wrong answers that one challenge survives; the last of them locks it."""
    max_sends: Annotated[int, Ge(1), Le(10)] = 3
    """Messages for one challenge."""
    cooldowns: Annotated[tuple[timedelta, ...], Field(min_length=1)] = (
        timedelta(seconds=30),
        timedelta(seconds=60),
        timedelta(seconds=120),
    )
    """Waits before the second, third, … message; the last repeats."""
    failures_per_day: Annotated[int, Ge(1)] = 20
    """Wrong answers for one address, whatever the challenge."""
    sends_per_hour: Annotated[int, Ge(1)] = 5
    """Codes sent to one address in an hour."""
    sends_per_day: Annotated[int, Ge(1)] = 10
    """Codes sent to one address in a day."""
    sends_per_prefix: Annotated[int, Ge(1)] = 50
    """Codes sent in a day to numbers that differ in their last four digits only: such blocks are rented."""
    sends_per_organisation: Annotated[int, Ge(1)] | None = None
    """Codes that an organisation sends in a day; None sets it no budget."""
    regions: frozenset[_Region] | None = None
    """Where numbers may be from, as ISO 3166; `001` is no country's. None: any country's, never `001`."""

    @model_validator(mode="after")
    def _waits_are_not_negative(self) -> "CodePolicy":
        if any(wait < timedelta(0) for wait in self.cooldowns):
            raise ValueError("cooldowns are not negative")
        return self

    def allows(self, phone: PhoneNumber) -> bool:
        """Whether messages may go to where `phone` is from."""
        if self.regions is None:
            return phone.is_geographic
        return phone.region in self.regions

    @property
    def failures(self) -> Quota:
        """The quota that each wrong answer counts towards."""
        return Quota(name="failures", at_most=self.failures_per_day, within=DAY)

    @property
    def sends_to_address(self) -> tuple[Quota, ...]:
        """The quotas that each message counts towards, of its address."""
        return (
            Quota(name="sends-hour", at_most=self.sends_per_hour, within=HOUR),
            Quota(name="sends-day", at_most=self.sends_per_day, within=DAY),
        )

    @property
    def sends_to_prefix(self) -> Quota:
        """The quota that each message counts towards, of its number less the last four digits."""
        return Quota(name="prefix-day", at_most=self.sends_per_prefix, within=DAY)

    @property
    def sends_of_organisation(self) -> Quota | None:
        """The quota that each message counts towards, of its organisation."""
        if self.sends_per_organisation is None:
            return None
        return Quota(name="organisation-day", at_most=self.sends_per_organisation, within=DAY)

    def guess_probability(self) -> GuessProbability:
        """Return what this policy guarantees against guessing, as upper bounds.

        A challenge takes `max_attempts` different guesses. In a day an address gets `sends_per_day`
        challenges; each takes one answer before the day's failures are looked at.
        """
        codes = 10**self.digits
        in_a_day = min(self.failures_per_day + self.sends_per_day, self.sends_per_day * self.max_attempts)
        return GuessProbability(
            per_challenge=self.max_attempts / codes, per_subject_and_day=min(1.0, in_a_day / codes)
        )


NIST_800_63B: Final = CodePolicy(digits=7, max_attempts=5)
"""NIST SP 800-63B, out-of-band and look-up secrets: at least 20 bits, which six digits miss by a little;
ten minutes, once only. Its 100 consecutive failures are far above the five here."""

EU_2018_389: Final = CodePolicy(lifetime=timedelta(minutes=5), max_attempts=5)
"""(EU) 2018/389, article 4: no more than five failures in a row; its five minutes of inactivity are taken
as the life of a code."""

OWASP_ASVS_5: Final = CodePolicy()
"""OWASP ASVS 5, out-of-band authentication: six random digits, ten minutes at most, once only."""

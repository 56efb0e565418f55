"""The attacks find what they are for: a service of a host's own withstands, and with one flaw it does not."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime
from secrets import randbelow, token_urlsafe
from typing import Any

import pytest

from hugathome import CodePolicy, OneTimeCodes, PhoneNumber
from hugathome.clock import Clock
from hugathome.codes import Challenge, Sms, SmsGateway
from hugathome.errors import (
    CodeAlreadyUsed,
    CodeExpired,
    CodeRejected,
    InvalidInput,
    MalformedCode,
    SendTooSoon,
    TooManyAttempts,
)
from hugathome.quotas import Tally
from hugathome.stores.memory import MemoryCodes
from hugathome.testing import ConformanceFailure, attack_codes
from hugathome.testing.attacks import ATTACKS

ONE_CHALLENGE = [
    *("A01", "A03", "A04", "A05", "A06", "A08", "A11", "A12", "A13", "A14", "A15", "A19", "A20", "A21"),
    *("A22", "A23", "A25", "A30", "A31", "A41", "A42"),
]
"""What a service without any quota over challenges can withstand."""


@dataclass
class Row:
    phone: PhoneNumber
    code: str
    expires_at: datetime
    begins_at: datetime
    sent_at: datetime
    failures: int = 0
    is_used: bool = False
    is_over: bool = False


@dataclass
class OwnCodes:
    """Random codes in a dictionary, as a host might have had them; `flaw` names what it does wrong."""

    rows: dict[str, Row]
    flaw: str
    sms: SmsGateway
    clock: Clock
    policy: CodePolicy

    async def send(self, phone: str, *, subject: str, purpose: str) -> str:
        now, challenge_id = self.clock.now(), token_urlsafe(16)
        if self.flaw == "ids are counted":
            challenge_id = str(len(self.rows))
        row = Row(PhoneNumber.parse(phone), f"{randbelow(10**6):06}", now + self.policy.lifetime, now, now)
        self.rows[challenge_id] = row
        await self._deliver(row)
        return challenge_id

    async def resend(self, challenge_id: str) -> None:
        row = self._row(challenge_id)
        if self.flaw == "cool-downs are read and written apart":
            too_soon = self._is_too_soon(row)
            await asyncio.sleep(0)
        else:
            too_soon = self._is_too_soon(row)
        if too_soon:
            raise SendTooSoon(retry_after=self.policy.cooldowns[0])
        row.sent_at = self.clock.now()
        if self.flaw == "a resend refills":
            row.failures = 0
        if self.flaw == "a resend prolongs":
            row.expires_at = self.clock.now() + self.policy.lifetime
        await self._deliver(row)

    async def verify(self, challenge_id: str, typed: Any) -> object:
        row = self._row(challenge_id)
        if row.failures >= self.policy.max_attempts:
            raise TooManyAttempts("locked")
        if row.is_used and self.flaw != "a code works again":
            raise CodeAlreadyUsed("used")
        answer = self._parsed(typed)
        if self.flaw == "counters are read and written apart":
            failures = row.failures
            await asyncio.sleep(0)
            row.failures = failures
        if answer != row.code:
            row.failures += 1
            raise CodeRejected(attempts_left=self.policy.max_attempts - row.failures)
        if self.flaw == "uses are read and written apart":
            await asyncio.sleep(0)
        row.is_used = True
        return typed if self.flaw == "a reply holds the code" else row.phone.region

    def _row(self, challenge_id: str) -> Row:
        row, now = self.rows.get(challenge_id), self.clock.now()
        if row is None:
            raise CodeExpired("none")
        row.is_over |= now >= row.expires_at and self.flaw != "what is over may come back"
        if (row.is_over or not row.begins_at <= now < row.expires_at) and self.flaw != "codes live for ever":
            raise CodeExpired("over")
        return row

    def _is_too_soon(self, row: Row) -> bool:
        return self.clock.now() < row.sent_at + self.policy.cooldowns[0]

    def _parsed(self, typed: Any) -> str:
        if self.flaw == "other digits are read":
            return str(int(re.sub(r"[\s-]", "", typed))) if isinstance(typed, str) else ""
        if self.flaw == "lists are read" and isinstance(typed, list):
            return next((one for one in typed if isinstance(one, str)), "")
        if self.flaw == "short answers are guesses" and isinstance(typed, str):
            return typed
        if isinstance(typed, str) and len(typed) > 40:
            raise MalformedCode("no code")
        code = re.sub("[ \t\r\n\u00a0\u2007\u2009\u202f-]", "", typed) if isinstance(typed, str) else ""
        if not re.fullmatch("[0-9]{6}", code):
            raise MalformedCode("no code")
        return code

    async def _deliver(self, row: Row) -> None:
        await self.sms.send(Sms(to=row.phone, text=f"Code {row.code}", idempotency_key=token_urlsafe()))


@dataclass
class OwnHost:
    """Opens the service as the attacks ask for it, each time on the same rows."""

    flaw: str = ""
    rows: dict[str, Row] = field(default_factory=dict)

    def __call__(self, *, sms: SmsGateway, clock: Clock, policy: CodePolicy, **_others: Any) -> OwnCodes:
        return OwnCodes(self.rows, self.flaw, sms, clock, policy)


async def test_a_service_of_a_hosts_own_withstands() -> None:
    made = await attack_codes(codes=OwnHost(), only=ONE_CHALLENGE, runs=1)

    assert {name[:3].upper() for name in made} == set(ONE_CHALLENGE)


@pytest.mark.parametrize(
    ("flaw", "attack"),
    [
        ("counters are read and written apart", "A01"),
        ("uses are read and written apart", "A03"),
        ("uses are read and written apart", "A04"),
        ("a resend refills", "A05"),
        ("cool-downs are read and written apart", "A06"),
        ("a code works again", "A11"),
        ("a code works again", "A12"),
        ("codes live for ever", "A13"),
        ("what is over may come back", "A13"),
        ("a resend prolongs", "A14"),
        ("short answers are guesses", "A20"),
        ("other digits are read", "A21"),
        ("a reply holds the code", "A25"),
        ("lists are read", "A41"),
        ("ids are counted", "A42"),
    ],
)
async def test_a_flaw_is_found_and_named(flaw: str, attack: str) -> None:
    with pytest.raises(ConformanceFailure, match=f"^{attack}: ") as failure:
        await attack_codes(codes=OwnHost(flaw), only=[attack], runs=5)

    assert failure.value.rule.startswith(attack)


class Forgetful(MemoryCodes):
    """Saves over whatever is there, as a store without compare-and-swap does."""

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        self._records.pop((type(record), record.key), None)
        return await super().save(record, expected=0)


@pytest.mark.parametrize("attack", ["A01", "A03", "A06", "A18"])
async def test_a_store_without_compare_and_swap_is_found(attack: str) -> None:
    store = Forgetful()

    with pytest.raises(ConformanceFailure, match=f"^{attack}: "):
        await attack_codes(lambda: store, only=[attack], runs=5)


@pytest.mark.parametrize(
    ("policy", "attack"),
    [
        ({"failures_per_day": 1000}, "A07"),
        ({"failures_per_day": 1000}, "A09"),
        ({"sends_per_hour": 1000, "sends_per_day": 1000}, "A32"),
        ({"sends_per_prefix": 1000}, "A35"),
        ({"regions": None}, "A34"),
    ],
)
async def test_a_service_that_takes_no_notice_of_a_policy_is_found(
    policy: dict[str, Any], attack: str
) -> None:
    def open_codes(**around: Any) -> OneTimeCodes:
        return OneTimeCodes(**{**around, "policy": around["policy"].model_copy(update=policy)})

    with pytest.raises(ConformanceFailure, match=f"^{attack}: "):
        await attack_codes(codes=open_codes, only=[attack])


async def test_what_raises_anything_else_has_not_withstood() -> None:
    class Exploding(OwnCodes):
        async def verify(self, challenge_id: str, typed: Any) -> object:
            raise KeyError(challenge_id)

    def open_codes(*, sms: SmsGateway, clock: Clock, policy: CodePolicy, **_others: Any) -> Exploding:
        return Exploding({}, "", sms, clock, policy)

    with pytest.raises(ConformanceFailure, match=r"^A08: .*raised KeyError"):
        await attack_codes(codes=open_codes, only=["A08"])


async def test_without_a_store_the_attacks_on_it_are_left_out() -> None:
    made = await attack_codes(only=["A17", "A19"])

    assert [name[:3] for name in made] == ["a19"]


async def test_a_number_that_no_attack_has_is_refused() -> None:
    with pytest.raises(InvalidInput, match="A99"):
        await attack_codes(only=["A99"])


def test_every_attack_says_what_it_does() -> None:
    assert all(attack.__doc__ for attack in ATTACKS.values())
    assert list(ATTACKS) == sorted(ATTACKS)

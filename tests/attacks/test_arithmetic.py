"""What can be worked out about codes without guessing one: from the store, from randomness, from time."""

import ast
import math
import random
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes
from time import perf_counter_ns

import pytest

import hugathome
from hugathome import OneTimeCodes, PhoneNumber
from hugathome._drive import drive
from hugathome.codes import Challenge, code_for, issue
from hugathome.keys import KeyRing
from hugathome.policy import CodePolicy
from hugathome.sms import OutboxSms
from hugathome.stores.memory import MemoryCodes
from hugathome.testing import FakeClock
from hugathome.verifier import Verifier

SOURCE = Path(hugathome.__file__).parent
PHONE = "+41791234567"
KEYS = KeyRing(b"a secret of thirty-two bytes, no")


def challenge(number: int) -> Challenge:
    return issue(
        CodePolicy(),
        challenge_id=f"{number:022}",
        organisation="hug",
        purpose="check-in",
        subject="s1/p-1",
        address="sealed",
        key_id=KEYS.current.id,
        now=datetime(2026, 11, 22, 9, tzinfo=UTC),
    )


def test_a27_codes_are_uniform_to_who_has_the_store_and_not_the_key() -> None:
    samples, bins = 40_000, [0] * 100
    for number in range(samples):  # the same in every run: chance raises no false alarm
        bins[int(code_for(challenge(number), key=KEYS.current, address=PHONE)) // 10_000] += 1

    expected = samples / len(bins)
    assert sum((seen - expected) ** 2 / expected for seen in bins) < 160


async def sent_with_the_clock_stopped() -> tuple[str, str]:
    random.seed(7)
    sms = OutboxSms()
    codes = OneTimeCodes(
        key=bytes(range(32)),
        store=MemoryCodes(),
        sms=sms,
        site="https://www.example.ch",
        brand="HUG@home",
        clock=FakeClock(),
    )
    return await codes.send(PHONE, subject="u-1", purpose="log-in"), sms.outbox[-1].text


async def test_a28_neither_seeds_nor_a_stopped_clock_repeat_an_id_or_a_code(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(random, "random", lambda: 0.5)
    monkeypatch.setattr(random, "getrandbits", lambda bits: 0)

    sent = [await sent_with_the_clock_stopped() for _ in range(20)]

    ids, texts = zip(*sent, strict=True)
    assert len(set(ids)) == 20
    assert len(set(texts)) > 15
    assert all(len(challenge_id) == 22 for challenge_id in ids)  # 128 bits, six to a letter


def imports_of(module: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_a28_no_module_that_a_code_or_an_id_passes_through_imports_random() -> None:
    modules = {path.relative_to(SOURCE) for path in SOURCE.rglob("*.py") if "random" in imports_of(path)}
    simulated = {module for module in modules if module.is_relative_to("testing/simulation")}

    assert simulated, "it draws what goes wrong from a seed"
    assert modules - simulated == {Path("peer", "_attendance.py")}  # spreads the attempts to connect anew


def t_of_one_round(pairs: int) -> float:
    """Return Welch's t of judging a code whose first digit is right against one that has none right.

    Both are timed in turn, in an order that is drawn; what took longest on either side was interrupted.
    """
    verifier = Verifier(store=MemoryCodes(), keys=KEYS, clock=FakeClock(), randomness=token_bytes)
    phone, policy = PhoneNumber.parse(PHONE), CodePolicy()
    opened = drive(verifier.issue(policy, organisation="hug", purpose="x", subject="u", phone=phone))
    right = verifier.message(opened).code
    none = "".join(str((int(digit) + 1) % 10) for digit in right)
    took: dict[str, list[int]] = {right[0] + none[1:]: [], none: []}
    first, second = took
    for _ in range(pairs):
        for typed in (first, second) if random.random() < 0.5 else (second, first):
            began = perf_counter_ns()
            verifier._judge(opened, typed)
            took[typed].append(perf_counter_ns() - began)
    one, other = (sorted(times)[: int(pairs * 0.8)] for times in took.values())
    spread = statistics.variance(one) / len(one) + statistics.variance(other) / len(other)
    return (statistics.fmean(one) - statistics.fmean(other)) / math.sqrt(spread)


def test_a29_a_code_that_begins_right_takes_as_long_as_one_that_does_not() -> None:
    """A leak shows in every round; chance passes 4.5 in one of 150,000, and three in a row never."""
    rounds = (abs(t_of_one_round(50_000)) for _ in range(3))

    assert any(t < 4.5 for t in rounds)

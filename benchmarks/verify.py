"""What a verify costs: through the library in memory, against `hmac` and pyotp alone.

The floor derives the secret, computes the code and compares it, as any verifier must; the library also
loads and saves the challenge under its version, opens the sealed number and judges the answer.

    python benchmarks/verify.py
"""

import base64
import hashlib
import hmac
import json
import statistics
from collections.abc import Callable
from secrets import token_bytes
from time import perf_counter

import pyotp

from hugathome import CodePolicy, PhoneNumber, SystemClock
from hugathome._drive import drive
from hugathome.keys import KeyRing
from hugathome.stores.memory import MemoryCodes
from hugathome.verifier import Verifier

ROUNDS = 7
VERIFIES = 400
NUMBER = "+41791234567"


def floor(key: bytes) -> Callable[[], None]:
    """Return one verify with nothing around it."""

    def verify() -> None:
        secret = hmac.digest(key, b"organisation purpose id subject number digits", hashlib.sha256)
        code = pyotp.HOTP(base64.b32encode(secret).decode(), digits=6, digest=hashlib.sha256).at(0)
        hmac.compare_digest(code.encode(), b"000000")

    return verify


def library() -> Callable[[], None]:
    """Return one verify of a right code through the library, each on a challenge of its own."""
    verifier = Verifier(
        store=MemoryCodes(), keys=KeyRing(token_bytes(32)), clock=SystemClock(), randomness=token_bytes
    )
    policy, phone = CodePolicy(), PhoneNumber.parse(NUMBER)

    def prepared(subject: int) -> tuple[str, str]:
        challenge = drive(
            verifier.issue(policy, organisation="hug", purpose="bench", subject=str(subject), phone=phone)
        )
        return challenge.id, verifier.message(challenge).code

    outstanding = iter([prepared(subject) for subject in range(VERIFIES)])

    def verify() -> None:
        challenge_id, code = next(outstanding)
        drive(verifier.verify(challenge_id, code, policy=policy))

    return verify


def microseconds(verify: Callable[[], None]) -> float:
    """Return what one call takes."""
    began = perf_counter()
    for _ in range(VERIFIES):
        verify()
    return (perf_counter() - began) / VERIFIES * 1e6


def measure(*, rounds: int = ROUNDS) -> dict[str, float]:
    """Return the medians of several rounds, taken in turn, and their ratio."""
    pairs = [(microseconds(floor(token_bytes(32))), microseconds(library())) for _ in range(rounds)]
    return {
        "floor_us": statistics.median(bare for bare, _ in pairs),
        "library_us": statistics.median(ours for _, ours in pairs),
        "ratio": statistics.median(ours / bare for bare, ours in pairs),
    }


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))

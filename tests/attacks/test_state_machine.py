"""Any order of messages, answers and revocations, at any time, over stores that work and one that does not.

What holds whatever happens: at most one answer is ever accepted, and only if it was right, in time and the
challenge open; no more wrong ones are looked at than the policy allows, whatever is sent again; what is
closed stays closed, also when the clock is set back; nothing counts down or moves the deadline, and each
step that is saved is one version.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hugathome._drive import drive
from hugathome.codes import Challenge, ChallengeState, ChallengeStore, code_for
from hugathome.errors import CodeExpired, CodeRejected, HugathomeError, MalformedCode, StoreUnavailable
from hugathome.keys import KeyRing
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.stores.memory import MemoryCodes
from hugathome.stores.sqlite import SqliteCodes
from hugathome.testing.attacks._faults import Fault, Hostile
from hugathome.verifier import Verifier

KEYS = KeyRing(b"a secret of thirty-two bytes, no")
PHONE = PhoneNumber.parse("+41791234567")
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MALFORMED = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.lists(st.text(max_size=6)))
FIXED = ("id", "organisation", "purpose", "subject", "address", "key_id", "digits", "issued_at", "expires_at")


@dataclass
class MovableClock:
    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a verifier waits for nothing")


class CodesOverAStore(RuleBasedStateMachine):
    """What an attacker, a patient and staff may do; `kept` is read past whatever the store does wrong."""

    def kept_store(self) -> ChallengeStore:
        return MemoryCodes()

    def faulty(self, store: ChallengeStore) -> ChallengeStore:
        return store

    @initialize(digits=st.integers(6, 8), max_attempts=st.integers(1, 6), max_sends=st.integers(1, 4))
    def begin(self, digits: int, max_attempts: int, max_sends: int) -> None:
        self.policy = CodePolicy(digits=digits, max_attempts=max_attempts, max_sends=max_sends)
        self.clock = MovableClock()
        self.store = self.kept_store()
        self.seen = self.faulty(self.store)
        self.verifier = Verifier(store=self.seen, keys=KEYS, clock=self.clock, randomness=token_bytes)
        opened = drive(
            self.verifier.issue(
                self.policy, organisation="hug", purpose="check-in", subject="s1/p-1", phone=PHONE
            )
        )
        drive(self.verifier.reserve(opened, self.policy))
        self.first = self.last = self._kept(opened.id)
        self.accepted = self.rejected = 0
        self.has_closed = False

    def kept(self) -> Challenge:
        return self._kept(self.first.id)

    def _kept(self, challenge_id: str) -> Challenge:
        kept = drive(self.store.load(Challenge, challenge_id))
        assert kept is not None
        return kept

    def code(self) -> str:
        return code_for(self.kept(), key=KEYS.current, address=str(PHONE))

    # --- What may be done ------------------------------------------------------------------------

    @rule(span=st.timedeltas(-12 * MINUTE, 12 * MINUTE))
    def time_passes_or_the_clock_is_set(self, span: timedelta) -> None:
        self.clock.at += span

    @rule(spaced=st.booleans())
    def the_right_code_is_given(self, spaced: bool) -> None:
        code = self.code()
        self._answer(f" {code[:3]} {code[3:]}\n" if spaced else code, is_right=True)

    @rule(offset=st.integers(1, 10**6 - 1))
    def a_wrong_code_is_given(self, offset: int) -> None:
        digits = self.policy.digits
        self._answer(f"{(int(self.code()) + offset) % 10**digits:0{digits}}", is_right=False)

    def _answer(self, typed: str, *, is_right: bool) -> None:
        before = self.kept()
        try:
            used = drive(self.verifier.verify(self.first.id, typed, policy=self.policy))
        except CodeRejected:
            self.rejected += 1
            assert not is_right
            assert before.is_open(self.clock.at)
        except CodeExpired:
            assert self.clock.at < before.issued_at or self.kept().state is not ChallengeState.OPEN
        except HugathomeError:
            pass
        else:
            self.accepted += 1
            assert is_right
            assert before.is_open(self.clock.at)
            assert not self.has_closed
            assert self.kept() == used

    @rule(typed=MALFORMED)
    def what_is_no_code_is_given(self, typed: object) -> None:
        before = self.kept()
        try:
            drive(self.verifier.verify(self.first.id, typed, policy=self.policy))
        except (MalformedCode, StoreUnavailable):
            assert self.kept() == before
        else:
            raise AssertionError("what is no code was accepted")

    @rule(rotate=st.booleans())
    def the_code_is_sent_again(self, rotate: bool) -> None:
        before = self.kept()
        try:
            message = drive(self.verifier.reserve(before, self.policy, rotate=rotate))
        except HugathomeError:
            return
        assert before.is_open(self.clock.at)
        assert message.code == self.code()

    @rule()
    def staff_close_it(self) -> None:
        try:
            drive(self.verifier.revoke(self.first.id))
        except StoreUnavailable:
            return
        assert self.kept().state is not ChallengeState.OPEN

    # --- What holds ------------------------------------------------------------------------------

    @invariant()
    def at_most_one_answer_is_accepted(self) -> None:
        assert self.accepted <= 1
        assert not self.accepted or self.kept().state is ChallengeState.USED

    @invariant()
    def the_budgets_hold(self) -> None:
        assert self.rejected <= self.kept().attempts <= self.policy.max_attempts
        assert self.kept().sends <= self.policy.max_sends

    @invariant()
    def every_step_is_one_version_and_leads_on(self) -> None:
        before, self.last = self.last, self.kept()
        assert (self.last == before) == (self.last.version == before.version)
        assert before.version <= self.last.version <= before.version + 1
        for counter in ("attempts", "sends", "counter"):
            assert getattr(self.last, counter) >= getattr(before, counter)
        if before.state is not ChallengeState.OPEN:
            assert self.last == before
        self.has_closed = self.last.state is not ChallengeState.OPEN

    @invariant()
    def the_deadline_and_the_names_never_move(self) -> None:
        assert all(getattr(self.last, name) == getattr(self.first, name) for name in FIXED)


class CodesOnSqlite(CodesOverAStore):
    """Over a file."""

    def kept_store(self) -> ChallengeStore:
        self.folder = tempfile.TemporaryDirectory()
        return SqliteCodes(str(Path(self.folder.name) / "codes.db"), is_blocking=True)

    def teardown(self) -> None:
        if hasattr(self, "store"):
            close: Callable[[], object] = self.store.aclose  # type: ignore[attr-defined]  # SqliteCodes has it
            drive(close())  # type: ignore[arg-type]
            self.folder.cleanup()


class CodesOnAHostileStore(CodesOverAStore):
    """Over a store that reads old rows, loses saves and breaks off before and after a write."""

    def faulty(self, store: ChallengeStore) -> ChallengeStore:
        self.hostile = Hostile(store)
        return self.hostile

    @rule(fault=st.one_of(st.none(), st.sampled_from(Fault)))
    def the_store_turns(self, fault: Fault | None) -> None:
        self.hostile.fault = fault


TestCodesInMemory = CodesOverAStore.TestCase
TestCodesOnSqlite = CodesOnSqlite.TestCase
TestCodesOnAHostileStore = CodesOnAHostileStore.TestCase

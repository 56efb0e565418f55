"""The ground that one attack is made on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from inspect import iscoroutinefunction
from itertools import count
from secrets import randbelow, token_bytes
from typing import Any, NoReturn, final

from hugathome._drive import blocking_variant
from hugathome.codes import ChallengeStore
from hugathome.policy import CodePolicy
from hugathome.sms import OutboxSms
from hugathome.testing.attacks._crowd import Crowd, OpenStore, Raid
from hugathome.testing.attacks._service import (
    OpenCodes,
    Sent,
    StoppedClock,
    Surroundings,
    Target,
    closed,
)
from hugathome.testing.conformance import ConformanceFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """What all the attacks of a run have in common."""

    codes: OpenCodes
    open_store: OpenStore
    strongest: Crowd
    """Processes, or threads over a store that only one process can open."""
    crowds: Sequence[Crowd]
    runs: int


@final
class Ground:
    """Where one attack is made: it opens services in surroundings of its own, and closes them after."""

    def __init__(self, campaign: Campaign, *, rule: str) -> None:
        self.runs = campaign.runs
        self.crowds = campaign.crowds
        self.strongest = campaign.strongest
        self.clock = StoppedClock()
        self.sms = OutboxSms(clock=self.clock)
        self.around = Surroundings(key=token_bytes(32), sms=self.sms, clock=self.clock)
        self._campaign = campaign
        self._rule = rule
        self._first = randbelow(1000)
        self._count = count()
        self._opened: list[object] = []

    # --- What there is ---------------------------------------------------------------------------

    @property
    def policy(self) -> CodePolicy:
        """What services are opened with, unless an attack says otherwise."""
        return self.around.policy

    @property
    def limit(self) -> int:
        """How many wrong answers a challenge survives."""
        return self.policy.max_attempts

    def service(self, *, over: ChallengeStore | None = None, **changes: Any) -> Target:
        """Open a service on the same records, or over a store; `changes` are to its surroundings."""
        around = replace(self.around, **changes)
        service = around.open(self._campaign.codes, over or self._campaign.open_store())
        self._opened.append(service)
        return Target(service, self.sms, phone=self.phone)

    def store(self) -> ChallengeStore:
        """Open the store, in the variant that suits the service."""
        is_blocking = not iscoroutinefunction(getattr(self._campaign.codes, "verify", None))
        store = self._campaign.open_store()
        suited = blocking_variant(store) if is_blocking else store
        self._opened.append(suited)
        return suited

    def phone(self) -> str:
        """Return a Swiss mobile that nobody has used, of another prefix than those before."""
        nth = next(self._count)
        return f"+417{6 + nth // 1000 % 4}{(self._first + nth) % 1000:03}{4567 + nth // 4000:04}"

    def later(self, **span: float) -> None:
        """Move the clock by what `timedelta` takes."""
        self.clock.at += timedelta(**span)

    # --- What is done ----------------------------------------------------------------------------

    async def raid(self, crowd: Crowd, sent: Sent, *typed: Sequence[object]) -> Counter[str]:
        """Have a caller for each of `typed` give these answers, all at once, and count what they are told."""
        return Counter(await crowd.make([self.planned(sent, *one) for one in typed]))

    def planned(self, sent: Sent, *typed: object) -> Raid:
        """Return what one caller will do: give these answers or, without any, ask for the code again."""
        return Raid(
            codes=self._campaign.codes,
            open_store=self._campaign.open_store,
            around=self.around,
            challenge_id=sent.challenge_id,
            typed=typed,
        )

    def require(self, holds: bool, seen: object) -> None:  # noqa: FBT001 - reads as an assertion does
        """Fail, with what was seen, unless it holds."""
        if not holds:
            self.fail(seen)

    def fail(self, seen: object) -> NoReturn:
        """Say that the attack has succeeded."""
        raise ConformanceFailure(self._rule, str(seen))

    async def aclose(self) -> None:
        """Close what was opened."""
        while self._opened:
            await closed(self._opened.pop())

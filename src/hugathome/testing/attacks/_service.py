"""What is attacked, what surrounds it, and what an attacker is told.

An attack decides about everything around the service (key, gateway, clock, policy, organisation) and sees
of it what anybody sees: messages that arrive, and a word for each answer.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from inspect import isawaitable
from typing import Final, Protocol, TypeVar, final

from hugathome.clock import Clock
from hugathome.codes import ChallengeStore, SmsGateway
from hugathome.errors import HugathomeError
from hugathome.policy import CodePolicy
from hugathome.sms import OutboxSms

T = TypeVar("T")

ACCEPTED: Final = "accepted"
"""What whoever gave a right answer is told; everybody else is told the name of an error."""
REJECTED: Final = "CodeRejected"
"""What whoever gave a wrong answer is told, if it was looked at."""

# --- What is attacked ----------------------------------------------------------------------------


class CodeService(Protocol):
    """`OneTimeCodes`, its blocking twin, or a code service of a host's own: coroutines or plain methods.

    They raise errors of this library and nothing else: `CodeRejected` for an answer that was looked at and
    is wrong, other `CodeError`s for one that was not looked at.
    """

    def send(self, phone: str, *, subject: str, purpose: str) -> Awaitable[str] | str:
        """Send a new code, and return the id of its challenge."""
        ...

    def resend(self, challenge_id: str) -> Awaitable[None] | None:
        """Send the same code once more."""
        ...

    def verify(self, challenge_id: str, typed: object) -> Awaitable[object] | object:
        """Return if `typed` is the code, which is used up by that; raise if it is not."""
        ...


class OpenCodes(Protocol):
    """Opens the service in surroundings that an attack chooses: `OneTimeCodes` itself is one.

    Those opened with the same surroundings and over the same store know the same codes. A service of a
    host's own takes of it what it can, and leaves `store` alone if it has its own.
    """

    def __call__(
        self,
        *,
        key: bytes | Mapping[str, bytes],
        store: ChallengeStore,
        sms: SmsGateway,
        site: str,
        brand: str,
        policy: CodePolicy,
        organisation: str,
        clock: Clock,
    ) -> CodeService:
        """Return a service; raise `ConfigurationError` for surroundings that cannot work."""
        ...


# --- What surrounds it ---------------------------------------------------------------------------


@dataclass(slots=True)
class StoppedClock:
    """Stands where an attack puts it."""

    at: datetime = datetime(2026, 11, 22, 9, tzinfo=UTC)

    def now(self) -> datetime:
        """Return that instant."""
        return self.at

    async def sleep(self, seconds: float) -> None:
        """Refuse: codes wait for nothing."""
        raise AssertionError(f"a service slept for {seconds} s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What an attack puts around a service; another process can be given it."""

    key: bytes | Mapping[str, bytes] = field(repr=False)
    sms: SmsGateway
    clock: Clock
    policy: CodePolicy = CodePolicy()
    organisation: str = "attacked"

    def open(self, codes: OpenCodes, store: ChallengeStore) -> CodeService:
        """Return a service in the midst of them."""
        return codes(
            key=self.key,
            store=store,
            sms=self.sms,
            site="https://www.example.ch",
            brand="HUG@home",
            policy=self.policy,
            organisation=self.organisation,
            clock=self.clock,
        )


# --- What an attacker is told --------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A code that has arrived on a telephone."""

    challenge_id: str
    phone: str
    code: str = field(repr=False)

    def wrong(self, nth: int = 1) -> str:
        """Return the nth code that is not the right one."""
        return f"{(int(self.code) + nth) % 10 ** len(self.code):0{len(self.code)}}"


async def settled(answer: Awaitable[T] | T) -> T:
    """Return what a coroutine or a plain method returns."""
    return await answer if isawaitable(answer) else answer


async def told(call: Callable[[], Awaitable[object] | object]) -> str:
    """Return what the caller is told: `ACCEPTED`, or the name of an error of this library."""
    try:
        await settled(call())
    except HugathomeError as error:
        return type(error).__name__
    return ACCEPTED


async def closed(service: object) -> None:
    """Close a service, if it has something to close."""
    close = getattr(service, "aclose", None) or getattr(service, "close", None)
    if close is not None:
        await settled(close())


_CODE = re.compile(r"(?<!\d)\d{6,8}(?!\d)")


@final
class Target:
    """A service as an attacker reaches it; `phone` gives numbers that nobody has used."""

    def __init__(self, service: CodeService, sms: OutboxSms, *, phone: Callable[[], str]) -> None:
        self.service = service
        self._sms = sms
        self._phone = phone

    async def send(self, phone: str | None = None, *, subject: str = "u-1", purpose: str = "log-in") -> Sent:
        """Have a code sent, to a number that nobody has used if none is given, and read it there."""
        phone = phone or self._phone()
        challenge_id = await settled(self.service.send(phone, subject=subject, purpose=purpose))
        return Sent(challenge_id=challenge_id, phone=phone, code=self.read())

    def read(self) -> str:
        """Return the code of the message that has arrived last."""
        found: str = _CODE.findall(self._sms.outbox[-1].text)[0]
        return found

    async def asked(self, phone: str, *, subject: str = "u-1", purpose: str = "log-in") -> Sent | None:
        """Have a code sent, or return None where that is refused."""
        try:
            return await self.send(phone, subject=subject, purpose=purpose)
        except HugathomeError:
            return None

    async def asked_again(self, sent: Sent) -> str:
        """Return what whoever asks for the same code once more is told."""
        return await told(partial(self.service.resend, sent.challenge_id))

    async def answered(self, sent: Sent | str, *typed: object) -> list[str]:
        """Return what each answer is told, one after another."""
        challenge_id = sent if isinstance(sent, str) else sent.challenge_id
        return [await told(partial(self.service.verify, challenge_id, one)) for one in typed]

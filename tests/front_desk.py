"""A front desk for tests: a clinic over any store, a gateway that fails as it is told to, one patient."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hugathome.app import HugAtHome
from hugathome.codes import Challenge, ChallengeState, Sms
from hugathome.quotas import Tally
from hugathome.record.participants import Participant
from hugathome.session import Session
from hugathome.stores import Store
from hugathome.stores.memory import MemoryCodes
from hugathome.testing.clock import FakeClock
from hugathome.visits.reception import Invitation
from hugathome.wording.origin_bound import parse_origin_bound

KEY = b"a secret of thirty-two bytes, no"
OLD = b"an older secret of thirty-two by"
SITE = "https://www.example.ch/visit"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOCTOR = Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi")
NURSE = Participant(id="nurse", role="nurse", name="B. Keller", phone="+41791234568")
MOBILE = "+41791234567"
FIXED = "+41223723311"


class Crash(BaseException):
    """The process dies here."""


@dataclass
class Gateway:
    """A provider that keeps what it accepts, and fails as it is told to."""

    accepted: list[Sms] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    fails: BaseException | None = None
    may_be_asked_again: bool = True
    fails_after: BaseException | None = None
    """Raised once the message is accepted: the line breaks before the answer comes."""

    async def send(self, message: Sms) -> None:
        if self.fails is not None:
            raise self.fails
        if message.idempotency_key not in self.keys:
            self.keys.add(message.idempotency_key)
            self.accepted.append(message)
        if self.fails_after is not None:
            raise self.fails_after

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.accepted]

    @property
    def code(self) -> str:
        """The code of the last message that carries one."""
        found = [bound.code for text in self.texts if (bound := parse_origin_bound(text))]
        return found[-1]

    @property
    def codes(self) -> list[str]:
        return [bound.code for text in self.texts if (bound := parse_origin_bound(text))]


class InvitesAgainMeanwhile(MemoryCodes):
    """Somebody of the staff invites again in the very moment in which a code is used."""

    meanwhile: Callable[[], Any] | None = None

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        has_saved = await super().save(record, expected=expected)
        is_use = isinstance(record, Challenge) and record.state is ChallengeState.USED
        if is_use and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return has_saved


def hug_over(store: Store, sms: Gateway, clock: FakeClock, **other: Any) -> HugAtHome:
    options: dict[str, Any] = {"key": KEY, "site": SITE, "timezone": "Europe/Zurich", "brand": "HUG", **other}
    return HugAtHome(store=store, sms=sms, clock=clock, **options)


async def planned(
    hug: HugAtHome,
    *,
    starts_at: datetime = NOW,
    phone: str | None = MOBILE,
    modality: Any = "video",
    language: Any = None,
    accepted: bool = True,
) -> Session:
    patient = Participant(id="p-1", role="patient", name="M. Dupont", language=language, phone=phone)
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality=modality,
        starts_at=starts_at,
        ends_at=starts_at + 30 * MINUTE,
        participants=[DOCTOR, patient, NURSE],
    )
    return await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi") if accepted else session


async def invited(hug: HugAtHome, **other: Any) -> Invitation:
    return await hug.invite((await planned(hug, **other)).id, "p-1")


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"

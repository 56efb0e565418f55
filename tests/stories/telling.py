"""The words in which stories are told: a clinic with a clock on the wall, its visits, and who is at them.

A story says what staff and patients do. What came of it is told by `Visit.told` (the text messages on a
telephone), `sees` (whom a page shows), `Visit.record` and `Visit.story` (the events, as sentences).
"""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from hugathome import Action, Change, Participant, Session, Step
from hugathome.organisations import Organisation
from hugathome.presets import presets
from hugathome.protocol.wire import State
from hugathome.testing import FakeClock, FakeHugAtHome, Network, Robot

ZURICH = ZoneInfo("Europe/Zurich")
NINE_ON_WEDNESDAY = datetime(2026, 1, 14, 9, tzinfo=ZURICH)

SENTENCES: Mapping[Action, str] = MappingProxyType(
    {
        Action.PLAN: "planned for {start}, by {modality}",
        Action.RESCHEDULE: "{by} puts it off to {start}",
        Action.ACCEPT: "{whom} accepts, says {by}",
        Action.WITHDRAW: "{whom} takes the consent back, says {by}",
        Action.INVITE: "{whom} is invited",
        Action.CHECK_IN: "{whom} types the code",
        Action.IDENTIFY: "{by} knows {whom} by: {how}",
        Action.ARRIVE: "{whom} is there",
        Action.CALL: "{by} calls {whom} ({how})",
        Action.TAKE: "{by} takes it from the queue",
        Action.JOIN: "{by} brings in {joining}",
        Action.ADMIT: "{by} admits {whom}",
        Action.DENY: "{by} turns {whom} away",
        Action.DEPART: "{whom} is gone",
        Action.EXTEND: "{by} keeps the door open",
        Action.HOLD: "{by} interrupts",
        Action.RESUME: "{by} goes on",
        Action.CHANGE_MODALITY: "{by} goes on by {modality}: {reason}",
        Action.TAKE_ON: "{by} takes it on",
        Action.GIVE_OPINION: "{by} gives the opinion {result}",
        Action.COMPLETE: "{by} ends it: {outcome}",
        Action.DISCONTINUE: "{by} breaks it off: {reason}",
        Action.CANCEL: "{by} cancels it: {outcome}",
    }
)
_UNTOLD = frozenset({Action.DELIVER})
"""What the telephones show better."""
_STEPS_TOLD = frozenset({Step.CALL_ME_BACK, Step.MEDIA_FAILED, Step.CODE_REFUSED, Step.SMS_FAILED})
_CODE = re.compile(r"\b\d{6}\b")


@dataclass(frozen=True)
class Told:
    """One text message, and when the clock on the clinic's wall said that it came."""

    at: str
    text: str

    @property
    def has_code(self) -> bool:
        return _CODE.search(self.text.partition("\n")[0]) is not None


class Clinic:
    """A hospital and its clock."""

    def __init__(self, hug: FakeHugAtHome) -> None:
        self.hug = hug

    async def clock_shows(self, time: str) -> None:
        """Let time pass until the clock on the wall shows `14:05`, or `2026-01-15 14:05`."""
        now = self.hug.clock.now()
        await self.hug.clock.advance(seconds=(self.instant(time) - now).total_seconds())

    def instant(self, time: str) -> datetime:
        """Return the next instant at which the wall clock shows `time`."""
        now = self.hug.clock.now().astimezone(ZURICH)
        if " " in time:
            return datetime.fromisoformat(time).replace(tzinfo=ZURICH).astimezone(UTC)
        hour, minute = map(int, time.split(":"))
        today = now.replace(hour=hour, minute=minute, second=0, microsecond=0, fold=0)
        return (today if today >= now else today + timedelta(days=1)).astimezone(UTC)

    async def plans(self, service: str, *people: Participant, at: str, **wishes: Any) -> "Visit":
        """Plan a visit with these people; nobody has accepted yet."""
        session = await self.hug.sessions.plan(
            organisation="hug", service=service, participants=people, starts_at=self.instant(at), **wishes
        )
        return Visit(self, session.id)


class Visit:
    """One visit: what staff do about it, who comes, and what was told and written down."""

    def __init__(self, clinic: Clinic, session_id: str) -> None:
        self.id = session_id
        self._clinic = clinic
        self._hug = clinic.hug

    async def accepted(self, by: Participant, *, says: Participant, **facts: Any) -> None:
        """Note that somebody accepts a visit from a distance; `says` is who was told so."""
        await self._hug.sessions.accept(self.id, by.id, recorded_by=says.id, **facts)

    async def invites(self, *people: Participant) -> None:
        """Invite people: by SMS where they have a mobile number."""
        for each in people:
            await self._hug.invite(self.id, each.id)

    async def calls(self, whom: Participant, *, by: Participant) -> None:
        """Say that somebody is ready."""
        await self._hug.call(self.id, whom.id, by=by.id)

    def opens_the_link(self, who: Participant) -> Robot:
        """Return the page of somebody with a telephone: it types the code of their SMS as it opens."""
        return Robot.from_sms(self._hug.outbox.last(to=str(who.phone)), media=False)

    def signs_in(self, who: Participant, *, over: Network | None = None) -> Robot:
        """Return the page of somebody whom the hospital's own software knows."""
        return Robot.from_grant(self._hug.grant(self.id, who.id), at=over or self._hug.here, media=False)

    def told(self, whom: Participant) -> list[Told]:
        """Return the text messages that came on somebody's telephone."""
        return [
            Told(at=f"{sent.sent_at.astimezone(ZURICH):%a %H:%M}", text=sent.text)
            for sent in self._hug.outbox.messages
            if sent.to == whom.phone
        ]

    async def record(self) -> Session:
        """Return what is written down."""
        return await self._hug.sessions.get(self.id)

    async def is_waiting(self) -> list[str]:
        """Return the names of who sits in the waiting room."""
        return [each.name for each in (await self.record()).waiting]

    async def is_inside(self) -> list[str]:
        """Return the names of who is in the visit."""
        return [each.name for each in (await self.record()).present]

    async def story(self) -> list[str]:
        """Return what happened, from the hospital's own stream of events, one sentence each."""
        told = [event async for event in self._hug.events(organisation="hug") if event.session == self.id]
        record = await self.record()
        assert [event.change for event in told] == list(record.history), "the events tell the record"
        sentences = (_sentence(event.change, record) for event in told)
        return [sentence for sentence in sentences if sentence is not None]


@asynccontextmanager
async def opened(now: datetime = NINE_ON_WEDNESDAY) -> AsyncIterator[Clinic]:
    """Open the clinic for a story; when it closes, its audit trail must be as it was written."""
    organisations = {"hug": Organisation(services=presets())}
    async with FakeHugAtHome(now=now, organisations=organisations) as hug:
        yield Clinic(hug)
        head = await hug.verify_audit(organisation="hug")
        assert head == await hug.audit_head(organisation="hug")


async def sees(page: Robot) -> set[str]:
    """Return the names of the others who are in the visit, as somebody's page shows it."""
    clock = page._site.clock
    assert isinstance(clock, FakeClock)
    await clock.settle()
    others = (who for id, who in page.peer.participants.items() if id != page.peer.participant)
    return {str(who.name) for who in others if who.state is State.ADMITTED}


def _sentence(change: Change, session: Session) -> str | None:
    """Return one thing that happened as a sentence, or None for what a reader can do without."""
    if change.action in _UNTOLD or (change.step is not None and change.step not in _STEPS_TOLD):
        return None
    names = {each.id: each.name for each in session.participants}
    whom = names.get(change.participant or "", "nobody")
    said = (
        f"{whom}: {change.step}"
        if change.action is Action.STEP
        else SENTENCES[change.action].format(
            whom=whom,
            by=names.get(change.by or "", change.by or "the hospital"),
            start="" if change.window is None else _clock(change.window.starts_at),
            how=change.how,
            modality=change.modality,
            reason=change.reason,
            outcome=change.outcome or change.reason,
            result=change.result,
            joining="" if change.joining is None else change.joining.name,
        )
    )
    return f"{_clock(change.at)} {said}"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(ZURICH):%a %H:%M}"

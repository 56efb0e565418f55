"""The demonstration's clinic: it plans visits, sends for a robot, and says whenever there is news.

    async with Clinic(hug, sms, ice=IceSettings()) as clinic:
        visit = await clinic.plan(Wanted(language="de"))

It asks the library what any host may ask. Everything it starts ends with the block.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any, Final, Self

from hugathome.app import HugAtHome
from hugathome.demo import robot
from hugathome.demo.board import event_views, message_views, visit_view
from hugathome.demo.made_up import CLINICIAN, PATIENT, Wanted
from hugathome.errors import HugathomeError
from hugathome.grants import JoinGrant
from hugathome.peer import IceSettings
from hugathome.phone import PhoneNumber
from hugathome.record.participants import Participant
from hugathome.record.shelf import Event
from hugathome.session import Session
from hugathome.sms import OutboxSms
from hugathome.testing import Outbox

ORGANISATION: Final = "demo"
_LOOKS_EVERY: Final = 0.3
_EVENTS_SHOWN: Final = 200


class Clinic:
    """One clinic, for as long as its block runs; `ice` is how its robots find the way to a browser."""

    def __init__(self, hug: HugAtHome, sms: OutboxSms, *, ice: IceSettings) -> None:
        self._hug = hug
        self._outbox = Outbox(sms)
        self._ice = ice
        self._visits: dict[str, Session] = {}
        self._events: list[Event] = []
        self._robots: dict[str, asyncio.Task[None]] = {}
        self._remarks: dict[str, str] = {}
        self._watch: asyncio.Task[None] | None = None
        self._board = ""
        self._news = asyncio.Event()
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self._watch = asyncio.create_task(self._look_again_and_again())
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()
        running = [task for task in (self._watch, *self._robots.values()) if task is not None]
        for task in running:
            task.cancel()
        for outcome in await asyncio.gather(*running, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    def close(self) -> None:
        """End what follows the board: a server that stops waits for it."""
        self._is_closed = True
        self._tell()

    # --- What staff do ---------------------------------------------------------------------------

    async def plan(self, wanted: Wanted) -> str:
        """Plan a visit, record that the patient accepts it, invite them, and return its id."""
        now = self._hug.clock.now()
        session = await self._hug.sessions.plan(
            organisation=ORGANISATION,
            service="general practice",
            modality=wanted.modality,
            starts_at=wanted.starts_at(now),
            ends_at=wanted.ends_at(now),
            participants=wanted.participants(len(self._visits)),
        )
        self._visits[session.id] = session
        await self._hug.sessions.accept(session.id, PATIENT, recorded_by=CLINICIAN)
        await self._hug.invite(session.id, PATIENT)
        return session.id

    def grant(self, visit: str, participant: str) -> JoinGrant:
        """Return what lets one of the staff into the room: signed at the click, it lives two minutes."""
        return self._hug.grant(visit, participant)

    # --- Who plays the patient -------------------------------------------------------------------

    async def send_for_robot(self, visit: str) -> None:
        """Let a robot be the patient; it comes by their SMS. Twice sends for one."""
        patient = (await self._hug.sessions.get(visit)).participant(PATIENT)
        if visit not in self._robots:
            self._remarks.pop(visit, None)
            self._robots[visit] = asyncio.create_task(self._attend(visit, patient))
            self._robots[visit].add_done_callback(lambda _: self._robots.pop(visit, None))

    def send_robot_home(self, visit: str) -> None:
        """Let the robot leave, if there is one."""
        if visit in self._robots:
            self._robots[visit].cancel()

    async def _attend(self, visit: str, patient: Participant) -> None:
        if not isinstance(patient.phone, PhoneNumber):
            return
        try:
            await robot.attend(self._hug, self._outbox, patient.phone, ice=self._ice)
        except HugathomeError as refused:  # the page says it where the robot would be
            self._remarks[visit] = refused.public

    # --- What there is to see --------------------------------------------------------------------

    async def boards(self) -> AsyncIterator[str]:
        """Yield all there is to see, as JSON, now and whenever it has changed."""
        shown = None
        while not self._is_closed:
            news = self._news
            if self._board != shown:
                shown = self._board
                yield shown
            await news.wait()

    async def _look_again_and_again(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(_LOOKS_EVERY)

    async def _look(self) -> None:
        """Hear what is new, and tell whoever follows the board if it has changed."""
        known = self._events[-1].position if self._events else 0
        news = [event async for event in self._hug.events(organisation=ORGANISATION, after=known)]
        self._events = [*self._events, *news][-_EVENTS_SHOWN:]
        for visit in {event.session for event in news}:
            self._visits[visit] = await self._hug.sessions.get(visit)
        board = json.dumps(self._drawn(), ensure_ascii=False)
        if board != self._board:
            self._board = board
            self._tell()

    def _drawn(self) -> dict[str, Any]:
        return {
            "visits": [visit_view(each, robot=self._robot_of(each.id)) for each in self._visits.values()],
            "messages": message_views(self._outbox),
            "events": event_views(self._events),
        }

    def _robot_of(self, visit: str) -> str | None:
        return "here" if visit in self._robots else self._remarks.get(visit)

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

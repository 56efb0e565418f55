"""Let patients wait for whoever is free, and have each taken exactly once.

    session = await hug.queue.enter(organisation="hug", service="urgent", participants=[patient])
    session = await hug.queue.take_next(organisation="hug", service="urgent", by=clinician)

Whoever comes first is taken first. Where many take at once, one wins the patient at the head, and those who
lost look among the next ones, at random (`queueing.spread`). Whoever leaves is cancelled, as every session.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from hugathome._model import Record
from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.discretion import discreet
from hugathome.errors import AlreadyTaken, InvalidInput, SessionEnded, StaleSession
from hugathome.organisations import Organisations
from hugathome.record.history import Action, Change
from hugathome.record.participants import Participant
from hugathome.record.queueing import estimated_wait, spread
from hugathome.record.transitions import Status
from hugathome.roles import AnyModality
from hugathome.session import Session
from hugathome.telemetry import spanned
from hugathome.verifier import Randomness

_RACES = 64
"""How many patients one may lose to others before `StaleSession`; hundreds at once lose far fewer."""

_TYPICAL = timedelta(minutes=20)
"""What a visit takes of which no service says so."""


class Place(Record):
    """Where somebody stands in a queue."""

    ahead: int
    """How many are taken before them."""
    wait: timedelta
    """How long that may take: a guess, to be said as one."""


class _Gone(Exception):
    """Somebody was faster, or the patient has left: nothing was refused, and no audit trail says so."""


@discreet
@spanned("queue")
class Queues:
    """The queues of every service; `HugAtHome.queue` is one."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        organisations: Organisations,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._consultations = consultations
        self._organisations = organisations
        self._clock = clock
        self._randomness = randomness
        self._taking: list[tuple[str, str, object]] = []
        """From which queues somebody is being taken here right now: all would race for the head."""

    async def enter(
        self,
        *,
        organisation: str,
        service: str,
        participants: Sequence[Participant],
        modality: AnyModality | None = None,
        reference: str | None = None,
    ) -> Session:
        """Let a patient wait for whoever is free in a service; see `Consultations.queue_up`."""
        return await self._consultations.queue_up(
            organisation=organisation,
            service=service,
            participants=participants,
            modality=modality,
            reference=reference,
        )

    async def waiting(self, *, organisation: str, service: str, limit: int = 100) -> Sequence[Session]:
        """Return who waits in a service's queue, the next one first, since `session.queue.since`."""
        now = self._clock.now()
        waiting: dict[str, Session] = {}
        skip = 0
        while not skip or len(waiting) < limit:  # whoever has waited in vain hides nobody behind them
            page = await self._consultations.queued(
                organisation=organisation, service=service, limit=limit, skip=skip
            )
            waiting.update((session.id, session) for session in page if not _is_over(session, now))
            if len(page) < limit:
                break
            skip += len(page)
        return list(waiting.values())[:limit]

    async def place(self, session_id: str, *, clinicians: int = 1) -> Place:
        """Return how many are ahead of somebody who waits, and how long `clinicians` may need for them.

        Raises `AlreadyTaken` for whoever waits no longer, and `SessionEnded`.
        """
        if not isinstance(clinicians, int) or clinicians < 1:
            raise InvalidInput("clinicians= is how many take patients, at least 1")
        session = await self._consultations.get(session_id)
        if session.status.is_terminal:
            raise SessionEnded("the session has ended")
        if not is_waiting(session):
            raise AlreadyTaken("somebody has taken it, or it waits in no queue")
        ahead = await self._consultations.ahead_of(session)
        takes = self._organisations.get(session.organisation).service(session.service)
        typical = _TYPICAL if takes is None else takes.typical or takes.length
        return Place(ahead=ahead, wait=estimated_wait(ahead=ahead, typical=typical, clinicians=clinicians))

    async def take_next(self, *, organisation: str, service: str, by: Participant) -> Session | None:
        """Take whoever waits longest; the clinician `by` takes part from here on. None: nobody waits.

        Raises `NotPermitted` where their role takes nobody in.
        """
        _refuse_unless_somebody(by)
        mine = (organisation, service, object())
        rivals = sum(each[:2] == mine[:2] for each in tuple(self._taking))
        self._taking.append(mine)
        try:
            for lost in range(rivals.bit_length(), _RACES):
                chosen = await self._one_of(organisation, service, lost)
                if chosen is None:
                    return None
                with suppress(_Gone):
                    return await self._taken_from(chosen.service, chosen.id, by)
        finally:
            self._taking.remove(mine)
        raise StaleSession("others were faster, again and again")

    async def take(self, session_id: str, *, by: Participant) -> Session:
        """Take somebody out of turn; raise `AlreadyTaken` where another has. It is safe to repeat."""
        _refuse_unless_somebody(by)
        at = self._clock.now()

        def decide(session: Session) -> Session:
            is_theirs = session.queue is not None and session.queue.taken_by == by.id
            return session if is_theirs else session.after(_taking(session, by, at))

        return await self._consultations.change(session_id, decide, trying=_trying(by, at))

    async def _taken_from(self, service: str, session_id: str, by: Participant) -> Session:
        at = self._clock.now()

        def decide(session: Session) -> Session:
            if session.service != service or not is_waiting(session):
                raise _Gone
            return session.after(_taking(session, by, at))

        return await self._consultations.change(session_id, decide, trying=_trying(by, at))

    async def _one_of(self, organisation: str, service: str, lost: int) -> Session | None:
        """Return somebody who waits, having cancelled whoever turned out to have waited in vain."""
        skip = spread(lost, chance=self._randomness(2))
        while True:
            found = await self._consultations.queued(
                organisation=organisation, service=service, limit=1, skip=skip
            )
            if found and not _is_over(found[0], self._clock.now()):
                return found[0]
            if found:
                await self._consultations.change(
                    found[0].id, lambda known: _given_up(known, self._clock.now())
                )
            elif skip == 0:
                return None
            else:
                skip = 0  # so many do not wait


# --- Rules ---------------------------------------------------------------------------------------


def is_waiting(session: Session) -> bool:
    """Whether somebody waits in a queue, and nobody has taken them yet."""
    return session.queue is not None and session.queue.is_waiting and not session.status.is_terminal


def _is_over(session: Session, now: datetime) -> bool:
    """Whether somebody has waited in vain: their links lead nowhere any more, and they are not there."""
    is_here = session.waiting or session.present
    return session.status is Status.PLANNED and session.window.closes_at <= now and not is_here


def _given_up(session: Session, now: datetime) -> Session:
    if not is_waiting(session) or not _is_over(session, now):
        return session
    return session.after(Change(action=Action.CANCEL, at=now, reason="nobody took it in time"))


def _taking(session: Session, by: Participant, at: datetime) -> Change:
    """Return the change that takes a patient; whoever takes part already keeps the role that they have."""
    is_new = all(each.id != by.id for each in session.participants)
    return _trying(by, at).but(joining=by if is_new else None)


def _trying(by: Participant, at: datetime) -> Change:
    return Change(action=Action.TAKE, at=at, by=by.id)


def _refuse_unless_somebody(by: Participant) -> None:
    if not isinstance(by, Participant):
        raise InvalidInput("by= takes the participant who takes the patient")

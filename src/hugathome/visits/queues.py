"""Let patients wait for whoever is free, and have each taken exactly once.

    session = await hug.queue.enter(organisation="hug", service="urgent", participants=[patient])
    session = await hug.queue.take_next(organisation="hug", service="urgent", by=clinician)

Whoever comes first is taken first. Where many take at once, one wins the patient at the head, and those who
lost look among the next ones, at random (`queueing.spread`). Whoever is taken with their page closed is
called by SMS, as `hug.call` does it. Whoever leaves is cancelled, as every session.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from hugathome._model import Record
from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.discretion import discreet
from hugathome.errors import (
    AlreadyTaken,
    HugathomeError,
    InvalidInput,
    NotPermitted,
    SessionEnded,
    StaleSession,
)
from hugathome.record.history import Action, Change
from hugathome.record.participants import Participant
from hugathome.record.queueing import estimated_wait, spread
from hugathome.record.services import Service
from hugathome.record.transitions import OUT, Status
from hugathome.roles import AnyModality, Capability
from hugathome.rooms.journal import Journal
from hugathome.session import Session
from hugathome.verifier import Randomness
from hugathome.visits.switchboard import Switchboard

_RACES = 64
"""How many patients one may lose to others before `StaleSession`; hundreds at once lose far fewer."""


class Place(Record):
    """Where somebody stands in a queue."""

    ahead: int
    """How many are taken before them."""
    wait: timedelta
    """How long that may take: a guess, to be said as one."""


class _Gone(Exception):
    """Somebody was faster, or the patient has left: nothing was refused, and no audit trail says so."""


class _NotTheirs(Exception):
    """This one clinician cannot take this one patient, whoever else may: so nothing was refused either."""


@discreet
class Queues:
    """The queues of every service; `HugAtHome.queue` is one."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        switchboard: Switchboard,
        journal: Journal,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._consultations = consultations
        self._switchboard = switchboard
        self._journal = journal
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
        typical = _typical(session, self._consultations.service_of(session))
        return Place(ahead=ahead, wait=estimated_wait(ahead=ahead, typical=typical, clinicians=clinicians))

    async def take_next(self, *, organisation: str, service: str, by: Participant) -> Session | None:
        """Take whoever waits longest; the clinician `by` takes part from here on. None: nobody waits.

        Passed over is whom this clinician cannot take: a visit that they were put out of, or take part in as
        somebody else, or that has no room left. Raises `NotPermitted` where their role takes nobody in.
        """
        _refuse_unless_somebody(by)
        mine = (organisation, service, object())
        rivals = sum(each[:2] == mine[:2] for each in tuple(self._taking))
        self._taking.append(mine)
        try:
            return await self._first_of(organisation, service, by, lost=rivals.bit_length())
        finally:
            self._taking.remove(mine)

    async def take(self, session_id: str, *, by: Participant) -> Session:
        """Take somebody out of turn; raise `AlreadyTaken` where another has. It is safe to repeat."""
        _refuse_unless_somebody(by)
        at = self._clock.now()

        def decide(session: Session) -> Session:
            is_theirs = session.queue is not None and session.queue.taken_by == by.id
            return session if is_theirs else session.after(_taking(session, by, at))

        taken = await self._consultations.change(session_id, decide, trying=_trying(by, at))
        return await self._called_in(taken, by, at)

    async def _called_in(self, taken: Session, by: Participant, at: datetime) -> Session:
        """Call whoever was taken just now and has put their telephone away; an open page needs no message.

        Their visit is theirs by now: a call that cannot be made is in the record, and undoes nothing.
        """
        if taken.queue is None or taken.queue.taken_at != at:
            return taken
        for each in taken.participants:
            if _can_be_sent_for(taken, each):
                with suppress(HugathomeError):
                    if not await self._journal.is_connected(taken.id, each.id):
                        taken = await self._switchboard.call(taken.id, each.id, by=by.id)
        return taken

    async def _first_of(self, organisation: str, service: str, by: Participant, lost: int) -> Session | None:
        """Take the first whom `by` can take, having lost so many races for some of them."""
        passed: set[str] = set()
        while lost < _RACES:
            chosen = await self._one_of(organisation, service, lost, passed)
            if chosen is None:
                return None
            try:
                return await self._taken_from(chosen.service, chosen.id, by)
            except _Gone:
                lost += 1
            except _NotTheirs:
                passed.add(chosen.id)
        raise StaleSession("others were faster, again and again")

    async def _taken_from(self, service: str, session_id: str, by: Participant) -> Session:
        at = self._clock.now()

        def decide(session: Session) -> Session:
            if session.service != service or not is_waiting(session):
                raise _Gone
            try:
                return session.after(_taking(session, by, at))
            except (NotPermitted, InvalidInput):
                if by.may(Capability.ADMIT):
                    raise _NotTheirs from None
                raise

        taken = await self._consultations.change(session_id, decide, trying=_trying(by, at))
        return await self._called_in(taken, by, at)

    async def _one_of(
        self, organisation: str, service: str, lost: int, passed: Collection[str]
    ) -> Session | None:
        """Return somebody who waits, having cancelled whoever turned out to have waited in vain."""
        skip = spread(lost, chance=self._randomness(2))
        while True:
            page = await self._consultations.queued(
                organisation=organisation, service=service, limit=len(passed) + 1, skip=skip
            )
            found = next((session for session in page if session.id not in passed), None)
            if found and not _is_over(found, self._clock.now()):
                return found
            if found:
                await self._consultations.change(found.id, lambda known: _given_up(known, self._clock.now()))
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


def _can_be_sent_for(session: Session, participant: Participant) -> bool:
    """Whether a call reaches somebody who was invited, and does not work here."""
    attendance = session.of(participant.id)
    is_invited = attendance.link_id is not None and attendance.presence not in OUT
    has_agreed = session.consent is not None
    return is_invited and has_agreed and participant.takes_sms and not participant.may(Capability.ADMIT)


def _typical(session: Session, takes: Service | None) -> timedelta:
    """Return what a visit of the queue takes; where no service says so, what was planned for this one."""
    if takes is None:
        return session.window.ends_at - session.window.starts_at
    return takes.typical or takes.length


def _taking(session: Session, by: Participant, at: datetime) -> Change:
    """Return the change that takes a patient; whoever takes part already keeps the role that they have."""
    is_new = all(each.id != by.id for each in session.participants)
    return _trying(by, at).but(joining=by if is_new else None)


def _trying(by: Participant, at: datetime) -> Change:
    return Change(action=Action.TAKE, at=at, by=by.id)


def _refuse_unless_somebody(by: Participant) -> None:
    if not isinstance(by, Participant):
        raise InvalidInput("by= takes the participant who takes the patient")

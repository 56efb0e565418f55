"""Hold and end sessions: what staff do once people come, and what came of it.

What comes before stands in `planning.py`, how each change is kept in `ledger.py`.
"""

from hugathome.discretion import discreet
from hugathome.errors import InvalidInput
from hugathome.record.door import moved
from hugathome.record.endings import ended, recorded
from hugathome.record.history import Action, AnyAbsent, AnyOutcome, Change, Outcome
from hugathome.record.imaging import Site
from hugathome.record.participants import Participant
from hugathome.roles import AnyModality, Step
from hugathome.session import Session
from hugathome.telemetry import spanned
from hugathome.visits.planning import Planning, refuse_without_queue

_STEPS_NOTED = 50
"""How often one fact of one participant is noted: a screen that flickers must not fill the record."""


@discreet
@spanned("sessions")
class Consultations(Planning):
    """Everything that is done to a session by name; `HugAtHome.sessions` is one.

    `once` names a call, so that it may be made again where nobody knows whether it was: it is done once.
    """

    async def arrive(self, session_id: str, participant_id: str, *, position: str | None = None) -> Session:
        """Note that a participant is there; whoever was admitted before is admitted again."""
        return await self._move(session_id, participant_id, Action.ARRIVE, position)

    async def depart(self, session_id: str, participant_id: str, *, position: str | None = None) -> Session:
        """Note that a participant has gone; it ends nothing."""
        return await self._move(session_id, participant_id, Action.DEPART, position)

    async def admit(
        self, session_id: str, participant_id: str, *, by: str, once: str | None = None
    ) -> Session:
        """Let somebody who waits into the visit; the first admission starts it."""
        return await self._do(session_id, Action.ADMIT, participant_id, by=by, once=once)

    async def deny(
        self,
        session_id: str,
        participant_id: str,
        *,
        by: str,
        reason: str | None = None,
        once: str | None = None,
    ) -> Session:
        """Turn away somebody who waits."""
        return await self._do(session_id, Action.DENY, participant_id, by=by, reason=reason, once=once)

    async def return_to_waiting(
        self, session_id: str, participant_id: str, *, by: str, once: str | None = None
    ) -> Session:
        """Send somebody who was admitted back to the waiting room."""
        return await self._do(session_id, Action.RETURN_TO_WAITING, participant_id, by=by, once=once)

    async def remove(
        self,
        session_id: str,
        participant_id: str,
        *,
        by: str,
        reason: str | None = None,
        once: str | None = None,
    ) -> Session:
        """Put somebody else out; they come back only if staff invite them again."""
        return await self._do(session_id, Action.REMOVE, participant_id, by=by, reason=reason, once=once)

    async def hold(self, session_id: str, *, by: str, once: str | None = None) -> Session:
        """Interrupt the visit."""
        return await self._do(session_id, Action.HOLD, by=by, once=once)

    async def resume(self, session_id: str, *, by: str, once: str | None = None) -> Session:
        """Go on with a visit that was put on hold."""
        return await self._do(session_id, Action.RESUME, by=by, once=once)

    async def change_modality(
        self,
        session_id: str,
        modality: AnyModality,
        *,
        by: str,
        reason: str | None = None,
        once: str | None = None,
    ) -> Session:
        """Go on by video, by sound alone or by telephone; whoever was admitted stays so."""
        change = Change(
            action=Action.CHANGE_MODALITY,
            at=self._clock.now(),
            by=by,
            modality=modality,
            reason=reason,
            once=once,
        )

        def decide(session: Session) -> Session:
            changed = session.after(change)
            return session if session.modality == changed.modality else changed

        return await self.change(session_id, decide, trying=change)

    async def transfer(
        self,
        session_id: str,
        *,
        by: str,
        to: Participant | None = None,
        service: str | None = None,
        reason: str | None = None,
    ) -> Session:
        """Hand a visit on: to a colleague, who takes part from here on, or to the queue of another service.

        With a colleague everybody stays where they are. In the other queue the patient waits since they
        first came, and nobody is admitted until somebody there takes them; a slot that it had is free again.
        Raises `InvalidInput` for a service that takes nobody without an appointment.
        """
        if (to is None) == (service is None):
            raise InvalidInput("transfer() takes either to= or service=")
        at = self._clock.now()
        change = Change(action=Action.TRANSFER, at=at, by=by, joining=to, service=service, reason=reason)

        def decide(session: Session) -> Session:
            after = session.after(change)  # first: who may not is not told which services there are
            if service is not None:
                refuse_without_queue(self._takes(session.organisation, service), session.kind)
            return after

        return await self.change(session_id, decide, trying=change)

    async def take_on(self, session_id: str, *, by: str, site: Site | None = None) -> Session:
        """Take on what an expert is asked; `site` says where, if the request left that open."""
        return await self._do(session_id, Action.TAKE_ON, by=by, site=site)

    async def decline(self, session_id: str, *, by: str, reason: str | None = None) -> Session:
        """Decline what an expert is asked: the session is cancelled, or discontinued if it has begun."""
        return await self._do(session_id, Action.DECLINE, by=by, reason=reason)

    async def give_opinion(self, session_id: str, *, by: str, opinion: str) -> Session:
        """Note that the expert has answered: `opinion` is the host's reference of the report."""
        return await self._do(session_id, Action.GIVE_OPINION, by=by, result=opinion)

    async def complete(
        self,
        session_id: str,
        *,
        by: str | None = None,
        recorded_by: str | None = None,
        outcome: AnyOutcome = "completed",
        result: str | None = None,
        absent: AnyAbsent | None = None,
        once: str | None = None,
    ) -> Session:
        """End the visit with what came of it; every link, code, pass and grant dies with it.

        `result` is the host's reference of what it came to: a prescription, a report. A visit that nobody
        came to has not begun: with the outcome `no-show` it is cancelled. Who was `absent` is read off the
        history where it is not said.

        `by` takes part. That nobody came may also be said by somebody who does not, such as the front desk:
        `recorded_by`, whom the host vouches for.
        """
        if recorded_by is not None and outcome != Outcome.NO_SHOW:
            raise InvalidInput(
                "recorded_by= goes with the outcome no-show: another is for who was there to say"
            )
        if absent is not None and outcome != Outcome.NO_SHOW:
            raise InvalidInput("absent= goes with the outcome no-show")
        change = Change(
            action=Action.COMPLETE,
            at=self._clock.now(),
            by=_said_by(by, recorded_by),
            outcome=outcome,
            result=result,
            absent=absent,
            once=once,
        )
        return await self._end(session_id, change, is_recorded=by is None)

    async def discontinue(
        self,
        session_id: str,
        *,
        by: str | None = None,
        recorded_by: str | None = None,
        reason: str | None = None,
    ) -> Session:
        """End a visit that cannot go on.

        `by` takes part. One that everybody has left for good, so that nobody in it ends it, is ended by
        somebody who takes no part, such as the front desk: `recorded_by`, whom the host vouches for.
        """
        who, at = _said_by(by, recorded_by), self._clock.now()
        change = Change(action=Action.DISCONTINUE, at=at, by=who, reason=reason)
        return await self._end(session_id, change, is_recorded=by is None)

    async def _end(self, session_id: str, change: Change, *, is_recorded: bool) -> Session:
        end = recorded if is_recorded else ended
        return await self.change(session_id, lambda session: end(session, change), trying=change)

    async def step(
        self, session_id: str, participant_id: str, step: Step, *, by: str | None = None
    ) -> Session:
        """Note a fact of a participant; it drives nothing, and a device that repeats itself is not noted."""
        change = Change(
            action=Action.STEP, at=self._clock.now(), by=by, participant=participant_id, step=step
        )

        def decide(session: Session) -> Session:
            noted = sum(each.step == step for each in session.steps(participant_id))
            return session if noted >= _STEPS_NOTED else session.after(change)

        return await self.change(session_id, decide)

    async def _move(self, session_id: str, whom: str, action: Action, position: str | None) -> Session:
        change = Change(action=action, at=self._clock.now(), participant=whom, position=position)
        return await self.change(session_id, lambda session: moved(session, change), trying=change)


def _said_by(by: str | None, recorded_by: str | None) -> str | None:
    """Return who says that a visit has ended: somebody in it, or somebody else for whom the host vouches."""
    if (by is None) == (recorded_by is None):
        raise InvalidInput("either by= or recorded_by= says who ends the visit")
    return recorded_by if by is None else by

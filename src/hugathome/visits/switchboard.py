"""What staff do when they are ready, or on the telephone: call, have a code read out, say who it is.

Somebody on the telephone has no page: staff have the code sent, and type what is read out to them, or
say how else they know who it is. In a visit by telephone that is the arrival. Nothing here dials.
"""

from datetime import datetime

from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.errors import CodeExpired, InvalidInput
from hugathome.record.door import refuse_entry, refuse_without_consent
from hugathome.record.history import BY_CODE, Action, Change, DeliveryStatus, Message, Reach
from hugathome.record.shelf import SessionStore
from hugathome.record.transitions import OUT
from hugathome.roles import Step
from hugathome.rooms.journal import Journal
from hugathome.sending.check_in_codes import CheckInCodes
from hugathome.sending.dispatch import Dispatch
from hugathome.sending.letters import Letters
from hugathome.session import Session
from hugathome.signalling import Called
from hugathome.telemetry import spanned
from hugathome.visits.reception import Reception


@spanned("switchboard")
class Switchboard:
    """Staff's side of the way in, for one deployment."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        reception: Reception,
        codes: CheckInCodes,
        letters: Letters,
        dispatch: Dispatch,
        store: SessionStore,
        journal: Journal,
        clock: Clock,
    ) -> None:
        self._consultations = consultations
        self._reception = reception
        self._codes = codes
        self._letters = letters
        self._dispatch = dispatch
        self._store = store
        self._journal = journal
        self._clock = clock

    async def call(self, session_id: str, participant_id: str, *, by: str) -> Session:
        """Tell a participant that the clinician is ready: an open page rings, otherwise an SMS goes out.

        Before a visit by telephone the SMS says that we are about to call. The history says which it was
        (`Reach`). Calling again within a minute sends no second SMS. Where it would lead nowhere, this
        raises what the link would say: `NotYetOpen`, `SessionEnded` (a window that has closed is moved by
        `extend`), `ConsentMissing`.
        """
        change = Change(action=Action.CALL, at=self._clock.now(), by=by, participant=participant_id)
        text = self._dispatch.message("call")
        has_page = await self._journal.is_connected(session_id, participant_id)

        def decide(session: Session) -> Session:
            session.refuse_unless_permitted(by, change.action)
            reach = _reach(session, participant_id, has_page=has_page)
            called = session.after(change.but(how=reach))
            messages = called.of(participant_id).messages
            if reach is not Reach.SMS or any(m.kind == "call" and _is_recent(m, change.at) for m in messages):
                return called
            _refuse_to_call(session, change.at)
            return called.noting(participant_id, messages=(*messages, text))

        session = await self._consultations.change(session_id, decide, trying=change)
        if session.history[-1].how == Reach.RING:
            ring = Called(participant=participant_id, by=by)
            await self._store.after_commit(lambda: self._journal.append(session_id, ring))
        if text in session.of(participant_id).messages:
            await self._dispatch.deliver(session_id, participant_id, text)
        return await self._consultations.get(session_id)

    async def callback_word(self, session_id: str, participant_id: str) -> str:
        """Return the word by which a participant knows that it is you who calls, in their language.

        What announced a visit by telephone has told it to them: say it before you ask anything. It is the
        same whenever it is asked for, until the deployment's first key changes.
        """
        session = await self._consultations.get(session_id)
        return self._letters.callback_word(session, session.participant(participant_id))

    async def send_code_for(
        self, session_id: str, participant_id: str, *, by: str, channel: str | None = None
    ) -> None:
        """Send a participant the code that they then read out to whoever is on the telephone with them.

        Their line is busy then: they are called only where `channel` is "voice". Raises what `send_code`
        raises.
        """
        session = await self._consultations.get(session_id)
        change = self._identified(participant_id, by=by, how=BY_CODE)
        await self._consultations.decided(session, lambda known: known.after(change), trying=change)
        refuse_entry(session, self._clock.now())
        participant = session.participant(participant_id)
        await self._codes.send(session, participant, channel=channel, aloud=True)
        await self._reception.note(session_id, participant_id, Step.CODE_ASKED, by=by)

    async def identify(
        self,
        session_id: str,
        participant_id: str,
        *,
        by: str,
        code: str | None = None,
        how: str | None = None,
    ) -> Session:
        """Record that somebody is who they should be: by the `code` they read out, or `how` else it is known.

        In a visit by telephone they have arrived by it, and it starts; in another they stay where they
        are, on the device they have. A code is judged as `check_in` does, and raises the same.
        """
        if (code is None) == (how is None):
            raise InvalidInput("identify() takes either code= or how=")
        change = self._identified(participant_id, by=by, how=BY_CODE if how is None else how)
        if code is None and change.how == BY_CODE:
            raise InvalidInput("how= is for what was no code; the history says of a code that it was right")
        session = await self._consultations.get(session_id)
        known = session.attendance.get(participant_id)
        challenge_id = known and known.challenge_id

        def decide(session: Session) -> Session:
            identified = session.after(change)
            refuse_without_consent(session)
            if code is not None and session.of(participant_id).challenge_id != challenge_id:
                raise CodeExpired("the invitation was replaced at this moment")
            return identified

        await self._consultations.decided(session, decide, trying=change)  # what is refused costs no attempt
        if code is not None:
            refuse_entry(session, change.at)
            await self._reception.judge(session, participant_id, code)
        return await self._consultations.change(session_id, decide, trying=change)

    def _identified(self, whom: str, *, by: str, how: str) -> Change:
        return Change(action=Action.IDENTIFY, at=self._clock.now(), by=by, participant=whom, how=how)


def _reach(session: Session, whom: str, *, has_page: bool) -> Reach:
    """Say how a call reaches somebody; no page rings for a telephone that is about to."""
    if has_page and not session.is_by_phone:
        return Reach.RING
    attendance = session.of(whom)
    has_link = attendance.link_id is not None and attendance.presence not in OUT
    return Reach.SMS if has_link and session.participant(whom).takes_sms else Reach.NONE


def _refuse_to_call(session: Session, now: datetime) -> None:
    """A telephone rings at any hour; a link leads nowhere before its window, or after."""
    if session.is_by_phone:
        refuse_without_consent(session)
    else:
        refuse_entry(session, now)


def _is_recent(message: Message, now: datetime) -> bool:
    """Whether a message has just gone out or is about to."""
    return message.status is not DeliveryStatus.FAILED and message.due_at > now

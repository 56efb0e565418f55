"""Invite, send codes, check in: how somebody with a telephone and nothing else gets in.

An invitation carries an unguessable link; a code goes out when the patient asks for it inside the
window, or with the invitation where the visit is now. Looking at a link changes nothing and sends
nothing. Checking in again takes over from an earlier device; the admission stays.
"""

from contextlib import suppress

from pydantic import Field

from hugathome._model import Record
from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.errors import CodeRejected, LinkUnknown, SessionError
from hugathome.organisations import Organisations
from hugathome.reach.handover import message_of
from hugathome.record.attendance import Attendance
from hugathome.record.calendars import appointment
from hugathome.record.door import refuse_entry, refuse_invitation
from hugathome.record.history import BY_CODE, Action, Change, DeliveryStatus, Message
from hugathome.record.participants import Participant
from hugathome.record.transitions import OUT
from hugathome.roles import Step
from hugathome.sending.check_in_codes import CheckInCodes
from hugathome.sending.dispatch import Dispatch
from hugathome.sending.letters import Letters
from hugathome.session import Session
from hugathome.telemetry import spanned
from hugathome.verifier import Randomness, Verifier, opaque

LINK_BYTES = 8
"""64 random bits, eleven characters: what a patient might have to type, and nobody guesses."""


class Invitation(Record):
    """What a participant is invited with."""

    session: str
    participant: str
    url: str = Field(repr=False)
    link_id: str = Field(repr=False)
    """A secret: whoever knows it may ask for a code to be sent to the participant's telephone."""
    texts: tuple[str, ...] = Field(repr=False)
    """What to tell the participant by other means, such as a letter; it never holds a code."""
    delivery: DeliveryStatus | None
    """What became of the SMS; None: none was sent, for want of a mobile number or of the wish."""


@spanned("reception")
class Reception:
    """The way in for one deployment."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        verifier: Verifier,
        codes: CheckInCodes,
        letters: Letters,
        dispatch: Dispatch,
        organisations: Organisations,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._consultations = consultations
        self._verifier = verifier
        self._codes = codes
        self._letters = letters
        self._dispatch = dispatch
        self._organisations = organisations
        self._clock = clock
        self._randomness = randomness

    # --- By staff --------------------------------------------------------------------------------

    async def invite(
        self, session_id: str, participant_id: str, *, again: bool = False, deliver: bool = True
    ) -> Invitation:
        """Give a participant their link, by SMS where they have a mobile number; twice sends once.

        After `sessions.reschedule` it sends once more, and the link stays.
        `again` makes a new link with a new budget of codes, and ends the old ones; `deliver=False`
        sends nothing. Raises `ConsentMissing`, `SessionEnded`, and `SmsNotSent` if the gateway refused:
        the invitation stands, and inviting once more tries once more.
        """
        fresh = self._dispatch.message("invitation")

        def decide(session: Session) -> Session:
            refuse_invitation(session, self._clock.now())
            return self._invited(session, participant_id, fresh if deliver else None, again=again)

        trying = Change(action=Action.INVITE, at=self._clock.now(), participant=participant_id)
        session = await self._consultations.change(session_id, decide, trying=trying)
        kept = message_of(session, participant_id, fresh.id)
        if kept is not None:
            await self._dispatch.deliver(session_id, participant_id, kept)
            session = await self._consultations.get(session_id)
        return self._invitation(session, session.participant(participant_id))

    async def calendar(self, session_id: str, participant_id: str) -> bytes:
        """Return a participant's appointment as iCalendar: when, and their link; nothing clinical, no code.

        Once the visit is cancelled, or they were put out, it takes the appointment out of the calendar again.
        Raises `MissingExtra` without `hugathome[calendar]`.
        """
        session = await self._consultations.get(session_id)
        participant = session.participant(participant_id)
        house = self._organisations.get(session.organisation)
        has_link = session.of(participant_id).link_id is not None and not session.is_by_phone
        return appointment(
            session,
            participant_id,
            letterhead=house.letterhead,
            language=participant.language or house.language,
            link=self._letters.link(session, participant_id) if has_link else None,
            now=self._clock.now(),
        )

    # --- By whoever holds the link ---------------------------------------------------------------

    async def opened(self, link_id: str) -> tuple[Session, Participant]:
        """Return what a link leads to, whenever that is; raise `LinkUnknown`. It changes nothing."""
        session = await self._consultations.find_by_link(link_id) if isinstance(link_id, str) else None
        if session is None:
            raise LinkUnknown("no invitation has this link")
        for participant in session.participants:
            attendance = session.of(participant.id)
            if attendance.link_id == link_id and attendance.presence not in OUT:
                return session, participant
        raise LinkUnknown("the invitation was taken back")

    async def code_channels(self, link_id: str) -> tuple[str, ...]:
        """Name the channels by which a code reaches the participant, the preferred one first."""
        session, participant = await self.opened(link_id)
        return await self._codes.channels(session, participant)

    async def send_code(self, link_id: str, *, channel: str | None = None) -> None:
        """Send the participant a code: the open one again, or a new one after one that is done with.

        It goes by the first channel that reaches them, or by the one that is named: `sms`, `voice` or one
        of the host's. It is the same code by each, out of one budget.

        Raises `LinkUnknown`, `NotYetOpen`, `SessionEnded`, `ConsentMissing` (it was withdrawn),
        `SendTooSoon`, `QuotaReached`, `TooManyAttempts` (staff must invite again), `NoMobileNumber` where
        nothing reaches them, `ChannelUnavailable`, and `NotDelivered` if the gateway refused.
        """
        session, participant = await self._entering(link_id)
        await self._codes.send(session, participant, channel=channel)
        await self.note(session.id, participant.id, Step.CODE_ASKED)

    async def check_in(self, link_id: str, typed: str) -> tuple[Session, Participant]:
        """Let the participant in whose code this is; raise the error that says why not.

        They have arrived, on this device: an earlier one is told to stop.
        """
        session, participant = await self._entering(link_id)
        await self.judge(session, participant.id, typed)
        now = self._clock.now()
        change = Change(action=Action.CHECK_IN, at=now, participant=participant.id, how=BY_CODE)

        def decide(session: Session) -> Session:
            if session.of(participant.id).link_id != link_id:
                raise LinkUnknown("the invitation was replaced at this moment")
            return session.after(change)

        return await self._consultations.change(session.id, decide, trying=change), participant

    # --- By whoever takes a code, from a page or on the telephone --------------------------------

    async def judge(self, session: Session, whom: str, typed: str) -> None:
        """Use up the participant's code if this is it; raise the `CodeError` that says why not."""
        policy = self._organisations.get(session.organisation).code_policy
        try:
            await self._verifier.verify(session.of(whom).challenge_id, typed, policy=policy)
        except CodeRejected:
            await self.note(session.id, whom, Step.CODE_REFUSED)
            raise

    async def note(self, session_id: str, whom: str, step: Step, *, by: str | None = None) -> None:
        """Note a step if the session still takes one: it never stands in anybody's way."""
        with suppress(SessionError):
            await self._consultations.step(session_id, whom, step, by=by)

    # --- Rules -----------------------------------------------------------------------------------

    def _invited(self, session: Session, whom: str, message: Message | None, *, again: bool) -> Session:
        attendance = session.of(whom)
        is_new = again or attendance.link_id is None or attendance.presence in OUT
        is_sent = not is_new and any(_announces(m, session) for m in attendance.messages)
        wants_sms = message is not None and session.participant(whom).takes_sms and not is_sent
        if not is_new and not wants_sms:
            return session
        invited = session.after(Change(action=Action.INVITE, at=self._clock.now(), participant=whom))
        if is_new:
            link_id = opaque(self._randomness(LINK_BYTES))
            invited = invited.noting(whom, link_id=link_id, challenge_id=None, messages=_told(attendance))
        if message is not None and wants_sms:
            announced = message.but(sequence=session.sequence)
            invited = invited.noting(whom, messages=(*invited.of(whom).messages, announced))
        return invited

    def _invitation(self, session: Session, participant: Participant) -> Invitation:
        attendance = session.of(participant.id)
        sent = [
            m.status for m in attendance.messages if m.kind == "invitation" and m.sequence == session.sequence
        ]
        return Invitation(
            session=session.id,
            participant=participant.id,
            url=self._letters.link(session, participant.id),
            link_id=attendance.link_id or "",
            texts=self._letters.announcement(session, participant),
            delivery=sent[-1] if sent else None,
        )

    async def _entering(self, link_id: str) -> tuple[Session, Participant]:
        session, participant = await self.opened(link_id)
        refuse_entry(session, self._clock.now())
        return session, participant


def _announces(message: Message, session: Session) -> bool:
    """Whether a message has told, or will tell, when the visit is: of one that was put off, when by now."""
    is_failed = message.status is DeliveryStatus.FAILED
    return message.kind == "invitation" and message.sequence == session.sequence and not is_failed


def _told(attendance: Attendance) -> tuple[Message, ...]:
    """Return the messages without those that would still go out with a link that is no more."""
    return tuple(m for m in attendance.messages if m.status is not DeliveryStatus.QUEUED)

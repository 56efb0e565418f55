"""Send the messages of a visit: reserve, commit, deliver, record.

A message is reserved in the session's record together with the moment from which another process may
take it over. It is sent once that is committed: in process before the caller's call returns, when the
host commits its own transaction, or by `run_due`. Its text, and the code in it, are computed at that
moment and stored nowhere.

Each text is noted before a gateway is asked to take it (`handover.py`). So a retry sends only what is not
out, under the same idempotency key, and what may be out only by a gateway that may be asked again.
"""

import logging
from contextlib import suppress
from datetime import datetime

from hugathome.check_in_codes import CheckInCodes
from hugathome.clock import Clock
from hugathome.codes import Sms, SmsGateway
from hugathome.consultations import Consultations
from hugathome.deliveries import Deliveries
from hugathome.errors import (
    CodeError,
    HugathomeError,
    NoMobileNumber,
    NotDelivered,
    QuotaReached,
    SendTooSoon,
    SessionError,
    SmsNotSent,
)
from hugathome.handles import handle_of
from hugathome.handover import (
    LEASE,
    MAX_ATTEMPTS,
    asking,
    is_due,
    is_in_doubt,
    is_still_held,
    longest_send,
    may_be_asked_again,
    message_of,
    reserved,
    taken_over,
    with_message,
)
from hugathome.history import IN_DOUBT, DeliveryStatus, Message, MessageKind
from hugathome.letters import Letters
from hugathome.organisations import Organisations
from hugathome.phone import PhoneNumber
from hugathome.receipts import is_out
from hugathome.session import Participant, Session, SessionStore
from hugathome.transitions import OUT
from hugathome.verifier import CodeMessage, Randomness, opaque
from hugathome.ways import taken

_LOGGER = logging.getLogger("hugathome")


class Dispatch:
    """The way out for the messages of one deployment."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        codes: CheckInCodes,
        letters: Letters,
        deliveries: Deliveries,
        store: SessionStore,
        organisations: Organisations,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._consultations = consultations
        self._codes = codes
        self._letters = letters
        self._deliveries = deliveries
        self._store = store
        self._organisations = organisations
        self._clock = clock
        self._randomness = randomness

    def message(self, kind: MessageKind) -> Message:
        """Return a message to be kept in the record, reserved by whoever saves it."""
        return reserved(opaque(self._randomness(12)), kind, now=self._clock.now())

    async def deliver(self, session_id: str, whom: str, message: Message) -> None:
        """Send a message that was reserved in the record, once that is committed.

        Raises `SmsNotSent` after having recorded it; within a host's transaction nothing is raised.
        """
        await self._store.after_commit(lambda: self._deliver(session_id, whom, message))

    async def run_due(self) -> datetime | None:
        """Send what is due, forget what has had its time, and return when to come again, if at all."""
        earliest = self._clock.now()
        for session_id in await self._store.due_sessions(earliest, limit=100):
            try:
                await self._run_session(session_id)
            except HugathomeError as refused:  # a session that cannot be read holds up no other
                _LOGGER.error("what is due of a session was not done: %s", refused)
                earliest = self._clock.now() + LEASE
        due_at = await self._store.next_due()
        return None if due_at is None else max(due_at, earliest)

    # --- What is due -----------------------------------------------------------------------------

    async def _run_session(self, session_id: str) -> None:
        session = await self._consultations.get(session_id)
        if session.status.is_terminal:
            await self._consultations.forget_room(session_id)
            return
        for participant in session.participants:
            for message in await self._claim(session_id, participant.id):
                with suppress(NotDelivered, CodeError, SessionError):  # recorded; the others go on
                    await self._try_again(session_id, participant.id, message)

    async def _claim(self, session_id: str, whom: str) -> list[Message]:
        """Take over the messages that nobody has sent in time."""
        claimed: list[Message] = []

        def claim(session: Session) -> Session:
            now = self._clock.now()
            claimed[:] = [taken_over(m, now=now) for m in session.of(whom).messages if is_due(m, now=now)]
            for message in claimed:
                session = with_message(session, whom, message)
            return session

        await self._consultations.change(session_id, claim)
        return claimed

    async def _try_again(self, session_id: str, whom: str, message: Message) -> None:
        """Send a message that was taken over, or give it up: that is told as every failure is."""
        if message.attempts <= MAX_ATTEMPTS:
            await self._deliver(session_id, whom, message)
        else:
            await self._failed(session_id, whom, message, reason=IN_DOUBT if is_in_doubt(message) else None)

    # --- One message -----------------------------------------------------------------------------

    async def _deliver(self, session_id: str, whom: str, message: Message) -> None:
        session = await self._consultations.get(session_id)
        held = _held(session, whom, message)
        if held is None:
            return
        if is_in_doubt(held) and not may_be_asked_again(self._gateway(session)):
            await self._failed(session_id, whom, held, reason=IN_DOUBT)
            return
        texts: tuple[str, ...] = ()
        code: CodeMessage | None = None
        try:
            code = await self._code(session, session.participant(whom), held)
            texts = self._texts(session, session.participant(whom), held, code)
            is_done = await self._hand_over(session, whom, held, texts)
        except (NotDelivered, CodeError) as refused:
            may_be_out = isinstance(refused, NotDelivered) and not refused.is_certain
            reason = IN_DOUBT if may_be_out else None
            await self._failed(session_id, whom, held, texts=len(texts), reason=reason)
            is_first = held.attempts == 1  # whoever took a message over does not know what the one before did
            if code is not None and isinstance(refused, NotDelivered) and is_first:
                await self._codes.not_delivered(code, refused)
            raise
        if is_done:
            await self._deliveries.conclude(session_id, whom, held, DeliveryStatus.SENT, texts=len(texts))

    async def _code(self, session: Session, participant: Participant, message: Message) -> CodeMessage | None:
        """Reserve the code that goes out with a message, if one does."""
        if message.kind == "call" or session.is_by_phone or not session.is_enterable(self._clock.now()):
            return None
        try:
            return await self._codes.reserved(session, participant, is_retry=message.attempts > 1)
        except (SendTooSoon, QuotaReached):  # a link without a code is worth more than nothing
            return None

    def _texts(
        self, session: Session, participant: Participant, message: Message, code: CodeMessage | None
    ) -> tuple[str, ...]:
        if message.kind == "call":
            return self._letters.call(session, participant)
        if code is None:
            return self._letters.announcement(session, participant)
        return self._letters.invitation(session, participant, code=code.code)

    async def _hand_over(self, session: Session, whom: str, message: Message, texts: tuple[str, ...]) -> bool:
        """Have a gateway take every text that is not out; return False once another has taken over."""
        gateway, to = self._gateway(session), sms_number(session.participant(whom))
        for part, text in enumerate(texts, start=1):
            if is_out(message, part=part):
                continue
            if not await self._noted(session.id, whom, message, part=part, texts=len(texts)):
                return False
            sms = Sms(to=to, text=text, idempotency_key=f"{message.id}.{part}")
            handle = handle_of(await taken(gateway.send, sms, refusal=SmsNotSent))
            if handle is not None:
                await self._deliveries.keep(session.id, whom, message, part=part, handle=handle)
        return True

    async def _noted(self, session_id: str, whom: str, message: Message, *, part: int, texts: int) -> bool:
        """Note that a gateway is about to be asked, and hold the message for as long as that may take.

        Return False where it is another's by now, or not to go out any more.
        """
        is_ours = False

        def note(session: Session) -> Session:
            nonlocal is_ours
            held = _held(session, whom, message)
            is_ours = held is not None
            if held is None:
                return session
            longest = longest_send(self._gateway(session))
            noted = asking(held, part=part, texts=texts, now=self._clock.now(), longest=longest)
            return with_message(session, whom, noted)

        await self._consultations.change(session_id, note)
        return is_ours

    async def _failed(
        self, session_id: str, whom: str, message: Message, *, texts: int = 0, reason: str | None
    ) -> None:
        status = DeliveryStatus.FAILED
        await self._deliveries.conclude(session_id, whom, message, status, texts=texts, reason=reason)

    def _gateway(self, session: Session) -> SmsGateway:
        return self._organisations.get(session.organisation).sms


def sms_number(participant: Participant) -> PhoneNumber:
    """Return the participant's mobile number, or raise `NoMobileNumber`."""
    if isinstance(participant.phone, PhoneNumber) and participant.phone.takes_sms:
        return participant.phone
    raise NoMobileNumber("the participant has no mobile number")


def _held(session: Session, whom: str, message: Message) -> Message | None:
    """Return what the record knows of a message while it is whose who sends it, and still to go out."""
    if session.status.is_terminal or session.consent is None or session.of(whom).presence in OUT:
        return None  # it has ended, the patient no longer wants it, or they were put out
    known = message_of(session, whom, message.id)
    return known if known is not None and is_still_held(known, message) else None

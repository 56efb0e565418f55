"""Send the messages of a visit: reserve, commit, deliver, record.

A message is reserved in the session's record together with the moment from which another process may
take it over. It is sent once that is committed: in process before the caller's call returns, when the
host commits its own transaction, or by `run_due`. Its text, and the code in it, are computed at that
moment and stored nowhere. A reminder is reserved by `run_due`, in the change that takes it off the record.

Each text is noted before a gateway is asked to take it (`handover.py`). So a retry sends only what is not
out, under the same idempotency key, and what may be out only by a gateway that may be asked again.
"""

import logging
from contextlib import suppress
from datetime import datetime

from hugathome.clock import Clock
from hugathome.codes import Sms, SmsGateway
from hugathome.consultations import Consultations
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
from hugathome.organisations import Organisations
from hugathome.phone import PhoneNumber
from hugathome.reach.handles import handle_of
from hugathome.reach.handover import (
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
from hugathome.reach.receipts import is_out
from hugathome.record.history import IN_DOUBT, DeliveryStatus, Message, MessageKind
from hugathome.record.participants import Participant
from hugathome.record.reminders import is_too_late, with_reminders
from hugathome.record.shelf import SessionStore
from hugathome.record.transitions import OUT
from hugathome.sending.check_in_codes import CheckInCodes
from hugathome.sending.deliveries import Deliveries
from hugathome.sending.letters import Letters
from hugathome.sending.ways import taken
from hugathome.session import Session
from hugathome.telemetry import SILENT, Telemetry, spanned
from hugathome.verifier import CodeMessage, Randomness, opaque
from hugathome.visits.ledger import run_out
from hugathome.visits.retention import Retention

_LOGGER = logging.getLogger("hugathome")

_AT_ONCE = 100


@spanned("dispatch")
class Dispatch:
    """The way out for the messages of one deployment."""

    telemetry: Telemetry = SILENT

    def __init__(
        self,
        *,
        consultations: Consultations,
        codes: CheckInCodes,
        letters: Letters,
        deliveries: Deliveries,
        retention: Retention,
        store: SessionStore,
        organisations: Organisations,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._consultations = consultations
        self._codes = codes
        self._letters = letters
        self._deliveries = deliveries
        self._retention = retention
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
        """Send what is due, let go of what was held or kept, and return when to come again, if at all."""
        began = self._clock.now()
        is_all_done = await self._run_all(began)
        due_at = await self._store.next_due()
        if due_at is None:
            return None
        return max(due_at, began if is_all_done else self._clock.now() + LEASE)

    # --- What is due -----------------------------------------------------------------------------

    async def _run_all(self, now: datetime) -> bool:
        """Do what is due, and return whether all of it could be done.

        What cannot be done stays due, before whatever is due later: it is passed over, however much it is.
        """
        failed: set[str] = set()
        known = -1
        while known < len(failed):
            known = len(failed)
            for session_id in await self._store.due_sessions(now, limit=_AT_ONCE + known):
                if session_id not in failed and not await self._is_run(session_id):
                    failed.add(session_id)
        return not failed

    async def _is_run(self, session_id: str) -> bool:
        try:
            await self._run_session(session_id)
        except HugathomeError as refused:  # a session that cannot be read holds up no other
            _LOGGER.error("what is due of a session was not done: %s", refused)
            return False
        return True

    async def _run_session(self, session_id: str) -> None:
        session = await self._consultations.get(session_id)
        if session.status.is_terminal:
            await self._retention.attend(session)
            return
        for whom, reminder in await self._settle(session_id):
            with suppress(NotDelivered):  # recorded; the others go on
                await self.deliver(session_id, whom, reminder)
        for participant in session.participants:
            for message in await self._claim(session_id, participant.id):
                with suppress(NotDelivered, CodeError, SessionError):  # recorded; the others go on
                    await self._try_again(session_id, participant.id, message)

    async def _settle(self, session_id: str) -> list[tuple[str, Message]]:
        """Let go of a slot that was only held, or reserve the reminders that are due, and return them."""
        reserved: set[str] = set()

        def reserve() -> Message:
            message = self.message("reminder")
            reserved.add(message.id)
            return message

        def settle(session: Session) -> Session:
            now = self._clock.now()
            let_go = run_out(session, now)
            return let_go if let_go is not session else with_reminders(session, now, reserve=reserve)

        session = await self._consultations.change(session_id, settle)
        messages = ((one.id, m) for one in session.participants for m in session.of(one.id).messages)
        return [(whom, message) for whom, message in messages if message.id in reserved]

    async def _claim(self, session_id: str, whom: str) -> list[Message]:
        """Take over the messages that nobody has sent in time."""
        claimed: list[Message] = []

        def claim(session: Session) -> Session:
            now = self._clock.now()
            known = () if session.status.is_terminal else session.of(whom).messages
            claimed[:] = [taken_over(m, now=now) for m in known if is_due(m, now=now)]
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
            await self._give_up(session_id, whom, message)

    # --- One message -----------------------------------------------------------------------------

    async def _deliver(self, session_id: str, whom: str, message: Message) -> None:
        session = await self._consultations.get(session_id)
        held = _held(session, whom, message)
        if held is None:
            return
        may_not_be_asked = is_in_doubt(held) and not may_be_asked_again(self._gateway(session))
        if may_not_be_asked or is_too_late(session, held, self._clock.now()):
            await self._give_up(session_id, whom, held)
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
        if message.kind != "invitation" or session.is_by_phone or not session.is_enterable(self._clock.now()):
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
        if message.kind == "reminder":
            return self._letters.reminder(session, participant)
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
            handle = handle_of(await taken(gateway.send, sms, refusal=SmsNotSent, telemetry=self.telemetry))
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

    async def _give_up(self, session_id: str, whom: str, message: Message) -> None:
        await self._failed(session_id, whom, message, reason=IN_DOUBT if is_in_doubt(message) else None)

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

"""Send the messages of a visit: reserve, commit, deliver, record.

A message is reserved in the session's record together with the moment from which another process may
take it over. It is sent once that is committed: in process before the caller's call returns, when the
host commits its own transaction, or by `run_due`. Its text, and the code in it, are computed at that
moment and stored nowhere; a retry goes out under the same idempotency key, and only what no receipt has
shown to be out already.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta

from hugathome import words
from hugathome.callback import callback_word
from hugathome.channels import Addressee, Channel, Notice
from hugathome.clock import Clock
from hugathome.codes import Challenge, ChallengeState, Sms
from hugathome.consultations import Consultations
from hugathome.deliveries import PURPOSE, Deliveries
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
from hugathome.history import DeliveryStatus, Message, MessageKind
from hugathome.keys import KeyRing
from hugathome.organisations import House, Organisations
from hugathome.participants import Participant
from hugathome.phone import PhoneNumber
from hugathome.policy import CodePolicy
from hugathome.receipts import is_out
from hugathome.roles import Language
from hugathome.session import Session
from hugathome.shelf import SessionStore
from hugathome.transitions import OUT
from hugathome.verifier import CodeMessage, Randomness, Verifier, opaque
from hugathome.ways import Ways

_LOGGER = logging.getLogger("hugathome")

LEASE = timedelta(seconds=60)
"""How long whoever reserved a message may take to send it; it doubles with every attempt."""
MAX_ATTEMPTS = 5


class Dispatch:
    """The way out for the messages of one deployment."""

    def __init__(
        self,
        *,
        consultations: Consultations,
        verifier: Verifier,
        deliveries: Deliveries,
        store: SessionStore,
        organisations: Organisations,
        keys: KeyRing,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._consultations = consultations
        self._verifier = verifier
        self._deliveries = deliveries
        self._store = store
        self._organisations = organisations
        self._keys = keys
        self._clock = clock
        self._randomness = randomness

    # --- What there is to say --------------------------------------------------------------------

    def link(self, session: Session, participant_id: str) -> str:
        """Return the address that a participant opens."""
        site = self._organisations.get(session.organisation).letterhead.site
        return f"{site}/j/{session.of(participant_id).link_id}"

    def announcement(self, session: Session, participant: Participant) -> tuple[str, ...]:
        """Return what an invitation says where no code goes with it."""
        house, language = self._house(session, participant)
        starts_at, zone = session.window.starts_at, house.timezone
        if not session.is_by_phone:
            link = self.link(session, participant.id)
            return words.invitation(house.letterhead, language, link=link, starts_at=starts_at, zone=zone)
        word = self.callback_word(session, participant)
        if starts_at <= self._clock.now():
            return words.phone_invitation_now(house.letterhead, language, word=word)
        return words.phone_invitation(house.letterhead, language, starts_at=starts_at, zone=zone, word=word)

    def callback_word(self, session: Session, participant: Participant) -> str:
        """Return the word that messages tell a participant, and that whoever calls them says first."""
        _, language = self._house(session, participant)
        return callback_word(self._keys.current, session.id, participant.id, language=language)

    # --- Messages of the record ------------------------------------------------------------------

    def message(self, kind: MessageKind) -> Message:
        """Return a message to be kept in the record, reserved by whoever saves it."""
        due_at = self._clock.now() + LEASE
        return Message(id=opaque(self._randomness(12)), kind=kind, attempts=1, due_at=due_at)

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

    async def _run_session(self, session_id: str) -> None:
        session = await self._consultations.get(session_id)
        if session.status.is_terminal:
            await self._consultations.forget_room(session_id)
            return
        for participant in session.participants:
            for message in await self._claim(session_id, participant.id):
                with suppress(SmsNotSent, CodeError, SessionError):  # recorded; the others go on
                    await self._try_again(session_id, participant.id, message)

    async def _claim(self, session_id: str, whom: str) -> list[Message]:
        """Take over the messages that nobody has sent in time."""
        claimed: list[Message] = []

        def claim(session: Session) -> Session:
            claimed[:] = [self._retried(m) for m in session.of(whom).messages if self._is_due(m)]
            return _replacing(session, whom, claimed)

        await self._consultations.change(session_id, claim)
        return claimed

    def _is_due(self, message: Message) -> bool:
        return _is_queued(message) and message.due_at <= self._clock.now()

    def _retried(self, message: Message) -> Message:
        due_at = self._clock.now() + LEASE * 2**message.attempts
        return message.but(attempts=message.attempts + 1, due_at=due_at)

    async def _try_again(self, session_id: str, whom: str, message: Message) -> None:
        """Send a message that was taken over, or give it up: that is told as every failure is."""
        if message.attempts <= MAX_ATTEMPTS:
            await self._deliver(session_id, whom, message)
        else:
            await self._deliveries.conclude(session_id, whom, message, DeliveryStatus.FAILED, texts=0)

    async def _deliver(self, session_id: str, whom: str, message: Message) -> None:
        session = await self._consultations.get(session_id)
        participant = session.participant(whom)
        attendance = session.of(whom)
        if session.status.is_terminal or session.consent is None or attendance.presence in OUT:
            return  # it has ended, the patient no longer wants it, or they were put out
        reserved = next((m for m in attendance.messages if m.id == message.id), None)
        if reserved is None or reserved.attempts != message.attempts or not _is_queued(reserved):
            return  # another process has taken over
        texts: tuple[str, ...] = ()
        try:
            texts = await self._texts(session, participant, message)
            await self._send(session, sms_number(participant), texts, message=reserved)
        except (SmsNotSent, CodeError):
            await self._deliveries.conclude(
                session_id, whom, message, DeliveryStatus.FAILED, texts=len(texts)
            )
            raise
        await self._deliveries.conclude(session_id, whom, message, DeliveryStatus.SENT, texts=len(texts))

    async def _texts(self, session: Session, participant: Participant, message: Message) -> tuple[str, ...]:
        house, language = self._house(session, participant)
        link = self.link(session, participant.id)
        if message.kind == "call" and session.is_by_phone:
            word = self.callback_word(session, participant)
            return words.phone_invitation_now(house.letterhead, language, word=word)
        if message.kind == "call":
            return words.call(house.letterhead, language, link=link)
        if session.is_by_phone or not session.is_enterable(self._clock.now()):
            return self.announcement(session, participant)
        has_failed = any(_has_failed(m) for m in session.of(participant.id).messages)
        try:
            code = await self._reserved(session, participant, is_retry=has_failed or message.attempts > 1)
        except (SendTooSoon, QuotaReached):
            return self.announcement(session, participant)  # a link without a code is worth more than nothing
        return words.invitation_with_code(house.letterhead, language, link=link, code=code.code)

    # --- Codes -----------------------------------------------------------------------------------

    async def code_channels(self, session: Session, participant: Participant) -> tuple[str, ...]:
        """Name the channels by which a code reaches a participant, the preferred one first."""
        if _telephone(participant) is None:
            return ()
        house, language = self._house(session, participant)
        reaching = await Ways.of(house).open_to(_addressee(session, participant, language))
        return tuple(channel.name for channel in reaching)

    async def send_code(
        self,
        session: Session,
        participant: Participant,
        *,
        channel: str | None = None,
        aloud: bool = False,
    ) -> None:
        """Send a participant their code once the reservation is committed; raise what forbids it.

        `aloud` asks them to read it out, as in a visit by telephone, where no page takes it.
        """
        house, language = self._house(session, participant)
        to = _addressee(session, participant, language)
        way = await Ways.of(house).chosen(to, name=channel, line_is_busy=aloud)
        code = await self._reserved(session, participant)
        say = words.code_to_read if aloud or session.is_by_phone else words.code_alone
        notice = Notice(
            to=to,
            code=code.code,
            texts=say(house.letterhead, language, code=code.code),
            link=self.link(session, participant.id),
            idempotency_key=code.idempotency_key,
        )
        await self._store.after_commit(lambda: self._send_code(way, notice, code))

    async def _send_code(self, way: Channel, notice: Notice, code: CodeMessage) -> None:
        try:
            await way.send(notice)
        except NotDelivered:
            await self._verifier.not_delivered(code)
            raise

    async def _reserved(
        self, session: Session, participant: Participant, *, is_retry: bool = False
    ) -> CodeMessage:
        """Reserve one message with the participant's code, opening a challenge if none is open."""
        policy = self._organisations.get(session.organisation).code_policy
        challenge = await self._verifier.find(session.of(participant.id).challenge_id)
        if is_retry and challenge is not None and challenge.sends and self._verifier.is_open(challenge):
            return self._verifier.message(challenge)
        is_locked = challenge is not None and challenge.state is ChallengeState.LOCKED
        if challenge is None or not (is_locked or self._verifier.is_open(challenge)):
            challenge = await self._issued(session, participant, policy)
        return await self._verifier.reserve(challenge, policy)

    async def _issued(self, session: Session, participant: Participant, policy: CodePolicy) -> Challenge:
        """Open a challenge, or take the one that another call has opened at the same moment."""
        before = session.of(participant.id).challenge_id
        issued = await self._verifier.issue(
            policy,
            organisation=session.organisation,
            purpose=PURPOSE,
            subject=f"{session.id}/{participant.id}",
            phone=_number(participant),
        )

        def note(session: Session) -> Session:
            is_first = session.of(participant.id).challenge_id == before
            return session.noting(participant.id, challenge_id=issued.id) if is_first else session

        after = await self._consultations.change(session.id, note)
        return await self._verifier.find(after.of(participant.id).challenge_id) or issued

    # --- The gateway -----------------------------------------------------------------------------

    async def _send(
        self, session: Session, to: PhoneNumber, texts: tuple[str, ...], *, message: Message
    ) -> None:
        """Hand over the texts of a message, except those that are out already."""
        gateway = self._organisations.get(session.organisation).sms
        for part, text in enumerate(texts, start=1):
            if not is_out(message, part=part):
                await gateway.send(Sms(to=to, text=text, idempotency_key=f"{message.id}.{part}"))

    def _house(self, session: Session, participant: Participant) -> tuple[House, Language]:
        house = self._organisations.get(session.organisation)
        return house, Language(participant.language or house.language)


def takes_sms(participant: Participant) -> bool:
    """Whether a text message reaches the participant."""
    return isinstance(participant.phone, PhoneNumber) and participant.phone.takes_sms


def sms_number(participant: Participant) -> PhoneNumber:
    """Return the participant's mobile number, or raise `NoMobileNumber`."""
    if isinstance(participant.phone, PhoneNumber) and participant.phone.takes_sms:
        return participant.phone
    raise NoMobileNumber("the participant has no mobile number")


def _telephone(participant: Participant) -> PhoneNumber | None:
    return participant.phone if isinstance(participant.phone, PhoneNumber) else None


def _number(participant: Participant) -> PhoneNumber:
    """Return the number that a participant's codes are bound to and counted by, whatever brings them."""
    if (number := _telephone(participant)) is None:
        raise NoMobileNumber("the participant has no telephone number")
    return number


def _addressee(session: Session, participant: Participant, language: Language) -> Addressee:
    return Addressee(
        organisation=session.organisation,
        id=participant.id,
        reference=participant.reference,
        session=session.id,
        phone=_number(participant),
        language=language,
    )


def _is_queued(message: Message) -> bool:
    return message.status is DeliveryStatus.QUEUED


def _has_failed(message: Message) -> bool:
    """Whether a message with link or code never arrived: the code in it goes out again at no cost."""
    return message.kind != "code" and message.status is DeliveryStatus.FAILED


def _replacing(session: Session, whom: str, messages: list[Message]) -> Session:
    if not messages:
        return session
    by_id = {message.id: message for message in messages}
    return session.noting(whom, messages=tuple(by_id.get(m.id, m) for m in session.of(whom).messages))

"""Record what became of messages: what a gateway answered at once, and what its receipts say later.

Receipts are found by the idempotency key that the gateway was given: a message by a look-up in the
session's record, a code by its challenge, which names the session. A gateway's own handle finds messages
only. What they change is the rule of `receipts.py`. A receipt never sends anything, refunds no send and
counts as nobody's arrival.
"""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.errors import SessionError
from hugathome.reach.handles import handle_of, handled, part_of
from hugathome.reach.handover import is_still_held, message_of, with_message
from hugathome.reach.receipts import Receipt, Reference, concluded, reference_of, told
from hugathome.record.history import Action, Change, DeliveryStatus, Message
from hugathome.record.transitions import HERE
from hugathome.roles import Step
from hugathome.session import Session
from hugathome.telemetry import spanned
from hugathome.verifier import Verifier

PURPOSE = "check-in"
"""What the codes of sessions are for; the subject of such a challenge is `<session>/<participant>`."""

_STEPS = {
    DeliveryStatus.SENT: Step.SMS_SENT,
    DeliveryStatus.DELIVERED: Step.SMS_DELIVERED,
    DeliveryStatus.FAILED: Step.SMS_FAILED,
}
_REMEMBERED = 1000
"""Receipts by handles that a process remembers: of an account's other messages there are some, too."""


class _Sent(NamedTuple):
    """A text that a receipt is about, and whose it is."""

    session_id: str
    participant: str
    message: Message
    part: int


@spanned("deliveries")
class Deliveries:
    """What became of the messages of one deployment."""

    def __init__(self, *, consultations: Consultations, verifier: Verifier, clock: Clock) -> None:
        self._consultations = consultations
        self._verifier = verifier
        self._clock = clock
        self._by_handle: deque[Receipt] = deque(maxlen=_REMEMBERED)

    async def conclude(
        self,
        session_id: str,
        whom: str,
        message: Message,
        status: DeliveryStatus,
        *,
        texts: int,
        reason: str | None = None,
    ) -> None:
        """Record what the gateway answered to the `texts` of a message; `reason` says why it has failed.

        That it has failed is said only by whoever the message is reserved for still; that it is out, by
        anybody. What was recorded before stands.
        """

        def decide(session: Session) -> Session:
            known = message_of(session, whom, message.id)
            if known is None or not _is_news(known, message, status):
                return session
            after = concluded(known, status, texts=texts)
            change = self._change(whom, after, reason=reason)
            return with_message(session.after(change), whom, after)

        with suppress(SessionError):  # a session that has ended meanwhile keeps its history as it was
            await self._consultations.change(session_id, decide)

    async def keep(self, session_id: str, whom: str, message: Message, *, part: int, handle: str) -> None:
        """Keep what the gateway calls a text, and record what it has told this process of it already.

        A handle that has been given to another text is not kept: its receipts could be for either.
        """
        if await self._consultations.find_by_handle(handle) is not None:
            return

        def decide(session: Session) -> Session:
            known = message_of(session, whom, message.id)
            if known is None or session.status.is_terminal:
                return session
            return with_message(session, whom, handled(known, part=part, handle=handle))

        with suppress(SessionError):  # the participant or the session is no more
            await self._consultations.change(session_id, decide)
        for early in [each for each in self._by_handle.copy() if each.reference == handle]:
            await self.receive(early)

    async def receive(self, receipt: Receipt) -> bool:
        """Record a receipt; return False where it changes nothing, or is for nothing that is known here."""
        sent = await self._sent(receipt)
        if sent is None:
            return False
        is_news = False

        def decide(session: Session) -> Session:
            nonlocal is_news
            before = message_of(session, sent.participant, sent.message.id) or sent.message
            after = told(before, part=sent.part, status=receipt.status)
            is_news = after is not before and not session.status.is_terminal
            if not is_news:
                return session
            if after.status is not before.status:
                change = self._change(sent.participant, after, reason=receipt.reason)
                is_moot = _is_moot(session, sent.participant, after)
                session = session.after(change.but(step=None) if is_moot else change)
            return _kept(session, sent.participant, after)

        with suppress(SessionError):  # the participant or the session is no more
            await self._consultations.change(sent.session_id, decide)
        return is_news

    async def _sent(self, receipt: Receipt) -> _Sent | None:
        reference = reference_of(receipt.reference)
        if reference is None:
            return await self._handled(receipt)
        return await (self._code(reference) if reference.is_code else self._message(reference))

    async def _message(self, reference: Reference) -> _Sent | None:
        session = await self._consultations.find_by_message(reference.message)
        return _found(session, lambda m: reference.part if m.id == reference.message else None)

    async def _handled(self, receipt: Receipt) -> _Sent | None:
        """Return the message that a gateway calls so; what comes before that is known is remembered."""
        handle = handle_of(receipt.reference)
        if handle is None:
            return None
        if receipt not in self._by_handle:
            self._by_handle.append(receipt)  # before anybody looks: it may be kept in this very moment
        session = await self._consultations.find_by_handle(handle)
        return _found(session, lambda m: part_of(m, handle))

    async def _code(self, reference: Reference) -> _Sent | None:
        """Return a code that was sent by itself: the record keeps it once something is known of it."""
        challenge_id, _, send = reference.message.partition(".")
        challenge = await self._verifier.find(challenge_id)
        if challenge is None or challenge.purpose != PURPOSE or not 0 < int(send) <= challenge.sends:
            return None
        session_id, _, whom = challenge.subject.rpartition("/")
        message = Message(
            id=reference.message,
            kind="code",
            status=DeliveryStatus.SENT,
            attempts=1,
            due_at=challenge.issued_at,
            parts=(DeliveryStatus.SENT,),
        )
        return _Sent(session_id, whom, message, reference.part)

    def _change(self, whom: str, message: Message, *, reason: str | None = None) -> Change:
        return Change(
            action=Action.DELIVER,
            at=self._clock.now(),
            participant=whom,
            delivery=message.status,
            step=_STEPS[message.status],
            reason=reason,
        )


def _found(session: Session | None, text_of: Callable[[Message], int | None]) -> _Sent | None:
    """Return the message of a session of which `text_of` finds a text."""
    if session is None:
        return None
    for whom, attendance in session.attendance.items():
        for message in attendance.messages:
            if part := text_of(message):
                return _Sent(session.id, whom, message, part)
    return None


def _is_news(known: Message, message: Message, status: DeliveryStatus) -> bool:
    """Whether the gateway's answer to `message` changes what is known of it."""
    if status is DeliveryStatus.FAILED:
        return is_still_held(known, message)
    return known.status is DeliveryStatus.QUEUED


def _is_moot(session: Session, whom: str, message: Message) -> bool:
    """Whether a message has become of no interest: to who is there already, or once it tells an old time."""
    is_old = message.kind in ("invitation", "reminder") and message.sequence < session.sequence
    return is_old or (message.kind != "call" and session.of(whom).presence in HERE)


def _kept(session: Session, whom: str, message: Message) -> Session:
    """Return the session with what is known of a message now, of a code from the first receipt on."""
    if message.kind == "code" and message_of(session, whom, message.id) is None:
        return session.noting(whom, messages=(*session.of(whom).messages, message))
    return with_message(session, whom, message)

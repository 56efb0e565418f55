"""Hand a message over to a gateway: whose turn it is, until when, and what a sender who died leaves behind.

    reserved ──► asking, text by text ──► concluded (`receipts.py`)
                    │      ▲
      nobody comes back  taken over

Before a gateway is asked to take a text, the record says so, together with the moment from which another
process may take the message over. Whoever does knows from it what may be out already. That goes out again
only by a gateway that may be asked again; by any other nobody gets two messages for one: the message is
given up, and told as one that failed.

This module is pure: whoever sends (`dispatch.py`) loads, saves and asks.
"""

from datetime import datetime, timedelta

from hugathome.codes import SmsGateway
from hugathome.reach.receipts import is_out
from hugathome.record.history import DeliveryStatus, Message, MessageKind
from hugathome.session import Session

QUEUED, SENT = DeliveryStatus.QUEUED, DeliveryStatus.SENT

LEASE = timedelta(seconds=60)
"""What whoever sends a message has beside the gateway's own time; it doubles with every attempt."""
MAX_ATTEMPTS = 5

# --- A message on its way ------------------------------------------------------------------------


def reserved(message_id: str, kind: MessageKind, *, now: datetime) -> Message:
    """Return a message that whoever saves it is going to send."""
    return Message(id=message_id, kind=kind, attempts=1, due_at=now + LEASE)


def is_due(message: Message, *, now: datetime) -> bool:
    """Whether whoever reserved it has had their time."""
    return message.status is QUEUED and message.due_at <= now


def taken_over(message: Message, *, now: datetime) -> Message:
    """Return the message as the next one to try it reserves it."""
    attempts = message.attempts + 1
    return message.but(attempts=attempts, due_at=now + _lease(attempts))


def is_still_held(known: Message, held: Message) -> bool:
    """Whether a message is still that of whoever reserved `held`: unsent, and taken over by nobody."""
    return known.status is QUEUED and known.attempts == held.attempts


def asking(message: Message, *, part: int, texts: int, now: datetime, longest: timedelta) -> Message:
    """Return the message as it is kept while a gateway is asked to take one of its `texts`.

    Those before it are out. It stays reserved for as long as the gateway may take for one, and the lease.
    """
    padded = message.parts + (QUEUED,) * (texts - len(message.parts))
    before = tuple(SENT if each is QUEUED else each for each in padded[: part - 1])
    due_at = now + longest + _lease(message.attempts)
    return message.but(parts=before + padded[part - 1 :], asked=part, due_at=due_at)


def is_in_doubt(message: Message) -> bool:
    """Whether a gateway was asked to take a text and nobody noted its answer: it may be out."""
    return message.asked > 0 and not is_out(message, part=message.asked)


def _lease(attempts: int) -> timedelta:
    return LEASE * (1 << (attempts - 1))


# --- Where it is kept ----------------------------------------------------------------------------


def message_of(session: Session, whom: str, message_id: str) -> Message | None:
    """Return what the record knows of a participant's message."""
    return next((m for m in session.of(whom).messages if m.id == message_id), None)


def with_message(session: Session, whom: str, message: Message) -> Session:
    """Return the session with what is known of a message now; of one that was replaced nothing is kept."""
    messages = session.of(whom).messages
    return session.noting(whom, messages=tuple(message if m.id == message.id else m for m in messages))


# --- What a gateway says of itself ---------------------------------------------------------------


def may_be_asked_again(gateway: SmsGateway) -> bool:
    """Whether what the gateway may have taken may be handed to it again; one that says nothing may not."""
    return getattr(gateway, "may_be_asked_again", False) is True


def longest_send(gateway: SmsGateway) -> timedelta:
    """Return what the gateway may take for one text; of one that says nothing the lease must do."""
    longest: object = getattr(gateway, "longest_send", None)
    return longest if isinstance(longest, timedelta) else timedelta(0)

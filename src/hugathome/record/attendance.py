"""What is known of one participant beside who they are: where they are, and what was sent to them."""

from pydantic import Field

from hugathome._model import Record
from hugathome.privacy import Public, Secret, Shown
from hugathome.record.history import Action, Change, DeliveryStatus, Message
from hugathome.record.transitions import OUT, Presence


class Attendance(Record):
    """What is known of one participant beside who they are."""

    presence: Shown[Presence] = Presence.EXPECTED
    is_admitted: Shown[bool] = False
    """An admission belongs to the participant: it outlives a lost connection and a change of device."""
    device: Public[int] = 0
    """How often they have checked in: a pass of an earlier device is dead."""
    link_id: Secret[str | None] = Field(default=None, repr=False)
    challenge_id: Secret[str | None] = Field(default=None, repr=False)
    messages: tuple[Message, ...] = ()
    position: Public[str | None] = None
    """Where in the room's log their last coming or going stands."""


def set_back(before: Attendance, action: Action) -> Attendance:
    """Return where somebody is once the visit is put off, or handed on to others."""
    if action is Action.TRANSFER:
        is_inside = before.presence is Presence.ADMITTED
        return before.but(is_admitted=False, presence=Presence.ARRIVED if is_inside else before.presence)
    untold = tuple(m for m in before.messages if m.status is not DeliveryStatus.QUEUED)
    presence = before.presence if before.presence in OUT else Presence.EXPECTED
    return before.but(presence=presence, messages=untold)


def moved(before: Attendance, presence: Presence, change: Change) -> Attendance:
    """Return where somebody is after a step of the table, with what their admission makes of it."""
    is_admitted = before.is_admitted
    if change.action is Action.ADMIT:
        is_admitted = True
    elif change.action in (Action.RETURN_TO_WAITING, Action.REMOVE, Action.DENY):
        is_admitted = False
    if presence is Presence.ARRIVED and is_admitted:
        presence = Presence.ADMITTED
    is_new_device = change.action is Action.CHECK_IN or presence in OUT
    device = before.device + 1 if is_new_device else before.device
    position = change.position or before.position
    return before.but(presence=presence, is_admitted=is_admitted, device=device, position=position)

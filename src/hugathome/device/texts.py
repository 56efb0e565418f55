"""The texts that a device has read: each once, in the order in which they came, as many as a room keeps.

What was read stays, also where the log has lost it since. A text is known by who wrote it and by the number
that it was said by first, which is the same however often it is said, by whatever peer and into whatever
log; where a hub tells none, by its words and its time.

A log may be lost together with what it had acknowledged and not everybody had read. Whoever rejoins then
says again what they wrote a short while ago and the room does not know; who has read it reads it no second
time. But nothing that somebody would read who was not inside when it was written.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from hugathome._model import Record
from hugathome.protocol.messages import Text
from hugathome.protocol.talk import KEPT
from hugathome.protocol.wire import ParticipantView, RoomView, State, TextView

Texts = tuple[TextView, ...]

SAID_AGAIN_FOR = timedelta(minutes=2)
"""After that everybody has read a text, or has been away for so long that they have left."""


class Mine(Record):
    """A text of this device's participant, since the hub has brought it."""

    text: TextView
    heard_at: datetime
    inside: frozenset[str]
    """Who was, at that moment."""


def added(read: Texts, texts: Iterable[TextView]) -> Texts:
    """Return what was read, and then what of `texts` was not."""
    known = {_named(each) for each in read}
    return (*read, *(each for each in texts if _named(each) not in known))[-KEPT:]


def joined(read: Texts, kept: Iterable[TextView]) -> Texts:
    """Return what was read, and then what the room has kept besides.

    Nothing that is older than what is kept here: that was read, and let go.
    """
    since = read[0].at if len(read) >= KEPT else None
    return added(read, (each for each in kept if since is None or each.at >= since))


def with_mine(
    mine: Sequence[Mine], text: TextView, *, roster: Iterable[ParticipantView], now: datetime
) -> tuple[Mine, ...]:
    """Return what may have to be said again, with one more text."""
    return (*mine, Mine(text=text, heard_at=now, inside=_inside(roster)))[-KEPT:]


def lost(mine: Iterable[Mine], view: RoomView, *, now: datetime) -> tuple[Text, ...]:
    """Return what has to be said again in a room that this device has come into anew."""
    if view.state != "admitted":
        return ()
    known, inside = {_named(each) for each in view.texts}, _inside(view.participants)
    return tuple(
        Text(text=text.text, again=text.id)
        for text, heard_at, then in ((each.text, each.heard_at, each.inside) for each in mine)
        if text.id and _named(text) not in known and now - heard_at < SAID_AGAIN_FOR and inside <= then
    )


def _inside(roster: Iterable[ParticipantView]) -> frozenset[str]:
    return frozenset(
        each.participant
        for each in roster
        if each.state is State.ADMITTED or (each.state is State.AWAY and each.admitted)
    )


def _named(text: TextView) -> tuple[object, ...]:
    return text.participant, text.id or (text.text, text.at)

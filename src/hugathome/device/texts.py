"""The texts that a device has read: each once, in the order in which they came, as many as a room keeps.

What was read stays, also where the log has lost it since. A text is known by who wrote it and by the number
that it was said by first, which is the same however often it is said, by whatever peer and into whatever
log; where a hub tells none, by its words and its time.
"""

from collections.abc import Iterable

from hugathome.protocol.talk import KEPT
from hugathome.protocol.wire import TextView

Texts = tuple[TextView, ...]


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


def _named(text: TextView) -> tuple[object, ...]:
    return text.participant, text.id or (text.text, text.at)

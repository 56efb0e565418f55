"""What people inside say beside sound and picture: text messages, and what each device sends.

A text is kept with those who were inside when it was sent, and with nobody else: whoever is let in later
does not read what was written before.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from hugathome._model import Instant, Record
from hugathome.protocol.connections import Peer, Refused
from hugathome.protocol.messages import Sending
from hugathome.protocol.wire import Sends, TextView
from hugathome.roles import Capability, Step

KEPT = 100
"""Texts that a device is given when it comes back, at the most."""
KEPT_BYTES = 24 * 1024
"""All of them as they travel; the rest of a frame is for who takes part. What fits none lets nobody in."""


class Noted(Record):
    """A fact of a participant, and when it became one."""

    step: Step
    at: Instant


class Said(Record):
    """One text, and who was inside to read it."""

    text: TextView
    readers: frozenset[str]
    size: int
    """Bytes, as it travels."""
    until: int
    """Bytes of all that was said up to here, so that nobody need add up what is kept."""


def with_text(said: Sequence[Said], text: TextView, *, readers: frozenset[str]) -> tuple[Said, ...]:
    """Return the texts with one more, and without the oldest that are too many."""
    size = len(text.to_json().encode())
    newest = Said(text=text, readers=readers, size=size, until=size + (said[-1].until if said else 0))
    kept = (*said, newest)[-KEPT:]
    while kept and newest.until - kept[0].until + kept[0].size > KEPT_BYTES:
        kept = kept[1:]
    return kept


def read_by(participant: str, said: Sequence[Said]) -> tuple[TextView, ...]:
    """Return what a participant may read."""
    return tuple(each.text for each in said if participant in each.readers)


def now_sending(peer: Peer, sending: Sending) -> Peer:
    """Return a peer that sends what it says; raise `Refused` for a screen that it may not share."""
    if sending.picture == "screen" and Capability.SHARE_SCREEN not in peer.can:
        raise Refused("not-permitted")
    return peer.but(sends=Sends(sound=sending.sound, picture=sending.picture))


def with_step(noted: Mapping[str, Noted], participant: str, step: Step, *, at: datetime) -> dict[str, Noted]:
    """Return the facts with one that is newer, unless it does not cover what it follows."""
    earlier = noted.get(participant)
    if earlier is not None and not step.covers(earlier.step):
        return dict(noted)
    return {**noted, participant: Noted(step=step, at=at)}


def with_recorded(noted: Mapping[str, Noted], recorded: Mapping[str, Noted]) -> dict[str, Noted]:
    """Return the facts with the record's, where these are not behind: it notes a fact only so often."""
    newer = {
        participant: fact
        for participant, fact in recorded.items()
        if not _is_known(fact, noted.get(participant))
    }
    return {**noted, **newer}


def _is_known(fact: Noted, known: Noted | None) -> bool:
    if known is None:
        return False
    return not fact.step.covers(known.step) or (known.at > fact.at and known.step.covers(fact.step))

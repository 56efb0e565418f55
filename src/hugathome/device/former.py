"""Connections that have lost their place in the room, and go on until others have taken it.

Signalling that was lost stops no picture: the log may have forgotten a connection on which two people see
each other at this moment.

    renewed                                   the generation before goes on
    missing in a snapshot, and whoever is at  goes on: they come back, and are connected anew
    its other end is inside, here or away
    missing otherwise                         ends at once, as by `unpair`

What goes on ends after 15 seconds; at once where the room says so (`unpair`, the end of the visit, a visit by
telephone), and where either of the two is inside no more: nobody sees or hears whom they may not meet. And
whoever runs the endpoints ends it as soon as its successor brings all that it brings, or it is no longer
connected; of both, only one is ever shown and heard.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from hugathome._model import Record
from hugathome.device.effects import Disconnect
from hugathome.device.line import CONNECT_WITHIN, Line
from hugathome.protocol.wire import State
from hugathome.roles import Modality

if TYPE_CHECKING:
    from hugathome.device.client import Client, Next

GOES_ON_FOR = CONNECT_WITHIN


class Former(Record):
    """A connection without a place in the room, up to one of its generations."""

    pc: str
    gen: int
    participant: str
    """Who is at its other end."""
    until: datetime


def set_aside(client: "Client", line: Line, *, now: datetime) -> "Client":
    """Let a connection without a place in the room go on for a while."""
    pair = line.pair
    former = Former(pc=pair.pc, gen=pair.gen, participant=pair.participant, until=now + GOES_ON_FOR)
    return client.but(lines=_but(client, pair.pc), former=(*client.former, former))


def meets(client: "Client", participant: str) -> bool:
    """Whether a participant and this device are inside, be they away for a moment, and may see each other."""
    seen = client.roster.get(participant)
    is_inside = seen is not None and (
        seen.state is State.ADMITTED or (seen.state is State.AWAY and seen.admitted)
    )
    is_by_phone = client.session is not None and client.session.modality == Modality.PHONE
    return is_inside and client.state == "admitted" and not is_by_phone


def without(client: "Client", pc: str) -> "Next":
    """End a connection, and all that it was before."""
    line = client.lines.get(pc)
    if line is None:
        return client, ()
    former = tuple(each for each in client.former if each.pc != pc)
    return client.but(lines=_but(client, pc), former=former), (Disconnect(pc, line.pair.gen),)


def swept(client: "Client", *, now: datetime) -> "Next":
    """End the former connections that may go on no longer."""
    stay = tuple(each for each in client.former if now < each.until and meets(client, each.participant))
    gone = tuple(Disconnect(each.pc, each.gen) for each in client.former if each not in stay)
    return (client.but(former=stay), gone) if gone else (client, ())


def ends(client: "Client") -> Iterator[datetime]:
    """Yield when the former connections end at the latest."""
    return (each.until for each in client.former)


def _but(client: "Client", pc: str) -> Mapping[str, Line]:
    return {key: line for key, line in client.lines.items() if key != pc}

"""A room at one place of its log, as it is kept in place of all that led there.

    {"fold": …, "chain": …, "size": …}    by which rules, and the place
    {"session": …, "peers": …, …}         the room; only these rules know how to read it

Whoever begins here goes on as if they had read the log from its first entry: same room, same positions.
"""

from typing import NamedTuple

from hugathome._model import Record
from hugathome.errors import InvalidInput, LocalProtocolError
from hugathome.signalling import FOLD, Opened, Position, Room


class Point(NamedTuple):
    """A room, and up to where its log was read."""

    position: Position
    room: Room


class _Place(Record):
    fold: int
    chain: bytes
    size: int


def write_snapshot(point: Point) -> str:
    """Write what `read_snapshot` reads."""
    (_, chain, size), room = point
    return f"{_Place(fold=FOLD, chain=chain, size=size).to_json()}\n{room.to_json()}"


def read_snapshot(text: str, *, session: str, offset: int) -> Point:
    """Return the point; of older rules only the place, with a room that waits to be opened again.

    Raises `LocalProtocolError` for one of newer rules.
    """
    first, _, rest = text.partition("\n")
    try:
        place = _Place.from_json(first)
        if place.fold > FOLD:
            raise LocalProtocolError(f"the snapshot follows fold {place.fold}, this version knows {FOLD}")
        older = Opened(fold=place.fold, session=session, organisation=session.partition(".")[0])
        room = Room.from_json(rest) if place.fold == FOLD else Room(session=session, limits=older)
    except InvalidInput:
        raise LocalProtocolError("the log holds a snapshot that this version cannot read") from None
    return Point(Position(offset, place.chain, place.size), room)

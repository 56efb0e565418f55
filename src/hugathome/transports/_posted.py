"""What goes to and fro where a connection is carried by requests: one asks, and is told once or in a stream.

    {"connection": "c", "number": 4, "frames": ["…"]}      say the fourth frame
    {"connection": "c", "after": 7, "wait": 25}            ask for what comes behind the seventh

Frames are numbered from 1 in each direction and stay with their sender until they are known to have
arrived, so a request that got no answer is sent again as it was, and changes nothing twice.
"""

from typing import Annotated

from pydantic import ConfigDict, Field

from hugathome._model import Record
from hugathome.transports._wire import FRAME_LIMIT

LONGEST_WAIT = 25.0
"""Seconds that a request for frames may be held: proxies end what is silent for thirty."""
COMMENT_EVERY = 15.0
"""Seconds after which a silent stream carries a comment."""
CAPACITY = 16
"""Frames that one side keeps for the other, in each direction."""
BODY_LIMIT = 6 * FRAME_LIMIT + 4096
"""Bytes in one request: what is asked, around a frame whose every byte had to be escaped."""
JSON, EVENTS = "application/json", "text/event-stream"

_Number = Annotated[int, Field(ge=0, le=2**53 - 1, strict=True)]


class Asked(Record):
    """One request; without `connection` it opens one."""

    model_config = ConfigDict(extra="ignore")

    connection: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    number: _Number = 1
    """Of the first of `frames`."""
    frames: Annotated[tuple[str, ...], Field(max_length=CAPACITY)] = ()
    after: _Number | None = None
    """The last frame that was received; asks for those behind it."""
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] = 0
    """Seconds to wait for the first of them."""
    ends: bool = False


class Told(Record):
    """One answer, or one event of a stream."""

    model_config = ConfigDict(extra="ignore")

    connection: str | None = None
    """To whoever opened it: a secret, which is never part of an address."""
    taken: int = 0
    """The last frame that has been taken from whoever asked."""
    number: int = 1
    """Of the first of `frames`."""
    frames: tuple[str, ...] = ()
    ended: bool = False
    """Nothing comes behind these frames."""

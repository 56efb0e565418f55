"""When a device leaves its hub and comes back: silence, closes, a roster that is not the hub's, the back-off.

What becomes of it step by step stands in the table of `client.py`. Nothing here touches a connection between
endpoints, but for the end of all.
"""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from hugathome.device.effects import Disconnect, Drop, Effect, Return, Send
from hugathome.protocol.messages import Close, Goaway, Ping, Pong
from hugathome.protocol.roster import roster_digest
from hugathome.protocol.wire import Retry

if TYPE_CHECKING:
    from hugathome.device.client import Client, Next

GREET_WITHIN = timedelta(seconds=10)
"""How long a hub has to answer a hello."""
ANSWER_WITHIN = timedelta(seconds=5)
"""How long it has to answer where there is reason to doubt that it is still reached."""
SPREAD = (timedelta(seconds=0.5), timedelta(seconds=15))
"""The first and the greatest spread of a return (full jitter)."""
LASTING = timedelta(seconds=15)
"""A connection that has lived this long starts the back-off anew."""


class Phase(StrEnum):
    """How the device stands to its hub."""

    AWAY = "away"
    """No transport: not yet, or not at the moment."""
    GREETING = "greeting"
    LIVE = "live"
    CLOSED = "closed"


def silence_ends(client: "Client") -> datetime | None:
    """Return when the hub's silence is too long."""
    if client.heard_at is None or client.phase not in {Phase.GREETING, Phase.LIVE}:
        return None
    if client.phase is Phase.GREETING:
        return client.heard_at + GREET_WITHIN
    patience = client.heard_at + timedelta(seconds=client.limits.dead_after)
    return patience if client.asked_at is None else min(patience, client.asked_at + ANSWER_WITHIN)


def away(client: "Client", *first: Effect, now: datetime, wait: timedelta = timedelta()) -> "Next":
    """Come back after `wait` and what the back-off adds, once `first` is done."""
    has_lasted = client.live_since is not None and now - client.live_since >= LASTING
    failures = 0 if has_lasted else client.failures
    least, most = SPREAD
    after = client.but(phase=Phase.AWAY, live_since=None, failures=failures + 1)
    return after, (*first, Return(wait, min(least * 2 ** min(failures, 8), most)))


def linked(client: "Client", message: Ping | Close | Goaway, *, now: datetime) -> "Next":
    """Take what the hub says of the connection between the two."""
    match message:
        case Ping():
            return _compared(client, message, now=now)
        case Close():
            return _closed(client, message, now=now)
        case Goaway():
            return away(client, Drop(), now=now)


def _compared(client: "Client", ping: Ping, *, now: datetime) -> "Next":
    """Answer, and come back for the whole room where the hub knows another one."""
    pong = Send(Pong(t=ping.t).to_json())
    if ping.digest in {None, client.doubted, roster_digest(client.roster.values())}:
        return client, (pong,)
    after, effects = away(client.but(pos=None, doubted=ping.digest), Drop(), now=now)
    return after, (pong, *effects)


def _closed(client: "Client", close: Close, *, now: datetime) -> "Next":
    if close.retry is Retry.NEVER:
        pairs = (line.pair for line in client.lines.values())
        ended = (
            *(Disconnect(each.pc, each.gen) for each in client.former),
            *(Disconnect(each.pc, each.gen) for each in pairs),
        )
        return client.but(phase=Phase.CLOSED, end=close, lines={}, former=()), (Drop(), *ended)
    after = client.but(end=close, token=None if close.retry is Retry.REJOIN else client.token)
    return away(after, Drop(), now=now, wait=timedelta(seconds=close.after or 0))

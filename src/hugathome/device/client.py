"""A device in a session: what it says to the hub, what it makes of the answers, when it comes back.

    phase      input                             next       effects
    away       opened                            greeting   send hello: resume with the token, else the grant
    greeting   welcome                           live       send again what is unacknowledged, then what waits
    greeting   silence for 10 s                  away       drop, come back
    live       ping                              live       send pong
    live       ping, its digest not of what      away       drop, come back; the next resume asks for
               is known here                                everything
    live       silence for `limits.dead_after`   away       drop, come back
    live       hinted                            live       send ping; silence for 5 s is death
    live       half of `ice_lifetime`            live       ask for fresh ICE servers
    live       goaway                            away       drop, come back
    any        close, retry resume               away       drop, come back
    any        close, retry rejoin               away       drop, come back; the next hello takes the grant
    any        close, retry never                closed     drop, end every connection
    any        lost, or none to be had           away       come back

*Coming back* means: wait for `Return.after` and a random part of `Return.spread`, which doubles from 0.5 to
15 seconds while connections do not last; then open a new transport and call `opened`. Connections between
endpoints live on meanwhile: only `pair`, `renew`, `unpair`, a snapshot and the end touch them, and what has
lost its place by these goes on for a while (`former.py`).

Commands go through a `Window`; a resume sends the same numbers again. A rejoin makes a new peer. The last
position (`pos`) is where a resume reads on, and what comes twice changes nothing.

`Client` is a frozen record without clock, randomness or I/O. Every input returns the next client and
effects, which the shell carries out in this order; work on one connection must stay in order, too. What a
page shows is read off the record. How descriptions are exchanged stands in `line.py`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field

from hugathome._model import Record
from hugathome.device.effects import (
    AddCandidates,
    Apply,
    Connect,
    Describe,
    Drop,
    Effect,
    Hand,
    Refused,
    Send,
)
from hugathome.device.former import Former, ends, set_aside, swept, without
from hugathome.device.line import CONNECT_WITHIN, Line, MediaState, Step
from hugathome.device.returning import Phase, away, linked, silence_ends
from hugathome.device.texts import Mine, Texts, added, joined, lost, with_mine
from hugathome.device.window import Window
from hugathome.protocol.frames import parse_server
from hugathome.protocol.messages import (
    LONGEST_AGENT,
    Answer,
    App,
    AskIceServers,
    Candidates,
    Close,
    Command,
    Error,
    Goaway,
    Granted,
    Hello,
    IceServers,
    Offer,
    Pair,
    ParticipantChanged,
    Ping,
    Renew,
    Ring,
    ServerMessage,
    SessionChanged,
    Snapshot,
    Text,
    Unpair,
    Welcome,
)
from hugathome.protocol.wire import (
    Caps,
    IceServerView,
    Limits,
    PairView,
    ParticipantView,
    ResumeFrom,
    RoomView,
    SessionView,
    State,
    TextView,
)

__all__ = ["Client", "Next", "Phase"]

Next = tuple["Client", tuple[Effect, ...]]


class Client(Record):
    """One device; every input returns the next client and the effects."""

    caps: Caps = Caps()
    agent: str | None = None
    has_media: bool = True
    """Whether there are endpoints to connect; without them, whoever attends is only present."""
    phase: Phase = Phase.AWAY
    end: Close | None = None
    """Why the hub has closed, until it welcomes again."""

    token: str | None = Field(default=None, repr=False)
    """For a resume; none before the first welcome, and none when the hub wants a grant."""
    pos: str | None = None
    """Up to where everything is known; none where the next welcome is to bring the whole room."""
    doubted: str | None = None
    """The digest that did not fit what is known here: coming back for it once is enough."""
    heard_at: datetime | None = None
    """When the hub was heard, or greeted."""
    asked_at: datetime | None = None
    """When the hub was asked whether it is there, if it has said nothing since."""
    live_since: datetime | None = None
    failures: int = 0
    """Connections in a row that did not last."""
    limits: Limits = Limits()
    window: Window = Window()

    peer: str | None = None
    participant: str | None = None
    role: str | None = None
    can: tuple[str, ...] = ()
    state: Literal["waiting", "admitted"] | None = None
    session: SessionView | None = None
    roster: Mapping[str, ParticipantView] = {}
    """Everybody whom this device may see, by participant."""
    lines: Mapping[str, Line] = {}
    """The present generation of each connection, by `pc`."""
    former: tuple[Former, ...] = ()
    """What was connected before, and may still be shown."""
    ice_servers: tuple[IceServerView, ...] = ()
    relay_only: bool = False
    ice_lifetime: timedelta | None = None
    """How long the credentials of `ice_servers` lived when they came; none where they never expire."""
    refresh_at: datetime | None = None
    """When fresh ones are to be asked for."""
    rings: int = 0
    """How often the clinician has called."""
    texts: Texts = ()
    """What was written to everybody inside, oldest first."""
    mine: tuple[Mine, ...] = ()
    """What this participant has written a short while ago: a log that is lost may lose it unread."""

    # --- From the shell --------------------------------------------------------------------------

    def opened(self, *, grant: str, nonce: str, now: datetime) -> Next:
        """Greet over a new transport; `nonce` is drawn once for each device."""
        agent = self.agent and self.agent[:LONGEST_AGENT]
        hello = Hello(caps=self.caps, agent=agent, nonce=nonce, grant=grant)
        if self.token and self.peer and self.session:
            resume = ResumeFrom(session=self.session.id, peer=self.peer, pos=self.pos, token=self.token)
            hello = hello.but(grant=None, resume=resume)
        return self.but(phase=Phase.GREETING, heard_at=now), (Send(hello.to_json()),)

    def said(self, command: Command) -> Next:
        """Say something: at once, or when the hub is there and the window has room."""
        return _flushed(self.but(window=self.window.said(command)))

    def received(self, text: str, *, now: datetime) -> Next:
        """Take a text from the hub, or raise `RemoteProtocolError`."""
        return self.told(parse_server(text, limits=self.limits), now=now)

    def told(self, message: ServerMessage, *, now: datetime) -> Next:
        """Take a message from the hub that has been read."""
        client = self.but(heard_at=now, asked_at=None, pos=_later(self.pos, message.pos))
        if isinstance(message, Welcome):
            client, effects = _welcomed(client, message, now=now)
        else:
            client, effects = _taken(client, message, now=now)
            client = client.but(window=client.window.acknowledged(message.ack))
        client, sent = _flushed(client)
        client, over = swept(client, now=now)
        return client, (*effects, *sent, *over)

    def hinted(self, *, now: datetime) -> Next:
        """Take note that the network has changed: a transport may be dead that looks alive, so ask."""
        if self.phase is not Phase.LIVE:
            return self, ()
        return self.but(asked_at=self.asked_at or now), (Send(Ping().to_json()),)

    def lost(self, *, now: datetime) -> Next:
        """Take note that the transport has ended, or that none could be opened."""
        return (self, ()) if self.phase is Phase.CLOSED else away(self, now=now)

    def passed(self, *, now: datetime) -> Next:
        """Take note of the time; wanted at `due`."""
        silence = silence_ends(self)
        if silence is not None and now >= silence:
            return away(self, Drop(), now=now)
        client, over = swept(self, now=now)
        client, effects = _refreshed(client, now=now)
        for line in self.lines.values():
            if _is_awaited(self, line):
                client, more = _stepped(client, line.overdue(now=now))
                effects += more
        return client, (*over, *effects)

    @property
    def due(self) -> datetime | None:
        """When `passed` is to be called, if nothing else happens before."""
        awaited = [line.due for line in self.lines.values() if _is_awaited(self, line)]
        times = [silence_ends(self), _refresh_due(self), *awaited, *ends(self)]
        return min((time for time in times if time is not None), default=None)

    # --- From an endpoint ------------------------------------------------------------------------

    def offered(self, pc: str, gen: int, sdp: str) -> Next:
        """Take the offer that `Describe` asked for."""
        line = _line(self, pc, gen)
        return _stepped(self, line.offered(sdp)) if line else (self, ())

    def answered(self, pc: str, gen: int, sdp: str) -> Next:
        """Take the answer to the offer of `Apply`."""
        line = _line(self, pc, gen)
        return _stepped(self, line.answered(sdp)) if line else (self, ())

    def wants_offer(self, pc: str, gen: int) -> Next:
        """Take note that the endpoint's tracks have changed."""
        line = _line(self, pc, gen)
        return _stepped(self, line.wants_offer()) if line else (self, ())

    def fared(self, pc: str, gen: int, state: MediaState, *, now: datetime) -> Next:
        """Take the endpoint's connection state, whenever it changes."""
        line = _line(self, pc, gen)
        return _stepped(self, line.fared(state, now=now)) if line else (self, ())


# --- What the hub says ---------------------------------------------------------------------------


def _welcomed(client: Client, welcome: Welcome, *, now: datetime) -> Next:
    is_same = welcome.peer == client.peer
    if is_same:
        window = client.window.acknowledged(welcome.ack)
    else:
        unread = lost(client.mine, welcome.snapshot, now=now) if welcome.snapshot else ()
        window = client.window.renumbered(former=client.peer or "", lost=unread)
    client = client.but(
        phase=Phase.LIVE,
        end=None,
        token=welcome.token,
        pos=welcome.pos or client.pos,  # of another log, it may lie before ours
        live_since=now,
        limits=welcome.limits,
        window=window,
        peer=welcome.peer,
        participant=welcome.participant,
        role=welcome.role,
        can=welcome.can,
        state=welcome.state,
        session=welcome.session,
    )
    if welcome.ice_servers is not None:
        client = _given(client, welcome, now=now)
    again = tuple(Send(each.to_json()) for each in window.unacked)
    client, seen = _seen(client, welcome.snapshot, now=now) if welcome.snapshot else (client, ())
    return client, (*again, *seen)


def _taken(client: Client, message: ServerMessage, *, now: datetime) -> Next:
    match message:
        case Ping() | Close() | Goaway():
            return linked(client, message, now=now)
        case Error():
            return client, (Refused(message, client.window.numbered(message.ref)),)
        case Offer() | Answer() | Candidates() | Granted():
            line = _line(client, message.pc, message.gen)
            return _stepped(client, line.received(message)) if line else (client, ())
        case Pair() | Renew():
            return _paired(client, PairView(**_fields(message, PairView)), now=now)
        case Unpair():
            return without(client, message.pc)
        case Snapshot():
            return _seen(client, message, now=now)
        case IceServers():
            return _given(client, message, now=now), ()
        case App():
            return client, (Hand(message),)
        case Text():
            return _read(client, message, now=now), ()
        case _:
            return _noted(client, message), ()


def _noted(client: Client, message: ServerMessage) -> Client:
    match message:
        case SessionChanged():
            return client.but(session=SessionView(**_fields(message, SessionView)))
        case ParticipantChanged():
            view = ParticipantView(**_fields(message, ParticipantView))
            return client.but(roster={**client.roster, view.participant: view})
        case Ring():
            return client.but(rings=client.rings + 1)
        case _:
            return client


def _read(client: Client, message: Text, *, now: datetime) -> Client:
    if message.participant is None or message.at is None:
        return client
    text = TextView(participant=message.participant, text=message.text, at=message.at, id=message.id)
    texts = added(client.texts, [text])
    if texts[-1] is not text or text.participant != client.participant:
        return client.but(texts=texts)
    return client.but(texts=texts, mine=with_mine(client.mine, text, roster=client.roster.values(), now=now))


def _seen(client: Client, view: RoomView, *, now: datetime) -> Next:
    """Take the whole room: what it does not name is no more, but for what was read, and what goes on."""
    roster = {each.participant: each for each in view.participants}
    is_inside = view.state == "admitted"
    texts, mine = (joined(client.texts, view.texts), client.mine) if is_inside else ((), ())
    after = client.but(state=view.state, session=view.session, roster=roster, texts=texts, mine=mine)
    named = {pair.pc for pair in view.pairs}
    for line in [line for pc, line in client.lines.items() if pc not in named]:
        after = set_aside(after, line, now=now)
    after, effects = swept(after, now=now)
    for pair in view.pairs:
        after, begun = _paired(after, pair, now=now)
        effects += begun
    return after, effects


def _given(client: Client, given: Welcome | IceServers, *, now: datetime) -> Client:
    lifetime = None if given.ice_lifetime is None else timedelta(seconds=given.ice_lifetime)
    return client.but(
        ice_servers=given.ice_servers or (),
        relay_only=given.relay_only,
        ice_lifetime=lifetime,
        refresh_at=None if lifetime is None else now + lifetime / 2,
    )


# --- Connections ---------------------------------------------------------------------------------


def _paired(client: Client, pair: PairView, *, now: datetime) -> Next:
    known = client.lines.get(pair.pc)
    if not client.has_media or (known is not None and pair.gen <= known.pair.gen):
        return client, ()
    line = Line(
        pair=pair,
        offers_first=pair.offerer == client.peer,
        restarts_ice=client.caps.ice_restart,
        neg=pair.neg,
        due=now + CONNECT_WITHIN,
    )
    if known is not None:
        client = set_aside(client, known, now=now)
    after, effects = _stepped(client, line.begun())
    return after, (Connect(pair), *effects)


def _line(client: Client, pc: str, gen: int) -> Line | None:
    """Return the present generation; whatever names another one is stale."""
    line = client.lines.get(pc)
    return line if line is not None and line.pair.gen == gen else None


def _stepped(client: Client, step: Step) -> Next:
    line, done = step
    client = client.but(lines={**client.lines, line.pair.pc: line})
    effects: list[Effect] = []
    for each in done:
        if isinstance(each, Describe | Apply | AddCandidates):
            effects.append(each)
        else:
            client, sent = client.said(each)
            effects += sent
    return client, tuple(effects)


def _is_awaited(client: Client, line: Line) -> bool:
    """Whether the line's patience counts: not while either side is away, for nobody would answer."""
    other = client.roster.get(line.pair.participant)
    is_there = other is None or other.state is State.ADMITTED
    return client.phase is Phase.LIVE and is_there and not line.is_connected


# --- The link to the hub -------------------------------------------------------------------------


def _flushed(client: Client) -> Next:
    if client.phase is not Phase.LIVE:
        return client, ()
    window, sent = client.window.flushed(limit=client.limits.window)
    return client.but(window=window), tuple(Send(each.to_json()) for each in sent)


def _refresh_due(client: Client) -> datetime | None:
    """Return when the credentials are half over; only those inside are given others."""
    is_inside = client.phase is Phase.LIVE and client.state == "admitted"
    return client.refresh_at if is_inside else None


def _refreshed(client: Client, *, now: datetime) -> Next:
    due = _refresh_due(client)
    if due is None or client.ice_lifetime is None or now < due:
        return client, ()
    return client.but(refresh_at=now + client.ice_lifetime / 2), (Send(AskIceServers().to_json()),)


def _later(known: str | None, seen: str | None) -> str | None:
    return known if seen is None or (known and _offset(seen) < _offset(known)) else seen


def _offset(pos: str) -> int:
    return int(pos.partition(".")[0])


def _fields(message: Record, view: type[Record]) -> dict[str, Any]:
    return {name: getattr(message, name) for name in view.model_fields}

"""Faults planted in a room, its transport or its log, each with the golden scenario that is there for it.

Those of the fold wrap what every worker folds by, so that all of them are wrong in the same way.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest

from hugathome.errors import StoreUnavailable, TransportClosed
from hugathome.hub import Hub
from hugathome.logs import MemoryLog
from hugathome.protocol import commands, devices, fold
from hugathome.protocol.connections import Connection
from hugathome.protocol.entries import Called, Entry, Expired, Joined, Opened, Position
from hugathome.protocol.frames import parse_client
from hugathome.protocol.host_seat import HostSeat
from hugathome.protocol.ice import IceServer, ice_servers_for
from hugathome.protocol.messages import App, Candidates, ClientMessage, Close, Offer, Ring, SessionChanged
from hugathome.protocol.negotiation import Endpoint, Negotiation, begin
from hugathome.protocol.parts import limits_of, without_peer
from hugathome.protocol.wire import CloseCode, Limits
from hugathome.rooms.link import Link, _Allowance
from hugathome.rooms.live import LiveRoom, Reading, Step, reads_on
from hugathome.signalling import Peer, Room, SignallingLog, Tell, Transport
from hugathome.transports.memory import MemoryTransport

Folded = tuple[Room, tuple[Tell, ...]]
Plant = Callable[[pytest.MonkeyPatch], None]
Rows = Sequence[tuple[int, bytes]]

# --- Transports and logs -------------------------------------------------------------------------


class Carries:
    """An end of a pair in memory; each class below spoils one thing."""

    def __init__(self, inner: MemoryTransport) -> None:
        self.inner = inner

    async def send(self, text: str) -> None:
        await self.inner.send(text)

    async def receive(self) -> str:
        return await self.inner.receive()

    async def aclose(self) -> None:
        await self.inner.aclose()


class HearsNothing(Carries):
    async def receive(self) -> str:
        await asyncio.Event().wait()
        return ""


class SkipsEmptyFrames(Carries):
    async def send(self, text: str) -> None:
        if text:
            await self.inner.send(text)


class CutsLongFrames(Carries):
    async def send(self, text: str) -> None:
        await self.inner.send(text[: 32 * 1024])


class Keeps:
    """A log in memory; each class below spoils one thing."""

    def __init__(self) -> None:
        self.inner = MemoryLog()

    async def append(self, room: str, record: bytes) -> None:
        await self.inner.append(room, record)

    async def load(self, room: str, after: int) -> Rows:
        return await self.inner.load(room, after)

    def read(self, room: str, after: int) -> AsyncGenerator[tuple[int, bytes]]:
        return self.inner.read(room, after)

    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return await self.inner.snapshot(room)

    async def save_snapshot(self, room: str, offset: int, snapshot: bytes) -> None:
        await self.inner.save_snapshot(room, offset, snapshot)

    async def forget(self, room: str) -> None:
        await self.inner.forget(room)

    def for_blocking(self) -> SignallingLog:
        return self

    async def aclose(self) -> None:
        await self.inner.aclose()


class SaysEverythingTwice(Keeps):
    """Which breaks nothing: what comes twice changes nothing."""

    async def append(self, room: str, record: bytes) -> None:
        await super().append(room, record)
        await super().append(room, record)


class TakesItsTime(Keeps):
    """Which breaks nothing either, though a command is cut off that nobody heard acknowledged."""

    async def append(self, room: str, record: bytes) -> None:
        for _ in range(200):  # turns of the loop: others do much before it returns
            await asyncio.sleep(0)
        await super().append(room, record)


class CannotBeReached(Keeps):
    async def append(self, room: str, record: bytes) -> None:
        raise StoreUnavailable("far away")


class LosesItsSnapshots(Keeps):
    async def snapshot(self, room: str) -> tuple[int, bytes] | None:
        return None


# --- Faults of the hub ---------------------------------------------------------------------------


def digests_of_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hugathome.rooms.link.roster_digest", lambda _roster: "00000000")


def nobody_counts_what_is_said(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(_Allowance, "spend", lambda _self, _now, _say: None)


def any_token_is_good(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hugathome.hub._hashed", lambda _token: "0" * 64)


def a_resume_believes_whatever_place_it_is_told(patch: pytest.MonkeyPatch) -> None:
    def faulty(live: LiveRoom, step: Step, peer: Peer, *, resumed_at: str | None) -> Reading:
        known = reads_on(live, step, peer, resumed_at=resumed_at)
        return known or Reading(step.position, step.room, None)

    patch.setattr("hugathome.hub.reads_on", faulty)


def a_resume_skips_what_comes_next(patch: pytest.MonkeyPatch) -> None:
    def faulty(live: LiveRoom, step: Step, peer: Peer, *, resumed_at: str | None) -> Reading | None:
        reading = reads_on(live, step, peer, resumed_at=resumed_at)
        skipped = live.at(reading.position.offset + 1) if reading and reading.snapshot is None else None
        return reading._replace(position=skipped.position) if reading and skipped else reading

    patch.setattr("hugathome.hub.reads_on", faulty)


def what_is_in_doubt_is_recovered(patch: pytest.MonkeyPatch) -> None:
    def faulty(live: LiveRoom, step: Step, peer: Peer, *, resumed_at: str | None) -> Reading | None:
        if resumed_at is None:
            return Reading(step.position, step.room, None)
        return reads_on(live, step, peer, resumed_at=resumed_at)

    patch.setattr("hugathome.hub.reads_on", faulty)


def what_is_said_again_is_taken_for_a_gap(patch: pytest.MonkeyPatch) -> None:
    command = Link._command

    async def faulty(connection: Link, message: Any) -> Close | None:
        if message.seq <= connection._last_seq:
            return Close.because(CloseCode.STATE_LOST)
        return await command(connection, message)

    patch.setattr(Link, "_command", faulty)


def what_must_be_understood_is_ignored(patch: pytest.MonkeyPatch) -> None:
    def faulty(text: str, *, limits: Limits) -> ClientMessage:
        return parse_client(text.replace('"must":true', '"must":false'), limits=limits)

    patch.setattr("hugathome.rooms.link.parse_client", faulty)


def nobody_minds_silence(patch: pytest.MonkeyPatch) -> None:
    async def faulty(_hub: Hub) -> Close:
        await asyncio.Event().wait()
        return Close.because(CloseCode.HELLO_TIMEOUT)

    patch.setattr(Hub, "_no_hello", faulty)


def nobody_counts_who_joins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Hub, "_count", lambda _hub, _turnstile, _who: None)


def credentials_are_those_of_the_morning(patch: pytest.MonkeyPatch) -> None:
    def faulty(servers: Sequence[IceServer], *, peer: str, now: datetime) -> Any:
        return ice_servers_for(servers, peer=peer, now=now.replace(hour=8, minute=0, second=0))

    patch.setattr("hugathome.hub.ice_servers_for", faulty)


def whoever_waits_leaves_as_well(patch: pytest.MonkeyPatch) -> None:
    def expired(room: Room, entry: Expired) -> Room:
        peer = room.peers.get(entry.peer)
        return without_peer(room, peer, CloseCode.STATE_LOST) if peer and not peer.is_attached else room

    patch.setattr(LiveRoom, "_is_away", lambda _live, peer: not peer.is_attached)
    patch.setattr("hugathome.protocol.fold._expired", expired)


def a_drain_says_no_word(patch: pytest.MonkeyPatch) -> None:
    async def faulty(_hub: Hub, transport: Transport, close: Close) -> None:
        with suppress(TransportClosed):
            await transport.send(close.to_json())

    patch.setattr(Hub, "_say_goodbye", faulty)


def whoever_is_away_stays(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LiveRoom, "_expect_the_away", lambda _live: None)


def the_seat_is_never_vacated(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(LiveRoom, "_expect_the_host", lambda _live: None)


# --- Faults of the fold --------------------------------------------------------------------------


def _refold(patch: pytest.MonkeyPatch, fault: Callable[[Room, Entry, Position], Folded]) -> None:
    patch.setattr(Room, "after", fault)


def offers_reach_the_waiting_room(patch: pytest.MonkeyPatch) -> None:
    after = Room.after

    def faulty(room: Room, entry: Entry, position: Position) -> Folded:
        room, told = after(room, entry, position)
        offers = [each.message for each in told if isinstance(each.message, Offer)]
        waiting = [peer for peer in room.peers if not room.is_inside(peer)]
        return room, (*told, *(Tell(peer, offer) for peer in waiting for offer in offers))

    _refold(patch, faulty)


def a_grant_is_good_again(patch: pytest.MonkeyPatch) -> None:
    after = Room.after

    def faulty(room: Room, entry: Entry, position: Position) -> Folded:
        return after(room, entry.but(jti=entry.peer) if isinstance(entry, Joined) else entry, position)

    _refold(patch, faulty)


def nobody_is_told_how_it_ended(patch: pytest.MonkeyPatch) -> None:
    after = Room.after

    def faulty(room: Room, entry: Entry, position: Position) -> Folded:
        room, told = after(room, entry, position)
        return room, tuple(
            each for each in told if not (room.ended and isinstance(each.message, SessionChanged))
        )

    _refold(patch, faulty)


def it_rings_for_everybody(patch: pytest.MonkeyPatch) -> None:
    after = Room.after

    def faulty(room: Room, entry: Entry, position: Position) -> Folded:
        if isinstance(entry, Called):
            return room, tuple(Tell(peer, Ring()) for peer in room.peers)
        return after(room, entry, position)

    _refold(patch, faulty)


def _with_another_refusal(real: CloseCode, told: CloseCode) -> Plant:
    def plant(patch: pytest.MonkeyPatch) -> None:
        refusal = cast("Callable[[Room, str, int], CloseCode | None]", fold._refusal)

        def faulty(room: Room, participant: str, device: int) -> CloseCode | None:
            code = refusal(room, participant, device)
            return told if code is real else code

        patch.setattr(fold, "_refusal", faulty)

    return plant


def the_later_device_counts(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(devices, "is_outdated", lambda _room, _entry: False)


def answering_ends_no_other_device(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(devices, "answered", lambda room, _peer: (room, []))


def every_restart_is_a_new_beginning(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Connection, "restarted", lambda _connection, *, by: None)


def everybody_can_roll_back(patch: pytest.MonkeyPatch) -> None:
    def faulty(one: Endpoint, other: Endpoint) -> Negotiation:
        return begin(one.but(rollback=True), other.but(rollback=True))

    patch.setattr("hugathome.protocol.connections.begin", faulty)


def candidates_belong_to_any_description(patch: pytest.MonkeyPatch) -> None:
    trickled = Connection.trickled

    def faulty(connection: Connection, body: Candidates, *, by: str, at_most: int) -> Connection | None:
        unnamed = [each.but(username_fragment=None) for each in body.candidates]
        return trickled(connection, body.but(candidates=tuple(unnamed)), by=by, at_most=at_most)

    patch.setattr(Connection, "trickled", faulty)


def what_was_done_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Room, "has_done", lambda _room, _command: False)


def _with_limits(module: str, change: Callable[[Opened], Opened]) -> Plant:
    """Have one module of the fold take other limits than the room's for its own."""
    return lambda patch: patch.setattr(
        f"hugathome.protocol.{module}.limits_of", lambda room: change(limits_of(room))
    )


def the_telephone_is_like_video(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hugathome.protocol.fold.Modality", SimpleNamespace(PHONE="another"))


def the_seat_is_whose_who_takes_it(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(HostSeat, "accepted", lambda _seat, *, by, holder: HostSeat(holder=by))


def messages_of_the_host_come_back(patch: pytest.MonkeyPatch) -> None:
    published = commands._published

    def faulty(room: Room, peer: Peer, said: App, *, at: datetime) -> list[Tell]:
        told = published(room, peer, said, at=at)
        return [*told, *(Tell(peer.peer, each.message) for each in told[:1])]

    patch.setattr(commands, "_published", faulty)


def _on_connection(patch: pytest.MonkeyPatch, fault: Callable[..., tuple[Any, Any]]) -> None:
    """Change what arrives on a connection: body and entry."""
    plain = cast("Callable[..., Any]", commands._on_connection)

    def faulty(room: Room, peer: Peer, body: Any, entry: Any) -> Any:
        body, entry = fault(room, body, entry)
        return plain(room, peer, body, entry)

    patch.setattr(commands, "_on_connection", faulty)


def generations_do_not_matter(patch: pytest.MonkeyPatch) -> None:
    def fault(room: Room, body: Any, entry: Any) -> tuple[Any, Any]:
        known = room.connections.get(body.pc)
        return (body.but(gen=known.gen) if known else body), entry

    _on_connection(patch, fault)


def the_time_is_another(patch: pytest.MonkeyPatch) -> None:
    at = datetime(1999, 1, 1, tzinfo=UTC)
    _on_connection(patch, lambda _room, body, entry: (body, entry.but(at=at)))


def answers_need_no_offer(patch: pytest.MonkeyPatch) -> None:
    answer = Negotiation.answer

    def faulty(negotiation: Negotiation, *, by: str, neg: int) -> Negotiation:
        return answer(negotiation, by=by, neg=neg) or negotiation

    patch.setattr(Negotiation, "answer", faulty)


def whoever_watches_may_send(patch: pytest.MonkeyPatch) -> None:
    described = Connection.described

    def faulty(connection: Connection, body: Any, *, by: str, may_send: bool, at_most: int) -> Connection:
        return described(connection, body, by=by, may_send=True, at_most=at_most)

    patch.setattr(Connection, "described", faulty)


# --- What each of them breaks --------------------------------------------------------------------


class Fault(NamedTuple):
    breaks: str
    """The scenario."""
    plant: Plant = lambda _patch: None
    carries: Callable[[MemoryTransport], Transport] = Carries
    log: Callable[[], SignallingLog] = MemoryLog


FAULTS = {
    "skips empty frames": Fault(
        "a first message that is no good hello is told why", carries=SkipsEmptyFrames
    ),
    "cuts long frames": Fault("descriptions and candidates are held to their form", carries=CutsLongFrames),
    "loses its snapshots": Fault("behind the cut of a log the whole room is given", log=LosesItsSnapshots),
    "offers to all": Fault("whoever waits is told of nobody", offers_reach_the_waiting_room),
    "digests of nothing": Fault("a ping carries the digest of what its receiver knows", digests_of_nothing),
    "nobody counts": Fault("who talks too much is warned and then sent away", nobody_counts_what_is_said),
    "any place": Fault(
        "a place that the log never had asks for a new beginning",
        a_resume_believes_whatever_place_it_is_told,
    ),
    "one entry less": Fault("a cut loses and doubles nothing", a_resume_skips_what_comes_next),
    "no goaway": Fault("a draining worker sends everybody to another", a_drain_says_no_word),
    "any token": Fault("the token before is good until its successor was used", any_token_is_good),
    "away for ever": Fault("whoever is away for long has left", whoever_is_away_stays),
    "seat for ever": Fault(
        "the hosts seat is kept for whoever comes back in time", the_seat_is_never_vacated
    ),
    "seat for the taking": Fault("the hosts seat is passed on in two steps", the_seat_is_whose_who_takes_it),
    "a grant again": Fault("a grant makes one device only", a_grant_is_good_again),
    "a silent end": Fault("completing ends the visit for everybody", nobody_is_told_how_it_ended),
    "done again": Fault("what is said again after a rejoin is done once", what_was_done_is_forgotten),
    "a mesh of nine": Fault(
        "a fifth is present and connected once another has left",
        _with_limits("fold", lambda limits: limits.but(mesh=9)),
    ),
    "no full room": Fault(
        "a ninth has to wait until one of eight has left",
        _with_limits("devices", lambda limits: limits.but(peers=99)),
    ),
    "telephone as video": Fault("a visit by telephone has no connections", the_telephone_is_like_video),
    "to oneself": Fault("messages of the host reach the others inside", messages_of_the_host_come_back),
    "any generation": Fault("a stale generation is refused", generations_do_not_matter),
    "any round": Fault("a round that is not due is refused", answers_need_no_offer),
    "another time": Fault("who sent it and when is the hubs word", the_time_is_another),
    "watchers send": Fault("whoever only watches sends no media", whoever_watches_may_send),
    "in doubt": Fault(
        "a device that doubts what it knows is given the whole room", what_is_in_doubt_is_recovered
    ),
    "said again": Fault(
        "what nobody acknowledged is said again and done once", what_is_said_again_is_taken_for_a_gap
    ),
    "must": Fault("what is no message ends a connection", what_must_be_understood_is_ignored),
    "silence": Fault("silence before the hello ends a connection", nobody_minds_silence),
    "a crowd": Fault("who joins too often has to wait", nobody_counts_who_joins),
    "old credentials": Fault(
        "whoever is inside may ask for fresh credentials", credentials_are_those_of_the_morning
    ),
    "waiting ends": Fault("whoever waits keeps their place while away", whoever_waits_leaves_as_well),
    "rings for all": Fault("whoever is called hears it ring", it_rings_for_everybody),
    "denied as removed": Fault(
        "whoever is denied is gone for good", _with_another_refusal(CloseCode.DENIED, CloseCode.REMOVED)
    ),
    "removed as denied": Fault(
        "whoever is removed is gone for good", _with_another_refusal(CloseCode.REMOVED, CloseCode.DENIED)
    ),
    "later device": Fault("a second device is refused where the first is kept", the_later_device_counts),
    "all answer": Fault("of several devices the first that answers stays", answering_ends_no_other_device),
    "no restart": Fault("an ice restart is asked of whoever offers", every_restart_is_a_new_beginning),
    "no turns": Fault("devices that cannot roll back take turns", everybody_can_roll_back),
    "any ufrag": Fault(
        "candidates of another description go no further", candidates_belong_to_any_description
    ),
    "any number": Fault(
        "too many candidates are refused", _with_limits("commands", lambda limits: limits.but(candidates=64))
    ),
    "any length": Fault(
        "a text that is too long is refused", _with_limits("commands", lambda limits: limits.but(text=1000))
    ),
    "always on": Fault(
        "messages of the host are off by default",
        _with_limits("commands", lambda limits: limits.but(app=limits.app or 4096)),
    ),
}

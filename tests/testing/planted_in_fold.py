"""Faults planted in the fold: they wrap what every worker folds by, so that all are wrong in the same way."""

from collections.abc import Callable, Container
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from hugathome.protocol import commands, devices, fold, roster
from hugathome.protocol.connections import Connection
from hugathome.protocol.entries import Called, Entry, Joined, Opened, Position
from hugathome.protocol.host_seat import HostSeat
from hugathome.protocol.messages import App, Candidates, Close, Offer, Ring, SessionChanged
from hugathome.protocol.negotiation import Endpoint, Negotiation, begin
from hugathome.protocol.parts import Judgement, limits_of, without_peer
from hugathome.protocol.wire import CloseCode, PairView, ParticipantView
from hugathome.roles import Capability
from hugathome.signalling import Peer, Room, Tell

Folded = tuple[Room, tuple[Tell, ...]]
Plant = Callable[[pytest.MonkeyPatch], None]


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


def with_another_refusal(real: CloseCode, told: CloseCode) -> Plant:
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


def with_limits(module: str, change: Callable[[Opened], Opened]) -> Plant:
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


def the_guest_offers_first(patch: pytest.MonkeyPatch) -> None:
    pair_view = roster._pair_view

    def faulty(room: Room, connection: Connection, peer: Peer) -> PairView:
        seen = pair_view(room, connection, peer)
        return seen.but(offerer=connection.other(seen.offerer))

    patch.setattr(roster, "_pair_view", faulty)


def nobody_sees_what_was_done(patch: pytest.MonkeyPatch) -> None:
    seen_by = roster._roster

    def faulty(room: Room, peer: Peer, who: Container[str]) -> dict[str, ParticipantView]:
        seen = seen_by(room, peer, who)
        return {each: view.but(step=None, step_at=None) for each, view in seen.items()}

    patch.setattr(roster, "_roster", faulty)


def an_earlier_device_is_told_nothing(patch: pytest.MonkeyPatch) -> None:
    superseded = devices.superseded

    def faulty(room: Room, former: list[Peer], *, by: str | None = None) -> Judgement:
        return superseded(room, former, by=by)[0], []

    patch.setattr(devices, "superseded", faulty)


def an_earlier_connection_is_taken_for_a_device(patch: pytest.MonkeyPatch) -> None:
    reattached = cast("Callable[..., Judgement]", fold._reattached)

    def faulty(room: Room, peer: Peer, *, link: str, tokens: Any) -> Judgement:
        room, told = reattached(room, peer, link=link, tokens=tokens)
        return room, [Tell(each.to, Close.because(CloseCode.SUPERSEDED)) for each in told]

    patch.setattr(fold, "_reattached", faulty)


def whoever_left_was_never_here(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        commands, "without_peer", lambda room, peer, code: without_peer(room, peer, code).but(left=room.left)
    )


def whoever_left_was_put_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        commands, "without_peer", lambda room, peer, _code: without_peer(room, peer, CloseCode.REMOVED)
    )


def guests_do_not_read_their_own(patch: pytest.MonkeyPatch) -> None:
    texted = cast("Callable[..., Judgement]", commands._texted)

    def faulty(room: Room, peer: Peer, text: str, entry: Any) -> Judgement:
        room, told = texted(room, peer, text, entry)
        return room, [each for each in told if each.to != peer.peer or Capability.ADMIT in peer.can]

    patch.setattr(commands, "_texted", faulty)


def candidates_go_nowhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Connection, "trickled", lambda _connection, _body, *, by, at_most: None)


def anybody_speaks_for_the_connected(patch: pytest.MonkeyPatch) -> None:
    plain = cast("Callable[..., Any]", commands._on_connection)

    def faulty(room: Room, peer: Peer, body: Any, entry: Any) -> Any:
        connection = room.connections.get(body.pc)
        sides = sorted(connection.peers) if connection else []
        return plain(room, peer if peer.peer in sides or not sides else room.peers[sides[0]], body, entry)

    patch.setattr(commands, "_on_connection", faulty)

"""Faults planted in what a worker does around a room: its hub, its connections, and what it tells the log."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest
from tests.testing.planted_in_fold import Plant

from hugathome.errors import HugathomeError, SessionEnded, TransportClosed
from hugathome.hub import Hub
from hugathome.protocol.connections import Peer
from hugathome.protocol.entries import Commanded, Entry, Expired, Position, Unread, Vouched
from hugathome.protocol.frames import parse_client
from hugathome.protocol.ice import IceServer, ice_servers_for
from hugathome.protocol.messages import AskIceServers, ClientMessage, Close, Complete
from hugathome.protocol.parts import without_peer
from hugathome.protocol.wire import CloseCode, Limits
from hugathome.record.history import Action, Change
from hugathome.rooms import reception
from hugathome.rooms.allowance import Allowance
from hugathome.rooms.deeds import Deeds
from hugathome.rooms.link import Link
from hugathome.rooms.live import LiveRoom, Reading, Step, reads_on
from hugathome.rooms.reception import Reception
from hugathome.session import Session
from hugathome.signalling import Room, Transport
from hugathome.visits.ledger import Ledger


def digests_of_nothing(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hugathome.rooms.link.roster_digest", lambda _roster: "00000000")


def nobody_counts_what_is_said(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Allowance, "spend", lambda _self, _now, _say: None)


def any_token_is_good(patch: pytest.MonkeyPatch) -> None:
    patch.setattr("hugathome.rooms.reception._hashed", lambda _token: "0" * 64)


def a_resume_believes_whatever_place_it_is_told(patch: pytest.MonkeyPatch) -> None:
    def faulty(live: LiveRoom, step: Step, peer: Peer, *, resumed_at: str | None) -> Reading:
        known = reads_on(live, step, peer, resumed_at=resumed_at)
        return known or Reading(step.position, step.room, None)

    patch.setattr("hugathome.rooms.stay.reads_on", faulty)


def a_resume_skips_what_comes_next(patch: pytest.MonkeyPatch) -> None:
    def faulty(live: LiveRoom, step: Step, peer: Peer, *, resumed_at: str | None) -> Reading | None:
        reading = reads_on(live, step, peer, resumed_at=resumed_at)
        skipped = live.at(reading.position.offset + 1) if reading and reading.snapshot is None else None
        return reading._replace(position=skipped.position) if reading and skipped else reading

    patch.setattr("hugathome.rooms.stay.reads_on", faulty)


def what_is_in_doubt_is_recovered(patch: pytest.MonkeyPatch) -> None:
    def faulty(live: LiveRoom, step: Step, peer: Peer, *, resumed_at: str | None) -> Reading | None:
        if resumed_at is None:
            return Reading(step.position, step.room, None)
        return reads_on(live, step, peer, resumed_at=resumed_at)

    patch.setattr("hugathome.rooms.stay.reads_on", faulty)


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
    async def faulty(_reception: Reception) -> Close:
        await asyncio.Event().wait()
        return Close.because(CloseCode.HELLO_TIMEOUT)

    patch.setattr(Reception, "_no_hello", faulty)


def nobody_counts_who_joins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Reception, "_count", lambda _reception, _turnstile, _who: None)


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


def whoever_waits_is_given_credentials(patch: pytest.MonkeyPatch) -> None:
    take = Link._take

    async def faulty(connection: Link, text: str) -> Close | None:
        if isinstance(parse_client(text, limits=connection._parts.limits), AskIceServers):
            connection._say(connection._parts.mint(connection._seat.peer.peer))
            return None
        return await take(connection, text)

    patch.setattr(Link, "_take", faulty)


def whatever_is_missing_is_a_mistake(patch: pytest.MonkeyPatch) -> None:
    command = Link._command

    async def faulty(connection: Link, message: Any) -> Close | None:
        if message.seq > connection._last_seq + 1:
            return Close.because(CloseCode.PROTOCOL_ERROR)
        return await command(connection, message)

    patch.setattr(Link, "_command", faulty)


def a_refused_end_is_kept_quiet(patch: pytest.MonkeyPatch) -> None:
    do = Deeds.do

    async def faulty(deeds: Deeds, message: Any) -> HugathomeError | None:
        refused = await do(deeds, message)
        return None if isinstance(message, Complete) else refused

    patch.setattr(Deeds, "do", faulty)


def silence_is_a_sign_of_life(patch: pytest.MonkeyPatch) -> None:
    now = property(lambda link: link._parts.clock.now(), lambda _link, _at: None)
    patch.setattr(Link, "_heard_at", now, raising=False)


def only_the_hello_is_a_sign_of_life(patch: pytest.MonkeyPatch) -> None:
    first = property(lambda link: vars(link)["first"], lambda link, at: vars(link).setdefault("first", at))
    patch.setattr(Link, "_heard_at", first, raising=False)


def a_device_is_recovered_once(patch: pytest.MonkeyPatch) -> None:
    def faulty(live: LiveRoom, step: Step, peer: Peer, *, resumed_at: str | None) -> Reading | None:
        return reads_on(live, step, peer, resumed_at=resumed_at if peer.conn == 2 else None)

    patch.setattr("hugathome.rooms.stay.reads_on", faulty)


def what_is_said_elsewhere_is_not_followed(patch: pytest.MonkeyPatch) -> None:
    fold_in = LiveRoom._fold

    def faulty(live: LiveRoom, entry: Entry | Unread, position: Position) -> None:
        peer = live.room.peers.get(entry.peer) if isinstance(entry, Commanded) else None
        is_from_elsewhere = peer is not None and live._is_loaded and peer.link not in live._served
        fold_in(live, Vouched(peer="nobody", conn=0) if is_from_elsewhere else entry, position)

    patch.setattr(LiveRoom, "_fold", faulty)


def the_end_is_a_bad_grant(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        reception, "_CLOSES", tuple(each for each in reception._CLOSES if each[0] is not SessionEnded)
    )


def untold(action: Action, *, by_the_hospital: bool = False) -> Plant:
    """Have the log not told of an action, or only where it was no device that did it."""

    def plant(patch: pytest.MonkeyPatch) -> None:
        tell = Ledger._tell

        async def faulty(ledger: Ledger, session: Session, news: Sequence[Change]) -> None:
            by_a_device = any(each.once for each in news)
            if (by_the_hospital and by_a_device) or all(each.action is not action for each in news):
                await tell(ledger, session, news)

        patch.setattr(Ledger, "_tell", faulty)

    return plant

"""Faults of the design, each planted in one place of the product: what the simulator is there to notice.

A fault is a function that patches. Those of the fold wrap `Room.after`: workers and the witness then fold by
the same wrong rules, and only a second reading of the log can tell.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from hugathome.device import returning
from hugathome.device.client import Client, Next
from hugathome.device.effects import Disconnect
from hugathome.device.line import Line
from hugathome.device.window import Window
from hugathome.logs._reading import Rows, Tail
from hugathome.protocol import negotiation
from hugathome.protocol.connections import Connection
from hugathome.protocol.host_seat import HostSeat
from hugathome.protocol.messages import Ack, Candidates, Close, ParticipantChanged, Restart, Text
from hugathome.protocol.negotiation import Negotiation
from hugathome.protocol.wire import CloseCode, Devices, Limits, State
from hugathome.rooms import live as rooms
from hugathome.rooms.journal import Journal
from hugathome.rooms.link import Link
from hugathome.rooms.live import LiveRoom, Reading, Step
from hugathome.rooms.stay import Stay
from hugathome.signalling import (
    START,
    Attached,
    Commanded,
    Detached,
    Doubted,
    Entry,
    Expired,
    Joined,
    Position,
    Recorded,
    Room,
    Tell,
)
from hugathome.testing.simulation import PEOPLE, Invariant, Scenario
from hugathome.testing.simulation.actions import (
    admit,
    lose_media,
    misbehave,
    pass_on_seat,
    renegotiate,
    take_over,
    take_seat,
    write,
)
from hugathome.testing.simulation.faults import cut, die, freeze, kill, rewind, roam, steal

Folded = tuple[Room, tuple[Tell, ...]]
Fold = Callable[[Room, Entry, Position], Folded]
Plant = Callable[[pytest.MonkeyPatch], None]


USUAL = Scenario()
FLEETING = Scenario(
    steps=40, people=PEOPLE[:2], first=(admit,), faults={roam: 3, freeze: 1, cut: 1}, trouble=0.6
)
MORTAL = Scenario(steps=20, faults={die: 1, kill: 1}, trouble=0.5)
REWOUND = Scenario(steps=20, faults={rewind: 1, cut: 2}, trouble=0.6)
NARROW = Scenario(limits=Limits(away_for=10, window=2))
STOLEN = Scenario(steps=20, faults={steal: 1, cut: 1}, trouble=0.7)
FORGETFUL = Scenario(
    steps=30,
    people=PEOPLE[:2],
    first=(admit,),
    actions={renegotiate: 2, write: 3},
    faults={cut: 1},
    trouble=0.3,
)
LED = Scenario(steps=16, actions={take_seat: 2, pass_on_seat: 1, write: 1}, trouble=0)
CROWDED = Scenario(
    limits=Limits(away_for=10, devices=Devices.MULTI), actions={take_over: 2, admit: 2, write: 1}, trouble=0.1
)
MISCHIEVOUS = Scenario(first=(admit,), actions={misbehave: 3, renegotiate: 2, admit: 1})
FAILING = Scenario(steps=12, first=(admit,), actions={lose_media: 2, admit: 1, write: 1}, trouble=0)
"""Runs in which certain faults show more often than in the usual ones."""


class Planted(NamedTuple):
    """A fault, how it shows, and in which runs it is looked for."""

    plant: Plant
    shows_as: frozenset[Invariant]
    within: int
    first: int
    """A seed at which it has shown; where it no longer does, all `within` are tried."""
    scenario: Scenario


PLANTED: list[Planted] = []
SURVIVORS: dict[Plant, str] = {}


def shows_as(
    *invariants: Invariant, within: int = 60, first: int = 0, scenario: Scenario = USUAL
) -> Callable[[Plant], Plant]:
    """Say by which invariant a fault is caught, within how many seeds, and at which of them first."""

    def plant(fault: Plant) -> Plant:
        PLANTED.append(Planted(fault, frozenset(invariants), within, first, scenario))
        return fault

    return plant


def survives(why: str) -> Callable[[Plant], Plant]:
    """Say why no run finds a fault."""

    def plant(fault: Plant) -> Plant:
        SURVIVORS[fault] = why
        return fault

    return plant


def folding(patch: pytest.MonkeyPatch, fold: Callable[[Fold, Room, Entry, Position], Folded]) -> None:
    right: Fold = Room.after
    patch.setattr(Room, "after", lambda room, entry, position: fold(right, room, entry, position))


# --- Connections and commands ------------------------------------------------------------------------


@shows_as(Invariant.I3, first=17, scenario=FLEETING)
def the_fence_is_dropped(patch: pytest.MonkeyPatch) -> None:
    """A command of any connection counts, the present one or not."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        peer = room.peers.get(entry.peer) if isinstance(entry, Commanded) else None
        return right(room, entry.but(conn=peer.conn) if peer else entry, position)

    folding(patch, fold)


@shows_as(Invariant.I3, within=200, first=8)
def a_command_counts_twice(patch: pytest.MonkeyPatch) -> None:
    """A number that was seen before is taken for the next one."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        if isinstance(entry, Commanded) and entry.seq <= room.seen.get(entry.peer, 0):
            entry = entry.but(seq=room.seen[entry.peer] + 1)
        return right(room, entry, position)

    folding(patch, fold)


@shows_as(Invariant.I3, Invariant.I8, first=4, scenario=REWOUND)
def a_gap_is_overlooked(patch: pytest.MonkeyPatch) -> None:
    """A command counts although an earlier one is missing."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        if isinstance(entry, Commanded) and entry.seq > room.seen.get(entry.peer, 0) + 1:
            room = room.but(seen={**room.seen, entry.peer: entry.seq - 1})
        return right(room, entry, position)

    folding(patch, fold)


@shows_as(Invariant.I3, first=2, scenario=FLEETING)
def an_old_connection_ends_the_present_one(patch: pytest.MonkeyPatch) -> None:
    """That a connection ended counts for whichever is there now."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        peer = room.peers.get(entry.peer) if isinstance(entry, Detached) else None
        return right(room, entry.but(conn=peer.conn) if peer else entry, position)

    folding(patch, fold)


@shows_as(Invariant.I3, first=3, scenario=FLEETING)
def time_runs_out_unchecked(patch: pytest.MonkeyPatch) -> None:
    """A timer's word is taken, although the peer has come back."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        peer = room.peers.get(entry.peer) if isinstance(entry, Expired) else None
        if peer is not None and isinstance(entry, Expired):
            room = room.but(peers={**room.peers, peer.peer: peer.but(is_attached=False)})
            entry = entry.but(conn=peer.conn)
        return right(room, entry, position)

    folding(patch, fold)


# --- Grants and tokens -------------------------------------------------------------------------------


@shows_as(Invariant.I16, scenario=STOLEN)
def a_grant_is_good_for_ever(patch: pytest.MonkeyPatch) -> None:
    """Nobody remembers which grants were used."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        return right(room.but(grants={}) if isinstance(entry, Joined) else room, entry, position)

    folding(patch, fold)


@shows_as(Invariant.I3, scenario=STOLEN)
def tokens_are_not_rotated(patch: pytest.MonkeyPatch) -> None:
    """Every token that was ever given out stays good."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        after, told = right(room, entry, position)
        for peer in room.peers.values() if isinstance(entry, Attached) else ():
            now = after.peers.get(peer.peer)
            if now is not None:
                after = after.but(peers={**after.peers, now.peer: now.but(tokens=now.tokens | peer.tokens)})
        return after, told

    folding(patch, fold)


@shows_as(Invariant.I4, first=13)
def a_takeover_closes_nobody(patch: pytest.MonkeyPatch) -> None:
    """The earlier device is put out, and nobody tells it."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        after, told = right(room, entry, position)
        kept = tuple(tell for tell in told if not _closes(tell, CloseCode.SUPERSEDED))
        return after, kept if isinstance(entry, Joined) else told

    folding(patch, fold)


@shows_as(Invariant.I4, first=9)
def both_devices_stay(patch: pytest.MonkeyPatch) -> None:
    """The earlier device stays in the room."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        after, told = right(room, entry, position)
        if not isinstance(entry, Joined):
            return after, told
        return after.but(peers={**room.peers, **after.peers}), told

    folding(patch, fold)


def _closes(tell: Tell, code: CloseCode) -> bool:
    return isinstance(tell.message, Close) and tell.message.code == code


# --- The waiting room, removal and the end -----------------------------------------------------------


@shows_as(Invariant.I15, Invariant.I2)
def everybody_is_let_in(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes meets the others: nobody is waited for."""
    patch.setattr(Room, "is_inside", lambda room, peer: peer in room.peers)


@shows_as(Invariant.I2, first=2)
def texts_reach_the_waiting_room(patch: pytest.MonkeyPatch) -> None:
    """A text goes to everybody who is there."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        after, told = right(room, entry, position)
        text = next((tell.message for tell in told if isinstance(tell.message, Text)), None)
        reached = {tell.to for tell in told}
        more = [Tell(peer, text) for peer in after.peers if text is not None and peer not in reached]
        return after, (*told, *more)

    folding(patch, fold)


@shows_as(Invariant.I15)
def the_waiting_room_sees_names(patch: pytest.MonkeyPatch) -> None:
    """Whoever waits is told who else is there."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        after, told = right(room, entry, position)
        others = [
            Tell(
                peer.peer,
                ParticipantChanged(participant="dr", role="practitioner", name="Dr", state=State.ADMITTED),
            )
            for peer in after.peers.values()
            if isinstance(entry, Joined) and not after.is_inside(peer.peer)
        ]
        return after, (*told, *others)

    folding(patch, fold)


@shows_as(Invariant.I15)
def credentials_for_everybody(patch: pytest.MonkeyPatch) -> None:
    """A welcome holds credentials of the TURN server, admitted or not."""
    right = Stay._welcome

    def welcome(stay: Stay, reading: Reading, peer: Any) -> Any:
        return right(stay, reading, peer).but(ice_servers=stay._parts.mint(peer.peer).ice_servers)

    patch.setattr(Stay, "_welcome", welcome)


@shows_as(Invariant.I12, Invariant.I17, within=200, first=5)  # the host's seat stays, too
def the_removed_stay(patch: pytest.MonkeyPatch) -> None:
    """The record puts somebody out, and the room keeps them."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        after, told = right(room, entry, position)
        if not isinstance(entry, Recorded) or entry.ended:
            return after, told
        kept = tuple(tell for tell in told if not _closes(tell, CloseCode.REMOVED))
        return after.but(peers={**room.peers, **after.peers}), kept

    folding(patch, fold)


@shows_as(Invariant.I14, within=400, first=74)
def the_room_outlives_the_end(patch: pytest.MonkeyPatch) -> None:
    """The visit is over, and whoever is in the room stays there."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        after, told = right(room, entry, position)
        is_end = isinstance(entry, Recorded) and entry.ended
        return (after.but(peers=room.peers), ()) if is_end else (after, told)

    folding(patch, fold)


# --- Negotiation -------------------------------------------------------------------------------------


@shows_as(Invariant.I18, within=300, first=10)
def candidates_of_an_old_generation_are_relayed(patch: pytest.MonkeyPatch) -> None:
    """A candidate is passed on whichever generation, and whichever description, it belongs to."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        body = entry.body if isinstance(entry, Commanded) else None
        present = room.connections.get(body.pc) if isinstance(body, Candidates) else None
        if present is not None and isinstance(entry, Commanded) and isinstance(body, Candidates):
            entry = entry.but(body=body.but(gen=present.gen))
        return right(room, entry, position)

    folding(patch, fold)
    patch.setattr(Connection, "trickled", lambda connection, body, *, by, at_most: connection.but())


@shows_as(Invariant.I18, Invariant.I13, within=100, first=14, scenario=MISCHIEVOUS)
def any_answer_closes_the_round(patch: pytest.MonkeyPatch) -> None:
    """An answer is relayed, whatever offer it is to."""
    patch.setattr(
        Negotiation,
        "answer",
        lambda negotiation, *, by, neg: negotiation.but(holder=None, is_offered=False),
    )


@shows_as(Invariant.I13, within=300, first=136)
def any_offer_opens_a_round(patch: pytest.MonkeyPatch) -> None:
    """An offer is relayed, whoever's turn it is."""
    patch.setattr(
        Negotiation,
        "offer",
        lambda negotiation, *, by, neg: negotiation.but(neg=neg, holder=by, is_offered=True),
    )


@shows_as(Invariant.I13, within=300, first=93)
def whoever_cannot_roll_back_has_to(patch: pytest.MonkeyPatch) -> None:
    """The side that cannot roll back is the polite one."""
    patch.setattr(negotiation, "_insistence", lambda endpoint: (endpoint.rollback, endpoint.peer))


@shows_as(Invariant.I13, within=300, first=47)
def nobody_gives_way(patch: pytest.MonkeyPatch) -> None:
    """A device takes every offer, its own open or not."""
    patch.setattr(Line, "_is_timely", lambda line, offer: True)


@shows_as(Invariant.I13, within=200, first=1, scenario=FAILING)
def whoever_cannot_restart_ice_is_asked_to(patch: pytest.MonkeyPatch) -> None:
    """A broken connection is mended by new credentials, whatever its endpoints can do."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        if isinstance(entry, Commanded) and isinstance(entry.body, Restart):
            able = {key: peer.but(caps=peer.caps.but(ice_restart=True)) for key, peer in room.peers.items()}
            after, told = right(room.but(peers=able), entry, position)
            return after.but(peers=room.peers), told
        return right(room, entry, position)

    folding(patch, fold)


# --- What workers tell -------------------------------------------------------------------------------


@shows_as(Invariant.I7, Invariant.I1, Invariant.I9)
def a_worker_skips_an_entry(patch: pytest.MonkeyPatch) -> None:
    """When there are several entries to tell of, the first is left out, and nobody looks for gaps."""
    right = LiveRoom.since

    def since(live: LiveRoom, offset: int) -> list[Step]:
        steps = right(live, offset)
        return steps[1:] if len(steps) > 1 else steps

    patch.setattr(LiveRoom, "since", since)
    patch.setattr(Link, "_gap_before", lambda link, step: None)


@shows_as(Invariant.I1, Invariant.I5)
def a_worker_tells_twice(patch: pytest.MonkeyPatch) -> None:
    """What was told is told again with the next entry."""
    right = LiveRoom.since
    patch.setattr(LiveRoom, "since", lambda live, offset: right(live, offset - 1))
    patch.setattr(Link, "_gap_before", lambda link, step: None)


@shows_as(Invariant.I5, Invariant.I1, Invariant.I7, Invariant.I9)
def a_worker_tells_the_last_first(patch: pytest.MonkeyPatch) -> None:
    """Entries are told of in the wrong order."""
    right = LiveRoom.since
    patch.setattr(LiveRoom, "since", lambda live, offset: right(live, offset)[::-1])
    patch.setattr(Link, "_gap_before", lambda link, step: None)


@shows_as(Invariant.I1, Invariant.I7)
def workers_fold_differently(patch: pytest.MonkeyPatch) -> None:
    """What an entry does depends on who reads it."""
    turns = iter(range(10**9))

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        after, told = right(room, entry, position)
        kept = tuple(tell for tell in told if not isinstance(tell.message, ParticipantChanged))
        return after, kept if next(turns) % 7 == 0 else told

    folding(patch, fold)


@shows_as(Invariant.I8)
def acknowledged_before_it_is_kept(patch: pytest.MonkeyPatch) -> None:
    """A command is acknowledged when it arrives, and not when it is in the log."""
    right = Link._command

    async def command(link: Link, message: Any) -> Any:
        link._say(Ack(ack=message.seq))
        return await right(link, message)

    patch.setattr(Link, "_command", command)


# --- Coming back, and logs that are not what they were -----------------------------------------------


def _reading(
    patch: pytest.MonkeyPatch, change: Callable[[LiveRoom, Step, Reading | None], Reading | None]
) -> None:
    right = rooms.reads_on

    def reads_on(live: LiveRoom, step: Step, peer: Any, *, resumed_at: str | None) -> Reading | None:
        found = right(live, step, peer, resumed_at=resumed_at)
        return found if resumed_at is None else change(live, step, found)

    patch.setattr("hugathome.rooms.stay.reads_on", reads_on)


@shows_as(Invariant.I7, Invariant.I5)
def refilled_on_resume(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes back is told everything from the beginning."""
    _reading(patch, lambda live, step, _: Reading(START, step.room, None))


@shows_as(Invariant.I7, within=200)
def a_jump_is_called_a_recovery(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes back is told that nothing is missing, and reads on at the end of the log."""
    _reading(patch, lambda live, step, _: Reading(step.position, step.room, None))


@shows_as(Invariant.I7, Invariant.I11, first=4, scenario=REWOUND)
def a_resume_skips_the_hash(patch: pytest.MonkeyPatch) -> None:
    """Whoever comes back is believed, if only the offset is there."""

    def reads_on(live: LiveRoom, step: Step, peer: Any, *, resumed_at: str | None) -> Reading | None:
        known = live.at(int((resumed_at or "0").partition(".")[0])) if resumed_at else None
        if known is not None:
            return Reading(known.position, step.room, None)
        return right(live, step, peer, resumed_at=resumed_at)

    right = rooms.reads_on
    patch.setattr("hugathome.rooms.stay.reads_on", reads_on)


@shows_as(Invariant.I1, Invariant.I7, Invariant.I9, Invariant.I11, within=200)
def a_worker_skips_the_hash(patch: pytest.MonkeyPatch) -> None:
    """A worker reads on at its offset, whatever the log has become before it."""

    def take(tail: Tail, rows: Rows, *, kept_from: int) -> Rows:
        news = [row for row in rows if row[0] > tail.offset]
        if news:
            tail.offset = news[-1][0]
        return news

    patch.setattr(Tail, "take", take)


@shows_as(Invariant.I9, Invariant.I11, within=200, first=15)
def a_live_connection_outlives_its_log(patch: pytest.MonkeyPatch) -> None:
    """A worker that finds its log rewound stops reading it, and closes nobody."""
    right = LiveRoom.run

    async def run(live: LiveRoom) -> None:
        await right(live)
        live.end = None

    patch.setattr(LiveRoom, "run", run)


@shows_as(Invariant.I13, first=7, scenario=FORGETFUL)
def what_was_missed_is_not_begun_anew(patch: pytest.MonkeyPatch) -> None:
    """Whoever begins at a snapshot goes on with connections on which something was said meanwhile."""

    def fold(right: Fold, room: Room, entry: Entry, position: Position) -> Folded:
        return right(room, entry.but(missed=False) if isinstance(entry, Attached) else entry, position)

    folding(patch, fold)


# --- Workers that die --------------------------------------------------------------------------------


@shows_as(Invariant.I9, first=1, scenario=MORTAL)
def the_dead_are_never_doubted(patch: pytest.MonkeyPatch) -> None:
    """Connections of a worker that was killed stay in the room for ever."""
    right = Journal.append

    async def append(journal: Journal, room: str, entry: Entry) -> None:
        if not isinstance(entry, Doubted):
            await right(journal, room, entry)

    patch.setattr(Journal, "append", append)


# --- Devices -----------------------------------------------------------------------------------------


@shows_as(Invariant.I10, scenario=NARROW)
def a_device_knows_no_limit(patch: pytest.MonkeyPatch) -> None:
    """A device sends on, however much is unacknowledged."""
    right = Window.flushed
    patch.setattr(Window, "flushed", lambda window, *, limit: right(window, limit=10**6))


@shows_as(Invariant.I9, Invariant.I13, first=10)
def a_new_peer_goes_on_counting(patch: pytest.MonkeyPatch) -> None:
    """After a rejoin a device goes on with the numbers of its former peer."""
    patch.setattr(Window, "renumbered", lambda window, *, former, lost=(): window)


@shows_as(Invariant.I3, within=200, first=27, scenario=REWOUND)
def what_is_said_again_counts_again(patch: pytest.MonkeyPatch) -> None:
    """A room does not look whether what a new peer says was taken from the former one."""
    patch.setattr(Room, "has_done", lambda room, command: False)


@shows_as(Invariant.I17, within=200, first=4, scenario=LED)
def the_seat_is_taken_without_being_offered(patch: pytest.MonkeyPatch) -> None:
    """Whoever asks for the host's seat has it."""
    patch.setattr(HostSeat, "accepted", lambda seat, *, by, holder: HostSeat(holder=by))


@shows_as(Invariant.I4, within=200, scenario=CROWDED)
def all_devices_that_wait_are_let_in(patch: pytest.MonkeyPatch) -> None:
    """Whoever waits on several devices is let in on each of them."""
    patch.setattr("hugathome.protocol.devices.settled", lambda room: (room, []))


@shows_as(Invariant.I3, scenario=REWOUND)
def a_text_is_known_by_its_time(patch: pytest.MonkeyPatch) -> None:
    """A device shows again what it has read, once it was said into a log that had lost it."""
    patch.setattr("hugathome.device.texts._named", lambda text: (text.participant, text.text, text.at))


@shows_as(Invariant.I17)
def the_seat_stays_free(patch: pytest.MonkeyPatch) -> None:
    """Nobody gets the host's seat by coming."""
    patch.setattr("hugathome.protocol.fold.seated", lambda room, before, *, offset: room)


@shows_as(Invariant.I9, Invariant.I8, within=200, first=4)
def a_device_forgets_what_it_said(patch: pytest.MonkeyPatch) -> None:
    """A device that loses its connection forgets what nobody has acknowledged."""
    right = Client.lost

    def lost(client: Client, *, now: Any) -> Next:
        return right(client.but(window=client.window.but(unacked=())), now=now)

    patch.setattr(Client, "lost", lost)


@shows_as(Invariant.I20, first=4)
def a_loss_ends_the_call(patch: pytest.MonkeyPatch) -> None:
    """A device that loses its hub ends its connections."""
    right = Client.lost

    def lost(client: Client, *, now: Any) -> Next:
        after, effects = right(client, now=now)
        ended = (Disconnect(pc, line.pair.gen) for pc, line in client.lines.items())
        return after.but(lines={}), (*effects, *ended)

    patch.setattr(Client, "lost", lost)


@shows_as(Invariant.I24, Invariant.I9, within=200, first=4)
def the_superseded_come_back(patch: pytest.MonkeyPatch) -> None:
    """A device that another has taken over from resumes as if its connection had broken."""
    right = returning._closed

    def closed(client: Client, close: Close, *, now: Any) -> Next:
        again = Close.because(CloseCode.STATE_LOST)
        return right(client, again if close.code == CloseCode.SUPERSEDED else close, now=now)

    patch.setattr(returning, "_closed", closed)


# --- What no run finds -------------------------------------------------------------------------------


@survives("it costs memory and no message: a device that reads again is told everything; tests/test_hub.py")
def the_slow_are_waited_for(patch: pytest.MonkeyPatch) -> None:
    """A device that reads nothing keeps its connection for as long as it likes."""
    patch.setattr(Link, "_is_slow", lambda link, now: False)


@survives("it costs reconnections and no message: whoever is taken for lost resumes; tests/test_hub.py")
def nobody_is_vouched_for(patch: pytest.MonkeyPatch) -> None:
    """A worker does not answer when another asks who serves a connection."""
    patch.setattr(LiveRoom, "_vouch", lambda live, entry: None)

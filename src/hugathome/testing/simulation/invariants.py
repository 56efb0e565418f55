"""What must hold at every entry of the log, whoever wrote it and whichever worker reads it.

Each check takes a moment and yields what it holds against it; `BY_ENTRY` names them all.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from hugathome.protocol.messages import (
    Answer,
    App,
    Candidates,
    Close,
    Granted,
    Leave,
    NoteStep,
    Offer,
    Pair,
    ParticipantChanged,
    Renew,
    Restart,
    SessionChanged,
    Snapshot,
    Text,
    TransferAccept,
)
from hugathome.protocol.wire import CloseCode, Devices
from hugathome.roles import Capability, Step
from hugathome.signalling import Attached, Commanded, Detached, Expired, Joined, Recorded, Tell, Vacated
from hugathome.testing.simulation.history import Invariant
from hugathome.testing.simulation.moments import Facts, Moment

RELAYED = Offer | Answer | Candidates | Restart | Text | App
"""What one device says to another."""
_FOR_THOSE_INSIDE = Offer | Answer | Candidates | Restart | Text | App | Pair | Renew | Granted

Found = Iterator[str]


def relayed_among_those_inside(now: Moment, before: Facts) -> Found:
    """I2."""
    for tell in now.told:
        if isinstance(tell.message, RELAYED):
            sender = now.entry.peer if isinstance(now.entry, Commanded) else ""
            if not before.is_inside(sender) or not now.facts.is_inside(tell.to):
                yield f"{tell.message.type} from {sender} to {tell.to}"


def only_the_present_connection_acts(now: Moment, before: Facts) -> Found:
    """I3."""
    match now.entry:
        case Commanded() as entry:
            is_only_closed = before.skips(entry) and now.room.seen.get(entry.peer) != entry.seq
            if (now.is_effective or now.told) and not (before.is_next(entry) or is_only_closed):
                yield f"command {entry.seq} of {entry.peer}, connection {entry.conn}"
            if before.is_next(entry) and not now.is_effective:
                yield f"command {entry.seq} of {entry.peer} counts, and did nothing"
        case Attached() as entry:
            known = before.peers.get(entry.peer)
            was_taken = any(peer.link == entry.link for peer in now.room.peers.values())
            is_theirs = known is not None and entry.presented in known.tokens
            if was_taken != is_theirs:
                yield f"{entry.peer} came back on a token that is {'not ' * (not is_theirs)}its own"
        case Detached() | Expired() as entry:
            known = before.peers.get(entry.peer)
            if now.is_effective and (known is None or known.conn != entry.conn):
                yield f"{entry.kind} of connection {entry.conn} of {entry.peer}"
        case _:
            pass


def nobody_vanishes_without_cause(now: Moment, before: Facts) -> Found:
    """I3, too: an effect that nothing in the log asks for."""
    for peer in before.peers.keys() - now.room.peers.keys():
        if not _has_cause(peer, now, before):
            yield f"{peer} was put out by {now.entry.kind if now.entry else 'nothing'}"


def _has_cause(peer: str, now: Moment, before: Facts) -> bool:
    known = before.peers[peer]
    match now.entry:
        case Joined() as entry:
            return entry.participant == known.participant
        case Expired() as entry:
            return (entry.peer, entry.conn) == (peer, known.conn) and not known.is_attached
        case Commanded(body=Leave()) as entry:
            return entry.peer == peer
        case Commanded(body=NoteStep(step=Step.CALL_ANSWERED)) as entry:
            return entry.peer != peer and before.peers[entry.peer].participant == known.participant
        case Recorded():
            device = now.facts.people[known.participant].device
            is_older = now.before is not None and now.before.room.peers[peer].device < device
            is_one_too_many = not before.is_inside(peer) and now.facts.is_let_in(known.participant)
            is_put_out = now.facts.has_ended or now.facts.is_out(known.participant)
            return is_put_out or is_older or (_are_many(now) and is_one_too_many)
        case _:
            return False


def one_device_at_a_time(now: Moment, before: Facts) -> Found:
    """I4."""
    of_one = (
        each for each in now.room.peers.values() if not _are_many(now) or now.facts.is_inside(each.peer)
    )
    participants = [peer.participant for peer in of_one]
    if len(set(participants)) < len(participants):
        yield f"{participants}"
    for peer in before.peers.keys() - now.room.peers.keys():
        link = now.before.room.peers[peer].link if now.before else ""
        is_told = any(tell.to == link and isinstance(tell.message, Close) for tell in now.told)
        if isinstance(now.entry, Joined) and not is_told:
            yield f"{peer} was taken over, and its connection not closed"


def _are_many(now: Moment) -> bool:
    """Whether a participant may wait on several devices."""
    return now.room.limits is not None and now.room.limits.devices is Devices.MULTI


def a_gap_closes(now: Moment, before: Facts) -> Found:
    """I8."""
    if isinstance(now.entry, Commanded) and before.skips(now.entry):
        codes = [tell.message.code for tell in now.told if isinstance(tell.message, Close)]
        if codes != [CloseCode.STATE_LOST]:
            yield f"command {now.entry.seq} of {now.entry.peer} follows {before.peers[now.entry.peer].seq}"


def the_removed_stay_out(now: Moment, before: Facts) -> Found:
    """I12."""
    for peer in now.room.peers.values():
        if now.facts.version and now.facts.is_out(peer.participant):
            yield f"{peer.peer} of {peer.participant}"


def nothing_after_the_end(now: Moment, before: Facts) -> Found:
    """I14."""
    if now.facts.has_ended:
        if now.room.peers:
            yield f"{list(now.room.peers)} are in a room that has ended"
        for tell in now.told:
            if not isinstance(tell.message, Close | SessionChanged):
                yield f"{tell.message.type} to {tell.to}"


def the_waiting_are_told_of_nobody(now: Moment, before: Facts) -> Found:
    """I15."""
    for tell in now.told:
        known = now.facts.peers.get(tell.to)
        if (
            known is not None
            and not now.facts.is_inside(tell.to)
            and not _is_harmless(tell, known.participant)
        ):
            yield f"{tell.message.type} to {tell.to}"


def _is_harmless(tell: Tell, participant: str) -> bool:
    match tell.message:
        case ParticipantChanged() as message:
            return message.participant == participant or (message.name, message.peer) == (None, None)
        case Snapshot() as view:
            seen = {each.participant for each in view.participants}
            return seen == {participant} and not view.pairs and not view.texts
        case message:
            return not isinstance(message, _FOR_THOSE_INSIDE)


def a_grant_makes_one_peer(now: Moment, before: Facts) -> Found:
    """I16."""
    if isinstance(now.entry, Joined) and now.entry.jti in before.makers:
        made = next((peer.peer for peer in now.room.peers.values() if peer.link == now.entry.link), None)
        if made is not None and (now.entry.nonce, made) != before.makers[now.entry.jti]:
            yield f"{made} on the grant of {before.makers[now.entry.jti][1]}"


def the_seat_is_one_practitioners(now: Moment, before: Facts) -> Found:
    """I17."""
    here = {
        peer.participant
        for peer in now.room.peers.values()
        if peer.is_attached and Capability.ADMIT in peer.can and now.facts.is_inside(peer.peer)
    }
    seat = now.room.seat
    if seat.holder is None and here:
        yield f"nobody has the host's seat, and {sorted(here)} are there"
    if seat.holder is not None and (seat.holder in here) != (seat.empty_since is None):
        yield f"{seat.holder} has the host's seat, and the room errs about whether they are there"


def the_seat_is_passed_on_in_two_steps(now: Moment, before: Facts) -> Found:
    """I17, too: whoever has it gives it, and whoever was offered it takes it."""
    had, has = (now.before.room.seat.holder if now.before else None), now.room.seat.holder
    if had is None or has is None or had == has:
        return
    match now.entry:
        case Commanded(body=TransferAccept()) if before.offered == (had, has):
            pass
        case Commanded(body=Leave()) | Vacated():
            pass
        case Recorded() if not now.facts.is_let_in(had):
            pass
        case _:
            yield f"{had} had the host's seat, and {has} has it now"


def a_text_is_kept_once(now: Moment, before: Facts) -> Found:
    """I3, for what is said again after a rejoin; no text of a run is written twice."""
    texts = [said.text.text for said in now.room.texts]
    if len(set(texts)) < len(texts):
        yield f"a text is there twice, of {len(texts)}"


def descriptions_fit(now: Moment, before: Facts) -> Found:
    """I18."""
    for tell in now.told:
        match tell.message:
            case Offer() | Answer() | Candidates() | Restart() as body:
                by = now.entry.peer if isinstance(now.entry, Commanded) else ""
                yield from _unfit(body, by, now, before)
            case _:
                pass


def _unfit(body: Offer | Answer | Candidates | Restart, by: str, now: Moment, before: Facts) -> Found:
    place, present = (body.pc, body.gen), now.room.connections.get(body.pc)
    if present is None or present.gen != body.gen:
        yield f"{body.type} of generation {body.gen} of {body.pc}"
    if isinstance(body, Answer):
        opened = before.rounds.get(place)
        if opened is None or opened.by == by or opened.neg != body.neg:
            yield f"answer {body.neg} of {by} while {opened} is open"
    if isinstance(body, Candidates):
        named = {each.username_fragment for each in body.candidates} - {None}
        if not named <= before.ufrags.get((*place, by), frozenset()):
            yield f"candidates of {named} by {by}"


Check = Callable[[Moment, Facts], Found]

BY_ENTRY: Final[Mapping[Check, Invariant]] = {
    relayed_among_those_inside: Invariant.I2,
    only_the_present_connection_acts: Invariant.I3,
    nobody_vanishes_without_cause: Invariant.I3,
    one_device_at_a_time: Invariant.I4,
    a_gap_closes: Invariant.I8,
    the_removed_stay_out: Invariant.I12,
    nothing_after_the_end: Invariant.I14,
    the_waiting_are_told_of_nobody: Invariant.I15,
    a_grant_makes_one_peer: Invariant.I16,
    the_seat_is_one_practitioners: Invariant.I17,
    the_seat_is_passed_on_in_two_steps: Invariant.I17,
    a_text_is_kept_once: Invariant.I3,
    descriptions_fit: Invariant.I18,
}

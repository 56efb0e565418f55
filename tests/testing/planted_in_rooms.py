"""Faults planted in a room, its transport or its log, one for each golden scenario at the least."""

from collections.abc import Callable
from typing import NamedTuple

from tests.testing import planted_in_fold as in_fold
from tests.testing import planted_in_hub as in_hub
from tests.testing.broken_parts import Carries, CutsLongFrames, LosesItsSnapshots, SkipsEmptyFrames
from tests.testing.planted_in_fold import Plant

from hugathome.logs import MemoryLog
from hugathome.protocol.wire import CloseCode
from hugathome.record.history import Action
from hugathome.signalling import SignallingLog, Transport
from hugathome.transports.memory import MemoryTransport


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
    "offers to all": Fault("whoever waits is told of nobody", in_fold.offers_reach_the_waiting_room),
    "digests of nothing": Fault(
        "a ping carries the digest of what its receiver knows", in_hub.digests_of_nothing
    ),
    "nobody counts": Fault(
        "who talks too much is warned and then sent away", in_hub.nobody_counts_what_is_said
    ),
    "any place": Fault(
        "a place that the log never had asks for a new beginning",
        in_hub.a_resume_believes_whatever_place_it_is_told,
    ),
    "one entry less": Fault("a cut loses and doubles nothing", in_hub.a_resume_skips_what_comes_next),
    "no goaway": Fault("a draining worker sends everybody to another", in_hub.a_drain_says_no_word),
    "any token": Fault("the token before is good until its successor was used", in_hub.any_token_is_good),
    "away for ever": Fault("whoever is away for long has left", in_hub.whoever_is_away_stays),
    "seat for ever": Fault(
        "the hosts seat is kept for whoever comes back in time", in_hub.the_seat_is_never_vacated
    ),
    "seat for the taking": Fault(
        "the hosts seat is passed on in two steps", in_fold.the_seat_is_whose_who_takes_it
    ),
    "a grant again": Fault("a grant makes one device only", in_fold.a_grant_is_good_again),
    "a silent end": Fault("completing ends the visit for everybody", in_fold.nobody_is_told_how_it_ended),
    "done again": Fault("what is said again after a rejoin is done once", in_fold.what_was_done_is_forgotten),
    "a mesh of nine": Fault(
        "a fifth is present and connected once another has left",
        in_fold.with_limits("fold", lambda limits: limits.but(mesh=9)),
    ),
    "no full room": Fault(
        "a ninth has to wait until one of eight has left",
        in_fold.with_limits("devices", lambda limits: limits.but(peers=99)),
    ),
    "telephone as video": Fault(
        "a visit by telephone has no connections", in_fold.the_telephone_is_like_video
    ),
    "to oneself": Fault(
        "messages of the host reach the others inside", in_fold.messages_of_the_host_come_back
    ),
    "any generation": Fault("a stale generation is refused", in_fold.generations_do_not_matter),
    "any round": Fault("a round that is not due is refused", in_fold.answers_need_no_offer),
    "another time": Fault("who sent it and when is the hubs word", in_fold.the_time_is_another),
    "watchers send": Fault("whoever only watches sends no media", in_fold.whoever_watches_may_send),
    "in doubt": Fault(
        "a device that doubts what it knows is given the whole room", in_hub.what_is_in_doubt_is_recovered
    ),
    "said again": Fault(
        "what nobody acknowledged is said again and done once", in_hub.what_is_said_again_is_taken_for_a_gap
    ),
    "must": Fault("what is no message ends a connection", in_hub.what_must_be_understood_is_ignored),
    "silence": Fault("silence before the hello ends a connection", in_hub.nobody_minds_silence),
    "a crowd": Fault("who joins too often has to wait", in_hub.nobody_counts_who_joins),
    "old credentials": Fault(
        "whoever is inside may ask for fresh credentials", in_hub.credentials_are_those_of_the_morning
    ),
    "waiting ends": Fault("whoever waits keeps their place while away", in_hub.whoever_waits_leaves_as_well),
    "rings for all": Fault("whoever is called hears it ring", in_fold.it_rings_for_everybody),
    "denied as removed": Fault(
        "whoever is denied is gone for good",
        in_fold.with_another_refusal(CloseCode.DENIED, CloseCode.REMOVED),
    ),
    "removed as denied": Fault(
        "whoever is removed is gone for good",
        in_fold.with_another_refusal(CloseCode.REMOVED, CloseCode.DENIED),
    ),
    "later device": Fault(
        "a second device is refused where the first is kept", in_fold.the_later_device_counts
    ),
    "all answer": Fault(
        "of several devices the first that answers stays", in_fold.answering_ends_no_other_device
    ),
    "no restart": Fault(
        "an ice restart is asked of whoever offers", in_fold.every_restart_is_a_new_beginning
    ),
    "no turns": Fault("devices that cannot roll back take turns", in_fold.everybody_can_roll_back),
    "any ufrag": Fault(
        "candidates of another description go no further", in_fold.candidates_belong_to_any_description
    ),
    "any number": Fault(
        "too many candidates are refused",
        in_fold.with_limits("commands", lambda limits: limits.but(candidates=64)),
    ),
    "any length": Fault(
        "a text that is too long is refused",
        in_fold.with_limits("commands", lambda limits: limits.but(text=1000)),
    ),
    "always on": Fault(
        "messages of the host are off by default",
        in_fold.with_limits("commands", lambda limits: limits.but(app=limits.app or 4096)),
    ),
    "credentials for all": Fault(
        "whoever waits can ask for nothing", in_hub.whoever_waits_is_given_credentials
    ),
    "the guest first": Fault(
        "an admission brings credentials the room and a pair", in_fold.the_guest_offers_first
    ),
    "untold admission": Fault(
        "an admission by the hospital reaches the page", in_hub.untold(Action.ADMIT, by_the_hospital=True)
    ),
    "untold return": Fault("whoever is sent back waits again", in_hub.untold(Action.RETURN_TO_WAITING)),
    "no farewell": Fault("a second device takes over", in_fold.an_earlier_device_is_told_nothing),
    "no steps": Fault(
        "what somebody did on the way is shown to whoever admits", in_fold.nobody_sees_what_was_done
    ),
    "a mesh of three": Fault(
        "four are connected with one another", in_fold.with_limits("fold", lambda limits: limits.but(mesh=3))
    ),
    "never here": Fault("leaving ends nothing for the others", in_fold.whoever_left_was_never_here),
    "on hold for ever": Fault("a visit on hold goes on", in_hub.untold(Action.RESUME)),
    "not one's own": Fault("texts reach everybody inside in one order", in_fold.guests_do_not_read_their_own),
    "no candidates": Fault(
        "an offer its answer and candidates arrive in order", in_fold.candidates_go_nowhere
    ),
    "a third speaks": Fault(
        "what is said of a connection of others is refused", in_fold.anybody_speaks_for_the_connected
    ),
    "recovered once": Fault(
        "a cut after each message loses and doubles nothing", in_hub.a_device_is_recovered_once
    ),
    "deaf to others": Fault(
        "another worker takes a device over", in_hub.what_is_said_elsewhere_is_not_followed
    ),
    "another device": Fault(
        "of two connections of a device the later counts", in_fold.an_earlier_connection_is_taken_for_a_device
    ),
    "put out": Fault("whoever has left does not resume", in_fold.whoever_left_was_put_out),
    "silent for ever": Fault("a silent device is given up", in_hub.silence_is_a_sign_of_life),
    "pongs do not count": Fault(
        "a device that answers pings is kept", in_hub.only_the_hello_is_a_sign_of_life
    ),
    "a gap": Fault("a missing command asks for a new beginning", in_hub.whatever_is_missing_is_a_mistake),
    "a bad grant": Fault("after the end nobody comes in", in_hub.the_end_is_a_bad_grant),
    "untold end": Fault(
        "an end by the hospital reaches everybody", in_hub.untold(Action.COMPLETE, by_the_hospital=True)
    ),
    "quiet refusal": Fault("only those who may end a visit", in_hub.a_refused_end_is_kept_quiet),
}

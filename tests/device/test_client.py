"""The client's core: one device, fed with texts, and read by its effects."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from hugathome.device.client import Client
from hugathome.device.effects import Apply, Connect, Describe, Disconnect, Drop, Effect, Refused, Return, Send
from hugathome.device.line import CONNECT_WITHIN
from hugathome.device.returning import GREET_WITHIN, LASTING, SPREAD, Phase
from hugathome.errors import RemoteProtocolError
from hugathome.protocol.frames import parse_client
from hugathome.protocol.messages import (
    Ack,
    Admit,
    Answer,
    ClientMessage,
    Close,
    Error,
    Goaway,
    Hello,
    Hold,
    IceServers,
    Leave,
    Message,
    Offer,
    Pair,
    ParticipantChanged,
    Ping,
    Pong,
    Renew,
    Restart,
    Ring,
    SessionChanged,
    Snapshot,
    Unpair,
    Welcome,
)
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.wire import (
    Caps,
    CloseCode,
    IceServerView,
    Limits,
    PairView,
    ParticipantView,
    Retry,
    RoomView,
    SessionView,
    State,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
LIMITS = Limits()
VISIT = SessionView(id="hug.s", status="in-progress", modality="video")
SDP = "\r\n".join(
    [
        "v=0",
        "o=- 1 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=ice-ufrag:abcd",
        "a=ice-pwd:" + "x" * 24,
        "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
        "a=sendrecv",
        "",
    ]
)


class Device:
    """A client, with all that it has asked for and said."""

    def __init__(self, **fields: Any) -> None:
        self.client = Client(**fields)
        self.now = NOW
        self.effects: list[Effect] = []

    def take(self, step: tuple[Client, tuple[Effect, ...]]) -> list[Effect]:
        self.client, effects = step
        self.effects += effects
        return list(effects)

    def open(self, grant: str = "grant-1") -> Hello:
        (sent,) = self.take(self.client.opened(grant=grant, nonce="nonce", now=self.now))
        assert isinstance(sent, Send)
        hello = parse_client(sent.text)
        assert isinstance(hello, Hello)
        return hello

    def hear(self, message: Message) -> list[Effect]:
        return self.take(self.client.received(message.to_json(), now=self.now))

    def say(self, command: Admit | Hold | Leave) -> list[Effect]:
        return self.take(self.client.said(command))

    def wait(self, passed: timedelta) -> list[Effect]:
        self.now += passed
        return self.take(self.client.passed(now=self.now))


def live(**fields: Any) -> Device:
    device = Device()
    device.open()
    device.hear(welcome(**fields))
    device.effects.clear()
    return device


def welcome(**fields: Any) -> Welcome:
    told: dict[str, Any] = {
        "pos": "7.0123456789ab",
        "peer": "p_a",
        "participant": "p-1",
        "role": "patient",
        "session": VISIT,
        "state": "admitted",
        "token": "token-1",
        "heartbeat": 20,
        "limits": LIMITS,
    }
    return Welcome(**(told | fields))


def pair(gen: int = 1, *, pc: str = "c_1", offerer: str = "p_a") -> PairView:
    polite = offerer != "p_a"
    return PairView(
        pc=pc, gen=gen, peer="p_b", participant="dr", polite=polite, mode=Mode.TURN, offerer=offerer
    )


def paired(gen: int = 1, *, offerer: str = "p_a") -> Pair:
    return Pair(**dict(pair(gen, offerer=offerer)))


def seen(participant: str = "dr", *, state: State = State.ADMITTED) -> ParticipantChanged:
    return ParticipantChanged(participant=participant, role="practitioner", state=state)


def said(effects: list[Effect]) -> list[ClientMessage]:
    return [parse_client(each.text) for each in effects if isinstance(each, Send)]


# --- Coming in -----------------------------------------------------------------------------------


def test_the_first_hello_shows_the_grant_and_what_the_endpoint_can_do() -> None:
    hello = Device(caps=Caps(rollback=True), agent="robot").open()

    assert (hello.grant, hello.resume, hello.nonce) == ("grant-1", None, "nonce")
    assert (hello.caps.rollback, hello.agent) == (True, "robot")


def test_a_welcome_says_who_one_is_and_what_may_be_seen() -> None:
    device = Device()
    device.open()
    view = ParticipantView(participant="p-1", role="patient", state=State.ARRIVED)
    device.hear(
        welcome(state="waiting", snapshot=RoomView(state="waiting", session=VISIT, participants=(view,)))
    )

    assert device.client.phase is Phase.LIVE
    assert (device.client.peer, device.client.participant, device.client.role) == ("p_a", "p-1", "patient")
    assert device.client.state == "waiting"
    assert device.client.session == VISIT
    assert device.client.roster == {"p-1": view}


def test_it_says_nothing_before_the_welcome_and_everything_after_it() -> None:
    device = Device()
    assert device.say(Hold()) == []
    device.open()
    assert device.say(Leave()) == []

    sent = said(device.hear(welcome()))

    assert [(each.type, each.seq) for each in sent] == [("hold", 1), ("leave", 2)]


def test_no_more_is_under_way_than_the_window_allows() -> None:
    device = live(limits=LIMITS.but(window=2))
    sent = [*said(device.say(Hold())), *said(device.say(Hold())), *said(device.say(Hold()))]
    assert [each.seq for each in sent] == [1, 2]

    assert [each.seq for each in said(device.hear(Ack(ack=1)))] == [3]


def test_an_acknowledgement_comes_with_any_message() -> None:
    device = live()
    device.say(Hold())

    device.hear(Ring(pos="8.0123456789ab", ack=1))

    assert device.client.window.unacked == ()
    assert device.client.rings == 1


def test_what_the_hub_refuses_is_told_with_the_command_and_forgotten_when_acknowledged() -> None:
    device = live()
    device.say(Admit(participant="p-2"))
    error = Error(code="not-permitted", ref=1)

    (refused,) = device.hear(error)

    assert refused == Refused(error, Admit(participant="p-2"))
    assert device.client.window.holds(Admit(participant="p-2"))
    device.hear(Ack(ack=1))
    assert not device.client.window.holds(Admit(participant="p-2"))


# --- Coming back ---------------------------------------------------------------------------------


def test_after_a_loss_it_resumes_at_its_last_position_and_says_again_what_was_not_taken() -> None:
    device = live()
    device.say(Hold())
    device.say(Leave())
    device.hear(Ring(pos="9.0123456789ab", ack=1))
    device.take(device.client.lost(now=NOW))

    hello = device.open(grant="grant-2")
    sent = said(device.hear(welcome(recovered=True, token="token-2", pos="9.0123456789ab", ack=1)))

    assert hello.grant is None
    assert hello.resume is not None
    assert (hello.resume.session, hello.resume.peer) == ("hug.s", "p_a")
    assert (hello.resume.pos, hello.resume.token) == ("9.0123456789ab", "token-1")
    assert [(each.type, each.seq) for each in sent] == [("leave", 2)]
    assert device.client.token == "token-2"


def test_a_position_that_was_seen_before_does_not_lead_back() -> None:
    device = live()
    device.hear(Ring(pos="9.0123456789ab"))
    device.hear(Ring(pos="8.0123456789ab"))

    assert device.client.pos == "9.0123456789ab"


def test_a_rejoin_shows_the_new_grant_and_begins_a_new_peer() -> None:
    device = live()
    device.hear(paired())
    device.take(device.client.offered("c_1", 1, SDP))
    device.say(Hold())
    device.hear(Close.because(CloseCode.STATE_LOST))

    hello = device.open(grant="grant-2")
    snapshot = RoomView(state="admitted", session=VISIT)
    effects = device.hear(welcome(peer="p_new", pos="2.0123456789ab", snapshot=snapshot))

    assert (hello.grant, hello.resume) == ("grant-2", None)
    assert [(each.type, each.seq) for each in said(effects)] == [("hold", 1)]
    assert Disconnect("c_1", 1) in effects
    assert device.client.pos == "2.0123456789ab"


def test_losing_the_hub_touches_no_connection() -> None:
    device = live()
    device.hear(paired())

    effects = device.take(device.client.lost(now=NOW))

    assert [type(each) for each in effects] == [Return]
    assert set(device.client.lines) == {"c_1"}


@pytest.mark.parametrize("code", CloseCode)
def test_every_close_code_leads_to_what_the_protocol_says(code: CloseCode) -> None:
    device = live()
    device.hear(paired())
    close = Close.because(code, after=4)

    effects = device.hear(close)

    match close.retry:
        case Retry.NEVER:
            assert device.client.phase is Phase.CLOSED
            assert device.client.end == close
            assert effects == [Drop(), Disconnect("c_1", 1)]
            assert device.take(device.client.lost(now=NOW)) == []
        case retry:
            assert device.client.phase is Phase.AWAY
            assert effects == [Drop(), Return(timedelta(seconds=4), SPREAD[0])]
            assert (device.open().resume is None) == (retry is Retry.REJOIN)


def test_a_hub_that_goes_away_is_left_and_come_back_to() -> None:
    device = live()

    effects = device.hear(Goaway(deadline=NOW))

    assert effects == [Drop(), Return(timedelta(), SPREAD[0])]
    assert device.open().resume is not None


def test_the_spread_doubles_up_to_its_most_while_no_connection_lasts() -> None:
    device = live()
    spreads = []
    for _ in range(8):
        (effect,) = device.take(device.client.lost(now=device.now))
        assert isinstance(effect, Return)
        spreads.append(effect.spread)
        device.open()

    least, most = SPREAD
    assert spreads[0] == least
    assert spreads[-1] == most
    assert all(later == min(2 * sooner, most) for sooner, later in pairwise(spreads))


def test_a_connection_that_lasted_starts_the_spread_anew() -> None:
    device = live()
    device.take(device.client.lost(now=device.now))
    device.open()
    device.hear(welcome())
    device.now += LASTING

    (effect,) = device.take(device.client.lost(now=device.now))

    assert effect == Return(timedelta(), SPREAD[0])


# --- Heartbeats ----------------------------------------------------------------------------------


def test_a_ping_is_answered() -> None:
    (pong,) = said(live().hear(Ping(t=17)))

    assert pong == Pong(t=17)


def test_a_hub_that_is_silent_for_too_long_is_left() -> None:
    device = live()
    dead_after = timedelta(seconds=LIMITS.dead_after)
    device.now += timedelta(seconds=20)
    device.hear(Ping())

    assert device.client.due == device.now + dead_after
    assert device.wait(dead_after - timedelta(seconds=1)) == []
    assert device.wait(timedelta(seconds=1)) == [Drop(), Return(timedelta(), SPREAD[0])]
    assert device.client.due is None


def test_a_hub_that_does_not_answer_the_hello_is_left() -> None:
    device = Device()
    device.open()

    assert device.client.due == NOW + GREET_WITHIN
    assert [type(each) for each in device.wait(GREET_WITHIN)] == [Drop, Return]


# --- The room ------------------------------------------------------------------------------------


def test_changes_replace_what_was_known() -> None:
    device = live()
    device.hear(seen(state=State.ADMITTED))
    device.hear(seen(state=State.AWAY))
    device.hear(SessionChanged(id="hug.s", status="on-hold", modality="video"))
    device.hear(IceServers(ice_servers=(IceServerView(urls=("turn:t",)),), relay_only=True))

    assert device.client.roster["dr"].state is State.AWAY
    assert device.client.session is not None
    assert device.client.session.status == "on-hold"
    assert device.client.ice_servers == (IceServerView(urls=("turn:t",)),)
    assert device.client.relay_only


def test_a_snapshot_replaces_everything_and_ends_what_it_does_not_name() -> None:
    device = live()
    device.hear(paired())
    device.hear(seen())

    effects = device.hear(Snapshot(state="waiting", session=VISIT))

    assert effects == [Disconnect("c_1", 1)]
    assert (device.client.state, device.client.roster, device.client.lines) == ("waiting", {}, {})


def test_a_snapshot_leaves_alone_what_it_names_and_connects_what_is_new() -> None:
    device = live()
    device.hear(paired())

    new = pair(pc="c_2", offerer="p_b")
    effects = device.hear(Snapshot(state="admitted", session=VISIT, pairs=(pair(), new)))

    assert effects == [Connect(new)]


def test_what_this_version_does_not_know_is_ignored_and_its_position_kept() -> None:
    device = live()

    assert device.take(device.client.received('{"type":"hologram","pos":"9.0123456789ab"}', now=NOW)) == []
    assert device.client.pos == "9.0123456789ab"


@pytest.mark.parametrize("text", ["", "{}", '{"type":"hologram","must":true}', '{"type":"pair"}'])
def test_what_no_hub_says_raises_our_error(text: str) -> None:
    with pytest.raises(RemoteProtocolError):
        live().client.received(text, now=NOW)


# --- Connections ---------------------------------------------------------------------------------


def test_the_offerer_connects_and_offers_at_once() -> None:
    device = live()

    effects = device.hear(paired())
    sent = said(device.take(device.client.offered("c_1", 1, SDP)))

    assert effects == [Connect(pair()), Describe("c_1", 1)]
    assert [(each.type, each.seq) for each in sent] == [("offer", 1)]


def test_the_other_side_answers() -> None:
    device = live()
    device.hear(paired(offerer="p_b"))

    effects = device.hear(Offer(pc="c_1", gen=1, neg=1, sdp=SDP))
    (sent,) = said(device.take(device.client.answered("c_1", 1, SDP)))

    assert effects == [Apply("c_1", 1, "offer", SDP)]
    assert isinstance(sent, Answer)


def test_a_pair_that_comes_twice_connects_once() -> None:
    device = live()
    device.hear(paired())

    assert device.hear(paired()) == []


def test_a_new_generation_begins_anew_and_what_names_the_old_one_is_stale() -> None:
    device = live()
    device.hear(paired(offerer="p_b"))

    device.hear(seen())
    effects = device.hear(Renew(**dict(pair(gen=2, offerer="p_b"))))

    assert effects == [Connect(pair(gen=2, offerer="p_b"))]
    assert device.hear(Offer(pc="c_1", gen=1, neg=1, sdp=SDP)) == []
    assert device.take(device.client.fared("c_1", 1, "failed", now=NOW)) == []
    assert device.hear(Offer(pc="c_1", gen=2, neg=1, sdp=SDP)) == [Apply("c_1", 2, "offer", SDP)]


def test_a_pair_ends_once() -> None:
    device = live()
    device.hear(paired())

    assert device.hear(Unpair(pc="c_1")) == [Disconnect("c_1", 1)]
    assert device.hear(Unpair(pc="c_1")) == []


def test_a_connection_that_does_not_come_about_is_asked_for_anew() -> None:
    device = live()
    device.hear(paired())

    assert device.client.due == NOW + CONNECT_WITHIN
    (sent,) = said(device.wait(CONNECT_WITHIN))
    assert isinstance(sent, Restart)
    assert sent.gen == 1


def test_nobody_asks_for_a_connection_to_somebody_who_is_away() -> None:
    device = live()
    device.hear(paired())
    device.hear(seen(state=State.AWAY))

    assert said(device.wait(CONNECT_WITHIN)) == []

    device.hear(seen(state=State.ADMITTED))
    assert [type(each) for each in said(device.wait(timedelta()))] == [Restart]


def test_nobody_asks_for_a_connection_while_the_hub_is_away() -> None:
    device = live()
    device.hear(paired())
    device.take(device.client.lost(now=NOW))

    assert device.client.due is None
    assert device.wait(CONNECT_WITHIN) == []


def test_without_endpoints_nothing_is_connected() -> None:
    device = Device(has_media=False)
    device.open()
    device.hear(welcome())

    assert device.hear(paired()) == []
    assert device.client.lines == {}


def test_no_secret_shows_in_what_is_printed() -> None:
    device = live()
    device.hear(IceServers(ice_servers=(IceServerView(urls=("turn:t",), credential="s3cret"),)))

    device.hear(paired(offerer="p_b"))
    device.hear(Offer(pc="c_1", gen=1, neg=1, sdp=SDP))
    device.take(device.client.lost(now=NOW))
    device.open()
    printed = repr(device.client) + repr(device.effects)

    assert [secret for secret in ("grant-1", "token-1", "s3cret", "ice-pwd") if secret in printed] == []

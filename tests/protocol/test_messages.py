"""The messages: what travels is what the protocol says, and a parser raises our own error only."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import InvalidInput, RemoteProtocolError
from hugathome.protocol.entries import Commanded, parse_entry
from hugathome.protocol.frames import parse_client, parse_server
from hugathome.protocol.messages import (
    Admit,
    App,
    Candidates,
    Close,
    Hello,
    Media,
    Message,
    NoteStep,
    Offer,
    Pair,
    Ping,
    Snapshot,
    Text,
    Unknown,
    Welcome,
)
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.roster import roster_digest
from hugathome.protocol.wire import (
    LONGEST_TEXT,
    CandidateInit,
    CloseCode,
    Limits,
    PairView,
    ParticipantView,
    ResumeFrom,
    Retry,
    RoomView,
    SessionView,
    State,
)
from hugathome.roles import Step

AT = datetime(2026, 11, 22, 9, 31, 7, 120000, tzinfo=UTC)
SESSION = SessionView(id="hug.x", status="planned", modality="video")
PAIR = PairView(
    pc="c_1", gen=1, peer="p_2", participant="dr", polite=True, mode=Mode.OPTIMISTIC, offerer="p_2"
)


def test_names_on_the_wire_are_camel_case_and_absent_fields_are_left_out() -> None:
    welcome = Welcome(
        peer="p_1",
        participant="pat",
        role="patient",
        session=SESSION,
        state="waiting",
        token="secret",
        heartbeat=20,
        limits=Limits(),
        pos="3.0123456789ab",
    )

    sent = json.loads(welcome.to_json())

    assert sent["v"] == 1
    assert sent["session"] == {
        "id": "hug.x",
        "status": "planned",
        "modality": "video",
        "hostPresent": False,
    }
    assert "iceServers" not in sent
    assert sent["limits"]["deadAfter"] == 45
    assert parse_server(welcome.to_json()) == welcome
    assert "secret" not in repr(welcome)


def test_a_sender_is_called_from() -> None:
    text = Candidates(pc="c", gen=1, candidates=(CandidateInit(),), sender="p_1").to_json()

    assert json.loads(text)["from"] == "p_1"
    assert parse_server(text).sender == "p_1"


def test_what_is_one_thing_is_flat() -> None:
    pair = json.loads(Pair(**dict(PAIR)).to_json())
    snapshot = json.loads(Snapshot(state="admitted", session=SESSION, pairs=(PAIR,)).to_json())

    assert pair == {
        "v": 1,
        "type": "pair",
        "pc": "c_1",
        "gen": 1,
        "peer": "p_2",
        "participant": "dr",
        "polite": True,
        "mode": "optimistic",
        "offerer": "p_2",
        "neg": 0,
    }
    assert snapshot["pairs"][0]["pc"] == "c_1"
    assert isinstance(parse_server(json.dumps(snapshot)), RoomView)


def test_what_only_the_hub_may_say_is_stripped_from_a_device() -> None:
    text = '{"v":1,"type":"leave","seq":1,"from":"p_9","pos":"1.0123456789ab","at":"2026-01-01T00:00:00Z"}'

    message = parse_client(text)

    assert (message.sender, message.pos, message.at, message.seq) == (None, None, None, 1)


def test_fields_and_types_of_the_future_are_ignored() -> None:
    assert parse_client('{"v":1,"type":"ping","t":5,"colour":"blue"}') == Ping(t=5)
    assert parse_client('{"v":1,"type":"wave","seq":3}') == Unknown(type="wave", seq=3)
    assert isinstance(parse_server('{"v":1,"type":"wave"}'), Unknown)


def test_a_message_of_the_future_that_must_be_understood_is_refused() -> None:
    with pytest.raises(RemoteProtocolError):
        parse_client('{"v":1,"type":"wave","seq":3,"must":true}')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"v":1,"type":"admit","seq":1,"participant":"pat"}', Admit(seq=1, participant="pat")),
        ('{"type":"step","seq":2,"step":"screen-off"}', NoteStep(seq=2, step=Step.SCREEN_OFF)),
        (
            '{"v":1,"type":"media","seq":3,"pc":"c","gen":1,"state":"failed","selectedPair":"relay"}',
            Media(seq=3, pc="c", gen=1, state="failed", selected_pair="relay"),
        ),
        ('{"v":1,"type":"hello","nonce":"n","grant":"g"}', Hello(nonce="n", grant="g")),
    ],
)
def test_devices_are_understood(text: str, expected: Message) -> None:
    assert parse_client(text) == expected


def test_a_candidate_of_a_browser_is_taken_as_it_is() -> None:
    text = json.dumps(
        {
            "v": 1,
            "type": "candidate",
            "seq": 1,
            "pc": "c",
            "gen": 1,
            "candidates": [
                {
                    "candidate": "candidate:1 1 udp 2122260223 192.0.2.1 54321 typ host ufrag ab",
                    "sdpMid": "0",
                    "sdpMLineIndex": 0,
                    "usernameFragment": "ab",
                },
                {"candidate": "", "sdpMid": None, "sdpMLineIndex": None},
            ],
        }
    )

    message = parse_client(text)

    assert isinstance(message, Candidates)
    assert [each.sdp_m_line_index for each in message.candidates] == [0, None]
    assert json.loads(message.to_json())["candidates"][0] == json.loads(text)["candidates"][0]
    assert "192.0.2.1" not in repr(message)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '"leave"',
        '{"v":2,"type":"leave","seq":1}',
        '{"v":1,"type":"leave"}',
        '{"v":1,"type":"leave","seq":0}',
        '{"v":1,"type":"leave","seq":1.0}',
        '{"v":1,"type":"leave","seq":"1"}',
        '{"v":1,"type":"leave","seq":9007199254740992}',
        '{"v":1,"type":"wave","seq":-1}',
        '{"v":1,"type":["leave"],"seq":1}',
        '{"v":1,"type":"admit","seq":1,"participant":"two words"}',
        '{"v":1,"type":"admit","seq":1,"participant":"pat\\n"}',
        '{"v":1,"type":"hello","nonce":"n"}',
        '{"v":1,"type":"hello","nonce":"","grant":"g"}',
        '{"v":1,"type":"hello","nonce":"n","grant":"g","versions":[]}',
        '{"v":1,"type":"offer","seq":1,"pc":"c","gen":1,"neg":1,"sdp":"hello"}',
        '{"v":1,"type":"candidate","seq":1,"pc":"c","gen":1,"candidates":[]}',
        '{"v":1,"type":"candidate","seq":1,"pc":"c","gen":1,"candidates":[{"candidate":"x"}]}',
        '{"v":1,"type":"media","seq":1,"pc":"c","gen":1,"state":"fine"}',
        '{"v":1,"type":"step","seq":1,"step":"dance"}',
        '{"v":1,"type":"ping","t":NaN}',
        '{"v":1,"type":"leave","seq":1,"reason":"\\ud800"}',
        "\ud800",
        "[" * 1000,
    ],
)
def test_what_is_no_message_of_a_device_is_refused(text: str) -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_client(text)

    assert refusal.value.code == CloseCode.PROTOCOL_ERROR


def test_a_hello_has_a_grant_or_a_place_to_resume_but_not_both() -> None:
    resume = ResumeFrom(session="hug.x", peer="p", pos="0.000000000000", token="t")

    with pytest.raises(RemoteProtocolError):
        parse_client(Hello(nonce="n", grant="g", resume=resume).to_json())


def test_what_is_too_big_is_refused_as_that() -> None:
    sdp = "v=0\r\n" + 60_000 * "a"
    for text in (
        " " * 65_537,
        "é" * 40_000,
        json.dumps({"v": 1, "type": "offer", "seq": 1, "pc": "c", "gen": 1, "neg": 1, "sdp": sdp}),
    ):
        with pytest.raises(RemoteProtocolError) as refusal:
            parse_client(text)
        assert refusal.value.code == CloseCode.TOO_BIG


def test_what_is_relayed_fits_a_frame_with_all_that_the_hub_adds() -> None:
    keys = f"a=ice-ufrag:abcd\r\na=ice-pwd:{22 * 'p'}\r\na=fingerprint:sha-256 " + ":".join(["AB"] * 32)
    sdp = f"v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n{keys}\r\n"
    text = Offer(pc="c", gen=1, neg=1, seq=1, sdp=sdp).to_json()
    frame = len(text) + 512

    offer = parse_client(text, limits=Limits(frame=frame))
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_client(text, limits=Limits(frame=frame - 1))

    assert refusal.value.code == CloseCode.TOO_BIG
    added = {"sender": "p" * 64, "pos": "9" * 16 + "." + "a" * 12, "ack": 2**53 - 1, "at": AT}
    assert len(offer.but(**added).to_json()) <= frame


@pytest.mark.parametrize("characters", [-1, LONGEST_TEXT + 1])
def test_no_text_may_be_longer_than_every_frame_can_carry(characters: int) -> None:
    with pytest.raises(InvalidInput):
        Limits(text=characters)

    longest = Text(text="\x01" * Limits(text=LONGEST_TEXT).text, participant="p" * 64, sender="p" * 64, at=AT)
    assert len(longest.to_json()) < Limits().frame / 2


def test_what_is_refused_is_not_quoted() -> None:
    with pytest.raises(RemoteProtocolError) as refusal:
        parse_client('{"v":1,"type":"admit","seq":1,"participant":"M. Dupont"}')

    assert "Dupont" not in repr(refusal.value)
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize(
    ("code", "retry"),
    [
        (CloseCode.NORMAL, Retry.NEVER),
        (CloseCode.GOING_AWAY, Retry.RESUME),
        (CloseCode.PROTOCOL_ERROR, Retry.NEVER),
        (CloseCode.SUPERSEDED, Retry.NEVER),
        (CloseCode.HEARTBEAT_TIMEOUT, Retry.RESUME),
        (CloseCode.GRANT_REFUSED, Retry.REJOIN),
        (CloseCode.NO_SUCH_SESSION, Retry.NEVER),
        (CloseCode.SESSION_ENDED, Retry.NEVER),
        (CloseCode.REMOVED, Retry.NEVER),
        (CloseCode.DENIED, Retry.NEVER),
        (CloseCode.SLOW_CONSUMER, Retry.RESUME),
        (CloseCode.TOO_BIG, Retry.NEVER),
        (CloseCode.RATE_LIMITED, Retry.RESUME),
        (CloseCode.NO_COMMON_VERSION, Retry.NEVER),
        (CloseCode.LOST_RACE, Retry.RESUME),
        (CloseCode.HELLO_TIMEOUT, Retry.REJOIN),
        (CloseCode.STATE_LOST, Retry.REJOIN),
        (CloseCode.ORIGIN_REFUSED, Retry.NEVER),
    ],
)
def test_every_close_says_what_to_do(code: CloseCode, retry: Retry) -> None:
    close = Close.because(code)

    assert close.retry is retry
    assert close.reason
    assert parse_server(close.to_json()) == close


def test_the_digest_of_a_roster_is_fnv_1a_over_sorted_lines() -> None:
    one = ParticipantView(participant="a", role="patient", state=State.ARRIVED, name="unseen")
    two = ParticipantView(participant="b", role="practitioner", state=State.ADMITTED, peer="p_2")

    assert roster_digest([]) == "811c9dc5"
    assert roster_digest([one]) == _fnv1a(b"a:arrived:")
    assert roster_digest([two, one]) == _fnv1a(b"a:arrived:\nb:admitted:p_2")


def _fnv1a(text: bytes) -> str:
    digest = 2166136261
    for byte in text:
        digest = ((digest ^ byte) * 16777619) & 0xFFFFFFFF
    return digest.to_bytes(4, "big").hex()


GOOD: list[dict[str, Any]] = [
    {
        "v": 1,
        "type": "offer",
        "seq": 1,
        "pc": "c",
        "gen": 1,
        "neg": 1,
        "sdp": "v=0\no=- 1 2 IN IP4 0.0.0.0\ns=-\nt=0 0\n",
    },
    {"v": 1, "type": "candidate", "seq": 1, "pc": "c", "gen": 1, "candidates": [{"candidate": ""}]},
    {"v": 1, "type": "hello", "nonce": "n", "grant": "g", "caps": {"rollback": True}},
    {"v": 1, "type": "media", "seq": 4, "pc": "c", "gen": 1, "state": "connected"},
    {"v": 1, "type": "complete", "seq": 4, "outcome": "report"},
]
WORDS = st.sampled_from(
    sorted({"ack", "pos", "from", "at", "must"} | {name for good in GOOD for name in good})
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=8),
    max_leaves=12,
)


@given(st.text() | JSON.map(json.dumps))
def test_nothing_but_our_own_error_leaves_a_parser(text: str) -> None:
    for parse in (parse_client, parse_server):
        with suppress(RemoteProtocolError):
            parse(text)


@given(st.sampled_from(GOOD), WORDS, JSON)
def test_one_field_gone_wrong_raises_nothing_else(good: dict[str, Any], field: str, value: object) -> None:
    parse_client(json.dumps(good))

    with suppress(RemoteProtocolError):
        parse_client(json.dumps({**good, field: value}))


@pytest.mark.parametrize(("first", "last"), [("[", "]"), ('{"a":', "}")])
def test_data_are_nested_only_so_deep_that_whoever_reads_the_log_can_read_them(first: str, last: str) -> None:
    def said(levels: int) -> str:
        nested = first * (levels - 1) + "[]" + last * (levels - 1)
        return f'{{"v":1,"type":"app","seq":1,"topic":"t","data":{nested}}}'

    deepest = parse_client(said(32))
    assert isinstance(deepest, App)
    entry = Commanded(peer="p_1", conn=1, seq=1, body=deepest, at=AT)

    assert parse_entry(entry.to_json().encode()) == entry
    for levels in (33, 199):
        with pytest.raises(RemoteProtocolError, match="too deeply"):
            parse_client(said(levels))

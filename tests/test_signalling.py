"""The room: scenes that are told entry by entry, and what holds after any entries in any order."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hugathome.errors import LocalProtocolError
from hugathome.protocol.messages import (
    Admit,
    Answer,
    App,
    Candidates,
    Close,
    Command,
    Error,
    Granted,
    Leave,
    Media,
    Negotiate,
    NoteStep,
    Offer,
    Pair,
    ParticipantChanged,
    Renew,
    Restart,
    Ring,
    Sending,
    ServerMessage,
    SessionChanged,
    Snapshot,
    Text,
    Transfer,
    TransferAccept,
    Unknown,
    Unpair,
)
from hugathome.protocol.negotiation import Mode
from hugathome.protocol.roster import roster_digest
from hugathome.protocol.wire import (
    CandidateInit,
    Caps,
    CloseCode,
    ParticipantView,
    State,
)
from hugathome.roles import CAPABILITIES, Role, Step
from hugathome.rooms.snapshot import Point, read_snapshot, write_snapshot
from hugathome.signalling import (
    FOLD,
    START,
    Attached,
    Called,
    Commanded,
    Detached,
    Doubted,
    Entry,
    Expired,
    Joined,
    Opened,
    Position,
    Recorded,
    RecordedParticipant,
    Room,
    Tell,
    Unread,
    Vacated,
    Vouched,
    parse_entry,
)
from hugathome.transports._wire import FRAME_LIMIT

AT = datetime(2026, 11, 22, 9, 31, tzinfo=UTC)
BROWSER = Caps(rollback=True, ice_restart=True)
AIORTC = Caps()
ROLES = {
    "dr": Role.PRACTITIONER,
    "pat": Role.PATIENT,
    "nurse": Role.NURSE,
    "trainee": Role.OBSERVER,
    "colleague": Role.PRACTITIONER,
}


def person(
    name: str,
    *,
    admitted: bool = False,
    removed: bool = False,
    denied: bool = False,
    here: bool = False,
    device: int = 0,
) -> RecordedParticipant:
    return RecordedParticipant(
        participant=name,
        role=ROLES[name],
        name=f"The name of {name}",
        can=CAPABILITIES[ROLES[name]],
        admitted=admitted,
        removed=removed,
        denied=denied,
        here=here,
        device=device,
    )


def recorded(
    version: int,
    *,
    admitted: Iterable[str] = (),
    removed: Iterable[str] = (),
    denied: Iterable[str] = (),
    here: Iterable[str] = (),
    devices: dict[str, int] | None = None,
    status: str = "in-progress",
    modality: str = "video",
    ended: bool = False,
) -> Recorded:
    people = tuple(
        person(
            name,
            admitted=name in admitted,
            removed=name in removed or name in denied,
            denied=name in denied,
            here=name in here,
            device=(devices or {}).get(name, 0),
        )
        for name in ROLES
    )
    return Recorded(version=version, status=status, modality=modality, ended=ended, participants=people)


def joined(
    name: str,
    peer: str | None = None,
    *,
    caps: Caps = BROWSER,
    jti: str | None = None,
    nonce: str | None = None,
    device: int = 0,
    link: str | None = None,
) -> Joined:
    peer = peer or f"p_{name}"
    return Joined(
        jti=jti or f"j_{peer}",
        nonce=nonce or f"n_{jti or peer}",
        peer=peer,
        participant=name,
        device=device,
        can=CAPABILITIES[ROLES[name]],
        caps=caps,
        token_hash=f"t_{peer}",
        link=link or f"l_{peer}",
        at=AT,
    )


def description(*, ufrag: str = "abcd", direction: str = "sendrecv") -> str:
    keys = [f"a=ice-ufrag:{ufrag}", "a=ice-pwd:" + "p" * 22, "a=fingerprint:sha-256 " + ":".join(["AB"] * 32)]
    audio = ["m=audio 9 UDP/TLS/RTP/SAVPF 111", *keys, f"a={direction}"]
    return "\r\n".join(["v=0", "o=- 1 2 IN IP4 127.0.0.1", "s=-", "t=0 0", *audio, ""])


class Scene:
    """A room, and all that it has told."""

    def __init__(self, *entries: Entry) -> None:
        self.room = Room(session="hug.s")
        self.position = START
        self.seqs: dict[str, int] = {}
        self.add(Opened(session="hug.s", organisation="hug"), *entries)

    def add(self, *entries: Entry) -> list[Tell]:
        told: list[Tell] = []
        for entry in entries:
            self.position = self.position.after(entry.to_json().encode(), self.position.offset + 1)
            self.room, news = self.room.after(entry, self.position)
            told += news
        return told

    def does(
        self, name: str, body: Command | Unknown, *, conn: int = 1, seq: int | None = None
    ) -> list[Tell]:
        peer = f"p_{name}"
        self.seqs[peer] = seq or self.seqs.get(peer, 0) + 1
        return self.add(Commanded(peer=peer, conn=conn, seq=self.seqs[peer], body=body, at=AT))

    @property
    def pc(self) -> str:
        (pc,) = self.room.connections
        return pc


def with_app(*entries: Entry) -> Scene:
    scene = Scene()
    scene.room = scene.room.but(limits=Opened(session="hug.s", organisation="hug", app=100))
    scene.add(*entries)
    return scene


def visit(*, doctor: Caps = BROWSER, patient: Caps = BROWSER) -> Scene:
    return Scene(recorded(1, admitted=["pat"]), joined("dr", caps=doctor), joined("pat", caps=patient))


def heard(told: Iterable[Tell], who: str) -> list[ServerMessage]:
    return [message for to, message in told if to in {f"p_{who}", f"l_p_{who}"}]


def kinds(told: Iterable[Tell], who: str) -> list[type[ServerMessage]]:
    return [type(message) for message in heard(told, who)]


def codes(told: Iterable[Tell]) -> list[tuple[str, int]]:
    return [(to, message.code) for to, message in told if isinstance(message, Close)]


# --- Coming in and going -------------------------------------------------------------------------


def test_who_enters_freely_sees_everybody_and_who_waits_only_themselves() -> None:
    scene = Scene(recorded(1), joined("dr"), joined("pat"))

    doctor, patient = scene.room.view("p_dr"), scene.room.view("p_pat")

    assert {seen.participant: seen.state for seen in doctor.participants} == {
        "dr": State.ADMITTED,
        "pat": State.ARRIVED,
        "nurse": State.EXPECTED,
        "trainee": State.EXPECTED,
        "colleague": State.EXPECTED,
    }
    assert [seen.participant for seen in patient.participants] == ["pat"]
    assert (patient.state, patient.pairs, patient.session.host_present) == ("waiting", (), True)


def test_nobody_is_admitted_by_the_arrival_of_a_host() -> None:
    scene = Scene(recorded(1), joined("pat"))

    told = scene.add(joined("dr"))

    assert kinds(told, "pat") == [SessionChanged]
    assert not scene.room.connections


def test_an_admission_shows_the_room_and_then_pairs() -> None:
    scene = Scene(recorded(1), joined("dr"), joined("pat"))

    told = scene.add(recorded(2, admitted=["pat"]))

    assert kinds(told, "pat") == [Snapshot, Pair]
    assert kinds(told, "dr") == [ParticipantChanged, Pair]
    snapshot, pair = heard(told, "pat")
    assert isinstance(snapshot, Snapshot)
    assert {seen.participant for seen in snapshot.participants} == {"dr", "pat"}
    assert snapshot.pairs == ()
    assert isinstance(pair, Pair)
    assert (pair.peer, pair.participant, pair.polite, pair.offerer) == ("p_dr", "dr", True, "p_dr")


def test_a_return_to_waiting_takes_everything_back() -> None:
    scene = visit()

    told = scene.add(recorded(2))

    assert kinds(told, "pat") == [Unpair, Snapshot]
    snapshot = heard(told, "pat")[1]
    assert isinstance(snapshot, Snapshot)
    assert (snapshot.state, [seen.participant for seen in snapshot.participants]) == ("waiting", ["pat"])
    assert kinds(told, "dr") == [Unpair, ParticipantChanged]


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (recorded(2, removed=["pat"]), CloseCode.REMOVED),
        (recorded(2, denied=["pat"]), CloseCode.DENIED),
        (recorded(2, admitted=["pat"], devices={"pat": 1}), CloseCode.SUPERSEDED),
        (recorded(2, ended=True, status="completed"), CloseCode.SESSION_ENDED),
    ],
)
def test_what_the_record_ends_is_closed_and_stays_closed(entry: Recorded, code: CloseCode) -> None:
    scene = visit()

    told = scene.add(entry)

    assert ("l_p_pat", code) in codes(told)
    again = Attached(peer="p_pat", presented="t_p_pat", token_hash="t2", link="l2", at=AT)
    assert codes(scene.add(again)) == [("l2", code)]


def test_an_older_record_changes_nothing() -> None:
    scene = Scene(recorded(3, admitted=["pat"]), joined("pat"))
    before = scene.room

    assert scene.add(recorded(2, removed=["pat"]), recorded(3)) == []
    assert scene.room == before


def test_the_room_knows_when_it_is_behind_the_record() -> None:
    empty = Room(session="hug.s")
    scene = Scene(recorded(3, admitted=["pat"]))

    assert empty.is_behind(recorded(1))
    assert scene.room.is_behind(recorded(4))
    assert not scene.room.is_behind(recorded(4, admitted=["pat"]))
    assert not scene.room.is_behind(recorded(2))


def test_whom_the_record_has_inside_is_away_in_a_log_that_has_lost_what_was() -> None:
    here = ["dr", "pat", "nurse"]
    scene = Scene(recorded(7, admitted=["pat"], here=here), joined("pat"))

    seen = {each.participant: each for each in scene.room.view("p_pat").participants}
    assert {who: each.state for who, each in seen.items()} == {"pat": State.ADMITTED, "dr": State.AWAY}
    assert (seen["dr"].admitted, seen["dr"].name) == (True, "The name of dr")

    told = scene.add(joined("dr"))
    assert kinds(told, "pat") == [SessionChanged, ParticipantChanged, Pair]
    assert scene.room.view("p_pat").participants[0].state is State.ADMITTED


def test_whoever_has_left_a_room_is_not_awaited_whatever_the_record_says() -> None:
    scene = Scene(recorded(1, admitted=["pat"], here=["dr"]), joined("dr"), joined("pat"))

    scene.does("dr", Leave())

    assert {each.participant: each.state for each in scene.room.view("p_pat").participants} == {
        "pat": State.ADMITTED,
        "dr": State.DEPARTED,
    }


def test_who_comes_and_goes_the_room_knows_before_the_record() -> None:
    scene = Scene(recorded(3, admitted=["pat"]))

    assert not scene.room.is_behind(recorded(4, admitted=["pat"], here=["pat"]))


def test_a_grant_is_good_once() -> None:
    scene = Scene(recorded(1), joined("dr", jti="j"))

    told = scene.add(joined("dr", peer="p_thief", jti="j", nonce="other", link="l_thief"))

    assert codes(told) == [("l_thief", CloseCode.GRANT_REFUSED)]
    assert list(scene.room.peers) == ["p_dr"]


def test_the_same_hello_is_the_same_peer_again() -> None:
    scene = Scene(recorded(1), joined("dr", jti="j"))

    told = scene.add(joined("dr", peer="p_unused", jti="j", link="l_again"))

    assert codes(told) == [("l_p_dr", CloseCode.LOST_RACE)]
    assert (scene.room.peers["p_dr"].link, scene.room.peers["p_dr"].conn) == ("l_again", 2)


def test_a_hello_that_is_answered_again_leaves_the_first_answers_token_good() -> None:
    scene = Scene(recorded(1), joined("dr", jti="j"))
    scene.add(joined("dr", jti="j", link="l_again").but(token_hash="t_second"))

    for token in ("t_p_dr", "t_second"):
        resume = Attached(peer="p_dr", presented=token, token_hash="t3", link="l3", at=AT)
        _, told = scene.room.after(resume, scene.position.after(b"", scene.position.offset + 1))
        assert codes(told) == [("l_again", CloseCode.LOST_RACE)]


def test_an_entry_that_is_appended_twice_does_once_what_it_does() -> None:
    again = Attached(peer="p_pat", presented="t_p_pat", token_hash="t2", link="l2", at=AT)
    scene = visit()
    scene.add(again)
    before = scene.room

    assert scene.add(again) == []
    assert scene.add(joined("nurse"))
    assert scene.add(joined("nurse")) == []
    assert scene.room.peers["p_pat"] == before.peers["p_pat"]
    assert scene.room.peers["p_nurse"].conn == 1


def test_whoever_has_missed_something_begins_their_connections_anew() -> None:
    scene = visit()
    pc = scene.pc
    scene.does("dr", Offer(pc=pc, gen=1, neg=1, sdp=description()))

    told = scene.add(
        Attached(peer="p_pat", presented="t_p_pat", token_hash="t2", link="l2", at=AT, missed=True)
    )

    assert [each.gen for each in heard(told, "dr") if isinstance(each, Renew)] == [2]
    assert scene.room.connections[pc].negotiation.neg == 0


def test_whoever_joins_where_the_record_was_lost_begins_anew_and_is_not_sent_away() -> None:
    assert codes(Scene().add(joined("pat"))) == [("l_p_pat", CloseCode.STATE_LOST)]


def test_a_grant_whose_peer_has_gone_is_used_up() -> None:
    scene = Scene(recorded(1), joined("dr", jti="j"))
    scene.does("dr", Leave())

    assert codes(scene.add(joined("dr", jti="j", link="l_again"))) == [("l_again", CloseCode.GRANT_REFUSED)]


def test_a_second_device_takes_over_and_an_earlier_one_never() -> None:
    scene = visit()

    told = scene.add(joined("pat", peer="p_phone", device=1))
    late = scene.add(joined("pat", peer="p_late", device=0))

    assert ("l_p_pat", CloseCode.SUPERSEDED) in codes(told)
    assert kinds(told, "phone") == [Pair]
    assert codes(late) == [("l_p_late", CloseCode.SUPERSEDED)]
    assert scene.room.is_inside("p_phone")


def test_a_device_that_its_own_late_hello_has_put_out_comes_back() -> None:
    scene = visit()
    scene.add(joined("pat", peer="p_new", jti="j2", nonce="mine"))

    told = scene.add(joined("pat", peer="p_late", jti="j1", nonce="mine"))
    back = scene.add(joined("pat", peer="p_again", jti="j3", nonce="mine"))

    assert ("l_p_new", CloseCode.STATE_LOST) in codes(told)
    assert ("l_p_late", CloseCode.STATE_LOST) in codes(back)
    assert scene.room.is_inside("p_again")


def test_a_room_has_an_end() -> None:
    scene = Scene(
        Opened(session="hug.s", organisation="hug"), recorded(1), joined("dr"), joined("pat"), joined("nurse")
    )
    limits = scene.room.limits
    assert limits is not None
    scene.room = scene.room.but(limits=limits.but(peers=3))

    told = scene.add(joined("trainee"))

    assert codes(told) == [("l_p_trainee", CloseCode.RATE_LIMITED)]


def test_tokens_follow_one_another() -> None:
    scene = Scene(recorded(1), joined("dr"))

    def attach(presented: str, token: str, link: str) -> list[tuple[str, int]]:
        entry = Attached(peer="p_dr", presented=presented, token_hash=token, link=link, at=AT)
        return codes(scene.add(entry))

    assert attach("t_p_dr", "t1", "l1") == [("l_p_dr", CloseCode.LOST_RACE)]
    assert attach("t_p_dr", "t2", "l2") == [("l1", CloseCode.LOST_RACE)]
    assert attach("t1", "t3", "l3") == [("l3", CloseCode.GRANT_REFUSED)]
    assert attach("t2", "t4", "l4") == [("l2", CloseCode.LOST_RACE)]
    assert attach("t_p_dr", "t5", "l5") == [("l5", CloseCode.GRANT_REFUSED)]


def test_a_peer_that_nobody_knows_begins_anew() -> None:
    entry = Attached(peer="p_x", presented="t", token_hash="t", link="l", at=AT)

    assert codes(Scene(recorded(1)).add(entry)) == [("l", CloseCode.STATE_LOST)]


def test_whoever_was_let_in_is_away_and_then_departed() -> None:
    scene = visit()

    away = scene.add(Detached(peer="p_pat", conn=1))
    gone = scene.add(Expired(peer="p_pat", conn=1))

    (seen,) = heard(away, "dr")
    assert isinstance(seen, ParticipantChanged)
    assert (seen.state, seen.admitted) == (State.AWAY, True)
    assert kinds(gone, "dr") == [Unpair, ParticipantChanged]
    assert scene.room.peer_of("pat") is None


def test_whoever_waits_stays_away_and_keeps_their_place() -> None:
    scene = Scene(recorded(1), joined("dr"), joined("pat"), Detached(peer="p_pat", conn=1))

    assert scene.add(Expired(peer="p_pat", conn=1)) == []
    assert scene.room.peer_of("pat") is not None


def test_a_timer_that_comes_late_does_nothing() -> None:
    scene = visit()
    scene.add(Detached(peer="p_pat", conn=1))
    scene.add(Attached(peer="p_pat", presented="t_p_pat", token_hash="t2", link="l2", at=AT))

    assert scene.add(Expired(peer="p_pat", conn=1), Detached(peer="p_pat", conn=1)) == []
    assert scene.room.peers["p_pat"].is_attached


def test_leaving_closes_one_connection_and_ends_nothing() -> None:
    scene = visit()

    told = scene.does("pat", Leave())

    assert codes(told) == [("l_p_pat", CloseCode.NORMAL)]
    assert kinds(told, "dr") == [Unpair, ParticipantChanged]
    assert not scene.room.ended


def test_a_call_rings_and_names_nobody() -> None:
    scene = Scene(recorded(1), joined("pat"))

    told = scene.add(Called(participant="pat", by="dr"))

    assert heard(told, "pat") == [Ring()]
    assert scene.add(Called(participant="nurse", by="dr")) == []


def test_steps_are_shown_to_those_who_admit_only() -> None:
    scene = Scene(recorded(1, admitted=["pat", "nurse"]), joined("dr"), joined("pat"), joined("nurse"))

    told = scene.does("pat", NoteStep(step=Step.SCREEN_OFF))
    media = scene.does("pat", Media(pc="c", gen=1, state="connected"))

    for news, step in ((told, Step.SCREEN_OFF), (media, Step.MEDIA_CONNECTED)):
        (seen,) = heard(news, "dr")
        assert isinstance(seen, ParticipantChanged)
        assert seen.step is step
        assert heard(news, "nurse") == heard(news, "pat") == []


# --- Beside sound and picture --------------------------------------------------------------------


def test_a_text_reaches_everybody_inside_its_sender_included_and_nobody_else() -> None:
    scene = visit()
    scene.add(joined("nurse"))

    told = scene.does("pat", Text(text="  I cannot hear you  "))

    assert [to for to, message in told if isinstance(message, Text)] == ["p_dr", "p_pat"]
    (text,) = heard(told, "dr")
    assert isinstance(text, Text)
    assert (text.participant, text.text, text.at) == ("pat", "I cannot hear you", AT)
    assert scene.room.view("p_nurse").texts == ()


def test_whoever_comes_back_reads_what_they_were_inside_for_and_a_newcomer_nothing() -> None:
    scene = visit()
    scene.does("dr", Text(text="take the other hand"))

    scene.add(joined("pat", "p_pat2", device=0), recorded(2, admitted=["pat", "nurse"]), joined("nurse"))

    assert [each.text for each in scene.room.view("p_pat2").texts] == ["take the other hand"]
    assert scene.room.view("p_nurse").texts == ()


@pytest.mark.parametrize(
    ("name", "body", "code"),
    [
        ("nurse", Text(text="let me in"), "not-admitted"),
        ("dr", Text(text="x" * 1001), "too-long"),
        ("pat", Sending(sound=True, picture="screen"), "not-permitted"),
    ],
)
def test_what_may_not_be_said_is_answered_with_an_error_and_reaches_nobody(
    name: str, body: Command, code: str
) -> None:
    scene = visit()
    scene.add(joined("nurse"))

    told = scene.does(name, body)

    assert told == [Tell(f"p_{name}", Error(code=code, ref=1))]


def test_a_text_is_kept_for_whom_the_record_has_inside_and_a_lost_log_has_not_seen_yet() -> None:
    here = ["dr", "pat", "nurse"]
    scene = Scene(recorded(7, admitted=["pat"], here=here), joined("pat"))

    scene.does("pat", Text(text="are you there?"))
    scene.add(joined("dr"), joined("colleague"), joined("nurse"))

    assert [each.text for each in scene.room.view("p_dr").texts] == ["are you there?"]
    assert scene.room.view("p_colleague").texts == (), "who had not come yet"
    assert scene.room.view("p_nurse").texts == (), "who was not let in"


def test_a_text_keeps_the_number_that_it_was_said_by_first_whatever_log_it_is_said_into() -> None:
    said = [each for each in heard(visit().does("pat", Text(text="yes")), "dr") if isinstance(each, Text)]
    another = Scene(recorded(1, admitted=["pat"]), joined("dr"), joined("pat", peer="p_new"))

    body = Text(text="yes", again="p_pat.1")
    told = another.add(Commanded(peer="p_new", conn=1, seq=1, body=body, at=AT + timedelta(seconds=9)))

    (again,) = [each for each in heard(told, "dr") if isinstance(each, Text)]
    assert [each.id for each in (*said, again)] == ["p_pat.1", "p_pat.1"]
    assert another.room.view("p_dr").texts[0].id == "p_pat.1"


def test_texts_that_a_host_has_switched_off_are_refused() -> None:
    scene = visit()
    scene.room = scene.room.but(limits=Opened(session="hug.s", organisation="hug", text=0))

    (told,) = scene.does("dr", Text(text="hello"))

    assert told.message == Error(code="not-permitted", ref=1)


def test_only_so_much_is_kept_for_whoever_comes_back() -> None:
    scene = visit()

    for number in range(150):
        scene.does("dr", Text(text=f"{number} " + "x" * (900 if number > 140 else 1)))

    texts = [each.text for each in scene.room.view("p_pat").texts]
    assert len(texts) <= 100
    assert sum(map(len, texts)) <= 16_000
    assert texts[-1].startswith("149 ")


@pytest.mark.parametrize("letter", ["a", "é", "\U0001f600", "\x01"])
def test_a_room_that_has_heard_much_still_fits_a_frame(letter: str) -> None:
    scene = visit()

    for _ in range(120):
        scene.does("pat", Text(text=letter * 1000))

    room = scene.room.view("p_dr")
    assert room.texts
    assert len(room.to_json().encode()) < FRAME_LIMIT / 2


def test_what_a_device_sends_is_seen_by_the_others_and_not_by_who_waits() -> None:
    scene = visit()
    scene.add(joined("nurse"))

    told = scene.does("dr", Sending(sound=True, picture="screen"))

    (seen,) = heard(told, "pat")
    assert isinstance(seen, ParticipantChanged)
    assert seen.sends is not None
    assert (seen.sends.sound, seen.sends.picture) == (True, "screen")
    assert not heard(told, "nurse")


def test_a_visit_that_turns_to_the_telephone_parts_everybody_and_back_brings_them_together() -> None:
    scene = visit()

    to_phone = scene.add(recorded(2, admitted=["pat"], modality="phone"))
    back = scene.add(recorded(3, admitted=["pat"], modality="video"))

    assert kinds(to_phone, "pat") == kinds(to_phone, "dr") == [Unpair, SessionChanged]
    assert kinds(back, "pat") == kinds(back, "dr") == [SessionChanged, Pair]


def test_the_last_step_says_when_it_was_and_only_to_those_who_admit() -> None:
    scene = visit()

    told = scene.does("pat", NoteStep(step=Step.SCREEN_OFF))

    (seen,) = heard(told, "dr")
    assert isinstance(seen, ParticipantChanged)
    assert (seen.step, seen.step_at) == (Step.SCREEN_OFF, AT)
    assert not heard(told, "pat")


@pytest.mark.parametrize(
    ("in_the_record", "minutes", "shown"),
    [
        (Step.MEDIA_FAILED, -1, Step.MEDIA_CONNECTED),
        (Step.SCREEN_OFF, 1, Step.SCREEN_OFF),
        (Step.CALL_ME_BACK, -1, Step.CALL_ME_BACK),
    ],
)
def test_a_record_that_notes_no_more_takes_no_step_back(
    in_the_record: Step, minutes: int, shown: Step
) -> None:
    scene = visit()
    scene.does("pat", Media(pc="c", gen=1, state="connected"))

    entry = recorded(2, admitted=["pat"], status="on-hold")
    at = AT + timedelta(minutes=minutes)
    people = tuple(
        each.but(step=in_the_record, step_at=at) if each.participant == "pat" else each
        for each in entry.participants
    )
    scene.add(entry.but(participants=people))

    steps = {each.participant: each.step for each in scene.room.view("p_dr").participants}
    assert steps["pat"] is shown


def test_a_wish_to_be_called_back_stands_until_it_is_answered_whatever_the_device_tells() -> None:
    scene = visit()
    scene.does("pat", NoteStep(step=Step.CALL_ME_BACK))

    lain_down = scene.does("pat", NoteStep(step=Step.SCREEN_OFF))
    answered = scene.does("pat", NoteStep(step=Step.CALL_ANSWERED))

    assert heard(lain_down, "dr") == []
    (seen,) = heard(answered, "dr")
    assert isinstance(seen, ParticipantChanged)
    assert seen.step is Step.CALL_ANSWERED


# --- Who is connected with whom ------------------------------------------------------------------


def test_everybody_inside_is_connected_with_everybody_inside_up_to_the_limit() -> None:
    everybody = list(ROLES)
    scene = Scene(recorded(1, admitted=everybody), *map(joined, everybody))

    pairs = {each.peers for each in scene.room.connections.values()}

    assert len(pairs) == 6
    assert not any("p_colleague" in pair for pair in pairs)
    told = scene.does("nurse", Leave())
    assert kinds(told, "colleague")[-3:] == [Pair, Pair, Pair]


def test_a_phone_visit_connects_nobody() -> None:
    scene = Scene(recorded(1, admitted=["pat"], modality="phone"), joined("dr"), joined("pat"))

    assert not scene.room.connections


def test_a_connection_outlives_a_lost_signalling_connection() -> None:
    scene = visit()
    pc = scene.pc

    scene.add(Detached(peer="p_pat", conn=1))
    told = scene.add(Attached(peer="p_pat", presented="t_p_pat", token_hash="t2", link="l2", at=AT))

    assert scene.pc == pc
    assert not any(isinstance(message, Pair | Unpair | Renew) for _, message in told)


def test_no_name_is_ever_used_for_two_connections() -> None:
    scene, names = visit(), set()

    for version in range(2, 10):
        names.add(scene.pc)
        scene.add(recorded(2 * version), recorded(2 * version + 1, admitted=["pat"]))

    assert len(names) == 8


# --- Negotiation ---------------------------------------------------------------------------------


def test_an_offer_and_its_answer_are_relayed_as_they_are() -> None:
    scene = visit()
    offer = Offer(pc=scene.pc, gen=1, neg=1, sdp=description())

    told = scene.does("dr", offer)
    back = scene.does("pat", Answer(pc=scene.pc, gen=1, neg=1, sdp=description(ufrag="efgh")))

    assert told == [Tell("p_pat", offer.but(sender="p_dr", at=AT))]
    assert [(to, type(message)) for to, message in back] == [("p_dr", Answer)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (Offer(pc="c_other", gen=1, neg=1, sdp=description()), "no-such-pair"),
        (Offer(pc="here", gen=2, neg=1, sdp=description()), "stale-generation"),
        (Offer(pc="here", gen=1, neg=2, sdp=description()), "stale-negotiation"),
        (Answer(pc="here", gen=1, neg=1, sdp=description()), "stale-negotiation"),
        (Negotiate(pc="here", gen=1), "stale-negotiation"),
    ],
)
def test_what_does_not_fit_is_an_error_and_is_not_relayed(body: Command, code: str) -> None:
    scene = visit()

    told = scene.does("dr", body.but(pc=scene.pc) if getattr(body, "pc", None) == "here" else body)

    assert told == [Tell("p_dr", Error(code=code, ref=1))]


def test_nobody_speaks_on_the_connection_of_two_others() -> None:
    everybody = ["dr", "pat", "nurse"]
    scene = Scene(recorded(1, admitted=everybody), *map(joined, everybody))
    (pc,) = [each.pc for each in scene.room.connections.values() if each.peers == {"p_dr", "p_pat"}]

    told = scene.does("nurse", Offer(pc=pc, gen=1, neg=1, sdp=description()))

    assert told == [Tell("p_nurse", Error(code="no-such-pair", ref=1))]


def test_crossing_offers_leave_the_impolite_one() -> None:
    scene = visit()
    polite = scene.does("pat", Offer(pc=scene.pc, gen=1, neg=1, sdp=description()))
    impolite = scene.does("dr", Offer(pc=scene.pc, gen=1, neg=1, sdp=description(ufrag="efgh")))
    late = scene.does("pat", Offer(pc=scene.pc, gen=1, neg=1, sdp=description()))

    assert kinds(polite, "dr") == [Offer]
    assert kinds(impolite, "pat") == [Offer]
    assert kinds(late, "pat") == [Error]
    assert kinds(late, "dr") == []


def test_an_endpoint_that_cannot_roll_back_offers_first() -> None:
    scene = visit(patient=AIORTC)

    (connection,) = scene.room.connections.values()

    assert connection.negotiation.mode is Mode.OPTIMISTIC
    assert connection.negotiation.impolite == "p_pat"


def test_two_that_cannot_roll_back_take_turns() -> None:
    scene = visit(doctor=AIORTC, patient=AIORTC)
    pc = scene.pc
    early = scene.does("pat", Offer(pc=pc, gen=1, neg=1, sdp=description()))
    assert kinds(early, "pat") == [Error]
    scene.does("dr", Offer(pc=pc, gen=1, neg=1, sdp=description()))
    assert scene.does("pat", Negotiate(pc=pc, gen=1)) == []

    told = scene.does("pat", Answer(pc=pc, gen=1, neg=1, sdp=description()))

    assert kinds(told, "dr") == [Answer]
    assert heard(told, "pat") == [Granted(pc=pc, gen=1, neg=2)]
    assert kinds(scene.does("pat", Offer(pc=pc, gen=1, neg=2, sdp=description())), "dr") == [Offer]


def test_candidates_follow_the_descriptions_that_they_belong_to() -> None:
    scene = visit()

    def candidates(ufrag: str | None) -> Candidates:
        return Candidates(pc=scene.pc, gen=1, candidates=(CandidateInit(username_fragment=ufrag),))

    assert scene.does("dr", candidates("abcd")) == []
    scene.does("dr", Offer(pc=scene.pc, gen=1, neg=1, sdp=description(ufrag="abcd")))
    assert kinds(scene.does("dr", candidates("abcd")), "pat") == [Candidates]
    assert kinds(scene.does("dr", candidates(None)), "pat") == [Candidates]
    assert scene.does("dr", candidates("other")) == []


def test_candidates_are_counted() -> None:
    scene = visit()
    sixteen = Candidates(pc=scene.pc, gen=1, candidates=(CandidateInit(),) * 16)

    for _ in range(4):
        assert kinds(scene.does("dr", sixteen), "pat") == [Candidates]

    assert heard(scene.does("dr", sixteen), "dr") == [Error(code="too-many-candidates", ref=5)]


def test_candidates_inside_a_description_are_counted_as_well() -> None:
    scene = visit()
    candidate = "a=candidate:1 1 udp 1 192.0.2.7 50000 typ host\r\n"

    told = scene.does("dr", Offer(pc=scene.pc, gen=1, neg=1, sdp=description() + 65 * candidate))

    assert told == [Tell("p_dr", Error(code="too-many-candidates", ref=1))]
    fitting = Offer(pc=scene.pc, gen=1, neg=1, sdp=description() + 64 * candidate)
    assert kinds(scene.does("dr", fitting), "pat") == [Offer]
    one = Candidates(pc=scene.pc, gen=1, candidates=(CandidateInit(),))
    assert heard(scene.does("dr", one), "dr") == [Error(code="too-many-candidates", ref=3)]


def test_candidates_that_a_description_names_again_are_not_counted_twice() -> None:
    scene = visit()
    sixteen = Candidates(pc=scene.pc, gen=1, candidates=(CandidateInit(),) * 16)
    scene.does("dr", Offer(pc=scene.pc, gen=1, neg=1, sdp=description()))
    scene.does("pat", Answer(pc=scene.pc, gen=1, neg=1, sdp=description()))
    for _ in range(3):
        scene.does("dr", sixteen)

    again = description() + 48 * "a=candidate:1 1 udp 1 192.0.2.7 50000 typ host\r\n"
    assert kinds(scene.does("dr", Offer(pc=scene.pc, gen=1, neg=2, sdp=again)), "pat") == [Offer]

    assert kinds(scene.does("dr", sixteen), "pat") == [Candidates]


def test_an_observer_is_held_to_receiving() -> None:
    scene = Scene(recorded(1, admitted=["trainee"]), joined("dr"), joined("trainee"))
    scene.does("dr", Offer(pc=scene.pc, gen=1, neg=1, sdp=description()))

    sends = scene.does("trainee", Answer(pc=scene.pc, gen=1, neg=1, sdp=description()))
    receives = scene.does("trainee", Answer(pc=scene.pc, gen=1, neg=1, sdp=description(direction="recvonly")))

    assert heard(sends, "trainee") == [Error(code="receive-only", ref=1)]
    assert kinds(receives, "dr") == [Answer]


def test_between_browsers_the_offerer_restarts_ice_in_place() -> None:
    scene = visit()

    told = scene.does("pat", Restart(pc=scene.pc, gen=1, reason="failed"))

    assert told == [
        Tell("p_dr", Restart(pc=scene.pc, gen=1, reason="failed").but(sender="p_pat", at=AT)),
    ]


def test_an_ice_restart_that_leads_to_no_answer_is_followed_by_a_new_generation() -> None:
    """Its offer may never come: a round that one endpoint could not finish is open for ever."""
    scene = visit()
    pc = scene.pc
    restart = Restart(pc=pc, gen=1)
    scene.does("dr", Offer(pc=pc, gen=1, neg=1, sdp=description()))
    assert kinds(scene.does("pat", restart) + scene.does("dr", restart), "dr") == [Restart, Restart]

    told = scene.does("dr", restart)

    assert kinds(told, "dr") == kinds(told, "pat") == [Renew]


def test_an_answer_lets_ice_be_restarted_in_place_again() -> None:
    scene = visit()
    pc = scene.pc
    restart = Restart(pc=pc, gen=1)
    scene.does("pat", restart)
    scene.does("dr", Offer(pc=pc, gen=1, neg=1, sdp=description()))
    scene.does("pat", Answer(pc=pc, gen=1, neg=1, sdp=description()))

    assert kinds(scene.does("pat", restart), "dr") == [Restart]


def test_with_an_endpoint_that_cannot_restart_a_new_generation_begins() -> None:
    scene = visit(patient=AIORTC)
    pc = scene.pc
    scene.does("pat", Offer(pc=pc, gen=1, neg=1, sdp=description()))

    told = scene.does("dr", Restart(pc=pc, gen=1))
    again = scene.does("pat", Restart(pc=pc, gen=1))

    assert kinds(told, "dr") == kinds(told, "pat") == [Renew]
    renew = heard(told, "dr")[0]
    assert isinstance(renew, Renew)
    assert (renew.pc, renew.gen, renew.neg, renew.offerer) == (pc, 2, 0, "p_pat")
    assert heard(again, "pat") == [Error(code="stale-generation", ref=2)]
    assert kinds(scene.does("pat", Offer(pc=pc, gen=2, neg=1, sdp=description())), "dr") == [Offer]


# --- Messages of the host's own ------------------------------------------------------------------


def test_a_message_of_the_hosts_own_reaches_everybody_else_inside() -> None:
    scene = with_app(recorded(1, admitted=["pat"]), joined("dr"), joined("pat"), joined("nurse"))

    told = scene.does("dr", App(topic="hand", data={"raised": True}))

    (said,) = heard(told, "pat")
    assert isinstance(said, App)
    assert (said.participant, said.sender, said.data) == ("dr", "p_dr", {"raised": True})
    assert heard(told, "dr") == heard(told, "nurse") == []


@pytest.mark.parametrize(
    ("who", "size", "code"), [("nurse", 8, "not-admitted"), ("dr", 101, "too-long"), ("dr", 100, None)]
)
def test_a_message_of_the_hosts_own_is_of_somebody_inside_and_short(
    who: str, size: int, code: str | None
) -> None:
    scene = with_app(recorded(1, admitted=["pat"]), joined("dr"), joined("pat"), joined("nurse"))

    told = scene.does(who, App(topic="note", data="x" * (size - 2)))

    assert heard(told, who) == ([Error(code=code, ref=1)] if code else [])


def test_without_the_host_there_are_no_messages_of_its_own() -> None:
    scene = visit()

    assert heard(scene.does("dr", App(topic="hand")), "dr") == [Error(code="not-permitted", ref=1)]


# --- Stale, repeated, lost -----------------------------------------------------------------------


def test_a_command_counts_once() -> None:
    scene = visit()
    offer = Offer(pc=scene.pc, gen=1, neg=1, sdp=description())
    scene.does("dr", offer)

    assert scene.does("dr", offer, seq=1) == []


def test_what_is_said_again_by_a_new_peer_counts_once() -> None:
    scene = visit()
    scene.does("pat", Text(text="yes"))
    scene.add(joined("pat", peer="p_new"))
    again = Commanded(peer="p_new", conn=1, seq=1, body=Text(text="yes", again="p_pat.1"), at=AT)

    assert scene.add(again) == []
    assert [said.text.text for said in scene.room.texts] == ["yes"]
    assert scene.room.seen["p_new"] == 1


def test_what_was_lost_is_taken_from_the_first_new_peer_that_says_it_and_from_no_later_one() -> None:
    scene = visit()
    scene.add(joined("pat", peer="p_two"))
    lost = Text(text="yes", again="p_pat.1")

    told = scene.add(Commanded(peer="p_two", conn=1, seq=1, body=lost, at=AT))
    scene.add(joined("pat", peer="p_three"))
    again = scene.add(Commanded(peer="p_three", conn=1, seq=1, body=lost, at=AT))

    assert kinds(told, "dr") == [Text]
    assert again == []


def test_nobody_says_in_advance_what_somebody_else_may_have_to_say_again() -> None:
    scene = visit()
    scene.does("pat", Text(text="mine", again="p_dr.1"))
    scene.add(joined("dr", peer="p_two"))
    lost = Text(text="theirs", again="p_dr.1")

    told = scene.add(Commanded(peer="p_two", conn=1, seq=1, body=lost, at=AT))

    assert kinds(told, "pat") == [Text]


def test_a_missing_command_ends_the_connection() -> None:
    scene = visit()

    told = scene.does("dr", NoteStep(step=Step.SCREEN_ON), seq=2)

    assert codes(told) == [("l_p_dr", CloseCode.STATE_LOST)]
    assert scene.does("dr", NoteStep(step=Step.SCREEN_ON), seq=1) == []


def test_nothing_of_a_connection_that_was_replaced_has_effect() -> None:
    scene = visit()
    scene.add(Attached(peer="p_dr", presented="t_p_dr", token_hash="t2", link="l2", at=AT))

    assert scene.does("dr", Offer(pc=scene.pc, gen=1, neg=1, sdp=description()), conn=1) == []
    assert scene.does("dr", Offer(pc=scene.pc, gen=1, neg=1, sdp=description()), conn=2, seq=1) != []


def test_a_doubt_is_of_one_connection_and_a_word_ends_it() -> None:
    scene = visit()

    assert scene.add(Doubted(peer="p_pat", conn=2)) == []
    assert not scene.room.peers["p_pat"].is_doubted
    assert scene.add(Doubted(peer="p_pat", conn=1)) == []
    assert scene.room.peers["p_pat"].is_doubted
    scene.add(Vouched(peer="p_pat", conn=1))
    assert not scene.room.peers["p_pat"].is_doubted


def test_what_a_peer_may_not_decide_changes_nothing() -> None:
    scene = Scene(recorded(1), joined("pat"))

    assert scene.does("pat", Admit(participant="pat")) == []
    assert scene.does("pat", Unknown(type="teleport")) == []
    assert not scene.room.is_inside("p_pat")
    assert scene.room.seen == {"p_pat": 2}


def test_another_version_of_the_rules_is_not_followed() -> None:
    with pytest.raises(LocalProtocolError):
        Scene(Opened(fold=FOLD + 1, session="hug.s", organisation="hug"))
    with pytest.raises(LocalProtocolError):
        Scene(Opened(session="hug.another", organisation="hug"))
    with pytest.raises(LocalProtocolError):
        Room(session="hug.s").after(Unread(), START)


def test_in_a_room_of_older_rules_nothing_counts_until_it_is_opened_again() -> None:
    older = Opened(fold=FOLD - 1, session="hug.s", organisation="hug")
    room, _ = Room(session="hug.s").after(older, START)

    unread, told = room.after(Unread(), START)
    joined_too, _ = room.after(joined("dr"), START)
    again, _ = room.after(older.but(fold=FOLD), START)
    late, _ = again.after(older, START)

    assert (unread, told, joined_too) == (room, (), room)
    assert [room.is_open, again.is_open] == [False, True]
    assert late == again


def test_a_snapshot_of_other_rules_is_not_guessed_at() -> None:
    scene = visit()
    text = write_snapshot(Point(scene.position, scene.room))
    older = read_snapshot(text.replace(f'"fold":{FOLD}', '"fold":1', 1), session="hug.s", offset=4)

    assert older.position == scene.position
    assert (older.room.is_older, older.room.peers) == (True, {})
    for broken in (text.replace(f'"fold":{FOLD}', '"fold":99', 1), text[:-1], "", "{}"):
        with pytest.raises(LocalProtocolError):
            read_snapshot(broken, session="hug.s", offset=4)


# --- Whatever happens ----------------------------------------------------------------------------

NAMES = st.sampled_from(list(ROLES))
SOME = st.sets(NAMES).map(sorted)
SMALL = st.integers(1, 3)
PEERS = NAMES.map("p_{}".format) | NAMES.map("p_{}2".format)
BODIES = st.one_of(
    st.builds(Offer, pc=st.just("here"), gen=SMALL, neg=SMALL, sdp=st.just(description())),
    st.builds(Answer, pc=st.just("here"), gen=SMALL, neg=SMALL, sdp=st.just(description())),
    st.builds(Candidates, pc=st.just("here"), gen=SMALL, candidates=st.just((CandidateInit(),))),
    st.builds(Negotiate, pc=st.just("here"), gen=SMALL),
    st.builds(Restart, pc=st.just("here"), gen=SMALL),
    st.builds(NoteStep, step=st.sampled_from(Step)),
    st.builds(Sending, sound=st.booleans(), picture=st.sampled_from(["camera", "screen", "none"])),
    st.builds(Text, text=st.sampled_from(["yes", "x" * 1500])),
    st.builds(Transfer, participant=NAMES),
    st.builds(TransferAccept, participant=NAMES),
    st.builds(App, topic=st.just("hand"), data=st.just({"raised": True})),
    st.builds(Leave),
)
ENTRIES = st.one_of(
    st.builds(
        recorded,
        st.integers(1, 40),
        admitted=SOME,
        removed=st.just([]) | SOME,
        ended=st.sampled_from([False] * 9 + [True]),
    ),
    st.builds(joined, NAMES, PEERS, caps=st.sampled_from([BROWSER, AIORTC]), nonce=st.sampled_from("nm")),
    st.builds(
        Attached,
        peer=PEERS,
        presented=PEERS.map("t_{}".format),
        token_hash=PEERS.map("t_{}".format),
        link=st.sampled_from(["l1", "l2", "l3"]),
        at=st.just(AT),
    ),
    st.builds(Detached, peer=PEERS, conn=SMALL),
    st.builds(Expired, peer=PEERS, conn=SMALL),
    st.builds(Vacated, holder=NAMES, since=st.integers(1, 40)),
    st.builds(Doubted, peer=PEERS, conn=SMALL),
    st.builds(Vouched, peer=PEERS, conn=SMALL),
    st.builds(Called, participant=NAMES, by=NAMES),
    *([st.builds(Commanded, peer=PEERS, conn=SMALL, seq=SMALL, body=BODIES, at=st.just(AT))] * 3),
)


def folded(entries: Iterable[Entry]) -> Iterable[tuple[Room, Room, tuple[Tell, ...]]]:
    """Yield before, after and what was told; commands name a connection of their sender, if there is one."""
    room, position = Room(session="hug.s"), START
    for drawn in entries:
        entry = placed(drawn, room)
        position = position.after(entry.to_json().encode(), position.offset + 1)
        before = room
        room, told = before.after(entry, position)
        yield before, room, told


def placed(entry: Entry, room: Room) -> Entry:
    """Let a command be one that the room might take."""
    if not isinstance(entry, Commanded):
        return entry
    mine = room.connections_of(entry.peer)
    seq = room.seen.get(entry.peer, 0) + entry.seq - 1
    return entry.but(seq=max(seq, 1), body=entry.body.but(pc=mine[0].pc if mine else "c_none"))


@given(st.lists(ENTRIES, max_size=40))
def test_the_fold_is_deterministic_and_a_room_survives_its_own_json(entries: list[Entry]) -> None:
    first, again = list(folded(entries)), list(folded(entries))

    assert first == again
    if first:
        room = first[-1][1]
        assert Room.from_json(room.to_json()) == room


@given(st.lists(ENTRIES, max_size=60), st.integers(0, 60))
def test_a_snapshot_and_what_follows_it_make_the_room_that_the_whole_log_makes(
    entries: list[Entry], cut: int
) -> None:
    whole = cut_short = Point(START, Room(session="hug.s"))
    for offset, drawn in enumerate(entries, start=1):
        if offset - 1 == cut:
            snapshot = write_snapshot(whole)
            cut_short = read_snapshot(snapshot, session="hug.s", offset=whole.position.offset)
        entry = placed(drawn, whole.room)
        whole, told = after(whole, entry)
        cut_short, told_too = after(cut_short, entry)

        assert told_too == told
        assert cut_short == whole
        assert list(cut_short.room.peers) == list(whole.room.peers)


def after(point: Point, entry: Entry) -> tuple[Point, tuple[Tell, ...]]:
    position = point.position.after(entry.to_json().encode(), point.position.offset + 1)
    room, told = point.room.after(entry, position)
    return Point(position, room), told


@given(st.lists(ENTRIES, max_size=40))
def test_entries_survive_the_log(entries: list[Entry]) -> None:
    assert [parse_entry(entry.to_json().encode()) for entry in entries] == entries


@given(st.lists(ENTRIES, max_size=60))
def test_whoever_is_not_let_in_learns_of_nobody(entries: list[Entry]) -> None:
    for before, after, told in folded(entries):
        for to, message in told:
            if to not in after.peers or before.is_inside(to) or after.is_inside(to):
                continue
            if "admit" in after.peers[to].can:
                continue
            assert not isinstance(
                message, Offer | Answer | Candidates | Pair | Renew | Restart | Granted | Unpair
            )
            own = after.peers[to].participant
            assert not [name for name in ROLES if name != own and f"The name of {name}" in message.to_json()]


@given(st.lists(ENTRIES, max_size=60))
def test_only_those_inside_are_relayed_and_connected(entries: list[Entry]) -> None:
    for before, after, told in folded(entries):
        for to, message in told:
            if isinstance(message, Offer | Answer | Candidates | Restart):
                assert message.sender is not None
                assert before.is_inside(message.sender)
                assert before.is_inside(to)
        inside = {peer for peer in after.peers if after.is_inside(peer)}
        assert all(each.peers <= inside for each in after.connections.values())
        assert len(after.connections) == min(len(inside), 4) * (min(len(inside), 4) - 1) // 2


@given(st.lists(ENTRIES, max_size=60))
def test_a_participant_has_one_device_and_after_the_end_there_is_nobody(entries: list[Entry]) -> None:
    for _, after, told in folded(entries):
        names = [peer.participant for peer in after.peers.values()]
        assert len(set(names)) == len(names)
        if after.ended:
            assert not after.peers
            assert {type(message) for _, message in told} <= {Close, SessionChanged}


@given(st.lists(ENTRIES, max_size=60))
def test_views_follow_from_what_was_told(entries: list[Entry]) -> None:
    """What a device makes of its messages is what a snapshot would say: nothing is forgotten."""
    known: dict[str, dict[str, ParticipantView]] = {}
    pairs: dict[str, dict[str, int]] = {}
    for before, after, told in folded(entries):
        for peer in after.peers.keys() - before.peers.keys():
            view = after.view(peer)
            known[peer] = {seen.participant: seen for seen in view.participants}
            pairs[peer] = {}
        for to, message in told:
            match message:
                case Snapshot() if to in known:
                    known[to] = {seen.participant: seen for seen in message.participants}
                    pairs[to] = {pair.pc: pair.gen for pair in message.pairs}
                case ParticipantChanged() if to in known:
                    known[to][message.participant] = message
                case Pair() | Renew() if to in known:
                    pairs[to][message.pc] = message.gen
                case Unpair() if to in known:
                    del pairs[to][message.pc]
        for peer in after.peers:
            view = after.view(peer)
            shown = {seen.participant: seen.state for seen in view.participants}
            assert {name: seen.state for name, seen in known[peer].items() if name in shown} == shown
            hidden = {seen.state for name, seen in known[peer].items() if name not in shown}
            assert hidden <= {State.DEPARTED}
            assert roster_digest(known[peer].values()) == roster_digest(view.participants)
            assert pairs[peer] == {pair.pc: pair.gen for pair in view.pairs}


def test_a_position_says_where_and_after_what() -> None:
    one = START.after(b"one", 1)

    assert str(START) == "0." + "0" * 12
    assert str(one).startswith("1.")
    assert str(Position(1, one.chain)) == str(one)
    assert str(START.after(b"two", 1)) != str(one)

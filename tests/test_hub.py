"""The hub: devices over pipes in memory, on a clock that stands still unless a test moves it."""

import asyncio
import base64
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext, suppress
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import pytest

from hugathome.consultations import Consultations
from hugathome.errors import StoreUnavailable, TransportClosed
from hugathome.grants import JoinGrant
from hugathome.hub import Hub
from hugathome.keys import KeyRing
from hugathome.logs import open_log
from hugathome.organisations import House, Organisations
from hugathome.policy import CodePolicy
from hugathome.protocol.frames import parse_server
from hugathome.protocol.ice import IceServer
from hugathome.protocol.messages import (
    Ack,
    Admit,
    Answer,
    AskIceServers,
    Candidates,
    ChangeModality,
    Close,
    Command,
    Complete,
    Deny,
    Error,
    Goaway,
    Hello,
    Hold,
    IceServers,
    Leave,
    Media,
    NoteStep,
    Offer,
    Pair,
    ParticipantChanged,
    Ping,
    Pong,
    Remove,
    Renew,
    Resume,
    ReturnToWaiting,
    Ring,
    ServerMessage,
    SessionChanged,
    Snapshot,
    Unpair,
    Welcome,
)
from hugathome.protocol.roster import roster_digest
from hugathome.protocol.wire import (
    CandidateInit,
    Caps,
    CloseCode,
    Limits,
    ResumeFrom,
    State,
)
from hugathome.record.participants import Participant
from hugathome.roles import Language, Modality
from hugathome.roles import Step as Fact
from hugathome.rooms.journal import Journal
from hugathome.rooms.snapshot import Point
from hugathome.session import Session
from hugathome.signalling import (
    FOLD,
    Attached,
    Called,
    Commanded,
    Entry,
    Expired,
    Opened,
    Room,
    SignallingLog,
)
from hugathome.sms import OutboxSms
from hugathome.stores.memory import MemorySessions
from hugathome.telemetry import Metric
from hugathome.testing.clock import FakeClock
from hugathome.transports.memory import MemoryTransport, memory_pair
from hugathome.visits.doorkeeper import Doorkeeper
from hugathome.wording.letterhead import Letterhead

M = TypeVar("M")
Append = Callable[[str, Entry], Coroutine[Any, Any, None]]
NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SITE = "https://visit.example.ch"
NOWHERE = ResumeFrom(session="hug.nowhere", peer="p", pos="0.000000000000", token="t")
BROWSER = Caps(rollback=True, ice_restart=True)


def sdp(ufrag: str = "abcd") -> str:
    return "\r\n".join(
        [
            "v=0",
            "o=- 1 2 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            f"a=ice-ufrag:{ufrag}",
            "a=ice-pwd:" + "x" * 24,
            "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
            "a=sendrecv",
            "",
        ]
    )


class Device:
    """A page, seen from its end of the pipe."""

    def __init__(self, transport: MemoryTransport) -> None:
        self.transport = transport
        self.heard: list[ServerMessage] = []
        self._seq = count(1)
        self.welcome: Welcome

    async def hear(self) -> ServerMessage:
        async with asyncio.timeout(10):  # a test that waits in vain fails, and does not hang
            message = parse_server(await self.transport.receive())
        self.heard.append(message)
        return message

    async def hear_all(self) -> list[ServerMessage]:
        """Read to the end of the connection."""
        messages = []
        try:
            while True:
                messages.append(await self.hear())
        except TransportClosed:
            return messages

    async def until(self, kind: type[M]) -> M:
        while True:
            message = await self.hear()
            if isinstance(message, kind):
                return message

    async def until_acked(self, seq: int) -> None:
        while (await self.hear()).ack != seq:
            pass

    async def say(self, command: Command) -> int:
        seq = next(self._seq)
        await self.transport.send(command.but(seq=seq).to_json())
        return seq

    @property
    def pos(self) -> str:
        return [message.pos for message in self.heard if message.pos][-1]


class Figures:
    """A telemetry that adds up."""

    def __init__(self) -> None:
        self.total: Counter[tuple[str, str]] = Counter()

    def span(self, call: str) -> AbstractContextManager[object]:
        return nullcontext()

    def add(self, metric: Metric, amount: int = 1, *, label: str = "") -> None:
        self.total[metric.name, label] += amount


async def _forgotten(room: str, entry: Entry) -> None:
    """Take an entry, and lose it."""


async def _unavailable(room: str, entry: Entry) -> None:
    raise StoreUnavailable("killed")


def _lost_commands(append: Append) -> Append:
    """Return an append that never gets a command into the log."""

    async def lossy(room: str, entry: Entry) -> None:
        if isinstance(entry, Commanded):
            raise StoreUnavailable("killed")
        await append(room, entry)

    return lossy


class Clinic:
    """Everything under the hub, in memory; a second hub of the same clinic is a second worker."""

    def __init__(self, *, log: SignallingLog | None = None, limits: Limits = Limits()) -> None:
        self.clock = FakeClock(NOW)
        self.keys = KeyRing(b"k" * 32)
        self.log = log or open_log("memory://")
        self.limits = limits
        self.figures = Figures()
        self.journal = Journal(log=self.log, keys=self.keys, randomness=self.randomness, limits=limits)
        letterhead = Letterhead(brand="HUG@home", site=SITE, help_phone=None)
        house = House(
            letterhead=letterhead,
            sms=OutboxSms(),
            code_policy=CodePolicy(),
            timezone=ZoneInfo("Europe/Zurich"),
            language=Language.FRENCH,
        )
        self.consultations = Consultations(
            store=MemorySessions(),
            journal=self.journal,
            keys=self.keys,
            clock=self.clock,
            randomness=self.randomness,
            organisations=Organisations(house, None),
        )
        self.doorkeeper = Doorkeeper(
            consultations=self.consultations,
            keys=self.keys,
            issuer=SITE,
            clock=self.clock,
            randomness=self.randomness,
        )
        self.hubs: list[Hub] = []
        self.hub = self.new_hub()
        self.calls: list[asyncio.Task[None]] = []

    _drawn = count()

    def randomness(self, size: int) -> bytes:
        return next(self._drawn).to_bytes(size, "big") if size > 1 else b"\x80"

    def new_hub(self) -> Hub:
        hub = Hub(
            journal=self.journal,
            consultations=self.consultations,
            doorkeeper=self.doorkeeper,
            clock=self.clock,
            randomness=self.randomness,
            limits=self.limits,
            ice_servers=[IceServer(urls=["turn:turn.example.ch"], secret="s3cret")],
            telemetry=self.figures,
        )
        self.hubs.append(hub)
        return hub

    async def plan(self) -> Session:
        return await self.consultations.plan(
            organisation="hug",
            service="cardiology",
            starts_at=NOW,
            ends_at=NOW + timedelta(minutes=30),
            participants=[
                Participant(id="dr", role="practitioner", name="Dr A. Rossi"),
                Participant(id="pat", role="patient", name="M. Dupont"),
                Participant(id="nurse", role="nurse", name="N. Weber"),
                Participant(id="colleague", role="practitioner", name="Dr B. Keller"),
            ],
        )

    def dial(self, hub: Hub | None = None, *, capacity: int = 256, source: str | None = None) -> Device:
        near, far = memory_pair(capacity=capacity)
        self.calls.append(asyncio.create_task((hub or self.hub).serve(far, source=source)))
        return Device(near)

    async def join(
        self,
        session: Session,
        who: str,
        *,
        caps: Caps = BROWSER,
        hub: Hub | None = None,
        grant: JoinGrant | None = None,
        capacity: int = 256,
    ) -> Device:
        grant = grant or self.doorkeeper.grant(session.id, who)
        device = self.dial(hub, capacity=capacity)
        await device.transport.send(Hello(grant=grant.token, nonce=grant.jti, caps=caps).to_json())
        device.welcome = await device.until(Welcome)
        return device

    async def resume(
        self, session: Session, device: Device, *, hub: Hub | None = None, pos: str = ""
    ) -> Device:
        again = self.dial(hub)
        last = ResumeFrom(
            session=session.id,
            peer=device.welcome.peer,
            pos=pos or device.pos,
            token=device.welcome.token,
        )
        await again.transport.send(Hello(resume=last, nonce="n2", caps=BROWSER).to_json())
        again._seq = device._seq
        return again

    async def visit(self) -> tuple[Session, Device, Device]:
        """The doctor and the patient, admitted and paired."""
        session = await self.plan()
        doctor = await self.join(session, "dr")
        patient = await self.join(session, "pat")
        await doctor.say(Admit(participant="pat"))
        await patient.until(Pair)
        await doctor.until(Pair)
        return session, doctor, patient

    async def kill(self) -> None:
        """End the hub as a kill does: nobody says goodbye, and nothing more reaches the log."""
        append, self.journal.append = self.journal.append, _unavailable  # type: ignore[method-assign]
        for call in self.calls:
            call.cancel()
        await asyncio.gather(*self.calls, return_exceptions=True)
        self.calls.clear()
        await self.hub.aclose()
        self.journal.append = append  # type: ignore[method-assign]

    async def aclose(self) -> None:
        for hub in self.hubs:
            await hub.aclose()
        for call in self.calls:
            await call
        await self.log.aclose()


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clinic = Clinic()
    yield clinic
    await clinic.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


# --- Coming in -----------------------------------------------------------------------------------


async def test_a_patient_waits_and_is_told_of_nobody(clinic: Clinic) -> None:
    session = await clinic.plan()

    await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat")

    assert patient.welcome.state == "waiting"
    assert patient.welcome.ice_servers is None
    assert patient.welcome.session.host_present
    assert patient.welcome.snapshot is not None
    assert [seen.participant for seen in patient.welcome.snapshot.participants] == ["pat"]
    assert [each.id for each in (await clinic.consultations.get(session.id)).waiting] == ["pat"]


async def test_an_admission_brings_credentials_the_room_and_a_pair(clinic: Clinic) -> None:
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat")

    await doctor.say(Admit(participant="pat"))

    await patient.until(Pair)
    kinds = [type(message) for message in patient.heard[1:]]
    assert kinds == [IceServers, Snapshot, Pair]
    servers, snapshot, pair = patient.heard[1:]
    assert isinstance(servers, IceServers)
    assert isinstance(snapshot, Snapshot)
    assert isinstance(pair, Pair)
    assert servers.ice_servers[0].username
    assert servers.pos is None
    assert {seen.participant for seen in snapshot.participants} == {"dr", "pat"}
    assert pair.offerer == doctor.welcome.peer
    assert pair.polite


async def test_an_offer_reaches_the_other_side_and_is_acknowledged(clinic: Clinic) -> None:
    _, doctor, patient = await clinic.visit()
    pair = doctor.heard[-1]
    assert isinstance(pair, Pair)

    seq = await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))

    offer = await patient.until(Offer)
    assert (offer.sender, offer.neg, offer.sdp) == (doctor.welcome.peer, 1, sdp())
    await doctor.until_acked(seq)
    await patient.say(Answer(pc=pair.pc, gen=1, neg=1, sdp=sdp("efgh")))
    assert (await doctor.until(Answer)).sender == patient.welcome.peer


async def test_an_acknowledgement_goes_with_the_answer(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hugathome.rooms.link._ANSWERED_WITHIN", 3600)
    _, doctor, patient = await clinic.visit()
    pair = doctor.heard[-1]
    assert isinstance(pair, Pair)

    seq = await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))
    await patient.until(Offer)
    await patient.say(Answer(pc=pair.pc, gen=1, neg=1, sdp=sdp("efgh")))
    answer = await doctor.until(Answer)

    assert answer.ack == seq
    assert not [each for each in doctor.heard if isinstance(each, Ack) and each.ack == seq]


async def test_what_was_relayed_is_acknowledged_though_the_record_takes_its_time(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, doctor, _patient = await clinic.visit()
    pair = doctor.heard[-1]
    assert isinstance(pair, Pair)
    goes_on, step = asyncio.Event(), clinic.consultations.step

    async def slow(session_id: str, who: str, fact: Fact) -> Session:
        await goes_on.wait()
        return await step(session_id, who, fact)

    monkeypatch.setattr(clinic.consultations, "step", slow)
    offered = await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))
    noted = await doctor.say(NoteStep(step=Fact.SCREEN_OFF))

    await doctor.until_acked(offered)
    goes_on.set()
    await doctor.until_acked(noted)


async def test_a_transport_that_breaks_when_it_is_cancelled_changes_no_reason_to_end(clinic: Clinic) -> None:
    session = await clinic.plan()
    near, far = memory_pair(capacity=1)
    send = far.send

    class Brittle:
        receive, aclose = far.receive, far.aclose

        async def send(self, text: str) -> None:
            try:
                await send(text)
            except asyncio.CancelledError:
                raise TransportClosed("broken") from None

    clinic.calls.append(asyncio.create_task(clinic.hub.serve(Brittle())))
    device, grant = Device(near), clinic.doorkeeper.grant(session.id, "dr")
    hello = Hello(grant=grant.token, nonce=grant.jti, caps=BROWSER).to_json()
    await near.send(hello)
    for _ in range(3):  # pongs that nobody reads: the second of them does not fit
        await near.send(Ping(t=1).to_json())
    await near.send(hello)
    await device.until(Welcome)

    close = (await device.hear_all())[-1]

    assert isinstance(close, Close)
    assert close.code == CloseCode.PROTOCOL_ERROR


async def test_who_is_not_admitted_gets_no_word_of_what_the_others_say(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()
    nurse = await clinic.join(session, "nurse")
    pair = next(message for message in doctor.heard if isinstance(message, Pair))

    await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))
    await patient.until(Offer)
    await nurse.say(Offer(pc=pair.pc, gen=1, neg=2, sdp=sdp()))
    refusal = await nurse.until(Error)
    await nurse.say(AskIceServers())  # type: ignore[arg-type]  # not a command, and numbered all the same

    assert (refusal.code, refusal.ref) == ("no-such-pair", 1)
    assert (await nurse.until(Error)).code == "not-admitted"
    assert not any(isinstance(message, Offer | Candidates | Pair | IceServers) for message in nurse.heard)
    assert "Rossi" not in "".join(message.to_json() for message in nurse.heard)
    assert "Dupont" not in "".join(message.to_json() for message in nurse.heard)


async def test_a_third_participant_makes_a_mesh(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()
    nurse = await clinic.join(session, "nurse")

    await doctor.say(Admit(participant="nurse"))

    others = {(await nurse.until(Pair)).participant, (await nurse.until(Pair)).participant}
    assert others == {"dr", "pat"}
    assert (await doctor.until(Pair)).participant == "nurse"
    assert (await patient.until(Pair)).participant == "nurse"


async def test_a_patient_may_not_admit(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    await patient.say(Admit(participant="pat"))

    assert (await patient.until(Error)).code == "not-permitted"
    assert (await clinic.consultations.get(session.id)).status == "planned"


async def test_an_admission_by_the_host_reaches_the_page(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    await clinic.consultations.admit(session.id, "pat", by="dr")

    assert (await patient.until(Snapshot)).state == "admitted"


async def test_a_called_patient_hears_it_ring(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    await clinic.journal.append(session.id, Called(participant="pat", by="dr"))

    assert (await patient.until(Ring)).pos is not None
    assert await clinic.journal.is_connected(session.id, "pat")
    assert not await clinic.journal.is_connected(session.id, "dr")


async def test_a_step_reaches_the_record_and_whoever_admits(clinic: Clinic) -> None:
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat")

    await patient.say(NoteStep(step=Fact.DEVICES_ALLOWED))

    while (await doctor.until(ParticipantChanged)).step is not Fact.DEVICES_ALLOWED:
        pass
    stored = await clinic.consultations.get(session.id)
    assert [change.step for change in stored.steps("pat")] == [Fact.DEVICES_ALLOWED]


async def test_connected_media_are_noted_once(clinic: Clinic) -> None:
    session, doctor, _ = await clinic.visit()
    pair = next(message for message in doctor.heard if isinstance(message, Pair))

    await doctor.say(Media(pc=pair.pc, gen=1, state="connected"))
    await doctor.until_acked(await doctor.say(Media(pc=pair.pc, gen=1, state="connected")))

    steps = (await clinic.consultations.get(session.id)).steps("dr")
    assert [change.step for change in steps] == [Fact.MEDIA_CONNECTED]


# --- Refusals ------------------------------------------------------------------------------------


async def closed_after(clinic: Clinic, *texts: str) -> Close:
    device = clinic.dial()
    for text in texts:
        await device.transport.send(text)
    close = (await device.hear_all())[-1]
    assert isinstance(close, Close)
    return close


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", CloseCode.PROTOCOL_ERROR),
        ("{}", CloseCode.PROTOCOL_ERROR),
        ('{"v":1,"type":"ping","t":1}', CloseCode.PROTOCOL_ERROR),
        ('{"v":1,"type":"hello","nonce":"n"}', CloseCode.PROTOCOL_ERROR),
        ('{"v":1,"type":"hello","nonce":"n","grant":"x","versions":[7]}', CloseCode.NO_COMMON_VERSION),
        ('{"v":1,"type":"hello","nonce":"n","grant":"not a token"}', CloseCode.GRANT_REFUSED),
        ('{"v":1,"type":"hello","nonce":"n","grant":"' + 9000 * "x" + '"}', CloseCode.TOO_BIG),
        (Hello(nonce="n", resume=NOWHERE).to_json(), CloseCode.NO_SUCH_SESSION),
    ],
)
async def test_a_first_message_that_is_no_good_hello_is_told_why(
    clinic: Clinic, text: str, code: CloseCode
) -> None:
    assert (await closed_after(clinic, text)).code == code


async def test_silence_before_the_hello_ends_the_connection(clinic: Clinic) -> None:
    device = clinic.dial()

    await clinic.clock.advance(seconds=5)

    close = (await device.hear_all())[-1]
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.HELLO_TIMEOUT, "rejoin")


async def test_a_grant_opens_one_connection_only(clinic: Clinic) -> None:
    session = await clinic.plan()
    grant = clinic.doorkeeper.grant(session.id, "dr")
    await clinic.join(session, "dr", grant=grant)

    stolen = Hello(grant=grant.token, nonce="another")

    assert (await closed_after(clinic, stolen.to_json())).code == CloseCode.GRANT_REFUSED


async def test_the_same_hello_is_answered_again_and_tells_everything(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")
    await clinic.consultations.admit(session.id, "pat", by="dr")
    grant = clinic.doorkeeper.grant(session.id, "dr")
    lost = await clinic.join(session, "dr", grant=grant)
    pair = await patient.until(Pair)
    await lost.transport.aclose()

    again = await clinic.join(session, "dr", grant=grant)

    assert again.welcome.peer == lost.welcome.peer
    assert (await again.until(Pair)).pc == pair.pc


async def test_a_message_that_cannot_be_read_ends_the_connection(clinic: Clinic) -> None:
    session = await clinic.plan()
    for text, code in [("nonsense", CloseCode.PROTOCOL_ERROR), ("x" * 70_000, CloseCode.TOO_BIG)]:
        device = await clinic.join(session, "pat")
        await device.transport.send(text)
        close = (await device.hear_all())[-1]
        assert isinstance(close, Close)
        assert (close.code, close.retry) == (code, "never")


async def test_an_unknown_message_is_counted_and_ignored(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    await patient.transport.send('{"v":1,"type":"from-the-future","seq":1}')

    assert (await patient.until(Ack)).ack == 1


async def test_a_missing_command_asks_for_a_new_beginning(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    await patient.transport.send('{"v":1,"type":"leave","seq":2}')

    close = (await patient.hear_all())[-1]
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.STATE_LOST, "rejoin")


async def test_who_talks_too_much_is_warned_and_then_sent_away(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    for _ in range(241):
        await patient.transport.send(Ping(t=1).to_json())
    heard = await patient.hear_all()

    assert len([each for each in heard if isinstance(each, Error) and each.code == "rate-limited"]) == 1
    assert isinstance(heard[-1], Close)
    assert heard[-1].code == CloseCode.RATE_LIMITED
    assert heard[-1].after


async def test_who_says_hello_too_often_from_one_address_has_to_wait_before_anything_is_looked_at() -> None:
    clinic = Clinic(limits=Limits(hellos_at_once=3, hellos_a_minute=6))
    session, other = await clinic.plan(), await clinic.plan()
    forged = f"e30.{_claims(session.id)}.e30"

    ends = [await _greeted(clinic, forged, source="192.0.2.1") for _ in range(4)]
    elsewhere = await _greeted(clinic, forged, source="192.0.2.2")
    valid = await _greeted(clinic, clinic.doorkeeper.grant(other.id, "dr").token, source="192.0.2.1")
    resumed = clinic.dial(source="192.0.2.1")
    await resumed.transport.send(Hello(resume=NOWHERE.but(session=session.id), nonce="n").to_json())

    assert [end.code for end in ends if isinstance(end, Close)] == [4003, 4003, 4003, 4010]
    assert isinstance(ends[3], Close)
    assert ends[3].after == 10
    assert isinstance(elsewhere, Close)
    assert elsewhere.code == CloseCode.GRANT_REFUSED
    assert isinstance(valid, Welcome)
    close = await resumed.until(Close)
    assert close.code == CloseCode.RATE_LIMITED
    await clinic.aclose()


async def test_an_organisation_opens_only_so_many_rooms_and_its_open_ones_are_entered_still() -> None:
    clinic = Clinic(limits=Limits(rooms=2))
    sessions = [await clinic.plan() for _ in range(3)]
    first, second = [await clinic.join(session, "dr") for session in sessions[:2]]

    late = await _greeted(clinic, clinic.doorkeeper.grant(sessions[2].id, "dr").token)
    await clinic.join(sessions[0], "pat")
    await second.say(Leave())
    await second.hear_all()
    await clinic.clock.settle()
    freed = await _greeted(clinic, clinic.doorkeeper.grant(sessions[2].id, "dr").token)

    assert isinstance(late, Close)
    assert (late.code, late.retry, late.after) == (CloseCode.RATE_LIMITED, "resume", 10)
    assert isinstance(freed, Welcome)
    assert first.heard
    await clinic.aclose()


def _claims(session_id: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"sid": session_id}).encode()).decode().rstrip("=")


async def _greeted(clinic: Clinic, grant: str, *, source: str | None = None) -> ServerMessage:
    device = clinic.dial(source=source)
    await device.transport.send(Hello(grant=grant, nonce="n1", caps=BROWSER).to_json())
    return await device.hear()


async def test_who_joins_too_often_is_told_when_to_come_again_and_may_still_resume(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")
    for _ in range(19):
        patient = await clinic.join(session, "pat")

    refused = clinic.dial()
    grant = clinic.doorkeeper.grant(session.id, "pat")
    await refused.transport.send(Hello(grant=grant.token, nonce="n1", caps=BROWSER).to_json())

    close = await refused.until(Close)
    assert (close.code, close.retry, close.after) == (CloseCode.RATE_LIMITED, "resume", 6)
    await patient.transport.aclose()
    assert (await (await clinic.resume(session, patient)).until(Welcome)).recovered
    await clinic.join(session, "dr")


async def test_whoever_reads_slowly_gets_no_credentials_after_the_admission_was_taken_back(
    clinic: Clinic,
) -> None:
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat", capacity=1)
    await doctor.say(Admit(participant="pat"))
    pair = await patient.until(Pair)
    await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))
    candidates = Candidates(pc=pair.pc, gen=1, candidates=(CandidateInit(),))
    said = [await doctor.say(candidates) for _ in range(3)]  # the patient reads none of it
    await doctor.until_acked(said[-1])
    await clinic.consultations.return_to_waiting(session.id, "pat", by="dr")
    await patient.transport.send(AskIceServers().to_json())
    await clinic.clock.settle()

    seen = len(patient.heard)
    refused = await patient.until(Error)

    assert refused.code == "not-admitted"
    assert not any(isinstance(each, IceServers) for each in patient.heard[seen:])
    assert (await patient.until(Snapshot)).state == "waiting"
    patient.transport.cut()


# --- Whoever only watches ------------------------------------------------------------------------


async def watched(clinic: Clinic) -> tuple[Session, Device, Device, Pair]:
    """The doctor, and a student whom the patient lets watch; they are paired."""
    session = await clinic.plan()
    student = Participant(id="student", role="observer", name="C. Blanc")
    await clinic.consultations.join(session.id, student, by="dr")
    await clinic.consultations.accept(session.id, "pat", recorded_by="dr", observers=True)
    doctor = await clinic.join(session, "dr")
    watching = await clinic.join(session, "student")
    await doctor.say(Admit(participant="student"))
    await doctor.until(Pair)
    return session, doctor, watching, await watching.until(Pair)


@pytest.mark.parametrize("why", ["withdrawn", "given again without observers"])
async def test_whoever_watches_is_out_at_once_when_the_patient_no_longer_agrees_to_it(
    clinic: Clinic, why: str
) -> None:
    session, doctor, watching, pair = await watched(clinic)

    if why == "withdrawn":
        await clinic.consultations.withdraw(session.id, "pat", recorded_by="dr")
    else:
        await clinic.consultations.accept(session.id, "pat", recorded_by="dr")

    await doctor.until(Unpair)
    seen = len(doctor.heard)
    alone = await watching.until(Snapshot)
    assert alone.state == "waiting"
    assert [seen.participant for seen in alone.participants] == ["student"]
    assert alone.pairs == ()
    await watching.transport.send(AskIceServers().to_json())
    assert (await watching.until(Error)).code == "not-admitted"
    await watching.until_acked(await watching.say(Offer(pc=pair.pc, gen=pair.gen, neg=1, sdp=sdp())))
    await doctor.say(Admit(participant="student"))
    assert (await doctor.until(Error)).code == "consent-missing"
    assert not any(isinstance(each, Offer | Pair) for each in doctor.heard[seen:])
    again = await clinic.join(session, "student")
    assert again.welcome.state == "waiting"
    assert again.welcome.ice_servers is None


# --- Going, and coming back ----------------------------------------------------------------------


async def test_a_second_device_takes_over_for_good(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()

    second = await clinic.join(session, "pat")

    close = (await patient.hear_all())[-1]
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.SUPERSEDED, "never")
    assert second.welcome.state == "admitted"
    await doctor.until(Unpair)
    assert (await doctor.until(Pair)).peer == second.welcome.peer


async def test_leaving_ends_nothing_for_the_others(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()

    await patient.say(Leave())

    close = (await patient.hear_all())[-1]
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.NORMAL, "never")
    assert (await doctor.until(ParticipantChanged)).state is State.DEPARTED
    stored = await clinic.consultations.get(session.id)
    assert stored.status == "in-progress"
    assert [each.id for each in stored.present] == ["dr"]


async def test_a_lost_connection_is_away_for_a_minute_and_then_departed(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()

    patient.transport.cut()
    while (await doctor.until(ParticipantChanged)).state is not State.AWAY:
        pass
    for _ in range(4):
        await clinic.clock.advance(seconds=15)
        await doctor.transport.send(Ping().to_json())

    await doctor.until(Unpair)
    assert (await doctor.until(ParticipantChanged)).state is State.DEPARTED
    assert [each.id for each in (await clinic.consultations.get(session.id)).present] == ["dr"]


async def test_the_record_is_told_even_when_nobody_is_left_to_see_it(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()

    doctor.transport.cut()
    patient.transport.cut()
    await clinic.clock.advance(seconds=61)

    assert (await clinic.consultations.get(session.id)).present == ()


async def test_whoever_waits_may_let_the_screen_go_dark(clinic: Clinic) -> None:
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat")

    patient.transport.cut()
    for _ in range(20):
        await clinic.clock.advance(seconds=15)
        await doctor.transport.send(Ping().to_json())
    await clinic.clock.settle()

    assert [each.id for each in (await clinic.consultations.get(session.id)).waiting] == ["pat"]
    back = await clinic.resume(session, patient)
    assert (await back.until(Welcome)).peer == patient.welcome.peer


async def test_a_resume_gets_what_was_missed_and_the_same_pair(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()
    pair = next(message for message in doctor.heard if isinstance(message, Pair))
    patient.transport.cut()
    while (await doctor.until(ParticipantChanged)).state is not State.AWAY:
        pass
    await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))

    back = await clinic.resume(session, patient)

    welcome = await back.until(Welcome)
    assert welcome.recovered
    assert welcome.peer == patient.welcome.peer
    assert welcome.token != patient.welcome.token
    assert welcome.snapshot is None
    assert (await back.until(Offer)).sdp == sdp()
    positions = [int(message.pos.split(".")[0]) for message in back.heard if message.pos]
    assert positions == sorted(positions)


async def test_a_loss_between_messages_that_belong_together_loses_none_of_them(clinic: Clinic) -> None:
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat")
    await doctor.say(Admit(participant="pat"))
    await patient.until(Snapshot)
    patient.transport.cut()

    back = await clinic.resume(session, patient)

    assert (await back.until(Pair)).participant == "dr"


async def test_a_refusal_comes_before_the_acknowledgement(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    seq = await patient.say(Admit(participant="nurse"))
    await patient.until_acked(seq)

    assert [message.ref for message in patient.heard if isinstance(message, Error)] == [seq]


async def test_the_token_before_stays_good_until_its_successor_was_used(clinic: Clinic) -> None:
    session, _, patient = await clinic.visit()
    patient.transport.cut()
    lost = await clinic.resume(session, patient)
    await lost.until(Welcome)
    lost.transport.cut()

    again = await clinic.resume(session, patient)
    again.welcome = await again.until(Welcome)
    third = await clinic.resume(session, again)
    await third.until(Welcome)

    late = await clinic.resume(session, patient)
    close = (await late.hear_all())[-1]
    assert isinstance(close, Close)
    assert close.code == CloseCode.GRANT_REFUSED


async def test_commands_that_are_sent_again_count_once(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()
    pair = next(message for message in doctor.heard if isinstance(message, Pair))
    offer = Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp(), seq=2)
    await doctor.transport.send(offer.to_json())
    await patient.until(Offer)
    doctor.transport.cut()

    back = await clinic.resume(session, doctor)
    assert (await back.until(Welcome)).ack == 2
    await back.transport.send(offer.to_json())
    await back.transport.send(Media(pc=pair.pc, gen=1, state="connecting", seq=3).to_json())

    await back.until_acked(3)
    await clinic.hub.aclose()
    assert [type(message) for message in await patient.hear_all()].count(Offer) == 0


async def test_a_device_that_doubts_what_it_knows_is_given_the_room_as_it_is(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()
    pair = next(message for message in doctor.heard if isinstance(message, Pair))
    await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))
    await patient.until(Offer)
    last = ResumeFrom(session=session.id, peer=patient.welcome.peer, token=patient.welcome.token)
    again = clinic.dial()

    await again.transport.send(Hello(resume=last, nonce="n2", caps=BROWSER).to_json())

    welcome = await again.until(Welcome)
    assert not welcome.recovered
    assert welcome.snapshot is not None
    assert [(each.pc, each.gen, each.neg) for each in welcome.snapshot.pairs] == [(pair.pc, 2, 0)]
    await clinic.hub.aclose()
    assert not [message for message in await again.hear_all() if isinstance(message, Offer | Pair)]


async def test_a_position_on_another_branch_asks_for_a_new_beginning(clinic: Clinic) -> None:
    session, _, patient = await clinic.visit()
    patient.transport.cut()

    for pos in ("3.0123456789ab", "9999.0123456789ab"):
        back = await clinic.resume(session, patient, pos=pos)
        close = (await back.hear_all())[-1]
        assert isinstance(close, Close)
        assert (close.code, close.retry) == (CloseCode.STATE_LOST, "rejoin")


async def test_what_is_no_longer_kept_is_replaced_by_a_snapshot() -> None:
    clinic = Clinic(limits=Limits(kept=4))
    session, doctor, patient = await clinic.visit()
    pair = next(message for message in doctor.heard if isinstance(message, Pair))
    patient.transport.cut()
    for seq in range(2, 12):
        await doctor.transport.send(Media(pc=pair.pc, gen=1, state="new", seq=seq).to_json())
        await doctor.until_acked(seq)

    back = await clinic.resume(session, patient)

    welcome = await back.until(Welcome)
    assert not welcome.recovered
    assert welcome.snapshot is not None
    # what was said on the connection may be among it: both begin it anew
    assert [(each.pc, each.gen) for each in welcome.snapshot.pairs] == [(pair.pc, 2)]
    assert (await doctor.until(Renew)).gen == 2
    await clinic.aclose()


async def test_a_device_that_fell_behind_what_is_kept_is_never_told_a_part_of_it() -> None:
    clinic = Clinic(limits=Limits(kept=4))
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr", capacity=1)
    patient = await clinic.join(session, "pat")
    for number in range(12):
        last = await patient.say(NoteStep(step=Fact.SCREEN_OFF if number % 2 else Fact.SCREEN_ON))
        await patient.until_acked(last)

    close = (await doctor.hear_all())[-1]

    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.SLOW_CONSUMER, "resume")
    back = await clinic.resume(session, doctor)
    welcome = await back.until(Welcome)
    assert welcome.snapshot is not None
    steps = {each.participant: each.step for each in welcome.snapshot.participants}
    assert steps["pat"] == Fact.SCREEN_OFF
    await clinic.aclose()


async def test_whoever_missed_much_while_away_is_given_the_time_to_catch_up() -> None:
    clinic = Clinic(limits=Limits(kept=64, behind=4))
    session, doctor, patient = await clinic.visit()
    doctor.transport.cut()
    for step in [Fact.SCREEN_OFF, Fact.SCREEN_ON] * 5:
        await patient.until_acked(await patient.say(NoteStep(step=step)))

    back = await clinic.resume(session, doctor)
    welcome = await back.until(Welcome)
    await back.until_acked(await back.say(NoteStep(step=Fact.SCREEN_OFF)))

    assert welcome.recovered
    assert not [each for each in back.heard if isinstance(each, Close)]
    await clinic.aclose()


async def test_whom_nothing_concerns_for_long_is_not_taken_for_slow() -> None:
    clinic = Clinic(limits=Limits(kept=8, behind=8))
    session, doctor, patient = await clinic.visit()
    nurse = await clinic.join(session, "nurse")
    pair = next(message for message in doctor.heard if isinstance(message, Pair))

    for neg in range(1, 21):
        await doctor.say(Offer(pc=pair.pc, gen=1, neg=neg, sdp=sdp()))
        await patient.until(Offer)
        await patient.say(Answer(pc=pair.pc, gen=1, neg=neg, sdp=sdp("efgh")))
        await doctor.until(Answer)
    await doctor.say(Admit(participant="nurse"))

    assert (await nurse.until(Snapshot)).state == "admitted"
    assert not [each for each in nurse.heard if isinstance(each, Close | Offer | Answer)]
    await clinic.aclose()


async def test_a_removed_participant_is_told_and_does_not_come_back(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()

    await doctor.say(Remove(participant="pat"))

    close = (await patient.hear_all())[-1]
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.REMOVED, "never")
    back = await clinic.resume(session, patient)
    close = (await back.hear_all())[-1]
    assert isinstance(close, Close)
    assert close.code == CloseCode.REMOVED


async def test_after_the_end_there_is_nothing_but_the_close(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()

    await doctor.say(Complete(outcome="prescription"))

    *_, last, close = await patient.hear_all()
    assert isinstance(last, SessionChanged)
    assert (last.status, last.outcome) == ("completed", "prescription")
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.SESSION_ENDED, "never")
    back = await clinic.resume(session, patient)
    assert [type(message) for message in await back.hear_all()] == [Close]


# --- Heartbeats and slow devices -----------------------------------------------------------------


async def test_pings_carry_the_digest_of_what_was_sent(clinic: Clinic) -> None:
    _, doctor, _ = await clinic.visit()

    await clinic.clock.advance(seconds=23)

    ping = await doctor.until(Ping)
    roster = {}
    for message in doctor.heard:
        match message:
            case Welcome(snapshot=snapshot) if snapshot:
                roster = {seen.participant: seen for seen in snapshot.participants}
            case ParticipantChanged():
                roster[message.participant] = message
    assert ping.digest == roster_digest(roster.values())


async def test_a_silent_device_is_given_up(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    await clinic.clock.advance(seconds=46)

    close = (await patient.hear_all())[-1]
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.HEARTBEAT_TIMEOUT, "resume")


async def test_a_device_that_answers_stays(clinic: Clinic) -> None:
    session = await clinic.plan()
    patient = await clinic.join(session, "pat")

    for _ in range(20):
        await clinic.clock.advance(seconds=15)
        await patient.transport.send(Pong().to_json())
    await patient.say(NoteStep(step=Fact.DEVICES_ALLOWED))

    assert (await patient.until(Ack)).ack == 1


async def test_a_device_that_does_not_read_is_sent_away_and_the_others_are_served(clinic: Clinic) -> None:
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat", capacity=1)

    for _ in range(5):
        with suppress(TransportClosed):
            await patient.transport.send(Ping().to_json())
        await clinic.clock.advance(seconds=15)
        await doctor.transport.send(Pong().to_json())

    call = clinic.calls[-1]
    await clinic.clock.advance(seconds=6)
    assert call.done()
    await doctor.say(NoteStep(step=Fact.DEVICES_ALLOWED))
    await doctor.until_acked(1)


# --- Workers -------------------------------------------------------------------------------------


async def test_closing_sends_everybody_away_to_come_back(clinic: Clinic) -> None:
    _, doctor, _ = await clinic.visit()

    await clinic.hub.aclose()
    await clinic.hub.aclose()

    *_, goaway, close = await doctor.hear_all()
    assert isinstance(goaway, Goaway)
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.GOING_AWAY, "resume")
    late = clinic.dial()
    assert [type(message) for message in await late.hear_all()] == [Goaway, Close]


async def test_whoever_is_cancelled_while_their_end_is_closed_is_not_waited_for(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(transport: MemoryTransport) -> None:
        await asyncio.sleep(3600)

    clinic.dial()
    (call,) = clinic.calls
    await clinic.clock.settle()
    with monkeypatch.context() as patched:
        patched.setattr(MemoryTransport, "aclose", slow)
        for _ in range(2):
            call.cancel()
            await clinic.clock.settle()
    with suppress(asyncio.CancelledError):
        await clinic.calls.pop()

    async with asyncio.timeout(1):
        await clinic.hub.aclose()


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_server_that_starts_again_finds_the_visit_where_it_was(tmp_path: Path, kind: str) -> None:
    url = "memory://" if kind == "memory" else f"sqlite:///{tmp_path}/log.db"
    clinic = Clinic(log=open_log(url))
    session, doctor, patient = await clinic.visit()
    pair = next(message for message in doctor.heard if isinstance(message, Pair))
    await clinic.kill()
    clinic.hub = clinic.new_hub()

    doctor_again = await clinic.resume(session, doctor)
    patient_again = await clinic.resume(session, patient)
    assert (await doctor_again.until(Welcome)).recovered
    assert (await patient_again.until(Welcome)).recovered
    await doctor_again.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))

    assert (await patient_again.until(Offer)).pc == pair.pc
    assert not any(isinstance(message, Pair | Unpair) for message in patient_again.heard)
    await clinic.aclose()


async def test_two_workers_share_a_room(clinic: Clinic) -> None:
    other = clinic.new_hub()
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat", hub=other)

    await doctor.say(Admit(participant="pat"))
    pair = await doctor.until(Pair)
    await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))

    assert (await patient.until(Offer)).sender == doctor.welcome.peer
    await other.aclose()


async def test_the_hosts_seat_is_kept_for_two_minutes_and_then_goes_on(clinic: Clinic) -> None:
    other = clinic.new_hub()
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    colleague = await clinic.join(session, "colleague", hub=other)
    await doctor.transport.aclose()

    hosts = {}
    for _ in range(9):
        await colleague.transport.send(Pong().to_json())
        await clinic.clock.advance(seconds=14)
        hosts[clinic.clock.now() - NOW] = (await _room_of(clinic, session)).seat.holder

    assert hosts[timedelta(seconds=112)] == "dr"
    assert hosts[timedelta(seconds=126)] == "colleague"
    assert (await clinic.consultations.get(session.id)).status == "planned"
    await other.aclose()


async def _room_of(clinic: Clinic, session: Session) -> Room:
    room = Room(session=session.id)
    for position, entry in await clinic.journal.load(session.id):
        room, _ = room.after(entry, position)
    return room


async def test_the_connections_of_a_dead_worker_are_found_out(clinic: Clinic) -> None:
    session, doctor, _ = await clinic.visit()
    await clinic.kill()
    clinic.hub = clinic.new_hub()
    back = await clinic.resume(session, doctor)
    await back.until(Welcome)

    for _ in range(10):
        await clinic.clock.advance(seconds=15)
        await back.transport.send(Pong().to_json())

    seen = []
    while State.DEPARTED not in seen:
        seen.append((await back.until(ParticipantChanged)).state)
    assert seen[-2:] == [State.AWAY, State.DEPARTED]
    assert [each.id for each in (await clinic.consultations.get(session.id)).present] == ["dr"]


async def test_the_connections_of_a_living_worker_are_vouched_for(clinic: Clinic) -> None:
    other = clinic.new_hub()
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    patient = await clinic.join(session, "pat", hub=other)

    for _ in range(20):
        await clinic.clock.advance(seconds=15)
        await doctor.transport.send(Pong().to_json())
        await patient.transport.send(Pong().to_json())
    await other.aclose()
    await clinic.hub.aclose()

    states = [each.state for each in await doctor.hear_all() if isinstance(each, ParticipantChanged)]
    assert State.AWAY not in states[:-1]


async def test_a_record_that_the_log_was_never_told_is_told_at_the_next_attach(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()
    doctor.transport.cut()
    patient.transport.cut()
    await asyncio.gather(*clinic.calls)
    await clinic.hub.aclose()
    await clinic.log.forget(session.id)  # a broker that lost everything
    clinic.hub = clinic.new_hub()

    back = await clinic.join(session, "pat")

    assert back.welcome.state == "admitted"


async def test_a_log_that_was_replaced_sends_everybody_to_begin_anew(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()

    await clinic.log.forget(session.id)

    for device in (doctor, patient):
        close = (await device.hear_all())[-1]
        assert isinstance(close, Close)
        assert (close.code, close.retry) == (CloseCode.STATE_LOST, "rejoin")
    back = await clinic.join(session, "pat")
    assert back.welcome.state == "admitted"
    snapshot = back.welcome.snapshot
    assert snapshot is not None
    assert [(each.participant, each.state) for each in snapshot.participants] == [
        ("dr", State.AWAY),
        ("pat", State.ADMITTED),
    ]


async def test_a_command_that_the_log_refused_is_not_acknowledged_and_can_be_sent_again(
    clinic: Clinic,
) -> None:
    session, doctor, _ = await clinic.visit()
    append, clinic.journal.append = clinic.journal.append, _unavailable  # type: ignore[method-assign]

    await doctor.say(NoteStep(step=Fact.DEVICES_ALLOWED))

    close = (await doctor.hear_all())[-1]
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.LOST_RACE, "resume")
    clinic.journal.append = append  # type: ignore[method-assign]
    back = await clinic.resume(session, doctor)
    assert (await back.until(Welcome)).ack == 1


@pytest.mark.parametrize(
    ("command", "undone"),
    [
        (Admit(participant="pat"), ReturnToWaiting(participant="pat")),
        (ReturnToWaiting(participant="nurse"), Admit(participant="nurse")),
        (Hold(), Resume()),
        (ChangeModality(modality=Modality.PHONE), ChangeModality(modality=Modality.VIDEO)),
        (Remove(participant="nurse"), None),
        (Deny(participant="pat"), None),
        (Complete(outcome="prescription"), None),
    ],
)
async def test_a_command_that_the_record_took_before_a_crash_is_not_done_again(
    clinic: Clinic, command: Command, undone: Command | None
) -> None:
    session = await clinic.plan()
    doctor, _, _ = [await clinic.join(session, who) for who in ("dr", "pat", "nurse")]
    await clinic.consultations.admit(session.id, "nurse", by="dr")
    append: Append = clinic.journal.append
    clinic.journal.append = _lost_commands(append)  # type: ignore[assignment, method-assign]
    await doctor.say(command)
    await doctor.hear_all()
    clinic.journal.append = append  # type: ignore[assignment, method-assign]
    if undone is not None:
        colleague = await clinic.join(session, "colleague")
        await colleague.until_acked(await colleague.say(undone))
    before = await clinic.consultations.get(session.id)

    back = await clinic.resume(session, doctor)
    first = await back.hear()
    if not isinstance(first, Close):
        await back.transport.send(command.but(seq=1).to_json())
        await back.until_acked(1)

    after = await clinic.consultations.get(session.id)
    assert [change.action for change in after.history] == [change.action for change in before.history]
    assert not [message for message in back.heard if isinstance(message, Error)]


async def test_a_command_that_the_record_took_is_not_done_again_for_the_peer_of_a_rejoin(
    clinic: Clinic,
) -> None:
    session = await clinic.plan()
    doctor = await clinic.join(session, "dr")
    await clinic.join(session, "pat")
    await doctor.until_acked(await doctor.say(Admit(participant="pat")))
    await clinic.consultations.return_to_waiting(session.id, "pat", by="dr")

    again = await clinic.join(session, "dr")
    admit = Admit(participant="pat", again=f"{doctor.welcome.peer}.1", seq=1)
    await again.transport.send(admit.to_json())
    await again.until_acked(1)

    assert not (await clinic.consultations.get(session.id)).is_admitted("pat")


# --- Workers of two versions ---------------------------------------------------------------------


def opened(session: Session, *, fold: int) -> Opened:
    return Opened(fold=fold, session=session.id, organisation="hug")


async def test_a_room_of_newer_rules_is_another_worker_s(clinic: Clinic) -> None:
    session = await clinic.plan()
    await clinic.journal.append(session.id, opened(session, fold=FOLD + 1))

    device = clinic.dial()
    grant = clinic.doorkeeper.grant(session.id, "dr")
    await device.transport.send(Hello(grant=grant.token, nonce="n").to_json())
    *_, goaway, close = await device.hear_all()

    assert isinstance(goaway, Goaway)
    assert isinstance(close, Close)
    assert (close.code, close.retry) == (CloseCode.GOING_AWAY, "resume")
    assert len(await clinic.log.load(session.id, 0)) == 1


async def test_whoever_is_served_goes_elsewhere_once_a_newer_worker_has_opened_the_room(
    clinic: Clinic,
) -> None:
    session, *devices = await clinic.visit()

    await clinic.journal.append(session.id, opened(session, fold=FOLD + 1))

    for device in devices:
        *_, goaway, close = await device.hear_all()
        assert isinstance(goaway, Goaway)
        assert isinstance(close, Close)
        assert (close.code, close.retry) == (CloseCode.GOING_AWAY, "resume")


async def test_a_room_of_older_rules_is_opened_anew_and_everybody_comes_in_again(clinic: Clinic) -> None:
    session = await clinic.plan()
    await clinic.journal.append(session.id, opened(session, fold=FOLD - 1))
    await clinic.journal.append(session.id, Teleported(session=session.id, organisation="hug"))
    device = ResumeFrom(session=session.id, peer="p_old", pos="2.0123456789ab", token="t")

    close = await closed_after(clinic, Hello(resume=device, nonce="n").to_json())
    doctor = await clinic.join(session, "dr")
    await clinic.journal.append(session.id, opened(session, fold=FOLD - 1))  # a worker that is late
    other = clinic.new_hub()
    patient = await clinic.join(session, "pat", hub=other)

    assert (close.code, close.retry) == (CloseCode.STATE_LOST, "rejoin")
    assert patient.welcome.state == "waiting"
    assert (await doctor.until(ParticipantChanged)).participant == "pat"
    await other.aclose()


class Teleported(Opened):
    """An entry that only another version knows."""

    def to_json(self) -> str:
        return '{"kind":"teleported"}'


# --- A log that has grown long -------------------------------------------------------------------


async def offsets(clinic: Clinic, session: Session) -> tuple[int, list[int]]:
    """Return for what the snapshot stands, and what is kept behind it."""
    saved = await clinic.log.snapshot(session.id)
    trimmed = saved[0] if saved else 0
    return trimmed, [offset for offset, _ in await clinic.log.load(session.id, trimmed)]


async def media_are_told(doctor: Device, *, times: int) -> None:
    """Make the log longer by as many entries."""
    pair = next(message for message in doctor.heard if isinstance(message, Pair))
    for _ in range(times):
        await doctor.until_acked(await doctor.say(Media(pc=pair.pc, gen=1, state="new")))


@pytest.fixture
async def brief() -> AsyncIterator[Clinic]:
    """A clinic whose logs are cut early."""
    clinic = Clinic(limits=Limits(kept=64))
    yield clinic
    await clinic.aclose()


async def test_a_long_log_is_cut_and_whoever_fell_behind_is_given_the_whole_room(brief: Clinic) -> None:
    session, doctor, patient = await brief.visit()
    patient.transport.cut()
    await media_are_told(doctor, times=80)
    other = brief.new_hub()

    back = await brief.resume(session, patient, hub=other)
    welcome = await back.until(Welcome)
    trimmed, kept = await offsets(brief, session)

    assert 0 < trimmed < 80
    assert kept == list(range(trimmed + 1, trimmed + 1 + len(kept)))
    assert len(kept) < 64
    assert not welcome.recovered
    assert welcome.snapshot is not None
    assert {each.participant for each in welcome.snapshot.participants} == {"dr", "pat"}
    assert [each.pc for each in welcome.snapshot.pairs] == [
        each.pc for each in doctor.heard if isinstance(each, Pair)
    ]
    await other.aclose()


async def test_the_end_of_a_log_that_was_cut_is_left_to_those_who_resume(brief: Clinic) -> None:
    session, doctor, patient = await brief.visit()
    await media_are_told(doctor, times=70)
    await patient.say(NoteStep(step=Fact.SCREEN_OFF))
    await doctor.until(ParticipantChanged)
    await media_are_told(doctor, times=10)
    doctor.transport.cut()
    other = brief.new_hub()

    back = await brief.resume(session, doctor, hub=other)
    welcome = await back.until(Welcome)

    assert welcome.recovered
    assert welcome.ack == 81
    assert await brief.journal.is_connected(session.id, "pat")
    assert await brief.journal.is_open(session.id)
    await other.aclose()


async def test_few_but_large_entries_make_a_log_long_too(clinic: Clinic) -> None:
    session, doctor, _ = await clinic.visit()
    pair = next(message for message in doctor.heard if isinstance(message, Pair))
    large = sdp() + "".join(f"a=x-{number}:{'y' * 900}\r\n" for number in range(40))

    for neg in range(2, 70):
        await clinic.clock.advance(seconds=1)
        last = await doctor.say(Offer(pc=pair.pc, gen=1, neg=neg, sdp=large))
        await doctor.until_acked(last)

    trimmed, kept = await offsets(clinic, session)
    assert trimmed > 40
    assert kept


async def test_a_worker_that_fell_behind_the_cut_has_its_devices_come_back(clinic: Clinic) -> None:
    session, *devices = await clinic.visit()

    for _ in range(3):
        await clinic.journal.append(session.id, Called(participant="nurse", by="dr"))
    (position, room), entries = await clinic.journal.replay(session.id)
    for position, entry in entries:
        room, _ = room.after(entry, position)
    await clinic.journal.save(Point(position, room))

    for device in devices:
        close = (await device.hear_all())[-1]
        assert isinstance(close, Close)
        assert (close.code, close.retry) == (CloseCode.SLOW_CONSUMER, "resume")
    back = await clinic.resume(session, devices[0])
    assert not (await back.until(Welcome)).recovered


async def test_a_cut_that_fails_is_made_later(brief: Clinic) -> None:
    session, doctor, _ = await brief.visit()
    save, brief.journal.save = brief.journal.save, _unsaved  # type: ignore[method-assign]
    await media_are_told(doctor, times=80)
    before = await brief.log.snapshot(session.id)
    brief.journal.save = save  # type: ignore[method-assign]

    await media_are_told(doctor, times=64)

    assert before is None
    assert await brief.log.snapshot(session.id) is not None


async def _unsaved(point: Point) -> None:
    raise StoreUnavailable("full")


async def test_what_the_log_took_and_lost_before_anybody_read_it_is_said_again(clinic: Clinic) -> None:
    session, doctor, patient = await clinic.visit()
    pair = next(message for message in doctor.heard if isinstance(message, Pair))
    append, clinic.journal.append = clinic.journal.append, _forgotten  # type: ignore[method-assign]
    lost = await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))
    await clinic.clock.settle()
    clinic.journal.append = append  # type: ignore[method-assign]

    await clinic.clock.advance(seconds=44)
    close = await doctor.until(Close)
    again = await clinic.resume(session, doctor)

    assert (close.code, close.retry) == (CloseCode.LOST_RACE, "resume")
    assert (await again.until(Welcome)).ack == lost - 1
    patient.transport.cut()


# --- What those who run it see -------------------------------------------------------------------


async def test_figures_follow_who_comes_and_goes_and_what_is_relayed(
    clinic: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="hugathome")
    session, doctor, patient = await clinic.visit()
    pair = next(message for message in patient.heard if isinstance(message, Pair))
    await doctor.say(Offer(pc=pair.pc, gen=1, neg=1, sdp=sdp()))
    await patient.until(Offer)
    assert clinic.figures.total["hugathome.rooms", ""] == 1
    assert clinic.figures.total["hugathome.connections", ""] == 2

    patient.transport.cut()
    await (await clinic.resume(session, patient)).until(Welcome)
    stranger = clinic.dial()
    await stranger.transport.send(Hello(grant="nobody's", nonce="n1").to_json())
    await stranger.until(Close)
    await clinic.consultations.complete(session.id, by="dr", outcome="completed")
    await asyncio.gather(*clinic.calls)
    await clinic.hub.aclose()

    assert clinic.figures.total == {
        ("hugathome.rooms", ""): 0,
        ("hugathome.connections", ""): 0,
        ("hugathome.joins", ""): 2,
        ("hugathome.resumes", "yes"): 1,
        ("hugathome.relayed", "offer"): 1,
        ("hugathome.closes", "gone"): 1,
        ("hugathome.closes", "4003"): 1,
        ("hugathome.closes", "4005"): 2,
    }
    logged = [record.close_code for record in caplog.records if hasattr(record, "close_code")]
    assert sorted(logged) == ["4003", "4005", "4005", "gone"]
    assert not any(word in caplog.text for word in (session.id, "Dupont", "Rossi", "p_"))


async def test_a_room_that_breaks_leaves_nobody_waiting(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, doctor, patient = await clinic.visit()

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Room, "after", broken)
    await doctor.say(Leave())

    for device in (doctor, patient):
        close = (await device.hear_all())[-1]
        assert isinstance(close, Close)
        assert (close.code, close.retry) == (CloseCode.LOST_RACE, "resume")


async def test_a_room_ends_though_somebody_came_back_elsewhere_as_they_were_taken_to_have_left(
    clinic: Clinic,
) -> None:
    session, doctor, patient = await clinic.visit()
    append = clinic.journal.append

    async def late(room: str, entry: Entry) -> None:
        if isinstance(entry, Expired) and entry.peer == patient.welcome.peer:
            token = sha256(patient.welcome.token.encode()).hexdigest()
            back = Attached(peer=entry.peer, presented=token, token_hash="t", link="elsewhere", at=NOW)
            await append(room, back)
        await append(room, entry)

    clinic.journal.append = late  # type: ignore[method-assign]
    doctor.transport.cut()
    patient.transport.cut()
    await clinic.clock.advance(seconds=61)

    assert (await clinic.journal.room(session.id)).peers[patient.welcome.peer].link == "elsewhere"
    assert clinic.figures.total["hugathome.rooms", ""] == 0


async def test_whoever_was_removed_while_the_log_could_not_be_told_is_out_within_a_minute(
    clinic: Clinic,
) -> None:
    session, _, patient = await clinic.visit()
    append, clinic.journal.append = clinic.journal.append, _unavailable  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        await clinic.consultations.remove(session.id, "pat", by="dr")
    clinic.journal.append = append  # type: ignore[method-assign]

    await clinic.clock.advance(seconds=30)
    await patient.transport.send(Pong().to_json())
    await clinic.clock.advance(seconds=31)

    close = (await patient.hear_all())[-1]
    assert isinstance(close, Close)
    assert close.code == CloseCode.REMOVED


async def test_a_colleague_uses_up_nothing_that_somebody_else_has_yet_to_say(clinic: Clinic) -> None:
    session, doctor, _ = await clinic.visit()
    colleague = await clinic.join(session, "colleague")

    theirs = await colleague.say(Hold(again=f"{doctor.welcome.peer}.2"))
    await colleague.until_acked(theirs)
    ours = await doctor.say(Remove(participant="pat"))
    await doctor.until_acked(ours)

    assert ours == 2
    assert (await clinic.consultations.get(session.id)).of("pat").presence == "removed"

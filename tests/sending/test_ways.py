"""How a code reaches somebody: the number decides, a channel may be named, and code and budget are one."""

import asyncio
import logging
import traceback
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from hugathome import (
    Addressee,
    ChannelUnavailable,
    CodePolicy,
    CodeRejected,
    ConfigurationError,
    Invitation,
    Language,
    Modality,
    NoMobileNumber,
    NotDelivered,
    Notice,
    Organisation,
    Participant,
    PhoneNumber,
    QuotaReached,
    SendTooSoon,
    VoiceCall,
    blocking,
)
from hugathome.calls import OutboxVoice
from hugathome.sending.ways import Ways
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing import FakeHugAtHome

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
MOBILE, FIXED, VOIP, EITHER = "+41791234567", "+41223723311", "+33912345678", "+12125550123"


@dataclass
class Portal:
    """The host's own: lays codes into the inbox of whoever has one."""

    name: str = "portal"
    inbox: list[Notice] = field(default_factory=list)
    is_full: bool = False

    async def reaches(self, to: Addressee) -> bool:
        return to.reference is not None

    async def send(self, notice: Notice) -> None:
        if self.is_full:
            raise NotDelivered("the inbox is full", is_certain=True)
        self.inbox.append(notice)


def somebody(phone: str, reference: str | None = None) -> Addressee:
    number = PhoneNumber.parse(phone)
    return Addressee(
        organisation="hug", id="p-1", reference=reference, phone=number, language=Language.FRENCH
    )


def ways(*channels: Portal, voice: OutboxVoice | None = None) -> Ways:
    return Ways(sms=OutboxSms(), voice=voice, channels=channels, brand="HUG@home")


# --- Choosing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phone", "reference", "reaching"),
    [
        (MOBILE, None, ["sms", "voice"]),
        (EITHER, None, ["sms", "voice"]),
        (FIXED, None, ["voice"]),
        (FIXED, "urn:pid:77", ["voice", "portal", "e-mail"]),
        (VOIP, None, []),
        (VOIP, "urn:pid:77", ["portal", "e-mail"]),
    ],
)
async def test_the_kind_of_number_decides(phone: str, reference: str | None, reaching: list[str]) -> None:
    every = ways(Portal(), Portal(name="e-mail"), voice=OutboxVoice())

    found = [channel.name for channel in await every.open_to(somebody(phone, reference))]

    assert found == reaching
    if reaching:
        assert (await every.chosen(somebody(phone, reference))).name == reaching[0]
    else:
        with pytest.raises(NoMobileNumber):
            await every.chosen(somebody(phone, reference))


async def test_without_a_voice_gateway_nobody_is_called() -> None:
    with pytest.raises(NoMobileNumber):
        await ways().chosen(somebody(FIXED))
    with pytest.raises(ChannelUnavailable, match="no channel of the name"):
        await ways().chosen(somebody(FIXED), name="voice")


async def test_a_channel_that_does_not_reach_them_is_refused_with_the_reason() -> None:
    every = ways(Portal(), voice=OutboxVoice())

    with pytest.raises(ChannelUnavailable, match="does not reach"):
        await every.chosen(somebody(MOBILE), name="portal")
    with pytest.raises(ChannelUnavailable, match="does not reach"):
        await every.chosen(somebody(FIXED), name="sms")


async def test_a_busy_line_is_called_only_by_name() -> None:
    every = ways(Portal(), voice=OutboxVoice())

    with pytest.raises(NoMobileNumber):
        await every.chosen(somebody(FIXED), line_is_busy=True)
    assert (await every.chosen(somebody(FIXED, "urn:pid:77"), line_is_busy=True)).name == "portal"
    assert (await every.chosen(somebody(FIXED), name="voice", line_is_busy=True)).name == "voice"


# --- A visit -------------------------------------------------------------------------------------


async def invited(
    hug: FakeHugAtHome,
    *,
    phone: str | None = FIXED,
    reference: str | None = None,
    modality: Modality = Modality.VIDEO,
) -> Invitation:
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality=modality,
        starts_at=hug.clock.now() + timedelta(minutes=5),
        ends_at=hug.clock.now() + timedelta(minutes=35),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(
                id="p-1", role="patient", name="M. Dupont", phone=phone, reference=reference, language="it"
            ),
        ],
    )
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    return await hug.invite(session.id, "p-1", deliver=False)


async def test_a_patient_with_a_fixed_line_comes_in_by_the_code_of_a_call() -> None:
    voice = OutboxVoice()
    async with FakeHugAtHome(now=NOW, voice=voice) as hug:
        invitation = await invited(hug)
        again = await hug.invite(invitation.session, "p-1")

        assert again.delivery is None
        assert invitation.url in again.texts[0]
        assert await hug.code_channels(invitation.link_id) == ("voice",)
        await hug.send_code(invitation.link_id)
        [call] = voice.outbox
        grant = await hug.check_in(invitation.link_id, call.code or "")

    assert str(call.to) == FIXED
    assert call.speech.language == "it"
    assert grant.participant == "p-1"
    assert len(hug.outbox) == 0


async def test_a_call_brings_the_code_of_the_sms_that_did_not_come() -> None:
    voice = OutboxVoice()
    async with FakeHugAtHome(now=NOW, voice=voice) as hug:
        invitation = await invited(hug, phone=MOBILE)

        await hug.send_code(invitation.link_id)
        with pytest.raises(SendTooSoon):
            await hug.send_code(invitation.link_id, channel="voice")
        await hug.clock.advance(seconds=30)
        await hug.send_code(invitation.link_id, channel="voice")
        await hug.clock.advance(seconds=60)
        await hug.send_code(invitation.link_id)
        await hug.clock.advance(seconds=120)
        with pytest.raises(QuotaReached):
            await hug.send_code(invitation.link_id, channel="voice")

        sent = [hug.outbox.last().code, *(call.code for call in voice.outbox)]
        assert len(set(sent)) == 1
        assert (len(hug.outbox), len(voice.outbox)) == (2, 1)


async def test_a_call_that_was_not_placed_keeps_its_place() -> None:
    @dataclass
    class Busy:
        left: int
        placed: list[VoiceCall] = field(default_factory=list)

        async def call(self, call: VoiceCall) -> None:
            self.left -= 1
            if self.left >= 0:
                raise NotDelivered("all lines are busy", is_certain=True)
            self.placed.append(call)

    voice = Busy(left=3)
    async with FakeHugAtHome(now=NOW, voice=voice) as hug:
        invitation = await invited(hug)
        for _ in range(3):
            with pytest.raises(NotDelivered, match="all lines are busy") as refused:
                await hug.send_code(invitation.link_id)
            assert FIXED[-7:] not in str(refused.value)
            await hug.clock.advance(minutes=2)

        await hug.send_code(invitation.link_id)

        assert len(voice.placed) == 1


async def test_the_hosts_own_channel_brings_the_code_with_what_the_host_needs() -> None:
    portal = Portal()
    async with FakeHugAtHome(now=NOW, channels=[portal]) as hug:
        invitation = await invited(hug, reference="urn:pid:77")

        await hug.send_code(invitation.link_id)
        [notice] = portal.inbox
        await hug.check_in(invitation.link_id, notice.code)

    assert notice.to == Addressee(
        organisation="hug",
        id="p-1",
        reference="urn:pid:77",
        session=invitation.session,
        phone=PhoneNumber.parse(FIXED),
        language=Language.ITALIAN,
    )
    assert notice.link == invitation.url
    assert notice.code in notice.texts[0]


async def test_a_patient_without_a_number_comes_in_by_the_hosts_own_channel() -> None:
    portal = Portal()
    async with FakeHugAtHome(now=NOW, voice=OutboxVoice(), channels=[portal]) as hug:
        invitation = await invited(hug, phone=None, reference="urn:pid:77")

        assert await hug.code_channels(invitation.link_id) == ("portal",)
        await hug.send_code(invitation.link_id)
        grant = await hug.check_in(invitation.link_id, portal.inbox[0].code)

    assert grant.participant == "p-1"
    assert portal.inbox[0].to.phone is None


async def test_a_patient_without_a_number_has_the_quota_of_one_with_a_number_over_all_visits() -> None:
    policy = CodePolicy(sends_per_day=2, max_sends=1)
    async with FakeHugAtHome(now=NOW, channels=[Portal()], code_policy=policy) as hug:
        for _ in range(2):
            await hug.send_code((await invited(hug, phone=None, reference="urn:pid:77")).link_id)
        third = await invited(hug, phone=None, reference="urn:pid:77")
        with pytest.raises(QuotaReached):
            await hug.send_code(third.link_id)
        somebody_else = await invited(hug, phone=None, reference="urn:pid:78")
        await hug.send_code(somebody_else.link_id)


@pytest.mark.parametrize("reference", [None, "urn:pid:77"])
async def test_a_patient_without_number_and_channel_gets_no_code(reference: str | None) -> None:
    async with FakeHugAtHome(now=NOW, voice=OutboxVoice()) as hug:
        invitation = await invited(hug, phone=None, reference=reference)

        assert await hug.code_channels(invitation.link_id) == ()
        with pytest.raises(NoMobileNumber):
            await hug.send_code(invitation.link_id)


async def test_a_code_that_the_own_channel_refused_goes_out_in_its_place() -> None:
    portal = Portal(is_full=True)
    async with FakeHugAtHome(now=NOW, channels=[portal]) as hug:
        invitation = await invited(hug, reference="urn:pid:77")
        with pytest.raises(NotDelivered):
            await hug.send_code(invitation.link_id)
        portal.is_full = False
        for wait in (30, 30, 60):
            await hug.clock.advance(seconds=wait)
            await hug.send_code(invitation.link_id)

    assert len(portal.inbox) == 3


async def test_a_wrong_code_is_judged_whatever_brought_it() -> None:
    voice = OutboxVoice()
    async with FakeHugAtHome(now=NOW, voice=voice) as hug:
        invitation = await invited(hug)
        await hug.send_code(invitation.link_id)
        wrong = str((int(voice.outbox[0].code or "") + 1) % 10**6).zfill(6)

        with pytest.raises(CodeRejected) as refused:
            await hug.check_in(invitation.link_id, wrong)

    assert refused.value.attempts_left == 4


async def test_an_organisation_has_voice_and_channels_of_its_own() -> None:
    theirs, ours, portal = OutboxVoice(), OutboxVoice(), Portal()
    own = {"hug": Organisation(voice=ours, channels=()), "chuv": Organisation()}
    async with FakeHugAtHome(now=NOW, voice=theirs, channels=[portal], organisations=own) as hug:
        invitation = await invited(hug, reference="urn:pid:77")
        await hug.send_code(invitation.link_id)

        assert await hug.code_channels(invitation.link_id) == ("voice",)
        assert hug.house("chuv").voice is theirs
        assert hug.house("chuv").channels == (portal,)

    assert (len(ours.outbox), len(theirs.outbox)) == (1, 0)


async def test_staff_have_a_patient_called_only_where_they_ask_for_it() -> None:
    voice = OutboxVoice()
    async with FakeHugAtHome(now=NOW, voice=voice) as hug:
        invitation = await invited(hug, modality=Modality.PHONE)
        with pytest.raises(NoMobileNumber):
            await hug.send_code_for(invitation.session, "p-1", by="dr-rossi")

        await hug.send_code_for(invitation.session, "p-1", by="dr-rossi", channel="voice")
        session = await hug.identify(invitation.session, "p-1", by="dr-rossi", code=voice.outbox[0].code)

    assert session.status == "in-progress"


async def test_an_unknown_channel_costs_nothing() -> None:
    async with FakeHugAtHome(now=NOW, voice=OutboxVoice()) as hug:
        invitation = await invited(hug)
        for name in ("pigeon", "", "sms"):
            with pytest.raises(ChannelUnavailable):
                await hug.send_code(invitation.link_id, channel=name)

        await hug.send_code(invitation.link_id)


async def test_no_log_shows_what_was_said_or_to_whom(caplog: pytest.LogCaptureFixture) -> None:
    voice, portal = OutboxVoice(), Portal()
    with caplog.at_level(logging.DEBUG):
        async with FakeHugAtHome(now=NOW, voice=voice, channels=[portal]) as hug:
            invitation = await invited(hug, reference="urn:pid:77")
            await hug.send_code(invitation.link_id)
            await hug.clock.advance(minutes=1)
            await hug.send_code(invitation.link_id, channel="portal")

    [notice] = portal.inbox
    for secret in (notice.code, FIXED, "urn:pid:77"):
        assert secret not in caplog.text


@pytest.mark.parametrize("channel", ["sms", "voice", "portal"])
async def test_no_traceback_with_its_locals_shows_the_code(
    channel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_self: object, _message: object) -> None:
        raise NotDelivered("away")

    voice, portal = OutboxVoice(), Portal()
    async with FakeHugAtHome(now=NOW, voice=voice, channels=[portal]) as hug:
        invitation = await invited(hug, phone=MOBILE, reference="urn:pid:77")
        await hug.send_code(invitation.link_id, channel="voice")
        code = voice.outbox[0].code or ""
        await hug.clock.advance(minutes=1)
        for gateway, method in ((OutboxSms, "send"), (OutboxVoice, "call"), (Portal, "send")):
            monkeypatch.setattr(gateway, method, fail)
        with pytest.raises(NotDelivered) as refused:
            await hug.send_code(invitation.link_id, channel=channel)

    told = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    ours = [frame for frame in told.stack if "/hugathome/" in frame.filename]
    assert len(ours) > 3
    for frame in ours:
        shown = " ".join((frame.locals or {}).values())
        assert code not in shown
        assert "urn:pid:77" not in shown


@pytest.mark.parametrize("name", ["sms", "E-mail"])
def test_a_channel_with_a_name_that_is_none_is_refused_at_construction(name: str) -> None:
    with pytest.raises(ConfigurationError):
        FakeHugAtHome(channels=[Portal(name=name)])
    with pytest.raises(ConfigurationError):
        FakeHugAtHome(organisations={"hug": Organisation(channels=(Portal(name=name),))})


# --- Over HTTP -----------------------------------------------------------------------------------


async def test_a_page_learns_what_works_and_asks_for_a_call() -> None:
    voice = OutboxVoice()
    async with FakeHugAtHome(now=NOW, voice=voice) as hug:
        invitation = await invited(hug, phone=MOBILE)

        shown = await hug.here.ask("link", link=invitation.link_id)
        await hug.here.ask("send-code", link=invitation.link_id, channel="voice")

        assert shown["channels"] == ("sms", "voice")
        assert (len(voice.outbox), len(hug.outbox)) == (1, 0)


# --- Without an event loop -----------------------------------------------------------------------


class SuspendingVoice:
    """A gateway for event loops, with a variant for those who have none."""

    def __init__(self, blocking_voice: OutboxVoice) -> None:
        self._blocking = blocking_voice

    async def call(self, call: VoiceCall) -> None:
        await asyncio.sleep(0)

    def for_blocking(self) -> OutboxVoice:
        return self._blocking


class SuspendingPortal(Portal):
    def for_blocking(self) -> Portal:
        return Portal(inbox=self.inbox)

    async def reaches(self, to: Addressee) -> bool:
        await asyncio.sleep(0)
        return False


def test_a_host_without_an_event_loop_calls_by_the_blocking_variants() -> None:
    voice = OutboxVoice()
    with blocking.HugAtHome(
        key=b"a secret of thirty-two bytes, no",
        store=open_store("memory://"),
        sms=OutboxSms(),
        voice=SuspendingVoice(voice),
        channels=[SuspendingPortal()],
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG",
    ) as hug:
        now = hug.clock.now()
        session = hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            starts_at=now,
            ends_at=now + timedelta(minutes=30),
            participants=[
                Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
                Participant(id="p-1", role="patient", name="M. Dupont", phone=FIXED, reference="urn:pid:77"),
            ],
        )
        hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        link_id = hug.invite(session.id, "p-1").link_id

        assert hug.code_channels(link_id) == ("voice", "portal")
        hug.send_code(link_id)
        grant = hug.check_in(link_id, voice.outbox[0].code or "")

    assert grant.participant == "p-1"

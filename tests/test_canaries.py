"""Nothing leaks: a name, a number, references, words, a link and a code go through a whole visit, and are
found nowhere but where this module says that they belong.

Left out: what a host's own frames and a test's outbox hold, and the frames of functions that still run.
"""

import asyncio
import logging
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from tests.canaries import Flock, reachable, rendered

from hugathome import HugAtHome, OneTimeCodes, Participant, PhoneNumber, Session, blocking
from hugathome.codes import Challenge, Sms
from hugathome.errors import HugathomeError, InvalidInput, SmsNotSent, StoreUnavailable
from hugathome.quotas import Tally
from hugathome.reach.channels import Addressee, Notice
from hugathome.reach.voice import VoiceCall, spoken
from hugathome.roles import Language
from hugathome.sms import HttpSms, OutboxSms
from hugathome.stores import open_store
from hugathome.stores.memory import MemoryCodes
from hugathome.testing import FakeClock, MemorySite, Outbox, Robot
from hugathome.testing.fake import seeded
from hugathome.verifier import CodeMessage
from hugathome.visits.reception import Invitation

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
KEY = b"thirty-two random bytes, or more"
NAME = "Zebulon Quokkabert"
NUMBER = "079 123 97 46"
PERSON = "urn:pid:bilby-5521"
VISIT = "appointment/wombat-5521"
REASON = "numbat in the left ear"
SAID = "echidna says hello"
TALKATIVE = ("hugathome", "asyncio", "httpcore", "httpx", "sqlalchemy.engine", "sqlalchemy.pool")

HOLD_WHAT_WAS_SENT = {"PhoneNumber", "SentSms"}
"""The outbox of the test's own gateway."""
HOLD_WHAT_THE_ROOM_SHOWS = {
    "ParticipantChanged",
    "ParticipantView",
    "RecordedParticipant",
    "Text",
    "TextView",
    "_Lane",
}
"""While somebody is inside: names as the others see them, and what was written."""


class Gateway:
    """Takes every message until it is told to fail."""

    def __init__(self, clock: FakeClock) -> None:
        self.taken = OutboxSms(clock=clock)
        self.fails = False

    async def send(self, message: Sms) -> None:
        if self.fails:
            raise SmsNotSent("the gateway answered 500")
        await self.taken.send(message)


class Codes(MemoryCodes):
    """Keeps codes until it is told to fail."""

    fails = False

    async def save(self, record: Challenge | Tally, *, expected: int) -> bool:
        if self.fails:
            raise StoreUnavailable("the disk is full")
        return await super().save(record, expected=expected)


class Visit:
    """One teleconsultation in which everything personal is a canary."""

    def __init__(self, url: str = "memory://", **options: Any) -> None:
        self.clock = FakeClock(NOW)
        self.gateway = Gateway(self.clock)
        self.hug = HugAtHome(
            key=KEY,
            store=open_store(url),
            sms=self.gateway,
            site="https://www.example.ch/visit",
            timezone="Europe/Zurich",
            brand="HUG@home",
            clock=self.clock,
            randomness=seeded(4),
            **options,
        )
        self.here = MemorySite(self.hug)
        self.flock = Flock()
        self.flock.add("name", "Quokkabert")
        self.flock.add_number("number", "791239746")
        self.flock.add("person", "bilby")
        self.flock.add("visit", "wombat")
        self.flock.add("reason", "numbat")
        self.flock.add("said", "echidna")
        self.refusals: list[HugathomeError] = []

    async def planned(self) -> Session:
        phone = PhoneNumber.parse(NUMBER, region="CH")
        session = await self.hug.sessions.plan(
            organisation="hug",
            service="cardiology",
            modality="video",
            starts_at=NOW,
            ends_at=NOW + timedelta(minutes=30),
            reference=VISIT,
            participants=[
                Participant(id="dr", role="practitioner", name="Dr A. Rossi"),
                Participant(id="p-1", role="patient", name=NAME, reference=PERSON, phone=phone),
            ],
        )
        return await self.hug.sessions.accept(session.id, "p-1", recorded_by="dr", how=REASON)

    async def invited(self) -> Invitation:
        invitation = await self.hug.invite((await self.planned()).id, "p-1")
        self.flock.add("link", invitation.link_id)
        self.code = Outbox(self.gateway.taken).last().code or ""
        self.flock.add_digits("code", self.code)
        return invitation

    async def refused(self, call: Awaitable[object]) -> None:
        try:
            await call
        except HugathomeError as refusal:
            self.refusals.append(refusal)
        else:
            pytest.fail("nothing was refused")

    async def checked_in(self, invitation: Invitation) -> None:
        """Try much that is refused, then check in."""
        hug, link, code = self.hug, invitation.link_id, self.code
        await self.refused(hug.check_in(link, f"{(int(code) + 1) % 10**6:06}"))
        await self.refused(hug.check_in(link, code + "0"))
        await self.refused(hug.check_in(link + "x", code))
        await self.refused(hug.send_code(link))
        await self.clock.advance(minutes=2)
        self.gateway.fails = True
        await self.refused(hug.send_code(link))
        self.gateway.fails = False
        await self.clock.advance(minutes=1)
        await hug.send_code(link)
        await hug.check_in(link, code)
        await self.refused(hug.check_in(link, code))

    @asynccontextmanager
    async def inside(self, session_id: str) -> AsyncIterator[None]:
        """Bring both into the visit, and write something."""
        hug, here = self.hug, self.here
        patient = Robot.from_grant(hug.grant(session_id, "p-1"), at=here, media=False)
        doctor = Robot.from_grant(hug.grant(session_id, "dr"), at=here, media=False)
        async with doctor, patient:
            await doctor.admit("p-1")
            await patient.admitted()
            await doctor.peer.text(SAID)
            await patient.peer.until(lambda peer: bool(peer.texts))
            yield
            await doctor.complete("report")
            await patient.ended()

    async def ended(self) -> None:
        await self.hug.aclose()
        await self.here.drained()


def at_rest(database: str, folder: Path) -> bytes:
    """Return every byte that the database has of this test: its files with their journals, or its rows."""
    if database.startswith("sqlite"):
        return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))
    engine = sa.create_engine(sa.make_url(database).set(drivername="postgresql+psycopg"))
    tables = sa.MetaData()
    with engine.connect() as connection:
        tables.reflect(connection)
        rows = [row for table in tables.sorted_tables for row in connection.execute(sa.select(table))]
    engine.dispose()
    return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for row in rows for v in row)


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """Let every logger say all it can."""
    caplog.set_level(logging.DEBUG)
    for name in TALKATIVE:
        caplog.set_level(logging.DEBUG, logger=name)
    return caplog


def said(record: logging.LogRecord) -> str:
    return f"{record.getMessage()} {record.args!r} {record.exc_info!r}"


def told(error: BaseException) -> str:
    """Return all that an error tells: in words, in fields, and to a tool that reports local variables."""
    return f"{rendered(error)} {error!r} {vars(error)} {error.args!r} {pickle.dumps(vars(error))!r}"


# --- Canaries can be heard -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "cage",
    [
        "M. Quokkabert",
        "Quokkabert".encode("utf-16-le"),
        *(b"c29tZSBR" + text for text in (b"dW9ra2FiZXJ0", b"VXF1b2tra2FiZXJ0UXVva2thYmVydA==")),
        "+41791239746",
        "0041 79 123 97 46",
        "079.123.97.46",
        "(079) 123-97-46",
        "your code: 493817.",
        "493 817",
        "@example.ch #493817",
    ],
)
def test_a_canary_is_heard_in_every_disguise(cage: str | bytes) -> None:
    flock = Flock()
    flock.add("name", "Quokkabert")
    flock.add_number("number", "791239746")
    flock.add_digits("code", "493817")

    assert flock.heard(cage)


def test_a_longer_number_is_no_code() -> None:
    flock = Flock()
    flock.add_digits("code", "493817")

    assert not flock.heard("4938170 and 1493817 and a493817f")


# --- At rest, in logs, in memory -----------------------------------------------------------------


async def test_a24_nothing_can_be_read_in_a_database_nor_in_what_is_logged_of_it(
    database: str, tmp_path: Path, logged: pytest.LogCaptureFixture
) -> None:
    visit = Visit(database)
    invitation = await visit.invited()
    await visit.checked_in(invitation)
    async with visit.inside(invitation.session):
        in_the_middle = at_rest(database, tmp_path)
    afterwards = at_rest(database, tmp_path)
    await visit.ended()

    assert invitation.session.encode() in in_the_middle
    assert visit.flock.heard(in_the_middle) | visit.flock.heard(afterwards) == set()
    assert len(logged.records) > 100
    assert {line for line in map(said, logged.records) if visit.flock.heard(line)} == set()


async def test_a24_no_object_shows_anything_and_few_hold_it() -> None:
    visit = Visit()
    invitation = await visit.invited()
    await visit.checked_in(invitation)
    async with visit.inside(invitation.session):
        assert_only_held_by(HOLD_WHAT_WAS_SENT | HOLD_WHAT_THE_ROOM_SHOWS, visit)
    await visit.clock.advance(minutes=20)
    await visit.hug.run_due()

    assert_only_held_by(HOLD_WHAT_WAS_SENT, visit)
    await visit.ended()


def assert_only_held_by(allowed: set[str], visit: Visit) -> None:
    holders, shown, seen = set(), set(), 0
    for each, holder in reachable(visit.hug):
        kind = type(each)
        if isinstance(each, str | bytes) and visit.flock.heard(each):
            holders.add(type(holder).__name__)
        elif kind.__module__.startswith("hugathome"):
            seen += 1
            text = repr(each) if kind is PhoneNumber else f"{each!r} {each}"  # str() of a number is E.164
            shown |= {(kind.__name__, *visit.flock.heard(text))} if visit.flock.heard(text) else set()

    assert seen > 30
    assert holders <= allowed, holders
    assert shown == set()


# --- Errors --------------------------------------------------------------------------------------


async def test_a24_no_error_of_a_visit_tells_anything_not_even_with_local_variables() -> None:
    codes = Codes()
    visit = Visit(code_store=codes)
    invitation = await visit.invited()
    codes.fails = True
    await visit.refused(visit.hug.check_in(invitation.link_id, visit.code))
    codes.fails = False
    await visit.checked_in(invitation)
    hug = visit.hug
    await visit.refused(hug.sessions.accept(invitation.session, "dr", recorded_by="dr", how=REASON))
    await visit.refused(hug.sessions.find(organisation="h u g", reference=VISIT))
    await visit.refused(hug.opened(invitation.link_id[:-1]))
    with pytest.raises(InvalidInput) as unsaid:
        hug.grant(invitation.session, "dr", claims={NAME: object()})
    await visit.ended()

    visit.refusals.append(unsaid.value)
    assert len(visit.refusals) == 11
    assert {told(error) for error in visit.refusals if visit.flock.heard(told(error))} == set()


def test_a24_no_error_tells_anything_to_a_host_without_an_event_loop(tmp_path: Path) -> None:
    sms = OutboxSms()
    visit = Visit()
    hug = blocking.HugAtHome(
        key=KEY,
        store=open_store(f"sqlite:///{tmp_path}/clinic.db"),
        sms=sms,
        site="https://www.example.ch/visit",
        timezone="Europe/Zurich",
        brand="HUG@home",
    )
    with hug, pytest.raises(HugathomeError) as unknown:
        hug.check_in("a-link-of-a-wombat", "493817")
    with closing(one_time_codes(sms)) as codes:
        challenge = codes.send(NUMBER.replace("0", "+41", 1), subject="user/bilby", purpose="log-in")
        code = Outbox(sms).last().code or ""
        codes.verify(challenge, code)
        with pytest.raises(HugathomeError) as used:
            codes.verify(challenge, code)
    visit.flock.add_digits("code", code)
    visit.flock.add_digits("typed", "493817")

    assert visit.flock.heard(told(unknown.value)) | visit.flock.heard(told(used.value)) == set()


def one_time_codes(sms: OutboxSms) -> blocking.OneTimeCodes:
    return blocking.OneTimeCodes(
        key=KEY, store=MemoryCodes(), sms=sms, site="https://www.example.ch", brand="HUG@home"
    )


@pytest.mark.parametrize(
    "refused",
    [
        lambda: PhoneNumber.parse(f"{NUMBER} 5"),
        lambda: PhoneNumber.parse(NUMBER),
        lambda: Participant(id="p-1", role="patient", name=NAME, phone=NUMBER),
        lambda: Participant(id="p-1", role="nobody", name=NAME, phone=f"+41{NUMBER[1:]}"),  # type: ignore[arg-type]
        lambda: Participant.from_json(f'{{"name": "{NAME}", "phone": "{NUMBER}"}}'),
        lambda: Session.from_json(f'{{"reference": "{VISIT}"}}'),
    ],
)
def test_input_that_is_refused_is_not_told(refused: Callable[[], object]) -> None:
    flock = Visit().flock

    with pytest.raises(InvalidInput) as error:
        refused()

    assert flock.heard(told(error.value)) == set()


# --- What leaves on its own ----------------------------------------------------------------------


@asynccontextmanager
async def provider(status: str) -> AsyncIterator[str]:
    """Answer every request with `status`, and yield where."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/messages"


@pytest.mark.parametrize("status", ["202 Accepted", "500 Oh", None])
async def test_a24_neither_a_gateway_over_http_nor_its_failure_tells_what_it_sends(
    status: str | None, logged: pytest.LogCaptureFixture
) -> None:
    async with provider(status or "202 Accepted") as url:
        where = url if status else "http://127.0.0.1:1/messages"
        gateway = HttpSms(url=where, body={"to": "{to}", "text": "{text}"}, attempts=1)
        codes = OneTimeCodes(
            key=KEY, store=MemoryCodes(), sms=gateway, site="https://www.example.ch", brand="HUG@home"
        )
        flock = Visit().flock
        failures = []
        try:
            await codes.send(f"+41{NUMBER[1:]}", subject="user/bilby", purpose="log-in")
        except SmsNotSent as failed:
            failures.append(told(failed))

    assert len(failures) == (status != "202 Accepted")
    assert any(record.name.startswith("httpcore") for record in logged.records)
    assert {text for text in (*failures, *map(said, logged.records)) if flock.heard(text)} == set()
    assert not any("is your HUG@home code" in text for text in failures)


async def test_a_gateway_that_is_used_alone_keeps_what_it_sends_out_of_its_error() -> None:
    gateway = HttpSms(url="http://127.0.0.1:1/messages", body={"to": "{to}", "text": "{text}"}, attempts=1)

    with pytest.raises(SmsNotSent) as failed:
        await gateway.send(Sms(to=PHONE, text=SAID, idempotency_key="1"))

    assert failed.value.__cause__ is not None
    assert Visit().flock.heard(told(failed.value)) == set()


PHONE = PhoneNumber.parse(NUMBER, region="CH")
ADDRESSEE = Addressee(organisation="hug", id="p-1", phone=PHONE, language=Language.FRENCH)
SPEECH = spoken("HUG@home", "fr", code="493817")


@pytest.mark.parametrize(
    "thing",
    [
        Sms(to=PHONE, text="493817 is your code", idempotency_key="1"),
        CodeMessage(to=PHONE, code="493817", idempotency_key="1"),
        Notice(to=ADDRESSEE, code="493817", texts=(), link=None, idempotency_key="1"),
        SPEECH,
        VoiceCall(to=PHONE, speech=SPEECH, idempotency_key="1"),
        Visit().hug,
    ],
    ids=lambda thing: type(thing).__name__,
)
def test_a24_what_holds_a_code_or_a_key_is_not_pickled(thing: object) -> None:
    with pytest.raises(TypeError, match=r"not pickled|cannot pickle"):
        pickle.dumps(thing)


async def test_a24_what_a_code_store_keeps_is_pickled_without_telling_anything() -> None:
    codes = Codes()
    visit = Visit(code_store=codes)
    await visit.checked_in(await visit.invited())
    await visit.ended()

    assert len(codes._records) > 3
    assert visit.flock.heard(pickle.dumps(list(codes._records.values()))) == set()


async def test_a_session_and_its_pickle_hold_what_the_host_has_put_in_and_no_code() -> None:
    visit = Visit()
    invitation = await visit.invited()
    session = await visit.hug.sessions.get(invitation.session)
    await visit.ended()

    assert visit.flock.heard(pickle.dumps(session)) == {"name", "number", "person", "visit", "reason", "link"}
    assert visit.flock.heard(f"{session!r} {session} {invitation!r} {invitation}") == set()

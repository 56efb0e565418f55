"""Bad input, everywhere that input comes in: our own error, the documented problem, and nobody named.

The same deployment is asked in Python, over HTTP and over its WebSocket, all in memory. Whatever was asked,
it says nothing of whom it knows, in answers, errors, their tracebacks and logs, and it goes on as before.
Where mypy is silenced the wrong type is what is tested: hosts without mypy hand such things over.
"""

import asyncio
import inspect
import json
import logging
import socket
import traceback
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Self

import aioice.ice
import httpx
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from hypothesis import event, given
from hypothesis import strategies as st

from hugathome import (
    CodeAlreadyUsed,
    CodeExpired,
    CodeRejected,
    ConsentMissing,
    GrantRefused,
    HugathomeError,
    InvalidInput,
    InvalidPhoneNumber,
    InvalidTransition,
    Invitation,
    JoinGrant,
    LinkUnknown,
    MalformedCode,
    NoMobileNumber,
    NotPermitted,
    NotYetOpen,
    Organisation,
    Participant,
    PhoneNumber,
    QuotaReached,
    ReferenceTaken,
    SendTooSoon,
    Session,
    SessionEnded,
    SessionNotFound,
    TooManyAttempts,
    UnknownParticipant,
)
from hugathome.grants import VisitPass, sign_grant, sign_pass
from hugathome.keys import KeyRing
from hugathome.peer import IceSettings, Peer
from hugathome.protocol.frames import parse_server
from hugathome.protocol.messages import (
    Answer,
    Candidates,
    Close,
    Hello,
    Leave,
    Offer,
    Pair,
    ServerMessage,
    Welcome,
)
from hugathome.protocol.wire import CandidateInit, Caps, CloseCode
from hugathome.testing import FakeHugAtHome, Robot
from hugathome.transports.memory import memory_pair
from hugathome.web.openapi import document

ORIGIN = "https://visit.example.ch"
SITE = f"{ORIGIN}/visit"
NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)
NAME, PHONE = "Zebulon Canary", "+41791234567"
PATIENT, CLINICIAN = "p-1", "dr-rossi"
KEY = b"a key that is only ever used in tests"
"""That of `FakeHugAtHome`."""
NOWHERE = "AAAAAAAAAAA"
HALF = "\ud800"
"""Half a character: JSON can escape it, UTF-8 cannot carry it."""
MANY = 10**5

PEOPLE = (
    Participant(id=CLINICIAN, role="practitioner", name="Dr A. Rossi"),
    Participant(id=PATIENT, role="patient", name=NAME, language="fr", phone=PHONE),
)


class Clinic:
    """A deployment of two organisations, and everything that it has logged."""

    def __init__(self) -> None:
        self.hug = FakeHugAtHome(
            now=NOON, site=SITE, organisations={"hug": Organisation(), "chuv": Organisation()}
        )
        self.application = self.hug.asgi(otherwise=self.hug.asgi())
        self.http = httpx.AsyncClient(transport=httpx.ASGITransport(self.application), base_url=ORIGIN)

    async def __aenter__(self) -> Self:
        await self.hug.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()
        await self.hug.aclose()

    @property
    def code(self) -> str:
        return self.hug.outbox.last().code or ""

    @property
    def wrong_code(self) -> str:
        return f"{(int(self.code) + 1) % 10**6:06}"

    async def plan(self, **changes: Any) -> Session:
        plan: dict[str, Any] = {
            "organisation": "hug",
            "service": "cardiology",
            "starts_at": NOON,
            "ends_at": NOON + timedelta(minutes=30),
            "participants": PEOPLE,
        }
        return await self.hug.sessions.plan(**(plan | changes))

    async def invited(self, **changes: Any) -> Invitation:
        session = await self.plan(**changes)
        await self.hug.sessions.accept(session.id, PATIENT, recorded_by=CLINICIAN)
        return await self.hug.invite(session.id, PATIENT)

    async def let_in(self) -> dict[str, Any]:
        """Return what a patient's page is told who has typed the right code."""
        invitation = await self.invited()
        answer = await self.ask("check-in", {"link": invitation.link_id, "code": self.code})
        told: dict[str, Any] = answer.json()
        return {"link": invitation.link_id, **told}

    async def ask(self, call: str, asked: object) -> httpx.Response:
        return await self.post(call, json.dumps(asked).encode())

    async def post(self, call: str, body: bytes, **headers: str) -> httpx.Response:
        """Post a body, and hold the answer against the description of the API."""
        sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        answer = await self.http.post(f"{SITE}/api/{call}", content=body, headers=sent)
        described = document(site=SITE)["paths"][f"/api/{call}"]["post"]["responses"]
        assert (
            answer.headers["content-type"].partition(";")[0] in described[str(answer.status_code)]["content"]
        )
        self.assert_names_nobody(answer.text)
        return answer

    async def assert_goes_on(self) -> None:
        """Hold a visit as if nothing had happened, and find nothing left of what did."""
        session = await self.plan()
        async with (
            Robot.from_grant(self.hug.grant(session.id, PATIENT), at=self.hug.here, media=False) as patient,
            Robot.from_grant(self.hug.grant(session.id, CLINICIAN), at=self.hug.here, media=False) as doctor,
        ):
            await doctor.admit(PATIENT)
            await patient.admitted()
            await doctor.complete()
            await patient.ended()
        await self.hug.clock.advance(minutes=2)
        assert self.hug._crew.hub._goodbyes == {}
        assert self.hug._crew.hub._rooms == {}

    def assert_names_nobody(self, text: str) -> None:
        codes = {code for sms in self.hug.outbox.messages if (code := sms.text.rpartition("#")[2])}
        for canary in (NAME, NAME.split()[1], PHONE, PHONE[3:], *codes):
            assert canary not in text


@contextmanager
def listening_to_logs(clinic: Clinic) -> Iterator[None]:
    """Find nobody named in what is logged at INFO and above, tracebacks included."""
    lines: list[str] = []

    class Ear(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    ear, root = Ear(logging.INFO), logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(ear)
    try:
        yield
    finally:
        root.removeHandler(ear)
        root.setLevel(level)
    clinic.assert_names_nobody("\n".join(lines))


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    async with Clinic() as clinic:
        with listening_to_logs(clinic):
            yield clinic


# --- In Python -----------------------------------------------------------------------------------


async def wrong_code(clinic: Clinic) -> None:
    await clinic.hug.check_in((await clinic.invited()).link_id, clinic.wrong_code)


async def expired_code(clinic: Clinic) -> None:
    invitation = await clinic.invited()
    await clinic.hug.clock.advance(minutes=11)
    await clinic.hug.check_in(invitation.link_id, clinic.code)


async def used_code(clinic: Clinic) -> None:
    invitation = await clinic.invited()
    for _ in range(2):
        await clinic.hug.check_in(invitation.link_id, clinic.code)


async def sixth_guess(clinic: Clinic) -> None:
    invitation = await clinic.invited()
    for _ in range(5):
        with pytest.raises((CodeRejected, TooManyAttempts)):
            await clinic.hug.check_in(invitation.link_id, clinic.wrong_code)
    await clinic.hug.check_in(invitation.link_id, clinic.code)


async def fourth_sms(clinic: Clinic) -> None:
    invitation = await clinic.invited()
    for _ in range(3):
        await clinic.hug.clock.advance(minutes=2)
        await clinic.hug.send_code(invitation.link_id)


async def code_too_soon(clinic: Clinic) -> None:
    await clinic.hug.send_code((await clinic.invited()).link_id)


async def code_before_the_window(clinic: Clinic) -> None:
    later = NOON + timedelta(days=1)
    invitation = await clinic.invited(starts_at=later, ends_at=later + timedelta(minutes=30))
    await clinic.hug.send_code(invitation.link_id)


async def code_that_is(clinic: Clinic, typed: Any) -> None:
    await clinic.hug.check_in((await clinic.invited()).link_id, typed)


async def link_of_an_earlier_invitation(clinic: Clinic) -> None:
    invitation = await clinic.invited()
    await clinic.hug.invite(invitation.session, PATIENT, again=True)
    await clinic.hug.check_in(invitation.link_id, clinic.code)


async def ended(clinic: Clinic) -> Session:
    session = await clinic.plan()
    await clinic.hug.sessions.accept(session.id, PATIENT, recorded_by=CLINICIAN)
    return await clinic.hug.sessions.cancel(session.id, by=CLINICIAN)


async def reference_of_another_visit(clinic: Clinic) -> None:
    await clinic.plan(reference="appointment/4711")
    await clinic.plan(reference="appointment/4711", service="dermatology")


async def planned(clinic: Clinic, do: Callable[[Session], Any]) -> None:
    await do(await clinic.plan())


async def identified(clinic: Clinic, **options: Any) -> None:
    invitation = await clinic.invited(modality="phone")
    await clinic.hug.identify(invitation.session, PATIENT, **{"by": CLINICIAN, **options})


async def wrong_code_read_out(clinic: Clinic) -> None:
    invitation = await clinic.invited()
    await clinic.hug.identify(invitation.session, PATIENT, by=CLINICIAN, code=clinic.wrong_code)


async def asked_for(clinic: Clinic, whom: str) -> None:
    invitation = await clinic.invited(modality="phone")
    await clinic.hug.send_code_for(invitation.session, whom, by=CLINICIAN)


async def read_events(clinic: Clinic, **options: Any) -> None:
    async for _ in clinic.hug.events(**options):
        pass


REFUSED: Mapping[str, tuple[Callable[[Clinic], Any], type[HugathomeError]]] = {
    # codes and links
    "a wrong code": (wrong_code, CodeRejected),
    "an expired code": (expired_code, CodeExpired),
    "a used code": (used_code, CodeAlreadyUsed),
    "a right code after five wrong ones": (sixth_guess, TooManyAttempts),
    "a fourth message for one code": (fourth_sms, QuotaReached),
    "a code again at once": (code_too_soon, SendTooSoon),
    "a code before the window": (code_before_the_window, NotYetOpen),
    "letters for a code": (lambda c: code_that_is(c, "letters"), MalformedCode),
    "too few digits": (lambda c: code_that_is(c, "12345"), MalformedCode),
    "full-width digits": (lambda c: code_that_is(c, "\uff11\uff12\uff13\uff14\uff15\uff16"), MalformedCode),
    "a megabyte for a code": (lambda c: code_that_is(c, "1" * 2**20), MalformedCode),
    "half a character in a code": (lambda c: code_that_is(c, "12345" + HALF), MalformedCode),
    "NUL in a code": (lambda c: code_that_is(c, "123\x00456"), MalformedCode),
    "a number for a code": (lambda c: code_that_is(c, 123456), MalformedCode),
    "nothing for a code": (lambda c: code_that_is(c, None), MalformedCode),
    "an unknown link": (lambda c: c.hug.check_in(NOWHERE, "123456"), LinkUnknown),
    "the link of an earlier invitation": (link_of_an_earlier_invitation, LinkUnknown),
    "an empty link": (lambda c: c.hug.send_code(""), LinkUnknown),
    "half a character for a link": (lambda c: c.hug.opened(HALF), LinkUnknown),
    "a megabyte for a link": (lambda c: c.hug.opened("A" * 2**20), LinkUnknown),
    "no text for a link": (lambda c: c.hug.opened(None), LinkUnknown),  # type: ignore[arg-type]  # as hosts without types do
    # planning
    "a naive datetime": (lambda c: c.plan(starts_at=NOON.replace(tzinfo=None)), InvalidInput),
    "a window that ends before it starts": (
        lambda c: c.plan(ends_at=NOON - timedelta(hours=1)),
        InvalidInput,
    ),
    "a window that ends as it starts": (lambda c: c.plan(ends_at=NOON), InvalidInput),
    "the first instant": (
        lambda c: c.plan(starts_at=datetime.min.replace(tzinfo=UTC), ends_at=NOON),
        InvalidInput,
    ),
    "the last instant": (lambda c: c.plan(ends_at=datetime.max.replace(tzinfo=UTC)), InvalidInput),
    "an instant after the last": (
        lambda c: c.plan(ends_at=datetime.max.replace(tzinfo=timezone(timedelta(hours=-23)))),
        InvalidInput,
    ),
    "text for a datetime": (lambda c: c.plan(starts_at="noon"), InvalidInput),
    "a session without patient": (lambda c: c.plan(participants=PEOPLE[:1]), InvalidInput),
    "a session without anybody": (lambda c: c.plan(participants=[]), InvalidInput),
    "two participants of one id": (lambda c: c.plan(participants=[*PEOPLE, PEOPLE[1]]), InvalidInput),
    "a hundred thousand participants": (
        lambda c: c.plan(participants=[*PEOPLE, *(PEOPLE[1].but(id=f"p-{n}") for n in range(MANY))]),
        InvalidInput,
    ),
    "something else for a participant": (lambda c: c.plan(participants=[NAME]), InvalidInput),
    "an unknown organisation": (lambda c: c.plan(organisation="nowhere"), InvalidInput),
    "no organisation": (lambda c: c.plan(organisation=None), InvalidInput),
    "half a character for an organisation": (lambda c: c.plan(organisation=HALF), InvalidInput),
    "half a character for a service": (lambda c: c.plan(service=HALF), InvalidInput),
    "a megabyte for a service": (lambda c: c.plan(service="x" * 2**20), InvalidInput),
    "half a character for a reference": (lambda c: c.plan(reference=HALF), InvalidInput),
    "an unknown modality": (lambda c: c.plan(modality="telepathy"), InvalidInput),
    "a reference with other content": (reference_of_another_visit, ReferenceTaken),
    # people
    "an id with spaces": (lambda _: Participant(id=NAME, role="patient", name=NAME), InvalidInput),
    "an unknown role": (lambda _: Participant(id="p", role=NAME, name=NAME), InvalidInput),  # type: ignore[arg-type]  # as hosts without types do
    "an unknown language": (
        lambda _: Participant(id="p", role="patient", name=NAME, language=NAME),  # type: ignore[arg-type]  # as hosts without types do
        InvalidInput,
    ),
    "half a character for a name": (lambda _: Participant(id="p", role="patient", name=HALF), InvalidInput),
    "a number without a country": (
        lambda _: Participant(id="p", role="patient", name=NAME, phone=PHONE.replace("+41", "0")),
        InvalidPhoneNumber,
    ),
    "letters in a number": (lambda _: PhoneNumber.parse(f"{PHONE} {NAME}"), InvalidPhoneNumber),
    "a number of an unknown region": (lambda _: PhoneNumber.parse(PHONE, region="ZZ"), InvalidInput),
    # sessions
    "an unknown session": (lambda c: c.hug.sessions.get("hug.nowhere"), SessionNotFound),
    "no text for a session": (lambda c: c.hug.sessions.get(None), SessionNotFound),  # type: ignore[arg-type]  # as hosts without types do
    "half a character for a session": (lambda c: c.hug.sessions.get(f"hug.{HALF}"), SessionNotFound),
    "a megabyte for a session": (lambda c: c.hug.sessions.get("hug." + "x" * 2**20), SessionNotFound),
    "NUL in a session": (lambda c: c.hug.sessions.get("hug.\x00"), SessionNotFound),
    "an unknown reference": (
        lambda c: c.hug.sessions.find(organisation="hug", reference=HALF),
        SessionNotFound,
    ),
    "a reference of an unknown organisation": (
        lambda c: c.hug.sessions.find(organisation="nowhere", reference="r"),
        InvalidInput,
    ),
    "a naive span": (
        lambda c: c.hug.sessions.list(organisation="hug", since=NOON.replace(tzinfo=None), until=NOON),
        InvalidInput,
    ),
    "a page of nothing": (
        lambda c: c.hug.sessions.list(organisation="hug", since=NOON, until=NOON, limit=0),
        InvalidInput,
    ),
    "a page after half a character": (
        lambda c: c.hug.sessions.list(organisation="hug", since=NOON, until=NOON, after=HALF),
        InvalidInput,
    ),
    "events of an unknown organisation": (lambda c: read_events(c, organisation="nowhere"), InvalidInput),
    "events before the first": (lambda c: read_events(c, organisation="hug", after=-1), InvalidInput),
    "events beyond counting": (lambda c: read_events(c, organisation="hug", after=2**64), InvalidInput),
    "an invitation without consent": (
        lambda c: planned(c, lambda s: c.hug.invite(s.id, PATIENT)),
        ConsentMissing,
    ),
    "an unknown participant": (
        lambda c: planned(c, lambda s: c.hug.sessions.arrive(s.id, "nobody")),
        UnknownParticipant,
    ),
    "an admission by the patient": (
        lambda c: planned(c, lambda s: c.hug.sessions.admit(s.id, PATIENT, by=PATIENT)),
        NotPermitted,
    ),
    "an admission by half a character": (
        lambda c: planned(c, lambda s: c.hug.sessions.admit(s.id, PATIENT, by=HALF)),
        InvalidInput,
    ),
    "an admission of somebody who is not there": (
        lambda c: planned(c, lambda s: c.hug.sessions.admit(s.id, PATIENT, by=CLINICIAN)),
        InvalidTransition,
    ),
    "an unknown outcome": (
        lambda c: planned(c, lambda s: c.hug.sessions.complete(s.id, by=CLINICIAN, outcome=NAME)),  # type: ignore[arg-type]  # as hosts without types do
        InvalidInput,
    ),
    "a position that is none": (
        lambda c: planned(c, lambda s: c.hug.sessions.depart(s.id, PATIENT, position="yesterday")),
        InvalidInput,
    ),
    "a naive extension": (
        lambda c: planned(
            c, lambda s: c.hug.sessions.extend(s.id, closes_at=NOON.replace(tzinfo=None), by=CLINICIAN)
        ),
        InvalidInput,
    ),
    # grants
    "a grant for what is no session": (lambda c: c.hug.grant("nowhere", PATIENT), InvalidInput),
    "a grant for half a character": (lambda c: c.hug.grant(f"hug.{HALF}", PATIENT), InvalidInput),
    "claims that JSON cannot say": (
        lambda c: c.hug.grant("hug.x", PATIENT, claims={"at": NOON}),
        InvalidInput,
    ),
    "claims without names": (lambda c: c.hug.grant("hug.x", PATIENT, claims=[NAME]), InvalidInput),  # type: ignore[arg-type]  # as hosts without types do
    "claims by the megabyte": (
        lambda c: c.hug.grant("hug.x", PATIENT, claims={"x": "x" * 2**20}),
        InvalidInput,
    ),
    # the telephone
    "an unknown modality later": (
        lambda c: planned(c, lambda s: c.hug.sessions.change_modality(s.id, NAME, by=CLINICIAN)),  # type: ignore[arg-type]  # as hosts without types do
        InvalidInput,
    ),
    "no modality": (
        lambda c: planned(c, lambda s: c.hug.sessions.change_modality(s.id, None, by=CLINICIAN)),  # type: ignore[arg-type]  # as hosts without types do
        InvalidInput,
    ),
    "half a character for a reason": (
        lambda c: planned(
            c, lambda s: c.hug.sessions.change_modality(s.id, "phone", by=CLINICIAN, reason=HALF)
        ),
        InvalidInput,
    ),
    "a modality changed by the patient": (
        lambda c: planned(c, lambda s: c.hug.sessions.change_modality(s.id, "phone", by=PATIENT)),
        NotPermitted,
    ),
    "an identity by neither code nor word": (
        lambda c: planned(c, lambda s: c.hug.identify(s.id, PATIENT, by=CLINICIAN)),
        InvalidInput,
    ),
    "an identity by code and word": (
        lambda c: planned(c, lambda s: c.hug.identify(s.id, PATIENT, by=CLINICIAN, code="1", how="2")),
        InvalidInput,
    ),
    "half a character for an identity": (lambda c: identified(c, how=HALF), InvalidInput),
    "a megabyte for an identity": (lambda c: identified(c, how="x" * 2**20), InvalidInput),
    "no text for an identity": (lambda c: identified(c, how=[NAME]), InvalidInput),
    "an identity by the patient": (lambda c: identified(c, how=NAME, by=PATIENT), NotPermitted),
    "an identity by half a character": (lambda c: identified(c, how="known", by=HALF), InvalidInput),
    "letters read out for a code": (lambda c: identified(c, code=NAME), MalformedCode),
    "a megabyte read out for a code": (lambda c: identified(c, code="1" * 2**20), MalformedCode),
    "a number read out for a code": (lambda c: identified(c, code=123456), MalformedCode),
    "a wrong code read out": (wrong_code_read_out, CodeRejected),
    "a code for the patient by the patient": (
        lambda c: planned(c, lambda s: c.hug.send_code_for(s.id, PATIENT, by=PATIENT)),
        NotPermitted,
    ),
    "a code for half a character": (
        lambda c: planned(c, lambda s: c.hug.send_code_for(s.id, HALF, by=CLINICIAN)),
        InvalidInput,
    ),
    "a code for somebody without a mobile": (
        lambda c: asked_for(c, CLINICIAN),
        NoMobileNumber,
    ),
    "a call by half a character": (
        lambda c: planned(c, lambda s: c.hug.call(s.id, PATIENT, by=HALF)),
        InvalidInput,
    ),
    "half a character for a holder": (lambda c: c.hug.holder(HALF), GrantRefused),
    "no text for a holder": (lambda c: c.hug.holder(None), GrantRefused),  # type: ignore[arg-type]  # as hosts without types do
    "no grant": (lambda c: c.hug.visit_pass(""), GrantRefused),
    "half a character for a pass": (lambda c: c.hug.regrant(HALF), GrantRefused),
    "a megabyte for a grant": (lambda c: c.hug.visit_pass("x" * 2**20), GrantRefused),
    "no text for a pass": (lambda c: c.hug.regrant(None), GrantRefused),  # type: ignore[arg-type]  # as hosts without types do
}


def assert_is_ours(clinic: Clinic, error: HugathomeError) -> None:
    assert error.problem.startswith("urn:hugathome:problem:")
    assert error.public
    assert 400 <= error.status < 500
    told = "".join(traceback.format_exception(error)) + repr(error) + error.public
    clinic.assert_names_nobody(told)
    assert told.encode()
    assert len(str(error)) < 300


async def resulting(call: Callable[[], Any]) -> None:
    """Make a call, and await it where it is to be awaited."""
    result = call()
    if inspect.isawaitable(result):
        await result


@pytest.mark.parametrize("what", REFUSED)
async def test_in_python_it_raises_our_own_error(clinic: Clinic, what: str) -> None:
    call, kind = REFUSED[what]

    with pytest.raises(HugathomeError) as refused:
        await resulting(lambda: call(clinic))

    assert type(refused.value) is kind
    assert_is_ours(clinic, refused.value)


@pytest.mark.parametrize(
    "do", ["invite", "admit", "grant", "extend", "call", "change-modality", "identify", "send-code-for"]
)
async def test_what_has_ended_takes_nothing_more(clinic: Clinic, do: str) -> None:
    session = await ended(clinic)
    calls: Mapping[str, Callable[[], Any]] = {
        "invite": lambda: clinic.hug.invite(session.id, PATIENT),
        "admit": lambda: clinic.hug.sessions.admit(session.id, PATIENT, by=CLINICIAN),
        "grant": lambda: clinic.hug.visit_pass(clinic.hug.grant(session.id, PATIENT).token),
        "extend": lambda: clinic.hug.sessions.extend(
            session.id, closes_at=NOON + timedelta(hours=3), by=CLINICIAN
        ),
        "call": lambda: clinic.hug.call(session.id, PATIENT, by=CLINICIAN),
        "change-modality": lambda: clinic.hug.sessions.change_modality(session.id, "phone", by=CLINICIAN),
        "identify": lambda: clinic.hug.identify(session.id, PATIENT, by=CLINICIAN, how="known"),
        "send-code-for": lambda: clinic.hug.send_code_for(session.id, PATIENT, by=CLINICIAN),
    }

    with pytest.raises(SessionEnded) as refused:
        await calls[do]()

    assert_is_ours(clinic, refused.value)


async def test_what_was_refused_has_changed_nothing(clinic: Clinic) -> None:
    session = await clinic.plan()
    sent = len(clinic.hug.outbox)

    for do in (
        lambda: clinic.hug.invite(session.id, PATIENT),
        lambda: clinic.hug.sessions.admit(session.id, PATIENT, by=CLINICIAN),
        lambda: clinic.hug.sessions.complete(session.id, by=PATIENT),
        lambda: clinic.hug.sessions.accept(session.id, CLINICIAN, recorded_by=CLINICIAN),
        lambda: clinic.plan(organisation="nowhere"),
    ):
        with pytest.raises(HugathomeError):
            await do()

    assert await clinic.hug.sessions.get(session.id) == session
    assert len([event async for event in clinic.hug.events(organisation="hug")]) == 1
    assert len(clinic.hug.outbox) == sent


# --- Over HTTP -----------------------------------------------------------------------------------


def assert_problem(answer: httpx.Response, status: int, kind: str | None) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["type"] == (f"urn:hugathome:problem:{kind}" if kind else "about:blank")
    assert kind is None or problem["detail"]


UNREADABLE: Mapping[str, bytes] = {
    "nothing": b"",
    "no JSON": b"link=" + NOWHERE.encode(),
    "half an object": b'{"link":',
    "an array": b'["' + NOWHERE.encode() + b'"]',
    "a text": b'"' + NOWHERE.encode() + b'"',
    "null": b"null",
    "an empty object": b"{}",
    "another object": b'{"url":"x"}',
    "one field too many": b'{"link":"AAAAAAAAAAA","admin":true}',
    "a number for a text": b'{"link":1}',
    "an array for a text": b'{"link":["AAAAAAAAAAA"]}',
    "null for a text": b'{"link":null}',
    "a text that is too long": b'{"link":"' + b"A" * 201 + b'"}',
    "half a character": b'{"link":"\\ud800"}',
    "no UTF-8": b'{"link":"\xff\xfe"}',
    "UTF-16": '{"link":"x"}'.encode("utf-16"),
    "a deep hole": b'{"link":' + b"[" * 4000,
    "not a number": b'{"link":NaN}',
}


@pytest.mark.parametrize("what", UNREADABLE)
async def test_a_body_that_cannot_be_read_is_a_bad_request(clinic: Clinic, what: str) -> None:
    for call in RIGHT:
        answer = await clinic.post(call, UNREADABLE[what])

        assert_problem(answer, 400, "invalid-input")


@pytest.mark.parametrize("call", ["link", "send-code"])
@pytest.mark.parametrize("link", ["", NOWHERE, "\x00", "../../etc/passwd", "a" * 200, "é", "%00"])
async def test_a_link_that_leads_nowhere_is_not_found(clinic: Clinic, call: str, link: str) -> None:
    assert_problem(await clinic.ask(call, {"link": link}), 404, "link-unknown")


async def test_codes_that_let_nobody_in_have_the_same_face_over_http(clinic: Clinic) -> None:
    invitation = await clinic.invited()

    async def typed(code: str) -> httpx.Response:
        return await clinic.ask("check-in", {"link": invitation.link_id, "code": code})

    wrong = await typed(clinic.wrong_code)
    await typed(clinic.code)
    used = await typed(clinic.code)
    await clinic.hug.clock.advance(minutes=11)
    expired = await typed(clinic.code)
    malformed = await typed("12 34 5\x00")

    for refused in (wrong, used, expired):
        assert_problem(refused, 403, "code-refused")
    assert wrong.json() == used.json() == expired.json()
    assert_problem(malformed, 400, "malformed-code")


def key_ring() -> KeyRing:
    return KeyRing(KEY)


def a_pass(session: str, **changes: Any) -> VisitPass:
    claims: dict[str, Any] = {
        "session": session,
        "participant": PATIENT,
        "organisation": "hug",
        "device": 1,
        "jti": "jti",
        "issued_at": NOON,
    }
    return VisitPass(**(claims | changes))


def a_grant(session: str, **changes: Any) -> JoinGrant:
    return JoinGrant(**dict(a_pass(session, **changes)) | {"expires_at": NOON + timedelta(minutes=2)})


def forged(told: Mapping[str, Any], what: str) -> tuple[str, str]:
    """Return a grant and a pass that look like what was told, and are not."""
    session = told["session"]
    keys, changes = key_ring(), dict[str, Any]()
    match what:
        case "forged":
            keys = KeyRing(b"a key that somebody else has thought of")
        case "stale":
            changes = {"device": 0}
        case "of another organisation":
            changes = {"organisation": "chuv"}
        case "of nobody":
            changes = {"participant": "nobody"}
        case "of no session":
            session = "hug.nowhere"
        case "from the future":
            changes = {"issued_at": NOON + timedelta(hours=1)}
    issuer = "https://elsewhere.example.ch" if what == "of another deployment" else SITE
    return (
        sign_grant(a_grant(session, **changes), keys=keys, issuer=issuer).token,
        sign_pass(a_pass(session, **changes), keys=keys, issuer=issuer).token,
    )


FORGERIES = [
    "forged",
    "stale",
    "of another organisation",
    "of another deployment",
    "of nobody",
    "of no session",
    "from the future",
]


@pytest.mark.parametrize("what", FORGERIES)
async def test_grants_and_passes_that_are_not_ours_or_not_for_this_are_forbidden(
    clinic: Clinic, what: str
) -> None:
    grant, visit_pass = forged(await clinic.let_in(), what)

    assert_problem(await clinic.ask("pass", {"grant": grant}), 403, "grant-refused")
    assert_problem(await clinic.ask("grant", {"pass": visit_pass}), 403, "grant-refused")
    assert_problem(await clinic.ask("call-me-back", {"pass": visit_pass}), 403, "grant-refused")
    for call in ("call", "code-for", "identify"):
        answer = await clinic.ask(call, {"pass": visit_pass, "participant": PATIENT})
        assert_problem(answer, 403, "grant-refused")
    assert_problem(await clinic.ask("pass", {"grant": visit_pass}), 403, "grant-refused")
    assert_problem(await clinic.ask("grant", {"pass": grant}), 403, "grant-refused")


async def test_what_is_not_forged_opens(clinic: Clinic) -> None:
    grant, visit_pass = forged(await clinic.let_in(), "not at all")

    assert (await clinic.ask("pass", {"grant": grant})).status_code == 200
    assert (await clinic.ask("grant", {"pass": visit_pass})).status_code == 200


async def test_the_pass_of_a_device_that_was_taken_over_is_forbidden(clinic: Clinic) -> None:
    told = await clinic.let_in()
    await clinic.hug.invite(told["session"], PATIENT, again=True)
    await clinic.hug.check_in(clinic.hug.outbox.last().link.rpartition("/")[2], clinic.code)  # type: ignore[union-attr]

    assert_problem(await clinic.ask("grant", {"pass": told["pass"]}), 403, "grant-refused")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content_Type": "multipart/form-data; boundary=x"}, 415),
        ({"Content_Type": "application/json-seq"}, 415),
        ({"Content_Type": ""}, 415),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ORIGIN + ".evil.example"}, 403),
        ({"Origin": ORIGIN.replace("https", "http")}, 403),
    ],
)
async def test_requests_of_another_kind_or_from_elsewhere_are_refused(
    clinic: Clinic, headers: dict[str, str], status: int
) -> None:
    invitation = await clinic.invited()
    sent = len(clinic.hug.outbox)
    await clinic.hug.clock.advance(minutes=2)

    answer = await clinic.post("send-code", json.dumps({"link": invitation.link_id}).encode(), **headers)

    assert_problem(answer, status, None)
    assert len(clinic.hug.outbox) == sent


async def test_of_a_huge_body_only_the_beginning_is_read(clinic: Clinic) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(10_000):
            read += 1
            yield b" " * 4096

    answer = await clinic.http.post(
        f"{SITE}/api/link", content=endless(), headers={"Content-Type": "application/json"}
    )

    assert_problem(answer, 413, None)
    assert read <= 4


# --- Over the WebSocket --------------------------------------------------------------------------


class Socket:
    """A client's end of the WebSocket at `/signal`."""

    def __init__(
        self,
        clinic: Clinic,
        *,
        origin: str | None = ORIGIN,
        subprotocols: tuple[str, ...] = ("hugathome.v1",),
    ) -> None:
        self._clinic = clinic
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._outgoing: asyncio.Queue[MutableMapping[str, Any]] = asyncio.Queue()
        self.heard: list[ServerMessage] = []
        self.code: int | None = None
        self._seq = 0
        scope = {
            "type": "websocket",
            "path": "/visit/signal",
            "headers": [] if origin is None else [(b"origin", origin.encode())],
            "subprotocols": list(subprotocols),
        }
        self._incoming.put_nowait({"type": "websocket.connect"})
        served = clinic.application(scope, self._incoming.get, self._outgoing.put)
        self.served: asyncio.Future[None] = asyncio.ensure_future(served)

    def say(self, text: str) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    def say_bytes(self, data: bytes) -> None:
        self._incoming.put_nowait({"type": "websocket.receive", "bytes": data})

    def command(self, command: Any) -> None:
        self._seq += 1
        self.say(command.but(seq=self._seq).to_json())

    async def hung_up(self) -> None:
        """Go away, and return once the server has seen it; what it said until then is heard."""
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
        await asyncio.wait_for(self.served, 10)
        while not self._outgoing.empty():
            await self._hear()

    async def until(self, kind: type[ServerMessage]) -> Any:
        async with asyncio.timeout(10):
            while not self.heard or not isinstance(self.heard[-1], kind):
                await self._hear()
        return self.heard[-1]

    async def closed(self) -> Close:
        """Return the last message, once the connection has ended."""
        async with asyncio.timeout(10):
            while self.code is None:
                await self._hear()
            await self.served
        close = self.heard[-1]
        assert isinstance(close, Close)
        assert close.code in set(CloseCode)
        return close

    async def refused(self) -> int:
        """Return the code of a connection that ended before anything was said."""
        async with asyncio.timeout(10):
            while self.code is None:
                await self._hear()
            await self.served
        assert self.heard == []
        return self.code

    async def _hear(self) -> None:
        event = await self._outgoing.get()
        if event["type"] == "websocket.close":
            self.code = event["code"]
        elif event["type"] == "websocket.send":
            self.heard.append(parse_server(event["text"]))
            is_inside = any(isinstance(message, Welcome) and message.snapshot for message in self.heard)
            if not is_inside:
                self._clinic.assert_names_nobody(event["text"])


def hello(grant: str, **changes: Any) -> str:
    return Hello(grant=grant, nonce="a-nonce", **changes).to_json()


async def joined(clinic: Clinic, grant: str, *, rollback: bool = True) -> Socket:
    device = Socket(clinic)
    device.say(hello(grant, caps=Caps(rollback=rollback)))
    await device.until(Welcome)
    return device


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("", CloseCode.PROTOCOL_ERROR),
        ("hello", CloseCode.PROTOCOL_ERROR),
        ("[]", CloseCode.PROTOCOL_ERROR),
        ("null", CloseCode.PROTOCOL_ERROR),
        ('{"v":1,"type":"hello"}', CloseCode.PROTOCOL_ERROR),
        ('{"v":2,"type":"hello","nonce":"n","grant":"x"}', CloseCode.PROTOCOL_ERROR),
        ('{"v":1,"type":"hello","nonce":"\\ud800","grant":"x"}', CloseCode.PROTOCOL_ERROR),
        ('{"v":1,"type":"hello","nonce":"n","grant":["x"]}', CloseCode.PROTOCOL_ERROR),
        ('{"v":1,"type":"admit","seq":1,"participant":"p-1"}', CloseCode.PROTOCOL_ERROR),
        ("[" * 8000, CloseCode.PROTOCOL_ERROR),
        ("\x00", CloseCode.PROTOCOL_ERROR),
        (HALF, CloseCode.PROTOCOL_ERROR),
        ("x" * 9000, CloseCode.TOO_BIG),
        ("x" * 70_000, CloseCode.TOO_BIG),
        (hello("no token"), CloseCode.GRANT_REFUSED),
        (hello("no token", versions=(2, 3)), CloseCode.NO_COMMON_VERSION),
    ],
)
async def test_a_first_message_that_is_no_good_hello_is_told_so_and_closed(
    clinic: Clinic, first: str, code: CloseCode
) -> None:
    device = Socket(clinic)

    device.say(first)

    if len(first) > 65_536:  # the transport has closed before anything could be said
        assert await device.refused() == code
    else:
        assert (await device.closed()).code == code
    await clinic.assert_goes_on()


async def test_bytes_are_no_message(clinic: Clinic) -> None:
    device = Socket(clinic)

    device.say_bytes(b"\x00\xff")

    assert await device.refused() == CloseCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"origin": "https://evil.example"}, CloseCode.ORIGIN_REFUSED),
        ({"origin": "null"}, CloseCode.ORIGIN_REFUSED),
        ({"subprotocols": ()}, CloseCode.NO_COMMON_VERSION),
        ({"subprotocols": ("hugathome.v9", "chat")}, CloseCode.NO_COMMON_VERSION),
    ],
)
async def test_a_page_of_elsewhere_or_of_another_version_is_not_let_in(
    clinic: Clinic, options: dict[str, Any], code: CloseCode
) -> None:
    assert await Socket(clinic, **options).refused() == code


@pytest.mark.parametrize("what", FORGERIES)
async def test_a_grant_that_is_not_ours_or_not_for_this_opens_no_connection(
    clinic: Clinic, what: str
) -> None:
    grant, _ = forged(await clinic.let_in(), what)
    device = Socket(clinic)

    device.say(hello(grant))

    assert (await device.closed()).code == CloseCode.GRANT_REFUSED
    await clinic.assert_goes_on()


KEYS = ("a=ice-ufrag:abcd", f"a=ice-pwd:{22 * 'p'}", "a=fingerprint:sha-256 " + ":".join(32 * ["AB"]))


def sdp(*more: str, sections: int = 1) -> str:
    """Return a description that would do, but for its number of sections and what else it holds."""
    section = "m=audio 9 UDP/TLS/RTP/SAVPF 0"
    return "\r\n".join(
        ["v=0", "o=- 1 1 IN IP4 0.0.0.0", "s=-", "t=0 0", *KEYS, *(sections * [section]), *more, ""]
    )


def offer(pair: Pair, text: str) -> Offer:
    return Offer(pc=pair.pc, gen=pair.gen, neg=1, sdp=text)


BAD_MESSAGES: Mapping[str, tuple[Callable[[Pair], Any], CloseCode]] = {
    "no JSON": (lambda _: "offer", CloseCode.PROTOCOL_ERROR),
    "an array": (lambda _: "[]", CloseCode.PROTOCOL_ERROR),
    "a type that is none": (lambda _: '{"v":1,"type":7,"seq":1}', CloseCode.PROTOCOL_ERROR),
    "what must be understood and is not": (
        lambda _: '{"v":1,"type":"teleport","seq":1,"must":true}',
        CloseCode.PROTOCOL_ERROR,
    ),
    "a command without its number": (
        lambda _: '{"v":1,"type":"admit","participant":"p-1"}',
        CloseCode.PROTOCOL_ERROR,
    ),
    "a number beyond counting": (
        lambda _: '{"v":1,"type":"leave","seq":9007199254740993}',
        CloseCode.PROTOCOL_ERROR,
    ),
    "a missing command": (lambda _: '{"v":1,"type":"leave","seq":7}', CloseCode.STATE_LOST),
    "a second hello": (lambda _: hello("x"), CloseCode.PROTOCOL_ERROR),
    "a frame too big": (lambda _: '{"v":1,"type":"' + 65_600 * "x" + '"}', CloseCode.TOO_BIG),
    "four hundred media lines": (lambda pair: offer(pair, sdp(sections=400)), CloseCode.TOO_BIG),
    "twenty-five media lines": (lambda pair: offer(pair, sdp(sections=25)), CloseCode.TOO_BIG),
    "a description of nothing": (lambda pair: offer(pair, ""), CloseCode.PROTOCOL_ERROR),
    "media that nothing encrypts": (
        lambda pair: offer(pair, sdp().replace("a=fingerprint", "a=x-fingerprint")),
        CloseCode.PROTOCOL_ERROR,
    ),
    "NUL in a description": (lambda pair: offer(pair, sdp("a=\x00")), CloseCode.PROTOCOL_ERROR),
    "a name for an address": (
        lambda pair: offer(pair, sdp("a=candidate:1 1 udp 1 intranet.example 9 typ host")),
        CloseCode.PROTOCOL_ERROR,
    ),
    "a candidate that is none": (
        lambda pair: Candidates(pc=pair.pc, gen=1, candidates=(CandidateInit(candidate=NAME),)),
        CloseCode.PROTOCOL_ERROR,
    ),
}


@pytest.mark.parametrize("what", BAD_MESSAGES)
async def test_a_bad_message_ends_its_own_connection_and_reaches_nobody(clinic: Clinic, what: str) -> None:
    session = await clinic.plan()
    doctor = await joined(clinic, clinic.hug.grant(session.id, CLINICIAN).token)
    patient = await joined(clinic, clinic.hug.grant(session.id, PATIENT).token)
    await clinic.hug.sessions.admit(session.id, PATIENT, by=CLINICIAN)
    pair = await patient.until(Pair)
    await doctor.until(Pair)
    heard = len(doctor.heard)
    make, code = BAD_MESSAGES[what]

    bad = make(pair)
    patient.say(bad) if isinstance(bad, str) else patient.command(bad)

    if what == "a frame too big":
        assert await ended_with(patient) == code
    else:
        assert (await patient.closed()).code == code
    doctor.command(Leave())
    assert (await doctor.closed()).code == CloseCode.NORMAL
    told = {message.type for message in doctor.heard[heard:]}
    assert told <= {"participant", "ack", "close", "unpair", "session"}
    await clinic.assert_goes_on()


async def ended_with(device: Socket) -> int | None:
    async with asyncio.timeout(10):
        await device.served
        while device.code is None:
            await device._hear()
    return device.code


async def test_whoever_says_nothing_is_sent_away(clinic: Clinic) -> None:
    device = Socket(clinic)

    await clinic.hug.clock.advance(seconds=6)

    assert (await device.closed()).code == CloseCode.HELLO_TIMEOUT


async def test_the_same_description_of_one_section_is_passed_on(clinic: Clinic) -> None:
    session = await clinic.plan()
    doctor = await joined(clinic, clinic.hug.grant(session.id, CLINICIAN).token)
    patient = await joined(clinic, clinic.hug.grant(session.id, PATIENT).token)
    await clinic.hug.sessions.admit(session.id, PATIENT, by=CLINICIAN)

    patient.command(offer(await patient.until(Pair), sdp()))

    assert (await doctor.until(Offer)).sdp == sdp()
    for device in (doctor, patient):
        device.command(Leave())
        await device.closed()


# --- Anything at all -----------------------------------------------------------------------------


class World:
    """One deployment that takes example after example, and the secrets that a guesser may have come by."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self.runner = runner
        self.clinic = Clinic()
        self.session = ""
        self.secrets: dict[str, str] = {}

    async def open(self) -> None:
        await self.clinic.__aenter__()
        told = await self.clinic.let_in()
        self.session = told["session"]
        staff = await self.clinic.hug.visit_pass(self.clinic.hug.grant(self.session, CLINICIAN).token)
        self.secrets = {
            "<link>": told["link"],
            "<pass>": told["pass"],
            "<staff>": staff.token,
            "<code>": self.clinic.code,
        }

    async def close(self) -> None:
        await self.clinic.assert_goes_on()
        await self.clinic.__aexit__()

    def with_secrets(self, text: str) -> str:
        """Fill in what is true; every grant is fresh."""
        fresh = self.clinic.hug.grant(self.session, PATIENT).token
        for name, secret in {**self.secrets, "<grant>": fresh}.items():
            text = text.replace(name, secret)
        return text


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with asyncio.Runner() as runner:
        world = World(runner)
        runner.run(world.open())
        with listening_to_logs(world.clinic):
            yield world
        runner.run(world.close())


TEXTS = st.one_of(
    st.text(st.characters(), max_size=40),
    st.sampled_from(["<link>", "<code>", "<grant>", "<pass>", "<staff>", NOWHERE, HALF, "\x00", "1" * 300]),
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
RIGHT: Mapping[str, dict[str, Any]] = {
    "link": {"link": "<link>"},
    "send-code": {"link": "<link>"},
    "check-in": {"link": "<link>", "code": "<code>"},
    "pass": {"grant": "<grant>"},
    "grant": {"pass": "<pass>"},
    "call-me-back": {"link": "<link>"},
    "call": {"pass": "<staff>", "participant": PATIENT},
    "code-for": {"pass": "<staff>", "participant": PATIENT},
    "identify": {"pass": "<staff>", "participant": PATIENT, "code": "<code>", "how": "known"},
}
HELLO = {
    "v": 1,
    "type": "hello",
    "nonce": "n",
    "grant": "<grant>",
    "versions": [1],
    "agent": "robot",
    "caps": {"rollback": True, "iceRestart": False, "trickle": "full"},
}
ON_PAIR = {"v": 1, "seq": 1, "pc": "<pc>", "gen": 1}
LATER: list[dict[str, Any]] = [
    HELLO,
    ON_PAIR | {"type": "offer", "neg": 1, "sdp": sdp()},
    ON_PAIR | {"type": "answer", "neg": 1, "sdp": sdp()},
    ON_PAIR | {"type": "candidate", "candidates": [{"candidate": "", "sdpMid": "0", "sdpMLineIndex": 0}]},
    ON_PAIR | {"type": "restart", "reason": "it failed"},
    ON_PAIR | {"type": "negotiate"},
    ON_PAIR | {"type": "media", "state": "connected", "selectedPair": "relay"},
    {"v": 1, "type": "step", "seq": 1, "step": "screen-off"},
    {"v": 1, "type": "complete", "seq": 1, "outcome": "completed"},
    {"v": 1, "type": "leave", "seq": 1, "reason": "bye"},
    {"v": 1, "type": "teleport", "seq": 1},
    {"v": 1, "type": "ping", "t": 1},
    {"v": 1, "type": "pong", "t": 1},
    {"v": 1, "type": "ack", "ack": 1},
    {"v": 1, "type": "ice-servers"},
    *({"v": 1, "type": kind, "seq": 1} for kind in ("hold", "resume")),
    *(
        {"v": 1, "type": kind, "seq": 1, "participant": CLINICIAN}
        for kind in ("admit", "deny", "remove", "return-to-waiting")
    ),
]


def nearly(right: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Leave out a field of what would be right, and change or add up to two."""
    names = st.sampled_from(sorted(right))

    def changed(missing: set[str], others: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in (right | others).items() if name not in missing}

    return st.builds(changed, st.sets(names, max_size=1), st.dictionaries(names | TEXTS, VALUES, max_size=2))


def written(values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """Write them as JSON, and some of them nearly so: with something in between, or cut off."""

    def spoilt(text: str, at: int, what: str) -> str:
        at %= len(text) + 1
        return text[:at] + what + text[at:]

    right = values.map(json.dumps)
    wrong = st.builds(spoilt, right, st.integers(0, 500), TEXTS) | right.map(
        lambda text: text[: len(text) // 2]
    )
    return st.one_of(right, right, right, wrong)


def posted_to(call: str) -> st.SearchStrategy[tuple[str, str]]:
    return st.tuples(st.just(call), written(nearly(RIGHT[call]) | nearly(RIGHT[call]) | VALUES))


@given(st.sampled_from(sorted(RIGHT)).flatmap(posted_to))
def test_whatever_is_posted_gets_a_documented_answer(world: World, posted: tuple[str, str]) -> None:
    call, body = posted

    sent = world.with_secrets(body).encode(errors="surrogatepass")
    answer = world.runner.run(world.clinic.post(call, sent))  # holds it against the description

    event(f"{call}: {answer.status_code}")
    assert answer.status_code < 500
    if answer.is_error:
        assert answer.json()["type"] == "about:blank" or "detail" in answer.json()


@given(written(nearly(HELLO) | nearly(HELLO) | VALUES))
def test_whatever_is_said_first_is_welcomed_or_closed(world: World, first: str) -> None:
    async def said() -> Socket:
        device = Socket(world.clinic)
        device.say(world.with_secrets(first))
        async with asyncio.timeout(10):
            while device.code is None and not device.heard:
                await device._hear()
        await device.hung_up()
        return device

    device = world.runner.run(said())

    event(f"{[message.type for message in device.heard[:1]]}, {device.code}")
    assert type(device.heard[0]) in {Welcome, Close} if device.heard else device.code in set(CloseCode)


@given(st.sampled_from(LATER).flatmap(lambda right: written(nearly(right))))
def test_whatever_a_patient_says_later_harms_nobody_else(world: World, later: str) -> None:
    async def said() -> tuple[Socket, Socket]:
        session = await world.clinic.plan()
        doctor = await joined(world.clinic, world.clinic.hug.grant(session.id, CLINICIAN).token)
        patient = await joined(world.clinic, world.clinic.hug.grant(session.id, PATIENT).token)
        await world.clinic.hug.sessions.admit(session.id, PATIENT, by=CLINICIAN)
        pair = await patient.until(Pair)
        patient.say(world.with_secrets(later).replace("<pc>", pair.pc))
        await patient.hung_up()
        doctor.command(Leave())
        await doctor.closed()
        return doctor, patient

    doctor, patient = world.runner.run(said())

    event(f"{patient.heard[-1].type} {getattr(patient.heard[-1], 'code', '')}")
    end = doctor.heard[-1]
    assert isinstance(end, Close)
    assert end.code == CloseCode.NORMAL


# --- At an endpoint ------------------------------------------------------------------------------


@pytest.mark.media
@pytest.mark.parametrize("loopback", [False, True])
async def test_a_candidate_on_loopback_aims_a_peer_at_its_own_machine_only_if_it_was_told_so(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, loopback: bool
) -> None:
    # A machine whose only address is this one, so that there is something to send from in any case.
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda **_: ["127.0.0.1"])
    session = await clinic.plan()
    stranger = await joined(clinic, clinic.hug.grant(session.id, PATIENT).token)
    here, there = memory_pair()
    serving = asyncio.create_task(clinic.hug.serve(there))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as service:
        service.bind(("127.0.0.1", 0))
        service.setblocking(False)
        ice = IceSettings(loopback=loopback)
        async with Peer(here, clinic.hug.grant(session.id, CLINICIAN), audio=True, ice=ice) as peer:
            await peer.admit(PATIENT)
            offered = await stranger.until(Offer)
            answer = await answer_that_aims_at(service, offered.sdp)
            stranger.command(Answer(pc=offered.pc, gen=offered.gen, neg=offered.neg, sdp=answer))
            is_hit = await is_sent_to(service)
    await serving
    await stranger.hung_up()

    assert is_hit is loopback


async def answer_that_aims_at(service: socket.socket, offered: str) -> str:
    """Answer as an endpoint would, with the address of a service of the other's for one's own."""
    aim = f"a=candidate:1 1 udp 2130706431 127.0.0.1 {service.getsockname()[1]} typ host"
    endpoint = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await endpoint.setRemoteDescription(RTCSessionDescription(offered, "offer"))
    await endpoint.setLocalDescription()
    lines = endpoint.localDescription.sdp.splitlines()
    await endpoint.close()
    kept = [line for line in lines if not line.startswith(("a=candidate:", "a=end-of-candidates"))]
    aimed = [part for line in kept for part in ([line, aim] if line.startswith("a=mid:") else [line])]
    return "\r\n".join([*aimed, ""])


async def is_sent_to(service: socket.socket) -> bool:
    try:
        async with asyncio.timeout(0.5):
            return bool(await asyncio.get_running_loop().sock_recv(service, 2000))
    except TimeoutError:
        return False

"""The web application over ASGI, without a network: pages, API, origins, and the way it stands in a host."""

import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import BaseRoute, Route

from hugathome import (
    Action,
    ConfigurationError,
    HugAtHome,
    Invitation,
    MissingExtra,
    Organisation,
    Participant,
    Session,
    Status,
    Step,
)
from hugathome._model import Record
from hugathome.asgi import AsgiApp, routes
from hugathome.logs import open_log
from hugathome.record.needs import Needs
from hugathome.roles import ModalityName
from hugathome.rooms.journal import Journal
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.testing import FakeClock, Outbox
from hugathome.web.asked import (
    CallMeBackAsked,
    CheckInAsked,
    GrantAsked,
    IdentifyAsked,
    LinkAsked,
    PassAsked,
    StaffAsked,
)
from hugathome.web.openapi import document

SITE = "https://www.example.ch/visit"
ORIGIN = "https://www.example.ch"
FRAME = "https://ehr.example.ch"
PATIENT_NAME, CLINICIAN_NAME = "M. Dupont", "Dr A. Rossi"
NOON = datetime(2026, 1, 15, 11, tzinfo=UTC)
"""Twelve o'clock in Geneva."""
PHONE = "+41791234567"


class Clinic:
    """A deployment over memory, a browser that looks at it, and one planned visit."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock(NOON)
        self.sms = OutboxSms(clock=self.clock)
        self.outbox = Outbox(self.sms)
        self.hug = HugAtHome(
            key=b"a key that is only ever used in tests",
            store=open_store("memory://"),
            log=open_log("memory://"),
            sms=self.sms,
            timezone="Europe/Zurich",
            brand="HUG@home",
            help_phone="+41 22 372 33 11",
            language="de",
            clock=self.clock,
            **{"site": SITE, "entry": "https://ehr.example.ch/visits/{reference}", "frames": [FRAME]}
            | options,
        )
        application = self.hug.asgi() if self.hug.site == ORIGIN else self.hug.asgi(otherwise=somebody_else)
        self.http = browser(application)

    async def plan(
        self,
        *,
        starts_at: datetime = NOON,
        organisation: str = "hug",
        modality: ModalityName = "video",
        phone: str = PHONE,
        needs: Needs | None = None,
    ) -> Session:
        session = await self.hug.sessions.plan(
            organisation=organisation,
            service="cardiology",
            modality=modality,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=30),
            reference="appointment/4711",
            participants=[
                Participant(id="dr-rossi", role="practitioner", name=CLINICIAN_NAME),
                Participant(
                    id="p-1", role="patient", name=PATIENT_NAME, language="fr", phone=phone, needs=needs
                ),
            ],
        )
        await self.hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
        return session

    async def invite(self, **options: Any) -> Invitation:
        return await self.hug.invite((await self.plan(**options)).id, "p-1")

    async def passes(self, session: Session, participant: str) -> str:
        """Return the pass of somebody's page."""
        grant = self.hug.grant(session.id, participant)
        return (await self.hug.visit_pass(grant.token)).token

    async def ask_as(self, session: Session, whom: str, call: str, **asked: object) -> httpx.Response:
        return await self.ask(call, **{"pass": await self.passes(session, whom), **asked})

    async def ask(self, call: str, **asked: object) -> httpx.Response:
        response = await self.http.post(f"{SITE}/api/{call}", json=asked)
        self.check(call, response)
        return response

    def check(self, call: str, response: httpx.Response) -> None:
        """Hold an answer against the description of the API."""
        described = document(site=SITE)["paths"][f"/api/{call}"]["post"]["responses"]
        (media_type, content), *_ = described[str(response.status_code)]["content"].items()
        schema = document(site=SITE)["components"]["schemas"][content["schema"]["$ref"].rpartition("/")[2]]
        assert response.headers["content-type"].partition(";")[0] == media_type
        assert set(schema["required"]) <= response.json().keys() <= schema["properties"].keys()


@pytest.fixture
async def clinic() -> AsyncIterator[Clinic]:
    clinic = Clinic()
    async with clinic.hug, clinic.http:
        yield clinic


def browser(application: AsgiApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application, raise_app_exceptions=False), base_url=ORIGIN
    )


async def somebody_else(
    scope: MutableMapping[str, Any], _receive: object, send: Callable[..., Awaitable[None]]
) -> None:
    assert scope["type"] == "http"
    assert "root_path" not in scope or scope["root_path"] == ""
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"the host's own"})


def assert_problem(response: httpx.Response, status: int, kind: str | None = None) -> dict[str, Any]:
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert problem["type"] == (f"urn:hugathome:problem:{kind}" if kind else "about:blank")
    return problem


# --- Pages ---------------------------------------------------------------------------------------


async def test_the_link_of_an_invitation_opens_a_page_in_the_patients_language_that_names_nobody(
    clinic: Clinic,
) -> None:
    invitation = await clinic.invite()

    page = await clinic.http.get(invitation.url)

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="fr">' in page.text
    assert "HUG@home" in page.text
    assert "tel:+41223723311" in page.text
    assert "appelez-nous" in page.text
    assert "Dupont" not in page.text
    assert "Rossi" not in page.text


async def test_a_link_that_leads_nowhere_opens_a_page_that_says_whom_to_call(clinic: Clinic) -> None:
    page = await clinic.http.get(f"{SITE}/j/AAAAAAAAAAA")

    assert page.status_code == 404
    assert "+41 22 372 33 11" in page.text
    assert '<html lang="de">' in page.text


async def test_the_room_page_of_many_organisations_names_none_before_it_knows_which() -> None:
    clinic = Clinic(organisations={"hug": Organisation(brand="HUG"), "chuv": Organisation(brand="CHUV")})
    async with clinic.hug, clinic.http:
        page = await clinic.http.get(f"{SITE}/room")

    assert page.status_code == 200
    assert "<title></title>" in page.text
    assert "HUG" not in page.text.replace("HUG@home", "HUG")


async def test_looking_at_a_link_sends_and_uses_up_nothing(clinic: Clinic) -> None:
    invitation = await clinic.invite(starts_at=NOON + timedelta(minutes=20))
    before = (await clinic.hug.sessions.get(invitation.session)).version, len(clinic.outbox)

    for _ in range(100):
        assert (await clinic.http.get(invitation.url)).status_code == 200
        assert (await clinic.http.head(invitation.url)).status_code == 200

    assert ((await clinic.hug.sessions.get(invitation.session)).version, len(clinic.outbox)) == before


# --- The API -------------------------------------------------------------------------------------


async def test_a_link_tells_when_the_visit_is_in_local_time_and_who_nobody_is(clinic: Clinic) -> None:
    invitation = await clinic.invite()

    answer = await clinic.ask("link", link=invitation.link_id)

    told = answer.json()
    assert told["status"] == "open"
    assert told["starts"] == "jeudi 15 janvier 2026 à 12:00"
    assert (told["startsDay"], told["startsClock"]) == ("jeudi 15 janvier", "à 12:00")
    assert told["startsAt"] == NOON.isoformat()
    assert told["opens"] == "jeudi 15 janvier 2026 à 11:30"
    assert told["timezone"] == "Europe/Zurich"
    assert (told["modality"], told["language"], told["digits"]) == ("video", "fr", 6)
    assert (told["brand"], told["helpPhone"]) == ("HUG@home", "+41 22 372 33 11")
    assert "Dupont" not in answer.text
    assert "Rossi" not in answer.text


async def test_local_time_follows_the_summer(clinic: Clinic) -> None:
    summer = datetime(2026, 7, 15, 11, tzinfo=UTC)
    invitation = await clinic.invite(starts_at=summer)

    told = (await clinic.ask("link", link=invitation.link_id)).json()

    assert told["starts"] == "mercredi 15 juillet 2026 à 13:00"


async def test_a_link_is_early_then_open_then_ended(clinic: Clinic) -> None:
    invitation = await clinic.invite(starts_at=NOON + timedelta(hours=1))

    async def status() -> str:
        return str((await clinic.ask("link", link=invitation.link_id)).json()["status"])

    assert await status() == "early"
    await clinic.clock.advance(minutes=30)
    assert await status() == "open"
    await clinic.clock.advance(hours=3)
    assert await status() == "ended"


async def test_a_page_is_told_what_its_person_needs_and_a_link_only_how_to_be_read(clinic: Clinic) -> None:
    needs = Needs(large_text=True, easy_language=True, captions=True, companion=True)
    invitation = await clinic.invite(needs=needs)
    session = await clinic.hug.sessions.get(invitation.session)

    shown = (await clinic.ask("link", link=invitation.link_id)).json()
    entered = (
        await clinic.ask("check-in", link=invitation.link_id, code=clinic.outbox.last(to=PHONE).code)
    ).json()
    other = (await clinic.ask_as(session, "dr-rossi", "grant")).json()

    assert shown["adjustments"] == ["large-text", "easy-language"]
    assert entered["visit"]["adjustments"] == ["large-text", "easy-language", "open-messages"]
    assert other["visit"]["adjustments"] == ["open-messages"]


async def test_a_page_that_was_opened_is_noted_once(clinic: Clinic) -> None:
    invitation = await clinic.invite()

    for _ in range(3):
        await clinic.ask("link", link=invitation.link_id)

    session = await clinic.hug.sessions.get(invitation.session)
    assert [change.step for change in session.steps("p-1")].count(Step.PAGE_OPENED) == 1


async def test_a_code_is_sent_when_it_is_asked_for_and_a_second_one_has_to_wait(clinic: Clinic) -> None:
    invitation = await clinic.invite(starts_at=NOON + timedelta(hours=1))
    await clinic.clock.advance(minutes=40)
    assert (await clinic.ask("link", link=invitation.link_id)).json()["codeSent"] is False

    sent = await clinic.ask("send-code", link=invitation.link_id)
    too_soon = await clinic.ask("send-code", link=invitation.link_id)

    assert (sent.status_code, sent.json()) == (202, {})
    assert clinic.outbox.last(to=PHONE).code is not None
    assert (await clinic.ask("link", link=invitation.link_id)).json()["codeSent"] is True
    problem = assert_problem(too_soon, 429, "send-too-soon")
    assert problem["retryAfter"] == int(too_soon.headers["retry-after"]) > 0


async def test_before_the_window_no_code_is_sent(clinic: Clinic) -> None:
    invitation = await clinic.invite(starts_at=NOON + timedelta(hours=1))
    sent = len(clinic.outbox)

    early = await clinic.ask("send-code", link=invitation.link_id)

    assert assert_problem(early, 409, "not-yet-open")["opensAt"] == (NOON + timedelta(minutes=30)).isoformat()
    assert len(clinic.outbox) == sent


async def test_the_right_code_gives_a_pass_and_a_grant_and_the_pass_gives_more_grants(clinic: Clinic) -> None:
    invitation = await clinic.invite()

    let_in = await clinic.ask("check-in", link=invitation.link_id, code=clinic.outbox.last().code)
    again = await clinic.ask("grant", **{"pass": let_in.json()["pass"]})

    assert let_in.status_code == again.status_code == 200
    assert (let_in.json()["session"], let_in.json()["participant"]) == (invitation.session, "p-1")
    assert let_in.json()["visit"]["language"] == "fr"
    assert let_in.json()["grant"] != again.json()["grant"]
    assert "entry" not in let_in.json()["visit"]


async def test_whoever_comes_with_a_grant_gets_a_pass_and_staff_the_way_back(clinic: Clinic) -> None:
    session = await clinic.plan()
    grant = clinic.hug.grant(session.id, "dr-rossi")

    told = (await clinic.ask("pass", grant=grant.token)).json()

    assert told["participant"] == "dr-rossi"
    assert told["visit"]["entry"] == "https://ehr.example.ch/visits/appointment%2F4711"
    assert told["visit"]["language"] == "de"
    assert (await clinic.ask("grant", **{"pass": told["pass"]})).status_code == 200


async def test_wrong_expired_and_used_codes_read_the_same(clinic: Clinic) -> None:
    invitation = await clinic.invite()
    code = str(clinic.outbox.last().code)
    wrong = f"{(int(code) + 1) % 10**6:06}"

    refusals = [await clinic.ask("check-in", link=invitation.link_id, code=wrong)]
    await clinic.ask("check-in", link=invitation.link_id, code=code)
    refusals.append(await clinic.ask("check-in", link=invitation.link_id, code=code))
    await clinic.clock.advance(minutes=11)
    refusals.append(await clinic.ask("check-in", link=invitation.link_id, code=code))

    faces = [assert_problem(refusal, 403, "code-refused") for refusal in refusals]
    assert faces[0] == faces[1] == faces[2]
    assert code not in refusals[0].text


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "letters", "\uff11\uff12\uff13\uff14\uff15\uff16", "9" * 6000]
)
async def test_what_is_no_code_is_said_to_be_none(clinic: Clinic, typed: str) -> None:
    invitation = await clinic.invite()

    refusal = await clinic.ask("check-in", link=invitation.link_id, code=typed)

    assert_problem(refusal, 400, "malformed-code")


@pytest.mark.parametrize("typed", [None, 123456, ["123456"], {"code": "123456"}, True])
async def test_a_code_that_is_no_text_cannot_be_read(clinic: Clinic, typed: object) -> None:
    invitation = await clinic.invite()

    assert_problem(await clinic.ask("check-in", link=invitation.link_id, code=typed), 400, "invalid-input")


async def test_an_unknown_link_leads_nowhere_and_too_many_codes_lock_a_known_one(clinic: Clinic) -> None:
    invitation = await clinic.invite()
    wrong = f"{(int(clinic.outbox.last().code or 0) + 1) % 10**6:06}"

    unknown = [
        await clinic.ask("link", link="AAAAAAAAAAA"),
        await clinic.ask("send-code", link="AAAAAAAAAAA"),
        await clinic.ask("check-in", link="AAAAAAAAAAA", code="123456"),
    ]
    tries = [await clinic.ask("check-in", link=invitation.link_id, code=wrong) for _ in range(6)]

    for refusal in unknown:
        assert_problem(refusal, 404, "link-unknown")
    assert_problem(tries[-1], 403, "too-many-attempts")
    assert "attempts" not in tries[0].json()


@pytest.mark.parametrize("token", ["", "no token", "a.b.c", "x" * 4096])
async def test_what_is_no_grant_or_pass_is_refused(clinic: Clinic, token: str) -> None:
    assert_problem(await clinic.ask("pass", grant=token), 403, "grant-refused")
    assert_problem(await clinic.ask("grant", **{"pass": token}), 403, "grant-refused")


async def test_an_old_grant_and_a_grant_for_a_pass_are_refused(clinic: Clinic) -> None:
    session = await clinic.plan()
    grant = clinic.hug.grant(session.id, "dr-rossi")

    assert_problem(await clinic.ask("grant", **{"pass": grant.token}), 403, "grant-refused")
    await clinic.clock.advance(minutes=4)
    assert_problem(await clinic.ask("pass", grant=grant.token), 403, "grant-refused")


# --- At a call -----------------------------------------------------------------------------------


async def test_staff_call_and_are_told_how_that_reaches_whom_they_call(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    invitation = await clinic.invite()
    session = await clinic.hug.sessions.get(invitation.session)

    nobody = await clinic.ask_as(session, "dr-rossi", "call", participant="dr-rossi")
    by_sms = await clinic.ask_as(session, "dr-rossi", "call", participant="p-1")
    monkeypatch.setattr(Journal, "is_connected", has_a_page)
    rings = await clinic.ask_as(session, "dr-rossi", "call", participant="p-1")

    assert [answer.json() for answer in (nobody, by_sms, rings)] == [
        {"how": "none"},
        {"how": "sms"},
        {"how": "ring"},
    ]
    assert clinic.outbox.last().link == invitation.url
    calls = [c for c in (await clinic.hug.sessions.get(session.id)).history if c.action is Action.CALL]
    assert {call.by for call in calls} == {"dr-rossi"}


async def test_whoever_is_about_to_telephone_is_told_the_word_that_the_patient_has_read(
    clinic: Clinic,
) -> None:
    session = await clinic.plan(modality="phone")
    await clinic.hug.invite(session.id, "p-1")

    called = (await clinic.ask_as(session, "dr-rossi", "call", participant="p-1")).json()

    assert called["how"] == "sms"
    assert f" {called['word']}." in clinic.outbox.last().text


async def has_a_page(_journal: Journal, _session: str, _participant: str) -> bool:
    return True


async def test_staff_type_the_code_that_a_patient_reads_out(clinic: Clinic) -> None:
    session = await clinic.plan(modality="phone")

    sent = await clinic.ask_as(session, "dr-rossi", "code-for", participant="p-1")
    code = clinic.outbox.last(to=PHONE).code
    typed = await clinic.ask_as(session, "dr-rossi", "identify", participant="p-1", code=code)

    assert (sent.status_code, sent.json(), typed.status_code, typed.json()) == (202, {}, 200, {})
    started = await clinic.hug.sessions.get(session.id)
    assert started.status is Status.IN_PROGRESS
    assert [(c.how, c.by) for c in [started.identity("p-1")] if c] == [("code", "dr-rossi")]


async def test_staff_say_how_they_know_who_is_on_a_fixed_line(clinic: Clinic) -> None:
    session = await clinic.plan(modality="phone", phone="+41223723311")

    no_code = await clinic.ask_as(session, "dr-rossi", "code-for", participant="p-1")
    known = await clinic.ask_as(session, "dr-rossi", "identify", participant="p-1", how="date of birth")

    assert_problem(no_code, 409, "not-reachable")
    assert known.status_code == 200
    assert (await clinic.hug.sessions.get(session.id)).status is Status.IN_PROGRESS


async def test_whoever_was_called_back_may_ask_for_it_again(clinic: Clinic) -> None:
    invitation = await clinic.invite()
    session = await clinic.hug.sessions.get(invitation.session)

    for _ in range(3):
        await clinic.ask("call-me-back", link=invitation.link_id)
    await clinic.hug.sessions.step(session.id, "p-1", Step.CALL_ANSWERED)
    again = await clinic.ask("call-me-back", link=invitation.link_id)

    assert again.status_code == 202
    steps = [change.step for change in (await clinic.hug.sessions.get(session.id)).steps("p-1")]
    assert steps[-3:] == [Step.CALL_ME_BACK, Step.CALL_ANSWERED, Step.CALL_ME_BACK]


@pytest.mark.parametrize("call", ["call", "code-for", "identify"])
async def test_what_staff_do_at_a_call_is_for_staff_only(clinic: Clinic, call: str) -> None:
    session = await clinic.hug.sessions.get((await clinic.plan(modality="phone")).id)
    how = {"how": "I am he"} if call == "identify" else {}

    refused = await clinic.ask_as(session, "p-1", call, participant="p-1", **how)
    curious = await clinic.ask_as(session, "p-1", call, participant="p-2", **how)
    unknown = await clinic.ask_as(session, "dr-rossi", call, participant="p-2", **how)
    forged = await clinic.ask(call, **{"pass": "a.b.c", "participant": "p-1", **how})

    assert_problem(refused, 403, "not-permitted")
    assert_problem(curious, 403, "not-permitted")  # whoever waits does not learn who else takes part
    assert_problem(unknown, 404, "unknown-participant")
    assert_problem(forged, 403, "grant-refused")
    assert await clinic.hug.sessions.get(session.id) == session
    assert len(clinic.outbox) == 0


@pytest.mark.parametrize(
    "asked", [{}, {"code": "123456", "how": "passport"}, {"how": ""}, {"code": None}, {"how": 7}], ids=str
)
async def test_an_identity_is_one_code_or_one_word(clinic: Clinic, asked: dict[str, object]) -> None:
    session = await clinic.plan(modality="phone")

    refused = await clinic.ask_as(session, "dr-rossi", "identify", participant="p-1", **asked)

    assert_problem(refused, 400, "invalid-input")


async def test_whoever_is_to_be_called_back_is_noted_once_and_sent_nothing(clinic: Clinic) -> None:
    invitation = await clinic.invite()
    session = await clinic.hug.sessions.get(invitation.session)
    sent = len(clinic.outbox)

    by_link = await clinic.ask("call-me-back", link=invitation.link_id)
    by_pass = await clinic.ask_as(session, "p-1", "call-me-back")

    assert (by_link.status_code, by_pass.status_code, by_link.json()) == (202, 202, {})
    steps = [change.step for change in (await clinic.hug.sessions.get(session.id)).steps("p-1")]
    assert steps.count(Step.CALL_ME_BACK) == 1
    assert len(clinic.outbox) == sent


async def test_to_be_called_back_takes_a_link_or_a_pass_to_a_visit_that_goes_on(clinic: Clinic) -> None:
    invitation = await clinic.invite()
    visit_pass = await clinic.passes(await clinic.hug.sessions.get(invitation.session), "p-1")

    neither = await clinic.ask("call-me-back")
    both = await clinic.ask("call-me-back", **{"link": invitation.link_id, "pass": visit_pass})
    nobodys = await clinic.ask("call-me-back", link="AAAAAAAAAAA")
    await clinic.hug.sessions.cancel(invitation.session, by="the secretary")

    assert_problem(neither, 400, "invalid-input")
    assert_problem(both, 400, "invalid-input")
    assert_problem(nobodys, 404, "link-unknown")
    assert_problem(await clinic.ask("call-me-back", link=invitation.link_id), 410, "session-ended")
    assert_problem(await clinic.ask("call-me-back", **{"pass": visit_pass}), 410, "session-ended")


async def test_no_page_starts_a_phone_visit(clinic: Clinic) -> None:
    invitation = await clinic.invite(modality="phone")
    await clinic.hug.send_code_for(invitation.session, "p-1", by="dr-rossi")
    sent, code = len(clinic.outbox), clinic.outbox.last().code

    looked = await clinic.ask("link", link=invitation.link_id)
    asked = await clinic.ask("send-code", link=invitation.link_id)
    typed = await clinic.ask("check-in", link=invitation.link_id, code=code)

    assert looked.json()["modality"] == "phone"
    assert_problem(asked, 409, "by-phone")
    assert_problem(typed, 409, "by-phone")
    assert len(clinic.outbox) == sent
    assert (await clinic.hug.sessions.get(invitation.session)).status is Status.PLANNED
    await clinic.hug.check_in(invitation.link_id, str(code))


async def test_a_page_that_was_open_when_the_visit_turned_to_the_telephone_is_told_so(clinic: Clinic) -> None:
    invitation = await clinic.invite()
    await clinic.hug.sessions.change_modality(invitation.session, "phone", by="dr-rossi")
    code = clinic.outbox.last().code
    assert_problem(await clinic.ask("check-in", link=invitation.link_id, code=code), 409, "by-phone")

    await clinic.hug.sessions.change_modality(invitation.session, "video", by="dr-rossi")
    let_in = await clinic.ask("check-in", link=invitation.link_id, code=code)

    assert let_in.json()["visit"]["modality"] == "video"


# --- The end -------------------------------------------------------------------------------------


async def test_a_visit_that_has_ended_lets_nobody_in(clinic: Clinic) -> None:
    invitation = await clinic.invite()
    let_in = (await clinic.ask("check-in", link=invitation.link_id, code=clinic.outbox.last().code)).json()
    await clinic.hug.sessions.admit(invitation.session, "p-1", by="dr-rossi")
    await clinic.hug.sessions.complete(invitation.session, by="dr-rossi")

    refusals = [
        await clinic.ask("send-code", link=invitation.link_id),
        await clinic.ask("check-in", link=invitation.link_id, code="123456"),
        await clinic.ask("grant", **{"pass": let_in["pass"]}),
    ]

    assert (await clinic.ask("link", link=invitation.link_id)).json()["status"] == "ended"
    for refusal in refusals:
        assert_problem(refusal, 410, "session-ended")


# --- Requests ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "application/x-www-form-urlencoded", 415),
        (b"", "", 415),
        (b" " * 8193, "application/json", 413),
    ],
)
async def test_a_request_of_another_type_or_size_is_refused_unread(
    clinic: Clinic, body: bytes, kind: str, status: int
) -> None:
    response = await clinic.http.post(f"{SITE}/api/link", content=body, headers={"Content-Type": kind})

    clinic.check("link", response)
    assert_problem(response, status)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"{}", b'{"link":1}', b'{"link":"a","b":2}', b"\xff"]
)
async def test_what_cannot_be_read_is_refused(clinic: Clinic, body: bytes) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}

    response = await clinic.http.post(f"{SITE}/api/link", content=body, headers=headers)

    assert_problem(response, 400, "invalid-input")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (ORIGIN, 404),
        (FRAME, 404),
        ("https://www.example.ch:8443", 403),
        ("http://www.example.ch", 403),
        ("https://www.example.ch.evil.example", 403),
        ("null", 403),
    ],
)
async def test_a_request_of_another_origin_is_refused(clinic: Clinic, origin: str, status: int) -> None:
    response = await clinic.http.post(
        f"{SITE}/api/link", json={"link": "AAAAAAAAAAA"}, headers={"Origin": origin}
    )

    assert response.status_code == status


@pytest.mark.parametrize(
    "asked",
    [
        LinkAsked(link="secret"),
        CheckInAsked(link="secret", code="secret"),
        PassAsked(grant="secret"),
        GrantAsked(**{"pass": "secret"}),
        StaffAsked(**{"pass": "secret", "participant": "p-1"}),
        IdentifyAsked(**{"pass": "secret", "participant": "p-1", "code": "secret"}),
        IdentifyAsked(**{"pass": "secret", "participant": "p-1", "how": "secret"}),
        CallMeBackAsked(link="secret"),
        CallMeBackAsked(**{"pass": "secret"}),
    ],
    ids=lambda asked: type(asked).__name__,
)
def test_what_is_asked_shows_no_secret(asked: Record) -> None:
    assert "secret" not in repr(asked)


async def test_the_api_answers_to_post_only_and_its_answers_are_kept_nowhere(clinic: Clinic) -> None:
    not_so = await clinic.http.get(f"{SITE}/api/send-code")
    assert_problem(not_so, 405)
    assert not_so.headers["allow"] == "POST"
    assert_problem(await clinic.http.get(f"{SITE}/nothing"), 404)
    assert_problem(await clinic.http.get(f"{SITE}/room/"), 404)
    answer = await clinic.ask("link", link="AAAAAAAAAAA")
    assert answer.headers["cache-control"] == "no-store"


async def test_what_nobody_expected_is_told_to_nobody(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: str, **_named: object) -> None:
        raise RuntimeError(PATIENT_NAME)

    invitation = await clinic.invite()
    monkeypatch.setattr(clinic.hug, "send_code", fail)
    with caplog.at_level(logging.DEBUG):
        response = await clinic.ask("send-code", link=invitation.link_id)

    assert_problem(response, 500, "internal")
    assert "RuntimeError" in caplog.text
    assert "test_asgi.py" in caplog.text
    assert PATIENT_NAME not in caplog.text + response.text


async def test_openapi_describes_every_route_and_nothing_else(clinic: Clinic) -> None:
    described = (await clinic.http.get(f"{SITE}/openapi.json")).json()

    served = [(getattr(route, "path", ""), methods_of(route)) for route in routes(clinic.hug)]
    assert {path: {*described["paths"][path]} for path in described["paths"]} == {
        path: methods for path, methods in served if methods != {"options"}
    }
    assert described["servers"] == [{"url": SITE}]


def methods_of(route: BaseRoute) -> set[str]:
    methods = (route.methods if isinstance(route, Route) else None) or {"GET"}
    return {method.lower() for method in methods} - {"head"}


# --- In a host -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/visits", "/visi", "/room", "/admin/visit/room"])
async def test_what_is_not_under_the_site_is_the_hosts_own(clinic: Clinic, path: str) -> None:
    assert (await clinic.http.get(ORIGIN + path)).status_code == 418


async def test_it_works_where_a_framework_mounts_it() -> None:
    clinic = Clinic()
    host = FastAPI()
    host.mount("/visit", clinic.hug.asgi())
    async with clinic.hug, browser(host) as http:
        invitation = await clinic.invite()

        assert (await http.get(invitation.url)).status_code == 200
        assert (await http.get(f"{SITE}/browser/main.js", follow_redirects=True)).status_code == 200
        answer = await http.post(f"{SITE}/api/link", json={"link": invitation.link_id})
        assert answer.json()["status"] == "open"


async def test_it_works_at_the_root_of_a_site() -> None:
    clinic = Clinic(site=ORIGIN)
    async with clinic.hug, clinic.http:
        invitation = await clinic.invite()

        assert (await clinic.http.get(invitation.url)).status_code == 200


def test_a_site_without_a_path_has_no_room_for_another_application() -> None:
    clinic = Clinic(site=ORIGIN)

    with pytest.raises(ConfigurationError, match="path"):
        clinic.hug.asgi(otherwise=somebody_else)


async def test_a_proxys_own_prefix_comes_before_ours() -> None:
    clinic = Clinic()
    transport = httpx.ASGITransport(clinic.hug.asgi(otherwise=somebody_else), root_path="/outer")
    async with clinic.hug, httpx.AsyncClient(transport=transport, base_url=ORIGIN) as http:
        assert (await http.get("/outer/visit/room")).status_code == 200


async def test_it_answers_lifespan_in_front_of_an_application_that_does_not(clinic: Clinic) -> None:
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> dict[str, Any]:
        return next(events)

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event["type"])

    await clinic.hug.asgi(otherwise=somebody_else)({"type": "lifespan"}, receive, send)

    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize(
    ("origin", "told"),
    [
        (None, {"type": "websocket.close", "code": 1000}),
        (ORIGIN.encode(), {"type": "websocket.close", "code": 1000}),
        (FRAME.encode(), {"type": "websocket.close", "code": 1000}),
        (b"https://evil.example", {"type": "websocket.close", "code": 4015}),
        (b"null", {"type": "websocket.close", "code": 4015}),
    ],
)
async def test_signalling_is_for_pages_of_the_site_and_for_what_is_no_page(
    clinic: Clinic, origin: bytes | None, told: dict[str, Any]
) -> None:
    sent = await signal(clinic, [] if origin is None else [(b"origin", origin)])

    assert sent[0] == {"type": "websocket.accept", "subprotocol": "hugathome.v1"}
    assert sent[-1] == told


@pytest.mark.parametrize(("origin", "shared"), [(ORIGIN, None), (FRAME, FRAME)])
async def test_pages_that_embed_the_room_may_ask_without_a_websocket_too(
    clinic: Clinic, origin: str, shared: str | None
) -> None:
    headers = {"Origin": origin}
    asked = await clinic.http.options(f"{SITE}/signal/http", headers=headers)
    answer = await clinic.http.post(f"{SITE}/signal/http", json={}, headers=headers)

    assert asked.status_code == (204 if shared else 403)
    assert answer.status_code == 200
    assert answer.headers.get("access-control-allow-origin") == shared
    assert answer.headers["vary"] == "Origin"


async def test_what_fails_within_a_connection_ends_it_and_names_nobody(
    clinic: Clinic, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: object, *, source: str | None) -> None:
        raise RuntimeError(PATIENT_NAME)

    monkeypatch.setattr(clinic.hug, "serve", fail)
    sent = await signal(clinic, [])

    assert sent[-1]["type"] == "websocket.close"
    assert "RuntimeError" in caplog.text
    assert PATIENT_NAME not in caplog.text


async def signal(clinic: Clinic, headers: list[tuple[bytes, bytes]]) -> list[MutableMapping[str, Any]]:
    """Open the WebSocket, say something that is no hello, and return what the server sent."""
    events = iter([{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "{}"}])
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return next(events, {"type": "websocket.disconnect", "code": 1006})

    async def send(event: MutableMapping[str, Any]) -> None:
        sent.append(event)

    scope = {
        "type": "websocket",
        "path": "/visit/signal",
        "headers": headers,
        "subprotocols": ["hugathome.v1"],
    }
    await clinic.hug.asgi(otherwise=somebody_else)(scope, receive, send)
    return sent


def test_without_starlette_it_says_what_to_install(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    monkeypatch.delitem(sys.modules, "hugathome.asgi")

    with pytest.raises(MissingExtra, match=r"hugathome\[server\]"):
        clinic.hug.asgi()

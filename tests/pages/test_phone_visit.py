"""The visit by telephone as the pages show it: one for whoever calls, nothing to do for whoever is called."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, expect
from tests.pages.browsing import (
    DESKTOP,
    device,
    in_state,
    open_from_sms,
    open_room,
    sees_and_hears,
    use,
)
from tests.pages.clinic import PHONE, Clinic

from hugathome import Participant, Session, Step
from hugathome.testing import Outbox

pytestmark = [pytest.mark.media, pytest.mark.browser]


async def planned(clinic: Clinic) -> Session:
    now = datetime.now(UTC)
    session = await clinic.hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality="phone",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi", language="en"),
            Participant(id="p-1", role="patient", name="M. Dupont", language="en", phone=PHONE),
        ],
    )
    return await clinic.hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")


async def test_a_clinician_calls_types_the_code_that_is_read_out_and_ends_the_visit(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await planned(clinic)
    invitation = await clinic.hug.invite(session.id, "p-1")
    patient = await (await device(chromium)).new_page()
    await patient.goto(invitation.url)
    await in_state(patient, "code")
    await expect(patient.locator("h1:visible")).to_have_text("Visit by telephone")
    await expect(patient.locator("[data-early]")).to_contain_text("We will phone you")
    for action in ("check-in", "send-code", "join"):
        await expect(patient.locator(f"[data-action={action}]:visible")).to_have_count(0)

    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await use(clinician, "join")
    await in_state(clinician, "visit")
    await use(clinician, "call")
    await expect(clinician.locator("[data-person=p-1] [data-action=call]")).to_be_disabled()
    about_to_call = Outbox(clinic.sms).last(to=PHONE)
    word = await clinic.hug.callback_word(session.id, "p-1")
    await expect(clinician.locator("[data-phone-said]")).to_contain_text(f"say this word first: {word}")
    await use(clinician, "code-for")
    await expect(clinician.locator("[data-phone-said]")).to_contain_text("The code is on its way")
    code = Outbox(clinic.sms).last(to=PHONE).code
    await clinician.fill("#proof", str(code))
    await use(clinician, "identify")
    await expect(clinician.locator("[data-person=p-1]")).to_have_attribute("data-state", "expected")
    await expect(clinician.locator("[data-phone-said]")).to_contain_text(":")
    begun = await clinic.hug.sessions.get(session.id)
    await use(clinician, "end")
    await clinician.select_option("[data-outcome]", "prescription")
    await use(clinician, "confirm-end")
    await in_state(clinician, "ended")
    await patient.reload()
    await in_state(patient, "ended")

    assert "about to phone you" in about_to_call.text
    assert f"the word {word}." in about_to_call.text
    assert begun.status == "in-progress"
    identity = begun.identity("p-1")
    assert identity is not None
    assert (identity.how, identity.by) == ("code", "dr-rossi")
    ended = await clinic.hug.sessions.get(session.id)
    assert (ended.status, ended.outcome) == ("completed", "prescription")
    assert Step.CODE_ASKED in {change.step for change in ended.steps("p-1")}
    assert ended.steps("dr-rossi") == ()


async def test_two_pages_turn_to_the_telephone_and_back(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    await use(patient, "join")
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await use(clinician, "join")
    await use(clinician, "admit")
    await sees_and_hears(patient, "dr-rossi")

    await use(clinician, "modality-phone")
    await expect(patient.locator("video[data-participant=dr-rossi]")).to_have_count(0)
    await expect(patient.locator("[data-alone]")).to_be_visible()
    await expect(patient.locator("[data-self]:visible")).to_have_count(0)
    by_phone = await clinic.hug.sessions.get(session.id)
    await use(clinician, "modality-video")
    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(clinician, "p-1")

    assert by_phone.is_by_phone
    assert not (await clinic.hug.sessions.get(session.id)).is_by_phone

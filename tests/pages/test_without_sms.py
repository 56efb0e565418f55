"""The page of somebody whom no SMS reaches, or whose SMS did not come: it offers a call, and says so."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from tests.pages.browsing import device, in_state, use
from tests.pages.clinic import PHONE, Clinic

from hugathome import CodePolicy, Invitation, Participant
from hugathome.calls import OutboxVoice
from hugathome.testing import Outbox

pytestmark = [pytest.mark.media, pytest.mark.browser]


@pytest.fixture
def voice() -> OutboxVoice:
    return OutboxVoice()


@pytest.fixture
async def clinic(tmp_path: Path, voice: OutboxVoice) -> AsyncIterator[Clinic]:
    at_once = CodePolicy(cooldowns=(timedelta(0), timedelta(seconds=40)))
    clinic = Clinic(tmp_path, voice=voice, code_policy=at_once)
    await clinic.start()
    yield clinic
    await clinic.stop()


async def invited(clinic: Clinic, phone: str) -> Invitation:
    now = datetime.now(UTC)
    session = await clinic.hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi"),
            Participant(id="p-1", role="patient", name="M. Dupont", language="en", phone=phone),
        ],
    )
    await clinic.hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    return await clinic.hug.invite(session.id, "p-1")


async def test_a_patient_with_a_fixed_line_is_called_and_types_what_was_said(
    clinic: Clinic, voice: OutboxVoice, chromium: Browser
) -> None:
    invitation = await invited(clinic, "+41223723311")
    page = await (await device(chromium)).new_page()
    await page.goto(invitation.url)
    await in_state(page, "code")
    await expect(page.locator("[data-action=send-code]")).to_have_text("Call me with the code")
    await expect(page.locator("[data-action=call-with-code]")).to_be_hidden()
    assert "SMS" not in await page.locator('[data-view="code"]').inner_text()

    await use(page, "send-code")
    await expect(page.locator("[data-code-said]")).to_contain_text("Press any key")
    await page.get_by_label("Your code").fill(voice.outbox[0].code or "")
    await use(page, "check-in")

    await in_state(page, "devices")
    assert len(clinic.sms.outbox) == 0


async def test_a_patient_whose_sms_does_not_come_is_called_with_the_same_code(
    clinic: Clinic, voice: OutboxVoice, chromium: Browser
) -> None:
    invitation = await invited(clinic, PHONE)
    page = await (await device(chromium)).new_page()
    await page.goto(invitation.url)
    await in_state(page, "code")

    await use(page, "call-with-code")
    await expect(page.locator("[data-code-said]")).to_contain_text("We are calling you")
    await use(page, "call-with-code")  # too soon
    await expect(page.locator("[data-action=send-code]")).to_be_disabled()
    await expect(page.locator("[data-action=send-code]")).to_contain_text(" s)")
    await expect(page.locator("[data-action=call-with-code]")).to_be_hidden()

    assert [call.code for call in voice.outbox] == [Outbox(clinic.sms).last(to=PHONE).code]


async def test_nobody_is_offered_a_call_before_there_was_an_sms(clinic: Clinic, chromium: Browser) -> None:
    invitation = await invited(clinic, PHONE)
    session = await clinic.hug.sessions.get(invitation.session)
    again = await clinic.hug.invite(session.id, "p-1", again=True, deliver=False)
    page = await (await device(chromium)).new_page()

    await page.goto(again.url)
    await in_state(page, "code")

    await expect(page.locator("[data-action=send-code]")).to_have_text("Send me the code")
    await expect(page.locator("[data-action=call-with-code]")).to_be_hidden()

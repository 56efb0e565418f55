"""Two clinicians pass the lead of a visit on: offered, declined, offered again, taken."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser, Page, expect
from tests.pages.browsing import DESKTOP, device, in_state, open_room, use
from tests.pages.clinic import PHONE, Clinic
from tests.pages.walk import LITTLE_PICTURE

from hugathome import Participant, Session
from hugathome.testing import Robot

pytestmark = [pytest.mark.media, pytest.mark.browser]

NARROW = {"width": 360, "height": 740}


async def of_two_clinicians(clinic: Clinic) -> Session:
    now = datetime.now(UTC)
    return await clinic.hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        modality="video",
        starts_at=now,
        ends_at=now + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi", language="en"),
            Participant(id="dr-blanc", role="practitioner", name="Dre B. Blanc", language="fr"),
            Participant(id="p-1", role="patient", name="M. Dupont", language="fr", phone=PHONE),
            Participant(id="nurse", role="nurse", name="N. Favre", language="it"),
        ],
    )


async def entered(
    chromium: Browser, clinic: Clinic, session: Session, who: str, size: dict[str, int]
) -> Page:
    page = await open_room(await device(chromium, LITTLE_PICTURE, viewport=size), clinic, session, who)
    await use(page, "join")
    await in_state(page, "visit")
    return page


async def test_the_lead_is_offered_declined_taken_back_and_taken(clinic: Clinic, chromium: Browser) -> None:
    session = await of_two_clinicians(clinic)
    rossi = await entered(chromium, clinic, session, "dr-rossi", DESKTOP)
    blanc = await entered(chromium, clinic, session, "dr-blanc", NARROW)
    her_row = rossi.locator('[data-people] [data-person="dr-blanc"]')
    his_row = blanc.locator('[data-people] [data-person="dr-rossi"]')
    asked = blanc.locator("[data-seat]")
    await expect(his_row).to_contain_text("dirige la consultation")
    await expect(blanc.locator("[data-action=offer-seat]:visible")).to_have_count(0)

    await use(rossi, "offer-seat")
    await expect(asked).to_contain_text("Dr A. Rossi souhaite vous confier la direction")
    await use(blanc, "decline-seat")
    await expect(asked).to_be_hidden()
    await expect(blanc.locator("[data-view=visit] h1")).to_be_focused()
    await expect(her_row.locator("[data-action=keep-seat]")).to_be_hidden()
    await use(rossi, "offer-seat")
    await expect(asked).to_be_visible()
    await expect(her_row).to_contain_text("asked to lead it")
    await use(rossi, "keep-seat")
    await expect(asked).to_be_hidden()
    await use(rossi, "offer-seat")
    await use(blanc, "take-seat")

    await expect(her_row).to_contain_text("leads the visit")
    await expect(rossi.locator("[data-action=offer-seat]:visible")).to_have_count(0)
    await expect(his_row.locator("[data-action=offer-seat]")).to_be_visible()


async def test_nobody_but_a_colleague_is_offered_the_lead_or_has_anything_to_offer(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await of_two_clinicians(clinic)
    rossi = await entered(chromium, clinic, session, "dr-rossi", DESKTOP)
    grant = clinic.hug.grant(session.id, "nurse")
    async with Robot.from_grant(grant, at=f"{clinic.base}/visit", media=False) as nurse:
        await rossi.click('[data-person="nurse"] [data-action=admit]')
        await nurse.admitted()

        await expect(rossi.locator('[data-person="nurse"] [data-action=more]')).to_be_visible()
        await expect(rossi.locator("[data-action=offer-seat]:visible")).to_have_count(0)

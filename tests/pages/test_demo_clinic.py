"""The demonstration in Chromium: one person plans a visit and plays every part, or a robot or phone does."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import segno
from playwright.async_api import Browser, BrowserContext, Page, expect
from tests.pages.browsing import DESKTOP, HANDHELD, device, in_state, sees_and_hears, use
from tests.pages.looking import problems_of

from hugathome.demo.people import Doors, open_clinic
from hugathome.peer import IceSettings

pytestmark = [pytest.mark.media, pytest.mark.browser]

LOOPBACK = IceSettings(loopback=True)
MODULES = """
(picture) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: picture.naturalWidth });
    canvas.height = canvas.width;
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    const { data, width } = context.getImageData(0, 0, canvas.width, canvas.width);
    return Array.from({ length: width }, (_, row) =>
        Array.from({ length: width }, (_, column) => Number(data[4 * (row * width + column)] < 128)));
}
"""
"""Read a picture back as dark and light modules."""


@pytest.fixture
async def doors() -> AsyncIterator[Doors]:
    async with open_clinic(ice=LOOPBACK) as doors:
        yield doors


async def open_page(context: BrowserContext, doors: Doors) -> Page:
    page = await context.new_page()
    await page.goto(doors.clinic)
    await expect(page.locator("body")).to_have_attribute("data-link", "live")
    return page


async def opened_by(page: Page, action: str) -> Page:
    """Return the window that a control opens."""
    async with page.expect_popup() as opening:
        await use(page, action)
    return await opening.value


async def let_in(room: Page) -> None:
    await in_state(room, "devices")
    await use(room, "join")
    await use(room, "admit")


def event(page: Page, said: str) -> Any:
    return page.locator("[data-event]", has_text=said)


async def test_one_person_plans_a_visit_and_talks_to_themselves(doors: Doors, chromium: Browser) -> None:
    context = await device(chromium, viewport=DESKTOP)
    page = await open_page(context, doors)
    await page.select_option("[name=language]", "fr")
    await use(page, "plan")
    sms = page.locator("[data-sms]")
    await expect(sms).to_contain_text("est votre code HUG@home")
    code = (await sms.locator("[data-action=copy-code]").inner_text()).removeprefix("Copy ")
    link = await sms.locator("a").get_attribute("href")
    await expect(sms).to_contain_text(f"{link}\n@127.0.0.1 #{code}", use_inner_text=True)

    patient = await opened_by(page, "open-phone")
    assert patient.url == link
    await in_state(patient, "code")
    await patient.fill("[name=code]", code)
    await use(patient, "check-in")
    await in_state(patient, "devices")
    await use(patient, "join")
    await in_state(patient, "waiting")
    await expect(page.locator("[data-person=p-1]")).to_contain_text("in the waiting room")
    room = await opened_by(page, "open-room")
    await let_in(room)

    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(room, "p-1")
    await expect(event(page, "admit p-1")).to_contain_text("Mme Jeanne Dupont is let in")
    await expect(page.locator("[data-state-text]")).to_have_text("In progress")
    await use(room, "end")
    await use(room, "confirm-end")
    await expect(event(page, "complete")).to_be_visible()
    await expect(page.locator("[data-state-text]")).to_have_attribute("data-status", "completed")
    await expect(page.locator("[data-doors]")).to_be_hidden()


async def test_a_robot_is_the_patient(doors: Doors, chromium: Browser) -> None:
    page = await open_page(await device(chromium, viewport=DESKTOP), doors)
    await use(page, "plan")
    await use(page, "robot")
    await expect(page.locator("[data-patient-hint]")).to_contain_text("The robot waits")
    await expect(event(page, "check-in p-1")).to_be_visible()

    room = await opened_by(page, "open-room")
    await let_in(room)

    await sees_and_hears(room, "p-1")
    await expect(page.locator("[data-patient-hint]")).to_have_text("The robot is in the visit.")
    await use(page, "robot")
    await expect(page.locator("[data-person=p-1]")).to_contain_text("has left")


async def test_a_phone_in_the_network_is_the_patient_over_https(chromium: Browser) -> None:
    async with open_clinic(ice=LOOPBACK, address="127.0.0.2") as doors:
        page = await open_page(await device(chromium, viewport=DESKTOP), doors)
        pocket = await chromium.new_context(ignore_https_errors=True, viewport=HANDHELD)  # type: ignore[arg-type]
        phone = await pocket.new_page()
        await phone.goto(str(doors.phone))
        await use(page, "plan")

        code = (await phone.locator("[data-action=copy-code]").inner_text()).removeprefix("Copy ")
        await phone.locator("[data-sms] a").click()
        await in_state(phone, "code")
        assert await phone.evaluate("isSecureContext")
        await phone.fill("[name=code]", code)
        await use(phone, "check-in")
        await use(phone, "join")
        await in_state(phone, "waiting")
        room = await opened_by(page, "open-room")
        await let_in(room)

        assert phone.url.startswith("https://127.0.0.2:")
        assert room.url.startswith(doors.clinic)
        await sees_and_hears(room, "p-1")


async def test_the_page_shows_the_code_that_leads_a_phone_to_the_messages(chromium: Browser) -> None:
    async with open_clinic(ice=LOOPBACK, address="127.0.0.2") as doors:
        page = await open_page(await device(chromium, viewport=HANDHELD), doors)
        picture = page.locator("[data-qr]")
        await expect(picture).to_be_visible()
        await expect(page.locator("[data-phone-url]")).to_have_text(str(doors.phone))

        shown = await picture.evaluate(MODULES)

    quiet = 4
    assert [row[quiet:-quiet] for row in shown[quiet:-quiet]] == [
        list(row) for row in segno.make_qr(str(doors.phone)).matrix
    ]
    assert not any(map(any, [*shown[:quiet], *shown[-quiet:]]))


async def test_the_page_says_when_the_program_has_ended_and_how_to_get_a_real_phone(
    chromium: Browser,
) -> None:
    async with open_clinic(ice=LOOPBACK) as doors:
        page = await open_page(await device(chromium, viewport=HANDHELD), doors)
        await expect(page.locator("[data-no-real]")).to_contain_text("hugathome demo --serve --lan")
        await expect(page.locator("[data-lost]")).to_be_hidden()

    await expect(page.locator("[data-lost]")).to_be_visible()


async def test_the_page_is_planned_with_by_keyboard_and_axe_finds_nothing_serious(
    doors: Doors, chromium: Browser
) -> None:
    page = await open_page(await device(chromium, viewport=DESKTOP), doors)
    focused = page.locator(":focus")
    for name in ("modality", "when", "language", "guests", "guests"):
        await page.keyboard.press("Tab")
        await expect(focused).to_have_attribute("name", name)
    await page.keyboard.press("Space")
    await page.keyboard.press("Tab")
    await expect(focused).to_have_attribute("data-action", "plan")
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-person=interpreter]")).to_be_visible()
    await expect(focused).to_contain_text("Mme Jeanne Dupont")
    await expect(page.locator("[data-sms]")).to_be_visible()

    assert await problems_of(page, colours=True) == []

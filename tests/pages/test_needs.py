"""What somebody needs is there from the first moment, for them and for whoever they talk to."""

import pytest
from playwright.async_api import Browser, expect
from tests.pages.browsing import DESKTOP, device, in_state, open_from_sms, open_room, use
from tests.pages.clinic import PHONE, Clinic

from hugathome.record.needs import Needs
from hugathome.testing import Outbox

pytestmark = [pytest.mark.media, pytest.mark.browser]

LETTERS = "parseFloat(getComputedStyle(document.querySelector('h1')).fontSize)"


async def test_whoever_reads_large_letters_and_easy_words_has_them_before_the_code(
    clinic: Clinic, chromium: Browser
) -> None:
    await clinic.plan()
    usual = await (await device(chromium)).new_page()
    await usual.goto(str(Outbox(clinic.sms).last(to=PHONE).link))
    await in_state(usual, "code")
    await clinic.plan(needs=Needs(large_text=True, easy_language=True))
    helped = await (await device(chromium)).new_page()

    await helped.goto(str(Outbox(clinic.sms).last(to=PHONE).link))

    await in_state(helped, "code")
    await expect(helped.locator("[data-word=codeText]")).to_have_text(
        "Le code nous montre que c’est vous. Tapez le code ici."
    )
    await expect(usual.locator("[data-word=codeText]")).to_have_text(
        "Pour vous identifier, tapez votre code."
    )
    assert await helped.evaluate(LETTERS) > 1.3 * await usual.evaluate(LETTERS)


async def test_whoever_writes_finds_the_messages_open_and_so_does_the_clinician(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan(needs=Needs(real_time_text=True))
    patient = await open_from_sms(await device(chromium), clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    for page in (patient, clinician):
        await use(page, "join")
    await in_state(clinician, "visit")
    await use(clinician, "admit")
    await in_state(patient, "visit")

    for page in (patient, clinician):
        await expect(page.locator("[data-talk]")).to_be_visible()
        await expect(page.locator("[data-text]")).not_to_be_focused()
    await patient.fill("[data-text]", "Je vous lis.")
    await use(patient, "send-text")
    await expect(clinician.locator("[data-texts]")).to_contain_text("Je vous lis.")

    await use(clinician, "text-panel")
    await expect(clinician.locator("[data-talk]")).to_be_hidden()
    await use(clinician, "mute")
    await expect(clinician.locator("[data-talk]")).to_be_hidden()

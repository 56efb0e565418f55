"""Every state of the pages, for those who see little, read large letters, or use a keyboard."""

import pytest
from playwright.async_api import Browser
from tests.pages.browsing import device, in_state
from tests.pages.clinic import Clinic
from tests.pages.looking import has_focus, out_of_reach, problems_of
from tests.pages.walk import every_state, planned

from hugathome.roles import Language, LanguageTag

pytestmark = [pytest.mark.media, pytest.mark.browser]


@pytest.mark.parametrize("language", list(Language))
async def test_axe_finds_nothing_serious_and_no_text_is_lost_at_any_size(
    clinic: Clinic, chromium: Browser, language: Language
) -> None:
    found: list[str] = []

    async for state, page in every_state(clinic, chromium, language.value):
        colours = language is Language.FRENCH  # they do not depend on words
        found += [f"{state}, {each}" for each in await problems_of(page, colours=colours)]

    assert not found, "\n".join(found)


async def test_every_control_is_reached_by_keyboard_and_every_state_announced(
    clinic: Clinic, chromium: Browser
) -> None:
    found: list[str] = []

    async for state, page in every_state(clinic, chromium, "en"):
        if not await has_focus(page):
            found.append(f"{state}: nothing has the focus")
        found += [f"{state}: {each}" for each in sorted(await out_of_reach(page))]

    assert not found, "\n".join(found)


@pytest.mark.parametrize("language", ["fr", "de"])
async def test_day_and_time_take_a_line_each_on_a_phone(
    clinic: Clinic, chromium: Browser, language: LanguageTag
) -> None:
    session = await planned(clinic, language)
    page = await (await device(chromium)).new_page()

    await page.goto((await clinic.hug.invite(session.id, "p-1", deliver=False)).url)
    await in_state(page, "code")

    day, clock = page.locator("[data-starts-day]"), page.locator("[data-starts-clock]")
    assert await day.evaluate("(each) => each.getClientRects().length") == 1
    assert await clock.evaluate(
        "(each) => each.clientHeight < 2 * parseFloat(getComputedStyle(each).fontSize)"
    )

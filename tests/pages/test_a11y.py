"""Every state of the pages, for those who see little, read large letters, or use a keyboard."""

import pytest
from playwright.async_api import Browser
from tests.pages.clinic import Clinic
from tests.pages.looking import has_focus, out_of_reach, problems_of
from tests.pages.walk import every_state

from hugathome.roles import Language

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

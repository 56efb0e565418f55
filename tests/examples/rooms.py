"""What a clinician does on the clinic's own pages, whichever framework serves them."""

from playwright.async_api import Browser, Page, expect
from tests.pages.browsing import DESKTOP, device, in_state, use


async def enter_the_frame(chromium: Browser, url: str) -> None:
    """Join in the frame of the page at `url`, and see the page know of it."""
    page = await opened(chromium, url)
    (frame,) = page.main_frame.child_frames
    await in_state(frame, "devices")
    await use(frame, "join")
    await in_state(frame, "visit")
    await knows_of_the_visit(page)


async def enter_the_element(chromium: Browser, url: str) -> None:
    """Join in the element of the page at `url`, and see the page know of it."""
    page = await opened(chromium, url)
    await expect(page.locator("hugathome-visit")).to_have_attribute("data-state", "devices", timeout=15_000)
    await use(page, "join")
    await knows_of_the_visit(page)


async def opened(chromium: Browser, url: str) -> Page:
    page = await (await device(chromium, viewport=DESKTOP)).new_page()
    await page.goto(url)
    return page


async def knows_of_the_visit(page: Page) -> None:
    await expect(page.locator("body > [role=status]")).to_have_text("Consultation: visit", timeout=15_000)
    await page.context.close()

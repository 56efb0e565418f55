"""What goes wrong in people's lives: the pages in Chromium, on a clock that the test moves."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from tests.pages.browsing import DESKTOP, device, in_state, sees_and_hears, use
from tests.pages.clinic import PHONE, nothing_else

from hugathome import Participant, Session, Step
from hugathome.testing import FakeHugAtHome
from hugathome.web.serving import listening, serving

pytestmark = [pytest.mark.media, pytest.mark.browser]

NINE = datetime(2026, 1, 15, 8, tzinfo=UTC)
"""Nine o'clock in Geneva."""
HEARTBEAT = 20
IN_APP = """
Object.defineProperty(navigator, "mediaDevices", { value: undefined });
"""
"""What the browsers inside messengers lack."""
SCANNERS = ["facebookexternalhit/1.1", "WhatsApp/2.23.20.0", "Mozilla/5.0 (Windows NT 10.0) SafeLinks"]


@pytest.fixture
async def hug() -> AsyncIterator[FakeHugAtHome]:
    """Return a clinic at a quarter to nine, behind a real server."""
    bound = listening()
    site = f"http://127.0.0.1:{bound.getsockname()[1]}/visit"
    async with (
        FakeHugAtHome(now=NINE - timedelta(minutes=15), seed=7, site=site) as fake,
        serving(fake.asgi(otherwise=nothing_else), bound),
    ):
        yield fake


async def planned(hug: FakeHugAtHome, *, starts_at: datetime = NINE) -> Session:
    """Plan half an hour with somebody who has a telephone and nothing else, and invite them."""
    session = await hug.sessions.plan(
        organisation="hug",
        service="cardiology",
        starts_at=starts_at,
        ends_at=starts_at + timedelta(minutes=30),
        participants=[
            Participant(id="dr-rossi", role="practitioner", name="Dr A. Rossi", language="de"),
            Participant(id="p-1", role="patient", name="M. Dupont", phone=PHONE),
        ],
    )
    await hug.sessions.accept(session.id, "p-1", recorded_by="dr-rossi")
    await hug.invite(session.id, "p-1")
    return session


async def opened(context: BrowserContext, hug: FakeHugAtHome) -> Page:
    """Open the link of the last SMS that has one to give."""
    page = await context.new_page()
    answer = await page.goto(str(hug.outbox.last(to=PHONE).link))
    assert answer is not None
    assert answer.status == 200
    return page


async def asks_for_a_code(page: Page) -> None:
    async with page.expect_response("**/api/send-code") as answer:
        await use(page, "send-code")
    assert (await answer.value).ok


async def types_the_code(page: Page, hug: FakeHugAtHome) -> None:
    await page.fill("[name=code]", str(hug.outbox.last(to=PHONE).code))
    await use(page, "check-in")


async def comes_in(page: Page, hug: FakeHugAtHome) -> None:
    """Go on with the code of the last SMS as far as the waiting room."""
    await types_the_code(page, hug)
    await in_state(page, "devices")
    await use(page, "join")
    await in_state(page, "waiting")


async def doctor_comes(chromium: Browser, hug: FakeHugAtHome, session: Session) -> Page:
    page = await (await device(chromium, viewport=DESKTOP)).new_page()
    await page.goto(hug.room_url(hug.grant(session.id, "dr-rossi")))
    await use(page, "join")
    await in_state(page, "visit")
    return page


async def offers_help(page: Page) -> None:
    """A page that leads nowhere still says whom to call."""
    await expect(page.locator("[data-help]:visible").first).to_have_attribute("href", "tel:+41223723311")


# --- The five that other systems fail -------------------------------------------------------------


async def test_a_patient_with_text_messages_and_nothing_else_gets_in_though_the_first_code_is_old(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    await planned(hug)
    await hug.clock.advance(minutes=11)
    page = await opened(await device(chromium), hug)

    await types_the_code(page, hug)
    await expect(page.locator("[data-notice]")).to_be_visible()
    await asks_for_a_code(page)
    await comes_in(page, hug)

    assert len(hug.outbox) == 2


async def test_an_appointment_tomorrow_shows_itself_today_and_sends_nothing(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    await planned(hug, starts_at=NINE + timedelta(days=1))
    page = await opened(await device(chromium), hug)

    await in_state(page, "code")
    await expect(page.locator('[data-view="code"]')).to_contain_text("16 janvier 2026")
    for hidden in ("[data-action=send-code]", "[data-action=check-in]", "[name=code]"):
        await expect(page.locator(hidden)).to_be_hidden()
    await offers_help(page)
    assert [hug.outbox.last().code, len(hug.outbox)] == [None, 1]

    await hug.clock.advance(hours=23, minutes=45)  # half an hour before
    await page.reload()
    await asks_for_a_code(page)
    await comes_in(page, hug)
    assert len(hug.outbox) == 2


async def test_neither_a_scanner_nor_a_preview_uses_up_what_is_behind_a_link(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    session = await planned(hug)
    before = await hug.sessions.get(session.id)
    async with httpx.AsyncClient(trust_env=False) as scanner:
        for agent in SCANNERS:
            for method in ("HEAD", "GET"):
                link = str(hug.outbox.last(to=PHONE).link)
                answer = await scanner.request(method, link, headers={"User-Agent": agent})
                assert answer.status_code == 200
    assert await hug.sessions.get(session.id) == before

    runs_scripts = await opened(await device(chromium), hug)
    await in_state(runs_scripts, "code")
    await comes_in(await opened(await device(chromium), hug), hug)
    assert len(hug.outbox) == 1


async def test_a_link_opened_inside_another_app_hears_the_visit_and_asks_to_be_called_back(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    session = await planned(hug)
    patient = await opened(await device(chromium, IN_APP), hug)
    await types_the_code(patient, hug)
    await in_state(patient, "devices")
    await use(patient, "call-me-back")
    await expect(patient.locator("[data-action=call-me-back]")).to_be_hidden()
    await offers_help(patient)

    await use(patient, "join")
    clinician = await doctor_comes(chromium, hug, session)
    await use(clinician, "admit")
    await in_state(patient, "visit")
    await sees_and_hears(patient, "dr-rossi")

    await expect(clinician.locator('[data-person="p-1"]')).to_contain_text("Rückruf")
    assert Step.DEVICES_REFUSED in {each.step for each in (await hug.sessions.get(session.id)).steps("p-1")}
    assert len(hug.outbox) == 1


async def test_a_second_device_takes_over_in_mid_call_and_the_first_is_told(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    session = await planned(hug)
    phone = await opened(await device(chromium), hug)
    tablet = await opened(await device(chromium), hug)
    await comes_in(phone, hug)
    clinician = await doctor_comes(chromium, hug, session)
    await use(clinician, "admit")
    await sees_and_hears(phone, "dr-rossi")

    await asks_for_a_code(tablet)
    await types_the_code(tablet, hug)
    await in_state(tablet, "devices")
    await in_state(phone, "error")
    await offers_help(phone)
    await use(tablet, "join")

    await in_state(tablet, "visit")  # nobody lets them in a second time
    await sees_and_hears(tablet, "dr-rossi")
    await sees_and_hears(clinician, "p-1")
    await phone.reload()
    await in_state(phone, "code")
    await in_state(tablet, "visit")


async def test_a_visit_that_is_put_off_keeps_its_link(hug: FakeHugAtHome, chromium: Browser) -> None:
    session = await planned(hug)
    page = await opened(await device(chromium), hug)

    await hug.sessions.extend(session.id, closes_at=NINE + timedelta(hours=5), by="dr-rossi")
    await hug.clock.advance(hours=4)
    await page.reload()
    await asks_for_a_code(page)
    await comes_in(page, hug)


async def test_a_visit_that_is_moved_closes_the_old_link_and_opens_a_new_one(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    session = await planned(hug, starts_at=NINE + timedelta(days=1))
    phone = await device(chromium)
    old = await opened(phone, hug)
    await in_state(old, "code")

    await hug.sessions.cancel(session.id, by="dr-rossi", reason="moved")
    await planned(hug, starts_at=NINE + timedelta(days=2))
    await old.reload()
    await in_state(old, "ended")
    await offers_help(old)
    new = await opened(phone, hug)
    await in_state(new, "code")
    await expect(new.locator('[data-view="code"]')).to_contain_text("17 janvier 2026")

    await hug.clock.advance(days=2)
    await new.reload()
    await asks_for_a_code(new)
    await comes_in(new, hug)


# --- Time -----------------------------------------------------------------------------------------


async def test_a_doctor_who_is_75_minutes_late_finds_the_page_waiting_and_rings_it(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    session = await planned(hug)
    patient = await opened(await device(chromium), hug)
    await comes_in(patient, hug)
    for _ in range(90 * 60 // HEARTBEAT):
        await hug.clock.advance(seconds=HEARTBEAT)
        await patient.evaluate("null")  # time for the page to answer the hub

    await in_state(patient, "waiting")
    await expect(patient.locator("body")).to_have_attribute("data-link", "live")
    clinician = await doctor_comes(chromium, hug, session)
    await use(clinician, "call")
    await use(patient, "answer")
    await expect(patient.locator("[data-action=answer]")).to_be_hidden()
    await use(clinician, "admit")
    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(clinician, "p-1")
    await use(clinician, "end")
    await use(clinician, "confirm-end")
    await in_state(patient, "ended")

    record = await hug.sessions.get(session.id)
    assert hug.clock.now() == NINE + timedelta(minutes=75)
    assert record.status == "completed"
    assert len(hug.outbox) == 1, "the page rang: nobody needed a message"


@pytest.mark.parametrize(
    ("starts_at", "local"),
    [
        (datetime(2026, 1, 16, 22, 30, tzinfo=UTC), ("16 janvier 2026", "23:30")),
        (datetime(2026, 7, 16, 22, 30, tzinfo=UTC), ("17 juillet 2026", "00:30")),
    ],
    ids=["winter", "summer"],
)
async def test_message_and_page_say_the_time_of_the_place_wherever_the_reader_is(
    hug: FakeHugAtHome, chromium: Browser, starts_at: datetime, local: tuple[str, str]
) -> None:
    await planned(hug, starts_at=starts_at)
    abroad = await chromium.new_context(timezone_id="America/New_York", locale="en-US")
    page = await opened(abroad, hug)

    await in_state(page, "code")
    for part in local:
        assert part in hug.outbox.last(to=PHONE).text
        await expect(page.locator('[data-view="code"]')).to_contain_text(part)


# --- Gone and back again --------------------------------------------------------------------------


async def test_a_page_that_is_reloaded_or_closed_and_opened_again_is_where_it_was(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    session = await planned(hug)
    phone = await device(chromium)

    async def comes_back(page: Page, state: str) -> Page:
        await in_state(page, state)
        await page.reload()
        await in_state(page, state)
        await page.close()
        again = await opened(phone, hug)
        await in_state(again, state)
        return again

    patient = await comes_back(await opened(phone, hug), "code")
    await types_the_code(patient, hug)
    patient = await comes_back(patient, "devices")
    await use(patient, "join")
    patient = await comes_back(patient, "waiting")
    clinician = await doctor_comes(chromium, hug, session)
    await use(clinician, "admit")
    patient = await comes_back(patient, "visit")
    await sees_and_hears(patient, "dr-rossi")
    await sees_and_hears(clinician, "p-1")
    await use(clinician, "end")
    await use(clinician, "confirm-end")
    await comes_back(patient, "ended")

    assert len(hug.outbox) == 1


async def test_a_room_that_is_closed_and_opened_again_from_the_history_is_the_same_visit(
    hug: FakeHugAtHome, chromium: Browser
) -> None:
    session = await planned(hug)
    clinician = await doctor_comes(chromium, hug, session)
    address, desktop = clinician.url, clinician.context
    await clinician.close()

    again = await desktop.new_page()
    await again.goto(address)

    await in_state(again, "visit")
    await again.reload()
    await in_state(again, "visit")
    await use(again, "end")
    await again.select_option("[data-outcome]", "no-show")
    await use(again, "confirm-end")
    await in_state(again, "ended")
    await again.reload()
    await in_state(again, "ended")
    await expect(again.locator("html")).to_have_attribute("lang", "de")
    assert again.url == address

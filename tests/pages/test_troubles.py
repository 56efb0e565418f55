"""What goes wrong in a browser: double clicks, networks, devices and tabs that come and go."""

import asyncio

import pytest
from playwright.async_api import Browser, Page, Route, WebSocketRoute, expect
from tests.pages.browsing import (
    DESKTOP,
    comes_true,
    device,
    in_state,
    open_from_sms,
    open_room,
    sees_and_hears,
    use,
)
from tests.pages.clinic import PHONE, Clinic

from hugathome.testing import Outbox

pytestmark = [pytest.mark.media, pytest.mark.browser]

KEEPS_ASKING = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = (wanted) =>
    new Promise((give, refuse) => { window.allow = () => open(wanted).then(give, refuse); });
"""
"""A person who does not see the browser's question, or a camera that never starts."""
TOP_AND_BOTTOM = """
(action) => {
    const control = document.querySelector(`[data-view="devices"] [data-action=${action}]`);
    const { top, bottom } = control.getBoundingClientRect();
    return [Math.round(top), Math.round(bottom), innerHeight];
}
"""
KEEPS_TRACKS = """
window.tracks = [];
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
    const stream = await ask(wanted);
    window.tracks.push(...stream.getTracks());
    return stream;
};
window.unplug = (kind) => {
    for (const track of kept().filter((each) => each.kind === kind)) {
        track.stop();
        track.dispatchEvent(new Event("ended"));
    }
};
const kept = () => window.tracks.filter((each) => each.readyState === "live");
window.live = () => kept().map((each) => each.kind).sort();
"""
IMPATIENT = """
const wait = window.setTimeout;
window.setTimeout = (work, after, ...rest) => wait(work, after >= 3000 ? after / 10 : after, ...rest);
"""
"""Whatever takes seconds takes a tenth."""


async def in_a_visit(patient: Page, clinician: Page) -> None:
    for page in (patient, clinician):
        await use(page, "join")
    await clinician.click('[data-person="p-1"] [data-action=admit]')
    await in_state(patient, "visit")


async def test_a_control_that_is_at_work_is_not_used_again(clinic: Clinic, chromium: Browser) -> None:
    await clinic.plan()
    message = Outbox(clinic.sms).last(to=PHONE)
    patient = await (await device(chromium)).new_page()
    asked: list[str] = []

    async def slowly(route: Route) -> None:
        asked.append(route.request.url)
        await asyncio.sleep(0.3)
        await route.continue_()

    await patient.goto(str(message.link))
    await patient.route("**/api/check-in", slowly)
    await patient.fill("[name=code]", str(message.code))
    await patient.dblclick("[data-action=check-in]")
    await expect(patient.locator("[data-action=check-in]")).to_have_attribute("aria-busy", "true")
    await in_state(patient, "devices")

    await expect(patient.locator("[data-notice]")).to_be_hidden()
    assert len(asked) == 1


async def test_a_host_that_is_away_for_a_while_is_asked_again(clinic: Clinic, chromium: Browser) -> None:
    await clinic.plan()
    message = Outbox(clinic.sms).last(to=PHONE)
    patient = await (await device(chromium, IMPATIENT)).new_page()
    answers = [503, 504, 429]

    async def gateway(route: Route) -> None:
        if answers:
            await route.fulfill(status=answers.pop(), content_type="text/html", body="<html>Gateway</html>")
        else:
            await route.continue_()

    await patient.route("**/api/link", gateway)
    await patient.goto(str(message.link))
    await in_state(patient, "error")
    await expect(patient.locator("[data-action=again]")).to_be_visible()

    await in_state(patient, "code")


async def test_what_a_visit_needs_is_loaded_again_where_it_could_not_be_loaded(
    clinic: Clinic, chromium: Browser
) -> None:
    await clinic.plan()
    context = await device(chromium)
    await context.route("**/visit/attendance.js", lambda route: route.abort())
    patient = await open_from_sms(context, clinic)
    await use(patient, "join")
    await expect(patient.locator("[data-notice]")).to_be_visible()
    await in_state(patient, "devices")

    await context.unroute("**/visit/attendance.js")
    await use(patient, "join")
    await in_state(patient, "waiting")


async def test_a_page_of_a_release_that_is_served_no_more_is_loaded_again(
    clinic: Clinic, chromium: Browser
) -> None:
    await clinic.plan()
    context = await device(chromium, IMPATIENT)
    pages = 0

    async def released(route: Route) -> None:
        """Serve another release from the second page on."""
        nonlocal pages
        asked = route.request
        pages += "/visit/j/" in asked.url
        is_gone = pages == 1 and (asked.method == "HEAD" or asked.url.endswith("/visit/attendance.js"))
        await (route.fulfill(status=404) if is_gone else route.continue_())

    await context.route("**/visit/**", released)
    patient = await open_from_sms(context, clinic)
    async with patient.expect_navigation():
        await use(patient, "join")

    await in_state(patient, "devices")
    await use(patient, "join")
    await in_state(patient, "waiting")


async def test_a_visit_goes_on_without_the_desk_and_has_it_once_it_can_be_had(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    context = await device(chromium, IMPATIENT, viewport=DESKTOP)
    await context.route("**/page/desk.js", lambda route: route.abort())
    clinician = await open_room(context, clinic, session, "dr-rossi")
    await use(clinician, "join")
    await in_state(clinician, "visit")
    await expect(clinician.locator("[data-notice]")).to_be_visible()
    await expect(clinician.locator("[data-people-panel]")).to_have_count(0)
    await context.unroute("**/page/desk.js")

    patient = await open_from_sms(await device(chromium), clinic)
    await use(patient, "join")

    await clinician.click('[data-person="p-1"] [data-action=admit]')
    await in_state(patient, "visit")


async def test_whoever_does_not_see_the_browsers_question_gets_in_and_is_heard_once_it_is_answered(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium, KEEPS_ASKING, IMPATIENT), clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await in_a_visit(patient, clinician)
    await expect(patient.locator("[data-action=mute]")).to_be_hidden()

    await patient.evaluate("window.allow()")

    await sees_and_hears(clinician, "p-1")
    await expect(patient.locator("[data-action=mute]")).to_be_visible()


async def test_whoever_was_muted_is_muted_after_a_reload(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await in_a_visit(patient, clinician)
    await use(patient, "mute")

    await patient.reload()
    await in_state(patient, "visit")

    await expect(patient.locator("[data-action=mute]")).to_have_text("Remettre le micro")
    await expect(clinician.locator("[data-muted]")).to_be_visible()
    await comes_true(patient, "window.connections.length > 0")
    before = await patient.evaluate("window.connections.length")
    await patient.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))")
    await comes_true(patient, "(before) => window.connections.length > before", before)
    await in_state(patient, "visit")
    await expect(patient.locator("[data-action=mute]")).to_have_text("Remettre le micro")


async def test_devices_that_go_away_are_replaced_and_closed_with_what_needs_them(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium, KEEPS_TRACKS), clinic)
    clinician = await open_room(await device(chromium, viewport=DESKTOP), clinic, session, "dr-rossi")
    await in_a_visit(patient, clinician)

    await patient.evaluate("window.unplug('audio'); window.unplug('video')")
    await expect(patient.locator("[data-action=mute]")).to_be_visible()
    await sees_and_hears(clinician, "p-1")
    for how, live in (("phone", []), ("video", ["audio", "video"]), ("audio", ["audio"])):
        await use(clinician, f"modality-{how}")
        await comes_true(patient, "(live) => String(window.live()) === live", ",".join(live))
    for how in ("video", "phone", "video", "phone"):
        await use(clinician, f"modality-{how}")
    await comes_true(patient, "window.live().length === 0")


async def test_an_end_leaves_nothing_of_the_others_and_nothing_in_the_browser(
    clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium, KEEPS_TRACKS), clinic)
    clinician = await open_room(
        await device(chromium, KEEPS_TRACKS, viewport=DESKTOP), clinic, session, "dr-rossi"
    )
    await in_a_visit(patient, clinician)
    await use(clinician, "text-panel")
    await clinician.fill("[data-text]", "Guten Tag")
    await clinician.press("[data-text]", "Enter")
    await expect(patient.locator(".text")).to_have_count(1)
    await use(clinician, "end")
    await clinician.locator(".stage").click(position={"x": 5, "y": 5})
    await clinician.keyboard.press("Tab")
    await expect(clinician.locator("[data-outcome]")).to_be_focused()  # nobody tabs past the question
    await use(clinician, "confirm-end")

    for page in (patient, clinician):
        await in_state(page, "ended")
        assert await page.locator("[data-participant], [data-person], .text").count() == 0
        assert await page.evaluate("localStorage.length + window.live().length") == 0
    await clinician.reload()
    await in_state(clinician, "ended")
    await expect(clinician.locator("html")).to_have_attribute("lang", "de")


async def test_leaving_waits_for_no_host_that_says_nothing(clinic: Clinic, chromium: Browser) -> None:
    await clinic.plan()
    context = await device(chromium, IMPATIENT)

    is_live = asyncio.Event()
    swallowed: list[str | bytes] = []

    def swallow(socket: WebSocketRoute) -> None:
        server = socket.connect_to_server()

        def pass_on(text: str | bytes) -> None:
            if '"leave"' in str(text):
                swallowed.append(text)
            else:
                server.send(text)
            if '"step"' in str(text):
                is_live.set()

        socket.on_message(pass_on)

    await context.route_web_socket("**/signal", swallow)
    patient = await open_from_sms(context, clinic)
    await use(patient, "join")
    await in_state(patient, "waiting")
    await asyncio.wait_for(is_live.wait(), 15)

    await patient.evaluate(
        "() => { for (const _ of [1, 2]) document.querySelector('[data-action=leave]').click() }"
    )

    await in_state(patient, "ended")
    assert swallowed
    await use(patient, "join")
    await in_state(patient, "waiting")
    await asyncio.sleep(0.5)  # longer than a host has to let somebody go
    await in_state(patient, "waiting")


async def test_how_one_enters_is_always_seen_and_stays_where_it_is(clinic: Clinic, chromium: Browser) -> None:
    await clinic.plan()
    patient = await open_from_sms(await device(chromium, KEEPS_ASKING), clinic)
    for width, height in ((360, 640), (390, 844), (1280, 720)):
        await patient.set_viewport_size({"width": width, "height": height})
        await patient.reload()
        await in_state(patient, "devices")
        before = await patient.evaluate(TOP_AND_BOTTOM, "join")

        await patient.evaluate("window.allow()")
        await expect(patient.locator("[data-choices], [data-level-text]").first).to_be_visible()
        await expect(patient.locator("[data-devices-text]")).to_contain_text("fonctionnent")

        assert before[0] > 0
        assert before[1] <= height
        assert await patient.evaluate(TOP_AND_BOTTOM, "join") == before
        await patient.evaluate("scrollTo(0, 9999)")
        assert await patient.evaluate("document.querySelector('header').getBoundingClientRect().top") == 0


async def test_no_control_stands_alone_in_a_row_of_a_small_phone(clinic: Clinic, chromium: Browser) -> None:
    session = await clinic.plan()
    small = await device(chromium, viewport={"width": 360, "height": 640})
    page = await open_room(small, clinic, session, "dr-rossi")
    await use(page, "join")
    await expect(page.locator("[data-action=end]")).to_be_visible()
    rows = """
    (shown) => {
        const controls = document.querySelector("[data-controls]");
        [...controls.children].forEach((control, index) => { control.hidden = index >= shown; });
        controls.dataset.count = shown;
        const tops = [...controls.children].slice(0, shown).map((control) => control.offsetTop);
        return [...new Set(tops)].map((top) => tops.filter((each) => each === top).length);
    }
    """

    assert [await page.evaluate(rows, shown) for shown in (3, 4, 5, 6, 7, 8)] == [
        [3], [4], [3, 2], [3, 3], [4, 3], [4, 4]
    ]  # fmt: skip

"""The room in a host's own page on another origin: as a frame, and as an element."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, Request, expect
from tests.pages.browsing import DESKTOP, comes_true, device, in_state, open_from_sms, sees_and_hears, use
from tests.pages.clinic import Clinic
from tests.pages.host import EVENTS, LISTENING, Host
from tests.pages.proxies import HAS_HAPROXY, Connections, answers, haproxy, unused_port

from hugathome import Session
from hugathome.protocol.wire import Limits
from hugathome.testing import HttpSite, Robot, Way

pytestmark = [pytest.mark.media, pytest.mark.browser]

ALLOWED = "camera; microphone; autoplay; display-capture; fullscreen; screen-wake-lock"
KEEP_MEDIA = """
window.media = [];
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (asked) => {
    const stream = await open(asked);
    window.media.push(...stream.getTracks());
    return stream;
};
window.sockets = [];
window.WebSocket = class extends WebSocket {
    constructor(...options) {
        super(...options);
        window.sockets.push(this);
    }
};
"""
WHAT_IS_OPEN = """
() => ({
    tracks: window.media.filter((track) => track.readyState === "live").length,
    connections: window.connections.filter((each) => each.connectionState !== "closed").length,
    sockets: window.sockets.filter((each) => each.readyState <= WebSocket.OPEN).length,
})
"""
PUBLISH = {
    "frame": """document.querySelector("iframe").contentWindow.postMessage(
        { target: "hugathome", topic: "hand", data: %s }, "*")""",
    "element": """document.querySelector("hugathome-visit").publish("hand", %s)""",
}
PUBLISH_FROM_NOWHERE = """
() => new Promise((told) => {
    window.visit.addEventListener("hugathome-refused", ({ detail }) => told(detail), { once: true });
    window.visit.publish("hand", { raised: true });
})
"""
STAFF = {"name": "staff", "value": "1", "sameSite": "None", "secure": True}
"""A cookie that a browser adds to whatever it is asked to send with cookies, from whichever page."""
NOTHING_IS_OPEN = f"() => Object.values(({WHAT_IS_OPEN.strip()})()).every((many) => many === 0)"

WHAT_STICKS_OUT = """
() => {
    const visit = document.querySelector("hugathome-visit");
    const place = visit.getBoundingClientRect();
    const isOut = ({ top, bottom, left, right }) =>
        top < place.top || bottom > place.bottom || left < place.left || right > place.right;
    return [...visit.shadowRoot.querySelectorAll("[data-view=visit] [data-action]")]
        .filter((control) => isOut(control.getBoundingClientRect()) && control.offsetParent !== null)
        .map((control) => control.dataset.action);
}
"""


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    host = Host()
    await host.start()
    yield host
    await host.stop()


@pytest.fixture
async def clinic(tmp_path: Path, host: Host) -> AsyncIterator[Clinic]:
    clinic = Clinic(tmp_path, frames=[host.origin], limits=Limits(app=64))
    await clinic.start()
    host.visits = clinic.base
    yield clinic
    await clinic.stop()


async def host_page(chromium: Browser, host: Host, body: str) -> Page:
    host.pages["/visits"] = f"<!doctype html><html lang=de><title>Host</title><body>{body}"
    context = await device(chromium, KEEP_MEDIA, LISTENING % json.dumps(EVENTS), viewport=DESKTOP)
    page = await context.new_page()
    await page.goto(f"{host.origin}/visits")
    return page


def element(clinic: Clinic, session: Session, participant: str = "dr-rossi") -> str:
    grant = clinic.hug.grant(session.id, participant).token
    script = f'<script type="module" src="{clinic.base}/visit/browser/element.js"></script>'
    return f'{script}<hugathome-visit grant="{grant}"></hugathome-visit>'


async def heard(page: Page, name: str) -> list[dict[str, Any]]:
    everything: list[dict[str, Any]] = await page.evaluate("window.heard")
    return [each["detail"] for each in everything if each["name"] == name]


async def element_in_state(page: Page, state: str) -> None:
    visit = page.locator("hugathome-visit")
    await expect(visit).to_have_attribute("data-state", state, timeout=15_000)


async def test_the_room_in_a_frame_holds_the_visit_and_tells_its_host(
    host: Host, clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    await use(patient, "join")
    room = clinic.room_url(session, "dr-rossi")
    page = await host_page(
        chromium, host, f'<iframe src="{room}" allow="{ALLOWED}" width="1000" height="700"></iframe>'
    )
    (frame,) = page.main_frame.child_frames

    await in_state(frame, "devices")
    await use(frame, "join")
    await in_state(frame, "visit")
    await use(frame, "admit")
    await sees_and_hears(frame, "p-1")
    await sees_and_hears(patient, "dr-rossi")
    await use(frame, "end")
    await frame.select_option("[data-outcome]", "prescription")
    await use(frame, "confirm-end")
    await in_state(frame, "ended")

    told = await page.evaluate("window.heard")
    assert {each["origin"] for each in told} == {clinic.base}
    assert {each["source"] for each in told} == {"hugathome"}
    states = [each["state"] for each in await heard(page, "state")]
    assert (states[0], states[-2:]) == ("devices", ["visit", "ended"])
    assert await heard(page, "joined") == [{}]
    assert await heard(page, "ended") == [{"outcome": "prescription"}]
    assert "Dupont" not in json.dumps(told)


async def test_a_host_that_may_not_frame_the_room_sees_nothing(
    host: Host, chromium: Browser, tmp_path: Path
) -> None:
    clinic = Clinic(tmp_path, frames=["https://ehr.example.ch"])
    await clinic.start()
    try:
        host.visits = clinic.base
        room = clinic.room_url(await clinic.plan(), "dr-rossi")
        page = await host_page(
            chromium, host, f'<iframe src="{room}" allow="{ALLOWED}" width="1000" height="700"></iframe>'
        )
        (frame,) = page.main_frame.child_frames

        await expect(frame.locator("[data-state]")).to_have_count(0)
        assert await page.evaluate("window.heard") == []
    finally:
        await clinic.stop()


async def test_the_element_holds_the_visit_and_tells_its_host(
    host: Host, clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    await use(patient, "join")
    page = await host_page(chromium, host, element(clinic, session))

    await element_in_state(page, "devices")
    assert "grant=" not in await page.content()
    await use(page, "join")
    await element_in_state(page, "visit")
    await expect(page.locator("hugathome-visit")).to_have_attribute("data-link", "live")
    await expect(page.locator("hugathome-visit")).to_have_css("height", "640px")
    assert await page.evaluate(WHAT_STICKS_OUT) == []
    await expect(page.locator("[data-help]")).to_have_attribute("href", "tel:+41223723311")
    await page.evaluate("document.body.style.setProperty('--hugathome-danger', 'rgb(1, 2, 3)')")
    await expect(page.locator("[data-action=end]")).to_have_css("background-color", "rgb(1, 2, 3)")
    await use(page, "admit")
    await sees_and_hears(page, "p-1")
    await sees_and_hears(patient, "dr-rossi")
    await use(page, "leave")
    await element_in_state(page, "ended")

    assert await heard(page, "joined") == [{}]
    assert await heard(page, "left") == [{}]
    assert [each["state"] for each in await heard(page, "state")][-2:] == ["visit", "ended"]
    await comes_true(page, NOTHING_IS_OPEN)


@pytest.mark.parametrize("kind", ["frame", "element"])
async def test_a_page_and_the_others_inside_send_each_other_messages_of_its_own(
    host: Host, clinic: Clinic, chromium: Browser, kind: str
) -> None:
    session = await clinic.plan()
    page = await host_page(chromium, host, room_in(kind, clinic, session))
    inner = page.main_frame.child_frames[0] if kind == "frame" else page
    await inner.locator("[data-action=join]:visible").wait_for()
    await page.evaluate(PUBLISH[kind] % '"too early"')
    await comes_true(page, "() => window.heard.some(({ name }) => name === 'refused')")
    await use(inner, "join")
    await inner.locator("[data-view=visit]").wait_for()
    grant = clinic.hug.grant(session.id, "nurse")
    async with Robot.from_grant(grant, at=f"{clinic.base}/visit", media=False) as nurse:
        await nurse.waiting()
        await clinic.hug.sessions.admit(session.id, "nurse", by="dr-rossi")
        await nurse.admitted()
        heard_by_nurse = nurse.peer.published()

        for data in ('{"raised": true}', '"%s"' % ("x" * 64)):
            await page.evaluate(PUBLISH[kind] % data)
        async with asyncio.timeout(20):
            said = await anext(heard_by_nurse)
        await nurse.peer.publish("bell", [1, None])

        assert (said.topic, said.data, said.participant) == ("hand", {"raised": True}, "dr-rossi")
        await comes_true(page, "() => window.heard.filter(({ name }) => name === 'app').length === 1")
        assert await heard(page, "app") == [{"topic": "bell", "data": [1, None], "participant": "nurse"}]
        codes = ["not-admitted", "too-long"]
        assert await heard(page, "refused") == [{"topic": "hand", "code": code} for code in codes]


@pytest.mark.skipif(not HAS_HAPROXY, reason="haproxy is not installed: scripts/system-packages")
@pytest.mark.parametrize("kind", ["frame", "element"])
async def test_a_page_of_another_site_holds_the_room_by_posts_where_websockets_are_refused(
    host: Host, tmp_path: Path, chromium: Browser, kind: str
) -> None:
    host.origin = host.origin.replace("127.0.0.1", "localhost")  # not only another origin: another site
    front = unused_port()
    clinic = Clinic(tmp_path, front=front, frames=[host.origin], limits=Limits(app=64))
    await clinic.start()
    ports = {"front": front, "behind": clinic.port}
    try:
        with haproxy(tmp_path, ports, timeout=20, refuses_upgrade=True):
            await answers(front)
            host.visits = clinic.base
            session = await clinic.plan()
            page = await host_page(chromium, host, room_in(kind, clinic, session))
            await page.context.add_cookies([STAFF | {"url": clinic.base}])  # type: ignore[list-item]
            connections, posts = Connections(page), posts_of(page)
            inner = page.main_frame.child_frames[0] if kind == "frame" else page
            await use(inner, "join")
            await says_and_hears(page, kind, clinic, session)
            headers = [await post.all_headers() for post in posts]
    finally:
        await clinic.stop()

    assert connections.streams > 0
    assert {one["origin"] for one in headers} == {clinic.base if kind == "frame" else host.origin}
    assert kind == "frame" or not any("cookie" in one for one in headers)


def posts_of(page: Page) -> list[Request]:
    """Return the list into which every request goes by which a page speaks with its hub."""
    posts: list[Request] = []
    page.on("request", lambda each: posts.append(each) if "/signal/" in each.url else None)
    return posts


def room_in(kind: str, clinic: Clinic, session: Session) -> str:
    if kind == "element":
        return element(clinic, session)
    room = clinic.room_url(session, "dr-rossi")
    return f'<iframe src="{room}" allow="{ALLOWED}" width="1000" height="700"></iframe>'


async def says_and_hears(page: Page, kind: str, clinic: Clinic, session: Session) -> None:
    """Return once the doctor's page has said something to the nurse and has heard something from there."""
    site = HttpSite(f"{clinic.base}/visit", way=Way.STREAM)
    async with Robot.from_grant(clinic.hug.grant(session.id, "nurse"), at=site, media=False) as nurse:
        await nurse.waiting()
        await clinic.hug.sessions.admit(session.id, "nurse", by="dr-rossi")
        await nurse.admitted()
        said_to_nurse = nurse.peer.published()
        await page.evaluate(PUBLISH[kind] % "true")
        async with asyncio.timeout(20):
            assert (await anext(said_to_nurse)).participant == "dr-rossi"
        await nurse.peer.publish("bell", 1)
        await comes_true(page, "() => window.heard.some(({ name }) => name === 'app')")


async def test_an_element_that_is_taken_out_leaves_nothing_open_and_begins_again_where_it_was(
    host: Host, clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    patient = await open_from_sms(await device(chromium), clinic)
    await use(patient, "join")
    page = await host_page(chromium, host, element(clinic, session))
    await element_in_state(page, "devices")
    await use(page, "join")
    await use(page, "admit")
    await sees_and_hears(page, "p-1")
    assert 0 not in (await page.evaluate(WHAT_IS_OPEN)).values()

    await page.evaluate("window.visit = document.querySelector('hugathome-visit'); window.visit.remove()")
    await comes_true(page, NOTHING_IS_OPEN)
    assert await page.evaluate("window.visit.shadowRoot.childElementCount") == 0
    assert await page.evaluate(PUBLISH_FROM_NOWHERE) == {"topic": "hand", "code": "not-admitted"}
    await page.evaluate("document.body.append(window.visit)")

    await element_in_state(page, "visit")
    await sees_and_hears(page, "p-1")
    await sees_and_hears(patient, "dr-rossi")


async def test_an_element_that_is_taken_out_while_it_opens_leaves_nothing_open(
    host: Host, clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    page = await host_page(chromium, host, element(clinic, session))
    await element_in_state(page, "devices")

    grants = [clinic.hug.grant(session.id, "dr-rossi").token for _ in range(4)]
    await page.evaluate(
        """async (grants) => {
            const visit = document.querySelector("hugathome-visit");
            for (const [turn, grant] of grants.entries()) {
                visit.setAttribute("grant", grant);
                await new Promise((go) => setTimeout(go, 10 * turn * turn));
            }
            visit.remove();
        }""",
        grants,
    )

    await comes_true(page, NOTHING_IS_OPEN)
    await page.wait_for_timeout(500)
    await comes_true(page, NOTHING_IS_OPEN)


async def test_a_grant_that_is_refused_is_said_and_a_fresh_one_is_taken(
    host: Host, clinic: Clinic, chromium: Browser
) -> None:
    session = await clinic.plan()
    page = await host_page(chromium, host, element(clinic, session).replace('grant="', 'grant="x'))
    await element_in_state(page, "error")
    assert await heard(page, "problem") == [{"kind": "grant-refused"}]

    fresh = clinic.hug.grant(session.id, "dr-rossi").token
    await page.evaluate(
        "(grant) => document.querySelector('hugathome-visit').setAttribute('grant', grant)", fresh
    )

    await element_in_state(page, "devices")
    assert fresh not in await page.content()

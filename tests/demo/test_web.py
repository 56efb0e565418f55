"""The clinic's page as a server sees it: what it gives, what it is asked, and whom it does not hear."""

import re
from typing import Any

import httpx
import pytest
from tests.demo.conftest import Visitor

from hugathome import Action, Step
from hugathome.demo import web

FILES = ["", "pages/clinic.css", "pages/clinic.js", "pages/board.js", "pages/phone.js", "pages/staff.js"]


def presence(board: dict[str, Any]) -> str | None:
    """Return where the patient of the first visit is."""
    people = board["visits"][0]["people"] if board["visits"] else []
    return next((one["presence"] for one in people if one["role"] == "patient"), None)


@pytest.mark.parametrize("name", [*FILES, "pages/icon.svg", "pages/reader.js"])
async def test_every_file_comes_from_here_under_a_strict_policy(visitor: Visitor, name: str) -> None:
    answer = await visitor.http.get(name)

    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
    assert "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.findall(r"(?:src|href|from|url\()[=\s\"'(]+https?:", answer.text)


@pytest.mark.parametrize(
    "name", ["pages/", "pages/package.json", "pages/..%2Fweb.py", "pages/none.js", "phone.svg", "a1b2/phone"]
)
async def test_it_gives_no_other_file(visitor: Visitor, name: str) -> None:
    assert (await visitor.http.get(name)).status_code == 404


async def test_planning_brings_the_real_sms_and_the_events(visitor: Visitor) -> None:
    visit = await visitor.plan(language="de", guests=["nurse"])

    board = await visitor.sees(lambda board: len(board["events"]) >= 4)
    [message], [shown] = board["messages"], board["visits"]
    base = str(visitor.http.base_url)
    assert re.fullmatch(
        rf"{message['code']} ist Ihr Code von HUG@home\. .*:\n{re.escape(base)}visit/j/\S{{11}}\n"
        rf"@127\.0\.0\.1 #{message['code']}",
        message["text"],
    )
    assert message["link"] in message["text"]
    assert (shown["id"], shown["status"], shown["language"]) == (visit, "planned", "de")
    assert [one["role"] for one in shown["people"]] == ["practitioner", "patient", "nurse"]
    assert [event["action"] for event in board["events"]] == ["plan", "accept", "invite", "deliver"]
    assert (await visitor.http.get(message["link"])).status_code == 200


async def test_a_later_visits_sms_brings_the_link_alone(visitor: Visitor) -> None:
    await visitor.plan(when="later", language="en")

    board = await visitor.sees(lambda board: board["messages"])
    assert [(bool(each["link"]), each["code"]) for each in board["messages"]] == [(True, None)]


async def test_a_visit_by_telephone_has_no_link_to_open_and_no_robot(visitor: Visitor) -> None:
    visit = await visitor.plan(modality="phone", language="en")

    await visitor.http.post(f"visits/{visit}/robot", json={"robot": "here"})

    board = await visitor.sees(
        lambda board: board["visits"] and board["visits"][0]["robot"] not in {None, "here"}
    )
    assert board["visits"][0]["robot"] == "This link is not valid, or no longer. Please call us."
    assert board["messages"][0]["link"] is None


async def test_the_room_opens_by_a_form_beside_the_page_with_a_grant_of_this_moment(visitor: Visitor) -> None:
    visit = await visitor.plan()

    answers = [await visitor.http.post(f"visits/{visit}/room/dr-rossi") for _ in range(2)]

    places = [answer.headers["location"] for answer in answers]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert all(place.startswith("/visit/room#grant=") for place in places)
    assert places[0] != places[1]


@pytest.mark.media
async def test_a_robot_comes_by_the_sms_and_goes_when_it_is_sent_home(visitor: Visitor) -> None:
    visit = await visitor.plan()

    for _ in range(2):  # twice sends for one
        await visitor.http.post(f"visits/{visit}/robot", json={"robot": "here"})
    here = await visitor.sees(lambda board: presence(board) == "arrived")
    await visitor.http.post(f"visits/{visit}/robot", json={"robot": "home"})
    gone = await visitor.sees(lambda board: presence(board) == "departed" and not board["visits"][0]["robot"])

    await visitor.http.post(f"visits/{visit}/robot", json={"robot": "here"})
    again = await visitor.sees(lambda board: presence(board) == "arrived" and board["visits"][0]["robot"])

    assert here["visits"][0]["robot"] == "here"
    assert [bool(each["code"]) for each in again["messages"]] == [True, True], "the first code is used"
    steps = [event.get("step") for event in gone["events"]]
    assert steps.count("page-opened") == 1
    assert [event["action"] for event in gone["events"]].count("check-in") == 1


async def test_a_robot_that_comes_too_early_says_so(visitor: Visitor) -> None:
    visit = await visitor.plan(when="tomorrow")

    await visitor.http.post(f"visits/{visit}/robot", json={"robot": "here"})

    board = await visitor.sees(
        lambda board: board["visits"] and board["visits"][0]["robot"] not in {None, "here"}
    )
    assert "too early" in board["visits"][0]["robot"]


async def test_a_visit_that_nobody_planned_is_refused_in_the_librarys_own_words(visitor: Visitor) -> None:
    answer = await visitor.http.post("visits/demo.nothing/robot", json={"robot": "here"})

    assert answer.status_code == 404
    assert answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"when": "never"}', b"x" * 4096, b"\xff"])
async def test_what_is_no_wish_is_refused(visitor: Visitor, body: bytes) -> None:
    answer = await visitor.http.post("visits", content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code == 400


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1"])
async def test_a_page_of_somebody_else_cannot_ask(visitor: Visitor, origin: str) -> None:
    elsewhere = {"Origin": origin}
    visit = await visitor.plan()

    answers = [
        await visitor.http.post("visits", json={}, headers=elsewhere),
        await visitor.http.post(f"visits/{visit}/room/dr-rossi", headers=elsewhere),
        await visitor.http.post(f"visits/{visit}/robot", json={"robot": "here"}, headers=elsewhere),
    ]
    as_a_form = await visitor.http.post("visits", data={"when": "now"})
    too_long = await visitor.http.post("visits", json={"when": "x" * 5000})
    by_another_name = await visitor.http.get("", headers={"Host": "evil.example"})

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert (as_a_form.status_code, too_long.status_code, by_another_name.status_code) == (415, 413, 400)


async def test_localhost_is_this_computer_as_well(visitor: Visitor) -> None:
    port = httpx.URL(str(visitor.http.base_url)).port
    here = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}

    planned = await visitor.http.post("visits", json={}, headers=here)
    page = await visitor.http.post("visit/api/link", json={"link": "AAAAAAAAAAA"}, headers=here)

    assert planned.status_code == 201
    assert page.status_code == 404, "heard, and not refused for its origin"


def test_every_event_has_a_sentence() -> None:
    told = web._file("told.js").body
    known: set[Any] = set(re.findall(r'^  "?([a-z-]+)"?: "', bytes(told).decode(), re.MULTILINE))

    assert {*Action} - {Action.STEP} <= known
    messages = {Step.SMS_SENT, Step.SMS_DELIVERED, Step.SMS_FAILED}
    assert {*Step} - messages <= known, "these come with `deliver`"

"""Pages and files as a browser is given them: what it keeps, what it runs, and who else may read them."""

import gzip
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from posixpath import dirname, normpath
from urllib.parse import urljoin

import httpx
import pytest

from hugathome import HugAtHome
from hugathome.sms import OutboxSms
from hugathome.stores import open_store
from hugathome.web.files import Files, takes_gzip, thinned
from hugathome.web.origins import Origins, origin_of

SITE = "https://www.example.ch/visit"
OWN = "https://www.example.ch"
FRAME = "https://ehr.example.ch"
CLIENT = Path(__file__).parents[2] / "src" / "hugathome" / "browser"
ROOM, INVITATION = f"{SITE}/room", f"{SITE}/j/AAAAAAAAAAA"


def deployed(*, frames: Sequence[str] = (FRAME,)) -> HugAtHome:
    return HugAtHome(
        key=b"a key that is only ever used in tests",
        store=open_store("memory://"),
        sms=OutboxSms(),
        site=SITE,
        timezone="Europe/Zurich",
        brand="HUG@home",
        frames=frames,
    )


def browser(hug: HugAtHome) -> httpx.AsyncClient:
    application = httpx.ASGITransport(hug.asgi(), root_path="/visit")
    return httpx.AsyncClient(transport=application, base_url=SITE)


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with deployed() as hug, browser(hug) as http:
        yield http


@pytest.fixture(scope="module")
def files() -> Files:
    return Files()


# --- Headers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("page", "ancestors"), [(ROOM, FRAME), (INVITATION, "'none'")])
async def test_a_page_runs_nothing_but_its_own_scripts_and_is_framed_only_where_allowed(
    http: httpx.AsyncClient, page: str, ancestors: str
) -> None:
    headers = (await http.get(page)).headers

    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert policy["connect-src"] == "'self' wss://www.example.ch"
    assert policy["frame-ancestors"] == ancestors
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-content-type-options"] == "nosniff"


async def test_a_page_may_use_what_a_visit_needs_and_nothing_else(http: httpx.AsyncClient) -> None:
    allowed = dict(
        part.split("=") for part in (await http.get(ROOM)).headers["permissions-policy"].split(", ")
    )

    assert {name for name, who in allowed.items() if who == "(self)"} == {
        *("autoplay", "camera", "display-capture", "fullscreen", "microphone", "screen-wake-lock"),
    }
    assert {who for who in allowed.values() if who != "(self)"} == {"()"}


async def test_only_the_room_knows_to_whom_it_may_tell_what_happens(http: httpx.AsyncClient) -> None:
    room, invitation = await http.get(ROOM), await http.get(INVITATION)

    assert f'data-frames="{FRAME}"' in room.text
    assert 'data-frames=""' in invitation.text


# --- What is loaded ------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [ROOM, INVITATION])
async def test_everything_that_a_page_refers_to_is_there(http: httpx.AsyncClient, page: str) -> None:
    found = re.findall(r'(?:src|href)="([^"#:]+)"', (await http.get(page)).text)

    assert {url.rpartition("/")[2] for url in found} >= {"main.js", "page.js", "style.css", "icon.svg"}
    for url in found:
        assert (await http.get(urljoin(page, url))).status_code == 200


@pytest.mark.parametrize(("page", "knows_all"), [(ROOM, True), (INVITATION, False)])
async def test_a_page_names_every_module_at_once_so_that_none_waits_for_another(
    http: httpx.AsyncClient, page: str, *, knows_all: bool
) -> None:
    loaded = re.findall(
        r'<(?:link rel="modulepreload" href|script type="module" src)="([^"]+)"', (await http.get(page)).text
    )

    root = loaded[0].removesuffix("words/en.js")
    needed = {f"{root}{name}" for name in ("words/en.js", "main.js")}
    for url in loaded:
        text = (await http.get(urljoin(page, url))).text
        needed |= {normpath(f"{dirname(url)}/{path}") for path in re.findall(r'from "(\.[^"]+)"', text)}
        needed |= {f"{root}{path}" for path in re.findall(r'\blate\("([^"]+)"', text) if knows_all}

    names = [url.rpartition("/")[2] for url in loaded]
    assert sorted(map(normpath, loaded)) == sorted(map(normpath, needed))
    assert names.index("page.js") < names.index("main.js")
    assert not knows_all or names.index("main.js") < names.index("visit.js"), "the first ones first"


async def test_what_is_loaded_before_a_patient_sees_anything_weighs_little(http: httpx.AsyncClient) -> None:
    assert await weight_of_page(http, INVITATION) < 33_000


async def test_what_a_patient_loads_in_all_weighs_little(http: httpx.AsyncClient, files: Files) -> None:
    later = reached(files, "visit/attendance.js", "page/inside.js") - reached(files, "main.js")

    answers = [await http.get(f"{SITE}/browser/{files.release}/{name}") for name in later]

    assert {"visit/visit.js", "protocol/client.js", "page/stage.js"} <= later
    assert await weight_of_page(http, INVITATION) + sum(map(weight, answers)) < 58_000


async def test_what_a_clinician_loads_in_all_weighs_little(http: httpx.AsyncClient, files: Files) -> None:
    words = await http.get(f"{SITE}/browser/{files.release}/words/en-desk.js")

    assert await weight_of_page(http, ROOM) + weight(words) < 65_500


async def weight_of_page(http: httpx.AsyncClient, address: str) -> int:
    page = await http.get(address)
    urls = {urljoin(address, url) for url in re.findall(r'(?:src|href)="([^"#:]+)"', page.text)}
    return weight(page) + sum([weight(await http.get(url)) for url in urls])


def weight(answer: httpx.Response) -> int:
    assert answer.headers["content-encoding"] == "gzip"
    return int(answer.headers["content-length"]) + len(str(answer.headers))


def reached(files: Files, *entries: str) -> set[str]:
    return {*entries, *(name for entry in entries for name in files.needed_by(entry))}


@pytest.mark.parametrize(
    ("accepted", "is_taken"),
    [
        ("gzip, deflate, br", True),
        ("GZIP", True),
        ("br;q=1.0, gzip;q=0.8", True),
        ("", False),
        ("br, identity", False),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
    ],
)
def test_what_a_browser_takes_is_what_it_says(accepted: str, is_taken: bool) -> None:
    assert takes_gzip(accepted) is is_taken


def test_a_file_is_the_same_in_both_encodings_and_told_apart(files: Files) -> None:
    plain, gzipped = (files.get("main.js", accepted=accepted) for accepted in ("", "gzip"))

    assert plain is not None
    assert gzipped is not None
    assert gzip.decompress(gzipped.body) == plain.body
    assert gzipped.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert plain.headers["Vary"] == gzipped.headers["Vary"] == "Accept-Encoding"
    assert plain.etag != gzipped.etag


def test_comments_and_indents_are_not_sent_and_every_line_keeps_its_number() -> None:
    source = (
        '/**\n * What it is for.\n */\nimport { a } from "./a.js";\n\n'
        "  // why\n  a(/* nothing */); // now\n  /** One line. */\n"
        'const url = `\nhttps://x/*y`;\nconst css = "a /* b */ c";\n'
    )

    assert thinned(source) == (
        '\n\n\nimport { a } from "./a.js";\n\n'
        "\na(/* nothing */); // now\n\n"
        'const url = `\nhttps://x/*y`;\nconst css = "a /* b */ c";\n'
    )


def test_of_a_module_everything_else_is_sent(files: Files) -> None:
    for path in CLIENT.rglob("*.js"):
        lines = path.read_text(encoding="utf-8").split("\n")
        sent = files.get(path.relative_to(CLIENT).as_posix(), accepted="")
        assert sent is not None

        expected = ["" if line.lstrip().startswith(("/", "*")) else line.lstrip() for line in lines]
        assert sent.body.decode().split("\n") == expected


@pytest.mark.parametrize("accepted", ["identity", "gzip"])
async def test_a_file_that_a_browser_has_is_not_sent_again(
    http: httpx.AsyncClient, files: Files, accepted: str
) -> None:
    url, headers = f"{SITE}/browser/{files.release}/main.js", {"Accept-Encoding": accepted}
    first = await http.get(url, headers=headers)

    same = await http.get(url, headers={**headers, "If-None-Match": f'"other", W/{first.headers["etag"]}'})
    other = await http.get(url, headers={**headers, "If-None-Match": '"other"'})

    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", first.headers["etag"])
    assert other.status_code == 200


# --- Releases ------------------------------------------------------------------------------------


async def test_a_file_is_kept_for_ever_under_its_release(http: httpx.AsyncClient, files: Files) -> None:
    file = await http.get(f"{SITE}/browser/{files.release}/main.js")

    assert file.status_code == 200
    assert file.headers["cache-control"] == "max-age=31536000, immutable"
    assert file.headers["content-type"] == "text/javascript; charset=utf-8"


async def test_of_another_release_there_is_nothing(http: httpx.AsyncClient) -> None:
    file = await http.get(f"{SITE}/browser/0123456789abcdef/main.js")

    assert file.status_code == 404
    assert file.headers["cache-control"] == "no-store"


async def test_a_release_is_served_under_any_number_so_that_a_browser_can_ask_anew(
    http: httpx.AsyncClient, files: Files
) -> None:
    first, again = [
        await http.get(f"{SITE}/browser/{release}/visit/desk.js")
        for release in (files.release, f"{files.release}.1")
    ]

    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert (await http.get(f"{SITE}/browser/0123456789abcdef.1/visit/desk.js")).status_code == 404


async def test_the_address_that_never_changes_leads_to_the_release(
    http: httpx.AsyncClient, files: Files
) -> None:
    led = await http.get(f"{SITE}/browser/style.css")

    assert led.status_code == 307
    assert led.headers["cache-control"] == "no-cache"
    assert urljoin(f"{SITE}/browser/style.css", led.headers["location"]) == (
        f"{SITE}/browser/{files.release}/style.css"
    )


@pytest.mark.parametrize(
    "name", ["page.html", "package.json", "nothing.js", "..%2fapp.py", "%2e%2e%2fapp.py", "page", "page/", ""]
)
@pytest.mark.parametrize("folder", ["", "release/"])
async def test_nothing_but_the_files_of_the_client_can_be_had(
    http: httpx.AsyncClient, files: Files, folder: str, name: str
) -> None:
    folder = folder.replace("release", files.release)

    assert (await http.get(f"{SITE}/browser/{folder}{name}")).status_code == 404


# --- Other origins -------------------------------------------------------------------------------

ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


async def call(http: httpx.AsyncClient, method: str, headers: Mapping[str, str]) -> httpx.Response:
    json = {"link": "AAAAAAAAAAA"} if method == "POST" else None
    return await http.request(method, f"{SITE}/api/link", headers=headers, json=json)


async def test_a_page_of_a_frames_origin_may_ask_and_read_also_a_refusal(http: httpx.AsyncClient) -> None:
    told = await call(http, "OPTIONS", {"Origin": FRAME, **ASKED})
    answer = await call(http, "POST", {"Origin": FRAME})

    assert told.status_code == 204
    assert told.headers["access-control-allow-methods"] == "POST"
    assert told.headers["access-control-allow-headers"] == "Content-Type"
    assert answer.status_code == 404
    for each in (told, answer):
        assert each.headers["access-control-allow-origin"] == FRAME
        assert each.headers["vary"] == "Origin"
        assert "access-control-allow-credentials" not in each.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://ehr.example.ch.evil.example", "null", OWN]
)
async def test_no_other_page_may_read_anything(http: httpx.AsyncClient, files: Files, origin: str) -> None:
    told = await call(http, "OPTIONS", {"Origin": origin, **ASKED})
    answer = await call(http, "POST", {"Origin": origin})
    file = await http.get(f"{SITE}/browser/{files.release}/main.js", headers={"Origin": origin})

    assert told.status_code == 403
    assert answer.status_code == (404 if origin == OWN else 403)
    for each in (told, answer, file):
        assert "access-control-allow-origin" not in each.headers
        assert "Origin" in each.headers["vary"]


@pytest.mark.parametrize("folder", ["", "release/"])
async def test_modules_may_be_loaded_by_a_page_of_a_frames_origin(
    http: httpx.AsyncClient, files: Files, folder: str
) -> None:
    url = f"{SITE}/browser/{folder.replace('release', files.release)}element.js"

    file = await http.get(url, headers={"Origin": FRAME})

    assert file.headers["access-control-allow-origin"] == FRAME
    assert "Origin" in file.headers["vary"]


async def test_a_page_is_read_by_its_own_origin_only(http: httpx.AsyncClient) -> None:
    page = await http.get(ROOM, headers={"Origin": FRAME})

    assert "access-control-allow-origin" not in page.headers


async def test_without_frames_nobody_else_may_ask_or_read(files: Files) -> None:
    async with deployed(frames=()) as hug, browser(hug) as http:
        told = await call(http, "OPTIONS", {"Origin": FRAME, **ASKED})
        answer = await call(http, "POST", {"Origin": FRAME})
        file = await http.get(f"{SITE}/browser/{files.release}/main.js", headers={"Origin": FRAME})
        page = await http.get(ROOM)

    assert (told.status_code, answer.status_code) == (405, 403)
    for each in (told, answer, file):
        assert "access-control-allow-origin" not in each.headers
    assert file.headers["vary"] == "Accept-Encoding"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert 'data-frames=""' in page.text


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://www.example.ch/visit", "https://www.example.ch"),
        ("https://WWW.example.ch:443", "https://www.example.ch"),
        ("http://127.0.0.1:8000/visit", "http://127.0.0.1:8000"),
        ("http://[::1]:80/", "http://[::1]"),
    ],
)
def test_an_origin_is_written_as_browsers_do(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    ("origin", "may_ask"),
    [(None, True), (OWN, True), (FRAME, True), ("null", False), (f"{OWN}:8443", False)],
)
def test_who_may_ask_is_said_exactly(origin: str | None, may_ask: bool) -> None:
    assert Origins(site=SITE, frames=[FRAME]).may_ask(origin) is may_ask

"""A real Firefox, driven over its own WebDriver BiDi: no driver beside it, and no network but loopback.

    async with firefox(profile) as browser:
        tab = await browser.open(url)
        await tab.click("[data-action=join]")

Camera and microphone are Firefox's own fakes. Elements are used as a finger and a keyboard use them: only
where they can be seen.
"""

import asyncio
import json
from asyncio.subprocess import DEVNULL
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from tests.pages.browsing import HANDHELD, KEEP_CONNECTIONS
from websockets.asyncio.client import ClientConnection, connect

PATIENCE = 40.0
"""Seconds until what a test waits for has failed: on a busy machine Firefox alone takes twenty to start."""
_LOOKS_EVERY = 0.05
_ADDRESS = "WebDriverBiDiServer.json"
"""The file of the profile in which Firefox says where it listens."""
_PREFERENCES: Final[Mapping[str, str | int | bool]] = {
    "media.navigator.permission.disabled": True,
    "media.navigator.streams.fake": True,
    "media.peerconnection.default_iceservers": "[]",
    "media.peerconnection.ice.loopback": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    # whatever Firefox would tell, ask or fetch by itself goes to a proxy that is not there
    "network.proxy.allow_bypass": False,
    "network.proxy.failover_direct": False,
    "network.proxy.http": "127.0.0.1",
    "network.proxy.http_port": 9,
    "network.proxy.no_proxies_on": "127.0.0.1",
    "network.proxy.ssl": "127.0.0.1",
    "network.proxy.ssl_port": 9,
    "network.proxy.type": 1,
    "network.trr.mode": 5,
}
_NOTES_HITS = "addEventListener('click', ({ target }) => { window.hit = target; }, true);"
_IS_HIT = """
async (selector) => {
    await new Promise(requestAnimationFrame);
    return Boolean(window.hit && window.hit.closest(selector));
}
"""
_VISIBLE = """
(selector) => {
    const isSeen = (element) => element.getClientRects().length > 0;
    const found = [...document.querySelectorAll(selector)].find(isSeen);
    if (found) found.scrollIntoView({ block: "center" });
    return found;
}
"""

Found = TypeVar("Found")


class Firefox:
    """One running Firefox."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._numbers = count(1)
        self._turn = asyncio.Lock()

    async def open(self, url: str, *, viewport: Mapping[str, int] = HANDHELD) -> "Tab":
        """Open a page in a tab of this size, as somebody whom the site has never seen."""
        visitor = await self.ask("browser.createUserContext")
        made = await self.ask("browsingContext.create", type="tab", userContext=visitor["userContext"])
        tab = Tab(self, made["context"])
        await self.ask("browsingContext.setViewport", context=tab.context, viewport=dict(viewport))
        preload = f"() => {{ {KEEP_CONNECTIONS} {_NOTES_HITS} }}"
        await self.ask("script.addPreloadScript", functionDeclaration=preload, contexts=[tab.context])
        await tab.go(url)
        return tab

    async def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command of WebDriver BiDi and return its result; raise `FirefoxRefused`."""
        number = next(self._numbers)
        async with self._turn, asyncio.timeout(PATIENCE):
            await self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
            answer: dict[str, Any] = {}
            while answer.get("id") != number:  # an older one is of a command that nobody waits for any more
                answer = json.loads(await self._socket.recv())
        if answer["type"] != "success":
            raise FirefoxRefused(f"{method}: {answer['error']}: {answer['message']}")
        result: dict[str, Any] = answer["result"]
        return result


class FirefoxRefused(Exception):
    """Firefox did not do what it was asked, or a script of the test has thrown."""


class Tab:
    """One page."""

    def __init__(self, browser: Firefox, context: str) -> None:
        self.context = context
        self._browser = browser

    async def go(self, url: str) -> None:
        """Open an address and return once it is loaded."""
        await self._browser.ask("browsingContext.navigate", context=self.context, url=url, wait="complete")

    async def close(self) -> None:
        """Close the tab."""
        await self._browser.ask("browsingContext.close", context=self.context)

    async def evaluate(self, function: str, *arguments: object) -> Any:
        """Call a function in the page, await what it returns, and return that by way of JSON."""
        passed = ", ".join(json.dumps(each) for each in arguments)
        value = await self._call(f"async () => JSON.stringify(await ({function})({passed}))")
        return json.loads(value["value"]) if value["type"] == "string" else None

    async def click(self, selector: str) -> None:
        """Click the first element that matches and can be seen; again where it moved away meanwhile."""

        async def hit() -> bool | None:
            await self._press(await self.visible(selector))
            return await self.evaluate(_IS_HIT, selector) or None

        await _patiently(hit, f"{selector} cannot be clicked")

    async def type(self, selector: str, text: str) -> None:
        """Click into a field and type."""
        await self.click(selector)
        strokes = [{"type": stroke, "value": key} for key in text for stroke in ("keyDown", "keyUp")]
        await self._act({"type": "key", "id": "keyboard", "actions": strokes})

    async def visible(self, selector: str) -> str:
        """Return Firefox's name for the first element that matches, once it can be seen and reached."""

        async def node() -> str | None:
            return (await self._call(f"() => ({_VISIBLE})({json.dumps(selector)})")).get("sharedId")

        return await _patiently(node, f"there is no {selector} to be seen")

    async def _call(self, function: str) -> dict[str, Any]:
        answer = await self._browser.ask(
            "script.callFunction",
            functionDeclaration=function,
            awaitPromise=True,
            target={"context": self.context},
        )
        if answer["type"] == "exception":
            raise FirefoxRefused(answer["exceptionDetails"]["text"])
        result: dict[str, Any] = answer["result"]
        return result

    async def _press(self, name: str) -> None:
        element = {"type": "element", "element": {"sharedId": name}}
        steps = [
            {"type": "pointerMove", "x": 0, "y": 0, "origin": element},
            {"type": "pointerDown", "button": 0},
            {"type": "pointerUp", "button": 0},
        ]
        await self._act({"type": "pointer", "id": "finger", "actions": steps})

    async def _act(self, source: dict[str, Any]) -> None:
        await self._browser.ask("input.performActions", context=self.context, actions=[source])


@asynccontextmanager
async def firefox(profile: Path) -> AsyncIterator[Firefox]:
    """Run Firefox without a window, with an empty profile in `profile`, while the block runs."""
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in _PREFERENCES.items()]
    (profile / "user.js").write_text("\n".join(lines))
    options = ["--headless", "--no-remote", "--profile", str(profile), "--remote-debugging-port", "0"]
    process = await asyncio.create_subprocess_exec("firefox-esr", *options, stdout=DEVNULL, stderr=DEVNULL)
    try:
        address = f"ws://127.0.0.1:{await _port(profile / _ADDRESS)}/session"
        async with connect(address, max_size=None, proxy=None) as socket:
            browser = Firefox(socket)
            await browser.ask("session.new", capabilities={})
            yield browser
            await browser.ask("browser.close")
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _port(said: Path) -> int:
    """Return where Firefox listens, once it has said so."""

    async def port() -> int | None:
        text = _read(said)
        return int(json.loads(text)["ws_port"]) if text.endswith("}") else None

    return await _patiently(port, "Firefox does not say where it listens")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


async def _patiently(look: Callable[[], Awaitable[Found | None]], complaint: str) -> Found:
    """Return what `look` finds, once it does."""
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                if (found := await look()) is not None:
                    return found
                await asyncio.sleep(_LOOKS_EVERY)
    except TimeoutError:
        raise AssertionError(complaint) from None

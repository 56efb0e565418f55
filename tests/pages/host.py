"""A host's own site, on an origin of its own, with the content security policy that the how-to asks for."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

from hugathome.web.serving import listening, serving

EVENTS = ("state", "link", "joined", "left", "ended", "ring", "text", "app", "refused", "problem")
LISTENING = """
window.heard = [];
for (const name of %s) {
    document.addEventListener(`hugathome-${name}`, ({ detail }) => window.heard.push({ name, detail }));
}
window.addEventListener("message", ({ data, origin }) => window.heard.push({ ...data, origin }));
"""
"""Keeps what a page is told: by an element in events, by a frame in messages."""


class Host:
    """A site that serves a few pages, which are put into it once the visit's address is known."""

    def __init__(self) -> None:
        self._socket = listening()
        self._stack = AsyncExitStack()
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.pages: dict[str, str] = {}
        self.visits = "http://127.0.0.1:1"

    async def start(self) -> None:
        await self._stack.enter_async_context(serving(self, self._socket))

    async def stop(self) -> None:
        await self._stack.aclose()

    async def __call__(self, scope: Mapping[str, Any], _receive: object, send: Any) -> None:
        if scope["type"] != "http":
            return
        page = self.pages.get(scope["path"])
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-security-policy", self._policy().encode()),
        ]
        status = 404 if page is None else 200
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": (page or "").encode()})

    def _policy(self) -> str:
        visits, socket = self.visits, self.visits.replace("http", "ws", 1)
        return (
            f"default-src 'self'; frame-src {visits}; script-src 'self' {visits}; "
            f"style-src 'self' {visits}; connect-src 'self' {visits} {socket}"
        )

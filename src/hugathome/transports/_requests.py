"""Requests of ASGI that carry a connection: held against method, type and size, read, and answered."""

import asyncio
import json
from collections.abc import Mapping
from http import HTTPStatus

from hugathome.errors import InvalidInput, TransportClosed
from hugathome.transports._held import Held
from hugathome.transports._posted import BODY_LIMIT, COMMENT_EVERY, EVENTS, JSON, Asked, Told
from hugathome.transports.asgi import Receive, Scope, Send

_AT_FIRST = b":" + b" " * 2048 + b"\n\n"
"""What a proxy may want to collect before it lets anything through."""
_COMMENT = b":\n\n"


def refusal(scope: Scope, has: Mapping[str, str]) -> HTTPStatus | None:
    """Return the status that refuses a request for what stands before its body; `has` are its headers."""
    if scope["method"] != "POST":
        return HTTPStatus.METHOD_NOT_ALLOWED
    kind = has.get("content-type", "").partition(";")[0].strip().lower()
    return None if kind == JSON else HTTPStatus.UNSUPPORTED_MEDIA_TYPE


async def read(receive: Receive) -> Asked | HTTPStatus:
    """Return what is asked, or the status that refuses it.

    Raises `TransportClosed` for a client that goes away before it has said all.
    """
    body, is_more = bytearray(), True
    while is_more:
        event = await receive()
        if event["type"] != "http.request":
            raise TransportClosed("the client went away during its request")
        body += event.get("body", b"")
        is_more = event.get("more_body", False)
        if len(body) > BODY_LIMIT:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    try:
        return Asked.from_json(bytes(body))
    except InvalidInput:
        return HTTPStatus.BAD_REQUEST


async def answer(send: Send, headers: Mapping[str, str], told: Told | HTTPStatus) -> None:
    """Answer at once: what is told, or a problem document (RFC 9457)."""
    if isinstance(told, Told):
        status, kind, body = HTTPStatus.OK, JSON, told.to_json()
    else:
        problem = {"type": "about:blank", "title": told.phrase, "status": told}
        status, kind, body = told, "application/problem+json", json.dumps(problem)
    await _start(send, status, {**headers, "Content-Type": kind})
    await send({"type": "http.response.body", "body": body.encode()})


async def stream(held: Held, name: str, headers: Mapping[str, str], *, receive: Receive, send: Send) -> None:
    """Tell everything until one side ends it; a stream that breaks ends its connection."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        held.cut()

    watching = asyncio.create_task(watch())
    told = Told(connection=name)
    try:
        await _start(send, HTTPStatus.OK, {**headers, "Content-Type": EVENTS})
        await _write(send, _AT_FIRST + _event(told))
        after = 0
        while not told.ended:
            told = await held.tell(after, wait=COMMENT_EVERY)
            after = told.number + len(told.frames) - 1
            await _write(send, _event(told) if told.frames or told.ended else _COMMENT)
        await send({"type": "http.response.body"})
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        if not told.ended:
            held.cut()


def _event(told: Told) -> bytes:
    return f"data: {told.to_json()}\n\n".encode()


async def _write(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _start(send: Send, status: HTTPStatus, headers: Mapping[str, str]) -> None:
    listed = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status.value, "headers": listed})

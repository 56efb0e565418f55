"""Autobahn's cases against the mounted application's WebSocket, beside the bare server's in the same run.

Both say back what they hear: ours with `hug.serve` replaced, over everything that stands before it; the
bare one over the same uvicorn with the same settings. Counted is what fails at ours and not at the bare one.

Left out is what we refuse on purpose: binary messages (closed with 4000), messages over 64 KiB (closed with
4009), and with them the cases that are made of nothing else; compression is never negotiated.

    python benchmarks/autobahn.py
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from kosoku import FailureError, run_fuzzingclient

from hugathome.errors import TransportClosed
from hugathome.signalling import Transport
from hugathome.testing import FakeHugAtHome
from hugathome.transports._wire import SUBPROTOCOL
from hugathome.web.serving import listening, serving

App = Callable[[Any, Any, Any], Awaitable[None]]
LEFT_OUT = ["1.2.*", "9.*", "12.*", "13.*"]
BAD = {"FAILED", "ERROR", "UNCLEAN", "WRONG CODE", "FAILED BY CLIENT"}


class EchoingHug(FakeHugAtHome):
    """Stands for the product: everything that is its own but the hub."""

    async def serve(self, transport: Transport, *, source: str | None = None) -> None:
        """Say back what is said."""
        try:
            while True:
                await transport.send(await transport.receive())
        except TransportClosed:
            pass


def offering_ours(app: App) -> App:
    """Return `app` for clients that offer no subprotocol, as if they offered ours."""

    async def call(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        async def without(event: MutableMapping[str, Any]) -> None:
            event.pop("subprotocol", None)
            await send(event)

        await app({**scope, "path": "/signal", "subprotocols": [SUBPROTOCOL]}, receive, without)

    return call


async def bare(_scope: object, receive: Any, send: Any) -> None:
    """Say back what is said, with nothing between."""
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send(
            {
                "type": "websocket.send",
                **{key: event[key] for key in ("text", "bytes") if event.get(key) is not None},
            }
        )


async def failed(app: App) -> tuple[int, set[str]]:
    """Return how many cases were run, and those that failed."""
    bound = listening()
    async with serving(app, bound):
        try:
            results = await run_fuzzingclient(f"ws://127.0.0.1:{bound.getsockname()[1]}", None, LEFT_OUT)
        except FailureError as failure:
            results = failure.results
    return len(results), {
        each.case_id for each in results if {each.behavior.value, each.behavior_close.value} & BAD
    }


async def measure() -> dict[str, float]:
    """Run the cases against both."""
    async with EchoingHug() as hug:
        cases, ours = await failed(offering_ours(hug.asgi()))
    _, theirs = await failed(bare)
    return {"beyond": len(ours - theirs), "cases": cases, "failed": len(ours), "failed_bare": len(theirs)}


if __name__ == "__main__":
    logging.disable()  # the server logs each broken frame, which is what most cases send
    print(json.dumps(asyncio.run(measure())))

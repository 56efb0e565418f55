"""The page docs/how-to/plug-a-transport.md does what it says."""

import asyncio
import re
from pathlib import Path
from typing import Any

from hugathome.errors import TransportClosed
from hugathome.signalling import Transport
from hugathome.testing.check_transport import _RULES

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "plug-a-transport.md"


class EchoingHost:
    """Stands for the host's `hug`: says back what a device says, and notes that it has gone."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    async def serve(self, transport: Transport) -> None:
        try:
            while True:
                await transport.send(await transport.receive())
        except TransportClosed:
            await transport.aclose()
            self.gone.set()


def page_as_a_module(**names: Any) -> dict[str, Any]:
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    module: dict[str, Any] = {"__name__": "the_page", **names}
    exec("\n".join(blocks), module)
    return module


async def test_the_page_s_transport_keeps_the_rules() -> None:
    await page_as_a_module()["test_my_transport_keeps_the_rules"]()


async def test_the_page_s_transport_is_served() -> None:
    host = EchoingHost()
    page = page_as_a_module(hug=host)

    async with await asyncio.start_server(page["on_connection"], "127.0.0.1", 0) as server:
        address = server.sockets[0].getsockname()
        device = page["LineTransport"](*await asyncio.open_connection(*address))
        await device.send("hello")

        assert await device.receive() == "hello"
        await device.aclose()
        await host.gone.wait()


def test_the_page_counts_the_rules() -> None:
    assert len(_RULES) == 22
    assert "twenty-two rules" in PAGE.read_text(encoding="utf-8")

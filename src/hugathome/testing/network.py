"""What lies between one device and its site: a test listens to it, breaks it, and mends it.

network = Network(hug.here)
async with Robot.from_sms(sms, site=network, media=False) as patient:
    await network.down()                 # the screen goes dark, the train enters a tunnel
    await hug.clock.advance(hours=1)
    network.up()                         # the robot comes back by itself
"""

import json

from hugathome.clock import Clock
from hugathome.errors import TransportClosed
from hugathome.signalling import Transport
from hugathome.testing.site import Answer, HttpSite, Site


class Network:
    """A `Site` for one robot; it can be down, or deaf: then nothing arrives, and nobody is told."""

    def __init__(self, site: Site | str) -> None:
        self.heard: list[str] = []
        """Every text that has reached the device: answers of the API, and what its transports received."""
        self._site = HttpSite(site) if isinstance(site, str) else site
        self._is_up = True
        self._lines: set[_Line] = set()

    @property
    def clock(self) -> Clock:
        """The site's clock."""
        return self._site.clock

    async def ask(self, call: str, **asked: str) -> Answer:
        """Make a call of the API."""
        self._refuse_if_down()
        answer = await self._site.ask(call, **asked)
        self.heard.append(json.dumps(answer))
        return answer

    async def connect(self) -> Transport:
        """Open a transport to the hub."""
        self._refuse_if_down()
        line = _Line(await self._site.connect(), heard=self.heard)
        self._lines.add(line)
        return line

    async def aclose(self) -> None:
        """Close what was opened for this device."""
        await self._site.aclose()

    # --- What a test does to it ------------------------------------------------------------------

    async def down(self) -> None:
        """Cut every transport, and let nothing through until `up`."""
        self._is_up = False
        while self._lines:
            await self._lines.pop().aclose()

    def up(self) -> None:
        """Let everything through again."""
        self._is_up = True

    def go_deaf(self) -> None:
        """Lose whatever comes and goes on the transports that are open now; neither end is told."""
        for line in self._lines:
            line.is_deaf = True

    def _refuse_if_down(self) -> None:
        if not self._is_up:
            raise TransportClosed("the network is down")


class _Line:
    """A transport as the device sees it."""

    def __init__(self, transport: Transport, *, heard: list[str]) -> None:
        self.is_deaf = False
        self._transport = transport
        self._heard = heard

    async def send(self, text: str) -> None:
        if not self.is_deaf:
            await self._transport.send(text)

    async def receive(self) -> str:
        while True:
            text = await self._transport.receive()
            if not self.is_deaf:
                self._heard.append(text)
                return text

    async def aclose(self) -> None:
        await self._transport.aclose()

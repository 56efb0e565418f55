"""Every connection of one endpoint: which generation is at work, and which may end."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from aiortc import RTCConfiguration

from hugathome.device.line import MediaState
from hugathome.peer._generation import Generation, Listener, Work
from hugathome.peer._ice import IceSettings
from hugathome.peer._streams import Shared, Stream
from hugathome.protocol.wire import PairView


class Connections:
    """The peer connections by `pc`; a newer generation replaces the older one once it is connected."""

    def __init__(
        self, *, ice: IceSettings, receives: Callable[[str, str], Stream[Any]], listener: Listener
    ) -> None:
        self._ice = ice
        self._receives = receives
        self._listener = listener
        self._generations: dict[str, list[Generation]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def is_connected(self, participant: str) -> bool:
        """Whether media have a way to somebody."""
        return any(
            generation.state == "connected" and generation.pair.participant == participant
            for generations in self._generations.values()
            for generation in generations
        )

    def connect(
        self,
        pair: PairView,
        *,
        configuration: RTCConfiguration,
        kinds: Iterable[str],
        sends: Iterable[Shared],
    ) -> None:
        """Make an endpoint; of the older ones, only what is connected goes on."""
        older = self._generations.get(pair.pc, [])
        for generation in older:
            if generation.state != "connected":
                generation.end()
        generation = Generation(
            pair,
            ice=self._ice,
            sends=sends,
            receives=lambda kind: self._receives(pair.participant, kind),
            listener=self,
        )
        self._generations[pair.pc] = [*(each for each in older if each.state == "connected"), generation]
        running = asyncio.create_task(generation.run(configuration, kinds))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    def do(self, work: Work) -> None:
        """Hand work to the generation that it is for."""
        for generation in self._generations.get(work.pc, ()):
            if generation.pair.gen == work.gen:
                generation.do(work)

    def disconnect(self, pc: str) -> None:
        """End a connection."""
        for generation in self._generations.pop(pc, ()):
            generation.end()

    async def aclose(self) -> None:
        """End all, and wait until their sockets and threads are gone."""
        for pc in tuple(self._generations):
            self.disconnect(pc)
        await asyncio.gather(*self._running)

    def offered(self, pc: str, gen: int, sdp: str) -> None:
        """Pass on an offer."""
        self._listener.offered(pc, gen, sdp)

    def answered(self, pc: str, gen: int, sdp: str) -> None:
        """Pass on an answer."""
        self._listener.answered(pc, gen, sdp)

    def fared(self, pc: str, gen: int, state: MediaState) -> None:
        """Pass on a change; what has been replaced ends here."""
        known = self._generations.get(pc, [])
        if state == "connected":
            for older in [each for each in known if each.pair.gen < gen]:
                known.remove(older)
                older.end()
        self._listener.fared(pc, gen, state)

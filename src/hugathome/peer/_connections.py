"""Every connection of one endpoint: which is played, which is being made in its place, and which may end.

Where the one before is connected, it is played until the new one brings each kind that it brings, or it is
connected no longer. It stays for a moment then: the other side may still be looking at it.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from aiortc import RTCConfiguration

from hugathome.device.line import MediaState
from hugathome.peer._generation import Generation, Listener, Work
from hugathome.peer._ice import IceSettings
from hugathome.peer._streams import Shared, Stream
from hugathome.protocol.wire import PairView

_STAYS_FOR = 1.0
"""Seconds for which the other side may go on looking at what was replaced here."""


class Connections:
    """The peer connections, by participant: the one that is played, then its successor or the one before."""

    def __init__(
        self, *, ice: IceSettings, receives: Callable[[str, str], Stream[Any]], listener: Listener
    ) -> None:
        self._ice = ice
        self._receives = receives
        self._listener = listener
        self._with: dict[str, list[Generation]] = {}
        self._running: set[asyncio.Task[None]] = set()

    def is_connected(self, participant: str) -> bool:
        """Whether media have a way to somebody."""
        return any(each.state == "connected" for each in self._with.get(participant, ()))

    def connect(
        self,
        pair: PairView,
        *,
        configuration: RTCConfiguration,
        kinds: Iterable[str],
        sends: Iterable[Shared],
    ) -> None:
        """Make an endpoint; of the older ones, only the one goes on that is played, if it is connected."""
        older = self._with.get(pair.participant, [])
        self._keep(pair.participant, [each for each in older[:1] if each.state == "connected"])
        generation = Generation(
            pair,
            ice=self._ice,
            sends=sends,
            receives=lambda kind: self._receives(pair.participant, kind),
            plays=self._plays,
            listener=self,
        )
        self._keep(pair.participant, [*self._with.get(pair.participant, ()), generation])
        running = asyncio.create_task(generation.run(configuration, kinds))
        self._running.add(running)
        running.add_done_callback(self._running.discard)

    def do(self, work: Work) -> None:
        """Hand work to the generation that it is for."""
        for generation in self._all():
            if (generation.pair.pc, generation.pair.gen) == (work.pc, work.gen):
                generation.do(work)

    def disconnect(self, pc: str, gen: int) -> None:
        """End a connection, up to a generation."""
        for each in self._all():
            if each.pair.pc == pc and each.pair.gen <= gen:
                self._end(each)

    async def aclose(self) -> None:
        """End all, and wait until their sockets and threads are gone."""
        for participant in tuple(self._with):
            self._keep(participant, [])
        await asyncio.gather(*self._running)

    def offered(self, pc: str, gen: int, sdp: str) -> None:
        """Pass on an offer."""
        self._listener.offered(pc, gen, sdp)

    def answered(self, pc: str, gen: int, sdp: str) -> None:
        """Pass on an answer."""
        self._listener.answered(pc, gen, sdp)

    def fared(self, pc: str, gen: int, state: MediaState) -> None:
        """Pass on a change; what is connected no longer is replaced."""
        for participant in tuple(self._with):
            self._hand_over(participant)
        self._listener.fared(pc, gen, state)

    def _plays(self, generation: Generation) -> bool:
        """Say whether what has come just now is to be shown and heard."""
        participant = generation.pair.participant
        self._hand_over(participant)
        known = self._with.get(participant)
        return known is not None and known[0] is generation

    def _hand_over(self, participant: str) -> None:
        """Play the successor once it brings as much, or there is nothing else to play."""
        known = self._with.get(participant, [])
        if len(known) < 2 or known[1].is_replaced:
            return
        played, successor = known
        if played.state == "connected" and played.brings - successor.brings:
            return
        played.is_replaced = True
        self._with[participant] = [successor, played]
        asyncio.get_running_loop().call_later(_STAYS_FOR, self._end, played)

    def _end(self, generation: Generation) -> None:
        participant = generation.pair.participant
        self._keep(participant, [each for each in self._with.get(participant, ()) if each is not generation])

    def _keep(self, participant: str, kept: list[Generation]) -> None:
        """Go on with these, the first of which is played, and end all others."""
        for each in self._with.pop(participant, ()):
            if each not in kept:
                each.end()
        if kept:
            self._with[participant] = kept

    def _all(self) -> list[Generation]:
        return [each for known in self._with.values() for each in known]

"""One connection to Redis for all questions of an event loop, over which it also tells what others change.

redis-py reads the address and makes the TLS context. What is said is our own (`_lane.py`), in RESP3: its
client waits for the answer of one call before the next, and takes two to three times the processor's time
(65 µs against 20 to 33 for an `XADD` of 1.6 kB).
"""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from hugathome.stores._lane import Lane
from hugathome.stores._redis import PATIENCE, accepted, server_at
from hugathome.stores._resp import Refusal, Word


class SharedLine:
    """One connection, opened at the first question; `hear` gets the keys that others have changed."""

    def __init__(
        self,
        url: str,
        *,
        watched: str,
        hear: Callable[[Sequence[bytes] | None], None],
        lost: Callable[[], None],
    ) -> None:
        self._server: Any = server_at(url)
        self._watched = watched
        """What the names of the keys begin with that are listened for."""
        self._hear = hear
        self._lost = lost
        self._opening = asyncio.Lock()
        self._lane: Lane | None = None
        self.hears = False
        """Whether the server tells of changes: some proxies let nothing through."""

    async def ask(self, *words: Word) -> Any:
        """Return the answer."""
        (answer,) = await self.ask_all(words)
        return accepted(answer)

    async def ask_all(self, *commands: Sequence[Word]) -> list[Any]:
        """Return the answers, of which some may be refusals, in one round trip."""
        if (lane := self._lane) is None or not lane.is_open:
            lane = await self._opened()
        return await lane.ask(*commands)

    async def aclose(self) -> None:
        """Close the connection."""
        lane, self._lane = self._lane, None
        if lane is not None:
            await lane.aclose()

    async def _opened(self) -> Lane:
        async with asyncio.timeout(PATIENCE), self._opening:
            if self._lane is None or not self._lane.is_open:
                lane = await self._connected()
                try:
                    await self._greet(lane)
                except BaseException:
                    await lane.aclose()
                    raise
                self._lane = lane
            return self._lane

    async def _connected(self) -> Lane:
        loop, server = asyncio.get_running_loop(), self._server
        new = partial(Lane, patience=PATIENCE, hear=self._heard, lost=self._lost)
        if hasattr(server, "path"):
            _, lane = await loop.create_unix_connection(new, server.path)
        else:
            tls = server.ssl_context.get() if hasattr(server, "ssl_context") else None
            _, lane = await loop.create_connection(new, server.host, server.port, ssl=tls)
        return lane

    async def _greet(self, lane: Lane) -> None:
        """Say who asks, for which database, and that changes are to be told: all but those made here."""
        server = self._server
        has_name = server.username or server.password
        who = ("AUTH", server.username or "default", server.password or "") if has_name else ()
        select = (("SELECT", server.db),) if server.db else ()
        track = ("CLIENT", "TRACKING", "ON", "BCAST", "NOLOOP", "PREFIX", self._watched)
        *greeted, tracked = await lane.ask(("HELLO", 3, *who), *select, track)
        for answer in greeted:
            accepted(answer)
        self.hears = not isinstance(tracked, Refusal)

    def _heard(self, words: Sequence[Any]) -> None:
        if words[0] == b"invalidate":
            self._hear(words[1])

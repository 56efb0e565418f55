"""Serve devices: have their hello judged, give them their room, and see them out.

    transport ──hello──► Reception ──claim──► LiveRoom ──► Stay.run ──close──► transport

The hub keeps nothing that the record and the log do not have: any worker can serve the next connection,
and a worker that dies loses nothing. It owns the tasks that follow rooms, and `aclose` ends them all.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from hugathome.clock import Clock
from hugathome.consultations import Consultations
from hugathome.discretion import log_unexpected
from hugathome.errors import HugathomeError, TransportClosed
from hugathome.protocol.ice import CREDENTIALS_LIFETIME, IceServer, expire, ice_servers_for
from hugathome.protocol.messages import Close, Goaway, Hello, IceServers, ServerMessage
from hugathome.protocol.wire import CloseCode, Limits
from hugathome.rooms.ending import Goodbye, first_of
from hugathome.rooms.journal import Journal
from hugathome.rooms.live import LiveRoom, Parts
from hugathome.rooms.pulse import Pulse
from hugathome.rooms.reception import Reception, close_for
from hugathome.rooms.stay import Stay
from hugathome.rooms.turnstile import TooMany
from hugathome.signalling import Transport
from hugathome.telemetry import CLOSES, ROOMS, SILENT, Telemetry
from hugathome.visits.doorkeeper import Doorkeeper

_LOGGER = logging.getLogger("hugathome")
_GOODBYE_WITHIN = 5.0
_DEFAULTS = Limits()

_ROOMS_WAIT = timedelta(seconds=10)
"""Until it is tried again whether another room may be opened."""


class Hub:
    """Every connection of one process; give it to any number of transports."""

    def __init__(
        self,
        *,
        journal: Journal,
        consultations: Consultations,
        doorkeeper: Doorkeeper,
        clock: Clock,
        randomness: Callable[[int], bytes],
        limits: Limits = _DEFAULTS,
        ice_servers: Sequence[IceServer] = (),
        relay_only: bool = False,
        telemetry: Telemetry = SILENT,
    ) -> None:
        self._ice_servers = tuple(ice_servers)
        self._relay_only = relay_only
        self._parts = Parts(
            journal=journal,
            consultations=consultations,
            clock=clock,
            randomness=randomness,
            limits=limits,
            mint=self._ice,
            pulse=Pulse(clock),
            telemetry=telemetry,
        )
        self._reception = Reception(parts=self._parts, doorkeeper=doorkeeper)
        self._open: Counter[str] = Counter()
        """Live rooms by organisation."""
        self._rooms: dict[str, LiveRoom] = {}
        self._following: set[asyncio.Task[None]] = set()
        """Of former rooms too, which may have a last word to say while their successor is there."""
        self._ends_at: datetime | None = None
        self._goodbyes: dict[Goodbye, None] = {}
        """One for every connection, in the order of their coming."""
        self._is_empty = asyncio.Event()
        self._is_empty.set()

    async def serve(self, transport: Transport, *, source: str | None = None) -> None:
        """Serve one connection until it ends, and close it; its first message must be a hello.

        `source` is the address that it comes from, if that is known.
        """
        goodbye = Goodbye()
        self._goodbyes[goodbye] = None
        self._is_empty.clear()
        if self._ends_at is not None:
            goodbye.say()
        try:
            close = await self._served(transport, goodbye, source)
            self._note_end(close)
            if close is not None:
                await self._say_goodbye(transport, close)
        finally:
            try:
                await transport.aclose()
            finally:  # also where the server cancels a second time: nobody is waited for who has gone
                del self._goodbyes[goodbye]
                if not self._goodbyes:
                    self._is_empty.set()

    async def aclose(self, *, within: timedelta = timedelta()) -> None:
        """Send everybody away to come back elsewhere, one after the other `within` this time, and end.

        Whoever connects meanwhile is sent away at once. Twice is fine.
        """
        self._ends_at = self._parts.clock.now() + within
        here = list(self._goodbyes)
        for goodbye in here:
            goodbye.say()
            await self._parts.clock.sleep(within.total_seconds() / len(here))
        await self._is_empty.wait()
        following = list(self._following)
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)

    # --- One connection --------------------------------------------------------------------------

    async def _served(self, transport: Transport, goodbye: Goodbye, source: str | None) -> Close | None:
        try:
            hello = await first_of(_told_to_go(goodbye), self._reception.hello(transport))
            if not isinstance(hello, Hello):
                return hello
            claim = await self._reception.judged(hello, source=source)
            live = self._live(claim.session.id)
            with live.watching() as changed:
                stay = Stay(claim, live, changed, parts=self._parts)
                del hello, claim  # a grant and a session: they would be kept for as long as the device stays
                return await stay.run(transport, goodbye)
        except TransportClosed:
            return None
        except (HugathomeError, TooMany) as refused:
            return close_for(refused)

    def _note_end(self, close: Close | None) -> None:
        code = str(close.code) if close else "gone"
        self._parts.telemetry.add(CLOSES, label=code)
        _LOGGER.info("a connection has ended: %s", code, extra={"close_code": code})

    # --- What all connections share --------------------------------------------------------------

    def _live(self, session_id: str) -> LiveRoom:
        live = self._rooms.get(session_id)
        if live is None or live.is_over:
            organisation = session_id.partition(".")[0]
            if self._open[organisation] >= self._parts.limits.rooms:
                raise TooMany(_ROOMS_WAIT, "too many rooms are open")
            self._open[organisation] += 1
            live = self._rooms[session_id] = LiveRoom(session_id, parts=self._parts)
            task = asyncio.create_task(self._followed(live))
            self._following.add(task)
            task.add_done_callback(self._following.discard)
            self._parts.telemetry.add(ROOMS)
        return live

    async def _followed(self, live: LiveRoom) -> None:
        try:
            await live.run()
        except Exception as error:  # noqa: BLE001 - the room has ended and says so; asyncio would print it
            log_unexpected(error)
        finally:
            self._parts.telemetry.add(ROOMS, -1)
            self._open[live.session_id.partition(".")[0]] -= 1
            if self._rooms.get(live.session_id) is live:  # its successor may have come, and gone before it
                del self._rooms[live.session_id]

    async def _say_goodbye(self, transport: Transport, close: Close) -> None:
        words: list[ServerMessage] = [close]
        if close.code == CloseCode.GOING_AWAY:
            words.insert(0, Goaway(deadline=self._ends_at or self._parts.clock.now()))

        async def say() -> None:
            with suppress(TransportClosed):
                for word in words:
                    await transport.send(word.to_json())

        await first_of(say(), self._parts.clock.sleep(_GOODBYE_WITHIN))

    def _ice(self, peer: str) -> IceServers:
        minted = ice_servers_for(self._ice_servers, peer=peer, now=self._parts.clock.now())
        lifetime = CREDENTIALS_LIFETIME.total_seconds() if expire(self._ice_servers) else None
        return IceServers(ice_servers=minted, relay_only=self._relay_only, ice_lifetime=lifetime)


async def _told_to_go(goodbye: Goodbye) -> Close:
    await goodbye.said()
    return Close.because(CloseCode.GOING_AWAY)

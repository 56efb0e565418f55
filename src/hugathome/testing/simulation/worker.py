"""One worker of the hospital: the real hub, journal and record, over the log and the store that all share."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Any, cast
from zoneinfo import ZoneInfo

from hugathome._drive import drive
from hugathome.consultations import Consultations
from hugathome.errors import HugathomeError, LocalProtocolError, StoreUnavailable
from hugathome.hub import Hub
from hugathome.keys import KeyRing
from hugathome.organisations import House, Organisations
from hugathome.policy import CodePolicy
from hugathome.protocol.ice import IceServer
from hugathome.protocol.wire import Limits
from hugathome.record.shelf import SessionStore
from hugathome.roles import Language
from hugathome.rooms.journal import Journal
from hugathome.signalling import Called, Entry, Position, SignallingLog, Transport, Unread
from hugathome.sms import OutboxSms
from hugathome.testing.simulation.log import LogFrom, SimulatedLog
from hugathome.testing.simulation.loop import Place, VirtualClock, VirtualLoop
from hugathome.visits.doorkeeper import Doorkeeper
from hugathome.wording.letterhead import Letterhead

SITE = "https://visit.example.ch"
KEYS = KeyRing(b"a key that is only ever used in simulations")
ICE_SERVERS = (IceServer(urls=["turn:turn.example.ch"], secret="simulated"),)  # noqa: S106 - of nobody's server

_HOUSE = House(
    letterhead=Letterhead(brand="HUG@home", site=SITE, help_phone=None),
    sms=OutboxSms(),
    code_policy=CodePolicy(),
    timezone=ZoneInfo("Europe/Zurich"),
    language=Language.FRENCH,
)


class Worker:
    """A process that may be killed, frozen, and cut off from the log or from the store."""

    def __init__(
        self,
        name: str,
        *,
        loop: VirtualLoop,
        log: SimulatedLog,
        store: SessionStore,
        limits: Limits,
        begins: datetime,
        skew: timedelta,
        draw: Random,
        on_failure: Callable[[str], None],
    ) -> None:
        self.name = name
        self.skew = skew
        self.log = LogFrom(log, loop=loop, draw=draw)
        self._loop = loop
        self._on_failure = on_failure
        self._place = Place(name)
        self._served: set[asyncio.Task[None]] = set()
        self._store = _Reached(store, loop=loop, draw=draw)
        clock = VirtualClock(loop, begins=begins, skew=skew)
        journal = self._journal = Journal(log=self.log, keys=KEYS, randomness=draw.randbytes, limits=limits)
        self._consultations = Consultations(
            store=cast("SessionStore", self._store),
            journal=journal,
            keys=KEYS,
            clock=clock,
            randomness=draw.randbytes,
            organisations=Organisations(_HOUSE, None),
        )
        self.doorkeeper = Doorkeeper(
            consultations=self._consultations,
            keys=KEYS,
            issuer=SITE,
            clock=clock,
            randomness=draw.randbytes,
        )
        self._hub = Hub(
            journal=journal,
            consultations=self._consultations,
            doorkeeper=self.doorkeeper,
            clock=clock,
            randomness=draw.randbytes,
            limits=limits,
            ice_servers=ICE_SERVERS,
        )

    @property
    def is_frozen(self) -> bool:
        """Whether nothing here moves."""
        return self._place.is_frozen

    def serve(self, transport: Transport) -> None:
        """Serve a connection."""
        self.run(self._hub.serve(transport))

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine as this process."""
        task = self._loop.create_task(work, context=self._place.context.copy())
        self._served.add(task)
        task.add_done_callback(self._ended)

    def ask(self, work: Callable[[Consultations], Awaitable[object]]) -> None:
        """Have the hospital's own software ask for something, which may be refused."""

        async def tried() -> None:
            with suppress(HugathomeError):
                await work(self._consultations)

        self.run(tried())

    def ring(self, session: str, participant: str, *, by: str) -> None:
        """Have a page ring, as calling somebody does once the record knows of it."""

        async def tried() -> None:
            with suppress(HugathomeError):
                await self._journal.append(session, Called(participant=participant, by=by))

        self.run(tried())

    def drain(self) -> None:
        """Send everybody away, and end."""
        self.run(self._hub.aclose())

    def freeze(self) -> None:
        """Stop in the middle of whatever it does."""
        self._place.is_frozen = True

    def thaw(self) -> None:
        """Go on, as if no time had passed."""
        self._loop.release(self._place)

    def kill(self) -> None:
        """End without a word."""
        self.freeze()

    def cut_off(self, *, log: bool = False, store: bool = False) -> None:
        """Say what cannot be reached from here."""
        self.log.is_cut_off = log
        self._store.is_cut_off = store

    def bury(self) -> None:
        """Take apart what is left, once nothing of it can reach anybody."""
        self.cut_off(log=True, store=True)
        self.thaw()
        for task in self._served:
            task.cancel()
        self.run(self._hub.aclose())

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._served.discard(task)
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self._on_failure(repr(failure))


class Reader:
    """Reads a log record by record, as it is written."""

    def __init__(self) -> None:
        self._only = _Only()
        self._journal = Journal(log=cast("SignallingLog", self._only), keys=KEYS, randomness=bytes)

    def read(self, record: bytes, *, room: str, after: Position) -> Entry:
        """Return the entry of the record that comes after a position."""
        self._only.row = after.offset + 1, record
        ((_, entry),) = drive(self._journal.load(room, after=after))
        if isinstance(entry, Unread):
            raise LocalProtocolError("a record that this version does not understand")
        return entry


class _Only:
    """A log of one record."""

    row: tuple[int, bytes] = 0, b""

    async def load(self, room: str, after: int) -> list[tuple[int, bytes]]:
        return [self.row]


class _Reached:
    """A seam as a worker reaches it: after a while, or not at all."""

    def __init__(self, seam: object, *, loop: VirtualLoop, draw: Random) -> None:
        self.is_cut_off = False
        self._seam = seam
        self._loop = loop
        self._draw = draw

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._seam, name)

        async def reach(*args: Any, **options: Any) -> Any:
            await self._loop.pause(self._draw.random() * 0.01)
            if self.is_cut_off:
                raise StoreUnavailable("the store cannot be reached")
            return await method(*args, **options)

        return reach

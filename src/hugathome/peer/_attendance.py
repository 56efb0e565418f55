"""The client's core on a transport: texts in, effects out, and back again after a loss."""

import asyncio
import random
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

from hugathome.clock import Clock
from hugathome.device.client import Client, Next
from hugathome.device.effects import Drop, Effect, Return, Send
from hugathome.device.line import MediaState
from hugathome.device.returning import Phase
from hugathome.errors import (
    GatewayError,
    GrantRefused,
    HugathomeError,
    LocalProtocolError,
    NotAdmitted,
    SessionEnded,
    SessionNotFound,
    TransportClosed,
)
from hugathome.grants import JoinGrant
from hugathome.protocol.messages import Close
from hugathome.protocol.wire import CloseCode
from hugathome.signalling import Transport

Reconnect = Callable[[], Awaitable[tuple[Transport, JoinGrant | str]]]
"""Gives a new transport and a new grant. `TransportClosed`, `GatewayError` and `OSError` mean: not now; it is
asked again after a while. Any other error ends the attendance."""

_ENDS: Mapping[int, type[HugathomeError]] = {
    CloseCode.PROTOCOL_ERROR: LocalProtocolError,
    CloseCode.GRANT_REFUSED: GrantRefused,
    CloseCode.NO_SUCH_SESSION: SessionNotFound,
    CloseCode.SESSION_ENDED: SessionEnded,
    CloseCode.REMOVED: NotAdmitted,
    CloseCode.DENIED: NotAdmitted,
}


def _explained(end: Close) -> HugathomeError:
    return _ENDS.get(end.code, TransportClosed)(end.reason or f"the hub has closed with {end.code}")


class Attendance:
    """One device at its hub, over as many transports as it takes; owns those, and closes them.

    Inputs are taken at once and in order, from any task: `attendance.take(attendance.client.said(…))`.
    Effects that are not about the transport go to `carry_out`, which must not wait.
    """

    failure: Exception | None = None
    """Why it ended, if the hub did not say that it is for good."""

    def __init__(self, client: Client, *, clock: Clock, carry_out: Callable[[Effect], None]) -> None:
        self.client = client
        self._clock = clock
        self._carry_out = carry_out
        self._nonce = secrets.token_urlsafe(16)
        self._outgoing: asyncio.Queue[str | None] = asyncio.Queue()
        self._return = Return(timedelta(), timedelta())
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at: datetime | None = None
        self._changed = asyncio.Event()
        self._hinted = asyncio.Event()

    @property
    def now(self) -> datetime:
        """The present instant."""
        return self._clock.now()

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.failure is not None or self.client.phase is Phase.CLOSED

    @property
    def why(self) -> Exception:
        """What to raise for whoever waits in vain."""
        end = self.client.end
        lost = TransportClosed("the transport has ended, and there is no way back")
        return self.failure or (_explained(end) if end else lost)

    async def run(self, transport: Transport, grant: JoinGrant | str, reconnect: Reconnect | None) -> None:
        """Attend until the end, or until cancelled."""
        try:
            await self._converse(transport, grant)
            while reconnect is not None and not self.is_over:
                await self._converse(*await self._returned(reconnect))
        except Exception as failure:  # noqa: BLE001 - a host's `reconnect` raises what it likes; who waits gets it
            self.failure = failure
        finally:
            if not self.is_over:
                self.failure = self.why
            await self._silence()
            self.tell()

    def take(self, step: Next) -> None:
        """Go on to the next client, and carry out what that asks for."""
        self.client, effects = step
        for effect in effects:
            match effect:
                case Send():
                    self._outgoing.put_nowait(effect.text)
                case Drop():
                    self._outgoing.put_nowait(None)
                case Return():
                    self._return = effect
                case _:
                    self._carry_out(effect)
        self._keep_time()
        self.tell()

    def hint_online(self) -> None:
        """Take note that the network is back, or another one: wait no longer, and trust no silence."""
        self._hinted.set()
        self.take(self.client.hinted(now=self.now))

    def tell(self) -> None:
        """Wake everybody who waits `until` something is so."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Return as soon as `is_so`, or when all is over."""
        while not is_so() and not self.is_over:
            await self._changed.wait()

    # --- What an endpoint has done (see `Listener`) ------------------------------------------------

    def offered(self, pc: str, gen: int, sdp: str) -> None:
        """Take an offer."""
        self.take(self.client.offered(pc, gen, sdp))

    def answered(self, pc: str, gen: int, sdp: str) -> None:
        """Take an answer."""
        self.take(self.client.answered(pc, gen, sdp))

    def fared(self, pc: str, gen: int, state: MediaState) -> None:
        """Take the state of a connection."""
        self.take(self.client.fared(pc, gen, state, now=self.now))

    # --- The transport ---------------------------------------------------------------------------

    async def _converse(self, transport: Transport, grant: JoinGrant | str) -> None:
        token = grant.token if isinstance(grant, JoinGrant) else grant
        self._outgoing = asyncio.Queue()
        writing = asyncio.create_task(self._write(transport, self._outgoing))
        try:
            self.take(self.client.opened(grant=token, nonce=self._nonce, now=self.now))
            while self.client.phase in {Phase.GREETING, Phase.LIVE}:
                text = await transport.receive()  # awaited first: the client may change meanwhile
                self.take(self.client.received(text, now=self.now))
        except TransportClosed:
            if self.client.phase in {Phase.GREETING, Phase.LIVE}:
                self.take(self.client.lost(now=self.now))
        finally:
            writing.cancel()
            try:
                await asyncio.gather(writing, return_exceptions=True)
            finally:  # also where the end is not waited for
                await transport.aclose()

    async def _write(self, transport: Transport, outgoing: asyncio.Queue[str | None]) -> None:
        """Send in order; the end of the transport, whoever wants it, ends the reading as well."""
        try:
            while (text := await outgoing.get()) is not None:
                await transport.send(text)
        except TransportClosed:
            pass
        except HugathomeError as broken:
            self.failure = broken
        await transport.aclose()

    async def _returned(self, reconnect: Reconnect) -> tuple[Transport, JoinGrant | str]:
        while True:
            await self._paused(self._return)
            try:
                return await reconnect()
            except (TransportClosed, GatewayError, OSError):
                self.take(self.client.lost(now=self.now))

    async def _paused(self, back: Return) -> None:
        """Wait until it is time to come back; a hint ends what is random of it, not what the hub asks for."""
        self._hinted.clear()
        await self._clock.sleep(back.after.total_seconds())
        spread = random.random() * back.spread.total_seconds()  # noqa: S311 - not a secret
        ends = [asyncio.create_task(each) for each in (self._clock.sleep(spread), self._hint())]
        try:
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in ends:
                each.cancel()
            await asyncio.gather(*ends, return_exceptions=True)

    async def _hint(self) -> None:
        await self._hinted.wait()

    # --- Time ------------------------------------------------------------------------------------

    def _keep_time(self) -> None:
        """Set the alarm earlier where need be; one that rings too early does no harm."""
        due = None if self.is_over else self.client.due
        if due is not None and (self._alarm_at is None or due < self._alarm_at):
            if self._alarm is not None:
                self._alarm.cancel()
            self._alarm_at = due
            self._alarm = asyncio.create_task(self._ring(due))

    async def _ring(self, due: datetime) -> None:
        await self._clock.sleep(max(0.0, (due - self.now).total_seconds()))
        self._alarm = self._alarm_at = None
        self.take(self.client.passed(now=self.now))

    async def _silence(self) -> None:
        alarm, self._alarm = self._alarm, None
        if alarm is not None:
            alarm.cancel()
            await asyncio.gather(alarm, return_exceptions=True)

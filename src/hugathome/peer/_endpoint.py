"""The front of the package: a device that attends a session, from its hello to its leave."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from aiortc import MediaStreamTrack
from av import AudioFrame, VideoFrame
from pydantic import JsonValue

from hugathome.clock import Clock, SystemClock
from hugathome.device.client import Client
from hugathome.device.effects import (
    AddCandidates,
    Apply,
    Connect,
    Describe,
    Disconnect,
    Effect,
    Hand,
    Refused,
)
from hugathome.device.returning import Phase
from hugathome.errors import HugathomeError, NotPermitted, SessionEnded, SessionError
from hugathome.grants import JoinGrant
from hugathome.peer._attendance import Attendance, Reconnect
from hugathome.peer._connections import Connections
from hugathome.peer._ice import IceSettings, configuration
from hugathome.peer._sources import MovingPicture, Tone
from hugathome.peer._streams import Shared, Stream
from hugathome.protocol.messages import (
    Admit,
    App,
    ChangeModality,
    Close,
    Command,
    Complete,
    Deny,
    Hold,
    Leave,
    NoteStep,
    Remove,
    Resume,
    ReturnToWaiting,
    Text,
    Transfer,
    TransferAccept,
)
from hugathome.protocol.wire import (
    Caps,
    PairView,
    ParticipantView,
    SessionView,
    State,
    TextView,
    Trickle,
)
from hugathome.roles import AnyModality, Capability, Modality, Step
from hugathome.signalling import Transport

_AIORTC = Caps(rollback=False, ice_restart=False, trickle=Trickle.RECEIVE)
_GOODBYE_WITHIN = 2.0
_PUBLISHED = 256
"""Messages of the host's own that wait to be read; the oldest go first."""


class Peer:
    """A participant's device; `async with` greets the hub, and leaves the session at the end.

    `audio` and `video` are what it sends: a track, which stays yours to stop; `True` for a tone and a moving
    picture; nothing otherwise. What the others send is always received. With `media=False` it attends
    without any connection to them.

    Without `reconnect`, the loss of the transport ends the peer. With it, the peer comes back by itself, and
    sound and picture go on meanwhile. `TransportClosed`, `GatewayError` and `OSError` from it mean: not now.

    What waits raises `GrantRefused`, `SessionEnded`, `SessionNotFound`, `NotAdmitted` (denied or removed) or
    `TransportClosed` (anything else) once the peer is over, and `TimeoutError` when `within` has passed.
    """

    def __init__(
        self,
        transport: Transport,
        grant: JoinGrant | str,
        *,
        audio: MediaStreamTrack | bool | None = None,
        video: MediaStreamTrack | bool | None = None,
        media: bool = True,
        ice: IceSettings = IceSettings(),
        reconnect: Reconnect | None = None,
        clock: Clock = SystemClock(),
        agent: str | None = None,
    ) -> None:
        self._begin = (transport, grant, reconnect)
        self._ice = ice
        self._sources = [
            Shared(synthetic() if track is True else track)
            for track, synthetic in ((audio, Tone), (video, MovingPicture))
            if track
        ]
        client = Client(caps=_AIORTC, agent=agent, has_media=media)
        self._attendance = Attendance(client, clock=clock, carry_out=self._carry_out)
        self._attending: asyncio.Task[None] | None = None
        self._connections = Connections(ice=ice, receives=self._stream, listener=self._attendance)
        self._audio: dict[str, Stream[AudioFrame]] = {}
        self._video: dict[str, Stream[VideoFrame]] = {}
        self._refusals: deque[Refused] = deque(maxlen=16)
        self._published: deque[App] = deque(maxlen=_PUBLISHED)

    async def __aenter__(self) -> Self:
        self._attending = asyncio.create_task(self._attendance.run(*self._begin))
        try:
            await self.until(lambda peer: peer.client.phase is Phase.LIVE)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()

    # --- What is known ---------------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The state of the protocol, a frozen record."""
        return self._attendance.client

    @property
    def participant(self) -> str:
        """Who this is."""
        return self.client.participant or ""

    @property
    def session(self) -> SessionView | None:
        """How the visit stands."""
        return self.client.session

    @property
    def participants(self) -> Mapping[str, ParticipantView]:
        """Everybody whom this device may see, itself included."""
        return self.client.roster

    @property
    def texts(self) -> tuple[TextView, ...]:
        """What was written to everybody inside, oldest first."""
        return self.client.texts

    @property
    def host(self) -> str | None:
        """Who has the host's seat, as far as this device may see."""
        return next((who for who, seen in self.participants.items() if seen.host == "held"), None)

    @property
    def is_admitted(self) -> bool:
        """Whether it may meet the others."""
        return self.client.state == "admitted"

    @property
    def rings(self) -> int:
        """How often the clinician has called."""
        return self.client.rings

    def is_waiting(self, participant: str) -> bool:
        """Whether somebody waits to be admitted."""
        view = self.participants.get(participant)
        return view is not None and view.state is State.ARRIVED

    def is_connected(self, participant: str) -> bool:
        """Whether sound and picture have a way to somebody."""
        return self._connections.is_connected(participant)

    # --- Waiting ---------------------------------------------------------------------------------

    async def until(self, is_so: Callable[[Self], bool], *, within: timedelta | None = None) -> None:
        """Return once `is_so(self)`; it is asked again whenever something has changed."""
        async with asyncio.timeout(None if within is None else within.total_seconds()):
            await self._attendance.until(lambda: is_so(self))
        if not is_so(self):
            raise self._attendance.why

    async def admitted(self, *, within: timedelta | None = None) -> None:
        """Return once this device may meet the others."""
        await self.until(lambda peer: peer.is_admitted, within=within)

    async def arrived(self, participant: str, *, within: timedelta | None = None) -> None:
        """Return once somebody waits to be admitted."""
        await self.until(lambda peer: peer.is_waiting(participant), within=within)

    async def connected(self, participant: str, *, within: timedelta | None = None) -> None:
        """Return once sound and picture have a way to somebody."""
        await self.until(lambda peer: peer.is_connected(participant), within=within)

    async def rang(self, *, within: timedelta | None = None) -> None:
        """Return once the clinician has called."""
        await self.until(lambda peer: peer.rings > 0, within=within)

    async def ended(self, *, within: timedelta | None = None) -> Close:
        """Return the hub's last word once it is said."""
        await self.until(lambda peer: peer.client.phase is Phase.CLOSED, within=within)
        if self.client.end is None:
            raise self._attendance.why
        return self.client.end

    # --- Sound and picture -----------------------------------------------------------------------

    def audio(self, participant: str) -> Stream[AudioFrame]:
        """Return what somebody says; the same stream for as long as the peer lives."""
        return self._audio.setdefault(participant, Stream("audio", changed=self._attendance.tell))

    def video(self, participant: str) -> Stream[VideoFrame]:
        """Return how somebody looks; the same stream for as long as the peer lives."""
        return self._video.setdefault(participant, Stream("video", changed=self._attendance.tell))

    def hint_online(self) -> None:
        """Say that the network is back, or another one: a peer that waits to come back does so at once."""
        self._attendance.hint_online()

    # --- Acting ----------------------------------------------------------------------------------
    # Each returns once the hub has taken the command, and raises `NotPermitted` or `SessionError` when it
    # refuses. What follows is seen in `participants` and `session`.

    async def admit(self, participant: str) -> None:
        """Let somebody in."""
        await self._say(Admit(participant=participant))

    async def deny(self, participant: str, *, reason: str | None = None) -> None:
        """Turn somebody away who waits."""
        await self._say(Deny(participant=participant, reason=reason))

    async def remove(self, participant: str, *, reason: str | None = None) -> None:
        """Turn somebody out."""
        await self._say(Remove(participant=participant, reason=reason))

    async def return_to_waiting(self, participant: str) -> None:
        """Send somebody back to the waiting room."""
        await self._say(ReturnToWaiting(participant=participant))

    async def hold(self) -> None:
        """Put the session on hold."""
        await self._say(Hold())

    async def resume(self) -> None:
        """Go on with a session that was on hold."""
        await self._say(Resume())

    async def text(self, text: str) -> None:
        """Write to everybody inside; it comes back in `texts`, too."""
        await self._say(Text(text=text))

    async def publish(self, topic: str, data: JsonValue = None) -> None:
        """Send a message of your own to everybody else inside; needs `Limits(app=…)`."""
        await self._say(App(topic=topic, data=data))

    async def published(self) -> AsyncIterator[App]:
        """Yield what the others publish (`.topic`, `.data`, `.participant`) until the peer is over."""
        while True:
            await self._attendance.until(lambda: bool(self._published))
            if not self._published:
                return
            yield self._published.popleft()

    async def transfer(self, participant: str) -> None:
        """Offer the host's seat to a colleague; to whoever has it, take the offer back, or decline it."""
        await self._say(Transfer(participant=participant))

    async def accept_transfer(self, participant: str) -> None:
        """Take the host's seat over from whoever has offered it."""
        await self._say(TransferAccept(participant=participant))

    async def change_modality(self, modality: AnyModality, *, reason: str | None = None) -> None:
        """Go on by video, by sound alone, or by telephone."""
        await self._say(ChangeModality(modality=Modality(modality), reason=reason))

    async def note(self, step: Step) -> None:
        """Note a fact, such as that the devices were allowed."""
        await self._say(NoteStep(step=step))

    async def complete(self, outcome: str) -> None:
        """End the session for all, and return when it has ended."""
        with suppress(SessionEnded):  # the end may overtake the acknowledgement
            await self._say(Complete(outcome=outcome))
        await self.ended()

    async def leave(self, *, reason: str | None = None) -> None:
        """Leave, and end nothing for the others; return when the hub has seen it."""
        self._attendance.take(self.client.said(Leave(reason=reason)))
        await self.ended()

    async def aclose(self) -> None:
        """Leave if the hub is there, close every connection, and wait until all of it has ended."""
        attending, self._attending = self._attending, None
        if attending is None:
            return
        try:
            await self._say_goodbye()
        finally:
            attending.cancel()
            await asyncio.gather(attending, return_exceptions=True)
            await self._connections.aclose()
            for source in self._sources:
                await source.aclose()
            for audio in self._audio.values():
                audio.close()
            for video in self._video.values():
                video.close()

    async def _say_goodbye(self) -> None:
        """Leave, if that is quickly done; otherwise the others will see it when nobody comes back."""
        if self.client.phase is Phase.LIVE:
            with suppress(HugathomeError, TimeoutError):
                async with asyncio.timeout(_GOODBYE_WITHIN):
                    await self.leave()

    async def _say(self, command: Command) -> None:
        self._attendance.take(self.client.said(command))
        await self.until(lambda peer: not peer.client.window.holds(command))
        for refused in self._refusals:
            if refused.of == command:
                self._refusals.remove(refused)
                raise _explained(refused)

    # --- What the core asks for ------------------------------------------------------------------

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Connect():
                self._connect(effect.pair)
            case Disconnect():
                self._connections.disconnect(effect.pc, effect.gen)
            case Describe() | Apply() | AddCandidates():
                self._connections.do(effect)
            case Refused():
                self._refusals.append(effect)
            case Hand(message=message):
                self._published.append(message)
            case _:
                pass

    def _connect(self, pair: PairView) -> None:
        client = self.client
        settings = configuration(
            self._ice,
            given=client.ice_servers,
            relay_only=client.relay_only,
            peer=client.peer or "",
            now=self._attendance.now,
        )
        is_seen = client.session is None or client.session.modality != Modality.AUDIO
        kinds = ("audio", "video") if is_seen else ("audio",)
        sends = self._sources if Capability.SEND_MEDIA in client.can else ()
        self._connections.connect(pair, configuration=settings, kinds=kinds, sends=sends)

    def _stream(self, participant: str, kind: str) -> Stream[Any]:
        return self.audio(participant) if kind == "audio" else self.video(participant)


def _explained(refused: Refused) -> SessionError:
    action = refused.of.type if refused.of else "this"
    if refused.error.code == "not-permitted":
        return NotPermitted(action=action)
    return SessionError(f"{action} was refused: {refused.error.code}")

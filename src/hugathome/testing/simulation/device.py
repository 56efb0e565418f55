"""A device in a run: the real core of a client, on a pipe that breaks and an endpoint without media.

It does what a page does: it greets, comes back, negotiates, and says what it is told to say.
"""

from collections import deque
from collections.abc import Callable, Collection
from contextvars import Context
from datetime import timedelta
from random import Random
from typing import Protocol

from hugathome.device.client import Client, Next
from hugathome.device.effects import (
    AddCandidates,
    Apply,
    Connect,
    Describe,
    Disconnect,
    Drop,
    Effect,
    Refused,
    Return,
    Send,
)
from hugathome.device.line import MediaState
from hugathome.device.returning import Phase
from hugathome.errors import RemoteProtocolError
from hugathome.protocol.frames import parse_server
from hugathome.protocol.messages import (
    Candidates,
    Close,
    Command,
    Hello,
    Restart,
    ServerMessage,
    Text,
    Welcome,
)
from hugathome.protocol.wire import CandidateInit, CloseCode, Retry
from hugathome.testing.simulation.endpoint import Endpoint, InvalidState
from hugathome.testing.simulation.history import Invariant
from hugathome.testing.simulation.loop import VirtualClock, VirtualLoop
from hugathome.testing.simulation.pipe import Pipe
from hugathome.testing.simulation.witness import Ear, Witness


class Surroundings(Protocol):
    """What a device finds around it."""

    loop: VirtualLoop
    witness: Witness

    def dial(self, device: "Device") -> Pipe:
        """Open a pipe to a worker."""

    def grant(self, participant: str) -> str | None:
        """Return a grant, as the host's page would get one, if the record lets it."""

    def endpoints(self, pc: str, gen: int) -> Collection[Endpoint]:
        """Return the endpoints of one generation, of both sides."""

    def note(self, who: str, what: str, message: object = None) -> None:
        """Put into the history what happens."""

    def blame(self, invariant: Invariant, seen: str) -> None:
        """End the run: something is not as it must be."""


class Device:
    """One device of one participant, from its start until it is closed for good."""

    def __init__(
        self,
        name: str,
        participant: str,
        client: Client,
        *,
        around: Surroundings,
        clock: VirtualClock,
        draw: Random,
    ) -> None:
        self.name = name
        self.participant = participant
        self.client = client
        self.pipe: Pipe | None = None
        self.endpoints: dict[tuple[str, int], Endpoint] = {}
        self.greetings: list[Hello] = []
        """What it has greeted with, which others may have overheard."""
        self.written: set[str] = set()
        """Every text that it was told to say."""
        self.is_stopped = False
        """Whether it was given no grant any more, or is out of power."""
        self._around = around
        self._clock = clock
        self._draw = draw
        self._nonce = draw.randbytes(8).hex()
        self._ear = Ear()
        self._outside = Context()
        self._alarm_at: float | None = None
        self._work: deque[Describe | Apply | AddCandidates] = deque()

    @property
    def is_over(self) -> bool:
        """Whether it will not come back."""
        return self.is_stopped or self.client.phase is Phase.CLOSED

    @property
    def is_live(self) -> bool:
        """Whether a worker has welcomed it."""
        return self.client.phase is Phase.LIVE

    # --- What is done with it --------------------------------------------------------------------

    def dial(self) -> None:
        """Connect to a worker, and greet it."""
        if self.is_over:
            return
        grant = "a resume needs none" if self.client.token else self._around.grant(self.participant)
        if grant is None:
            self._around.note(self.name, "is given no grant any more")
            self.is_stopped = True
            return
        self.pipe, self._ear = self._around.dial(self), Ear()
        self._take(self.client.opened(grant=grant, nonce=self._nonce, now=self._clock.now()))

    def say(self, command: Command) -> None:
        """Have it say something."""
        if not self.is_over:
            self._around.note(self.name, "wants to say", command)
            if isinstance(command, Text):
                self.written.add(command.text)
            self._take(self.client.said(command))

    def wants_offer(self, pc: str) -> None:
        """Have its tracks change."""
        line = self.client.lines.get(pc)
        if line is not None:
            self._around.note(self.name, f"wants to offer on {pc}")
            self._take(self.client.wants_offer(pc, line.pair.gen))

    def breaks(self, pc: str) -> None:
        """Have its media fail."""
        line = self.client.lines.get(pc)
        if line is not None:
            self._around.note(self.name, f"finds {pc} failed")
            if (endpoint := self.endpoints.get((pc, line.pair.gen))) is not None:
                endpoint.fail()
            self._fare(pc, line.pair.gen, "failed")

    def roam(self) -> None:
        """Have it change networks: what it said is under way, and what is said to it is lost."""
        if self.pipe is not None:
            self._drop()
            self._lose()

    def stop(self) -> None:
        """End without a word."""
        self.is_stopped, self.pipe = True, None

    # --- Its pipe --------------------------------------------------------------------------------

    def heard(self, pipe: Pipe, text: str) -> None:
        """Take a frame."""
        if pipe is not self.pipe:
            return
        try:
            message = parse_server(text, limits=self.client.limits)
        except RemoteProtocolError as broken:
            self._around.blame(Invariant.I1, f"{self.name} cannot read what it hears: {broken}")
            return
        self._around.note(self.name, "hears", message)
        self._around.witness.hear(self._ear, message)
        self._look_at(message)
        self._take(self.client.told(message, now=self._clock.now()))
        if isinstance(message, Restart):
            self._restart_ice(message)

    def ended(self, pipe: Pipe) -> None:
        """Take note that a pipe has ended."""
        if pipe is self.pipe:
            self.pipe = None
            self._lose()

    def _restart_ice(self, asked: Restart) -> None:
        """Do as a browser's page does; the core in Python leaves it to the next generation."""
        endpoint, line = self.endpoints.get((asked.pc, asked.gen)), self.client.lines.get(asked.pc)
        if endpoint is not None and line is not None and line.pair.gen == asked.gen:
            try:
                endpoint.restart()
            except InvalidState as refused:
                self._around.blame(Invariant.I13, f"{self.name} was asked for {refused}")
            self._take(self.client.wants_offer(asked.pc, asked.gen))

    def _look_at(self, message: ServerMessage) -> None:
        if isinstance(message, Close) and message.retry is Retry.NEVER:
            self._around.note(self.name, f"is closed for good: {CloseCode(message.code).name}")
        if isinstance(message, Welcome) and self.is_over:
            self._around.blame(Invariant.I24, f"{self.name} is welcomed after its end")

    def _lose(self) -> None:
        before = len(self.endpoints)
        self._around.note(self.name, "loses its connection")
        self._take(self.client.lost(now=self._clock.now()))
        if len(self.endpoints) < before:
            self._around.blame(Invariant.I20, f"{self.name} ends a connection because signalling was lost")

    # --- What the core asks for ------------------------------------------------------------------

    def _take(self, step: Next) -> None:
        self.client, effects = step
        for effect in effects:
            self._carry_out(effect)
        if len(self.client.window.unacked) > self.client.limits.window:
            self._around.blame(
                Invariant.I10, f"{self.name} has {len(self.client.window.unacked)} commands open"
            )
        self._keep_time()

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Send(text=text):
                self._send(text)
            case Drop():
                self._drop()
            case Return():
                pause = effect.after + self._draw.random() * effect.spread
                self._later(pause.total_seconds(), self.dial)
            case Connect(pair=pair):
                is_a_browsers = self.client.caps.rollback
                endpoint = Endpoint(is_a_browsers=is_a_browsers, name=lambda: self._draw.randbytes(6).hex())
                self.endpoints[pair.pc, pair.gen] = endpoint
            case Disconnect(pc, gen):
                over = {place for place in self.endpoints if place[0] == pc and place[1] <= gen}
                self.endpoints = {place: each for place, each in self.endpoints.items() if place not in over}
            case Describe() | Apply() | AddCandidates():
                self._work.append(effect)
                self._later(self._draw.random() * 0.02, self._ask_endpoint)
            case Refused():
                pass  # the page would say so

    def _send(self, text: str) -> None:
        if '"type":"hello"' in text:
            hello = Hello.model_validate_json(text)
            self.greetings.append(hello)
            if hello.resume is not None:
                self._around.witness.resume(self._ear, hello.resume.peer, hello.resume.pos or "")
            self._around.note(self.name, "greets to resume" if hello.resume else "greets on a grant")
        if self.pipe is not None:
            self.pipe.say(text)

    def _drop(self) -> None:
        pipe, self.pipe = self.pipe, None
        if pipe is not None:
            pipe.hang_up()

    def _ask_endpoint(self) -> None:
        effect = self._work.popleft()
        endpoint = self.endpoints.get((effect.pc, effect.gen))
        if endpoint is None:
            return
        try:
            self._asked(endpoint, effect)
        except InvalidState as refused:
            self._around.blame(Invariant.I13, f"{self.name} was asked for {refused}")

    def _asked(self, endpoint: Endpoint, effect: Describe | Apply | AddCandidates) -> None:
        match effect:
            case Describe(pc, gen):
                self._take(self.client.offered(pc, gen, endpoint.offer()))
                self._trickle(endpoint, pc, gen)
            case Apply(pc, gen, "offer", sdp):
                self._take(self.client.answered(pc, gen, endpoint.take_offer(sdp)))
                self._trickle(endpoint, pc, gen)
                self._later(1.0, lambda: self._check(endpoint, pc, gen))
            case Apply(pc, gen, _, sdp):
                endpoint.take_answer(sdp)
                self._later(1.0, lambda: self._check(endpoint, pc, gen))
            case AddCandidates():
                endpoint.take_candidates(effect)

    def _trickle(self, endpoint: Endpoint, pc: str, gen: int) -> None:
        candidate = CandidateInit(candidate=_CANDIDATE, sdp_mid="0", username_fragment=endpoint.ufrag)
        self._take(self.client.said(Candidates(pc=pc, gen=gen, candidates=(candidate,))))

    def _check(self, endpoint: Endpoint, pc: str, gen: int) -> None:
        """Find out whether the other side is there; media need nobody's log."""
        if endpoint is not self.endpoints.get((pc, gen)) or endpoint.is_connected:
            return
        endpoint.is_connected = endpoint.meets(self._around.endpoints(pc, gen))
        if endpoint.is_connected:
            self._fare(pc, gen, "connected")
        else:
            self._later(1.0, lambda: self._check(endpoint, pc, gen))

    def _fare(self, pc: str, gen: int, state: MediaState) -> None:
        self._take(self.client.fared(pc, gen, state, now=self._clock.now()))

    # --- Time ------------------------------------------------------------------------------------

    def _keep_time(self) -> None:
        due = None if self.is_over else self.client.due
        if due is None:
            return
        at = self._around.loop.time() + max((due - self._clock.now()) / timedelta(seconds=1), 0)
        if self._alarm_at is None or at < self._alarm_at:
            self._alarm_at = at
            self._around.loop.call_at(at, self._ring, at, context=self._outside)

    def _ring(self, at: float) -> None:
        if at == self._alarm_at:
            self._alarm_at = None
            self._take(self.client.passed(now=self._clock.now()))

    def _later(self, delay: float, work: Callable[[], None]) -> None:
        self._around.loop.call_later(delay, work, context=self._outside)


_CANDIDATE = "candidate:1 1 udp 2113937151 192.0.2.1 50000 typ host"

"""What goes wrong in a run, and how often: the failure matrix of the design, one function for each fault.

A fault that passes by itself says when. Whatever is still wrong at the end of a run is put right before the
room has to come to rest.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from hugathome.protocol.frames import parse_server
from hugathome.protocol.messages import Close, Goaway, Hello, Ping, Text
from hugathome.protocol.wire import CloseCode, ResumeFrom
from hugathome.testing.simulation.actions import Action
from hugathome.testing.simulation.history import Invariant
from hugathome.testing.simulation.pipe import Pipe

if TYPE_CHECKING:
    from hugathome.testing.simulation.world import World

_LONGEST = 40.0
"""Seconds that something stays wrong: longer than a hub's patience with a slow device."""


def cut(world: "World") -> None:
    """A connection breaks; what is under way is lost."""
    line = world.any_line()
    if line is not None:
        world.note(line.device.name, f"is cut off from {line.worker.name}")
        line.pipe.cut()


def roam(world: "World") -> None:
    """A device changes networks while it speaks: its worker may hear it long after it is elsewhere."""
    line = world.any_line()
    if line is not None:
        line.device.say(Text(text=f"text {world.number()}"))
        line.device.roam()


def go_deaf(world: "World") -> None:
    """A connection carries nothing more, and neither end is told."""
    line = world.any_line()
    if line is not None:
        world.note(line.device.name, "hears nothing more, nor does its worker")
        line.pipe.is_deaf = True


def die(world: "World") -> None:
    """A device's battery is empty: it says nothing any more, and its worker is not told."""
    line = world.any_line()
    if line is not None:
        world.note(line.device.name, "is out of power")
        line.pipe.is_deaf = True
        line.device.stop()
        if world.draw.random() < 0.7:  # long enough that the room takes note
            world.wait(world.draw.uniform(10, 60))


def read_slowly(world: "World") -> None:
    """A device reads nothing for a while."""
    line = world.any_line()
    if line is not None:
        world.note(line.device.name, "reads nothing for a while")
        line.pipe.is_stalled = True
        world.later(world.draw.uniform(0, _LONGEST), line.pipe.unstall)


def send_twice(world: "World") -> None:
    """What a device says next arrives twice."""
    line = world.any_line()
    if line is not None:
        line.pipe.is_stuttering = True


def kill(world: "World") -> None:
    """A worker ends without a word; another takes its place."""
    worker = world.any_worker()
    world.note(worker.name, "is killed")
    world.kill(worker)
    world.hire()


def freeze(world: "World") -> None:
    """A worker stops where it is, and goes on later as if no time had passed; some devices do not wait."""
    worker = world.any_worker()
    world.note(worker.name, "is frozen")
    worker.freeze()
    for line in world.lines_of(worker):
        if world.draw.random() < 0.7:
            line.device.say(Text(text=f"text {world.number()}"))
            world.later(world.draw.random(), line.device.roam)
    world.later(world.draw.uniform(0, _LONGEST), lambda: _thaw(world, worker.name))


def _thaw(world: "World", name: str) -> None:
    for worker in world.workers:
        if worker.name == name and worker.is_frozen:
            world.note(name, "goes on")
            worker.thaw()


def drain(world: "World") -> None:
    """A worker sends everybody away and ends: a rolling deployment."""
    worker = world.any_worker()
    world.note(worker.name, "is drained")
    world.dismiss(worker)
    world.hire()
    worker.drain()


def append_twice(world: "World") -> None:
    """What a worker appends next is in the log twice."""
    world.any_worker().log.is_twice = True


def doubt(world: "World") -> None:
    """What a worker appends next is in the log, and the worker is told that it may not be."""
    world.any_worker().log.is_doubtful = True


def cut_off(world: "World") -> None:
    """A worker reaches the log no more, or the store, or neither, for a while."""
    worker = world.any_worker()
    log, store = world.draw.choice([(True, False), (False, True), (True, True)])
    world.note(worker.name, f"is cut off: log {log}, store {store}")
    worker.cut_off(log=log, store=store)
    world.later(world.draw.uniform(0, _LONGEST), worker.cut_off)


def rewind(world: "World") -> None:
    """The log comes back from an older copy of itself, or empty; its followers notice a little later."""
    offset = world.witness.head.offset
    lost = offset if world.draw.random() < 0.2 else world.draw.randint(1, 6)
    world.note("log", f"loses its last {min(lost, offset)} of {offset} entries")
    world.rewind(to=max(offset - lost, 0))


def steal(world: "World") -> None:
    """Somebody greets as a device did before; on its grant, with a nonce of their own."""
    device = world.any_device()
    for hello in device.greetings[:-1][-1:]:
        world.note(device.name, "is impersonated", hello)
        world.robbed.add(device.participant)
        Thief(world).greet(hello if hello.resume else hello.but(nonce="stolen"))


class Thief:
    """Greets once, whatever comes of it, and goes."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def greet(self, hello: Hello) -> None:
        """Say an overheard hello on a connection of one's own."""
        pipe = self._world.connect(self, self._world.any_worker())
        pipe.say(hello.to_json())
        self._world.later(5.0, pipe.hang_up)

    def heard(self, pipe: Pipe, text: str) -> None:
        """Listen to what is said; that it was not for a thief is for the invariants to see."""

    def ended(self, pipe: Pipe) -> None:
        """Go."""


def knock(world: "World") -> None:
    """Somebody connects whom the visit does not know, and greets as nobody should, or not at all."""
    said, code = world.draw.choice(_KNOCKS)
    world.note("stranger", f"knocks, to be told {code.name}")
    Stranger(world, told=code).knock(said)


def claim(world: "World") -> None:
    """Somebody would resume in the place of a device, with a token that they have made up."""
    peer = world.any_device().client.peer
    if peer is not None:
        world.note("stranger", f"would be {peer}")
        resume = ResumeFrom(session=world.session, peer=peer, token="made-up")  # noqa: S106 - so it is
        Stranger(world).knock(Hello(nonce="stranger", resume=resume).to_json())


class Stranger:
    """Says one thing to a worker, and is to hear nothing but why it has to go."""

    def __init__(self, world: "World", *, told: CloseCode | None = None) -> None:
        self._world = world
        self._told = told
        self._knocked_at = world.clock.now()

    def knock(self, said: str | None) -> None:
        """Say it on a connection of one's own."""
        pipe = self._world.connect(self, self._world.any_worker())
        if said is not None:
            pipe.say(said)
        self._world.later(20.0, pipe.hang_up)

    def heard(self, pipe: Pipe, text: str) -> None:
        """Find out whether it was only that, and the right reason."""
        match parse_server(text):
            case Close(code=code):
                if self._told is not None and code not in {self._told, *_AT_ANY_TIME, *self._late()}:
                    self._world.blame(Invariant.I24, f"a stranger is told {code}, and not {self._told}")
            case Goaway():
                pass
            case message:
                self._world.blame(Invariant.I15, f"a stranger hears {message.type}")

    def ended(self, pipe: Pipe) -> None:
        """Go."""

    def _late(self) -> set[CloseCode]:
        """Return what is said instead by a worker that stood still: that it has heard nothing in time."""
        waited = self._world.clock.now() - self._knocked_at
        is_late = waited.total_seconds() >= self._world.scenario.limits.hello_within
        return {CloseCode.HELLO_TIMEOUT} if is_late else set()


_AT_ANY_TIME = {CloseCode.GOING_AWAY, CloseCode.LOST_RACE}
"""Why anybody may have to go: the worker ends, or cannot reach what it would ask."""
_KNOCKS: Final[Sequence[tuple[str | None, CloseCode]]] = (
    (None, CloseCode.HELLO_TIMEOUT),
    ("{", CloseCode.PROTOCOL_ERROR),
    (Ping().to_json(), CloseCode.PROTOCOL_ERROR),
    (Hello(nonce="stranger").to_json(), CloseCode.PROTOCOL_ERROR),
    (Hello(nonce="stranger", grant="forged").to_json(), CloseCode.GRANT_REFUSED),
    (Hello(nonce="stranger", grant="forged", versions=(99,)).to_json(), CloseCode.NO_COMMON_VERSION),
    ("x" * 10_000, CloseCode.TOO_BIG),
)


FAULTS: Final[Mapping[Action, float]] = {
    cut: 5,
    roam: 2,
    go_deaf: 1,
    die: 0.8,
    read_slowly: 1,
    send_twice: 2,
    kill: 1.5,
    freeze: 1.5,
    drain: 0.7,
    append_twice: 2,
    doubt: 2,
    cut_off: 1,
    rewind: 1.2,
    steal: 1,
    knock: 0.5,
    claim: 0.5,
}
"""What goes wrong by default, and how often relative to each other."""

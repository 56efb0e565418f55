"""What goes wrong in a run, and how often: the failure matrix of the design, one function for each fault.

A fault that passes by itself says when. Whatever is still wrong at the end of a run is put right before the
room has to come to rest.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from hugathome.protocol.messages import Hello, Text
from hugathome.testing.simulation.actions import Action
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


FAULTS: Final[Mapping[Action, float]] = {
    cut: 5,
    roam: 2,
    go_deaf: 1,
    die: 0.5,
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
}
"""What goes wrong by default, and how often relative to each other."""

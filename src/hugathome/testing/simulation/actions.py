"""What people and their devices do in a run, and how often; a host adds what its own people do.

An action takes the world, draws from it who does it and to whom, and does it. One that makes no sense at the
moment does nothing, or is refused: that is part of what is tried.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from hugathome.protocol.messages import (
    Admit,
    Answer,
    App,
    Candidates,
    ChangeModality,
    Command,
    Complete,
    Deny,
    Hold,
    Leave,
    NoteStep,
    Offer,
    Remove,
    Resume,
    ReturnToWaiting,
    Sending,
    Text,
    Transfer,
    TransferAccept,
)
from hugathome.protocol.wire import CandidateInit
from hugathome.record.history import Action as Deed
from hugathome.record.history import Change
from hugathome.roles import Modality, Step
from hugathome.testing.simulation.endpoint import described

if TYPE_CHECKING:
    from hugathome.testing.simulation.world import World

_NEVER = 99
"""A number that no round and no generation of a run has."""

Action = Callable[["World"], None]
"""Something that happens in a world."""


def write(world: "World") -> None:
    """Somebody writes a text; whoever waits tries it, too."""
    world.any_device().say(Text(text=f"text {world.number()}"))


def admit(world: "World") -> None:
    """The clinician lets somebody in."""
    world.host().say(Admit(participant=world.anybody()))


def admit_by_api(world: "World") -> None:
    """The hospital's own software lets somebody in, through any worker."""
    worker, whom, host = world.any_worker(), world.anybody(), world.host()
    world.note(worker.name, f"is asked by the API to admit {whom}")
    worker.ask(lambda record: record.admit(world.session, whom, by=host.participant))


def return_to_waiting(world: "World") -> None:
    """The clinician sends somebody back to the waiting room."""
    world.host().say(ReturnToWaiting(participant=world.anybody()))


def deny(world: "World") -> None:
    """The clinician turns somebody away."""
    world.host().say(Deny(participant=world.anybody()))


def remove(world: "World") -> None:
    """The clinician turns somebody out."""
    world.host().say(Remove(participant=world.anybody()))


def overstep(world: "World") -> None:
    """Somebody tries what is not theirs to do."""
    world.any_device().say(Admit(participant=world.anybody()))


def invite_again(world: "World") -> None:
    """Staff invite somebody again whom they had turned out, and that person comes."""
    worker, whom = world.any_worker(), world.anybody()
    change = Change(action=Deed.INVITE, at=world.clock.now(), participant=whom)
    world.note(worker.name, f"is asked to invite {whom} again")
    worker.ask(lambda record: record.change(world.session, lambda session: session.after(change)))
    world.bring(whom)


def come_back(world: "World") -> None:
    """Somebody who left, or was closed, starts anew."""
    world.bring(world.anybody())


def take_over(world: "World") -> None:
    """Somebody opens their visit on a second device."""
    world.bring(world.anybody(), beside=True)


def check_in_elsewhere(world: "World") -> None:
    """Somebody types their code on a second device: what was in before has to go."""
    worker, whom = world.any_worker(), world.anybody()
    change = Change(action=Deed.CHECK_IN, at=world.clock.now(), participant=whom)
    world.note(worker.name, f"checks {whom} in on another device")
    worker.ask(lambda record: record.change(world.session, lambda session: session.after(change)))
    world.bring(whom, beside=True)


def leave(world: "World") -> None:
    """Somebody leaves."""
    world.any_device().say(Leave())


def hold(world: "World") -> None:
    """The clinician interrupts the visit, or goes on with it."""
    world.host().say(Hold() if world.draw.random() < 0.5 else Resume())


def change_modality(world: "World") -> None:
    """The clinician goes on by telephone, or by video."""
    world.host().say(ChangeModality(modality=world.draw.choice([Modality.PHONE, Modality.VIDEO])))


def complete(world: "World") -> None:
    """The clinician ends the visit."""
    world.host().say(Complete(outcome="completed"))


def mute(world: "World") -> None:
    """Somebody says what they send."""
    world.any_device().say(Sending(sound=world.draw.random() < 0.5, picture="camera"))


def note_step(world: "World") -> None:
    """A device tells a fact for the record; that it was answered ends those that ring beside it."""
    world.any_device().say(NoteStep(step=world.draw.choice([Step.SCREEN_OFF, Step.CALL_ANSWERED])))


def renegotiate(world: "World") -> None:
    """The tracks of a device change; now and then of both sides at once."""
    device = world.any_device()
    for pc in list(device.client.lines)[:1]:
        for each in world.devices if world.draw.random() < 0.5 else [device]:
            each.wants_offer(pc)


def lose_media(world: "World") -> None:
    """The connection between two devices fails."""
    device = world.any_device()
    for pc in list(device.client.lines)[:1]:
        device.breaks(pc)


def publish(world: "World") -> None:
    """A device sends the others a message of the host's own."""
    world.any_device().say(App(topic="hand", data=world.number()))


def offer_seat(world: "World") -> None:
    """Somebody offers the host's seat, as if it were theirs."""
    device = world.host() if world.draw.random() < 0.7 else world.any_device()
    device.say(Transfer(participant=world.draw.choice(world.hosts)))


def take_seat(world: "World") -> None:
    """Somebody takes the host's seat over, as if it had been offered."""
    device = world.host() if world.draw.random() < 0.7 else world.any_device()
    device.say(TransferAccept(participant=world.draw.choice(world.hosts)))


def pass_on_seat(world: "World") -> None:
    """A practitioner offers a colleague the host's seat, who takes it a little later."""
    giver, taker = world.host(), world.host()
    if giver.participant != taker.participant:
        giver.say(Transfer(participant=taker.participant))
        after = world.draw.uniform(0.2, 2)
        world.later(after, lambda: taker.say(TransferAccept(participant=giver.participant)))


def call(world: "World") -> None:
    """The hospital's own software calls somebody: their page rings, where there is one."""
    worker, whom, host = world.any_worker(), world.anybody(), world.host()
    world.note(worker.name, f"is asked to call {whom}")
    worker.ring(world.session, whom, by=host.participant)


def let_time_pass(world: "World") -> None:
    """Nobody does anything: whoever is away has left, and the host's seat is free."""
    world.wait(world.draw.uniform(5, 25))


def misbehave(world: "World") -> None:
    """A device says on a connection what fits nothing: it must reach nobody."""
    device = world.any_device()
    candidate = CandidateInit(candidate="", username_fragment="nobody")
    for pc, line in list(device.client.lines.items())[:1]:
        gen = line.pair.gen
        nonsense: list[Command] = [
            Answer(pc=pc, gen=gen, neg=_NEVER, sdp=described("nobody")),
            Offer(pc=pc, gen=gen, neg=_NEVER, sdp=described("nobody")),
            Candidates(pc=pc, gen=gen, candidates=(candidate,)),
            Candidates(pc=pc, gen=gen + _NEVER, candidates=(candidate,)),
        ]
        device.say(world.draw.choice(nonsense))


ACTIONS: Final[Mapping[Action, float]] = {
    write: 8,
    admit: 6,
    admit_by_api: 2,
    return_to_waiting: 1.5,
    deny: 0.4,
    remove: 0.6,
    overstep: 0.5,
    invite_again: 0.5,
    come_back: 2,
    take_over: 1,
    check_in_elsewhere: 0.5,
    leave: 0.7,
    hold: 0.5,
    change_modality: 0.5,
    complete: 0.3,
    mute: 0.7,
    note_step: 0.5,
    renegotiate: 2.5,
    lose_media: 1,
    publish: 1,
    offer_seat: 0.5,
    take_seat: 0.5,
    pass_on_seat: 1,
    call: 0.5,
    let_time_pass: 0.7,
    misbehave: 1,
}
"""What people do by default, and how often relative to each other."""

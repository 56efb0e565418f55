"""What a device has said and the hub has not yet acknowledged: numbers, a limit, and what waits.

Numbers (`seq`) start at 1 for each peer, have no gaps and are given at the first sending; a resume sends
the same ones again, so that a command takes effect once however often it travels. Never more than `limit`
commands are unacknowledged; the others wait, unnumbered.
"""

from collections.abc import Sequence

from hugathome._model import Record
from hugathome.protocol.messages import Command, Leave, Sending


class Window(Record):
    """A device's commands, in order; every method returns the next window."""

    seq: int = 0
    """The number that was given last."""
    unacked: tuple[Command, ...] = ()
    """Numbered and sent."""
    waiting: tuple[Command, ...] = ()
    """Neither."""
    sending: Sending | None = None
    """What this device has said last that it sends."""

    def said(self, command: Command) -> "Window":
        """Let a command wait for its turn."""
        sending = command if isinstance(command, Sending) else self.sending
        return self.but(waiting=(*self.waiting, command), sending=sending)

    def acknowledged(self, ack: int | None) -> "Window":
        """Forget what the hub has taken: all up to `ack`."""
        if ack is None or not self.unacked:
            return self
        return self.but(unacked=tuple(each for each in self.unacked if (each.seq or 0) > ack))

    def flushed(self, *, limit: int) -> tuple["Window", tuple[Command, ...]]:
        """Number what may go out now; return it as well."""
        room = max(0, limit - len(self.unacked))
        sent = tuple(
            each.but(seq=self.seq + number) for number, each in enumerate(self.waiting[:room], start=1)
        )
        unacked = (*self.unacked, *sent)
        return self.but(seq=self.seq + len(sent), unacked=unacked, waiting=self.waiting[room:]), sent

    def renumbered(self, *, former: str, lost: Sequence[Command] = ()) -> "Window":
        """Begin anew for a new peer: connections of the old one are no more, nor is what was said of them.

        First of all it says what was `lost` although it was acknowledged.

        What this device sends is said again: nobody knows it of the new peer. What was said and may have
        been taken names its first number, so that it has no effect twice.
        """
        unsaid = (*lost, *(_again(each, former) for each in self.unacked), *self.waiting)
        waiting = tuple(each for each in unsaid if not hasattr(each, "pc"))
        if self.sending is not None and not any(isinstance(each, Sending) for each in waiting):
            waiting = (*waiting, self.sending)
        return Window(waiting=waiting, sending=self.sending)

    def holds(self, command: Command) -> bool:
        """Whether a command waits, or waits for its acknowledgement."""
        return any(command == _as_said(each) for each in (*self.waiting, *self.unacked))

    def numbered(self, seq: int | None) -> Command | None:
        """Return the unacknowledged command of this number, as it was said."""
        found = next((each for each in self.unacked if each.seq == seq), None)
        return None if found is None else _as_said(found)


def _again(command: Command, former: str) -> Command:
    """Return a command to be said again; what is of the peer itself is new for a new one."""
    if isinstance(command, Leave | Sending):
        return command.but(seq=None)
    return command.but(seq=None, again=command.again or f"{former}.{command.seq}")


def _as_said(command: Command) -> Command:
    return command.but(seq=None, again=None)

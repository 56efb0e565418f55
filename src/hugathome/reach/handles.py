"""What a gateway calls a text that it has taken: `<name of the gateway>:<its own number>`.

It is for gateways whose receipts bring nothing of ours back. A handle begins with the name in the address of
the receipts, so that two gateways may count alike. Nothing here looks up or records.
"""

import re

from hugathome.record.history import Message

_HANDLE = re.compile(r"[a-z0-9-]{1,32}:[A-Za-z0-9_.-]{1,64}")


def handle_of(answer: object) -> str | None:
    """Return the handle that an answer is; None for what else a host's own gateway may return."""
    return answer if isinstance(answer, str) and _HANDLE.fullmatch(answer) else None


def handled(message: Message, *, part: int, handle: str) -> Message:
    """Return the message with what the gateway calls one of its texts."""
    handles = message.handles + ("",) * (part - len(message.handles))
    return message.but(handles=(*handles[: part - 1], handle, *handles[part:]))


def part_of(message: Message, handle: str) -> int | None:
    """Return which text of the message a gateway calls so, if any."""
    return message.handles.index(handle) + 1 if handle in message.handles else None

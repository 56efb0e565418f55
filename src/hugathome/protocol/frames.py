"""Read what comes over a transport: one text frame, one message of `messages.py`.

Reading raises `RemoteProtocolError` and nothing else, and what is refused is never quoted. Size comes
before form, and form before what descriptions and candidates say.
"""

from collections.abc import Callable
from typing import Annotated, Any, Union, get_args

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, TypeAdapter, ValidationError

from hugathome.errors import RemoteProtocolError
from hugathome.protocol.candidates import parse_candidate
from hugathome.protocol.messages import (
    Answer,
    App,
    Candidates,
    ClientMessage,
    Command,
    Hello,
    Message,
    Offer,
    ServerMessage,
    Unknown,
)
from hugathome.protocol.sdp import require_within
from hugathome.protocol.wire import CommandId, Count, Limits, Number, PositionText, Wire

_TOO_BIG = 4009
_ENVELOPE = 512
"""Bytes, and more than the hub adds to what it relays: that must fit a frame, too."""

_DEEPEST = 32
"""Levels of a message of the host's own. Readers of JSON give up at two hundred: what this one still reads,
the log's, which finds it one level further in, must not be unable to."""

_DEFAULTS = Limits()
_Reader = Callable[[str], Any]


class _Tag(Wire):
    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    seq: Number | None = None
    ack: Count | None = None
    pos: PositionText | None = None
    again: CommandId | None = None
    must: bool = False


def parse_client(text: str, *, limits: Limits = _DEFAULTS) -> ClientMessage:
    """Read what a device sent, or raise `RemoteProtocolError`."""
    message: ClientMessage = _parse(text, _READ_CLIENT, limits)
    if (message.pos, message.sender, message.at) != (None, None, None):
        message = message.but(pos=None, sender=None, at=None)
    _judge(message, limits)
    if isinstance(message, Offer | Answer) and len(text.encode()) > limits.frame - _ENVELOPE:
        raise RemoteProtocolError("a message that leaves no room for its envelope", code=_TOO_BIG)
    if isinstance(message, App) and _is_deeper(message.data, _DEEPEST):
        raise RemoteProtocolError("a message whose data are nested too deeply")
    if isinstance(message, Command) and message.seq is None:
        raise RemoteProtocolError("a command without its number")
    if isinstance(message, Hello) and (message.grant is None) == (message.resume is None):
        raise RemoteProtocolError("a hello carries a grant or where to resume")
    return message


def parse_server(text: str, *, limits: Limits = _DEFAULTS) -> ServerMessage:
    """Read what a hub sent, or raise `RemoteProtocolError`; a snapshot may exceed the limit of a frame."""
    message: ServerMessage = _parse(text, _READ_SERVER, limits.but(frame=16 * limits.frame))
    _judge(message, limits)
    return message


def _parse(text: str, read: _Reader, limits: Limits) -> Any:
    size = len(text) if len(text) > limits.frame else len(text.encode(errors="replace"))
    if size > limits.frame:
        raise RemoteProtocolError("a message that is too big", code=_TOO_BIG)
    try:
        return read(text)
    except ValidationError as refused:
        if (
            refused.errors(include_url=False, include_context=False, include_input=False)[0]["type"]
            != "union_tag_invalid"
        ):
            raise RemoteProtocolError("a message that cannot be read") from None
        return _unknown(text)


def _unknown(text: str) -> Unknown:
    try:
        tag = _Tag.model_validate_json(text)
    except ValidationError:
        raise RemoteProtocolError("a message that cannot be read") from None
    if tag.must:
        raise RemoteProtocolError("a message that must be understood and is not")
    return Unknown(type=tag.type, seq=tag.seq, ack=tag.ack, pos=tag.pos, again=tag.again)


def _judge(message: Message, limits: Limits) -> None:
    if isinstance(message, Offer | Answer):
        require_within(limits.sdp, message.sdp)
        _ = message.description
    elif isinstance(message, Candidates):
        for candidate in message.candidates:
            if candidate.candidate:
                parse_candidate(candidate.candidate)


def _is_deeper(data: JsonValue, levels: int) -> bool:
    inside = [data]
    for _ in range(levels):
        lists = [
            each.values() if isinstance(each, dict) else each
            for each in inside
            if isinstance(each, dict | list)
        ]
        inside = [within for each in lists for within in each]
    return any(isinstance(each, dict | list) for each in inside)


def _reader(messages: object) -> _Reader:
    kinds = tuple(kind for kind in get_args(messages) if kind is not Unknown)
    form: Any = Annotated[Union[kinds], Field(discriminator="type")]  # noqa: UP007 - of a tuple
    return TypeAdapter(form, config=ConfigDict(defer_build=True)).validate_json


_READ_CLIENT, _READ_SERVER = _reader(ClientMessage), _reader(ServerMessage)

"""The words of Redis, RESP3: commands into bytes, and bytes into what was answered. No input or output.

What the server says by itself is a `Push`; what it refuses is a `Refusal`, an answer like others.
"""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

Word = str | int | bytes

_LINE: Final = b"\r\n"


class Refusal(NamedTuple):
    """An error that was answered."""

    text: str

    @property
    def kind(self) -> str:
        """Its first word, which names no value."""
        return self.text.partition(" ")[0]


class Push(NamedTuple):
    """What no command had asked for."""

    words: Sequence[Any]


def packed(words: Sequence[Word]) -> bytes:
    """Return a command as it is sent."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        raw = word if isinstance(word, bytes) else str(word).encode()
        parts += (b"$%d\r\n" % len(raw), raw, _LINE)
    return b"".join(parts)


class Answers:
    """Takes what comes in pieces of any size, and gives what is whole."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._size = 0
        self._needed = 0

    def feed(self, piece: bytes) -> list[Any]:
        """Return what has become whole; raise `ValueError` for what is not RESP."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size < self._needed:
            return []
        text = b"".join(self._pieces) if len(self._pieces) > 1 else piece
        answers, at = [], 0
        try:
            while at < len(text):
                answer, at = _read(text, at)
                answers.append(answer)
            self._needed = 0
        except _Incomplete as more:
            self._needed = more.size - at
        self._pieces = [text[at:]] if at < len(text) else []
        self._size = len(text) - at
        return answers


class _Incomplete(Exception):
    """There is more to come: at least up to `size`."""

    def __init__(self, size: int) -> None:
        self.size = size


def _read(text: bytes, at: int) -> tuple[Any, int]:
    """Return the answer that begins at a place, and where the next one does."""
    end = text.find(_LINE, at)
    if end < 0:
        raise _Incomplete(len(text) + 1)
    kind, line, after = text[at : at + 1], text[at + 1 : end], end + 2
    match kind:
        case b"$" | b"!" | b"=":
            return _sized(kind, text, after, int(line))
        case b"*" | b">" | b"~" | b"%":
            return _several(kind, text, after, int(line) * (2 if kind == b"%" else 1))
        case b":":
            return int(line), after
        case b"-":
            return Refusal(line.decode(errors="replace")), after
        case b"_":
            return None, after
        case b"+" | b"," | b"#" | b"(":
            return line, after
    raise ValueError("this is not RESP")


def _sized(kind: bytes, text: bytes, at: int, size: int) -> tuple[Any, int]:
    if size < 0:
        return None, at
    end = at + size
    if len(text) < end + 2:
        raise _Incomplete(end + 2)
    said = text[at:end]
    return Refusal(said.decode(errors="replace")) if kind == b"!" else said, end + 2


def _several(kind: bytes, text: bytes, at: int, count: int) -> tuple[Any, int]:
    if count < 0:
        return None, at
    parts = []
    for _ in range(count):
        part, at = _read(text, at)
        parts.append(part)
    return Push(parts) if kind == b">" else parts, at

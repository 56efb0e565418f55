"""Canaries: words that must turn up nowhere, and where to look for them.

Looked for as they are, in every spelling of a number, in UTF-16, and in base64 wherever it begins.
"""

import gc
import re
import traceback
from asyncio import AbstractEventLoop
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from types import AsyncGeneratorType, CoroutineType, FrameType, FunctionType, GeneratorType, ModuleType

TESTS = str(Path(__file__).parent)
RUNNING = (AsyncGeneratorType, CoroutineType, FrameType, GeneratorType)


class Flock:
    """Canaries by name; `heard` tells which of them sing in a text."""

    def __init__(self) -> None:
        self._songs: dict[str, re.Pattern[str]] = {}

    def add(self, name: str, word: str) -> None:
        """Listen for a word."""
        self._songs[name] = re.compile("|".join(_disguises(word)))

    def add_digits(self, name: str, digits: str) -> None:
        """Listen for digits, however they are grouped; within a longer number they are chance."""
        grouped = r"[\s().\-/]{0,3}".join(digits)
        self._songs[name] = re.compile(
            rf"(?<![0-9A-Za-z]){grouped}(?![0-9A-Za-z])|{'|'.join(_disguises(digits, but_plain=True))}"
        )

    def add_number(self, name: str, national: str) -> None:
        """Listen for a telephone number without trunk zero and country code, which stand in any spelling."""
        grouped = r"[\s().\-/]{0,3}".join(national)
        self._songs[name] = re.compile("|".join([grouped, *_disguises(national)]))

    def heard(self, where: str | bytes) -> set[str]:
        """Return the names of those that sing."""
        text = where if isinstance(where, str) else where.decode("latin-1")
        return {name for name, song in self._songs.items() if song.search(text)}


BEYOND = (*RUNNING, AbstractEventLoop, Flock, ModuleType, type)


def _disguises(word: str, *, but_plain: bool = False) -> Iterator[str]:
    if not but_plain:
        yield re.escape(word)
    yield re.escape("\0".join(word))
    for before in range(3):
        coded = urlsafe_b64encode(b"\0" * before + word.encode()).decode().rstrip("=")
        whole = coded[(before * 8 + 5) // 6 : len(word.encode() + b"\0" * before) * 8 // 6]
        yield re.escape(whole).replace("\\-", "[-+]").replace("_", "[_/]")


def rendered(error: BaseException) -> str:
    """Return what a tool that reports errors would send, with the locals of all frames but the tests' own."""
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(TESTS):
        inner = inner.tb_next
    report = traceback.TracebackException(type(error), error, inner, capture_locals=True)
    return "".join(report.format())


def reachable(root: object) -> Iterator[tuple[object, object]]:
    """Yield what can be reached from `root`, each with the nearest object of this library that holds it.

    Not the event loop, nor functions that still run, and of others only what they have closed over: from
    there, everything is reached.
    """
    seen: dict[int, object] = {}
    waiting = [(root, root)]
    while waiting:
        each, holder = waiting.pop()
        if isinstance(each, str | bytes):
            yield each, holder
            continue
        if id(each) in seen or isinstance(each, BEYOND):
            continue
        seen[id(each)] = each
        yield each, holder
        holder = each if type(each).__module__.startswith("hugathome") else holder
        inner = each.__closure__ or () if isinstance(each, FunctionType) else gc.get_referents(each)
        waiting += [(one, holder) for one in inner]

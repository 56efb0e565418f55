"""The files of the client in `browser/`: read once, compressed once, and named after the release they are of.

The release is a fingerprint of all of them and stands in their address. So a browser may keep a file for
ever, and never puts a new one beside an old one: of another release there is nothing. Comments and indents
stay here, for they are a fifth of what a bad connection would carry; every line keeps its number. It knows no
request.
"""

import gzip
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from operator import itemgetter
from posixpath import dirname, join, normpath
from types import MappingProxyType
from typing import Final

_MEDIA_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
}
_COMMENT: Final = re.compile(r"^[ \t]*(?:/\*(?:[^*]|\*(?!/))*\*/|//.*)$", re.MULTILINE)
"""A comment that has its lines to itself."""
_INDENT: Final = re.compile(r"^[ \t]+", re.MULTILINE)
_IMPORTED: Final = re.compile(r'^(?:import|\})[^"\n]*"(\.[^"]+)";$', re.MULTILINE)
"""A module that another needs before it can run, in the one way in which ours say it."""
_LATER: Final = re.compile(r'\blate\("([^"]+)"\)')
"""A module that another needs at some time, by its path from the first folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file in one encoding, with the headers that it is served with."""

    body: bytes
    etag: str
    headers: Mapping[str, str]


class Files:
    """Every file of the client, as it is and compressed, by its path below `browser/`."""

    def __init__(self) -> None:
        found = sorted(_below(files("hugathome") / "browser"), key=itemgetter(0))
        bodies = {name: _body(file) for name, file in found if _suffix(name) in _MEDIA_TYPES}
        self._plain = {name: _file(name, body) for name, body in bodies.items()}
        self._gzipped = {name: _file(name, compressed(body), "gzip") for name, body in bodies.items()}
        self.release = _digest(*(part for name, body in bodies.items() for part in (name.encode(), body)))

    def get(self, name: str, *, accepted: str) -> File | None:
        """Return a file in the encoding that suits a browser; `accepted` is its Accept-Encoding."""
        return (self._gzipped if takes_gzip(accepted) else self._plain).get(name)

    def needed_by(self, entry: str) -> Sequence[str]:
        """Return the modules that `entry` cannot run without: each once, the nearest first."""
        return self._reached([entry])[1:]

    def needed_later_by(self, entry: str) -> Sequence[str]:
        """Return the modules that `entry` and what it needs ask for as they run, and what those need."""
        first = self._reached([entry])
        later = [each for name in first for each in _LATER.findall(self._source(name))]
        return [each for each in self._reached(later) if each not in first]

    def _reached(self, names: Iterable[str]) -> list[str]:
        reached = dict.fromkeys(names)
        waiting = list(reached)
        for name in waiting:
            new = [each for each in self._imported(name) if each not in reached]
            reached.update(dict.fromkeys(new))
            waiting.extend(new)
        return waiting

    def _imported(self, name: str) -> list[str]:
        return [normpath(join(dirname(name), path)) for path in _IMPORTED.findall(self._source(name))]

    def _source(self, name: str) -> str:
        return self._plain[name].body.decode()


def takes_gzip(accepted: str) -> bool:
    """Say whether a browser takes gzip, by its Accept-Encoding (RFC 9110, section 12.5.3)."""
    for part in accepted.lower().split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return not weight or weight.strip("0.") != ""
    return False


def compressed(body: bytes) -> bytes:
    """Return `body` under gzip; the same every time."""
    return gzip.compress(body, mtime=0)


def _below(folder: Traversable, path: str = "") -> Iterator[tuple[str, Traversable]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _below(each, f"{path}{each.name}/")
        else:
            yield path + each.name, each


def _body(file: Traversable) -> bytes:
    if _suffix(file.name) in {".css", ".js"}:
        return thinned(file.read_text(encoding="utf-8")).encode()
    return file.read_bytes()


def thinned(source: str) -> str:
    """Return JavaScript or a style sheet without indents and the comments that stand by themselves."""
    return _INDENT.sub("", _COMMENT.sub(lambda comment: "\n" * comment[0].count("\n"), source))


def _file(name: str, body: bytes, encoding: str | None = None) -> File:
    etag = f'"{_digest(body)}"'
    headers = {
        "Cache-Control": "max-age=31536000, immutable",
        "Content-Type": _MEDIA_TYPES[_suffix(name)],
        "ETag": etag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        **({"Content-Encoding": encoding} if encoding else {}),
    }
    return File(body=body, etag=etag, headers=MappingProxyType(headers))


def _suffix(name: str) -> str:
    return "." + name.rpartition(".")[2]


def _digest(*parts: bytes) -> str:
    """Return a fingerprint of the parts, each of which counts for itself."""
    return sha256(b"".join(sha256(part).digest() for part in parts)).hexdigest()[:16]

"""The commands `hugathome audit …`: an audit trail read where the application does not run.

A key comes from a file or from the environment, never from the command line, which every process may read.
"""

import os
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from hugathome._drive import drive
from hugathome.errors import AuditBroken, ConfigurationError
from hugathome.keys import KeyRing
from hugathome.record.audit import START, Head
from hugathome.stores import open_store
from hugathome.visits.trail import Trail

_KEY = "HUGATHOME_KEY"
_SHORTEST_KEY = 32

audit = typer.Typer(
    help="The audit trail: who did what to which session, and whether anybody has touched it since.",
    no_args_is_help=True,
)

_Whose = Annotated[str, typer.Argument(help="The organisation whose trail it is.")]
_Where = Annotated[
    str, typer.Option("--store", envvar="HUGATHOME_STORE", help="Where it is kept: the URL of the store.")
]


@audit.command()
def verify(
    organisation: _Whose,
    store: _Where,
    key_file: Annotated[
        list[Path] | None,
        typer.Option(help="A file that holds the key, once for each; left out, HUGATHOME_KEY holds it."),
    ] = None,
    head: Annotated[
        str | None, typer.Option(help="A head that was noted elsewhere: the trail must have it still.")
    ] = None,
    after: Annotated[
        str | None,
        typer.Option(help="A head to read on from, where what is before it was verified or deleted."),
    ] = None,
) -> None:
    """Name the first entry that was altered, removed, inserted or moved; exit with 1 if there is one."""
    keys = _keys(key_file or [])
    with closing(_Opened(store)) as opened:
        trail = Trail(store=opened.sessions, keys=keys)
        try:
            verified = drive(trail.verify(organisation, after=after or START, head=head))
        except AuditBroken as broken:
            typer.echo(f"{organisation}: {broken}")
            raise typer.Exit(1) from None
    typer.echo(f"{organisation}: as it was written, up to {_something(verified, organisation)}")


@audit.command()
def head(organisation: _Whose, store: _Where) -> None:
    """Print how far a trail goes: to note where nobody who can write to the database can write."""
    with closing(_Opened(store)) as opened:
        found = drive(opened.sessions.load_audit_head(organisation))
    typer.echo(str(_something(found, organisation)))


class _Opened:
    """A store for the length of a command."""

    def __init__(self, url: str) -> None:
        self._store = open_store(url).for_blocking()
        self.sessions = self._store.sessions

    def close(self) -> None:
        drive(self._store.aclose())


def _something(head: Head, organisation: str) -> Head:
    """Refuse a trail without entries: it was deleted, or this is another store."""
    if head == START:
        raise ConfigurationError(f"this store has no audit trail of {organisation}")
    return head


def _keys(files: list[Path]) -> KeyRing:
    secrets = [secret for file in files for secret in _read(file)]
    if not files:
        secrets = [os.environ.get(_KEY, "").encode()]
    if not any(len(secret) >= _SHORTEST_KEY for secret in secrets):
        raise ConfigurationError(f"give the key as --key-file or {_KEY}: at least {_SHORTEST_KEY} bytes")
    return KeyRing({str(number): secret for number, secret in enumerate(secrets)})


def _read(file: Path) -> list[bytes]:
    """Return what a file may hold: its bytes as they are, and without the line end that an editor adds."""
    try:
        found = file.read_bytes()
    except OSError:
        raise ConfigurationError(f"{file} cannot be read") from None
    return [secret for secret in {found, found.rstrip(b"\r\n")} if len(secret) >= _SHORTEST_KEY]

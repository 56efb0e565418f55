"""The command `hugathome simulate`: visits in virtual time, many of them, and the history of what breaks."""

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hugathome.testing.simulation import Run

_INTERRUPTED = 130
"""How a shell says that a program was ended by Ctrl-C."""


def simulate(
    seeds: Annotated[int, typer.Option(help="How many runs.", min=1)] = 1000,
    start: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    processes: Annotated[int, typer.Option(help="How many of them at a time.", min=1)] = 1,
) -> None:
    """Simulate visits with everything that goes wrong; exit with 1 if an invariant breaks, and tell how."""
    from hugathome.testing.simulation import Progress, Scenario, runs

    progress, began = Progress(seeds, start=start), perf_counter()
    ended = runs(range(start, start + seeds), Scenario(), processes=processes)
    try:
        _tell(progress.follow(ended, clock=perf_counter, tell=_aside))
    except KeyboardInterrupt:
        _aside(progress.where)
        raise typer.Exit(_INTERRUPTED) from None
    typer.echo(f"{seeds} runs from seed {start}, {progress.rate(perf_counter() - began)}")
    raise typer.Exit(bool(progress.broken))


def _tell(ended: "Iterable[Run]") -> None:
    """Print the first broken run in full, and of each other one line."""
    is_first = True
    for run in ended:
        if run.broken is not None:
            typer.echo(run.broken if is_first else run.broken.partition("\n")[0])
            is_first = False


def _aside(words: str) -> None:
    typer.echo(words, err=True)

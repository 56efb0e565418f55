"""The command `hugathome simulate`: visits in virtual time, many of them, and the history of what breaks."""

from collections.abc import Iterable
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from hugathome.testing.simulation import Run


def simulate(
    seeds: Annotated[int, typer.Option(help="How many runs.", min=1)] = 1000,
    start: Annotated[int, typer.Option(help="The first seed.", min=0)] = 0,
    processes: Annotated[int, typer.Option(help="How many of them at a time.", min=1)] = 1,
) -> None:
    """Simulate visits with everything that goes wrong; exit with 1 if an invariant breaks, and tell how."""
    from hugathome.testing.simulation import Scenario, runs

    began = perf_counter()
    broken = _told(runs(range(start, start + seeds), Scenario(), processes=processes))
    rate = seeds / (perf_counter() - began)
    typer.echo(f"{seeds} runs from seed {start}, {rate:.0f} a second: {broken or 'none'} broken")
    raise typer.Exit(broken > 0)


def _told(ended: "Iterable[Run]") -> int:
    """Print the first broken run in full and of each other one line; return how many there are."""
    count = 0
    for run in ended:
        if run.broken is not None:
            typer.echo(run.broken.partition("\n")[0] if count else run.broken)
            count += 1
    return count

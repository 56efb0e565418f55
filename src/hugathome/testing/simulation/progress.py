"""How far many runs have come: how many, how fast, how many broke, and where to begin again."""

from collections.abc import Callable, Iterable, Iterator

from hugathome.testing.simulation.many import Run

_EVERY = 10.0
"""Seconds between two words about it."""


class Progress:
    """Counts the runs of `seeds` seeds from `start` on, in whatever order they end."""

    def __init__(self, seeds: int, *, start: int = 0) -> None:
        self.done = 0
        self.broken: list[int] = []
        """The seeds that broke an invariant."""
        self.next = start
        """The first seed that has not run."""
        self._seeds = seeds
        self._start = start
        self._beyond: set[int] = set()

    def follow(
        self, ended: Iterable[Run], *, clock: Callable[[], float], tell: Callable[[str], None]
    ) -> Iterator[Run]:
        """Yield each run as it ends, and tell now and then how far they have come."""
        began = told = clock()
        for run in ended:
            self._add(run)
            yield run
            if (now := clock()) - told >= _EVERY:
                told = now
                tell(f"{self.done} of {self._seeds} runs, {self.rate(now - began)}")

    def rate(self, seconds: float) -> str:
        """Say how fast that was, and how many broke."""
        return f"{self.done / seconds:.0f} a second: {len(self.broken) or 'none'} broken"

    @property
    def where(self) -> str:
        """Say which seeds have run, and with which to begin again."""
        there = (
            f"seeds {self._start} to {self.next - 1} have run"
            if self.next > self._start
            else "no seed has run"
        )
        beyond = f", and {len(self._beyond)} of those after {self.next}" if self._beyond else ""
        return f"{there}{beyond}; go on with --start {self.next}"

    def _add(self, run: Run) -> None:
        self.done += 1
        if run.broken is not None:
            self.broken.append(run.seed)
        self._beyond.add(run.seed)
        while self.next in self._beyond:
            self._beyond.remove(self.next)
            self.next += 1

"""How far many runs have come, in whatever order they end, and where to begin again."""

from hugathome.testing.simulation import Progress, Run


def _through(progress: Progress, *runs: Run, seconds: float = 1.0) -> list[str]:
    told: list[str] = []
    times = iter(range(len(runs) + 1))
    ended = progress.follow(runs, clock=lambda: next(times) * seconds, tell=told.append)

    assert list(ended) == list(runs)

    return told


def test_what_has_run_without_a_gap_need_not_run_again() -> None:
    progress = Progress(100, start=7)

    _through(progress, Run(8, None), Run(7, None), Run(11, None))

    assert progress.next == 9
    assert progress.where == "seeds 7 to 8 have run, and 1 of those after 9; go on with --start 9"


def test_before_the_first_has_run_all_are_left() -> None:
    assert Progress(100, start=7).where == "no seed has run; go on with --start 7"


def test_how_far_they_have_come_is_told_every_ten_seconds() -> None:
    progress = Progress(4)

    told = _through(progress, *(Run(seed, "I1" if seed == 1 else None) for seed in range(4)), seconds=5)

    assert told == ["2 of 4 runs, 0 a second: 1 broken", "4 of 4 runs, 0 a second: 1 broken"]
    assert progress.broken == [1]

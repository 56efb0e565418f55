"""What every conformance check of a seam raises."""


class ConformanceFailure(AssertionError):
    """An implementation of a seam breaks `rule`; the message says what was seen.

    The checks raise it themselves, so that `python -O` switches nothing off.
    """

    def __init__(self, rule: str, seen: str) -> None:
        super().__init__(f"{rule}: {seen}")
        self.rule = rule
        self.seen = seen

"""What those who run a deployment may watch: spans of calls and a handful of figures, and about nobody.

    HugAtHome(…, telemetry=OpenTelemetry())         hugathome.otel, or whatever fills `Telemetry`
    OneTimeCodes(…, telemetry=OpenTelemetry())

No session, participant, organisation or text is ever handed to a telemetry: a call has its name and the kind
of error that it ended with, a figure at most one label out of the few words that its `Metric` names. Without
one nothing is measured: `SILENT` does nothing, and nothing is imported for it.
"""

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from enum import StrEnum
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Final, NamedTuple, Protocol, TypeVar

T = TypeVar("T")


class Kind(StrEnum):
    """How a figure behaves."""

    COUNTER = "counter"
    """It only grows."""
    LEVEL = "level"
    """It goes up and down."""


class Metric(NamedTuple):
    """One figure."""

    name: str
    kind: Kind
    unit: str
    """In the notation of UCUM, as OpenTelemetry has it."""
    says: str
    label: str | None = None
    """What its amounts are told apart by."""


ROOMS = Metric("hugathome.rooms", Kind.LEVEL, "{room}", "Rooms that this process follows.")
CONNECTIONS = Metric("hugathome.connections", Kind.LEVEL, "{connection}", "Devices that it serves.")
JOINS = Metric("hugathome.joins", Kind.COUNTER, "{device}", "Devices that have come in on a grant.")
RESUMES = Metric(
    "hugathome.resumes", Kind.COUNTER, "{device}", "Devices that have come back after a loss.", "recovered"
)
CLOSES = Metric("hugathome.closes", Kind.COUNTER, "{connection}", "Connections that have ended.", "code")
RELAYED = Metric(
    "hugathome.relayed", Kind.COUNTER, "{message}", "Offers, answers and candidates passed on.", "type"
)
MESSAGES = Metric("hugathome.messages", Kind.COUNTER, "{message}", "Messages given to a gateway.", "outcome")
ANSWERS = Metric(
    "hugathome.answers", Kind.COUNTER, "{answer}", "Codes that were typed for a challenge.", "verdict"
)
METRICS: Final = (ROOMS, CONNECTIONS, JOINS, RESUMES, CLOSES, RELAYED, MESSAGES, ANSWERS)
"""All there are. How long calls take is in their spans, that of appending to the log (`log.append`) too."""


class Telemetry(Protocol):
    """Takes what is measured; it never waits, and never raises."""

    def span(self, call: str) -> AbstractContextManager[object]:
        """Return what surrounds one call, named like `sessions.admit`; an error goes through it unchanged."""
        ...

    def add(self, metric: Metric, amount: int = 1, *, label: str = "") -> None:
        """Add to a figure; `label` is given where the metric has one."""
        ...


class _Silent:
    """Takes nothing."""

    _nothing: AbstractContextManager[object] = nullcontext()

    def span(self, call: str) -> AbstractContextManager[object]:
        return self._nothing

    def add(self, metric: Metric, amount: int = 1, *, label: str = "") -> None:
        return


SILENT: Final[Telemetry] = _Silent()


class Watched(Protocol):
    """What `spanned` makes of a class."""

    telemetry: Telemetry


def spanned(area: str) -> Callable[[type[T]], type[T]]:
    """Have every public call of a class show as a span `area.call`, once its `telemetry` is set."""

    def decorate(kind: type[T]) -> type[T]:
        for name, member in list(vars(kind).items()):
            if iscoroutinefunction(member) and not name.startswith("_"):
                setattr(kind, name, _spanned(member, f"{area}.{name}"))
        kind.telemetry = SILENT  # type: ignore[attr-defined]  # of any class
        return kind

    return decorate


def watch(parts: Iterable[object], telemetry: Telemetry) -> None:
    """Set the telemetry of every part that has one."""
    for part in parts:
        if hasattr(part, "telemetry"):
            part.telemetry = telemetry


def _spanned(method: Callable[..., Awaitable[Any]], call: str) -> Callable[..., Awaitable[Any]]:
    @wraps(method)
    async def within(self: Watched, *args: Any, **kwargs: Any) -> Any:
        if self.telemetry is SILENT:
            return await method(self, *args, **kwargs)
        with self.telemetry.span(call):
            return await method(self, *args, **kwargs)

    return within

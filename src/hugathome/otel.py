"""OpenTelemetry: spans and figures through its API, into whatever SDK the host has set up.

    from hugathome.otel import OpenTelemetry

    hug = HugAtHome(…, telemetry=OpenTelemetry())

It needs `hugathome[otel]`, which is the API alone. An error leaves the name of its class and never its
message: that may quote somebody.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from hugathome.errors import HugathomeError, MissingExtra
from hugathome.telemetry import METRICS, Kind, Metric

try:
    from opentelemetry import metrics, trace
except ImportError:
    raise MissingExtra("otel") from None

if TYPE_CHECKING:
    from opentelemetry.metrics import Counter, Meter, MeterProvider, UpDownCounter
    from opentelemetry.trace import TracerProvider

DURATION = "hugathome.call.duration"
_SCOPE = "hugathome"


class OpenTelemetry:
    """Fills `Telemetry`; without providers it takes the process's own, as OpenTelemetry's users expect."""

    def __init__(
        self,
        *,
        tracer_provider: "TracerProvider | None" = None,
        meter_provider: "MeterProvider | None" = None,
    ) -> None:
        meter = metrics.get_meter(_SCOPE, meter_provider=meter_provider)
        self._tracer = trace.get_tracer(_SCOPE, tracer_provider=tracer_provider)
        self._instruments = {metric: _instrument(meter, metric) for metric in METRICS}
        self._duration = meter.create_histogram(DURATION, unit="s", description="How long a call took.")

    @contextmanager
    def span(self, call: str) -> Iterator[None]:
        """Surround a call by a span, and measure how long it takes."""
        about = {"hugathome.call": call}
        began = perf_counter()
        with self._tracer.start_as_current_span(
            f"hugathome.{call}", attributes=about, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except BaseException as error:
                about["error.type"] = type(error).__name__
                span.set_attribute("error.type", about["error.type"])
                if not _is_an_answer(error):
                    span.set_status(trace.StatusCode.ERROR)
                raise
            finally:
                self._duration.record(perf_counter() - began, about)

    def add(self, metric: Metric, amount: int = 1, *, label: str = "") -> None:
        """Add to a figure."""
        about = {f"hugathome.{metric.label}": label} if metric.label else {}
        self._instruments[metric].add(amount, about)


def _is_an_answer(error: BaseException) -> bool:
    """Whether an error is what a working deployment answers: a wrong code, a visit that is over."""
    return isinstance(error, HugathomeError) and error.status < 500


def _instrument(meter: "Meter", metric: Metric) -> "Counter | UpDownCounter":
    create = meter.create_counter if metric.kind is Kind.COUNTER else meter.create_up_down_counter
    return create(metric.name, unit=metric.unit, description=metric.says)

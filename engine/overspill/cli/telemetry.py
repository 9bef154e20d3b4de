"""Where an OTLP endpoint is named, each call of the service has a span that is sent there, and its metrics are sent there now and then
(extra `otel`). The variables are OpenTelemetry's own (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import perf_counter, time_ns
from typing import TYPE_CHECKING

from overspill.runtime.alarms import alarm
from overspill.words.failures import Failure

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricExporter
    from opentelemetry.sdk.resources import Resource

    from overspill.serve.metrics import Metrics
    from overspill.serve.observing import Seen

TRACES, METRICS = "TRACES", "METRICS"
EVERY_MS = 60_000
"""Between two times that metrics are sent, where OTEL_METRIC_EXPORT_INTERVAL does not say."""
END_SECONDS = 1.0
"""So long a service that stops waits for what it sends last to be taken."""


@contextmanager
def telemetry(metrics: Metrics) -> Iterator[tuple[Seen, ...]]:
    """Sends what is wanted; whoever makes spans is to be told of calls."""
    wanted = [signal for signal in (TRACES, METRICS) if _is_wanted(signal)]
    if not wanted:
        yield ()
        return
    try:
        from opentelemetry.sdk.resources import Resource
    except ImportError:
        what = "the environment names an OTLP endpoint, and OpenTelemetry's SDK is not installed"
        raise Failure("missing_extra", what, help='pip install "overspill[otel]"') from None
    resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or "overspill"})
    seen: tuple[Seen, ...] = ()
    ends: list[Callable[[], object]] = []
    if TRACES in wanted:
        spans, end = _spans(resource)
        seen, ends = (spans,), [end]
    if METRICS in wanted:
        ends.append(_sender(metrics, resource).stop)
    try:
        yield seen
    finally:
        _ended(ends)


def _is_wanted(signal: str) -> bool:
    named = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get(f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT")
    return bool(named) and os.environ.get(f"OTEL_{signal}_EXPORTER") != "none"


def _ended(ends: list[Callable[[], object]]) -> None:
    """All at once, and none for longer than there is time: their exporters would take 10 seconds and more."""
    threads = [Thread(target=end, name="overspill-telemetry", daemon=True) for end in ends]
    until = perf_counter() + END_SECONDS
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(until - perf_counter(), 0))


def _spans(resource: Resource) -> tuple[Seen, Callable[[], object]]:
    """Whoever makes them, and their end."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    from overspill.serve.observing import Spans

    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Spans(provider.get_tracer("overspill")), provider.shutdown


def _sender(metrics: Metrics, resource: Resource) -> Sender:
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter

    every = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "")
    millis = int(every) if every.isascii() and every.isdigit() and int(every) else EVERY_MS
    return Sender(metrics, OTLPMetricExporter(), resource, millis / 1000)


class Sender:
    """Sends metrics every so many seconds, and once more when it is stopped."""

    def __init__(self, metrics: Metrics, exporter: MetricExporter, resource: Resource, every: float) -> None:
        self._metrics, self._exporter, self._resource, self._every = metrics, exporter, resource, every
        self._began = time_ns()
        self._over = Event()
        self._thread = Thread(target=self._run, name="overspill-metrics", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            self._send()
        self._send()

    def _send(self) -> None:
        from overspill.serve.otlp_metrics import metrics_data

        try:
            self._exporter.export(metrics_data(self._metrics.families(), self._resource, self._began, time_ns()))
        except Exception as error:  # what cannot be sent now is in what is sent next
            alarm("metrics_not_sent", error=type(error).__name__)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

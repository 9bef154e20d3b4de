"""Where an OTLP endpoint is named, each call of the service has a span that is sent there (extra `otel`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from overspill.words.failures import Failure

if TYPE_CHECKING:
    from overspill.serve.observing import Seen

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Where spans go (https://opentelemetry.io/docs/specs/otel/protocol/exporter/)."""
END_SECONDS = 1.0
"""So long a service that stops waits for its last spans to be taken."""


@contextmanager
def spans() -> Iterator[tuple[Seen, ...]]:
    """Whoever makes them; nobody where no endpoint is named."""
    if not any(os.environ.get(name) for name in ENDPOINTS):
        yield ()
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        what = "the environment names an OTLP endpoint, and OpenTelemetry's SDK is not installed"
        raise Failure("missing_extra", what, help='pip install "overspill[otel]"') from None
    from overspill.serve.observing import Spans

    # The SDK's own end waits as long as its exporter does, 10 seconds and more.
    provider = TracerProvider(resource=Resource.create({"service.name": "overspill"}), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    try:
        yield (Spans(provider.get_tracer("overspill")),)
    finally:
        ending = Thread(target=provider.shutdown, name="overspill-spans", daemon=True)
        ending.start()
        ending.join(END_SECONDS)

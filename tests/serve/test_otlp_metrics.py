"""Metrics as OTLP has them say what `/metrics` says, and are sent with the spans to where the environment names."""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric

from overspill.serve.app import App
from overspill.serve.metrics import BUCKETS, Metrics
from overspill.serve.operations import all_operations
from overspill.serve.otlp_metrics import metrics_data
from support.service_processes import SECONDS, Connection, key_for, process
from support.services import TURN, Caller, served, with_ana

KINDS = {"counter": "sum", "gauge": "gauge", "histogram": "histogram"}


def _told_by(request: Any) -> dict[str, Any]:
    """By name."""
    return {one.name: one for all in request.resource_metrics for scope in all.scope_metrics for one in scope.metrics}


def _labels(point: Any) -> str:
    return ",".join(f'{one.key}="{one.value.string_value}"' for one in point.attributes)


def _value(point: Any) -> float:
    return float(getattr(point, point.WhichOneof("value")))


def _values(text: str, name: str) -> dict[str, float]:
    """By labels, of Prometheus' text."""
    found = re.findall(rf"^{name}(?:{{(.*)}})? (\S+)$", text, re.MULTILINE)
    return {labels: float(value) for labels, value in found}


class Collected(CollectorRegistry):
    """What a registry has told once."""

    def __init__(self, families: list[Metric]) -> None:
        super().__init__()
        self._families = families

    def collect(self) -> Iterator[Metric]:
        return iter(self._families)


def test_it_says_what_the_text_says() -> None:
    with served() as one:
        with_ana(one)
        metrics = Metrics(one.service)
        caller = Caller(App(one.service, all_operations(metrics, "0"), (metrics,)), one.all.key)
        caller.post("/v1/decisions", TURN, "r1")
        caller.post("/v1/decisions", {}, "r2")
        shown = metrics.text().decode()
        families = list(metrics.families())  # once: a clock's drift is another one each time
    data = metrics_data(families, Resource({"service.name": "x"}), 5, 9)
    told, text = _told_by(encode_metrics(data)), generate_latest(Collected(families)).decode()
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", shown, re.MULTILINE))
    assert {name: one.WhichOneof("data") for name, one in told.items()} == {
        name: KINDS[kind] for name, kind in kinds.items()
    }
    for name, kind in kinds.items():
        if kind != "histogram":
            points = getattr(told[name], KINDS[kind]).data_points
            assert {_labels(point): _value(point) for point in points} == _values(text, name)
            began = 5 if kind == "counter" else 0
            assert {(point.start_time_unix_nano, point.time_unix_nano) for point in points} <= {(began, 9)}
    assert told["overspill_calls_total"].sum.is_monotonic


def test_a_histogram_has_in_each_bucket_what_is_in_no_other() -> None:
    with served() as one:
        metrics = Metrics(one.service)
        metrics._times["decide", 200, "allow"] = [1, 2, *[0] * (len(BUCKETS) - 2), 4, 9_000_000_000]
        data = metrics_data(metrics.families(), Resource({}), 5, 9)
    told = _told_by(encode_metrics(data))["overspill_call_seconds"]
    [point] = told.histogram.data_points
    assert (told.unit, _labels(point), point.count, point.sum) == ("s", 'operation="decide"', 7, 9.0)
    assert list(point.bucket_counts) == [1, 2, *[0] * (len(BUCKETS) - 2), 4]
    assert list(point.explicit_bounds) == list(BUCKETS)
    assert not point.HasField("min")


# ---- on its way


@contextmanager
def collecting() -> Iterator[tuple[str, queue.Queue[tuple[str, bytes]]]]:
    """A collector: (its address, what it was sent)."""
    sent: queue.Queue[tuple[str, bytes]] = queue.Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.put((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", sent
        finally:
            server.shutdown()
            thread.join()


WANTED: dict[str, tuple[dict[str, str], set[str]]] = {
    "both": ({}, {"/v1/metrics", "/v1/traces"}),
    "no spans": ({"OTEL_TRACES_EXPORTER": "none"}, {"/v1/metrics"}),
    "no metrics": ({"OTEL_METRICS_EXPORTER": "none"}, {"/v1/traces"}),
}


@pytest.mark.parametrize("more, paths", WANTED.values(), ids=WANTED)
def test_what_is_wanted_is_sent_when_the_service_stops_at_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], paths: set[str]
) -> None:
    db = str(tmp_path / "x.db")
    with collecting() as (endpoint, sent):
        for name, value in {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_SERVICE_NAME": "mine", **more}.items():
            monkeypatch.setenv(name, value)
        key = key_for(db)
        with process(db) as one:
            caller = Connection(one.port, key)
            assert caller.ask("GET", "/v1/policies").status == 200
            caller.close()
            assert one.stop() == 0
        found = dict(sent.queue)
    assert set(found) == paths
    if "/v1/metrics" in paths:
        request = ExportMetricsServiceRequest.FromString(found["/v1/metrics"])
        points = _told_by(request)["overspill_calls_total"].sum.data_points
        assert [(_labels(point), _value(point)) for point in points] == [
            ('operation="list_policies",status="200"', 1.0)
        ]
    if "/v1/traces" in paths:
        [traced] = ExportTraceServiceRequest.FromString(found["/v1/traces"]).resource_spans
        assert [span.name for scope in traced.scope_spans for span in scope.spans] == ["GET /v1/policies"]
        assert "mine" in [one.value.string_value for one in traced.resource.attributes if one.key == "service.name"]


def test_metrics_are_sent_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with collecting() as (endpoint, sent):
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", f"{endpoint}/here")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1")
        db = str(tmp_path / "x.db")
        key = key_for(db)
        with process(db) as one:
            caller = Connection(one.port, key)
            assert caller.ask("GET", "/livez").status == 200
            caller.close()
            assert [sent.get(timeout=SECONDS)[0] for _ in range(3)] == ["/here"] * 3
            assert one.stop() == 0

"""What `/metrics` tells, as OTLP has it (extra `otel`): the same families under the same names, with the same labels. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Gauge,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from prometheus_client.core import Metric as Family
from prometheus_client.samples import Sample

CUMULATIVE = AggregationTemporality.CUMULATIVE
BOUND, NO_BOUND = "le", "+Inf"


def metrics_data(families: Iterable[Family], resource: Resource, began: int, at: int) -> MetricsData:
    """What stands at `at`, added up since `began`; both in nanoseconds."""
    metrics = [_metric(family, began, at) for family in families]
    scope = ScopeMetrics(InstrumentationScope("overspill"), metrics, "")
    return MetricsData([ResourceMetrics(resource, [scope], "")])


def _metric(family: Family, began: int, at: int) -> Metric:
    name, about, unit = family.name, family.documentation, "s" if family.name.endswith("_seconds") else ""
    if family.type == "histogram":
        return Metric(name, about, unit, Histogram(_histograms(family.samples, began, at), CUMULATIVE))
    points = [NumberDataPoint(one.labels, began, at, one.value) for one in family.samples]
    if family.type == "counter":
        return Metric(f"{name}_total", about, unit, Sum(points, CUMULATIVE, is_monotonic=True))
    return Metric(name, about, unit, Gauge(points))


def _histograms(samples: Iterable[Sample], began: int, at: int) -> list[HistogramDataPoint]:
    found: dict[tuple[tuple[str, str], ...], list[Sample]] = {}
    for one in samples:
        found.setdefault(tuple((key, value) for key, value in one.labels.items() if key != BOUND), []).append(one)
    return [_histogram(dict(labels), own, began, at) for labels, own in found.items()]


def _histogram(labels: dict[str, str], samples: list[Sample], began: int, at: int) -> HistogramDataPoint:
    """Of Prometheus' buckets each has all that is below its bound; of OTLP's only what is above the one before."""
    buckets = [one for one in samples if BOUND in one.labels]
    [total] = [one.value for one in samples if one.name.endswith("_sum")]
    below = [0, *(int(one.value) for one in buckets)]
    return HistogramDataPoint(
        labels,
        began,
        at,
        count=below[-1],
        sum=total,
        bucket_counts=[upper - lower for lower, upper in pairwise(below)],
        explicit_bounds=[float(one.labels[BOUND]) for one in buckets if one.labels[BOUND] != NO_BOUND],
        min=None,  # type: ignore[arg-type]
        max=None,  # type: ignore[arg-type]
    )

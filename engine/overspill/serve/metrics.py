"""What calls add up to, what stands in the service, and how hooks are doing, in Prometheus' text format. Labels are bounded:
operations, statuses and outcomes are short lists, and no tenant, account or id is one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from itertools import accumulate
from operator import add
from typing import TYPE_CHECKING

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from overspill.serve.call import Call, Operation, Reply
from overspill.serve.observing import UNKNOWN, Done
from overspill.words.failures import Failure

if TYPE_CHECKING:
    from overspill.ports.hooks import Hook
    from overspill.serve.service import Service

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BOUNDS = [round(seconds * 1e9) for seconds in BUCKETS]
_PLACES = len(BUCKETS) + 2
_LABELS = [*map(str, BUCKETS), "+Inf"]
STATES = ("enabled", "failing", "disabled")
"""Of hooks."""
DECIDE = "decide"
OUTCOMES = ("allow", "partial", "deny")
"""What is told of decisions from the start, that nothing begins behind its first one."""

_Times = dict[tuple[str, int, str | None], list[int]]
"""By operation, status, and the outcome of calls with one decision: how many took no longer than each bound, then those that took
longer, then the sum."""


class Metrics:
    """The service's own registry: what it tells does not depend on what else the process holds."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        self._times: _Times = {}
        self._many = defaultdict[tuple[str, str], int](int)
        """By operation and outcome: decisions of calls that had several."""
        self._registry.register(_Counted(self._times, self._many))
        self._registry.register(_Standing(service))
        self._registry.register(_Hooks(service))

    def __call__(self, done: Done) -> None:
        """Adds whole numbers in the loop's own thread: `prometheus_client`'s own would take a lock for each."""
        operation, reply, took = done.operation, done.reply, done.took
        outcomes = reply.outcomes
        id = UNKNOWN if operation is None else operation.id
        kind = id, reply.status, outcomes[0] if len(outcomes) == 1 else None
        times = self._times.get(kind)
        if times is None:
            times = self._times[kind] = [0] * _PLACES
        times[bisect_left(_BOUNDS, took)] += 1
        times[-1] += took
        if len(outcomes) > 1:
            for outcome in outcomes:
                self._many[id, outcome] += 1

    def families(self) -> Iterable[Metric]:
        """All of it, as it stands."""
        return self._registry.collect()

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)


class _Counted(Collector):
    """What calls add up to."""

    def __init__(self, times: _Times, many: dict[tuple[str, str], int]) -> None:
        self._times, self._many = times, many

    def _sums(self) -> tuple[dict[tuple[str, int], int], dict[str, list[int]], dict[tuple[str, str], int]]:
        """Calls by operation and status; their times by operation; decisions by operation and outcome."""
        calls = defaultdict[tuple[str, int], int](int)
        times = defaultdict[str, list[int]](lambda: [0] * _PLACES)
        outcomes = defaultdict[tuple[str, str], int](int, {(DECIDE, one): 0 for one in OUTCOMES})
        for (operation, status, outcome), counted in list(self._times.items()):
            counted = [*counted]  # at once: more are counted meanwhile
            count = sum(counted[:-1])
            calls[operation, status] += count
            times[operation] = list(map(add, times[operation], counted))
            if outcome is not None:
                outcomes[operation, outcome] += count
        for labels, count in list(self._many.items()):
            outcomes[labels] += count
        return calls, times, outcomes

    def collect(self) -> Iterable[Metric]:
        counts, times_of, decisions = self._sums()
        calls = CounterMetricFamily(
            "overspill_calls", "Calls, by operation and HTTP status.", labels=("operation", "status")
        )
        for (operation, status), count in sorted(counts.items()):
            calls.add_metric((operation, str(status)), count)
        yield calls
        seconds = HistogramMetricFamily("overspill_call_seconds", "How long calls took.", labels=("operation",))
        for operation, times in sorted(times_of.items()):
            buckets = list(zip(_LABELS, accumulate(times[:-1]), strict=True))
            seconds.add_metric((operation,), buckets, times[-1] / 1e9)
        yield seconds
        outcomes = CounterMetricFamily(
            "overspill_decisions",
            "Decisions that were answered, by what asked for them.",
            labels=("operation", "outcome"),
        )
        for labels, count in sorted(decisions.items()):
            outcomes.add_metric(labels, count)
        yield outcomes


class _Standing(Collector):
    """What stands as it is asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[GaugeMetricFamily]:
        service = self._service
        yield _gauge("overspill_calls_under_way", "Calls that wait for their reply.", service.under_way)
        yield _gauge("overspill_clock_drift_seconds", "Wall clock ahead of the engine's.", service.engine.drift() / 1e6)
        with suppress(Failure):  # the store is away: its gauges are left out
            state = service.engine.settlement()
            yield _gauge("overspill_settled_through", "The last record that is settled.", state.through)
            yield _gauge("overspill_settlement_waiting", "Records that wait for settlement.", state.waiting)
            yield _gauge("overspill_settlement_parked", "Records that could not be posted.", state.parked)
            lag = state.lag(service.engine.now()) / 1e6
            yield _gauge("overspill_settlement_lag_seconds", "How long the oldest of them has waited.", lag)


class _Hooks(Collector):
    """How what is told of the journal is doing: the attempts of this process, and what stands in the database, of whoever
    delivers."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        service = self._service
        attempts = CounterMetricFamily(
            "overspill_hook_attempts",
            "Attempts to deliver, of this process, by what became of them.",
            labels=("outcome",),
        )
        for word, count in service.tally.attempts().items():
            attempts.add_metric((word,), count)
        yield attempts
        about = "Deliveries that became dead letters, of this process."
        yield CounterMetricFamily("overspill_hook_given_up", about, value=service.tally.given_up())
        with suppress(Failure):  # the store is away: its gauges are left out
            hooks, kept = service.registry.hooks.all(), service.registry.hooks.waiting()
            states = GaugeMetricFamily("overspill_hooks", "Hooks, by how they are doing.", labels=("state",))
            for state in STATES:
                states.add_metric((state,), sum(_state(hook) == state for hook in hooks))
            yield states
            yield _gauge("overspill_hook_deliveries_waiting", "Deliveries that are tried again.", kept.waiting)
            yield _gauge("overspill_hook_dead_letters", "Deliveries that were given up.", kept.dead)
            told = [hook.through for hook in hooks if hook.disabled_at is None]
            lag = service.engine.behind(min(told)) / 1e6 if told else 0
            about = "How long the first record has been there of which a hook that is enabled is not known to be told."
            yield _gauge("overspill_hook_lag_seconds", about, lag)


def _state(hook: Hook) -> str:
    if hook.disabled_at is not None:
        return "disabled"
    return "enabled" if hook.failing_since is None else "failing"


def _gauge(name: str, about: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, about, value=value)


def metered(metrics: Metrics) -> Operation:
    """The operation that tells the metrics."""

    async def act(call: Call) -> Reply:
        text = await run_in_threadpool(metrics.text)
        return Reply(text, media=(b"content-type", CONTENT_TYPE_LATEST.encode()))

    return Operation(
        id="metrics",
        method="GET",
        path="/metrics",
        tag="Service",
        summary="Metrics in Prometheus' text format",
        about="No tenant, account or id is a label.",
        scope=None,
        answer={"type": "string"},
        media="text/plain",
        act=act,
    )

"""What is told of each call: metrics, a line of JSON, a span. Nothing of it is on the way of a decision.

Labels are bounded: operations, statuses and outcomes are short lists, and no tenant, account or id is a label. A line
names the call, the decision and the credential by their ids, and holds nothing that was sent.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool

from overspill.serve.call import Call, Operation, Reply
from overspill.serve.credentials import Caller
from overspill.words.codec import Light, json_bytes
from overspill.words.failures import Failure

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer

    from overspill.ports.hooks import Hook
    from overspill.serve.service import Service

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
STATES = ("enabled", "failing", "disabled")
"""Of hooks."""
UNKNOWN = "unknown"
"""The operation of a call that found none."""
_BUSY = b'"code":"busy"'
"""Of a call that was sent away. It is counted; a line for each would make what is too much more."""
_DECISION = b'{"decision":"'
_OUTCOME = b'"outcome":"'
DECIDE = "decide"
"""The operation whose answer is a decision itself."""
OUTCOMES = ("allow", "partial", "deny")
_TRACE = re.compile(rb"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}").match
Write = Callable[[bytes], object]


class Done(Light, frozen=True):
    """A call and its reply. `operation` None: it found none. `began` is the wall clock's, both are nanoseconds."""

    operation: Operation | None
    caller: Caller
    method: str
    headers: Mapping[bytes, bytes]
    request_id: str
    reply: Reply
    began: int
    took: int

    @property
    def name(self) -> str:
        return UNKNOWN if self.operation is None else self.operation.id


Seen = Callable[[Done], None]
"""Whoever is told of each call when it has its reply."""


class Metrics:
    """The service's own registry: what it tells does not depend on what else the process holds."""

    def __init__(self, service: Service) -> None:
        self._registry = CollectorRegistry()
        self._calls = Counter(
            "overspill_calls", "Calls, by operation and HTTP status.", ("operation", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "overspill_call_seconds",
            "How long calls took.",
            ("operation",),
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._outcomes = Counter(
            "overspill_decisions",
            "Decisions that were answered, by what asked for them; of the batches those of AuthZEN.",
            ("operation", "outcome"),
            registry=self._registry,
        )
        self._known: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._of_outcome = {one.encode(): self._outcomes.labels(DECIDE, one) for one in OUTCOMES}
        self._registry.register(_Standing(service))
        self._registry.register(_Hooks(service))

    def __call__(self, done: Done) -> None:
        reply, name = done.reply, done.name
        count, observe = self._known.get((name, reply.status)) or self._opened(name, reply.status)
        count()
        observe(done.took / 1e9)
        if reply.body.startswith(_DECISION):
            child = self._of_outcome.get(_outcome(reply.body))
            if child is not None:
                child.inc()
        for outcome in reply.outcomes:
            self._outcomes.labels(name, outcome).inc()

    def _opened(self, name: str, status: int) -> tuple[Callable[[], None], Callable[[float], None]]:
        found = (self._calls.labels(name, str(status)).inc, self._seconds.labels(name).observe)
        self._known[name, status] = found
        return found

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)


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
            labels=["outcome"],
        )
        for word, count in service.tally.attempts().items():
            attempts.add_metric([word], count)
        yield attempts
        about = "Deliveries that became dead letters, of this process."
        yield CounterMetricFamily("overspill_hook_given_up", about, value=service.tally.given_up())
        with suppress(Failure):  # the store is away: its gauges are left out
            hooks, kept = service.registry.hooks.all(), service.registry.hooks.waiting()
            states = GaugeMetricFamily("overspill_hooks", "Hooks, by how they are doing.", labels=["state"])
            for state in STATES:
                states.add_metric([state], sum(_state(hook) == state for hook in hooks))
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


def _outcome(body: bytes) -> bytes:
    start = body.find(_OUTCOME, 0, 512) + len(_OUTCOME)
    return body[start : body.find(b'"', start)]


class Lines:
    """One line of JSON for each call that is to be told of: all; or changes, and what failed inside."""

    def __init__(self, every: bool, write: Write | None = None) -> None:
        self._every = every
        self._log = _logger(write or _standard_error)

    def __call__(self, done: Done) -> None:
        operation, reply = done.operation, done.reply
        changes = operation is not None and operation.is_administrative
        failed = reply.status >= 500 and _BUSY not in reply.body
        if not (self._every or changes or failed):
            return
        facts: dict[str, Any] = {
            "operation": done.name,
            "status": reply.status,
            "micros": done.took // 1000,
            "request": done.request_id,
        }
        if done.caller.id:
            facts |= {"tenant": done.caller.tenant, "credential": done.caller.id}
        if (trace := _trace(done.headers)) is not None:
            facts["trace"] = trace
        if (decision := _decision(reply.body)) is not None:
            facts["decision"], facts["outcome"] = decision, _outcome(reply.body).decode()
        self._log("call", **facts)


def _standard_error(line: bytes) -> None:
    with suppress(OSError, ValueError):  # it is full, or closed
        sys.stderr.buffer.write(line)
        sys.stderr.buffer.flush()


def _logger(write: Write) -> Callable[..., object]:
    import structlog  # whoever tells nothing needs none of it

    def rendered(_: object, __: str, event: Mapping[str, Any]) -> bytes:
        return json_bytes(dict(event)) + b"\n"

    class Out:
        def info(self, line: bytes) -> None:
            write(line)

    log = structlog.wrap_logger(
        Out(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            rendered,
        ],
    )
    return log.info  # type: ignore[no-any-return]


class Spans:
    """A span for each call, under the caller's `traceparent` (W3C Trace Context)."""

    def __init__(self, tracer: Tracer) -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._tracer, self._propagator = tracer, TraceContextTextMapPropagator()

    def __call__(self, done: Done) -> None:
        from opentelemetry.trace import SpanKind, Status, StatusCode

        operation, reply = done.operation, done.reply
        route = UNKNOWN if operation is None else operation.path
        facts: dict[str, str | int] = {
            "http.request.method": done.method if operation is not None else "_OTHER",
            "http.route": route,
            "http.response.status_code": reply.status,
            "overspill.operation": done.name,
            "overspill.request.id": done.request_id,
        }
        if (decision := _decision(reply.body)) is not None:
            facts |= {"overspill.decision.id": decision, "overspill.outcome": _outcome(reply.body).decode()}
        sent = {name: done.headers.get(name.encode(), b"").decode("latin-1") for name in ("traceparent", "tracestate")}
        span = self._tracer.start_span(
            f"{facts['http.request.method']} {route}",
            context=self._propagator.extract(sent),
            kind=SpanKind.SERVER,
            attributes=facts,
            start_time=done.began,
        )
        if reply.status >= 500:
            span.set_status(Status(StatusCode.ERROR))
        span.end(done.began + done.took)


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


def _decision(body: bytes) -> str | None:
    """The id of the decision that a reply is."""
    if not body.startswith(_DECISION):
        return None
    return body[len(_DECISION) : body.find(b'"', len(_DECISION))].decode()


def _trace(headers: Mapping[bytes, bytes]) -> str | None:
    """The caller's trace id (W3C Trace Context)."""
    found = _TRACE(headers.get(b"traceparent", b""))
    return None if found is None else found[1].decode()

"""What is told of each call: a line of JSON, a span, and what `metrics` adds up. Nothing of it is on the way of a decision.

A line names the call, the decision and the credential by their ids, and holds nothing that was sent.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from overspill.records.answers import outcome_in
from overspill.serve.call import Operation, Reply
from overspill.serve.credentials import Caller
from overspill.words.codec import Light, json_bytes

if TYPE_CHECKING:
    from opentelemetry.trace import Tracer


UNKNOWN = "unknown"
"""The operation of a call that found none."""
_BUSY = b'"code":"busy"'
"""Of a call that was sent away. It is counted; a line for each would make what is too much more."""
_DECISION = b'{"decision":"'
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
        if (decided := _decided(reply)) is not None:
            facts["decision"], facts["outcome"] = decided
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
        if (decided := _decided(reply)) is not None:
            facts["overspill.decision.id"], facts["overspill.outcome"] = decided
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


def _decided(reply: Reply) -> tuple[str, str] | None:
    """The id and the outcome of the one decision that a reply tells of."""
    if reply.decision is not None and reply.outcomes:
        return reply.decision, reply.outcomes[0]
    body = reply.body
    if not body.startswith(_DECISION):
        return None
    return body[len(_DECISION) : body.find(b'"', len(_DECISION))].decode(), outcome_in(body)


def _trace(headers: Mapping[bytes, bytes]) -> str | None:
    """The caller's trace id (W3C Trace Context)."""
    found = _TRACE(headers.get(b"traceparent", b""))
    return None if found is None else found[1].decode()

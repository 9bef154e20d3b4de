"""Whose trace a call belongs to (W3C Trace Context): what the caller was given by its own, or OpenTelemetry's current span.

OpenTelemetry is not asked for: where nobody in the process has loaded its API there is no span of it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from overspill.client.calls import Call
from overspill.words.codec import replace

Trace = Mapping[str, str]
"""The fields `traceparent` and `tracestate` of a call; empty: it belongs to none."""
_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_STATE = re.compile(r"[!-~][ -~]{0,510}[!-~]?")
_API = "opentelemetry.trace"


def trace_of(traceparent: str, tracestate: str) -> Trace:
    """The fields as they came; what is no `traceparent` is passed on to nobody, as that standard has it."""
    if _PARENT.fullmatch(traceparent) is None:
        return {}
    state = {"tracestate": tracestate} if _STATE.fullmatch(tracestate) else {}
    return {"traceparent": traceparent, **state}


def current() -> Trace:
    """Of OpenTelemetry's current span, where there is one."""
    if _API not in sys.modules:
        return {}
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    found: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(found)
    return found


def traced(call: Call, given: Trace) -> Call:
    """The call as a part of the trace that was given, else of the current one."""
    fields = given or current()
    return replace(call, trace=tuple(fields.items())) if fields else call

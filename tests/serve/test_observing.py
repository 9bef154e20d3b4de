"""What is told of calls, and what never is: no secret anywhere, and nothing that was sent in a line, a metric or a span."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from overspill.serve.app import App
from overspill.serve.call import Call, Operation, Reply
from overspill.serve.observing import Lines, Metrics, Spans
from overspill.serve.operations import all_operations
from support.asgi import Answer, call
from support.services import TURN, Caller, Served, served, with_ana

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Observed:
    def __init__(self, one: Served, every: bool) -> None:
        self.lines: list[bytes] = []
        self.spans = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.spans))
        metrics = Metrics(one.service)
        seen = (metrics, Lines(every, self.lines.append), Spans(provider.get_tracer("test")))
        self.one = one
        self.app = App(one.service, (*all_operations(metrics, "0"), BROKEN), seen)
        self.all = Caller(self.app, one.all.key)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]

    @property
    def everything(self) -> str:
        """All that was told, of which nothing goes to the caller."""
        spans = "".join(span.to_json() for span in self.spans.get_finished_spans())
        return b"".join(self.lines).decode() + spans + self.all.get("/metrics").body.decode()


async def _break(call: Call) -> Reply:
    raise RuntimeError(call.body.decode())


BROKEN = Operation(
    id="broken",
    method="POST",
    path="/broken",
    tag="Service",
    summary="",
    scope="decide",
    body={},
    answer={},
    act=_break,
)


@pytest.fixture
def seen() -> Iterator[Observed]:
    with served() as one:
        with_ana(one)
        yield Observed(one, True)


def test_a_call_has_a_line_with_the_ids_of_what_it_was(seen: Observed) -> None:
    answer = seen.all.post("/v1/decisions", TURN, "r1", **{"X-Request-ID": "mine", "traceparent": TRACE})
    [line] = seen.told
    assert line == {
        "event": "call",
        "level": "info",
        "timestamp": line["timestamp"],
        "operation": "decide",
        "status": 200,
        "micros": line["micros"],
        "request": "mine",
        "tenant": "acme",
        "credential": line["credential"],
        "trace": "0af7651916cd43dd8448eb211c80319c",
        "decision": answer.json["decision"],
        "outcome": "allow",
    }
    assert answer.headers["x-request-id"] == "mine"


def test_only_changes_and_failures_have_one_where_not_all_do() -> None:
    with served() as one:
        seen = Observed(one, False)
        seen.all.post("/v1/decisions", {**TURN, "mode": "preview"})
        seen.all.get("/v1/policies")
        seen.all.post("/v1/accounts/user/u_1/attributes", {"attributes": {"plan": "pro"}}, "k")
        seen.all.post("/broken", {})
        assert [(line["operation"], line["status"]) for line in seen.told] == [("set_attributes", 200), ("broken", 500)]


def test_a_call_is_a_span_under_the_callers(seen: Observed) -> None:
    answer = seen.all.post("/v1/decisions", TURN, "r1", traceparent=TRACE)
    [span] = seen.spans.get_finished_spans()
    assert span.name == "POST /v1/decisions"
    assert span.parent is not None
    assert f"{span.parent.trace_id:032x}-{span.parent.span_id:016x}" == TRACE[3:52]
    assert span.attributes is not None
    assert span.attributes["overspill.decision.id"] == answer.json["decision"]
    assert span.attributes["http.response.status_code"] == 200


def test_calls_are_counted_by_operation_and_status(seen: Observed) -> None:
    seen.all.post("/v1/decisions", TURN, "r1")
    seen.all.post("/v1/decisions", {}, "r2")
    call(seen.app, "GET", "/nowhere")
    text = seen.all.get("/metrics").body.decode()
    for line in (
        'overspill_calls_total{operation="decide",status="200"} 1.0',
        'overspill_calls_total{operation="decide",status="400"} 1.0',
        'overspill_calls_total{operation="unknown",status="404"} 1.0',
        'overspill_decisions_total{outcome="allow"} 1.0',
        'overspill_call_seconds_count{operation="decide"} 2.0',
        "overspill_settlement_waiting",
        "overspill_clock_drift_seconds 0.0",
    ):
        assert line in text


def test_labels_are_bounded_whatever_is_asked_for(seen: Observed) -> None:
    for number in range(50):
        call(seen.app, "GET", f"/nowhere/{number}")
        seen.all.get(f"/v1/accounts/user/u_{number}")
        seen.all.post("/v1/decisions", {**TURN, "account": {"user": f"u_{number}"}}, f"k{number}")
    text = seen.all.get("/metrics").body.decode()
    labelled = [line for line in text.splitlines() if line.startswith("overspill_calls_total")]
    assert len(labelled) == 3


CANARY = "canary-7f3a"
SENT: dict[str, tuple[str, str, Any, dict[str, str], str]] = {
    "a key that is none": ("POST", "/v1/decisions", TURN, {"Authorization": f"Bearer {CANARY}"}, ""),
    "a basic credential": ("POST", "/v1/decisions", TURN, {"Authorization": f"Basic {CANARY}"}, ""),
    "a cookie": ("POST", "/v1/decisions", TURN, {"Cookie": CANARY, "Idempotency-Key": "c"}, ""),
    "a header": ("POST", "/v1/decisions", TURN, {"X-Forwarded-For": CANARY, "Idempotency-Key": "c"}, ""),
    "another method": ("DELETE", f"/v1/{CANARY}", None, {}, ""),
    "a path": ("GET", f"/v1/{CANARY}", None, {}, ""),
    "an account": ("GET", f"/v1/accounts/user/{CANARY}", None, {}, ""),
    "a query": ("GET", "/v1/policies", None, {}, f"{CANARY}=1"),
    "no JSON": ("POST", "/v1/decisions", CANARY.encode(), {"Idempotency-Key": "c"}, ""),
    "an unknown key": ("POST", "/v1/decisions", {CANARY: 1}, {"Idempotency-Key": "c"}, ""),
    "a field": ("POST", "/v1/decisions", {**TURN, "fields": {"model": CANARY}}, {"Idempotency-Key": "c"}, ""),
    "a user": ("POST", "/v1/decisions", {**TURN, "account": {"user": CANARY}}, {"Idempotency-Key": "c"}, ""),
    "a hold": ("POST", f"/v1/holds/{CANARY}/capture", {"meters": {}}, {"Idempotency-Key": "c"}, ""),
    "a meter": ("POST", "/v1/holds/h/capture", {"meters": {CANARY: "x"}}, {"Idempotency-Key": "c"}, ""),
    "an attribute": (
        "POST",
        "/v1/accounts/user/u_1/attributes",
        {"attributes": {"plan": CANARY, CANARY: CANARY}},
        {"Idempotency-Key": "c"},
        "",
    ),
    "a lot": (
        "POST",
        f"/v1/lots/{CANARY}/void",
        {"account": {"user": "a"}, "pool": CANARY},
        {"Idempotency-Key": "c"},
        "",
    ),
    "a defect": ("POST", "/broken", {"x": CANARY}, {}, ""),
}


@pytest.mark.parametrize("method, path, body, headers, query", SENT.values(), ids=SENT)
def test_nothing_that_is_sent_is_told_on(
    seen: Observed,
    capfd: pytest.CaptureFixture[str],
    method: str,
    path: str,
    body: Any,
    headers: dict[str, str],
    query: str,
) -> None:
    answer = _sent(seen, method, path, body, headers, query)
    told = "".join(capfd.readouterr())
    assert seen.told
    assert CANARY not in seen.everything + told
    assert seen.one.all.key not in seen.everything + told + answer.body.decode() + str(answer.headers)
    if answer.status in (401, 500):
        assert CANARY not in answer.body.decode()


def _sent(seen: Observed, method: str, path: str, body: Any, headers: dict[str, str], query: str) -> Answer:
    own = {"Authorization": f"Bearer {seen.one.all.key}"}
    return call(seen.app, method, path, body, {**own, **headers}, query)

"""What is told of calls, and what never is: no secret anywhere, and nothing that was sent in a line, a metric or a span."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from overspill.hooks.sending import Outcome
from overspill.ports.hooks import Delivery
from overspill.serve.app import App
from overspill.serve.call import Call, Operation, Reply
from overspill.serve.gateway_file import gateway_from
from overspill.serve.metrics import Metrics
from overspill.serve.observing import Lines, Spans
from overspill.serve.operations import OPERATIONS, all_operations
from overspill.serve.service import Limits
from overspill.words.codec import replace
from overspill.words.instants import SECOND
from reference import DOCS
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


def test_what_is_sent_away_is_counted_and_has_no_line() -> None:
    with served(Limits(at_once=0)) as one:
        seen = Observed(one, False)
        assert [seen.all.post("/v1/decisions", TURN, f"r{number}").status for number in range(3)] == [503] * 3
        assert seen.all.post("/v1/accounts/user/u_1/attributes", {"attributes": {"plan": "pro"}}, "k").status == 503
        assert [line["operation"] for line in seen.told] == [
            "set_attributes"
        ]  # what changes something has one all the same
        one.service.limits = Limits()
        assert counted(seen, "overspill_calls_total")['operation="decide",status="503"'] == 3


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
        'overspill_decisions_total{operation="decide",outcome="allow"} 1.0',
        'overspill_call_seconds_count{operation="decide"} 2.0',
        "overspill_settlement_waiting",
        "overspill_clock_drift_seconds 0.0",
    ):
        assert line in text


GATEWAY = b"""rules: [{path: /free, mode: pass}, {path: /, account: {user: u_ana}, fields: {product: sora},
meters: {generations: {header: x-generations}}}]"""


def test_decisions_are_counted_whoever_asks_for_them(seen: Observed) -> None:
    seen.one.service.gateway = gateway_from(GATEWAY, "g")

    def gate(id: str, generations: str, path: str = "/") -> int:
        headers = {"Authorization": f"Bearer {seen.one.all.key}", "x-request-id": id, "x-generations": generations}
        return call(seen.app, "POST", f"/envoy{path}", None, headers).status

    assert [gate("q1", "30"), gate("q2", "999"), gate("q3", "x"), gate("q4", "1", "/free")] == [200, 402, 422, 200]
    asked, denied = _sora(1), _sora(999)
    assert seen.all.post("/access/v1/evaluation", asked).json["decision"] is True
    body = {"evaluations": [asked, denied, {}]}
    answers = seen.all.post("/access/v1/evaluations", body).json["evaluations"]
    assert [one["decision"] for one in answers] == [True, False, False]
    assert counted(seen, "overspill_decisions_total") == {
        'operation="envoy_check",outcome="allow"': 1,
        'operation="envoy_check",outcome="deny"': 1,
        'operation="authzen_evaluation",outcome="allow"': 1,
        'operation="authzen_evaluations",outcome="allow"': 1,
        'operation="authzen_evaluations",outcome="deny"': 1,  # and the third is an error, no decision
    }


def test_whoever_asks_for_a_decision_its_line_and_its_span_have_its_id(seen: Observed) -> None:
    seen.one.service.gateway = gateway_from(GATEWAY, "g")
    answer = seen.all.post("/access/v1/evaluation", _sora(1))
    gate = {"Authorization": f"Bearer {seen.one.all.key}", "x-request-id": "q1", "x-generations": "30"}
    let_in = call(seen.app, "GET", "/envoy/", None, gate).headers["x-overspill-decision"]
    denied = call(seen.app, "GET", "/envoy/", None, {**gate, "x-request-id": "q2", "x-generations": "999"})
    decided = [
        (answer.json["context"]["evaluation_id"], "allow"),
        (let_in, "allow"),
        (denied.json["decision_id"], "deny"),
    ]
    assert [(line["decision"], line["outcome"]) for line in seen.told] == decided
    facts = [dict(span.attributes or {}) for span in seen.spans.get_finished_spans()]
    assert [(one["overspill.decision.id"], one["overspill.outcome"]) for one in facts] == decided


def _sora(generations: int) -> dict[str, Any]:
    """As AuthZEN asks."""
    action = {"name": "sora", "properties": {"generations": generations}}
    return {"subject": {"type": "user", "id": "u_ana"}, "action": action, "resource": {"type": "model", "id": "sora-2"}}


def test_hooks_are_told_of_by_how_they_are_doing(seen: Observed) -> None:
    hooks, clock = seen.one.registry.hooks, seen.one.clock

    def standing() -> dict[str, float]:
        return {**counted(seen, "overspill_hooks"), **counted(seen, "overspill_hook_attempts_total"), **_gauges(seen)}

    assert standing() == {"overspill_hook_given_up_total": 0, "overspill_hook_lag_seconds": 0, **WAITING_NOTHING}
    first, second, third = (_hook(seen, key) for key in ("a", "b", "c"))
    seen.all.post("/v1/decisions", TURN, "r1")
    clock.advance(90 * SECOND)
    hooks.disable(second, clock.now(), "operator")
    hooks.claim(third, "me", clock.now(), clock.now() + SECOND)
    hooks.advance(replace(hooks.get("acme", third), failing_since=clock.now()))  # type: ignore[type-var]
    seen.one.service.tally.attempt(Outcome("status_503"))
    seen.one.service.tally.attempt(Outcome("delivered"))
    letter = Delivery(
        hook=first, event="e1", type="decision.made", subject="user/u_ana", body=b"{}", attempts=1, next_at=0,
        last="status_503", last_at=0,
    )  # fmt: skip
    hooks.wait(letter)
    hooks.wait(replace(letter, event="e2", dead_at=1))
    assert standing() == {
        'state="enabled"': 1,
        'state="failing"': 1,
        'state="disabled"': 1,
        'outcome="failed"': 1,
        'outcome="delivered"': 1,
        "overspill_hook_given_up_total": 0,
        "overspill_hook_lag_seconds": 90,
        "overspill_hook_deliveries_waiting": 1,
        "overspill_hook_dead_letters": 1,
    }
    for id in (first, third):
        hooks.disable(id, clock.now(), "operator")
    assert _gauges(seen)["overspill_hook_lag_seconds"] == 0


WAITING_NOTHING = {"overspill_hook_deliveries_waiting": 0, "overspill_hook_dead_letters": 0}


def _hook(seen: Observed, key: str) -> str:
    body = {"url": "https://hooks.example/in", "types": ["decision.made"]}
    return str(seen.all.post("/v1/hooks", body, key).json["hook"]["id"])


def _gauges(seen: Observed) -> dict[str, float]:
    """Those of hooks without labels."""
    lines = [line.split() for line in seen.all.get("/metrics").body.decode().splitlines()]
    return {
        name: float(value)
        for name, value in (line for line in lines if len(line) == 2)
        if "overspill_hook_" in name and "{" not in name
    }


def test_every_metric_is_documented(seen: Observed) -> None:
    page = (DOCS / "service.md").read_text("utf-8")
    lines = [line for line in seen.all.get("/metrics").body.decode().splitlines() if line.startswith("# TYPE ")]
    names = {line.split()[2] for line in lines if "_created" not in line}
    assert {name for name in names if f"`{name}`" not in page} == set()
    assert len(names) > 10


def counted(seen: Observed, name: str) -> dict[str, float]:
    """By the labels, those that are not 0."""
    lines = [line for line in seen.all.get("/metrics").body.decode().splitlines() if line.startswith(f"{name}{{")]
    found = {line[len(name) + 1 : line.index("}")]: float(line.rpartition(" ")[2]) for line in lines}
    return {labels: value for labels, value in found.items() if value}


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


BODIES: tuple[Any, ...] = (
    f'{{"{CANARY}":'.encode(),
    {CANARY: CANARY},
    {
        **dict.fromkeys(("id", "of", "pool", "amount", "lot", "agreed_by", "outcome"), CANARY),
        "account": {"user": CANARY},
        "attributes": {CANARY: CANARY},
        "meters": {CANARY: 1},
    },
    {"url": f"https://{CANARY}:{CANARY}@{CANARY}.example/", "types": [CANARY]},
    {"mode": "reserve", "requests": [{**TURN, "id": CANARY, "account": {"user": CANARY}}, {CANARY: CANARY}]},
    {
        **{name: {"type": CANARY, "id": CANARY} for name in ("subject", "resource")},
        "action": {"name": CANARY},
        "context": {CANARY: CANARY},
        "evaluations": [{CANARY: CANARY}, CANARY],
    },
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=[one.id for one in OPERATIONS])
def test_whatever_is_wrong_with_a_call_it_is_told_to_its_caller_alone(
    seen: Observed, capfd: pytest.CaptureFixture[str], operation: Operation
) -> None:
    path = re.sub("{[^}]*}", CANARY, operation.path)
    method = "POST" if operation.method == "ANY" else operation.method
    for number, body in enumerate((None, *BODIES)):
        for headers in ({"Idempotency-Key": f"{CANARY}-{number}"}, {"Idempotency-Key": f"{CANARY} {CANARY}"}, {}):
            for query in ("", f"{CANARY}={CANARY}"):
                assert _sent(seen, method, path, body, {**headers, "Cookie": CANARY}, query).status < 500
    assert len(seen.told) == 6 * (1 + len(BODIES))
    assert CANARY not in seen.everything + "".join(capfd.readouterr())


def _sent(seen: Observed, method: str, path: str, body: Any, headers: dict[str, str], query: str) -> Answer:
    own = {"Authorization": f"Bearer {seen.one.all.key}"}
    return call(seen.app, method, path, body, {**own, **headers}, query)

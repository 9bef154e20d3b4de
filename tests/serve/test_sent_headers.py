"""Headers of answers and their description: what is sent is told, what is told to be always there is sent, and what may be there is
shown being there, of every operation and status."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from account.test_layers import HEAD, LIMIT
from overspill.runtime.payments import WAIT, ScriptedPayments
from overspill.serve.app import App
from overspill.serve.call import Operation
from overspill.serve.gateway_file import gateway_from
from overspill.serve.metrics import Metrics
from overspill.serve.openapi import document
from overspill.serve.operations import all_operations
from overspill.serve.service import Limits
from support.asgi import Answer, call
from support.described import answer_headers, answer_schema, undescribed, unfit_headers
from support.services import ANA, TURN, Served, served, with_ana

with served() as _one:
    OPERATIONS = {one.id: one for one in all_operations(Metrics(_one.service), "0")}
DOCUMENT = document(list(OPERATIONS.values()), "0")
Shown = set[tuple[str, int, str]]
"""(operation, status, header)."""


def _told(which: bool) -> Shown:
    """Those that are told to be always there, or those that may be."""
    return {
        (one["operationId"], int(status), name)
        for methods in DOCUMENT["paths"].values()
        for one in methods.values()
        for status in one["responses"]
        for name, told in answer_headers(DOCUMENT, one["operationId"], int(status)).items()
        if told["required"] is which
    }


def _fits(operation: str, answer: Answer, status: int) -> Shown:
    """The headers of the answer, which are as they are told."""
    assert answer.status == status, (operation, answer.body)
    assert unfit_headers(answer.headers, answer_headers(DOCUMENT, operation, status)) == []
    told = answer_schema(DOCUMENT, operation, status, answer.headers["content-type"])
    assert undescribed(answer.json, told, DOCUMENT) == []
    return {(operation, status, name) for name in answer.headers}


@contextmanager
def _every(limits: Limits | None = None, **more: Any) -> Iterator[tuple[Served, App]]:
    """A service with all that it tells of itself too."""
    with served(limits, **more) as one:
        yield one, App(one.service, all_operations(Metrics(one.service), "0"))


# ---- what is sent and what is told

SENT = {"x-request-id": "r1"}
UNFIT: dict[str, tuple[Mapping[str, str], list[str]]] = {
    "as it is told": ({"ratelimit": '"day";r=1;t=2', "content-length": "2"}, []),
    "without anything that may be": ({}, []),
    "one that is not told": ({"x-odd": "1", "etag": "a"}, ["etag", "x-odd"]),
    "one that another status has": ({"www-authenticate": 'Bearer realm="overspill"'}, ["www-authenticate"]),
    "another form": ({"ratelimit": "1", "idempotency-replayed": "false"}, ["idempotency-replayed", "ratelimit"]),
}


@pytest.mark.parametrize("more, found", UNFIT.values(), ids=UNFIT)
def test_what_is_sent_otherwise_than_told_is_found(more: Mapping[str, str], found: list[str]) -> None:
    told = answer_headers(DOCUMENT, "decide", 200)
    assert unfit_headers({**SENT, **more}, told) == found
    assert unfit_headers(more, told) == sorted([*found, "x-request-id"])


def test_a_header_that_nobody_declares_is_found() -> None:
    """What an operation sends and does not say is in no description."""
    mute = [Operation(**{**_parts(one), "sends": {}}) for one in OPERATIONS.values()]
    with served() as one:
        answer = with_ana(one).all.post("/v1/decisions", TURN, "r1")
    told = answer_headers(document(mute, "0"), "decide", 200)
    assert unfit_headers(answer.headers, told) == ["ratelimit", "ratelimit-policy"]


def _parts(one: Operation) -> dict[str, Any]:
    return {name: getattr(one, name) for name in Operation.__struct_fields__}


# ---- what every operation has


def _asked(one: Operation) -> tuple[str, str, Any]:
    """(method, path, body) of a call that comes as far as the operation, and there is refused."""
    path = one.path.replace("{path:path}", "v1/videos").replace("{kind}", "user")
    for part in path.split("/"):
        if part.startswith("{"):
            path = path.replace(part, "x1")
    return "POST" if one.method == "ANY" else one.method, path, {} if one.body is not None else None


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
def test_who_is_sent_away_hears_when_to_come_back(operation: Operation) -> None:
    method, path, body = _asked(operation)
    with _every(Limits(at_once=0)) as (one, app):
        key = {"Authorization": f"Bearer {one.all.key}", "Idempotency-Key": "k1"}
        assert (operation.id, 503, "retry-after") in _fits(operation.id, call(app, method, path, body, key), 503)


@pytest.mark.parametrize("operation", [one for one in OPERATIONS.values() if one.scope], ids=lambda one: one.id)
def test_who_is_nobody_hears_what_is_wanted(operation: Operation) -> None:
    method, path, body = _asked(operation)
    with _every() as (_, app):
        assert (operation.id, 401, "www-authenticate") in _fits(operation.id, call(app, method, path, body), 401)


# ---- what may be there


def _under_way() -> Shown:
    """Of every operation with a key: the same call is under way."""
    found: Shown = set()
    with _every() as (one, app):
        for operation in OPERATIONS.values():
            if operation.keyed != "never":
                method, path, body = _asked(operation)
                one.service.begin(("acme", path, "k1"))
                key = {"Authorization": f"Bearer {one.all.key}", "Idempotency-Key": "k1"}
                found |= _fits(operation.id, call(app, method, path, body, key), 409)
    return found


ACCOUNT = "/v1/accounts/user/u_ana"
AGREED = {"pool": "credits", "enabled": True, "minimum": "60", "target": "100", "agreed_by": "user/u_ana"}
PART = {"account": ANA, "pool": "credits", "lot": "C1", "to": {"user": "u_bo"}, "amount": "5"}
EVALUATED = {
    "subject": {"type": "user", "id": "u_ana"},
    "action": {"name": "codex", "properties": TURN["meters"]},
    "resource": {"type": "model", "id": "gpt-5.5"},
    "context": {"overspill": {"mode": "consume"}},
}
HOOK = {"url": "https://hooks.example/in", "types": ["decision.made"]}


def _again() -> Shown:
    """Of every operation that says when an answer was given before: it is asked twice."""
    found: Shown = set()

    def twice(one: Served, operation: str, path: str, body: Any, key: str | None = "again") -> Any:
        assert one.all.post(path, body, key).status == 200, operation
        answer = one.all.post(path, body, key)
        found.update(_fits(operation, answer, 200))
        return answer.json

    with served() as one:
        with_ana(one)
        twice(one, "decide", "/v1/decisions", TURN)
        twice(one, "authzen_evaluation", "/access/v1/evaluation", EVALUATED, "evaluated")
        twice(one, "authzen_evaluations", "/access/v1/evaluations", EVALUATED, "evaluated_too")
        holds = [one.all.post("/v1/decisions", {**TURN, "mode": "reserve"}, f"h{n}").json["hold"]["id"] for n in (1, 2)]
        twice(one, "extend_hold", f"/v1/holds/{holds[0]}/extend", None)
        twice(one, "capture_hold", f"/v1/holds/{holds[0]}/capture", {"meters": TURN["meters"]})
        twice(one, "release_hold", f"/v1/holds/{holds[1]}/release", None)
        twice(one, "reverse", "/v1/reversals", {"of": holds[0]})
        twice(one, "set_attributes", f"{ACCOUNT}/attributes", {"attributes": {"plan": "pro"}})
        twice(one, "grant", f"{ACCOUNT}/grants", {"pool": "promo", "amount": "1", "category": "promotional"})
        twice(one, "reset_windows", "/v1/resets", {"account": ANA, "limit": "plan_windows"})
        twice(one, "transfer_lot", "/v1/transfers", PART)
        twice(one, "void_lot", "/v1/lots/P1/void", {"account": ANA, "pool": "promo"})
        twice(one, "refund_lot", "/v1/lots/C1/refund", {"account": ANA, "pool": "credits"})
        twice(one, "agree_to_top_up", f"{ACCOUNT}/consent", AGREED)
        one.all.post("/v1/decisions", {**TURN, "only": ["credits"]}, "low")
        one.engine.run_top_ups(ScriptedPayments([WAIT]))
        [purchase] = one.all.get("/v1/purchases").json["purchases"]
        resolved = {"outcome": "succeeded", "receipt": "p1"}
        twice(one, "resolve_purchase", f"/v1/purchases/{purchase['id']}/resolve", resolved, None)
        hook = twice(one, "create_hook", "/v1/hooks", HOOK)["hook"]["id"]
        twice(one, "rotate_hook", f"/v1/hooks/{hook}/rotate", None)
    banked = HEAD + LIMIT.replace("RESET", "banked_reset valid 30d keep_anchor;")
    banked += "waterfall w { serves true; counts credits; draw five; otherwise deny used_up; }"
    with served(policy={"p.spill": banked.encode()}) as one:
        one.all.post("/v1/decisions", {"account": ANA, "meters": {"credits": 3}}, "r1")
        twice(one, "grant_reset", f"{ACCOUNT}/resets", {"limit": "five"})
        twice(one, "redeem_reset", f"{ACCOUNT}/redemptions", {"limit": "five"})
    return found


RULES = b"rules: [{path: /, account: {user: u_ana}, meters: {uses: {header: x-uses}}}]"
WINDOWED = """policy p version 1; language 1; unit uses: integer; account user {} request { uses: meter = 1; }
limit day { per user; unit uses; window day: calendar day in UTC; capacity 2 uses; } pool bought { per user; unit uses; }
waterfall w { serves true; counts uses; draw day; POOL otherwise deny no OFFER; }"""
SOLD = WINDOWED.replace("POOL", "draw bought;").replace("OFFER", "offer wait, add_bought")
SOLD_NOT = WINDOWED.replace("POOL", "").replace("OFFER", "offer wait").replace(" pool bought", " // pool bought")


def _at_a_gateway() -> Shown:
    """Of a call that a gateway asks about: each status of a decision, with windows."""
    found: Shown = set()
    for policy, uses in ((SOLD, ((1, 200), (3, 402))), (SOLD_NOT, ((2, 200), (1, 429), (3, 403)))):
        with served(policy={"p.spill": policy.encode()}) as one:
            one.service.gateway = gateway_from(RULES, "gateway.yaml")
            for count, status in uses:
                own = {"Authorization": f"Bearer {one.all.key}", "x-request-id": f"q{status}", "x-uses": str(count)}
                found |= _fits("envoy_check", call(one.app, "GET", "/envoy/", None, own), status)
    return found


def _not_ready() -> Shown:
    """A service that can be asked nothing now, not even whether it is ready."""
    with _every(Limits(at_once=0)) as (_, app):
        return _fits("ready", call(app, "GET", "/readyz"), 503)


def test_what_may_be_there_is_there_when_it_has_something_to_tell() -> None:
    shown = _under_way() | _again() | _at_a_gateway() | _not_ready()
    assert _told(False) - shown == set()


def test_what_no_operation_tells_of_has_what_every_answer_has() -> None:
    with served() as one:
        answer = call(one.app, "DELETE", "/v1/decisions")
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert answer.headers["x-request-id"].startswith("req_")

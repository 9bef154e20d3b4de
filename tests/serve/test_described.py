"""Whatever an answer holds stands in its description: every receipt with everything that it can say, and a gateway's denials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from account.test_layers import HEAD, LIMIT
from overspill.runtime.payments import WAIT, ScriptedPayments
from overspill.serve.gateway_file import gateway_from
from reference import description
from support.asgi import Answer, call
from support.described import answer_headers, answer_schema, undescribed, unfit_headers
from support.services import ANA, TURN, Served, served, with_ana

DOCUMENT = description()
ACCOUNT = "/v1/accounts/user/u_ana"
BANKED = HEAD + LIMIT.replace("RESET", "banked_reset valid 30d keep_anchor;")
BANKED += "waterfall w { serves true; counts credits; draw five; otherwise deny used_up; }"


def told(operation: str, answer: Answer, status: int = 200) -> Any:
    """The answer, which is as it is described, and holds nothing else."""
    assert answer.status == status, answer.body
    schema = answer_schema(DOCUMENT, operation, status, answer.headers["content-type"])
    jsonschema.Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(answer.json)
    assert undescribed(answer.json, schema, DOCUMENT) == []
    assert unfit_headers(answer.headers, answer_headers(DOCUMENT, operation, status)) == []
    return answer.json


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


def test_what_is_not_described_is_found() -> None:
    schema = {"anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Begun"}]}
    value = {"window": "w", "generation": 1, "ends_at": None, "odd": 1}
    assert undescribed(value, schema, DOCUMENT) == ["/odd"]
    assert undescribed([{**value}], {"type": "array", "items": schema}, DOCUMENT, "/windows") == ["/windows/0/odd"]


def test_holds_and_what_follows_them(one: Served) -> None:
    def held(id: str, **changed: Any) -> str:
        answer = told("decide", one.all.post("/v1/decisions", {**TURN, "mode": "reserve", **changed}, id))
        return str(answer["hold"]["id"])

    whole, parts, bought = held("r1"), held("r2"), held("r3", only=["credits"])
    told("extend_hold", one.all.post(f"/v1/holds/{whole}/extend", None, "x1"))
    receipt = told("capture_hold", one.all.post(f"/v1/holds/{whole}/capture", {"meters": TURN["meters"]}, "1"))
    assert "total" not in receipt
    more = {**TURN["meters"], "output_tokens": 9_000}
    path = f"/v1/holds/{parts}/capture"
    part = told("capture_hold", one.all.post(path, {"meters": more, "final": False}, "1"))
    assert (part["final"], {draw["from"] for draw in part["draws"]}) == (False, {"hold", "free"})
    told("capture_hold", one.all.post(path, {"meters": {**more, "input_tokens": 0}}, "2"))
    captured = told("capture_hold", one.all.post(f"/v1/holds/{bought}/capture", {"meters": TURN["meters"]}, "1"))
    assert captured["draws"][0]["lots"]
    told("reverse", one.all.post("/v1/reversals", {"of": bought}, "v1"))
    told("reverse", one.all.post("/v1/reversals", {"of": whole}, "v2"))
    told("release_hold", one.all.post(f"/v1/holds/{held('r4')}/release", None, "1"))


def test_accounts_and_lots(one: Served) -> None:
    end = {"effective_at": "2026-11-01T00:00:00Z", "expires_at": "2026-12-01T00:00:00Z"}
    body = {"pool": "credits", "amount": "5", "cost": "1.00 usd", **end}
    granted = told("grant", one.all.post(f"{ACCOUNT}/grants", body, "g1"))
    assert granted["effective_at"] == "2026-11-01T00:00:00Z"
    told(
        "set_attributes", one.all.post(f"{ACCOUNT}/attributes", {"attributes": {"plan": "pro", "suspended": None}}, "s")
    )
    one.all.post("/v1/decisions", TURN, "r1")
    windows = told("reset_windows", one.all.post("/v1/resets", {"account": ANA, "limit": "plan_windows"}, "x"))[
        "windows"
    ]
    assert len(windows) == 2
    told(
        "transfer_lot",
        one.all.post("/v1/transfers", {"account": ANA, "pool": "credits", "lot": "C1", "to": {"user": "u_bo"}, "amount": "5"}, "t"),
    )  # fmt: skip
    told("void_lot", one.all.post("/v1/lots/P1/void", {"account": ANA, "pool": "promo"}, "v"))
    told("refund_lot", one.all.post("/v1/lots/C1/refund", {"account": ANA, "pool": "credits"}, "r"))
    told("show_account", one.all.get(ACCOUNT, "with=workspace%2Fw_1"))
    one.engine.settle()
    told("account_statement", one.all.get(f"{ACCOUNT}/statement"))


def test_what_is_agreed_to_and_bought(one: Served) -> None:
    agreed = {"pool": "credits", "enabled": True, "minimum": "60", "target": "100", "agreed_by": "user/u_ana"}
    told("agree_to_top_up", one.all.post(f"{ACCOUNT}/consent", {**agreed, "monthly_maximum": "500"}, "s1"))
    one.all.post("/v1/decisions", {**TURN, "only": ["credits"]}, "r1")
    one.engine.run_top_ups(ScriptedPayments([WAIT]))
    [standing] = told("show_top_ups", one.all.get(f"{ACCOUNT}/top_up"))["top_ups"]
    assert (standing["pool"], standing["reason"], standing["monthly_maximum"]) == ("credits", "in_flight", "500")
    [purchase] = told("list_purchases", one.all.get("/v1/purchases"))["purchases"]
    path = f"/v1/purchases/{purchase['id']}/resolve"
    declined = told("resolve_purchase", one.all.post(path, {"outcome": "declined", "detail": "no funds"}))
    assert (declined["outcome"], declined["detail"], "next_at" in declined) == ("declined", "no funds", True)
    paid = told("resolve_purchase", one.all.post(path, {"outcome": "succeeded", "receipt": "p1"}))
    assert paid["lot"] == purchase["id"]


def test_what_is_agreed_to_no_more_abandons_what_nobody_was_asked_for(one: Served) -> None:
    agreed = {"pool": "credits", "enabled": True, "minimum": "60", "target": "100", "agreed_by": "user/u_ana"}
    one.all.post(f"{ACCOUNT}/consent", agreed, "s1")
    one.all.post("/v1/decisions", {**TURN, "only": ["credits"]}, "r1")
    off = {**agreed, "enabled": False}
    assert told("agree_to_top_up", one.all.post(f"{ACCOUNT}/consent", off, "s2"))["abandoned"].startswith("pur_")


def test_resets_that_are_redeemed() -> None:
    with served(policy={"p.spill": BANKED.encode()}) as one:
        one.all.post("/v1/decisions", {"account": ANA, "meters": {"credits": 3}}, "r1")
        told("grant_reset", one.all.post(f"{ACCOUNT}/resets", {"limit": "five"}, "b1"))
        assert told("redeem_reset", one.all.post(f"{ACCOUNT}/redemptions", {"limit": "five"}, "b2"))["reset"] == "b1"


RULES = b"""
rules:
  - path: /videos
    account: {user: {header: x-user-id}}
    fields: {product: sora}
    meters: {generations: {header: x-generations}}
  - path: /turns
    account: {user: {header: x-user-id}}
    fields: {product: codex, model: gpt-5.5}
    meters: {input_tokens: 1, cached_input_tokens: 0, output_tokens: 0}
"""
DENIED: dict[int, tuple[str, list[str]]] = {
    # the status of a denial → the path, and what a remedy says
    429: ("/videos", ["offer", "until"]),
    402: ("/videos", ["amount", "offer", "pool", "unit"]),
    403: ("/turns", []),
}


@pytest.mark.parametrize("status", DENIED)
def test_a_gateways_denial(one: Served, status: int) -> None:
    path, remedy = DENIED[status]
    one.service.gateway = gateway_from(RULES, "gateway.yaml")
    if status == 429:
        one.all.post("/v1/lots/C1/void", {"account": ANA, "pool": "credits"}, "v1")
        assert _gate(one, "/videos", "30", "q0").status == 200
    if status == 403:
        one.all.post(f"{ACCOUNT}/attributes", {"attributes": {"suspended": True}}, "s1")
    denial = told("envoy_check", _gate(one, path, "1" if status == 429 else "40", "q1"), status)
    assert sorted(denial["remedies"][0] if denial["remedies"] else []) == remedy
    assert {"decision_id", "retry_at", "violated-policies"} <= set(denial)


def _gate(one: Served, path: str, generations: str, id: str) -> Answer:
    own = {"x-request-id": id, "x-user-id": "u_ana", "x-generations": generations}
    return call(one.app, "POST", f"/envoy{path}", None, {"Authorization": f"Bearer {one.all.key}", **own})


def test_a_gateways_403_is_a_denial_or_a_problem(one: Served) -> None:
    one.service.gateway = gateway_from(RULES, "gateway.yaml")
    assert "decision_id" not in told("envoy_check", _gate(one, "/unruled", "1", "q1"), 403)

"""Accounts, lots, purchases, policies and the log over HTTP: each operation once, and what it answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from overspill.serve.operations import OPERATIONS
from support.asgi import call
from support.services import ANA, TURN, Served, served, with_ana

ACCOUNT = "/v1/accounts/user/u_ana"


@pytest.fixture
def one() -> Iterator[Served]:
    with served() as found:
        yield with_ana(found)


CHANGES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "set_attributes": (f"{ACCOUNT}/attributes", {"attributes": {"plan": "pro"}}, {"attributes": {"plan": "pro"}}),
    "grant": (f"{ACCOUNT}/grants", {"pool": "credits", "amount": "5"}, {"lot": "k", "amount": "5", "unit": "credits"}),
    "reset_windows": ("/v1/resets", {"account": ANA, "limit": "plan_windows"}, {"account": "user/u_ana"}),
    "transfer_lot": (
        "/v1/transfers",
        {"account": ANA, "pool": "credits", "lot": "C1", "to": {"user": "u_bo"}, "amount": "5"},
        {"to": "user/u_bo", "amount": "5"},
    ),
    "void_lot": ("/v1/lots/P1/void", {"account": ANA, "pool": "promo"}, {"lot": "P1", "amount": "2"}),
    "refund_lot": ("/v1/lots/C1/refund", {"account": ANA, "pool": "credits"}, {"money": {"usd": "9.99"}}),
}


@pytest.mark.parametrize("operation", CHANGES)
def test_a_change_is_answered_by_its_receipt_in_the_shape_that_is_described(one: Served, operation: str) -> None:
    path, body, expected = CHANGES[operation]
    answer = one.all.post(path, body, "k")
    again = one.all.post(path, body, "k")
    assert answer.status == 200, answer.json
    assert {name: answer.json[name] for name in expected} == expected
    assert answer.json["actor"].startswith("key_")
    assert (again.body, again.headers["idempotency-replayed"]) == (answer.body, "true")
    [described] = [one.answer for one in OPERATIONS if one.id == operation]
    assert isinstance(described, type)
    msgspec.convert(answer.json, described)


def test_every_change_needs_a_key(one: Served) -> None:
    for path, body, _ in CHANGES.values():
        answer = one.all.post(path, body)
        assert (answer.status, answer.json["code"]) == (400, "missing_idempotency_key")


def test_an_account_is_shown_as_a_decision_would_meet_it(one: Served) -> None:
    one.all.post("/v1/decisions", TURN, "r1")
    page = one.all.get(ACCOUNT, "with=workspace%2Fw_1").json
    ana, workspace = page["accounts"]
    assert (ana["account"], workspace["account"]) == ("user/u_ana", "workspace/w_1")
    assert [counter["used"] for counter in ana["windows"]] == ["8.5", "8.5", "0"]


def test_a_statement_has_every_entry(one: Served) -> None:
    one.engine.settle()
    statement = one.all.get(f"{ACCOUNT}/statement", "since=2026-10-01T00%3A00%3A00Z").json
    assert [(entry["why"], entry["amount"]) for entry in statement["entries"]] == [("granted", "2"), ("granted", "50")]


WRONG: dict[str, tuple[str, str, Any, str, int, str]] = {
    "an unknown path": ("GET", "/v1/acounts", None, "", 404, "not_found"),
    "another method": ("GET", "/v1/transfers", None, "", 405, "method_not_allowed"),
    "an unknown query": ("GET", ACCOUNT, None, "wiht=a", 400, "invalid_query"),
    "a query twice": ("GET", f"{ACCOUNT}/statement", None, "since=a&since=b", 400, "invalid_query"),
    "an instant that is none": ("GET", f"{ACCOUNT}/statement", None, "since=yesterday", 422, "invalid_range"),
    "an account that is none": ("GET", "/v1/accounts/user/a%20b", None, "", 422, "invalid_id"),
    "another account of one kind": ("GET", ACCOUNT, None, "with=user%2Fu_bo", 400, "invalid_query"),
    "a type": ("POST", f"{ACCOUNT}/grants", {"pool": "credits", "amount": 5}, "", 400, "invalid_request"),
    "an unknown key": ("POST", f"{ACCOUNT}/grants", {"pool": "credits", "amonut": "5"}, "", 400, "unknown_key"),
    "no amount": ("POST", f"{ACCOUNT}/grants", {"pool": "credits", "amount": "x"}, "", 422, "invalid_amount"),
    "an unknown pool": ("POST", f"{ACCOUNT}/grants", {"pool": "x", "amount": "5"}, "", 422, "unknown_pool"),
    "an unknown purchase": (
        "POST",
        "/v1/purchases/pur_1/resolve",
        {"outcome": "declined"},
        "",
        404,
        "unknown_purchase",
    ),
    "an unknown policy": ("GET", "/v1/policies/sha256:0", None, "", 404, "unknown_policy"),
    "no number of the log": ("GET", "/v1/log", None, "after=x", 400, "invalid_query"),
}


@pytest.mark.parametrize("method, path, body, query, status, code", WRONG.values(), ids=WRONG)
def test_what_cannot_be_done_is_a_problem(
    one: Served, method: str, path: str, body: Any, query: str, status: int, code: str
) -> None:
    answer = one.all.get(path, query) if method == "GET" else one.all.post(path, body, "k")
    assert (answer.status, answer.json["code"]) == (status, code), answer.json
    assert answer.json["help"]


GRANT = {"pool": "credits", "amount": "5"}
AGREED = {"pool": "credits", "enabled": True, "minimum": "60", "target": "100", "agreed_by": "user/u_ana"}
CHOICES = "known: paid, promotional"
POINTED: dict[str, tuple[str, Any, str | None, str]] = {
    # what is wrong → where it is sent, the body, the place in it (of what stands in the path: none), what is said
    "a kind in the path": ("/v1/accounts/planet/x/grants", GRANT, None, "declared: user, workspace"),
    "a hold in the path": ("/v1/holds/h1/capture", {"meters": {"output_tokens": 1}}, None, "there is no hold `h1`"),
    "a lot in the path": ("/v1/lots/L9/void", {"account": ANA, "pool": "credits"}, None, "has no lot `L9`"),
    "a lot in the body": ("/v1/transfers", {"account": ANA, "to": {"user": "u_b"}, "pool": "credits", "lot": "L9"}, "#/lot", "has no lot"),
    "a type": (f"{ACCOUNT}/grants", {**GRANT, "amount": 5}, "#/amount", "expected text, got a whole number"),
    "a truth": ("/v1/holds/h1/capture", {"meters": {}, "final": "no"}, "#/final", "expected true or false, got text"),
    "no such choice": (f"{ACCOUNT}/grants", {**GRANT, "category": "gift"}, "#/category", CHOICES),
    "nearly a choice": (f"{ACCOUNT}/grants", {**GRANT, "category": "pain"}, "#/category", "did you mean `paid`"),
    "no such choice further in": (
        "/access/v1/evaluation",
        {"context": {"overspill": {"mode": "zap"}}, "subject": {"type": "user", "id": "u"}, "action": {"name": "a"}, "resource": {"type": "b", "id": "c"}},
        "#/context/overspill/mode",
        "known: consume, preview, reserve",
    ),
    "another type than declared": (f"{ACCOUNT}/attributes", {"attributes": {"plan": 7}}, "#/attributes/plan", "`7`, not a string"),
    "who agreed": (f"{ACCOUNT}/consent", {**AGREED, "agreed_by": ""}, "#/agreed_by", "whoever agrees is named"),
    "an initiator": ("/v1/decisions", {"account": ANA, "initiator": 5}, "#/initiator", "`initiator` is no string"),
}  # fmt: skip


@pytest.mark.parametrize("path, body, pointer, said", POINTED.values(), ids=POINTED)
def test_a_problem_says_what_is_wrong_and_where_in_the_body(
    one: Served, path: str, body: Any, pointer: str | None, said: str
) -> None:
    problem = one.all.post(path, body, "k").json
    assert [place["pointer"] for place in problem["errors"]] == ([] if pointer is None else [pointer])
    assert said in f"{problem['detail']} {problem['help']}"


def test_a_key_is_the_tenants_whichever_credential_it_comes_with(one: Served) -> None:
    rotated = one.caller("acme", "operate")
    first = one.all.post(f"{ACCOUNT}/grants", GRANT, "g1")
    again = rotated.post(f"{ACCOUNT}/grants", GRANT, "g1")
    assert (again.body, again.headers["idempotency-replayed"]) == (first.body, "true")
    other = rotated.post(f"{ACCOUNT}/grants", {**GRANT, "amount": "6"}, "g1")
    assert (other.status, [place["pointer"] for place in other.json["errors"]]) == (422, ["#/amount"])


def test_another_consent_under_a_key_is_told_in_the_words_of_the_body(one: Served) -> None:
    assert one.all.post(f"{ACCOUNT}/consent", AGREED, "s1").status == 200
    problem = one.all.post(f"{ACCOUNT}/consent", {**AGREED, "agreed_by": "user/u_bo"}, "s1").json
    assert [place["pointer"] for place in problem["errors"]] == ["#/agreed_by"]
    assert "`/agreed_by` was" in problem["detail"]


@pytest.mark.parametrize("path", ["/v1/policies", ACCOUNT, "/livez", "/v1/hooks/x1"])
def test_whoever_asks_for_the_head_gets_that_of_the_answer(one: Served, path: str) -> None:
    head = call(one.app, "HEAD", path, headers=one.all.headers(None, {"X-Request-ID": "r1"}))
    whole = one.all.get(path, **{"X-Request-ID": "r1"})
    assert (head.status, head.headers) == (whole.status, whole.headers)


@pytest.mark.parametrize("length", ["", "300000"])
def test_what_takes_no_body_says_so_however_long_it_is(one: Served, length: str) -> None:
    headers = one.all.headers("k", {"Content-Length": length})
    for method, path in (("GET", "/v1/policies"), ("POST", "/v1/holds/h1/release")):
        answer = call(one.app, method, path, b" " * 300_000, headers)
        assert (answer.status, answer.json["detail"]) == (400, "this takes no body")


def test_no_body_may_be_said_to_be_none(one: Served) -> None:
    assert one.all.get("/v1/policies", **{"Content-Length": "0"}).status == 200


def test_policies_are_listed_and_shown_with_their_files(one: Served) -> None:
    [line] = one.all.get("/v1/policies").json["policies"]
    shown = one.all.get("/v1/policies/active").json
    assert line["active"]
    assert shown == {**line, "files": shown["files"]}
    assert "policy codex_sora" in "".join(shown["files"].values())


def test_what_administrators_did_is_on_record_whatever_became_of_it(one: Served) -> None:
    one.all.post("/v1/lots/C9/void", {"account": ANA, "pool": "credits"}, "k")
    one.caller("umbrella", "operate").post("/v1/lots/C9/void", {"account": ANA, "pool": "credits"}, "k")
    entries = one.all.get("/v1/log").json["entries"]
    assert [(entry["operation"], entry["status"]) for entry in entries] == [
        ("set_attributes", 200),
        ("grant", 200),
        ("grant", 200),
        ("void_lot", 422),
    ]
    assert len({entry["actor"] for entry in entries}) == 1
    assert one.all.get("/v1/log", f"after={entries[2]['number']}").json["entries"] == entries[3:]


def test_what_an_administrator_was_refused_is_on_record_too(one: Served) -> None:
    path, body = "/v1/lots/C1/void", {"account": ANA, "pool": "credits"}
    before = len(one.all.get("/v1/log").json["entries"])
    one.caller("acme", "decide").post(path, body, "k")
    one.all.post(path, body)
    one.all.post(path, b"{", "k")
    one.caller("acme", "operate", "audit").get("/v1/purchases")  # changes nothing
    entries = one.all.get("/v1/log").json["entries"][before:]
    assert [(entry["operation"], entry["target"], entry["status"]) for entry in entries] == [
        ("void_lot", path, 403),
        ("void_lot", path, 400),
        ("void_lot", path, 400),
    ]
    assert len({entry["actor"] for entry in entries}) == 2

"""Who knows the first description of the service (`old/openapi_0.json`) is served by this one: every call that it may make is taken,
and every answer has what it reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from reference import description
from support.asgi import Answer
from support.compatible import Documents
from support.described import answer_schema
from support.services import ANA, TURN, Served, served, with_ana

OLD: Mapping[str, Any] = json.loads(Path(__file__).with_name("old").joinpath("openapi_0.json").read_text("utf-8"))
NEW = description()
NEVER_SO = {"agree_to_top_up", "resolve_purchase"}
"""Whose receipts the first description told of wrongly: no answer was ever like that."""
OPERATIONS = {
    one["operationId"]: (path, method, one) for path, methods in OLD["paths"].items() for method, one in methods.items()
}


def _now(path: str, method: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = NEW["paths"][path][method]
    return found


def _content(holder: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    [(media, found)] = holder["content"].items()
    return media, found["schema"]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_could_be_asked_can_be_asked(operation: str) -> None:
    path, method, old = OPERATIONS[operation]
    new = _now(path, method)
    assert (new["operationId"], new.get("x-scope"), new.get("security")) == (
        operation, old.get("x-scope"), old.get("security"),
    )  # fmt: skip
    known = {(one["in"], one["name"]): one for one in old["parameters"]}
    there = {(one["in"], one["name"]): one for one in new["parameters"]}
    assert set(known) <= set(there)
    documents = Documents(OLD, NEW)
    for place, one in known.items():
        assert list(documents.refused(one["schema"], there[place]["schema"])) == []
    needed = {place for place, one in there.items() if one.get("required")}
    assert needed <= {place for place, one in known.items() if one.get("required")}
    if "requestBody" not in new:
        return
    (media, schema), (old_media, old_schema) = _content(new["requestBody"]), _content(old["requestBody"])
    assert (media, list(documents.refused(old_schema, schema))) == (old_media, [])


@pytest.mark.parametrize("operation", sorted(set(OPERATIONS) - NEVER_SO))
def test_what_was_read_can_be_read(operation: str) -> None:
    path, method, old = OPERATIONS[operation]
    new = _now(path, method)
    documents = Documents(OLD, NEW)
    for status, answer in old["responses"].items():
        media, schema = _content(answer)
        now = new["responses"][status]["content"][media]["schema"]
        assert list(documents.missing(schema, now)) == []


def test_an_older_reader_finds_what_it_was_told_of_in_real_answers() -> None:
    with served() as one:
        with_ana(one)
        for operation, answer in _answers(one):
            assert answer.status == 200, (operation, answer.body)
            told = answer_schema(OLD, operation, 200, answer.headers["content-type"])
            schema = {**told, "components": OLD["components"]}
            jsonschema.Draft202012Validator(schema).validate(answer.json)


def _answers(one: Served) -> Iterator[tuple[str, Answer]]:
    """A day of an older client: each call as the first description has it."""
    account, post, get = "/v1/accounts/user/u_ana", one.all.post, one.all.get
    yield "decide", post("/v1/decisions", TURN, "r1")
    yield "decide", post("/v1/decisions", {**TURN, "id": "r2", "mode": "consume", "at_least": "1"}, "r2")
    yield "decide", post("/v1/decisions", {"mode": "preview", "requests": [{**TURN, "id": "b1"}, {"id": "b2"}]})
    held = [post("/v1/decisions", {**TURN, "mode": "reserve"}, f"h{number}") for number in range(3)]
    yield from (("decide", answer) for answer in held)
    first, second, third = (f"/v1/holds/{answer.json['hold']['id']}" for answer in held)
    yield "extend_hold", post(f"{first}/extend", None, "x1")
    yield "capture_hold", post(f"{first}/capture", {"meters": TURN["meters"], "final": False}, "1")
    yield "capture_hold", post(f"{first}/capture", {"meters": TURN["meters"]}, "2")
    yield "release_hold", post(f"{second}/release", None, "1")
    yield "capture_hold", post(f"{third}/capture", {"meters": TURN["meters"]}, "1")
    yield "reverse", post("/v1/reversals", {"of": third.rpartition("/")[2]}, "v1")
    yield "show_decision", get(f"/v1/decisions/{held[0].json['decision']}")
    yield "set_attributes", post(f"{account}/attributes", {"attributes": {"plan": "pro", "suspended": None}}, "s1")
    yield "grant", post(f"{account}/grants", {"pool": "credits", "amount": "5", "cost": "1.00 usd"}, "g1")
    yield "reset_windows", post("/v1/resets", {"account": ANA, "limit": "plan_windows"}, "x2")
    yield "void_lot", post("/v1/lots/P1/void", {"account": ANA, "pool": "promo"}, "v2")
    yield (
        "transfer_lot",
        post(
            "/v1/transfers",
            {"account": ANA, "pool": "credits", "lot": "C1", "to": {"user": "u_bo"}, "amount": "5"},
            "t1",
        ),
    )
    yield "refund_lot", post("/v1/lots/C1/refund", {"account": ANA, "pool": "credits"}, "f1")
    yield "show_account", get(account, "with=workspace%2Fw_1")
    one.engine.settle()
    yield "account_statement", get(f"{account}/statement", "since=2026-10-01T00:00:00Z")
    for operation, path in (
        ("list_purchases", "/v1/purchases"),
        ("list_policies", "/v1/policies"),
        ("show_policy", "/v1/policies/active"),
        ("list_log", "/v1/log"),
        ("live", "/livez"),
        ("ready", "/readyz"),
    ):
        yield operation, get(path)


BODY: dict[str, Any] = {
    "type": "object",
    "properties": {"a": {"type": "string"}, "b": {"enum": ["x", "y"]}},
    "additionalProperties": False,
}
CHANGED: dict[str, tuple[Any, list[str], list[str]]] = {
    # the newer schema → what it refuses of an older caller, and what an older reader misses
    "nothing": ({}, [], []),
    "a field more": ({"properties": {**BODY["properties"], "c": {"type": "null"}}}, [], ["/c"]),
    "a field less": ({"properties": {"b": BODY["properties"]["b"]}}, ["/a"], []),
    "a field that is needed": ({"required": ["a"]}, ["/a"], []),
    "another type": ({"properties": {**BODY["properties"], "a": {"type": "integer"}}}, ["/a"], ["/a"]),
    "a wider type": ({"properties": {**BODY["properties"], "a": {"type": ["string", "null"]}}}, [], ["/a"]),
    "a value more": ({"properties": {**BODY["properties"], "b": {"enum": ["x", "y", "z"]}}}, [], ["/b"]),
    "a value less": ({"properties": {**BODY["properties"], "b": {"enum": ["x"]}}}, ["/b"], []),
}


@pytest.mark.parametrize("change, refused, missing", CHANGED.values(), ids=CHANGED)
def test_what_breaks_an_older_client_is_found(change: Any, refused: list[str], missing: list[str]) -> None:
    empty: dict[str, Any] = {"components": {"schemas": {}}}
    documents = Documents(empty, empty)
    assert list(documents.refused(BODY, {**BODY, **change})) == refused
    assert list(documents.missing(BODY, {**BODY, **change})) == missing


def test_an_answer_that_tells_less_is_found() -> None:
    empty: dict[str, Any] = {"components": {"schemas": {}}}
    old = {"type": "array", "items": {"anyOf": [{"type": "null"}, {**BODY, "required": ["a"]}]}}
    new = {"type": "array", "items": {"type": "object", "properties": {"b": {"enum": ["x"]}}}}
    assert list(Documents(empty, empty).missing(old, new)) == ["/*/a"]

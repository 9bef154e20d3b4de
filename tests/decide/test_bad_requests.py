"""Requests that cannot be decided: each is one failure that names the place and the remedy, and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from overspill import Engine, Failure
from overspill.records.wire import request_from_json

GOOD: dict[str, Any] = {
    "id": "r1",
    "account": {"user": "u_ana"},
    "fields": {"product": "codex", "model": "gpt-5.5"},
    "meters": {"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0},
}


def _with(path: str, value: Any) -> str:
    document = json.loads(json.dumps(GOOD))
    *parents, last = path.split("/")
    place = document
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return json.dumps(document)


CASES = [
    (_with("id", None), "missing_id", "/id"),
    (_with("id", "no spaces please"), "invalid_id", None),
    (_with("account", {}), "missing_account", "/account"),
    (_with("account", {"usr": "u"}), "unknown_account", "/account"),
    (_with("account", {"user": "../etc"}), "invalid_id", None),
    (_with("account/workspace", "../etc"), "invalid_id", "/account/workspace"),
    (_with("account/workplace", "w"), "unknown_account", "/account"),
    (_with("account", {"user": 7}), "invalid_request", "/account/user"),
    (_with("extra", 1), "unknown_key", "/extra"),
    (_with("at", "2020-01-01T00:00:00Z"), "unknown_key", "/at"),
    (_with("fields/model", None), "missing_field", "/fields/model"),
    (_with("fields/modl", "x"), "unknown_field", "/fields/modl"),
    (_with("fields", {"product": "codex", "modl": "x"}), "unknown_field", "/fields/modl"),
    (_with("fields/model", "a" * 257), "invalid_field", "/fields/model"),
    (_with("fields/model", "gpt-9"), "unknown_model", "/fields/model"),
    (_with("fields/model", 5), "invalid_field", "/fields/model"),
    (_with("fields/model", "a\u202eb"), "invalid_field", "/fields/model"),
    (_with("fields/product", "codx"), "unknown_product", "/fields/product"),
    (_with("fields/product", None), "missing_product", "/fields/product"),
    (_with("fields/input_tokens", 5), "unknown_field", "/fields/input_tokens"),
    (_with("meters/input_tokens", None), "missing_meter", "/meters/input_tokens"),
    (_with("meters/tokens", 1), "unknown_meter", "/meters/tokens"),
    (_with("meters", {"input_tokens": 1, "tokens": 1, "output_tokens": 1}), "unknown_meter", "/meters/tokens"),
    (_with("meters/input_tokens", -1), "invalid_meter", "/meters/input_tokens"),
    (_with("meters/input_tokens", True), "invalid_meter", "/meters/input_tokens"),
    (_with("meters/input_tokens", "1.5"), "invalid_meter", "/meters/input_tokens"),
    (_with("meters/input_tokens", 2**63), "invalid_meter", "/meters/input_tokens"),
    (_with("meters/output_tokens", 2**62), "amount_overflow", "/meters"),
    (_with("meters/cached_input_tokens", 9000), "invalid_usage", "/meters"),
    (_with("initiator", "nobody"), "invalid_initiator", "/initiator"),
    (_with("only", ["credits", "credit"]), "unknown_layer", "/only/1"),
    (_with("max_charge", {"usd": "7"}), "unknown_unit", "/max_charge/usd"),
    (_with("max_charge", {"credits": "-7"}), "invalid_amount", "/max_charge/credits"),
    (_with("max_charge", {"credits": "7.1234567"}), "invalid_amount", "/max_charge/credits"),
    (_with("at_least", "seven"), "invalid_amount", "/at_least"),
    (_with("only", 7), "invalid_request", "/only"),
    (_with("only", "credits"), "invalid_request", "/only"),
    (_with("only", ["credits", 7]), "invalid_request", "/only/1"),
    (_with("max_charge", 7), "invalid_request", "/max_charge"),
    (_with("max_charge", {"credits": 7}), "invalid_request", "/max_charge/credits"),
    (_with("at_least", 1), "invalid_request", "/at_least"),
    (_with("at_least", {}), "invalid_request", "/at_least"),
    (_with("account/user", "u_nobody"), "missing_attribute", "/account"),
    (_with("meters/input_tokens", 1.5), "invalid_json", None),
    ('{"id": "r1", "id": "r2"}', "invalid_json", None),
    ('{"id": NaN}', "invalid_json", None),
    ('{"id": 1e999}', "invalid_json", None),
    ('{"id": "\\ud800"}', "invalid_json", None),
    ('{"id": "r1", "only": ["\\ud800"]}', "invalid_json", None),
    ('{"id": "r1", "only": [["ok", "\\udfff"]]}', "invalid_json", None),
    ('["\\ud800"]', "invalid_json", None),
    ("[" * 100_000, "invalid_json", None),
    ('{"id": ', "invalid_json", None),
    ("[]", "invalid_request", None),
    ('{"id": "r1", "account": {"user": "u"}, "meters": {"a": 12345678901234567890123}}', "invalid_json", None),
    (" " * 300_000, "invalid_json", None),
]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine.open() as engine:
        engine.set_attributes({"user": "u_ana"}, {"plan": "plus"}, id="signup")
        for good in (
            json.dumps(GOOD),
            _with("account/workspace", "w_1"),
        ):  # others of their names are admitted as they were
            engine.preview(request_from_json(good))
        yield engine


@pytest.mark.parametrize(("text", "code", "pointer"), CASES, ids=[f"{case[1]}-{n}" for n, case in enumerate(CASES)])
def test_a_request_that_cannot_be_decided_is_named(engine: Engine, text: str, code: str, pointer: str | None) -> None:
    before = (engine.account({"user": "u_ana"}), len(list(engine.records())))
    with pytest.raises(Failure) as error:
        engine.decide(request_from_json(text))
    assert error.value.code == code
    assert error.value.message and error.value.help
    assert pointer is None or error.value.pointer == pointer
    assert (engine.account({"user": "u_ana"}), len(list(engine.records()))) == before


def test_meters_may_be_integers_as_text(engine: Engine) -> None:
    request = request_from_json(_with("meters/input_tokens", "8000"))
    assert engine.preview(request).granted == "1"


GRANTS = [
    ({"pool": "credit"}, "unknown_pool"),
    ({"amount": "0"}, "invalid_amount"),
    ({"amount": "-1"}, "invalid_amount"),
    ({"amount": "1e3000000"}, "invalid_amount"),
    ({"amount": 5}, "invalid_amount"),
    ({"amount": 5.5}, "invalid_amount"),
    ({"amount": "1.0000001"}, "invalid_amount"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "already_expired"),
    ({"expires_at": "tomorrow"}, "invalid_instant"),
    ({"category": "gift"}, "invalid_category"),
    ({"priority": -1}, "invalid_priority"),
    ({"account": {"workspace": "w"}}, "wrong_account"),
    ({"account": {"user": "u", "workspace": "w"}}, "wrong_account"),
    ({"id": ""}, "invalid_id"),
]


@pytest.mark.parametrize(("change", "code"), GRANTS)
def test_a_grant_that_makes_no_sense_is_named(engine: Engine, change: dict[str, Any], code: str) -> None:
    arguments: dict[str, Any] = {"account": {"user": "u_ana"}, "pool": "credits", "amount": "5", "id": "C9", **change}
    with pytest.raises(Failure) as error:
        engine.grant(**arguments)
    assert error.value.code == code and error.value.help


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"plann": "x"}, "unknown_attribute"),
        ({"suspended": "yes"}, "invalid_attribute"),
        ({"plan": 7}, "invalid_attribute"),
    ],
)
def test_attributes_are_what_the_policy_declares(engine: Engine, attributes: dict[str, Any], code: str) -> None:
    with pytest.raises(Failure) as error:
        engine.set_attributes({"user": "u_ana"}, attributes, id="x")
    assert error.value.code == code and error.value.help

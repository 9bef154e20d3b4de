"""What a Python caller gives of a wrong type: one failure that names the place and the remedy, and nothing changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest

from overspill import Engine, Failure, ManualClock, Request
from overspill.words.instants import instant_from_text

ANA = {"user": "u_ana"}
GOOD: dict[str, Any] = {
    "id": "r1",
    "account": ANA,
    "fields": {"product": "codex", "model": "gpt-5.5"},
    "meters": {"input_tokens": 8000, "cached_input_tokens": 0, "output_tokens": 0},
}


class Odd:
    """Nothing that anybody expects."""


class Asked:
    """An engine with a hold and a decision, and its methods with arguments that would do."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        engine.set_attributes(ANA, {"plan": "plus"}, id="signup")
        engine.grant(ANA, "credits", "50", id="C1")
        self.hold = json.loads(engine.reserve(Request(**{**GOOD, "id": "h"})).json)["hold"]["id"]
        self.decision = json.loads(engine.decide(Request(**{**GOOD, "id": "d"})).json)["decision"]

    def arguments(self, method: str) -> dict[str, Any]:
        lot = {"account": ANA, "pool": "credits", "lot": "C1", "id": "x", "per": None, "actor": "operator"}
        limit = {"account": ANA, "limit": "plan_windows", "id": "x", "actor": "operator"}
        return {
            "capture": {"hold": self.hold, "meters": {"input_tokens": 1}, "id": "x", "final": True},
            "extend": {"hold": self.hold, "id": "x"},
            "release": {"hold": self.hold, "id": "x"},
            "reverse": {"of": self.decision, "id": "x", "actor": "operator"},
            "grant": {
                "account": ANA,
                "pool": "credits",
                "amount": "5",
                "id": "x",
                "expires_at": None,
                "priority": 0,
                "category": "paid",
                "per": None,
                "effective_at": None,
                "cost": None,
                "actor": "operator",
            },
            "set_attributes": {"account": ANA, "attributes": {"plan": "pro"}, "id": "x", "actor": "operator"},
            "void": lot,
            "refund": lot,
            "transfer": {**lot, "to": {"user": "u_bob"}, "amount": "1"},
            "reset": {**limit, "of": None, "anchor": "keep_anchor"},
            "grant_reset": limit,
            "redeem": limit,
            "set_top_up": {
                "account": ANA,
                "pool": "credits",
                "id": "x",
                "enabled": True,
                "minimum": "1",
                "target": "5",
                "monthly_maximum": None,
                "per": None,
                "actor": "u_ana",
            },
            "resolve_purchase": {
                "purchase": "pur_x",
                "outcome": "succeeded",
                "receipt": "",
                "detail": "",
                "actor": "operator",
            },
            "account": {"account": ANA},
            "status": {"account": ANA, "request": None},
            "find": {"id": self.decision},
            "explain": {"id": self.decision},
            "records": {"after": 0},
            "decide_all": {"requests": []},
        }[method]

    def failure_of(self, action: Callable[[], object]) -> Failure:
        """The one failure; whatever else is raised or changed fails the test."""
        before = [(record.seq, record.id) for record in self.engine.records()]
        with pytest.raises(Failure) as error:
            action()
        assert [(record.seq, record.id) for record in self.engine.records()] == before
        failure = error.value
        assert failure.code != "internal_error" and failure.message and failure.help, failure
        return failure


@pytest.fixture(scope="module")
def asked() -> Iterator[Asked]:
    with Engine.open(clock=ManualClock(instant_from_text("2026-10-05T10:00:00Z"))) as engine:
        yield Asked(engine)


REQUESTS = [
    ({"id": 3}, "invalid_id", "/id"),
    ({"id": None}, "invalid_id", "/id"),
    ({"account": "u_ana"}, "invalid_argument", "/account"),
    ({"account": None}, "missing_account", "/account"),
    ({"account": {"user": 5}}, "invalid_id", "/account/user"),
    ({"account": {1: "u_ana"}}, "invalid_argument", "/account/1"),
    ({"account": {"user": "u_ana", "workspace": ["w"]}}, "invalid_id", "/account/workspace"),
    ({"fields": None}, "invalid_argument", "/fields"),
    ({"fields": ["codex"]}, "invalid_argument", "/fields"),
    ({"fields": {"product": ["codex"], "model": "gpt-5.5"}}, "invalid_field", "/fields/product"),
    ({"fields": {"product": "codex", "model": Odd()}}, "invalid_argument", "/fields/model"),
    ({"fields": {"product": "codex", "model": "\ud800"}}, "invalid_argument", "/fields/model"),
    ({"meters": None}, "invalid_meter", "/meters"),
    ({"meters": {"input_tokens": 8.0}}, "invalid_meter", "/meters/input_tokens"),
    ({"meters": {"input_tokens": True}}, "invalid_meter", "/meters/input_tokens"),
    ({"meters": {"input_tokens": "8"}}, "invalid_meter", "/meters/input_tokens"),
    ({"meters": {"input_tokens": Decimal(8)}}, "invalid_meter", "/meters/input_tokens"),
    ({"meters": {"input_tokens": 2**70}}, "invalid_meter", "/meters/input_tokens"),
    ({"meters": {None: 8}}, "invalid_meter", "/meters/None"),
    ({"initiator": None}, "invalid_initiator", "/initiator"),
    ({"initiator": {"user"}}, "invalid_initiator", "/initiator"),
    ({"only": "credits"}, "invalid_argument", "/only"),
    ({"only": ""}, "invalid_argument", "/only"),
    ({"only": ("credits", 7)}, "invalid_argument", "/only/1"),
    ({"max_charge": "7"}, "invalid_argument", "/max_charge"),
    ({"max_charge": {"credits": 7.5}}, "invalid_argument", "/max_charge/credits"),
    ({"at_least": 1}, "invalid_argument", "/at_least"),
]


@pytest.mark.parametrize(("change", "code", "pointer"), REQUESTS)
def test_what_is_wrong_in_a_request_is_named(asked: Asked, change: dict[str, Any], code: str, pointer: str) -> None:
    engine, request = asked.engine, Request(**{**GOOD, **change})
    ways: list[Callable[[], object]] = [
        lambda: engine.decide(request),
        lambda: engine.preview(request),
        lambda: engine.reserve(request),
        lambda: asyncio.run(engine.adecide(request)),
    ]
    for way in ways:
        failure = asked.failure_of(way)
        assert (failure.code, failure.pointer) == (code, pointer)
    assert asked.failure_of(lambda: engine.status(ANA, request)).pointer == pointer
    good = Request(**{**GOOD, "id": "beside"})
    failure, beside = engine.preview_all([request, good])
    assert isinstance(failure, Failure) and (failure.code, failure.pointer) == (code, pointer)
    assert not isinstance(beside, Failure) and beside.json == engine.preview(good).json


def test_many_are_told_the_same_as_each_by_itself(asked: Asked) -> None:
    accounts = [ANA, {"workspace": "w_1", **ANA}, ANA]
    requests = [Request(**{**GOOD, "id": f"r{index % 20}", "account": accounts[index % 3]}) for index in range(40)]
    for some in (requests, requests[:1], [*requests[:2], Request(id="r2", account={})]):
        together = asked.engine.preview_all(some)
        for request, one in zip(some, together, strict=True):
            if isinstance(one, Failure):
                assert (one.code, request.account) == ("missing_account", {})
            else:
                assert one.json == asked.engine.preview(request).json


@pytest.mark.parametrize("request_", [None, GOOD, "r1", 7, Request], ids=repr)
def test_what_is_no_request_is_named(asked: Asked, request_: Any) -> None:
    engine = asked.engine
    for way in (lambda: engine.decide(request_), lambda: asyncio.run(engine.areserve(request_))):
        failure = asked.failure_of(way)
        assert (failure.code, failure.pointer) == ("invalid_argument", "/request")


CALLS = [
    ("grant", {"amount": 5.5}, "invalid_amount", "/amount"),
    ("grant", {"amount": None}, "invalid_amount", "/amount"),
    ("grant", {"account": "u_ana"}, "invalid_argument", "/account"),
    ("grant", {"pool": ["credits"]}, "invalid_argument", "/pool"),
    ("grant", {"priority": True}, "invalid_priority", "/priority"),
    ("grant", {"expires_at": 1_800_000_000}, "invalid_instant", "/expires_at"),
    ("grant", {"per": {"model": 5}}, "invalid_argument", "/per/model"),
    ("grant", {"actor": None}, "invalid_argument", "/actor"),
    ("capture", {"hold": None}, "unknown_hold", "/hold"),
    ("capture", {"meters": None}, "invalid_meter", "/meters"),
    ("capture", {"meters": [("input_tokens", 1)]}, "invalid_meter", "/meters"),
    ("capture", {"meters": {"input_tokens": 1.0}}, "invalid_meter", "/meters/input_tokens"),
    ("capture", {"final": "no"}, "invalid_argument", "/final"),
    ("capture", {"id": 1}, "invalid_id", "/id"),
    ("reverse", {"of": 7}, "unknown_request", "/of"),
    ("set_attributes", {"attributes": {"plan": 5.5}}, "invalid_attribute", "/attributes/plan"),
    ("set_attributes", {"attributes": "plan"}, "invalid_attribute", "/attributes"),
    ("reset", {"of": "five_hours"}, "invalid_argument", "/of"),
    ("reset", {"of": ["five_hours", 7]}, "invalid_argument", "/of/1"),
    ("set_top_up", {"enabled": 1}, "invalid_argument", "/enabled"),
    ("resolve_purchase", {"purchase": None}, "invalid_argument", "/purchase"),
    ("account", {"account": "u_ana"}, "invalid_argument", "/account"),
    ("status", {"request": GOOD}, "invalid_argument", "/request"),
    ("find", {"id": 7}, "invalid_id", "/id"),
    ("records", {"after": "7"}, "invalid_argument", "/after"),
    ("decide_all", {"requests": None}, "invalid_argument", "/requests"),
]


@pytest.mark.parametrize(("method", "change", "code", "pointer"), CALLS)
def test_what_is_wrong_in_a_call_is_named(
    asked: Asked, method: str, change: dict[str, Any], code: str, pointer: str
) -> None:
    call = getattr(asked.engine, method)
    failure = asked.failure_of(lambda: call(**{**asked.arguments(method), **change}))
    assert (failure.code, failure.pointer) == (code, pointer)


NAMED = {method for method, *_ in CALLS} - {"decide_all"}
METHODS = sorted(NAMED | {"extend", "release", "void", "refund", "transfer", "grant_reset", "redeem", "explain"})
ODD = [Odd(), 5.5, b"x", {1: "a"}, "\ud800", {"user": Odd()}, range(3), 2**70, Decimal(5)]


@pytest.mark.parametrize("method", METHODS)
def test_whatever_is_given_in_place_of_an_argument_is_a_failure_that_names_it(asked: Asked, method: str) -> None:
    good, call = asked.arguments(method), getattr(asked.engine, method)
    for argument in good:
        for odd in ODD:
            failure = asked.failure_of(partial(call, **{**good, argument: odd}))
            assert failure.pointer is not None, (argument, odd, failure)


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        ({"policy": 7}, "invalid_argument", "/policy"),
        ({"policy": {"a.spill": "text"}}, "invalid_argument", "/policy/a.spill"),
        ({"policy": {}}, "no_policy", "/policy"),
        ({"db": 7}, "invalid_argument", "/db"),
        ({"db": ""}, "not_a_database", None),
        ({"tenant": 7}, "invalid_id", "/tenant"),
        ({"tenant": "a/b"}, "invalid_id", "/tenant"),
        ({"clock": 7}, "invalid_argument", "/clock"),
    ],
)
def test_what_an_engine_cannot_be_opened_with_is_named(change: Mapping[str, Any], code: str, pointer: str) -> None:
    with pytest.raises(Failure) as error:
        Engine.open(**{"policy": "codex_sora", **change})
    assert (error.value.code, error.value.pointer) == (code, pointer)
    assert error.value.help


def test_any_mapping_and_any_list_will_do(asked: Asked) -> None:
    proxies = {name: MappingProxyType(value) if isinstance(value, dict) else value for name, value in GOOD.items()}
    request = Request(**{**proxies, "id": "proxies", "only": ["plan_windows"]})
    assert asked.engine.preview(request).allowed
    assert asked.engine.grant(MappingProxyType(ANA), "credits", "1", id="C2").json


class Text(str):
    """Text, and more than that."""

    __slots__ = ()


def test_text_that_is_more_than_text_is_that_text(asked: Asked) -> None:
    fields = {Text(name): Text(value) for name, value in GOOD["fields"].items()}
    first = asked.engine.decide(Request(**{**GOOD, "fields": fields, "id": "texts"}))
    assert asked.engine.decide(Request(**{**GOOD, "id": "texts"})).json == first.json

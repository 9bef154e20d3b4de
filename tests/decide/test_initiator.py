"""Who began a request: said by every request, read by conditions and tables, declared by no policy (LANGUAGE.md L10)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from account.test_layers import ANA, HEAD, POOL, Bench, _waterfall
from overspill import Engine, PolicyFaults, Request
from overspill.decide.admit import admit
from overspill.runtime.policies import compiled
from overspill.words.diagnostics import Fault, Severity
from overspill.words.initiators import INITIATORS

WHEN = _waterfall('draw money when request.initiator != "background";')
IN = _waterfall('draw money when request.initiator in ["user", "automation"];')
GUARD = _waterfall('deny in_person_only when request.initiator == "automation";', "draw money;")
TABLE = (
    "limit five { per user; unit credits; window w: 5h from first_use; "
    'capacity by request.initiator { "user": 5 credits; default: 1 credits; } }'
)
KEPT = "limit five { per user, request.initiator; unit credits; window w: 5h from first_use; capacity 3 credits; }"

# The policy, what is asked, and for each initiator whether it passes.
READ: list[tuple[tuple[str, ...], int, dict[str, bool]]] = [
    ((POOL, WHEN), 1, {"user": True, "automation": True, "background": False}),
    ((POOL, IN), 1, {"user": True, "automation": True, "background": False}),
    ((POOL, GUARD), 1, {"user": True, "automation": False, "background": True}),
    ((TABLE, _waterfall("draw five;")), 2, {"user": True, "automation": False, "background": False}),
    ((KEPT, _waterfall("draw five;")), 3, {"user": True, "automation": True, "background": True}),
]


@pytest.mark.rule("L10")
@pytest.mark.parametrize(("policy", "asked", "passes"), READ)
def test_conditions_and_tables_read_who_began_the_request(
    policy: tuple[str, ...], asked: int, passes: dict[str, bool]
) -> None:
    bench = Bench(*policy)
    decisions = {initiator: bench.ask(asked, initiator=initiator) for initiator in INITIATORS}
    assert {initiator: one.allowed for initiator, one in decisions.items()} == passes
    for initiator, decision in decisions.items():
        told = json.loads(decision.json)["trace"][0]
        assert told["facts"]["request.initiator"] == initiator
        assert told["request"].get("initiator", "user") == initiator


@pytest.mark.rule("L10")
def test_a_condition_that_fails_by_it_says_so_with_its_value() -> None:
    bench = Bench(POOL, WHEN)
    [step] = [one for one in json.loads(bench.ask(1, initiator="background").json)["trace"] if "clause" in one]
    assert step["clause"] == {
        "text": 'request.initiator != "background"',
        "values": {"request.initiator": "background"},
    }


@pytest.mark.rule("L10")
def test_a_hold_remembers_who_began_it() -> None:
    bench = Bench(POOL, WHEN)
    hold = bench.engine.reserve(bench.request(1, initiator="automation")).hold
    assert hold is not None
    assert bench.engine.capture(hold.id, {"credits": 3})["covered"] == "3"


def test_what_a_policy_does_not_read_is_not_among_its_facts() -> None:
    bench = Bench(POOL, _waterfall("draw money;"))
    for initiator in INITIATORS:
        facts = json.loads(bench.ask(1, initiator=initiator).json)["trace"][0]["facts"]
        assert "request.initiator" not in facts


def test_a_waterfall_may_be_chosen_by_it() -> None:
    apart = (
        'waterfall slow { serves request.initiator == "background"; counts credits; draw money; otherwise deny no; }',
        'waterfall fast { serves request.initiator in ["user", "automation"]; counts credits; draw money; otherwise deny no; }',
    )
    bench = Bench(POOL, *apart)
    served = {
        initiator: json.loads(bench.ask(1, initiator=initiator).json)["trace"][0]["waterfall"]
        for initiator in INITIATORS
    }
    assert served == {"user": "fast", "automation": "fast", "background": "slow"}


def test_waterfalls_are_told_apart_by_a_fields_default_where_it_is_not_sent() -> None:
    apart = (
        'waterfall a { serves request.kind == "a"; counts credits; draw money; otherwise deny no; }',
        'waterfall b { serves request.kind == "b"; counts credits; draw money; otherwise deny no; }',
    )
    bench = Bench(POOL, *apart)
    served = [json.loads(bench.ask(1, **more).json)["trace"][0]["waterfall"] for more in ({}, {"kind": "b"})]
    assert served == ["a", "b"]


def test_a_field_of_that_name_is_sent_by_nobody() -> None:
    request = Request(id="r", account=ANA, fields={"initiator": "background"}, meters={"credits": 1})
    with pytest.raises(Exception, match="declares no field `initiator`"):
        Bench(POOL, WHEN).engine.decide(request)


def _faults(*lines: str, head: str = "") -> list[Fault]:
    text = (head or HEAD) + "\n".join(lines)
    with pytest.raises(PolicyFaults) as failure:
        Engine.open({"p.spill": text.encode()})
    return [fault for fault in failure.value.faults if fault.severity is Severity.ERROR]


WRONG: list[tuple[tuple[str, ...], str, str | None]] = [
    ((POOL, _waterfall('draw money when request.initiator == "backgroud";')), "backgroud", "did you mean `background`?"),
    ((POOL, _waterfall('draw money when !("robot" != request.initiator);')), "robot", None),
    ((POOL, _waterfall('draw money when request.initiator in ["user", "autmation"];')), "autmation", "did you mean `automation`?"),
    ((TABLE.replace('"user"', '"usr"'), _waterfall("draw five;")), "usr", "did you mean `user`?"),
    ((POOL, _waterfall("draw money;"), 'invariant calm: request.initiator != "bot";'), "bot", None),
]  # fmt: skip


@pytest.mark.rule("L10")
@pytest.mark.parametrize(("lines", "word", "help"), WRONG)
def test_a_word_that_no_initiator_is_is_a_fault_at_its_place(
    lines: tuple[str, ...], word: str, help: str | None
) -> None:
    [fault] = _faults(*lines)
    assert (fault.code, fault.message) == ("OSP210", f"unknown initiator `{word}`")
    assert fault.span.text == f'"{word}"'
    assert fault.help == (help or "declared: automation, background, user")


DECLARED: list[tuple[str, str]] = [
    ("request { turn", "request { initiator: string; turn"),
    ("request { turn", "request { initiator: meter; turn"),
    ("anchor: timestamp", "initiator: string from request; anchor: timestamp"),
]


@pytest.mark.parametrize(("old", "new"), DECLARED)
def test_no_policy_declares_it(old: str, new: str) -> None:
    [fault] = _faults(POOL, _waterfall("draw money;"), head=HEAD.replace(old, new))
    assert (fault.code, fault.message) == ("OSP211", "every request has an `initiator` already")


def test_an_account_may_keep_an_attribute_of_that_name() -> None:
    text = HEAD.replace("anchor: timestamp", 'initiator: string = "x"; anchor: timestamp')
    lines = (POOL, _waterfall('draw money when user.initiator == "x";'))
    program = compiled({"p.spill": (text + "\n".join(lines)).encode()})
    more: dict[str, Any] = {"initiator": "background"}
    assert admit(program.plan, Request(id="r", account=ANA, meters={"credits": 1}, **more)).ids

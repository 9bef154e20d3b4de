"""Attacks that work on naive use of the libraries below us, each with the guard that it meets here.

Every input goes through its public door under the fuzzer's watch: a named refusal, within a second of CPU time and
200 MB of memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import Any, NamedTuple

import pytest

from fuzz.targets import TARGETS
from fuzz.watch import watched
from overspill import Engine
from overspill.records.wire import request_from_json
from overspill.words.failures import Failure
from support.suites import read as read_suite
from support.texts import DSL, YAML, faults_of

HUGE = "1e3000000"
"""Eleven bytes that take minutes where they become a Decimal and then an int."""
MERGES = "a0: &a0 {k: v}\n" + "".join(f"a{n + 1}: &a{n + 1} {{<<: [*a{n}, *a{n}]}}\n" for n in range(30))
LAUGHS = "a0: &a0 [x]\n" + "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9))
COLLIDING = "".join(f"{number * (2**61 - 1)}: x\n" for number in range(1, 9_000))


def _dsl(text: str) -> set[str]:
    return {fault.code for fault in faults_of(text)}


def _yaml(text: str) -> set[str]:
    return {fault.code for fault in faults_of(text, "t.spill.yaml")}


def _suite(text: str) -> set[str]:
    return {fault.code for fault in read_suite(text)[1]}


def _condition(text: str) -> set[str]:
    return _dsl(DSL.replace("when user.blocked;\n  draw", f"when {text};\n  draw"))


def _decided(text: str) -> set[str]:
    with Engine.open() as engine:
        engine.set_attributes({"user": "u"}, {"plan": "plus"}, id="s")
        return _failing(lambda: engine.decide(request_from_json(text)))


def _granted(amount: str) -> set[str]:
    with Engine.open() as engine:
        return _failing(lambda: engine.grant({"user": "u"}, "credits", amount, id="g"))


def _failing(run: Callable[[], object]) -> set[str]:
    try:
        run()
    except Failure as failure:
        return {failure.code}
    return set()


class Attack(NamedTuple):
    """`text` through `door` gives the fault or failure `code`."""

    name: str
    door: Callable[[str], set[str]]
    text: str
    code: str


def _request(**changes: Any) -> str:
    whole = {
        "id": "r",
        "account": {"user": "u"},
        "fields": {"product": "sora", "model": "m"},
        "meters": {"generations": 1},
    }
    return json.dumps({**whole, **changes})


ATTACKS = [
    Attack("an amount with a huge exponent in the DSL", _dsl, DSL.replace("10 credits", f"{HUGE} credits"), "OSP110"),
    Attack("the same in YAML", _yaml, YAML.replace("10 credits", f"{HUGE} credits"), "OSP205"),
    Attack("the same in a grant", _granted, HUGE, "invalid_amount"),
    Attack("the same in a test", _suite, f"given: {{lots: {{money: [{{id: a, amount: {HUGE} credits}}]}}}}\ncases: []\n", "OSP205"),
    Attack("the same in a request", _decided, _request().replace('"generations": 1', f'"generations": {HUGE}'), "invalid_json"),
    Attack("digits without end", _granted, "9" * 100_000, "invalid_amount"),
    Attack("merge keys that double", _yaml, MERGES, "OSP121"),
    Attack("a billion laughs", _yaml, LAUGHS, "OSP121"),
    Attack("a billion laughs in a test", _suite, LAUGHS, "OSP121"),
    Attack("a tag that makes objects", _yaml, "policy: !!python/object/apply:os.system [id]\n", "OSP124"),
    Attack("keys whose hashes collide as numbers", _yaml, COLLIDING, "OSP201"),
    Attack("a key twice", _yaml, YAML + 'language: "1"\n', "OSP123"),
    Attack("nesting in YAML", _yaml, "a: " + "[" * 100_000, "OSP103"),
    Attack("nesting in the DSL", _dsl, "limit a " + "{" * 100_000, "OSP103"),
    Attack("nesting in an expression", _condition, "(" * 20_000 + "true" + ")" * 20_000, "OSP103"),
    Attack("nesting in a request", _decided, "[" * 200_000, "invalid_json"),
    Attack("a chain of operators", _condition, "!" * 4_000 + "true", "OSP103"),
    Attack("a pattern that backtracks", _condition, f'"{"a" * 200}!".matches("(a+)+$")', ""),
    Attack("a pattern that repeats repeats", _condition, 'user.plan.matches("((a{100}){100}){100}")', "OSP235"),
    Attack("a pattern that looks back", _condition, r"user.plan.matches(r'(a)\1')", "OSP235"),
    Attack("lists that multiply", _condition, '["a"]' + ".map(x, x + x + x)" * 40 + '.size() > 0', "OSP234"),
    Attack("NaN", _decided, _request().replace('"generations": 1', '"generations": NaN'), "invalid_json"),
    Attack("a number that is infinite", _decided, _request().replace('"generations": 1', '"generations": 1e999'), "invalid_json"),
    Attack("a number of 64 bits and one more", _decided, _request(meters={"generations": 2**64}), "invalid_json"),
    Attack("a fraction that is whole", _decided, _request().replace('"generations": 1', '"generations": 1.0'), "invalid_json"),
    Attack("true for a number", _decided, _request(meters={"generations": True}), "invalid_meter"),
    Attack("a number for true", _decided, _request(fields={"product": 1}), "invalid_field"),
    Attack("an unknown key", _decided, _request(max_charges={}), "unknown_key"),
    Attack("a key of a request twice", _decided, _request().replace('"id": "r"', '"id": "r", "id": "s"'), "invalid_json"),
    Attack("half of a character", _decided, _request().replace('"id": "r"', '"id": "\\ud800"'), "invalid_json"),
    Attack("a line break in an id", _decided, _request(id="r\n{}"), "invalid_id"),
    Attack("a terminal's control in a field", _decided, _request(fields={"product": "\x1b[2J"}), "invalid_field"),
    Attack("a letter that looks like another", _dsl, DSL.replace("limit plan_limit", "limit рlan_limit"), "OSP110"),
    Attack("text that runs backwards", _dsl, DSL.replace("tiny", "ti\u202eny"), "OSP104"),
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_an_attack_meets_its_guard(attack: Attack) -> None:
    met: set[str] = set()

    def run(text: str) -> str:
        met.update(attack.door(text))
        return ""

    for target in TARGETS.values():
        target("1")  # what is loaded at first use is no attack's fault
    assert watched(run, attack.text) is None
    assert attack.code in met or (attack.code == "" and met == set())


# ---- our own schemas

SCHEMAS = {
    path.name: json.loads(path.read_text("utf-8")) for path in (files("overspill_grammar") / "schemas").iterdir()
}
PUMPS = ("a", "0", "_", ".", " ", "/", "a/", "a.", "a_", "0.0", "a0", "0 a", "a ")


def _keywords(schema: object) -> Iterator[tuple[str, object]]:
    """(keyword, value) of a schema and of all in it."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            yield key, value
            yield from _keywords(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _keywords(item)


def _pumped(pattern: str) -> str:
    for pump in PUMPS:
        re.search(pattern, pump * 60 + "!")
    return ""


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_no_keyword_of_a_schema_takes_long(name: str) -> None:
    """No comparison of each with each, no floats, no pattern that backtracks."""
    found = list(_keywords(SCHEMAS[name]))
    assert [key for key, _ in found if key in ("uniqueItems", "multipleOf")] == []
    assert [value for _, value in found if isinstance(value, float)] == []
    patterns = {value for key, value in found if key == "pattern" and isinstance(value, str)}
    assert [pattern for pattern in sorted(patterns) if watched(_pumped, pattern) is not None] == []
    remote = [value for key, value in found if key == "$ref" and not str(value).startswith("#")]
    assert remote == []


def test_a_pattern_that_backtracks_would_be_found() -> None:
    """The canary of the pumps."""
    found = watched(_pumped, "^(a+)+$", seconds=0.2)
    assert found is not None
    assert found.kind == "Slow"

"""What is too deep, too long, too costly or too many is one fault; what is just within runs, and generated code compiles."""

from __future__ import annotations

from bisect import bisect
from itertools import product

import pytest
from cel_support import FACTS, SCOPE, faults_of, outcome, tree_of, typed_of
from hypothesis import given
from hypothesis import strategies as st

from overspill.cel.build import DEPTH_MAX
from overspill.cel.check import check
from overspill.cel.cost import bound
from overspill.cel.dialect import CEL
from overspill.cel.types import INT, ListType, Type
from overspill.words.diagnostics import Fault

NESTS = {
    "and": "{} && user.age > 3",
    "or": "user.age > 3 || {}",
    "not": "!({})",
    "conditional": "({}) ? user.age > 3 : false",
    "otherwise": "user.suspended ? true : ({})",
    "equal": "({}) == true",
    "dyn": "dyn({}) && user.age > 3",
    "list": "[{}, 1][0] == true",
    "map": '{{"a": {}, "b": 1}}.a == true',
    "text": 'string({}) == "true"',
    "arithmetic": "({} ? 1 : 2) + user.age > 3",
    "macro": "[{}].all(x, x)",
}
"""Each of a bool makes a bool, with error handling around it."""


def nested(forms: tuple[str, ...], count: int) -> str:
    """`count` of the forms in turn, inside each other."""
    text = "user.age > 3"
    for number in range(count):
        text = forms[number % len(forms)].replace("{}", text).replace("{{", "{").replace("}}", "}")
    return text


def deepest(*forms: str) -> str:
    """As many of the forms as are not too deep."""
    limits = {"OSP102", "OSP103", "OSP234"}
    refused = bisect(
        range(DEPTH_MAX),
        False,
        key=lambda count: any(fault.code in limits for fault in faults_of(nested(forms, count))),
    )
    return nested(forms, refused - 1)


@pytest.mark.parametrize(("one", "other"), list(product(NESTS, NESTS)))
def test_the_deepest_expressions_compile_to_python(one: str, other: str) -> None:
    text = deepest(NESTS[one], NESTS[other])
    if faults_of(text) == ():
        outcome(text)
        outcome(text, {"user.age": 4})


@given(st.lists(st.sampled_from(sorted(NESTS)), min_size=1, max_size=DEPTH_MAX))
def test_any_deep_expression_is_a_fault_or_runs(names: list[str]) -> None:
    text = deepest(*[NESTS[name] for name in names])
    if faults_of(text) == ():
        outcome(text)


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("[" + "1," * 1001 + "]", "OSP234", "more than 1000 items are written here"),
        (
            "[1].all(a, [1].all(b, [1].all(c, [1].all(d, [1].all(e, true)))))",
            "OSP234",
            "macros stand in each other more than 4 deep",
        ),
        (
            "draws.all(a, draws.all(b, draws.all(c, true)))",
            "OSP234",
            "the expression may take up to 2,030,302 steps, over the limit of 1,000,000",
        ),
        (
            '["a"]' + ".map(x, x + x + x + x)" * 40,
            "OSP234",
            "the expression may take more than 10^18 steps, over the limit of 1,000,000",
        ),
        (
            "draws.all(d, user.plan.matches(d.layer))",
            "OSP234",
            "the expression may take up to 57,979,702 steps, over the limit of 1,000,000",
        ),
        ('user.plan.matches("' + "a" * 257 + '")', "OSP235", "the pattern cannot be read: it is longer than 256 bytes"),
        ('user.plan.matches("(a+")', "OSP235", "the pattern cannot be read: a `(` has no `)`"),
        ("[1].all(" + "a" * 5000 + ", true)", "OSP102", "the expression is longer than 4096 characters"),
        ("9" * 400, "OSP131", "the integer does not fit into 64 bits"),
        ("0x" + "f" * 400, "OSP131", "the integer does not fit into 64 bits"),
        ("9" * 400 + "u", "OSP131", "the unsigned integer does not fit into 64 bits"),
        ("1e" + "9" * 400, "OSP131", "the number does not fit into a double"),
    ],
)
def test_what_is_too_much_is_one_fault(text: str, code: str, message: str) -> None:
    assert [(fault.code, fault.message) for fault in faults_of(text)] == [(code, message)]


def test_plain_cel_has_no_bound_on_cost() -> None:
    text = "draws.all(a, draws.all(b, draws.all(c, true)))"
    assert not isinstance(check(tree_of(text), SCOPE, CEL), tuple)


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("1", 1),
        ("input_tokens + 1", 3),
        ('user.plan == "plus"', 3),
        ("user.plan == request.model", 11),
        ("user.suspended && user.suspended", 3),
        ("user.suspended ? 1 : 1 + 1", 5),
        ('user.plan in ["a", "b"]', 7),
        ('user.groups.all(g, g == "x")', 402),
        ("draws.all(d, draws.all(e, true))", 20302),
        ('user.plan.matches("^ab$")', 1287),
        ('"ab".matches("^ab$")', 17),
    ],
)
def test_costs_are_counted_in_steps(text: str, steps: int) -> None:
    assert bound(typed_of(text), {}).steps == steps


def test_a_declared_size_stands_for_the_default() -> None:
    scope: dict[str, Type] = {"numbers": ListType(INT)}
    text = "numbers.all(a, numbers.all(b, numbers.all(c, a < b)))"
    found = check(tree_of(text), scope, sizes={"numbers": 10})
    assert not isinstance(found, (tuple, Fault))
    assert bound(found, {"numbers": 10}).steps < 10_000
    assert isinstance(check(tree_of(text), scope, sizes={"numbers": 1000}), tuple)


def test_the_bound_holds_for_what_runs() -> None:
    """Counted by a run: how often the innermost body is evaluated."""
    seen: list[object] = []

    class Counted(tuple[object, ...]):
        def __iter__(self):  # type: ignore[no-untyped-def]
            for item in tuple.__iter__(self):
                seen.append(item)
                yield item

    facts = {**FACTS, "user.groups": Counted(("a",) * 100)}
    outcome("user.groups.all(g, user.groups.all(h, g == h))", facts)
    steps = bound(typed_of("user.groups.all(g, user.groups.all(h, g == h))"), {}).steps
    assert len(seen) // 2 <= steps

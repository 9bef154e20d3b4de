"""dyn, types as values, conversions, namespaces; and one checker read as a policy's author or as plain CEL reads it."""

from __future__ import annotations

import math

import pytest
from cel_support import SCOPE, Error, outcome, same, tree_of

from overspill.cel.check import check
from overspill.cel.dialect import CEL, POLICY, UNCHECKED, Dialect
from overspill.cel.types import INT, STRING, Type
from overspill.compile.expressions import resolve
from overspill.plan.evaluate import evaluate
from overspill.plan.functions import UInt
from overspill.plan.values import Map, TypeValue

FAILS = Error("")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("dyn(1) + 1", 2),
        ('dyn(1) + "a"', FAILS),
        ('dyn(1) == "a"', False),
        ("dyn(1) < 1.5", True),
        ("dyn(1u) < 2", True),
        ("dyn(1) <= 1.0 && dyn(2) > 1.5 && dyn(2u) >= 2.0", True),
        ("dyn(9007199254740993) > 9007199254740992.0", False),
        ("dyn(2.5) - 0.5", 2.0),
        ("dyn(duration('1m')) + duration('1s') - duration('2s') == duration('59s')", True),
        ("timestamp(5) - duration('5s') == timestamp(0) && duration('90s').getMinutes() == 1", True),
        ("dyn([{'a': 1}])[0].a", 1),
        ("{'a': [1, 2]}.a.map(x, x)", (1, 2)),
        ("[{'a': 1}, {'a': 2}].exists(m, m.a == 2)", True),
        ("{} == {} && [] == [] && [[]] != [[1]]", True),
        ("[] + [1]", (1,)),
        ("([] + ['a'])[0] + 'b'", "ab"),
        ("type(dyn(1)) == int ? [1] : []", (1,)),
        ("dyn([1, 2])[0]", 1),
        ("[1, 2][dyn(1.0)]", 2),
        ("[1, 2][dyn(0.5)]", FAILS),
        ('dyn({"a": 1}).a', 1),
        ("has(dyn({'a': 1}).a)", True),
        ("has(dyn({'a': 1}).b)", False),
        ("has(dyn(1).a)", FAILS),
        ("dyn([1, 2]).all(x, x > 0)", True),
        ("dyn(1).all(x, x > 0)", FAILS),
        ("size(dyn('abc'))", 3),
        ("size(dyn(1))", FAILS),
        ("1 in dyn([1])", True),
        ("1 in dyn(1)", FAILS),
        ("!dyn(true)", False),
        ("-dyn(1)", -1),
        ("-dyn(1u)", FAILS),
        ("type(1)", TypeValue("int")),
        ("type(1) == int && type(1u) == uint && type(1.0) == double", True),
        ("type(null) == null_type && type([]) == list && type({}) == map && type(int) == type", True),
        ("type(timestamp(0)) == google.protobuf.Timestamp", True),
        ('type(duration("0")) == google.protobuf.Duration', True),
        ("type(dyn(b'')) == bytes", True),
        # conversions
        ('uint("7")', UInt(7)),
        ('uint("-1")', FAILS),
        ("uint(1.9)", UInt(1)),
        ("uint(-0.5)", FAILS),
        ("uint(18446744073709551616.0)", FAILS),
        ('double("1e3")', 1000.0),
        ('double("-inf")', -math.inf),
        ('double(" 1")', FAILS),
        ('double("1_0")', FAILS),
        ('double("0x1p3")', FAILS),
        ("string(1.5)", "1.5"),
        ("string(100000.0) + string(1e6) + string(-1e-5)", "1000001e+06-1e-05"),
        ("string(123456.789)", "123456.789"),
        ("string(0.0)", "0"),
        ("string(1.0 / 0.0) + string(-1.0 / 0.0) + string(0.0 / 0.0)", "inf-infnan"),
        ("string(1e300) + string(-0.0)", "1e+300-0"),
        ('int("99999999999999999999999999")', FAILS),
        ("string(-0.0001)", "-0.0001"),
        ("string(b'\\xc3\\xa9')", "é"),
        ("string(b'\\xff')", FAILS),
        ("bytes('é')", b"\xc3\xa9"),
        ('bool("True") && bool("1") && !bool("f")', True),
        ('bool("yes")', FAILS),
        ("{1: 'a'}[1u]", "a"),
        ("{true: 'a'}[true]", "a"),
        ("{'a': 1}", Map([("a", 1)])),
        ("{'a': 1} == {'a': 1.0}", True),
        ("{'a': 1, 'b': 2} == {'b': 2, 'a': 1}", True),
        ("{'a': 1}.a", 1),
        ("{'a': 1}.b", FAILS),
        ("has({'a': 1}.b)", False),
        ("[1, 2].size() + 'é'.size() + {}.size()", 3),
        ('"abc".matches("^a.c$") && matches("abc", "b")', True),
        ('user.plan.matches(user.plan + "$")', True),
        ('user.plan.matches(user.plan + "(")', FAILS),
    ],
)
def test_values_in_policies(text: str, value: object) -> None:
    assert same(value, outcome(text))


@pytest.mark.parametrize(
    ("text", "policy", "cel", "unchecked"),
    [
        ('1 == "a"', "OSP231", "OSP231", False),
        ("1 == 1.0", True, "OSP231", True),
        ("1 < 2.0", True, "OSP231", True),
        ("1 in [1.0]", True, "OSP231", True),
        ("nope || true", "OSP230", "OSP230", True),
        ("nope(1) || true", "OSP230", "OSP230", True),
        ("1 || true", "OSP232", "OSP232", True),
        ("1 && true", "OSP232", "OSP232", FAILS),
        ('true ? 1 : "a"', "OSP231", "OSP231", 1),
        ('1 + "a"', "OSP231", "OSP231", FAILS),
        ("[1] < [2]", "OSP231", "OSP231", FAILS),
        ("{1.0: 2}", "OSP231", FAILS, FAILS),
        ('"a".matches("(")', "OSP235", FAILS, FAILS),
        ("9223372036854775808", "OSP131", "OSP131", "OSP131"),
        ("(1).a", "OSP233", "OSP233", FAILS),
        ('"abc".all(x, true)', "OSP231", "OSP231", FAILS),
        ("[1].all(a.b, true)", "OSP231", "OSP231", FAILS),
    ],
)
def test_one_checker_in_three_dialects(text: str, policy: object, cel: object, unchecked: object) -> None:
    for dialect, expected in ((POLICY, policy), (CEL, cel), (UNCHECKED, unchecked)):
        found = check(tree_of(text), SCOPE, dialect)
        if isinstance(found, tuple):
            assert [fault.code for fault in found] == [expected]
        else:
            assert same(expected, outcome(text, dialect=dialect))


@pytest.mark.parametrize(
    ("text", "container", "path"),
    [
        ("y", "", "y"),
        ("y", "a.b", "a.b.y"),
        ("y", "a.c", "a.y"),
        ("y", "c", "y"),
        (".y", "a.b", "y"),
        ("a.y", "", "a.y"),
        ("b.y", "a", "a.b.y"),
    ],
)
def test_names_are_looked_up_from_the_inner_namespace_outwards(text: str, container: str, path: str) -> None:
    scope: dict[str, Type] = {"y": INT, "a.y": INT, "a.b.y": INT}
    found = check(tree_of(text), scope, Dialect(container=container))
    assert not isinstance(found, tuple)
    seen: list[str] = []
    assert evaluate(resolve(found, lambda name: seen.append(name) or 0), [5]) == 5  # type: ignore[func-returns-value]
    assert seen == [path]


def test_the_longest_name_is_meant_and_the_rest_are_fields() -> None:
    scope: dict[str, Type] = {"a.b": INT, "a.b.c": STRING}
    found = check(tree_of('a.b.c == "x" && a.b == 1'), scope, CEL)
    assert not isinstance(found, tuple)


@pytest.mark.parametrize(
    "text",
    [
        "dyn(request.cost)",
        "type(request.cost)",
        "[request.cost, 1]",
        "[request.cost, request.clips]",
        '{"a": request.cost, "b": 1}',
        "[1, 'a'][0] == request.cost",
        "dyn(1) + request.cost",
        "true ? request.cost : dyn(1)",
        "draws.map(d, d.amount) + [1]",
        "draws.all(d, d.amount > d.clips)",
        "request.cost in [1, 2]",
        "string(request.cost)",
    ],
)
def test_an_amount_never_loses_its_unit(text: str) -> None:
    found = check(tree_of(text), SCOPE)
    assert isinstance(found, tuple) and [fault.code for fault in found] == ["OSP231"]

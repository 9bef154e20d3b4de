"""Values and errors exactly as CEL has them, from the interpreter and from generated Python alike."""

from __future__ import annotations

import math

import pytest
from cel_support import Error, outcome, same

from overspill.plan.functions import UInt

FAILS = Error("")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        # int64
        ("9223372036854775807 + 1", FAILS),
        ("-9223372036854775808 - 1", FAILS),
        ("4611686018427387904 * 2", FAILS),
        ("-9223372036854775808 / -1", FAILS),
        ("-(-9223372036854775808)", FAILS),
        ("--9223372036854775808", FAILS),
        ("9223372036854775806 + 1", 2**63 - 1),
        ("7 / 2", 3),
        ("-7 / 2", -3),
        ("7 / -2", -3),
        ("-7 % 2", -1),
        ("7 % -2", 1),
        ("1 / 0", FAILS),
        ("1 % 0", FAILS),
        ("-9223372036854775808 % -1", FAILS),
        # uint64
        ("18446744073709551615u + 1u", FAILS),
        ("0u - 1u", FAILS),
        ("7u / 2u", UInt(3)),
        ("uint(-1)", FAILS),
        ("int(18446744073709551615u)", FAILS),
        # double
        ("1.0 / 0.0", math.inf),
        ("-1.0 / 0.0", -math.inf),
        ("1.0 / -0.0", -math.inf),
        ("0.0 / 0.0", math.nan),
        ("0.0 / 0.0 == 0.0 / 0.0", False),
        ("1e308 * 10.0", math.inf),
        ("int(-3.9)", -3),
        ("int(9.3e18)", FAILS),
        ("int(0.0 / 0.0)", FAILS),
        # equality and order across numbers; otherwise another type is another value
        ("1 == 1.0", True),
        ("1u == 1", True),
        ("9007199254740993 == 9007199254740992.0", True),
        ("9223372036854775807 < 9223372036854775808.0", False),
        ("1 < 1.5", True),
        ("[1] == [1.0]", True),
        ("[1, true] == [1, 1]", False),
        ("[true, 1][0] == [1, true][0]", False),
        ("1 in [1.0, 2.0]", True),
        ("1 in [true, 2]", False),
        ("[1, true][1] in [1, 2]", False),
        ('{"a": 1} == {"a": 1.0}', True),
        ("{1: 2}[1u]", 2),
        ("{1: 2, 1u: 3}", FAILS),
        ("null == null", True),
        # containers
        ("[1, 2][2]", FAILS),
        ("[1, 2][-1]", FAILS),
        ('{"a": 1}["b"]', FAILS),
        ('"a" in {"a": 1}', True),
        ("[1] + [2, 3]", (1, 2, 3)),
        ("input_tokens in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]", True),
        ("input_tokens in [1, 2]", False),
        ("user.plan in []", False),
        # strings are code points
        ('size("é\U0001f600")', 2),
        ('size(b"é")', 2),
        ('"a" + "b"', "ab"),
        ('"abc".contains("b") && "abc".startsWith("ab") && "abc".endsWith("bc")', True),
        ('"Z" < "a" && "a" < "é" && "\uffff" < "\U0001f600"', True),
        ('b"\\xff" > b"a"', True),
        # conversions
        ('int("-12")', -12),
        ('int("00000000000000000000000012")', 12),
        ('int("9223372036854775808")', FAILS),
        ('int("1_0")', FAILS),
        ('int(" 1")', FAILS),
        ('int("")', FAILS),
        ('int("-")', FAILS),
        ('int("٣")', FAILS),
        ("string(-7) + string(7u) + string(true)", "-77true"),
        ("double(3) + double(4u)", 7.0),
    ],
)
def test_values_and_errors(text: str, value: object) -> None:
    assert same(value, outcome(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("user.age > 3 && false", False),
        ("false && user.age > 3", False),
        ("user.age > 3 || true", True),
        ("true || user.age > 3", True),
        ("user.age > 3 && true", FAILS),
        ("true && user.age > 3", FAILS),
        ("user.age > 3 || false", FAILS),
        ("false || user.age > 3", FAILS),
        ("user.age > 3 || 1 / 0 == 1", FAILS),
        ("(user.age > 3 && false) || true", True),
        ("!(user.age > 3) && false", False),
        ("(user.age > 3 || 1 / 0 == 1) && false", False),
        ("true ? 1 : 1 / 0", 1),
        ("false ? 1 : 1 / 0", FAILS),
        ("user.age > 3 ? 1 : 2", FAILS),
        ("[1, true][0] && true", FAILS),
        ("[1, true][0] && false", False),
        ("[1, true][1] && true", True),
        ("[1, true][0] || true", True),
        ("![1, true][0]", FAILS),
        ("[1, true][0] ? 1 : 2", FAILS),
    ],
)
def test_and_or_absorb_errors_in_both_orders(text: str, value: object) -> None:
    assert same(value, outcome(text))


@pytest.mark.parametrize(
    ("text", "facts", "value"),
    [
        ("user.age > 3", {"user.age": 4}, True),
        ("has(user.age) && user.age > 3", {}, False),
        ("has(user.age) && user.age > 3", {"user.age": 4}, True),
        ("has(user.age) ? user.age : -1", {}, -1),
        ("has(user.spend_limit) && user.spend_limit < request.cost", {"user.spend_limit": 1}, True),
        ("workspace.seats > 3", {}, FAILS),
        ("workspace.seats > 3", {"workspace.seats": 4}, True),
        ('"staff" in user.groups', {}, True),
        ("input_tokens + 1 > 0", {"input_tokens": 2**63 - 1}, FAILS),
    ],
)
def test_absent_inputs_are_errors_unless_has_comes_first(text: str, facts: dict[str, object], value: object) -> None:
    assert same(value, outcome(text, facts))


def test_an_error_names_the_input_that_is_absent() -> None:
    assert outcome("user.age > 3") == Error("no such key: user.age")

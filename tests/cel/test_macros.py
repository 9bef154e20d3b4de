"""Macros over lists, over keys of maps and over lists of records: values, errors, what is total."""

from __future__ import annotations

import pytest
from cel_support import Error, outcome, same, typed_of

FAILS = Error("")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[1, 2].all(x, x > 0)", True),
        ("[1, 2].all(x, x > 1)", False),
        ("[].all(x, x > 1)", True),
        ("[1, 2].exists(x, x > 1)", True),
        ("[].exists(x, true)", False),
        ("[1, 2, 3].exists_one(x, x > 2)", True),
        ("[1, 2, 3].existsOne(x, x > 1)", False),
        ("[1, 2].map(x, x * 2)", (2, 4)),
        ("[1, 2, 3].map(x, x > 1, x * 2)", (4, 6)),
        ("[1, 2, 3].filter(x, x != 2)", (1, 3)),
        ('{"a": 1, "b": 2}.all(key, key < "c")', True),
        ('{"a": 1, "b": 2}.map(key, key)', ("a", "b")),
        ('{"a": 1, "b": 2}.filter(key, {"a": 1, "b": 2}[key] > 1)', ("b",)),
        ("user.groups.map(g, size(g))", (4, 5)),
        # the inner variable hides the outer one, and no input of the same name is meant
        ("[1].all(x, [2].all(x, x == 2))", True),
        ("[1, 2].map(x, [x, 10].map(y, x + y))", ((2, 11), (4, 12))),
        ("[5].all(input_tokens, input_tokens == 5)", True),
        ('["z"].all(user, user == "z")', True),
        # `all` and `exists` absorb errors as `&&` and `||` do
        ("[0, 1].all(x, 1 / x == 5)", False),
        ("[1, 0].all(x, 1 / x == 1)", FAILS),
        ("[0, 1].exists(x, 1 / x == 1)", True),
        ("[0, 1].exists(x, 1 / x == 5)", FAILS),
        ("[1, 0].all(x, 1 / x == 1) || true", True),
        # the others do not
        ("[1, 0].exists_one(x, 1 / x == 1)", FAILS),
        ("[1, 0].filter(x, 1 / x == 1)", FAILS),
        ("[1, 0].map(x, 1 / x)", FAILS),
        ("[1, 0].map(x, x > 0, 1 / x)", (1,)),
        ('[1, "a"].exists(x, x == "a")', True),
        ('[1, "a"].all(x, x > 0)', FAILS),
        ("[[1, 2], [3]].map(l, l.filter(x, x > 1))", ((2,), (3,))),
    ],
)
def test_macros(text: str, value: object) -> None:
    assert same(value, outcome(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('draws.all(d, d.layer != "plan")', True),
        ('draws.exists(d, d.layer == "credits" && d.amount > request.cost)', False),
        ('draws.filter(d, d.amount < request.cost).map(d, d.layer) == ["promo", "credits"]', True),
        ("draws.exists(d, has(d.lot))", True),
        ('draws.all(d, has(d.lot) ? d.lot == "P1" : true)', True),
        ('draws.all(d, has(d.lot) && d.lot == "P1")', False),
        ('draws[0].layer == "promo"', True),
        ("draws.map(d, has(d.lot), d.lot)", ("P1",)),
        ('draws.all(d, d.lot == "P1")', FAILS),
        ('draws.exists(d, d.lot == "P1")', True),
        ("draws[2].layer", FAILS),
        ("size(draws)", 2),
    ],
)
def test_records_in_a_list(text: str, value: object) -> None:
    assert same(value, outcome(text))


@pytest.mark.parametrize(
    ("text", "fails"),
    [
        ('draws.all(d, d.layer != "plan")', False),
        ("draws.exists(d, d.amount > request.cost)", False),
        ('draws.all(d, has(d.lot) && d.lot == "P1")', False),
        ("draws.map(d, has(d.lot), d.lot)", False),
        ('draws.all(d, d.lot == "P1")', True),
        ('draws.all(d, draws.all(e, has(d.lot)) && d.lot == "P1")', True),
        ('draws.all(d, has(d.lot) && draws.all(e, e.lot == "P1"))', True),
        ("[1].all(x, x + 1 > 1)", True),
        ("user.groups.exists(g, g == user.plan)", False),
    ],
)
def test_what_is_total_in_a_macro(text: str, fails: bool) -> None:
    assert typed_of(text).can_fail is fails

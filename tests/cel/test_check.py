"""Tree → typed tree: types, and what can fail at run time."""

from __future__ import annotations

import pytest
from cel_support import faults_of, outcome, typed_of

from overspill.cel.typed import conjuncts


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("1", "int"),
        ("1u", "uint"),
        ("1.0", "double"),
        ('b"x"', "bytes"),
        ("null", "null"),
        ("user.groups", "list(string)"),
        ("[1, 2]", "list(int)"),
        ("[1, true]", "list(dyn)"),
        ('{"a": 1}', "map(string, int)"),
        ("request.cost + request.cost", "credits"),
        ("request.cost - request.cost", "credits"),
        ("user.suspended ? 1 : 2", "int"),
        ("size(user.groups)", "int"),
        ('user.plan + "x"', "string"),
        ("1 < 2.0", "bool"),
        ("user.groups[0]", "string"),
    ],
)
def test_types(text: str, kind: str) -> None:
    assert str(typed_of(text).type) == kind


@pytest.mark.parametrize(
    "text", ["request.cost * request.cost", "request.cost + request.clips", "request.cost * 2", "-request.cost"]
)
def test_amounts_are_only_added_and_subtracted_within_their_unit(text: str) -> None:
    assert [fault.code for fault in faults_of(text)] == ["OSP231"]


@pytest.mark.parametrize(
    "text",
    [
        'user.plan == "x"',
        'user.plan in ["a", "b"] && !user.suspended',
        "has(user.age)",
        "has(user.age) && user.age > 3",
        "has(user.age) && !user.suspended && user.age > 3",
        "user.suspended && (has(user.age) && user.age > 3)",
        "has(user.age) ? user.age > 3 : false",
        "has(user.age) && (user.suspended || user.age > 3)",
        'has(workspace.id) && workspace.id == "w"',
        "has(workspace.id) && workspace.seats > 3",
        "has(workspace.budget) && workspace.budget > request.cost",
        "1.0 / 0.0 > 1.0",
        "size(user.groups) > 0",
    ],
)
def test_what_has_shows_is_total(text: str) -> None:
    assert not typed_of(text).can_fail


@pytest.mark.parametrize(
    "text",
    [
        "user.age > 3",
        "user.age > 3 && has(user.age)",
        "has(user.age) || user.age > 3",
        "!has(user.age) && user.age > 3",
        "has(user.age) ? false : user.age > 3",
        "has(user.age) && user.spend_limit > request.cost",
        'workspace.id == "w"',
        "has(workspace.id) && workspace.budget > request.cost",
        "input_tokens + 1 > 3",
        "1 / input_tokens == 1",
        "user.groups[0] == user.plan",
        "int(user.plan) > 3",
    ],
)
def test_what_nothing_shows_can_fail(text: str) -> None:
    assert typed_of(text).can_fail


def test_conjuncts_are_the_operands_of_the_outer_and() -> None:
    clauses = conjuncts(typed_of('user.suspended && (has(user.age) && user.age > 3) && (true || user.plan == "x")'))
    assert [clause.span.text for clause in clauses] == [
        "user.suspended",
        "has(user.age)",
        "user.age > 3",
        '(true || user.plan == "x")',
    ]


def test_an_absent_account_is_an_empty_map() -> None:
    assert outcome("has(workspace.id)") is False
    assert outcome("has(workspace.id)", {"workspace.id": "w"}) is True

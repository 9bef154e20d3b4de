"""What the tests of expressions share: one scope of declared inputs, and the way from text to a value, both ways.

`outcome` runs an expression through the plain interpreter and through generated Python and wants the same of both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from overspill.cel import typed
from overspill.cel.check import check
from overspill.cel.dialect import POLICY, Dialect
from overspill.cel.parse import parse
from overspill.cel.tree import Expr
from overspill.cel.types import BOOL, INT, STRING, AmountType, FieldType, ListType, RecordType, Type
from overspill.compile.expressions import compiled, resolve
from overspill.plan.evaluate import evaluate
from overspill.plan.values import ABSENT, CelError, Map
from overspill.words.diagnostics import Fault
from overspill.words.spans import Source

CREDITS, GENERATIONS = AmountType("credits"), AmountType("generations")
SCOPE: Mapping[str, Type] = {
    "user": RecordType(
        "user",
        (
            FieldType("plan", STRING),
            FieldType("suspended", BOOL),
            FieldType("groups", ListType(STRING)),
            FieldType("age", INT, optional=True),
            FieldType("spend_limit", CREDITS, optional=True),
        ),
    ),
    "workspace": RecordType(
        "workspace",
        (FieldType("id", STRING), FieldType("seats", INT), FieldType("budget", CREDITS, optional=True)),
        True,
    ),
    "request": RecordType(
        "request",
        (
            FieldType("model", STRING),
            FieldType("speed", STRING),
            FieldType("cost", CREDITS),
            FieldType("clips", GENERATIONS),
        ),
    ),
    "input_tokens": INT,
    "draws": ListType(
        RecordType(
            "draw",
            (
                FieldType("layer", STRING),
                FieldType("amount", CREDITS),
                FieldType("clips", GENERATIONS),
                FieldType("lot", STRING, optional=True),
            ),
        )
    ),
}
FACTS: Mapping[str, object] = {
    "user.plan": "plus",
    "user.suspended": False,
    "user.groups": ("beta", "staff"),
    "request.model": "m1",
    "request.speed": "fast",
    "request.cost": 5_000_000,
    "request.clips": 2,
    "input_tokens": 7,
    "draws": (
        Map([("layer", "promo"), ("amount", 2_000_000), ("clips", 0), ("lot", "P1")]),
        Map([("layer", "credits"), ("amount", 3_000_000), ("clips", 1)]),
    ),
}
"""Everything that cannot be absent; the user's age and spend limit and the workspace are."""


@dataclass(frozen=True)
class Error:
    """A run-time error of CEL."""

    message: str


def tree_of(text: str) -> Expr:
    found = parse(Source("expr", text))
    assert not isinstance(found, Fault), found.message
    return found


def faults_of(text: str, scope: Mapping[str, Type] = SCOPE) -> tuple[Fault, ...]:
    """The faults of parsing, or else of checking; none for an expression that is in order."""
    found = parse(Source("expr", text))
    if isinstance(found, Fault):
        return (found,)
    checked = check(found, scope)
    return checked if isinstance(checked, tuple) else ()


def typed_of(text: str, dialect: Dialect = POLICY) -> typed.TypedExpr:
    found = check(tree_of(text), SCOPE, dialect)
    assert not isinstance(found, tuple), [fault.message for fault in found]
    return found


def outcome(text: str, facts: Mapping[str, object] | None = None, dialect: Dialect = POLICY) -> object:
    """The value or Error of an expression over FACTS and `facts`, the same from interpreter and generated code."""
    known = {**FACTS, **(facts or {})}
    checked = typed_of(text, dialect)
    slots: dict[str, int] = {}
    folded = resolve(checked, lambda path: slots.setdefault(path, len(slots)))
    resolved = resolve(checked, lambda path: slots.setdefault(path, len(slots)), fold=False)
    values = [known.get(path, ABSENT) for path in slots]
    plain = _tried(lambda: evaluate(resolved, values))
    generated = _tried(lambda: compiled(resolved)(values))
    assert same(plain, _tried(lambda: compiled(folded)(values))), f"{text}: {plain!r} is not what its constants come to"
    assert same(plain, generated), f"{text}: interpreted {plain!r}, generated {generated!r}"
    assert checked.can_fail or not isinstance(plain, Error), f"{text} was said to be total"
    return plain


def same(left: object, right: object) -> bool:
    """Equal values of equal types, NaN included; errors whatever they say."""
    if isinstance(left, Error) or isinstance(right, Error):
        return type(left) is type(right)
    return type(left) is type(right) and repr(left) == repr(right)


def _tried(run: object) -> object:
    try:
        return run()  # type: ignore[operator]
    except CelError as error:
        return Error(str(error))

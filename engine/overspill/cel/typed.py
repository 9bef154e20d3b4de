"""The typed tree: every node knows its type and whether it can fail; functions are resolved to one overload.

Made by `check.py`. Inputs are dotted paths (`user.plan`) or bare names (meters). A node that can fail may come to an
error of CEL when it is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass

from overspill.cel.tree import LiteralValue
from overspill.cel.types import BOOL, Type
from overspill.words.spans import Span


@dataclass(frozen=True, slots=True)
class TypeName:
    """A type as a value: `int`, `google.protobuf.Timestamp`."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant:
    value: LiteralValue | TypeName
    type: Type
    span: Span
    can_fail: bool = False


@dataclass(frozen=True, slots=True)
class Input:
    """A declared input; it can fail where it may be absent and nothing before it has shown that it is there."""

    path: str
    type: Type
    span: Span
    can_fail: bool


@dataclass(frozen=True, slots=True)
class Present:
    """`has(user.spend_limit)`."""

    path: str
    span: Span
    type: Type = BOOL
    can_fail: bool = False


@dataclass(frozen=True, slots=True)
class Local:
    """A macro's variable; `level` counts the macros around the one that declares it."""

    name: str
    level: int
    type: Type
    span: Span
    can_fail: bool = False


@dataclass(frozen=True, slots=True)
class Apply:
    """One overload of a function or operator, by its name in `plan.functions`; `total`: only its operands can fail."""

    function: str
    args: tuple[TypedExpr, ...]
    type: Type
    span: Span
    can_fail: bool
    total: bool = False


@dataclass(frozen=True, slots=True)
class Dispatch:
    """One of several overloads, chosen when the kinds of the operands are known; none: an error.

    `candidates`: (kinds of the operands, name in `plan.functions`); `any` is every kind.
    """

    function: str
    candidates: tuple[tuple[tuple[str, ...], str], ...]
    args: tuple[TypedExpr, ...]
    type: Type
    span: Span
    can_fail: bool = True


@dataclass(frozen=True, slots=True)
class Logic:
    operator: str
    left: TypedExpr
    right: TypedExpr
    span: Span
    can_fail: bool
    type: Type = BOOL


@dataclass(frozen=True, slots=True)
class Not:
    operand: TypedExpr
    span: Span
    can_fail: bool
    type: Type = BOOL


@dataclass(frozen=True, slots=True)
class Conditional:
    condition: TypedExpr
    then: TypedExpr
    otherwise: TypedExpr
    type: Type
    span: Span
    can_fail: bool


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[TypedExpr, ...]
    type: Type
    span: Span
    can_fail: bool


@dataclass(frozen=True, slots=True)
class MapOf:
    entries: tuple[tuple[TypedExpr, TypedExpr], ...]
    type: Type
    span: Span
    can_fail: bool


@dataclass(frozen=True, slots=True)
class Loop:
    """A macro over `items`, a list: `name` is its function in `plan.loops`, `level` its variable.

    `test`: which items `map` takes, in its form with three arguments.
    """

    name: str
    level: int
    items: TypedExpr
    body: TypedExpr
    test: TypedExpr | None
    type: Type
    span: Span
    can_fail: bool


TypedExpr = Constant | Input | Present | Local | Apply | Dispatch | Logic | Not | Conditional | ListOf | MapOf | Loop


def conjuncts(expr: TypedExpr) -> tuple[TypedExpr, ...]:
    """The operands of the top-level `&&`, in order; the expression itself where there is none."""
    if isinstance(expr, Logic) and expr.operator == "&&":
        return conjuncts(expr.left) + conjuncts(expr.right)
    return (expr,)

"""The typed tree: every node knows its type and whether it can fail; functions are resolved to one overload.

Made by `check.py`. Inputs are dotted paths (`user.plan`) or bare names (meters).
"""

from __future__ import annotations

from dataclasses import dataclass

from overspill.cel.tree import LiteralValue
from overspill.cel.types import BOOL, Type
from overspill.words.spans import Span


@dataclass(frozen=True, slots=True)
class Constant:
    value: LiteralValue
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
class Apply:
    """One overload of a function or operator, by its name in `plan.functions`."""

    function: str
    args: tuple[TypedExpr, ...]
    type: Type
    span: Span
    can_fail: bool


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


TypedExpr = Constant | Input | Present | Apply | Logic | Not | Conditional | ListOf | MapOf


def conjuncts(expr: TypedExpr) -> tuple[TypedExpr, ...]:
    """The operands of the top-level `&&`, in order; the expression itself where there is none."""
    if isinstance(expr, Logic) and expr.operator == "&&":
        return conjuncts(expr.left) + conjuncts(expr.right)
    return (expr,)

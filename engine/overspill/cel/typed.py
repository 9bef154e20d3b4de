"""The typed tree: every node knows its type and whether it can fail; functions are resolved to one overload.

Made by `check.py`. Inputs are dotted paths (`user.plan`) or bare names (meters). A node that can fail may come to an
error of CEL when it is evaluated.
"""

from __future__ import annotations

from collections.abc import Iterator

from overspill.cel.tree import LiteralValue
from overspill.cel.types import BOOL, Type
from overspill.words.codec import Struct
from overspill.words.spans import Span


class TypeName(Struct, frozen=True):
    """A type as a value: `int`, `google.protobuf.Timestamp`."""

    name: str


class Constant(Struct, frozen=True):
    value: LiteralValue | TypeName
    type: Type
    span: Span
    can_fail: bool = False


class Input(Struct, frozen=True):
    """A declared input; it can fail where it may be absent and nothing before it has shown that it is there."""

    path: str
    type: Type
    span: Span
    can_fail: bool


class Present(Struct, frozen=True):
    """`has(user.spend_limit)`."""

    path: str
    span: Span
    type: Type = BOOL
    can_fail: bool = False


class Local(Struct, frozen=True):
    """A macro's variable; `level` counts the macros around the one that declares it."""

    name: str
    level: int
    type: Type
    span: Span
    can_fail: bool = False


class Apply(Struct, frozen=True):
    """One overload of a function or operator, by its name in `plan.functions`; `total`: only its operands can fail."""

    function: str
    args: tuple[TypedExpr, ...]
    type: Type
    span: Span
    can_fail: bool
    total: bool = False


class Dispatch(Struct, frozen=True):
    """One of several overloads, chosen when the kinds of the operands are known; none: an error.

    `candidates`: (kinds of the operands, name in `plan.functions`); `any` is every kind.
    """

    function: str
    candidates: tuple[tuple[tuple[str, ...], str], ...]
    args: tuple[TypedExpr, ...]
    type: Type
    span: Span
    can_fail: bool = True


class Logic(Struct, frozen=True):
    operator: str
    left: TypedExpr
    right: TypedExpr
    span: Span
    can_fail: bool
    type: Type = BOOL


class Not(Struct, frozen=True):
    operand: TypedExpr
    span: Span
    can_fail: bool
    type: Type = BOOL


class Conditional(Struct, frozen=True):
    condition: TypedExpr
    then: TypedExpr
    otherwise: TypedExpr
    type: Type
    span: Span
    can_fail: bool


class ListOf(Struct, frozen=True):
    items: tuple[TypedExpr, ...]
    type: Type
    span: Span
    can_fail: bool


class MapOf(Struct, frozen=True):
    entries: tuple[tuple[TypedExpr, TypedExpr], ...]
    type: Type
    span: Span
    can_fail: bool


class Loop(Struct, frozen=True):
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


def inputs_in(expr: TypedExpr) -> Iterator[Input | Present]:
    """Every input that the expression reads or asks for, in the order written."""
    if isinstance(expr, Input | Present):
        yield expr
        return
    for name in expr.__struct_fields__:
        yield from _inputs(getattr(expr, name))


def _inputs(part: object) -> Iterator[Input | Present]:
    if isinstance(part, TypedExpr):
        yield from inputs_in(part)
    elif isinstance(part, tuple):
        for one in part:
            yield from _inputs(one)

"""The syntax tree of an expression as written: names unresolved, types unknown, a span on every node."""

from __future__ import annotations

from overspill.words.codec import Struct
from overspill.words.spans import Span


class UInt(Struct, frozen=True):
    """An unsigned literal, `3u`: kept apart from int, as CEL keeps them."""

    value: int


LiteralValue = None | bool | int | UInt | float | str | bytes


class Literal(Struct, frozen=True):
    value: LiteralValue
    span: Span


class Ident(Struct, frozen=True):
    name: str
    span: Span


class Select(Struct, frozen=True):
    """`operand.field`; `name_span` is the field's own."""

    operand: Expr
    field: str
    name_span: Span
    span: Span


class Call(Struct, frozen=True):
    """Operators, functions and methods: `a + b` is Call("+", None, (a, b)), `s.size()` is Call("size", s, ())."""

    function: str
    target: Expr | None
    args: tuple[Expr, ...]
    span: Span


class Logic(Struct, frozen=True):
    """`a && b` or `a || b`; `operator` is `&&` or `||`."""

    operator: str
    left: Expr
    right: Expr
    span: Span


class Not(Struct, frozen=True):
    operand: Expr
    span: Span


class Conditional(Struct, frozen=True):
    condition: Expr
    then: Expr
    otherwise: Expr
    span: Span


class ListExpr(Struct, frozen=True):
    items: tuple[Expr, ...]
    span: Span


class MapExpr(Struct, frozen=True):
    entries: tuple[tuple[Expr, Expr], ...]
    span: Span


Expr = Literal | Ident | Select | Call | Logic | Not | Conditional | ListExpr | MapExpr

"""The syntax tree of an expression as written: names unresolved, types unknown, a span on every node."""

from __future__ import annotations

from dataclasses import dataclass

from overspill.words.spans import Span


@dataclass(frozen=True, slots=True)
class UInt:
    """An unsigned literal, `3u`: kept apart from int, as CEL keeps them."""

    value: int


LiteralValue = None | bool | int | UInt | float | str | bytes


@dataclass(frozen=True, slots=True)
class Literal:
    value: LiteralValue
    span: Span


@dataclass(frozen=True, slots=True)
class Ident:
    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`; `name_span` is the field's own."""

    operand: Expr
    field: str
    name_span: Span
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """Operators, functions and methods: `a + b` is Call("+", None, (a, b)), `s.size()` is Call("size", s, ())."""

    function: str
    target: Expr | None
    args: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Logic:
    """`a && b` or `a || b`; `operator` is `&&` or `||`."""

    operator: str
    left: Expr
    right: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Not:
    operand: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    condition: Expr
    then: Expr
    otherwise: Expr
    span: Span


@dataclass(frozen=True, slots=True)
class ListExpr:
    items: tuple[Expr, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class MapExpr:
    entries: tuple[tuple[Expr, Expr], ...]
    span: Span


Expr = Literal | Ident | Select | Call | Logic | Not | Conditional | ListExpr | MapExpr

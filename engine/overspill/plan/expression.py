"""An expression resolved for running: inputs by slot, functions by the name of one overload. Plain data."""

from __future__ import annotations

from overspill.words.codec import Struct


class Constant(Struct, frozen=True):
    value: object


class Slot(Struct, frozen=True):
    """`facts[index]`; `may_be_absent`: reading it is an error when it is ABSENT."""

    index: int
    name: str
    may_be_absent: bool


class Present(Struct, frozen=True):
    index: int


class Local(Struct, frozen=True):
    """A macro's variable; `level` counts the macros around the one that declares it."""

    level: int


class Apply(Struct, frozen=True):
    """One overload over its operands; `can_fail`: the function itself may, whatever its operands."""

    function: str
    args: tuple[Expr, ...]
    can_fail: bool


class Dispatch(Struct, frozen=True):
    """One of several overloads, chosen by the kinds of the operands; `candidates` as in `functions.dispatcher`."""

    function: str
    candidates: tuple[tuple[tuple[str, ...], str], ...]
    args: tuple[Expr, ...]


class Logic(Struct, frozen=True):
    """`stop` decides: False for `&&`, True for `||`. Errors are absorbed by an operand that equals it."""

    stop: bool
    left: Expr
    right: Expr


class Not(Struct, frozen=True):
    operand: Expr


class Conditional(Struct, frozen=True):
    condition: Expr
    then: Expr
    otherwise: Expr


class ListOf(Struct, frozen=True):
    items: tuple[Expr, ...]


class MapOf(Struct, frozen=True):
    entries: tuple[tuple[Expr, Expr], ...]


class Loop(Struct, frozen=True):
    """A macro: the function `name` of `loops.py` over `items`; `body` and `test` see the item as the local `level`."""

    name: str
    level: int
    items: Expr
    body: Expr
    test: Expr | None


Expr = Constant | Slot | Present | Local | Apply | Dispatch | Logic | Not | Conditional | ListOf | MapOf | Loop

"""An expression resolved for running: inputs by slot, functions by the name of one overload. Plain data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    value: object


@dataclass(frozen=True, slots=True)
class Slot:
    """`facts[index]`; `may_be_absent`: reading it is an error when it is ABSENT."""

    index: int
    name: str
    may_be_absent: bool


@dataclass(frozen=True, slots=True)
class Present:
    index: int


@dataclass(frozen=True, slots=True)
class Apply:
    function: str
    args: tuple[Expr, ...]
    can_fail: bool


@dataclass(frozen=True, slots=True)
class Logic:
    """`stop` decides: False for `&&`, True for `||`. Errors are absorbed by an operand that equals it."""

    stop: bool
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Not:
    operand: Expr


@dataclass(frozen=True, slots=True)
class Conditional:
    condition: Expr
    then: Expr
    otherwise: Expr


@dataclass(frozen=True, slots=True)
class ListOf:
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class MapOf:
    entries: tuple[tuple[Expr, Expr], ...]


Expr = Constant | Slot | Present | Apply | Logic | Not | Conditional | ListOf | MapOf

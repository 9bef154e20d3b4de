"""Integers that stand for all integers: production code computes with them, and each test of one asks which way to go.

To the type checker they are `int` and `bool`; whoever makes one says so (`paths.Given.number`). A division is put down as
quotient and rest, which leaves no division to the solvers.
"""

from __future__ import annotations

from typing import Protocol

import z3


class Run(Protocol):
    """One way through the code."""

    def branch(self, condition: z3.BoolRef) -> bool:
        """Which way a test goes."""
        ...

    def divided(self, number: z3.ArithRef, divisor: z3.ArithRef) -> tuple[z3.ArithRef, z3.ArithRef]:
        """(quotient, rest) of a division that rounds down."""
        ...


def arith(value: object) -> z3.ArithRef:
    """The solver's integer of a term, a truth (1 or 0), or an integer."""
    if isinstance(value, Term):
        return value.expr
    if isinstance(value, Truth):
        return z3.If(value.expr, z3.IntVal(1), z3.IntVal(0))
    assert isinstance(value, int), f"{value!r} is no integer"
    return z3.IntVal(int(value))


def truth(value: object) -> z3.BoolRef:
    """The solver's condition of a truth or a bool."""
    if isinstance(value, Truth):
        return value.expr
    assert isinstance(value, bool), f"{value!r} is no condition"
    return z3.BoolVal(value)


class Truth:
    """A condition; to ask whether it holds is to take a branch."""

    __slots__ = ("expr", "run")

    def __init__(self, run: Run, expr: z3.BoolRef) -> None:
        self.run, self.expr = run, expr

    def __bool__(self) -> bool:
        return self.run.branch(self.expr)

    def __radd__(self, other: object) -> Term:
        return Term(self.run, arith(other) + arith(self))

    def __and__(self, other: object) -> Truth:
        return Truth(self.run, z3.And(self.expr, truth(other)))

    def __or__(self, other: object) -> Truth:
        return Truth(self.run, z3.Or(self.expr, truth(other)))

    __rand__, __ror__ = __and__, __or__

    __hash__ = None  # type: ignore[assignment]


class Term:
    """An integer that is not known."""

    __slots__ = ("expr", "run")

    def __init__(self, run: Run, expr: z3.ArithRef) -> None:
        self.run, self.expr = run, expr

    def __add__(self, other: object) -> Term:
        return Term(self.run, self.expr + arith(other))

    def __radd__(self, other: object) -> Term:
        return Term(self.run, arith(other) + self.expr)

    def __sub__(self, other: object) -> Term:
        return Term(self.run, self.expr - arith(other))

    def __rsub__(self, other: object) -> Term:
        return Term(self.run, arith(other) - self.expr)

    def __mul__(self, other: object) -> Term:
        return Term(self.run, self.expr * arith(other))

    def __rmul__(self, other: object) -> Term:
        return Term(self.run, arith(other) * self.expr)

    def __neg__(self) -> Term:
        return Term(self.run, -self.expr)

    def __pos__(self) -> Term:
        return self

    def __divmod__(self, other: object) -> tuple[Term, Term]:
        quotient, rest = self.run.divided(self.expr, arith(other))
        return Term(self.run, quotient), Term(self.run, rest)

    def __floordiv__(self, other: object) -> Term:
        return divmod(self, other)[0]

    def __mod__(self, other: object) -> Term:
        return divmod(self, other)[1]

    def __rfloordiv__(self, other: object) -> Term:
        return Term(self.run, arith(other)) // self

    def __rmod__(self, other: object) -> Term:
        return Term(self.run, arith(other)) % self

    def __lt__(self, other: object) -> Truth:
        return Truth(self.run, self.expr < arith(other))

    def __le__(self, other: object) -> Truth:
        return Truth(self.run, self.expr <= arith(other))

    def __gt__(self, other: object) -> Truth:
        return Truth(self.run, self.expr > arith(other))

    def __ge__(self, other: object) -> Truth:
        return Truth(self.run, self.expr >= arith(other))

    def __eq__(self, other: object) -> Truth:  # type: ignore[override]
        return Truth(self.run, self.expr == arith(other))

    def __ne__(self, other: object) -> Truth:  # type: ignore[override]
        return Truth(self.run, self.expr != arith(other))

    def __bool__(self) -> bool:
        return self.run.branch(self.expr != 0)

    __hash__ = None  # type: ignore[assignment]

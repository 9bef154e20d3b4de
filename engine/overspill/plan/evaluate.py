"""The plain interpreter of expressions: a resolved expression and facts in, a value or CelError out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from overspill.plan.expression import (
    Apply,
    Conditional,
    Constant,
    Expr,
    ListOf,
    Logic,
    MapOf,
    Not,
    Present,
    Slot,
)
from overspill.plan.functions import ABSENT, FUNCTIONS, absorb, map_of, no_such_key


def evaluate(expr: Expr, facts: Sequence[object]) -> object:
    """The value of `expr` over the facts. Raises CelError."""
    match expr:
        case Constant(value=value):
            return value
        case Slot(index=index, name=name):
            value = facts[index]
            return no_such_key(name) if value is ABSENT else value
        case Present(index=index):
            return facts[index] is not ABSENT
        case Apply(function=function, args=args):
            return FUNCTIONS[function](*[evaluate(arg, facts) for arg in args])
        case Logic(stop=stop, left=left, right=right):
            return absorb(stop, lambda: evaluate(left, facts), lambda: evaluate(right, facts))
        case Not(operand=operand):
            return not evaluate(operand, facts)
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            return evaluate(then if evaluate(condition, facts) else otherwise, facts)
        case ListOf(items=items):
            return tuple([evaluate(item, facts) for item in items])
        case MapOf(entries=entries):
            return map_of(*[(evaluate(key, facts), evaluate(value, facts)) for key, value in entries])
        case _:
            assert_never(expr)

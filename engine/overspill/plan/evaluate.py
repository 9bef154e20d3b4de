"""The plain interpreter of expressions: a resolved expression and facts in, a value or CelError out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from overspill.plan.expression import (
    Apply,
    Conditional,
    Constant,
    Dispatch,
    Expr,
    ListOf,
    Local,
    Logic,
    Loop,
    MapOf,
    Not,
    Present,
    Slot,
)
from overspill.plan.functions import FUNCTIONS, CelError, dispatcher, map_of, no_such_key
from overspill.plan.loops import LOOPS, absorb
from overspill.plan.parts import Condition
from overspill.plan.values import ABSENT

Locals = tuple[object, ...]


def evaluate(expr: Expr, facts: Sequence[object], local: Locals = ()) -> object:
    """The value of `expr` over the facts, and over the macros' variables by level. Raises CelError."""
    match expr:
        case Constant(value=value):
            return value
        case Slot(index=index, name=name):
            value = facts[index]
            return no_such_key(name) if value is ABSENT else value
        case Present(index=index):
            return facts[index] is not ABSENT
        case Local(level=level):
            return local[level]
        case Apply(function=function, args=args):
            return FUNCTIONS[function](*[evaluate(arg, facts, local) for arg in args])
        case Dispatch(function=function, candidates=candidates, args=args):
            return dispatcher(function, candidates)(*[evaluate(arg, facts, local) for arg in args])
        case Logic(stop=stop, left=left, right=right):
            return absorb(stop, lambda: evaluate(left, facts, local), lambda: evaluate(right, facts, local))
        case Not(operand=operand):
            return not evaluate(operand, facts, local)
        case Conditional(condition=condition, then=then, otherwise=otherwise):
            return evaluate(then if evaluate(condition, facts, local) else otherwise, facts, local)
        case ListOf(items=items):
            return tuple([evaluate(item, facts, local) for item in items])
        case MapOf(entries=entries):
            return map_of(*[(evaluate(key, facts, local), evaluate(value, facts, local)) for key, value in entries])
        case Loop(name=name, items=range_, body=body, test=test):
            over: Locals = evaluate(range_, facts, local)  # type: ignore[assignment]
            return LOOPS[name](_over(body, facts, local), over, None if test is None else _over(test, facts, local))
        case _:
            assert_never(expr)


def _over(expr: Expr, facts: Sequence[object], local: Locals) -> Callable[[object], object]:
    """The expression as a function of a macro's variable."""
    return lambda item: evaluate(expr, facts, (*local, item))


def test(condition: Condition, facts: Sequence[object]) -> bool | None:
    """True, False, or None for an error."""
    try:
        return evaluate(condition.expr, facts) is True
    except CelError:
        return None

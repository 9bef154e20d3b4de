"""What can be said of a typed expression without a request: its shape, its constant truth, what implies it.

Three answers: true, false, or None for what depends. An expression whose truth is known never fails: CEL's `&&` and `||`
absorb the errors of the side that does not decide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import eq, ge, gt, le, lt, ne

from overspill.cel.typed import Apply, Conditional, Constant, ListOf, Logic, Not, TypedExpr, conjuncts
from overspill.cel.types import BOOL, INT, STRING, AmountType
from overspill.check.serves import string_test
from overspill.words.codec import Struct

Facts = Mapping[str, frozenset[str]]
"""Path → the strings that it can be, where it is known to be one of some."""
Shape = tuple[object, ...]

_COMPARISONS: Mapping[str, Callable[..., bool]] = {
    "equal": eq,
    "not_equal": ne,
    "less": lt,
    "less_equal": le,
    "greater": gt,
    "greater_equal": ge,
}
_FOLDED = (BOOL, INT, STRING)
"""Types whose constants compare in CEL as they do here."""


def shape(expr: object) -> object:
    """The expression without its places: equal for equal texts, parentheses and spaces aside."""
    if isinstance(expr, tuple):
        return tuple(shape(part) for part in expr)
    if not isinstance(expr, Struct):
        return (type(expr).__name__, expr)  # `1 == True` here, never in CEL
    names = [name for name in expr.__struct_fields__ if name not in ("span", "can_fail", "type")]
    return (type(expr).__name__, *(shape(getattr(expr, name)) for name in names))


def disjuncts(expr: TypedExpr) -> tuple[TypedExpr, ...]:
    """The operands of the top-level `||`, in order; the expression itself where there is none."""
    if isinstance(expr, Logic) and expr.operator == "||":
        return disjuncts(expr.left) + disjuncts(expr.right)
    return (expr,)


def implies(first: TypedExpr, second: TypedExpr) -> bool:
    """Whether `second` surely holds where `first` does, by the shapes of their clauses alone."""
    wanted = [frozenset((shape(clause), *map(shape, disjuncts(clause)))) for clause in conjuncts(second)]

    def holds(known: TypedExpr) -> bool:
        given = {shape(known), *map(shape, conjuncts(known))}
        return shape(second) in given or all(given & clause for clause in wanted)

    return holds(first) or all(map(holds, disjuncts(first)))


def narrowed(facts: Facts, expr: TypedExpr) -> Facts:
    """What is known where `expr` holds."""
    found = dict(facts)
    for clause in conjuncts(expr):
        test = string_test(clause)
        if test is not None:
            found[test[0]] = found.get(test[0], test[1]) & test[1]
    return found


def truth(expr: TypedExpr, facts: Facts) -> bool | None:
    """The value of a condition that is the same for every request, or None."""
    match expr:
        case Constant(value=bool(value)):
            return value
        case Not(operand=operand):
            inner = truth(operand, facts)
            return None if inner is None else not inner
        case Logic():
            return _logic(expr, facts)
        case Conditional():
            chosen = truth(expr.condition, facts)
            if chosen is not None:
                return truth(expr.then if chosen else expr.otherwise, facts)
            return None
        case Apply(function="not_equal"):
            opposite = _test(Apply("equal", expr.args, BOOL, expr.span, expr.can_fail), facts)
            return _compared(expr) if opposite is None else not opposite
        case Apply():
            found = _test(expr, facts)
            return _compared(expr) if found is None else found
        case _:
            return None


def decided(expr: TypedExpr, facts: Facts) -> Iterator[tuple[TypedExpr, bool]]:
    """The outermost parts of a condition that are the same for every request."""
    value = truth(expr, facts)
    if value is not None:
        yield expr, value
        return
    match expr:
        case Logic(operator=operator, left=left, right=right):
            yield from decided(left, facts)
            yield from decided(right, narrowed(facts, left) if operator == "&&" else facts)
        case Not(operand=operand):
            yield from decided(operand, facts)
        case Conditional(condition=condition):
            yield from decided(condition, facts)
        case _:
            return


def _logic(expr: Logic, facts: Facts) -> bool | None:
    stop = expr.operator == "||"
    left = truth(expr.left, facts)
    right = truth(expr.right, facts if stop else narrowed(facts, expr.left))
    if stop in (left, right):
        return stop
    return None if None in (left, right) else not stop


def _test(expr: TypedExpr, facts: Facts) -> bool | None:
    """A comparison of an input with strings, by what the input can be."""
    test = string_test(expr)
    known = None if test is None else facts.get(test[0])
    if test is None or known is None:
        return None
    if not known & test[1]:
        return False
    return True if known <= test[1] else None


def _compared(expr: Apply) -> bool | None:
    """A comparison of constants, or of a thing with itself."""
    if len(expr.args) != 2:
        return None
    left, right = expr.args
    if expr.function == "in_list" and isinstance(right, ListOf):
        if not all(isinstance(part, Constant) and part.type in _FOLDED for part in (left, *right.items)):
            return None
        return shape(left) in [shape(item) for item in right.items]
    compare = _COMPARISONS.get(expr.function)
    if compare is None or left.type != right.type or expr.can_fail:
        return None
    if isinstance(left, Constant) and isinstance(right, Constant) and left.type in _FOLDED:
        return compare(left.value, right.value)
    if (left.type in _FOLDED or isinstance(left.type, AmountType)) and shape(left) == shape(right):
        return compare(0, 0)
    return None

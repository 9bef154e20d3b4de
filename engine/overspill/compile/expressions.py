"""Typed expressions → resolved ones, and resolved ones → Python text with the same meaning.

Plain `and`, `or` and comparisons are used only where no operand can fail and the types are statically known; whatever
can fail goes through `plan.functions`, whose semantics are CEL's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from overspill.cel import typed as t
from overspill.cel.tree import UInt
from overspill.cel.types import BOOL, BYTES, INT, STRING, AmountType, Type
from overspill.plan import expression as e
from overspill.plan.functions import UInt as RunUInt

_INT_OPERATORS = {"add_int": "+", "subtract_int": "-", "multiply_int": "*"}
_COMPARISONS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
_PLAIN = (INT, STRING, BYTES, BOOL)
_SCAN_MAX = 8
"""Up to so many constants a scan of a tuple is as fast as a set."""


class ConstantPool:
    """The constants of one generated function: `name(value)` gives the variable that will hold it."""

    def __init__(self) -> None:
        self.values: list[object] = []
        self._names: dict[tuple[type, object], str] = {}
        self._temporaries = 0

    def name(self, value: object) -> str:
        """`k3`; the same immutable constant again gives the same name."""
        key = (type(value), value if isinstance(value, (str, int, bytes)) else id(value))
        found = self._names.get(key)
        if found is None:
            found = self._names[key] = f"k{len(self.values)}"
            self.values.append(value)
        return found

    def temporary(self) -> str:
        """A fresh local for a walrus."""
        self._temporaries += 1
        return f"v{self._temporaries}"


def resolve(typed: t.TypedExpr, slot_of: Callable[[str], int]) -> e.Expr:
    """The same expression over slots. `slot_of` gives the index of a path (`user.plan`) or a meter's name."""
    match typed:
        case t.Constant(value=value):
            return e.Constant(RunUInt(value.value) if isinstance(value, UInt) else value)
        case t.Input(path=path, can_fail=can_fail):
            return e.Slot(slot_of(path), path, can_fail)
        case t.Present(path=path):
            return e.Present(slot_of(path))
        case t.Apply(function=function, args=args, can_fail=can_fail):
            return _applied(function, args, tuple(resolve(arg, slot_of) for arg in args), can_fail)
        case t.Logic(operator=operator, left=left, right=right):
            return e.Logic(operator == "||", resolve(left, slot_of), resolve(right, slot_of))
        case t.Not(operand=operand):
            return e.Not(resolve(operand, slot_of))
        case t.Conditional(condition=condition, then=then, otherwise=otherwise):
            return e.Conditional(resolve(condition, slot_of), resolve(then, slot_of), resolve(otherwise, slot_of))
        case t.ListOf(items=items):
            return _list(tuple(resolve(item, slot_of) for item in items))
        case t.MapOf(entries=entries):
            return e.MapOf(tuple((resolve(key, slot_of), resolve(value, slot_of)) for key, value in entries))
        case _:
            assert_never(typed)


def _list(items: tuple[e.Expr, ...]) -> e.Expr:
    """A list of constants is one constant."""
    constants = [item.value for item in items if isinstance(item, e.Constant)]
    return e.Constant(tuple(constants)) if len(constants) == len(items) else e.ListOf(items)


def _applied(function: str, typed: tuple[t.TypedExpr, ...], args: tuple[e.Expr, ...], can_fail: bool) -> e.Expr:
    """Equality and membership among values of one plain type need no dynamic comparison."""
    if function in ("equal", "not_equal") and _same_plain(typed[0].type, typed[1].type):
        function = f"{function}_plain"
    if function == "in_list" and isinstance(args[1], e.Constant) and isinstance(args[1].value, tuple):
        plain = str if typed[0].type == STRING else int if typed[0].type == INT else None
        if all(type(item) is plain for item in args[1].value):
            function = "in_plain"
    return e.Apply(function, args, can_fail)


def _same_plain(left: Type, right: Type) -> bool:
    return left == right and (left in _PLAIN or isinstance(left, AmountType))


def can_fail(expr: e.Expr) -> bool:
    """Whether evaluating it may raise CelError."""
    match expr:
        case e.Constant() | e.Present():
            return False
        case e.Slot(may_be_absent=may_be_absent):
            return may_be_absent
        case e.Apply(args=args, can_fail=fails):
            return fails or any(map(can_fail, args))
        case e.Logic(left=left, right=right):
            return can_fail(left) or can_fail(right)
        case e.Not(operand=operand):
            return can_fail(operand)
        case e.Conditional(condition=condition, then=then, otherwise=otherwise):
            return can_fail(condition) or can_fail(then) or can_fail(otherwise)
        case e.ListOf(items=items):
            return any(map(can_fail, items))
        case e.MapOf():
            return True
        case _:
            assert_never(expr)


def python_text(expr: e.Expr, slot: Callable[[int], str], pool: ConstantPool) -> str:
    """A Python expression, in parentheses where it needs them; it may raise CelError exactly where evaluate would."""
    match expr:
        case e.Constant(value=value):
            return str(value) if value is None or isinstance(value, bool) else pool.name(value)
        case e.Slot(index=index, name=name, may_be_absent=may_be_absent):
            if not may_be_absent:
                return slot(index)
            return f"({slot(index)} if {slot(index)} is not ABSENT else no_such_key({pool.name(name)}))"
        case e.Present(index=index):
            return f"({slot(index)} is not ABSENT)"
        case e.Apply(function="in_plain", args=(item, e.Constant(value=tuple(values)))) if len(values) > _SCAN_MAX:
            return f"({python_text(item, slot, pool)} in {pool.name(frozenset(values))})"
        case e.Apply(function=function, args=args):
            return _apply_text(function, [python_text(arg, slot, pool) for arg in args], pool)
        case e.Logic(stop=stop, left=left, right=right):
            texts = python_text(left, slot, pool), python_text(right, slot, pool)
            if can_fail(left):
                return f"absorb({stop}, lambda: {texts[0]}, lambda: {texts[1]})"
            return f"({texts[0]} {'or' if stop else 'and'} {texts[1]})"
        case e.Not(operand=operand):
            return f"(not {python_text(operand, slot, pool)})"
        case e.Conditional(condition=condition, then=then, otherwise=otherwise):
            parts = [python_text(part, slot, pool) for part in (then, condition, otherwise)]
            return f"({parts[0]} if {parts[1]} else {parts[2]})"
        case e.ListOf(items=items):
            return "(" + "".join(f"{python_text(item, slot, pool)}, " for item in items) + ")"
        case e.MapOf(entries=entries):
            pairs = [f"({python_text(key, slot, pool)}, {python_text(value, slot, pool)})" for key, value in entries]
            return f"map_of({', '.join(pairs)})"
        case _:
            assert_never(expr)


def _apply_text(function: str, args: list[str], pool: ConstantPool) -> str:
    if function in _INT_OPERATORS:
        value = pool.temporary()
        total = f"({value} := {args[0]} {_INT_OPERATORS[function]} {args[1]})"
        return f"({value} if {pool.name(-(2**63))} <= {total} <= {pool.name(2**63 - 1)} else overflow())"
    if function in _COMPARISONS:
        return f"({args[0]} {_COMPARISONS[function]} {args[1]})"
    match function:
        case "equal_plain":
            return f"({args[0]} == {args[1]})"
        case "not_equal_plain":
            return f"({args[0]} != {args[1]})"
        case "in_plain":
            return f"({args[0]} in {args[1]})"
        case _:
            return f"{function}({', '.join(args)})"

"""Typed expressions → resolved ones, and resolved ones → Python text with the same meaning.

Plain `and`, `or` and comparisons are used only where no operand can fail and the types are statically known; whatever
can fail goes through `plan.functions`, whose semantics are CEL's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

from overspill.cel import typed as t
from overspill.cel.tree import UInt
from overspill.cel.types import BOOL, BYTES, DURATION, INT, STRING, TIMESTAMP, AmountType, Type
from overspill.plan import expression as e
from overspill.plan.functions import FUNCTIONS, NAMESPACE, dispatcher, matcher
from overspill.plan.values import CelError, Map, TypeValue
from overspill.plan.values import UInt as RunUInt

_INT_OPERATORS = {"add_int": "+", "subtract_int": "-", "multiply_int": "*"}
_COMPARISONS = {"less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">="}
_PLAIN = (INT, STRING, BYTES, BOOL, TIMESTAMP, DURATION)
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


def resolve(typed: t.TypedExpr, slot_of: Callable[[str], int], *, fold: bool = True, micros: bool = False) -> e.Expr:
    """The same expression over slots. `slot_of` gives the index of a path (`user.plan`) or a meter's name.

    `fold`: functions of constants are constants, unless they fail. Tests of functions want them to run.
    `micros`: inputs that are timestamps are held in microseconds, as accounts do.
    """

    def of(typed: t.TypedExpr) -> e.Expr:
        match typed:
            case t.Constant(value=value):
                return e.Constant(_run_time_value(value))
            case t.Input(path=path, can_fail=can_fail):
                slot = e.Slot(slot_of(path), path, can_fail)
                return e.Apply("timestamp_of_micros", (slot,), False) if micros and typed.type == TIMESTAMP else slot
            case t.Present(path=path):
                return e.Present(slot_of(path))
            case t.Local(level=level):
                return e.Local(level)
            case t.Apply(function=function, args=args):
                applied = _applied(function, args, each(args), typed.can_fail and not typed.total)
                return _folded(applied) if fold else applied
            case t.Dispatch(function=function, candidates=candidates, args=args):
                return e.Dispatch(function, candidates, each(args))
            case t.Logic(operator=operator, left=left, right=right):
                return e.Logic(operator == "||", of(left), of(right))
            case t.Not(operand=operand):
                return e.Not(of(operand))
            case t.Conditional(condition=condition, then=then, otherwise=otherwise):
                return e.Conditional(of(condition), of(then), of(otherwise))
            case t.ListOf(items=items):
                return _list(each(items))
            case t.MapOf(entries=entries):
                return _map(tuple([(of(key), of(value)) for key, value in entries]))
            case t.Loop(name=name, level=level, items=items, body=body, test=test):
                return e.Loop(name, level, of(items), of(body), None if test is None else of(test))
            case _:
                assert_never(typed)

    def each(parts: tuple[t.TypedExpr, ...]) -> tuple[e.Expr, ...]:
        return tuple(map(of, parts))

    return of(typed)


def _run_time_value(value: object) -> object:
    if isinstance(value, t.TypeName):
        return TypeValue(value.name)
    return RunUInt(value.value) if isinstance(value, UInt) else value


def _list(items: tuple[e.Expr, ...]) -> e.Expr:
    """A list of constants is one constant."""
    constants = [item.value for item in items if isinstance(item, e.Constant)]
    return e.Constant(tuple(constants)) if len(constants) == len(items) else e.ListOf(items)


def _map(entries: tuple[tuple[e.Expr, e.Expr], ...]) -> e.Expr:
    """So is a map of constants, where its keys are ones."""
    constants = [(k.value, v.value) for k, v in entries if isinstance(k, e.Constant) and isinstance(v, e.Constant)]
    try:
        return e.Constant(Map(constants)) if len(constants) == len(entries) else e.MapOf(entries)
    except CelError:
        return e.MapOf(entries)


def _applied(function: str, typed: tuple[t.TypedExpr, ...], args: tuple[e.Expr, ...], can_fail: bool) -> e.Apply:
    """Equality and membership among values of one plain type need no dynamic comparison."""
    if function in ("equal", "not_equal") and _same_plain(typed[0].type, typed[1].type):
        function = f"{function}_plain"
    if function == "in_list" and isinstance(args[1], e.Constant) and isinstance(args[1].value, tuple):
        plain = str if typed[0].type == STRING else int if typed[0].type == INT else None
        if all(type(item) is plain for item in args[1].value):
            function = "in_plain"
    return e.Apply(function, args, can_fail)


def _folded(expr: e.Apply) -> e.Expr:
    """The value of a function of constants."""
    values = [arg.value for arg in expr.args if isinstance(arg, e.Constant)]
    try:
        return e.Constant(FUNCTIONS[expr.function](*values)) if len(values) == len(expr.args) else expr
    except CelError:
        return expr


def _same_plain(left: Type, right: Type) -> bool:
    return left == right and (left in _PLAIN or isinstance(left, AmountType))


def can_fail(expr: e.Expr) -> bool:
    """Whether evaluating it may raise CelError."""
    match expr:
        case e.Constant() | e.Present() | e.Local():
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
        case e.Loop(items=items, body=body, test=test):
            return can_fail(items) or can_fail(body) or (test is not None and can_fail(test))
        case e.MapOf() | e.Dispatch():
            return True
        case _:
            assert_never(expr)


class Text:
    """Writes one expression as Python; `slot` gives the local of a fact, `pool` keeps the constants.

    A node opens at most two brackets around a part of it, and the tree is at most `cel.build.DEPTH_MAX` deep: CPython
    takes 200.
    """

    def __init__(self, slot: Callable[[int], str], pool: ConstantPool) -> None:
        self.slot = slot
        self.pool = pool

    def of(self, expr: e.Expr) -> str:
        """A Python expression, in brackets where it needs them; it raises CelError exactly where evaluate would."""
        match expr:
            case e.Constant(value=value):
                return str(value) if value is None or isinstance(value, bool) else self.pool.name(value)
            case e.Slot(index=index, name=name, may_be_absent=may_be_absent):
                fact = self.slot(index)
                return f"({fact} if {fact} is not ABSENT else {self.absent(name)})" if may_be_absent else fact
            case e.Present(index=index):
                return f"({self.slot(index)} is not ABSENT)"
            case e.Local(level=level):
                return f"x{level}"
            case e.Apply():
                return self.applied(expr)
            case e.Dispatch(function=function, candidates=candidates, args=args):
                return f"{self.pool.name(dispatcher(function, candidates))}({self.list(args)})"
            case e.Logic(stop=stop, left=left, right=right):
                if can_fail(left):
                    return f"settled({self.verdict(expr)})"
                return f"({self.of(left)} {'or' if stop else 'and'} {self.of(right)})"
            case e.Not(operand=operand):
                return f"(not {self.of(operand)})"
            case e.Conditional(condition=condition, then=then, otherwise=otherwise):
                return f"({self.of(then)} if {self.of(condition)} else {self.of(otherwise)})"
            case e.ListOf(items=items):
                return f"({self.list(items)},)"
            case e.MapOf(entries=entries):
                return f"map_of({', '.join(f'({self.of(key)}, {self.of(value)})' for key, value in entries)})"
            case e.Loop(name=name, level=level, items=items, body=body, test=test):
                more = "" if test is None else f", lambda x{level}: {self.of(test)}"
                return f"{name}(lambda x{level}: {self.of(body)}, {self.of(items)}{more})"
            case _:
                assert_never(expr)

    def verdict(self, expr: e.Expr) -> str:
        """The text of a bool that is True, False, or, where evaluate would raise one, a CelError: raising costs more
        than everything else in a condition."""
        if not can_fail(expr):
            return self.of(expr)
        match expr:
            case e.Slot(index=index, name=name):
                return f"({self.slot(index)} if {self.slot(index)} is not ABSENT else {self.error(name)})"
            case e.Logic(stop=stop, left=left, right=right):
                first, second = self.verdict(left), self.verdict(right)
                if not can_fail(left):
                    return f"({first} {'or' if stop else 'and'} {second})"
                one, other = self.pool.temporary(), self.pool.temporary()
                either = f"{stop} if ({one} := {first}) is {stop} else {stop} if ({other} := {second}) is {stop}"
                return f"({either} else {other} if {one} is {not stop} else {one})"
            case e.Not(operand=operand):
                value = self.pool.temporary()
                return f"(not {value} if ({value} := {self.verdict(operand)}).__class__ is bool else {value})"
            case e.Conditional(condition=condition, then=then, otherwise=otherwise):
                value = self.pool.temporary()
                branches = self.verdict(then), self.verdict(otherwise)
                chosen = f"{branches[0]} if ({value} := {self.verdict(condition)}) is True"
                return f"({chosen} else {branches[1]} if {value} is False else {value})"
            case e.Apply(args=args, can_fail=fails):
                slots = [arg for arg in args if isinstance(arg, e.Slot) and arg.may_be_absent]
                if not fails and all(isinstance(arg, e.Slot) or not can_fail(arg) for arg in args):
                    present = " and ".join(f"{self.slot(slot.index)} is not ABSENT" for slot in slots)
                    total = e.Apply(expr.function, tuple([_present(arg) for arg in args]), False)
                    return f"({self.applied(total)} if {present} else {self.error(slots[0].name)})"
        return f"tried(lambda: {self.of(expr)})"

    def list(self, parts: tuple[e.Expr, ...]) -> str:
        return ", ".join(map(self.of, parts))

    def error(self, name: str) -> str:
        return self.pool.name(CelError(f"no such key: {name}"))

    def absent(self, name: str) -> str:
        return f"no_such_key({self.pool.name(name)})"

    def applied(self, expr: e.Apply) -> str:
        match expr:
            case e.Apply(function="in_plain", args=(item, e.Constant(value=tuple(values)))) if len(values) > _SCAN_MAX:
                return f"({self.of(item)} in {self.pool.name(frozenset(values))})"
            case e.Apply(function="matches", args=(text, e.Constant(value=str(pattern))), can_fail=False):
                return f"{self.pool.name(matcher(pattern).matches)}({self.of(text)})"
            case _:
                return _apply_text(expr.function, [self.of(arg) for arg in expr.args], self.pool)


def _present(arg: e.Expr) -> e.Expr:
    return e.Slot(arg.index, arg.name, False) if isinstance(arg, e.Slot) else arg


def python_text(expr: e.Expr, slot: Callable[[int], str], pool: ConstantPool) -> str:
    """The expression as Python text, over the locals that `slot` names and the constants of `pool`."""
    return Text(slot, pool).of(expr)


def compiled(expr: e.Expr) -> Callable[[Sequence[object]], object]:
    """The expression alone as a Python function of the facts; equal in meaning to `plan.evaluate`."""
    pool = ConstantPool()
    text = python_text(expr, lambda index: f"facts[{index}]", pool)
    names = ", ".join(f"k{index}" for index in range(len(pool.values)))
    namespace = dict(NAMESPACE)
    exec(f"def make({names}):\n return lambda facts: {text}\n", namespace)
    return namespace["make"](*pool.values)  # type: ignore[no-any-return,operator]


def _apply_text(function: str, args: list[str], pool: ConstantPool) -> str:
    if function in _INT_OPERATORS:
        value = pool.temporary()
        total = f"({value} := {args[0]} {_INT_OPERATORS[function]} {args[1]})"
        return f"({value} if {pool.name(-(2**63))} <= {total} <= {pool.name(2**63 - 1)} else overflow())"
    if function in _COMPARISONS:
        return f"({args[0]} {_COMPARISONS[function]} {args[1]})"
    match function:
        case "identity":
            return args[0]
        case "equal_plain":
            return f"({args[0]} == {args[1]})"
        case "not_equal_plain":
            return f"({args[0]} != {args[1]})"
        case "in_plain":
            return f"({args[0]} in {args[1]})"
        case _:
            return f"{function}({', '.join(args)})"

"""Tree → typed tree against declared inputs, or every fault at once.

Beside types this finds what can fail: overflow, division, reading what may be absent. An input whose presence is
shown by `has` on its left in `&&`, or in the condition of `?:`, is total there; so conditions need no error handling
where none can happen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from overspill.cel import tree, typed
from overspill.cel.functions import operator_overload, overload, overloads_text
from overspill.cel.tree import UInt
from overspill.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    NULL,
    STRING,
    UINT,
    ListType,
    MapType,
    RecordType,
    Type,
)
from overspill.words.diagnostics import Fault, did_you_mean
from overspill.words.spans import Span

Scope = Mapping[str, Type]
Shown = frozenset[str]
"""Paths, and names of records, that `has` has shown to be present."""
_NOTHING: Shown = frozenset()
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
_LATER = frozenset(
    [
        "all",
        "exists",
        "exists_one",
        "map",
        "filter",
        "matches",
        "timestamp",
        "duration",
        "getFullYear",
        "getMonth",
        "getDate",
        "getDayOfMonth",
        "getDayOfWeek",
        "getDayOfYear",
        "getHours",
        "getMinutes",
        "getSeconds",
        "getMilliseconds",
        "dyn",
        "type",
        "bytes",
    ]
)


def check(expr: tree.Expr, scope: Scope) -> typed.TypedExpr | tuple[Fault, ...]:
    """The typed expression, or its faults in the order of their places."""
    checker = _Checker(scope)
    found = checker.type(expr, _NOTHING)
    if found is None or checker.faults:
        return tuple(sorted(checker.faults, key=lambda fault: fault.span.start))
    return found


class _Checker:
    """Walks the tree once; a node whose parts are faulty is None, so that one mistake gives one fault."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.faults: list[Fault] = []

    def fault(self, code: str, span: Span, message: str, help: str | None = None) -> None:
        self.faults.append(Fault(code=code, span=span, message=message, help=help))

    def type(self, expr: tree.Expr, shown: Shown) -> typed.TypedExpr | None:
        match expr:
            case tree.Literal():
                return self.literal(expr)
            case tree.Ident() | tree.Select():
                return self.input(expr, shown)
            case tree.Call():
                return self.call(expr, shown)
            case tree.Logic():
                return self.logic(expr, shown)
            case tree.Not(operand=operand):
                value = self.bool(operand, shown)
                return None if value is None else typed.Not(value, expr.span, value.can_fail)
            case tree.Conditional():
                return self.conditional(expr, shown)
            case tree.ListExpr():
                return self.list(expr, shown)
            case tree.MapExpr():
                return self.map(expr, shown)
            case _:
                assert_never(expr)

    # ---- leaves

    def literal(self, expr: tree.Literal) -> typed.TypedExpr | None:
        value = expr.value
        kinds: dict[object, Type] = {bool: BOOL, int: INT, UInt: UINT, float: DOUBLE, str: STRING, bytes: BYTES}
        if type(value) is int and not INT_MIN <= value <= INT_MAX:
            help = f"an int is at least {INT_MIN} and at most {INT_MAX}"
            self.fault("OSP131", expr.span, "the integer does not fit into 64 bits", help)
            return None
        return typed.Constant(value, kinds.get(type(value), NULL), expr.span)

    def input(self, expr: tree.Ident | tree.Select, shown: Shown) -> typed.TypedExpr | None:
        if isinstance(expr, tree.Ident):
            found = self.scope.get(expr.name)
            if found is None:
                self.unknown(expr.name, expr.span)
                return None
            if isinstance(found, RecordType):
                self.fault(
                    "OSP233", expr.span, f"`{expr.name}` alone is no value", f"name one of its fields, `{expr.name}.…`"
                )
                return None
            return typed.Input(expr.name, found, expr.span, False)
        resolved = self.field(expr)
        if resolved is None:
            return None
        path, kind, optional, record_optional = resolved
        owner = path.split(".")[0]
        fails = (optional and path not in shown) or (record_optional and owner not in shown)
        return typed.Input(path, kind, expr.span, fails)

    def field(self, expr: tree.Select) -> tuple[str, Type, bool, bool] | None:
        """(path, type, whether the field may be absent, whether its whole record may be) of a declared field."""
        owner = expr.operand
        if not isinstance(owner, tree.Ident):
            self.fault("OSP233", expr.span, "only fields of declared inputs can be selected")
            return None
        record = self.scope.get(owner.name)
        if record is None:
            self.unknown(owner.name, owner.span)
            return None
        if not isinstance(record, RecordType):
            self.fault("OSP233", owner.span, f"`{owner.name}` is a {record} and has no fields")
            return None
        found = record.field(expr.field)
        if found is None:
            names = [field.name for field in record.fields]
            help = did_you_mean(expr.field, names) or f"declared: {', '.join(names) or 'none'}"
            self.fault("OSP230", expr.name_span, f"`{owner.name}` declares no `{expr.field}`", help)
            return None
        return f"{owner.name}.{expr.field}", found.type, found.optional, record.may_be_absent

    def unknown(self, name: str, span: Span) -> None:
        help = did_you_mean(name, self.scope) or f"declared: {', '.join(sorted(self.scope))}"
        self.fault("OSP230", span, f"unknown name `{name}`", help)

    # ---- logic

    def bool(self, expr: tree.Expr, shown: Shown) -> typed.TypedExpr | None:
        value = self.type(expr, shown)
        if value is not None and value.type not in (BOOL, DYN):
            self.fault("OSP232", value.span, f"expected a bool, found {value.type}", "compare it with something")
            return None
        if value is not None and value.type == DYN:
            return typed.Apply("bool_of_dyn", (value,), BOOL, value.span, True)
        return value

    def logic(self, expr: tree.Logic, shown: Shown) -> typed.TypedExpr | None:
        left = self.bool(expr.left, shown)
        more = _shown_by(left) if left is not None and expr.operator == "&&" else _NOTHING
        right = self.bool(expr.right, shown | more)
        if left is None or right is None:
            return None
        return typed.Logic(expr.operator, left, right, expr.span, left.can_fail or right.can_fail)

    def conditional(self, expr: tree.Conditional, shown: Shown) -> typed.TypedExpr | None:
        condition = self.bool(expr.condition, shown)
        more = _NOTHING if condition is None else _shown_by(condition)
        then = self.type(expr.then, shown | more)
        otherwise = self.type(expr.otherwise, shown)
        if condition is None or then is None or otherwise is None:
            return None
        if then.type != otherwise.type:
            self.fault("OSP231", expr.span, f"the branches differ: {then.type} and {otherwise.type}")
            return None
        fails = condition.can_fail or then.can_fail or otherwise.can_fail
        return typed.Conditional(condition, then, otherwise, then.type, expr.span, fails)

    # ---- containers

    def list(self, expr: tree.ListExpr, shown: Shown) -> typed.TypedExpr | None:
        items = [self.type(item, shown) for item in expr.items]
        known = [item for item in items if item is not None]
        if len(known) != len(items):
            return None
        return typed.ListOf(tuple(known), ListType(_common(known)), expr.span, any(item.can_fail for item in known))

    def map(self, expr: tree.MapExpr, shown: Shown) -> typed.TypedExpr | None:
        entries = [(self.type(key, shown), self.type(value, shown)) for key, value in expr.entries]
        known = [(key, value) for key, value in entries if key is not None and value is not None]
        if len(known) != len(entries):
            return None
        for key, _ in known:
            if key.type not in (STRING, INT, UINT, BOOL, DYN):
                self.fault("OSP231", key.span, f"a {key.type} cannot be a map's key")
                return None
        kind = MapType(_common([key for key, _ in known]), _common([value for _, value in known]))
        return typed.MapOf(tuple(known), kind, expr.span, True)

    # ---- functions

    def call(self, expr: tree.Call, shown: Shown) -> typed.TypedExpr | None:
        if expr.function == "has" and expr.target is None:
            return self.has(expr)
        if expr.function in _LATER:
            # Its operands may name variables that only it declares: they would give faults that mean nothing.
            self.fault("OSP233", expr.span, f"`{expr.function}` is not supported yet", "use comparisons and `in`")
            return None
        parts = (*(() if expr.target is None else (expr.target,)), *expr.args)
        values = [self.type(part, shown) for part in parts]
        args = tuple(value for value in values if value is not None)
        if len(args) != len(parts):
            return None
        kinds = tuple(arg.type for arg in args)
        is_operator = not expr.function[0].isalpha() or expr.function == "in"
        found = (operator_overload if is_operator else overload)(expr.function, kinds, expr.target is not None)
        if found is None:
            self.no_overload(expr, kinds)
            return None
        fails = found.can_fail or any(arg.can_fail for arg in args)
        return typed.Apply(found.name, args, found.type, expr.span, fails)

    def no_overload(self, expr: tree.Call, kinds: tuple[Type, ...]) -> None:
        shown = ", ".join(map(str, kinds))
        known = overloads_text(expr.function)
        if known is None:
            help = did_you_mean(expr.function, ["size", "contains", "startsWith", "endsWith", "has", "int", "string"])
            self.fault("OSP230", expr.span, f"unknown function `{expr.function}`", help)
            return
        self.fault("OSP231", expr.span, f"`{expr.function}` does not take ({shown})", known)

    def has(self, expr: tree.Call) -> typed.TypedExpr | None:
        if len(expr.args) != 1 or not isinstance(expr.args[0], tree.Select):
            self.fault("OSP231", expr.span, "`has` takes one field", "write it as has(user.spend_limit)")
            return None
        resolved = self.field(expr.args[0])
        return None if resolved is None else typed.Present(resolved[0], expr.span)


def _common(items: list[typed.TypedExpr]) -> Type:
    kinds = list(dict.fromkeys(item.type for item in items))
    return kinds[0] if len(kinds) == 1 else DYN


def _shown_by(condition: typed.TypedExpr) -> Shown:
    """What is present when `condition` is true: the paths asked for with `has`, and their records."""
    paths = [part.path for part in typed.conjuncts(condition) if isinstance(part, typed.Present)]
    return frozenset([*paths, *(path.split(".")[0] for path in paths)])

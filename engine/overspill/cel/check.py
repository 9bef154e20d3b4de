"""Tree → typed tree against declared inputs, or every fault at once.

Beside types this finds what can fail: overflow, division, reading what may be absent. A field whose presence is shown
by `has` on its left in `&&`, or in the condition of `?:`, is total there; so conditions need no error handling where
none can happen. One `Dialect` says how strict it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from overspill.cel import macros, tree, typed
from overspill.cel.around import Around, place_of, shown_by
from overspill.cel.cost import cost_fault
from overspill.cel.dialect import POLICY, Dialect
from overspill.cel.functions import FUNCTIONS, Found, overload, overloads_text, run_time_overloads
from overspill.cel.limits import ITEMS_MAX, NESTING_MAX, SHORTEN, TEXT_MAX, TOO_LONG
from overspill.cel.names import TYPE_NAMES, candidates, dotted
from overspill.cel.tree import UInt
from overspill.cel.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DYN,
    INT,
    KEYS,
    NOTHING,
    NULL,
    STRING,
    TYPE,
    UINT,
    ListType,
    MapType,
    RecordType,
    Type,
    has_unit,
    merged,
)
from overspill.patterns.match import Matcher
from overspill.patterns.parse import PatternFault
from overspill.words.diagnostics import Fault, did_you_mean
from overspill.words.spans import Span

Scope = Mapping[str, Type]
INT_MIN, INT_MAX = -(2**63), 2**63 - 1
_KINDS: dict[object, Type] = {bool: BOOL, int: INT, UInt: UINT, float: DOUBLE, str: STRING, bytes: BYTES}


def check(
    expr: tree.Expr, scope: Scope, dialect: Dialect = POLICY, sizes: Mapping[str, int] | None = None
) -> typed.TypedExpr | tuple[Fault, ...]:
    """The typed expression, or its faults in the order of their places.

    `scope`: the declared inputs by name. `sizes`: how long an input may be, by its path, where that is not the default
    of `cost.py`.
    """
    if expr.span.end - expr.span.start > TEXT_MAX:
        return (Fault(code="OSP102", span=expr.span, message=TOO_LONG, help=SHORTEN),)
    checker = _Checker(scope, dialect)
    found = checker.type(expr, Around())
    if found is None or checker.faults:
        return tuple(sorted(checker.faults, key=lambda fault: fault.span.start))
    costly = None if dialect.cost_max is None else cost_fault(found, dialect.cost_max, sizes or {})
    return found if costly is None else (costly,)


class _Checker:
    """Walks the tree once; a node whose parts are faulty is None, so that one mistake gives one fault."""

    def __init__(self, scope: Scope, dialect: Dialect) -> None:
        self.scope = scope
        self.dialect = dialect
        self.faults: list[Fault] = []

    def stop(self, code: str, span: Span, message: str, help: str | None = None) -> typed.TypedExpr | None:
        """A fault; where the dialect finds faults at run time, an expression that fails."""
        if self.dialect.at_run_time:
            return typed.Apply("fail", (typed.Constant(message, STRING, span),), DYN, span, True)
        self.fault(code, span, message, help)
        return None

    def fault(self, code: str, span: Span, message: str, help: str | None = None) -> None:
        """A fault in every dialect."""
        self.faults.append(Fault(code=code, span=span, message=message, help=help))

    def type(self, expr: tree.Expr, around: Around) -> typed.TypedExpr | None:
        match expr:
            case tree.Literal():
                return self.literal(expr)
            case tree.Ident():
                return self.name(expr, around)
            case tree.Select():
                return self.name(expr, around) if dotted(expr) else self.select(expr, around)
            case tree.Call():
                return self.call(expr, around)
            case tree.Logic():
                return self.logic(expr, around)
            case tree.Not(operand=operand):
                value = self.truth(operand, around)
                return None if value is None else typed.Not(value, expr.span, value.can_fail)
            case tree.Conditional():
                return self.conditional(expr, around)
            case tree.ListExpr():
                return self.list(expr, around)
            case tree.MapExpr():
                return self.map(expr, around)
            case _:
                assert_never(expr)

    # ---- leaves

    def literal(self, expr: tree.Literal) -> typed.TypedExpr | None:
        value = expr.value
        if type(value) is int and not INT_MIN <= value <= INT_MAX:
            help = f"an int is at least {INT_MIN} and at most {INT_MAX}"
            self.fault("OSP131", expr.span, "the integer does not fit into 64 bits", help)
            return None
        return typed.Constant(value, _KINDS.get(type(value), NULL), expr.span)

    def name(self, expr: tree.Ident | tree.Select, around: Around) -> typed.TypedExpr | None:
        """A variable, an input, a type, by its longest name; else a field of what stands before the last point."""
        text = dotted(expr)
        level = around.level(text.split(".")[0])
        if level is None:
            full, found = self.lookup(text)
            if isinstance(found, RecordType):
                help = f"name one of its fields, `{text}.…`"
                return self.stop("OSP233", expr.span, f"`{text}` alone is no value", help)
            if found is not None:
                return typed.Input(full, found, expr.span, self.dialect.inputs_may_fail)
            if full:
                return typed.Constant(typed.TypeName(full), TYPE, expr.span)
        if isinstance(expr, tree.Select):
            return self.select(expr, around)
        return self.unknown(text, expr.span) if level is None else self.local(expr, level, around)

    def local(self, expr: tree.Ident, level: int, around: Around) -> typed.TypedExpr:
        return typed.Local(expr.name, level, around.locals[level][1], expr.span)

    def lookup(self, text: str) -> tuple[str, Type | None]:
        """(full name, type) of an input; (name of a type as a value, None); ("", None)."""
        for name in candidates(text, self.dialect.container):
            if name in self.scope:
                return name, self.scope[name]
            if name in TYPE_NAMES:
                return name, None
        return "", None

    def select(self, expr: tree.Select, around: Around) -> typed.TypedExpr | None:
        record = self.record(expr.operand, around)
        if record is not None:
            return self.input_field(expr, *record, around)
        operand = self.type(expr.operand, around)
        return None if operand is None else self.field(expr, operand, around)

    def record(self, expr: tree.Expr, around: Around) -> tuple[str, RecordType] | None:
        """The declared record that `expr` names."""
        text = dotted(expr)
        if not text or around.level(text.split(".")[0]) is not None:
            return None
        name, found = self.lookup(text)
        return (name, found) if isinstance(found, RecordType) else None

    def input_field(self, expr: tree.Select, owner: str, record: RecordType, around: Around) -> typed.TypedExpr | None:
        """`user.plan`: an input of its own."""
        found = record.field(expr.field)
        if found is None:
            return self.no_field(expr, record)
        path = f"{owner}.{expr.field}"
        missing = (found.optional and path not in around.shown) or (record.may_be_absent and owner not in around.shown)
        return typed.Input(path, found.type, expr.span, missing)

    def no_field(self, expr: tree.Select, record: RecordType) -> typed.TypedExpr | None:
        names = [field.name for field in record.fields]
        help = did_you_mean(expr.field, names) or f"declared: {', '.join(names) or 'none'}"
        return self.stop("OSP230", expr.name_span, f"`{record.name}` declares no `{expr.field}`", help)

    def field(self, expr: tree.Select, operand: typed.TypedExpr, around: Around) -> typed.TypedExpr | None:
        """A field of a value: of a record in a list, of a map, or of what is known at run time only."""
        args = (operand, typed.Constant(expr.field, STRING, expr.name_span))
        kind = operand.type
        if isinstance(kind, RecordType):
            found = kind.field(expr.field)
            if found is None:
                return self.no_field(expr, kind)
            missing = found.optional and f"{place_of(operand)}.{expr.field}" not in around.shown
            return typed.Apply("index_map", args, found.type, expr.span, missing or operand.can_fail)
        if isinstance(kind, MapType):
            return typed.Apply("index_map", args, kind.value, expr.span, True)
        if kind in (DYN, NOTHING):
            return typed.Dispatch(".", ((("map", "string"), "index_map"),), args, DYN, expr.span)
        text = dotted(expr.operand)
        shown = f"`{text}` is of type {kind} and" if text else f"a value of type {kind}"
        return self.stop("OSP233", expr.operand.span, f"{shown} has no fields")

    def unknown(self, name: str, span: Span) -> typed.TypedExpr | None:
        help = did_you_mean(name, self.scope) or f"declared: {', '.join(sorted(self.scope))}"
        return self.stop("OSP230", span, f"unknown name `{name}`", help)

    # ---- logic

    def truth(self, expr: tree.Expr, around: Around) -> typed.TypedExpr | None:
        value = self.type(expr, around)
        if value is None or value.type == BOOL:
            return value
        if value.type in (DYN, NOTHING) or self.dialect.at_run_time:
            return typed.Apply("bool_of_dyn", (value,), BOOL, value.span, True)
        return self.stop("OSP232", value.span, f"expected a bool, found {value.type}", "compare it with something")

    def logic(self, expr: tree.Logic, around: Around) -> typed.TypedExpr | None:
        left = self.truth(expr.left, around)
        more = shown_by(left) if left is not None and expr.operator == "&&" else frozenset()
        right = self.truth(expr.right, around.knowing(more))
        if left is None or right is None:
            return None
        return typed.Logic(expr.operator, left, right, expr.span, left.can_fail or right.can_fail)

    def conditional(self, expr: tree.Conditional, around: Around) -> typed.TypedExpr | None:
        condition = self.truth(expr.condition, around)
        more = frozenset() if condition is None else shown_by(condition)
        then = self.type(expr.then, around.knowing(more))
        otherwise = self.type(expr.otherwise, around)
        if condition is None or then is None or otherwise is None:
            return None
        kind = DYN if self.dialect.at_run_time else merged(then.type, otherwise.type)
        if kind is None:
            return self.stop("OSP231", expr.span, f"the branches differ: {then.type} and {otherwise.type}")
        fails = condition.can_fail or then.can_fail or otherwise.can_fail
        return typed.Conditional(condition, then, otherwise, kind, expr.span, fails)

    # ---- containers

    def list(self, expr: tree.ListExpr, around: Around) -> typed.TypedExpr | None:
        items = [self.type(item, around) for item in expr.items]
        known = tuple(item for item in items if item is not None)
        if len(known) != len(items) or not self.fits(expr.span, len(known)):
            return None
        kind = self.common(known)
        return None if kind is None else typed.ListOf(known, ListType(kind), expr.span, _any_fails(known))

    def map(self, expr: tree.MapExpr, around: Around) -> typed.TypedExpr | None:
        entries = [(self.type(key, around), self.type(value, around)) for key, value in expr.entries]
        known = tuple([(key, value) for key, value in entries if key is not None and value is not None])
        if len(known) != len(entries) or not self.fits(expr.span, len(known)):
            return None
        for key, _ in known:
            if key.type not in KEYS and not self.dialect.late:
                return self.stop("OSP231", key.span, f"a value of type {key.type} cannot be a map's key")
        keys, values = self.common(tuple(key for key, _ in known)), self.common(tuple(value for _, value in known))
        if keys is None or values is None:
            return None
        texts = [key.value for key, _ in known if isinstance(key, typed.Constant) and isinstance(key.value, str)]
        distinct = len(set(texts)) == len(known)
        fails = not distinct or _any_fails(tuple(value for _, value in known))
        return typed.MapOf(known, MapType(keys, values), expr.span, fails)

    def fits(self, span: Span, count: int) -> bool:
        if count > ITEMS_MAX:
            self.fault("OSP234", span, f"more than {ITEMS_MAX} items are written here", "split the condition")
        return count <= ITEMS_MAX

    def common(self, items: tuple[typed.TypedExpr, ...]) -> Type | None:
        """The type of all of them; dyn where they differ, which amounts must not."""
        kind: Type = NOTHING
        for item in items:
            together = merged(kind, item.type)
            if together is None and (has_unit(kind) or has_unit(item.type)):
                help = "an amount stands among amounts of its unit"
                self.stop("OSP231", item.span, f"{item.type} does not stand among values of {kind}", help)
                return None
            kind = DYN if together is None else together
        return kind

    # ---- functions

    def call(self, expr: tree.Call, around: Around) -> typed.TypedExpr | None:
        if self.dialect.macros and expr.function == "has" and expr.target is None:
            return self.has(expr, around)
        if self.dialect.macros and macros.is_macro(expr):
            return self.macro(expr, around)
        known = overloads_text(expr.function)
        if known is None:
            return self.unknown_function(expr)
        parts = (*(() if expr.target is None else (expr.target,)), *expr.args)
        values = [self.type(part, around) for part in parts]
        args = tuple(value for value in values if value is not None)
        if len(args) != len(parts):
            return None
        kinds = tuple(arg.type for arg in args)
        found = self.overload(expr, kinds)
        if found is None:
            shown = ", ".join(map(str, kinds))
            return self.stop("OSP231", expr.span, f"`{expr.function}` does not take ({shown})", known)
        fails = found.can_fail
        if expr.function == "matches" and isinstance(args[1], typed.Constant):
            fault = self.pattern_fault(args[1])
            if fault is not None and not self.dialect.late:
                return self.stop("OSP235", args[1].span, f"the pattern cannot be read: {fault}", "patterns are RE2's")
            fails = fault is not None
        if found.candidates:
            return typed.Dispatch(expr.function, found.candidates, args, found.type, expr.span)
        return typed.Apply(found.name, args, found.type, expr.span, fails or _any_fails(args), not fails)

    def overload(self, expr: tree.Call, kinds: tuple[Type, ...]) -> Found | None:
        is_method = expr.target is not None
        found = overload(expr.function, kinds, is_method, mixed=self.dialect.mixed_numbers) if kinds else None
        if found is not None or not self.dialect.at_run_time:
            return found
        if expr.function in ("==", "!="):
            return Found("equal" if expr.function == "==" else "not_equal", (), BOOL, False)
        return run_time_overloads(expr.function, len(kinds), is_method)

    def pattern_fault(self, text: typed.Constant) -> str | None:
        """Why a constant is no pattern."""
        try:
            Matcher(str(text.value))
        except PatternFault as fault:
            return str(fault)
        return None

    def unknown_function(self, expr: tree.Call) -> typed.TypedExpr | None:
        """Its operands are not looked at: they may name variables that a macro would declare."""
        if expr.function in macros.NAMES:
            written = f"write it as list.{expr.function}(item, …)"
            return self.stop("OSP231", expr.span, f"`{expr.function}` takes a list and a name for its items", written)
        help = did_you_mean(expr.function, [*FUNCTIONS, *macros.NAMES, "has"])
        return self.stop("OSP230", expr.span, f"unknown function `{expr.function}`", help)

    def has(self, expr: tree.Call, around: Around) -> typed.TypedExpr | None:
        field = expr.args[0] if len(expr.args) == 1 else None
        if not isinstance(field, tree.Select):
            return self.stop("OSP231", expr.span, "`has` takes one field", "write it as has(user.spend_limit)")
        record = self.record(field.operand, around)
        if record is not None:
            found = self.input_field(field, *record, around)
            return typed.Present(found.path, expr.span) if isinstance(found, typed.Input) else found
        operand = self.type(field.operand, around)
        selected = None if operand is None else self.field(field, operand, around)
        if operand is None or not isinstance(selected, (typed.Apply, typed.Dispatch)) or selected.function == "fail":
            return selected
        args = (typed.Constant(field.field, STRING, field.name_span), operand)
        if isinstance(selected, typed.Dispatch):
            return typed.Dispatch("has", ((("string", "map"), "in_map"),), args, BOOL, expr.span)
        return typed.Apply("in_map", args, BOOL, expr.span, operand.can_fail)

    def macro(self, expr: tree.Call, around: Around) -> typed.TypedExpr | None:
        macro = macros.macro_of(expr)
        if macro is None:
            help = f"write it as list.{expr.function}(item, …)"
            return self.stop("OSP231", expr.args[0].span, "a macro's variable is a plain name", help)
        if len(around.locals) >= NESTING_MAX:
            help = "name the inner part with a `let`, or split the condition"
            self.fault("OSP234", expr.span, f"macros stand in each other more than {NESTING_MAX} deep", help)
            return None
        items = self.items(macro.items, around)
        if items is None or not isinstance(items.type, ListType):
            return items
        inside = around.inside(macro.variable.name, items.type.item)
        test = None if macro.test is None else self.truth(macro.test, inside)
        within = inside if test is None else inside.knowing(shown_by(test))
        body = (self.type if macro.loop == "mapped" else self.truth)(macro.body, within)
        if body is None or (macro.test is not None and test is None):
            return None
        kind = {"mapped": ListType(body.type), "kept": items.type}.get(macro.loop, BOOL)
        fails = items.can_fail or body.can_fail or (test is not None and test.can_fail)
        return typed.Loop(macro.loop, len(around.locals), items, body, test, kind, expr.span, fails)

    def items(self, expr: tree.Expr, around: Around) -> typed.TypedExpr | None:
        """What a macro goes over, as a list: a map's keys."""
        value = self.type(expr, around)
        if value is None or isinstance(value.type, ListType):
            return value
        if isinstance(value.type, MapType):
            return typed.Apply("keys_of", (value,), ListType(value.type.key), value.span, value.can_fail)
        if value.type in (DYN, NOTHING) or self.dialect.at_run_time:
            either = ((("list",), "identity"), (("map",), "keys_of"))
            return typed.Dispatch("a macro", either, (value,), ListType(DYN), value.span)
        help = "macros go over lists, and over the keys of maps"
        return self.stop("OSP231", value.span, f"a value of type {value.type} has no items", help)


def _any_fails(parts: tuple[typed.TypedExpr, ...]) -> bool:
    return any(part.can_fail for part in parts)

"""A bound on the work of an expression, before it runs: the most steps that any inputs of the declared sizes cost.

One step is one node of the tree, one item or entry that is looked at, or `SCANNED` characters or octets. A macro costs
its body once for each item that its list may have; `matches` costs each character times the steps of its pattern. What
an input may hold is its size: by default `TEXT_SIZE` characters and `LIST_SIZE` items, which the edge enforces for
requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, assert_never

from overspill.cel import typed as t
from overspill.cel.types import BYTES, DYN, NOTHING, STRING, ListType, MapType, RecordType, Type
from overspill.patterns.match import STEPS_MAX, Matcher
from overspill.patterns.parse import BYTES_MAX, PatternFault
from overspill.words.diagnostics import Fault

TEXT_SIZE = 256
LIST_SIZE = 100
SCANNED = 32
_MOST = 2**62


class Size(NamedTuple):
    """The most that a value holds: characters, octets, items or entries, and what each of its items holds."""

    most: int = 1
    item: Size | None = None

    @property
    def work(self) -> int:
        """The steps of looking at everything in it, the items' own contents included."""
        return min(_MOST, 1 + (self.most // SCANNED if self.item is None else self.most * self.item.work))


class Bound(NamedTuple):
    """The most steps, and the most that the value holds."""

    steps: int
    size: Size = Size()


_TEXTS = frozenset(
    [
        "contains",
        "starts_with",
        "ends_with",
        "concat",
        "bytes_of_string",
        "string_of_bytes",
        "bool_of_string",
        "int_of_string",
        "uint_of_string",
        "double_of_string",
        "timestamp_of_string",
        "duration_of_string",
    ]
)
"""Functions that look at all of their operands; so do the comparisons."""
_COMPARISONS = frozenset({"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"})
_SHORT = Size(40)
"""What a number, a type or an instant is as text."""


def cost_fault(expr: t.TypedExpr, most: int, sizes: Mapping[str, int]) -> Fault | None:
    """The fault of an expression that may cost more than `most` steps."""
    steps = bound(expr, sizes).steps
    if steps <= most:
        return None
    count = "more than 10^18" if steps > 10**18 else f"up to {steps:,}"
    return Fault(
        code="OSP234",
        span=expr.span,
        message=f"the expression may take {count} steps, over the limit of {most:,}",
        help="test fewer things per item, or do not put lists into lists",
    )


def bound(expr: t.TypedExpr, sizes: Mapping[str, int]) -> Bound:
    """The bound of `expr`; `sizes`: how much the input at a path holds, where it is not the default."""
    return _Costs(sizes).of(expr)


class _Costs:
    """Walks the tree; `locals` are the sizes of the macros' variables by level."""

    def __init__(self, sizes: Mapping[str, int]) -> None:
        self.sizes = sizes
        self.locals: list[Size] = []

    def of(self, expr: t.TypedExpr) -> Bound:
        match expr:
            case t.Constant(value=value):
                return Bound(1, Size(len(value)) if isinstance(value, (str, bytes)) else Size())
            case t.Input(path=path, type=kind):
                return Bound(1, _declared(kind, self.sizes.get(path)))
            case t.Present():
                return Bound(1)
            case t.Local(level=level):
                return Bound(1, self.locals[level])
            case t.Apply(function=function, args=args):
                return self.applied((function,), args)
            case t.Dispatch(candidates=candidates, args=args):
                return self.applied(tuple(name for _, name in candidates), args)
            case t.Logic(left=left, right=right):
                return Bound(self.steps(left, right))
            case t.Not(operand=operand):
                return Bound(self.steps(operand))
            case t.Conditional(condition=condition, then=then, otherwise=otherwise):
                branches = self.of(then), self.of(otherwise)
                most = max(branch.steps for branch in branches)
                return Bound(self.steps(condition) + most, _larger(branches[0].size, branches[1].size))
            case t.ListOf(items=items):
                return self.collected(items, len(items))
            case t.MapOf(entries=entries):
                return self.collected(tuple(part for entry in entries for part in entry), len(entries))
            case t.Loop():
                return self.loop(expr)
            case _:
                assert_never(expr)

    def steps(self, *parts: t.TypedExpr) -> int:
        """One, and those of the parts."""
        return min(_MOST, 1 + sum([self.of(part).steps for part in parts]))

    def collected(self, parts: tuple[t.TypedExpr, ...], count: int) -> Bound:
        bounds = [self.of(part) for part in parts]
        item = Size()
        for part in bounds:
            item = _larger(item, part.size)
        return Bound(min(_MOST, 1 + sum([part.steps for part in bounds])), Size(count, item))

    def loop(self, expr: t.Loop) -> Bound:
        items = self.of(expr.items)
        self.locals.append(items.size.item or Size())
        body = self.of(expr.body)
        each = body.steps + (0 if expr.test is None else self.of(expr.test).steps)
        self.locals.pop()
        size = {"mapped": Size(items.size.most, body.size), "kept": items.size}.get(expr.name, Size())
        return Bound(min(_MOST, 1 + items.steps + items.size.most * (1 + each)), size)

    def applied(self, functions: tuple[str, ...], args: tuple[t.TypedExpr, ...]) -> Bound:
        """One of the functions over its operands: the most that any of them costs and gives."""
        bounds = [self.of(arg) for arg in args]
        sizes = [part.size for part in bounds]
        found = [_work(function, args, sizes) for function in functions]
        size = found[0].size
        for other in found[1:]:
            size = _larger(size, other.size)
        steps = sum([part.steps for part in bounds]) + max(work.steps for work in found)
        return Bound(min(_MOST, steps), size)


def _work(function: str, args: tuple[t.TypedExpr, ...], sizes: list[Size]) -> Bound:
    """What one function costs beside its operands, and the size of what it gives."""
    first = sizes[0]
    match function:
        case "concat":
            item = _larger(first.item or Size(), sizes[1].item or Size())
            together = min(_MOST, first.most + sizes[1].most)
            size = Size(together, None if first.item is None and sizes[1].item is None else item)
            return Bound(1 + together // SCANNED, size)
        case "matches":
            return Bound(min(_MOST, (first.most + 1) * _pattern_steps(args[1])))
        case "in_list":
            return Bound(sizes[1].work)
        case "index_list" | "index_list_double":
            return Bound(1, first.item or Size())
        case "index_map" | "in_map":
            return Bound((sizes[1] if function == "index_map" else first).work, first.item or Size())
        case "identity" | "keys_of":
            return Bound(1 if function == "identity" else first.most, first)
        case "bytes_of_string":
            return Bound(first.work, Size(min(_MOST, 4 * first.most)))
        case "string_of_bytes":
            return Bound(first.work, first)
        case _ if function in _COMPARISONS:
            return Bound(min(first.work, sizes[1].work))
        case _ if function in _TEXTS:
            return Bound(sum([size.work for size in sizes]))
        case _:
            return Bound(1, _SHORT if function.startswith("string_of") else Size())


def _pattern_steps(pattern: t.TypedExpr) -> int:
    """The steps of a constant pattern; of others the most that there may be, and what reading them costs."""
    if isinstance(pattern, t.Constant):
        try:
            return len(Matcher(str(pattern.value)).steps)
        except PatternFault:
            return 1
    return STEPS_MAX + BYTES_MAX


def _larger(left: Size, right: Size) -> Size:
    item = left.item or right.item
    if left.item is not None and right.item is not None:
        item = _larger(left.item, right.item)
    return Size(max(left.most, right.most), item)


def _declared(kind: Type, count: int | None = None) -> Size:
    """What an input of this type may hold; `count` for itself, the default for what is in it."""
    match kind:
        case ListType(item=item):
            return Size(LIST_SIZE if count is None else count, _declared(item))
        case MapType(key=key, value=value):
            return Size(LIST_SIZE if count is None else count, _larger(_declared(key), _declared(value)))
        case RecordType(fields=fields):
            size = Size()
            for field in fields:
                size = _larger(size, _declared(field.type))
            return Size(max(1, len(fields)), size)
        case _ if kind in (STRING, BYTES):
            return Size(TEXT_SIZE if count is None else count)
        case _ if kind in (DYN, NOTHING):
            return Size(TEXT_SIZE if count is None else count, Size(TEXT_SIZE))
        case _:
            return Size()

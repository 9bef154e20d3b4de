"""Named expressions: written out wherever they are named, once it is sure that they end.

A `let` may name other lets. What they come to together is bounded in depth and size before anything is written out, so
that a dozen lines cannot stand for a million.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from overspill.cel.build import DEPTH_MAX
from overspill.cel.tree import Call, Conditional, Expr, Ident, ListExpr, Literal, Logic, MapExpr, Not, Select
from overspill.check.names import Faults
from overspill.syntax import tree
from overspill.words.codec import Struct, replace

SIZE_MAX = 2000
_MACROS = frozenset(["all", "exists", "exists_one", "existsOne", "map", "filter"])
"""The functions whose first argument names a variable of their own."""


class Lets:
    """The lets of one bundle by name; one that is faulty or names itself is None."""

    def __init__(self, items: Mapping[str, tree.Let], faults: Faults) -> None:
        self.items, self.faults = items, faults
        self._whole: dict[str, Expr | None] = {}
        self._sizes: dict[str, tuple[int, int]] = {}
        for name in items:
            self._resolve(name, ())

    def written_out(self, expr: Expr) -> Expr | None:
        """The expression with every let in the place of its name; None where one of them is faulty."""
        if not self.items:
            return expr
        names = [ident.name for ident in _idents(expr, frozenset()) if ident.name in self.items]
        if any(self._whole[name] is None for name in names):
            return None
        if not self._fits(expr):
            return None
        return self._substituted(expr, frozenset()) if names else expr

    def _resolve(self, name: str, path: tuple[str, ...]) -> None:
        """Works out one let after those it names; `path` is how it was come by."""
        if name in self._whole:
            return
        item = self.items[name]
        whole = True
        for ident in _idents(item.expr, frozenset()):
            if ident.name not in self.items:
                continue
            if ident.name in (*path, name):
                self._cycle(ident, (*path, name))
                whole = False
            else:
                self._resolve(ident.name, (*path, name))
                whole = whole and self._whole.get(ident.name) is not None
        whole = whole and self._fits(item.expr)
        self._whole[name] = self._substituted(item.expr, frozenset()) if whole else None
        self._sizes[name] = self._size(item.expr)

    def _cycle(self, ident: Ident, path: tuple[str, ...]) -> None:
        names = [*path[path.index(ident.name) :], ident.name]
        self.faults.add(
            "OSP311",
            ident.span,
            f"`let {ident.name}` comes back to itself: {' → '.join(names)}",
            note=(self.items[ident.name].name.span, "declared here"),
            help="write one of them without the others",
        )

    def _fits(self, expr: Expr) -> bool:
        size, depth = self._size(expr)
        if size <= SIZE_MAX and depth <= DEPTH_MAX:
            return True
        self.faults.add(
            "OSP103",
            expr.span,
            f"with its lets written out the expression has {size} parts, {depth} deep",
            help=f"keep it below {SIZE_MAX} parts and {DEPTH_MAX} deep",
        )
        return False

    def _size(self, expr: Expr) -> tuple[int, int]:
        """(parts, depth) with every let written out, without writing it out."""
        if isinstance(expr, Ident):
            return self._sizes.get(expr.name, (1, 1))
        sizes = [self._size(part) for part in _parts(expr)]
        return 1 + sum(size for size, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)

    def _substituted(self, expr: Expr, bound: frozenset[str]) -> Expr:
        match expr:
            case Ident(name=name):
                whole = None if name in bound else self._whole.get(name)
                return expr if whole is None else whole
            case Literal():
                return expr
            case Select(operand=operand):
                return replace(expr, operand=self._substituted(operand, bound))
            case Call(target=target, args=args):
                inner = bound | _variable(expr)
                return replace(
                    expr,
                    target=None if target is None else self._substituted(target, bound),
                    args=tuple(self._substituted(arg, inner) for arg in args),
                )
            case Logic(left=left, right=right):
                return replace(expr, left=self._substituted(left, bound), right=self._substituted(right, bound))
            case Not(operand=operand):
                return replace(expr, operand=self._substituted(operand, bound))
            case Conditional():
                return Conditional(
                    self._substituted(expr.condition, bound),
                    self._substituted(expr.then, bound),
                    self._substituted(expr.otherwise, bound),
                    expr.span,
                )
            case ListExpr(items=items):
                return replace(expr, items=tuple(self._substituted(item, bound) for item in items))
            case MapExpr(entries=entries):
                pairs = ((self._substituted(key, bound), self._substituted(value, bound)) for key, value in entries)
                return replace(expr, entries=tuple(pairs))


def _variable(call: Call) -> frozenset[str]:
    """The variable that a comprehension declares."""
    if call.target is None or call.function not in _MACROS or not call.args:
        return frozenset()
    first = call.args[0]
    return frozenset([first.name]) if isinstance(first, Ident) else frozenset()


def _parts(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case Select(operand=operand) | Not(operand=operand):
            return (operand,)
        case Call(target=target, args=args):
            return args if target is None else (target, *args)
        case Logic(left=left, right=right):
            return left, right
        case Conditional():
            return expr.condition, expr.then, expr.otherwise
        case ListExpr(items=items):
            return items
        case MapExpr(entries=entries):
            return tuple(part for entry in entries for part in entry)
        case _:
            return ()


def _idents(expr: Expr, bound: frozenset[str]) -> Iterator[Ident]:
    """The names an expression speaks of, but for the variables of its comprehensions."""
    if isinstance(expr, Ident):
        if expr.name not in bound:
            yield expr
        return
    if isinstance(expr, Call):
        if expr.target is not None:
            yield from _idents(expr.target, bound)
        inner = bound | _variable(expr)
        for arg in expr.args:
            yield from _idents(arg, inner)
        return
    for part in _parts(expr):
        yield from _idents(part, bound)


def names_in(items: Sequence[object]) -> Iterator[str]:
    """The names that the expressions below these nodes of a tree speak of."""
    stack: list[object] = list(items)
    while stack:
        node = stack.pop()
        if isinstance(node, Expr):
            yield from (ident.name for ident in _idents(node, frozenset()))
        elif isinstance(node, tuple):
            stack += node
        elif isinstance(node, Struct):
            stack += [getattr(node, name) for name in node.__struct_fields__]

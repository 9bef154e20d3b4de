"""Rules → the parts of a plan that many constructs share: conditions, tables, windows, who something is kept per."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, assert_never

from overspill.cel.typed import TypedExpr, conjuncts
from overspill.check import rules as r
from overspill.compile.expressions import can_fail, resolve
from overspill.compile.slots import SlotAllocator
from overspill.plan import plan as p
from overspill.plan.parts import Bucket, Period, ScheduleBy, Sliding
from overspill.words.instants import DAY
from overspill.words.lengths import Length
from overspill.words.spans import Span

GRACE_KEPT = Length(30 * DAY, 0)
"""So long after its first request a key of a grace is remembered."""

V = TypeVar("V")
W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Parts:
    """Over the slots of one waterfall."""

    kinds: tuple[p.AccountKind, ...]
    slots: SlotAllocator

    def kind(self, account: str) -> int:
        return next(index for index, kind in enumerate(self.kinds) if kind.name == account)

    def per(self, paths: tuple[r.InputPath, ...]) -> tuple[int, ...]:
        return tuple(self.slots.index(path.text) for path in paths)

    def ratio(self, table: r.Table[r.Ratio]) -> p.Table[p.Ratio]:
        return self.table(table, ratio_of)

    def skips(self, skips: tuple[r.Skip, ...]) -> tuple[p.Skip, ...]:
        return tuple(p.Skip(name=skip.name, when=self.condition(skip.when.expr, skip.when.span)) for skip in skips)

    def windows(self, limit: r.Limit) -> tuple[p.Counter, ...]:
        """A limit's windows."""
        return tuple(
            p.Counter(
                name=window.name,
                key=f"{limit.name}.{window.name}",
                account=self.kind(limit.account),
                per=self.per(limit.per),
                kind=self.window_kind(window.kind),
                up_to=None,
            )
            for window in limit.windows
        )

    def cap(self, cap: r.Cap) -> p.Counter:
        return p.Counter(
            name=cap.name,
            key=f"{cap.name}.{cap.window.name}",
            account=self.kind(cap.account),
            per=self.per(cap.per),
            kind=self.window_kind(cap.window.kind),
            up_to=self.source(cap.up_to),
            finish_started=cap.finish_started,
        )

    def allowance(self, layer: r.Pool | r.Entitlement, allowance: r.Allowance, word: str) -> p.Counter:
        return p.Counter(
            name=layer.name if isinstance(layer, r.Entitlement) else word,
            key=f"{layer.name}.{word}",
            account=self.kind(layer.account),
            per=self.per(layer.per),
            kind=p.Forever() if allowance.period is None else self.period(allowance.period),
            up_to=self.source(allowance.up_to),
        )

    def grace(self, grace: r.Grace) -> p.Counter:
        return p.Counter(
            name=grace.name,
            key=f"{grace.name}.grace",
            account=self.kind(grace.account),
            per=self.per(grace.per),
            kind=p.FirstUse(length=GRACE_KEPT),
            up_to=self.source(grace.up_to),
        )

    def source(self, source: r.Source) -> p.Source:
        """A bound with its inputs as slots."""
        match source:
            case int():
                return source
            case r.InputPath():
                return p.SlotAmount(slot=self.slots.index(source.text), path=source.text)
            case r.Members(path=path):
                text = self.slots.members(path.owner, path.field)
                return p.Members(slot=self.slots.index(text), path=text)
            case r.Choice(function=function, args=args):
                return p.Choice(function=function, args=tuple(self.source(arg) for arg in args))
            case _:
                assert_never(source)

    def window_kind(self, kind: r.WindowKind) -> p.WindowKind:
        match kind:
            case r.FirstUse(length=length):
                return p.FirstUse(length=length)
            case r.Sliding(length=length):
                return Sliding(length=length)
            case r.Bucket(refill=refill, per=per, burst=burst):
                return Bucket(refill=refill, per=per, burst=burst)
            case _:
                return self.period(kind)

    def period(self, period: r.Period) -> Period:
        match period:
            case r.CalendarPeriod(period=name, zone=zone):
                return p.CalendarPeriod(period=name, zone=zone)
            case r.Schedule(length=length, anchor=anchor):
                if isinstance(anchor, int):
                    return p.Schedule(length=length, anchor=anchor)
                return ScheduleBy(length=length, anchor=self.slots.index(anchor.text))

    def optional(self, condition: r.Condition | None) -> p.Condition | None:
        return None if condition is None else self.condition(condition.expr, condition.span)

    def condition(self, expr: TypedExpr, span: Span) -> p.Condition:
        resolved = resolve(expr, self.slots.index, micros=True)
        clauses = tuple(self.clause(clause) for clause in conjuncts(expr))
        return p.Condition(expr=resolved, can_fail=can_fail(resolved), clauses=clauses, place=span.place)

    def clause(self, clause: TypedExpr) -> p.Clause:
        seen: dict[int, None] = {}

        def slot_of(path: str) -> int:
            index = self.slots.index(path)
            seen[index] = None
            return index

        expr = resolve(clause, slot_of, micros=True)
        return p.Clause(text=clause.span.text, expr=expr, slots=tuple(seen))

    def table(self, table: r.Table[V], value: Callable[[V], W]) -> p.Table[W]:
        by = tuple(self.slots.index(path.text) for path in table.by)
        rows = {key[0] if len(key) == 1 else key: value(row) for key, row in table.rows}
        return p.Table(by=by, rows=rows, default=None if table.default is None else value(table.default))


def same(value: V) -> V:
    return value


def ratio_of(ratio: r.Ratio) -> p.Ratio:
    return ratio.numerator, ratio.denominator

"""Checked rules → a program: everything that can be resolved once per version is resolved here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from overspill.cel.typed import TypedExpr, conjuncts
from overspill.check import rules as r
from overspill.compile.carried import carried_of
from overspill.compile.dispatch import dispatch_of, residual
from overspill.compile.emit import generated
from overspill.compile.expressions import can_fail, resolve
from overspill.compile.slots import SlotAllocator, input_of, kinds_of, many_of, passed_of
from overspill.plan import plan as p
from overspill.plan.carried import Invariant
from overspill.plan.parts import Bucket, Period, ScheduleBy, Sliding
from overspill.plan.program import Program
from overspill.words.amounts import STEPS_MAX
from overspill.words.instants import instant_text
from overspill.words.spans import Span

V = TypeVar("V")
W = TypeVar("W")


def compile_rules(rules: r.Rules) -> Program:
    """The program of one checked bundle, its functions generated when first needed."""
    return Program(plan_of(rules), generated)


def plan_of(rules: r.Rules) -> p.Plan:
    """The plan alone, as data."""
    kinds = kinds_of(rules)
    indexes = {kind.name: index for index, kind in enumerate(kinds)}
    dispatch = dispatch_of(rules.waterfalls)
    return p.Plan(
        name=rules.name,
        version=rules.version,
        digest=rules.digest,
        effective_from=rules.effective_from,
        effective_until=rules.effective_until,
        kinds=kinds,
        kind_names=tuple(indexes),
        fields=_fields(rules),
        meters=frozenset(field.name for field in rules.request if field.is_meter),
        pools={pool.name: _pool(pool, indexes) for pool in rules.pools},
        waterfalls=tuple(_waterfall(waterfall, rules, kinds, dispatch.field) for waterfall in rules.waterfalls),
        dispatch=dispatch,
        many=many_of(rules),
        invariants=tuple(_invariant(one) for one in rules.invariants),
    )


def _fields(rules: r.Rules) -> dict[str, p.Input]:
    """What requests carry: their own fields, and the attributes they pass."""
    fields = [field for field in rules.request if not field.is_meter]
    return {field.name: input_of(field) for field in (*fields, *passed_of(rules).values())}


def _invariant(invariant: r.Invariant) -> Invariant:
    """Over its own inputs, in the order of first mention."""
    paths: dict[str, int] = {}
    typed = invariant.typed
    expr = None if typed is None else resolve(typed, lambda path: paths.setdefault(path, len(paths)))
    return Invariant(
        name=invariant.name, text=invariant.text, expr=expr, paths=tuple(paths), place=invariant.span.place
    )


def _pool(pool: r.Pool, indexes: dict[str, int]) -> p.Pool:
    return p.Pool(
        name=pool.name,
        unit=pool.unit,
        kind=indexes[pool.account],
        per=tuple(path.field for path in pool.per),
        lots_expire_after=pool.lots_expire_after,
        price=pool.price,
    )


def _waterfall(
    waterfall: r.Waterfall, rules: r.Rules, kinds: tuple[p.AccountKind, ...], field: str | None
) -> p.Waterfall:
    """Built twice: derived meters stand behind the slots, whose number the first build finds out."""
    derived = () if waterfall.card is None else tuple(meter.name for meter in waterfall.card.derived)
    first = SlotAllocator(rules, kinds, derived, 0)
    built = Build(kinds, first, field).waterfall(waterfall)
    if not derived:
        return built
    return Build(kinds, SlotAllocator(rules, kinds, derived, len(first.slots)), field).waterfall(waterfall)


@dataclass(frozen=True, slots=True)
class Build:
    """Turns the rules of one waterfall into its plan, over one set of slots."""

    kinds: tuple[p.AccountKind, ...]
    slots: SlotAllocator
    field: str | None
    """The request field that dispatch goes by."""

    def waterfall(self, waterfall: r.Waterfall) -> p.Waterfall:
        drawn = [draw for draw in waterfall.draws if isinstance(draw.layer, (r.Limit, r.Pool))]
        names = [draw.layer.name for draw in drawn]
        rest = residual(waterfall, self.field)
        serves = None if rest is None else self.condition(rest, waterfall.serves[0].span)
        base = self.base(waterfall)
        guards = tuple(
            p.Guard(name=guard.name, when=self.condition(guard.when.expr, guard.when.span), place=guard.span.place)
            for guard in waterfall.guards
        )
        layers = tuple(self.layer(draw) for draw in drawn)
        offers = tuple(p.Offer(name=offer, layer=_offered(offer, names)) for offer in waterfall.offers)
        carried = tuple(carried_of(waterfall, self))
        return p.Waterfall(
            name=waterfall.name,
            label=waterfall.label,
            place=waterfall.span.place,
            serves=serves,
            slots=tuple(self.slots.slots),
            unit=waterfall.unit,
            base=base,
            base_max=_base_max(layers),
            guards=guards,
            layers=layers,
            otherwise=waterfall.otherwise,
            otherwise_place=waterfall.otherwise_span.place,
            offers=offers,
            fill_whole=waterfall.fill == "whole",
            partial=waterfall.reactions["on_shortfall"].word == "partial",
            hold_length=waterfall.holds_expire_after,
            late_length=waterfall.late_capture,
            carried=carried,
        )

    def base(self, waterfall: r.Waterfall) -> p.Pricing | p.Counting:
        card = waterfall.card
        if card is None:
            assert waterfall.counts is not None
            return p.Counting(meter=self.slots.index(waterfall.counts))
        derived = tuple(
            p.DerivedMeter(name=meter.name, expr=resolve(meter.expr, self.slots.index)) for meter in card.derived
        )
        tables = tuple(
            p.PriceTable(
                starts=table.starts,
                version=f"{card.name}@{instant_text(table.starts)[:10]}",
                table=self.table(table.table, _same),
            )
            for table in sorted(card.tables, key=lambda table: -table.starts)
        )
        return p.Pricing(
            card=card.name,
            derived=derived,
            meters=tuple(self.slots.index(meter) for meter in card.meters),
            denominator=card.denominator,
            round=card.round,
            tables=tables,
        )

    def layer(self, draw: r.Draw) -> p.Layer:
        layer = draw.layer
        assert isinstance(layer, (r.Limit, r.Pool))
        when = self.optional(draw.when)
        kind, per = self.kind(layer.account), self.per(layer.per)
        ratio = self.ratio(draw.ratio)
        skips = self.skips(layer.skips)
        if isinstance(layer, r.Limit):
            return p.LimitLayer(
                name=layer.name,
                label=layer.label,
                place=draw.span.place,
                unit=layer.unit,
                kind=kind,
                per=per,
                ratio=ratio,
                when=when,
                skips=skips,
                on_error=draw.on_error,
                windows=tuple(self.window(layer.name, window) for window in layer.windows),
                capacity=self.table(layer.capacity, _same),
                capacity_times=tuple(
                    p.CapacityTimes(starts=one.starts, ends=one.ends, factor=_ratio(one.factor))
                    for one in layer.capacity_times
                ),
                warn_at=layer.warn_at,
            )
        return p.PoolLayer(
            name=layer.name,
            label=layer.label,
            place=draw.span.place,
            unit=layer.unit,
            kind=kind,
            per=per,
            ratio=ratio,
            when=when,
            skips=skips,
            on_error=draw.on_error,
            order=() if layer.order == r.DEFAULT_ORDER else layer.order,
            free=layer.free,
        )

    # ---- parts

    def kind(self, account: str) -> int:
        return next(index for index, kind in enumerate(self.kinds) if kind.name == account)

    def per(self, paths: tuple[r.InputPath, ...]) -> tuple[int, ...]:
        return tuple(self.slots.index(path.text) for path in paths)

    def ratio(self, table: r.Table[r.Ratio]) -> p.Table[p.Ratio]:
        return self.table(table, _ratio)

    def skips(self, skips: tuple[r.Skip, ...]) -> tuple[p.Skip, ...]:
        return tuple(p.Skip(name=skip.name, when=self.condition(skip.when.expr, skip.when.span)) for skip in skips)

    def window(self, owner: str, window: r.Window) -> p.Window:
        return p.Window(name=window.name, key=f"{owner}.{window.name}", kind=self.window_kind(window.kind))

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
        resolved = resolve(expr, self.slots.index)
        clauses = tuple(self.clause(clause) for clause in conjuncts(expr))
        return p.Condition(expr=resolved, can_fail=can_fail(resolved), clauses=clauses, place=span.place)

    def clause(self, clause: TypedExpr) -> p.Clause:
        seen: dict[int, None] = {}

        def slot_of(path: str) -> int:
            index = self.slots.index(path)
            seen[index] = None
            return index

        expr = resolve(clause, slot_of)
        return p.Clause(text=clause.span.text, expr=expr, slots=tuple(seen))

    def table(self, table: r.Table[V], value: Callable[[V], W]) -> p.Table[W]:
        by = tuple(self.slots.index(path.text) for path in table.by)
        rows = {key[0] if len(key) == 1 else key: value(row) for key, row in table.rows}
        return p.Table(by=by, rows=rows, default=None if table.default is None else value(table.default))


def _same(value: V) -> V:
    return value


def _ratio(ratio: r.Ratio) -> p.Ratio:
    return ratio.numerator, ratio.denominator


def _offered(offer: str, layers: list[str]) -> int | None:
    pool = offer.removeprefix("add_")
    return layers.index(pool) if pool != offer and pool in layers else None


def _base_max(layers: tuple[p.Layer, ...]) -> int:
    """The base of which ceil(base × ratio) stays an amount in every layer."""
    most = STEPS_MAX
    for layer in layers:
        ratios = [*layer.ratio.rows.values(), *([] if layer.ratio.default is None else [layer.ratio.default])]
        for numerator, denominator in ratios:
            most = min(most, STEPS_MAX * denominator // numerator)
    return most

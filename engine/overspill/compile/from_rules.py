"""Checked rules → a program: everything that can be resolved once per version is resolved here."""

from __future__ import annotations

from dataclasses import dataclass

from overspill.check import rules as r
from overspill.compile.carried import carried_of
from overspill.compile.dispatch import dispatch_of, residual
from overspill.compile.emit import generated
from overspill.compile.expressions import resolve
from overspill.compile.parts import Parts, ratio_of, same
from overspill.compile.slots import SlotAllocator, input_of, kinds_of, many_of, passed_of
from overspill.plan import plan as p
from overspill.plan.carried import Invariant
from overspill.plan.program import Program
from overspill.words.amounts import STEPS_MAX
from overspill.words.instants import instant_text


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
    expr = None if typed is None else resolve(typed, lambda path: paths.setdefault(path, len(paths)), micros=True)
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
    built = _Build(Parts(kinds, first), field).waterfall(waterfall)
    if not derived:
        return built
    slots = SlotAllocator(rules, kinds, derived, len(first.slots))
    return _Build(Parts(kinds, slots), field).waterfall(waterfall)


@dataclass(frozen=True, slots=True)
class _Build:
    """Turns the rules of one waterfall into its plan, over one set of slots."""

    parts: Parts
    field: str | None
    """The request field that dispatch goes by."""

    def waterfall(self, waterfall: r.Waterfall) -> p.Waterfall:
        drawn = [draw for draw in waterfall.draws if isinstance(draw.layer, (r.Limit, r.Pool))]
        names = [draw.layer.name for draw in drawn]
        rest = residual(waterfall, self.field)
        serves = None if rest is None else self.parts.condition(rest, waterfall.serves[0].span)
        base = self.base(waterfall)
        guards = tuple(
            p.Guard(
                name=guard.name, when=self.parts.condition(guard.when.expr, guard.when.span), place=guard.span.place
            )
            for guard in waterfall.guards
        )
        layers = tuple(self.layer(draw) for draw in drawn)
        offers = tuple(p.Offer(name=offer, layer=_offered(offer, names)) for offer in waterfall.offers)
        carried = tuple(carried_of(waterfall, self.parts))
        return p.Waterfall(
            name=waterfall.name,
            label=waterfall.label,
            place=waterfall.span.place,
            serves=serves,
            slots=tuple(self.parts.slots.slots),
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
            return p.Counting(meter=self.parts.slots.index(waterfall.counts))
        derived = tuple(
            p.DerivedMeter(name=meter.name, expr=resolve(meter.expr, self.parts.slots.index)) for meter in card.derived
        )
        tables = tuple(
            p.PriceTable(
                starts=table.starts,
                version=f"{card.name}@{instant_text(table.starts)[:10]}",
                table=self.parts.table(table.table, same),
            )
            for table in sorted(card.tables, key=lambda table: -table.starts)
        )
        return p.Pricing(
            card=card.name,
            derived=derived,
            meters=tuple(self.parts.slots.index(meter) for meter in card.meters),
            denominator=card.denominator,
            round=card.round,
            tables=tables,
        )

    def layer(self, draw: r.Draw) -> p.Layer:
        layer = draw.layer
        assert isinstance(layer, (r.Limit, r.Pool))
        when = self.parts.optional(draw.when)
        kind, per = self.parts.kind(layer.account), self.parts.per(layer.per)
        ratio = self.parts.ratio(draw.ratio)
        skips = self.parts.skips(layer.skips)
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
                windows=tuple(self.parts.window(layer.name, window) for window in layer.windows),
                capacity=self.parts.table(layer.capacity, same),
                capacity_times=tuple(
                    p.CapacityTimes(starts=one.starts, ends=one.ends, factor=ratio_of(one.factor))
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

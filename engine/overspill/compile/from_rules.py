"""Checked rules → a program: everything that can be resolved once per version is resolved here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict, assert_never

from overspill.check import rules as r
from overspill.compile.dispatch import dispatch_of, residual
from overspill.compile.emit import generated
from overspill.compile.expressions import resolve
from overspill.compile.parts import Parts, ratio_of, same
from overspill.compile.slots import SlotAllocator, input_of, kinds_of, many_of, passed_of
from overspill.plan import plan as p
from overspill.plan.program import Program
from overspill.words.amounts import STEPS_MAX, Unit
from overspill.words.instants import instant_text


def compile_rules(rules: r.Rules) -> Program:
    """The program of one checked bundle, its functions generated when first needed."""
    return Program(plan_of(rules), generated)


def plan_of(rules: r.Rules) -> p.Plan:
    """The plan alone, as data."""
    kinds = kinds_of(rules)
    sent = frozenset(field.name for field in rules.request if field.default is None)
    dispatch = dispatch_of(rules.waterfalls, sent)
    fields = _fields(rules)
    return p.Plan(
        name=rules.name,
        version=rules.version,
        digest=rules.digest,
        effective_from=rules.effective_from,
        effective_until=rules.effective_until,
        kinds=kinds,
        kind_names=tuple(kind.name for kind in kinds),
        fields=fields,
        field_types={name: input.type for name, input in fields.items()},
        meters=frozenset(field.name for field in rules.request if field.is_meter),
        pools={pool.name: _pool(pool, rules, kinds) for pool in rules.pools},
        waterfalls=tuple(_waterfall(waterfall, rules, kinds, dispatch.field) for waterfall in rules.waterfalls),
        dispatch=dispatch,
        many=many_of(rules),
        invariants=tuple(_invariant(one) for one in rules.invariants),
    )


def _fields(rules: r.Rules) -> dict[str, p.Input]:
    """What requests carry: their own fields, and the attributes they pass."""
    fields = [field for field in rules.request if not field.is_meter]
    return {field.name: input_of(field) for field in (*fields, *passed_of(rules).values())}


def _invariant(invariant: r.Invariant) -> p.Invariant:
    """Over its own inputs, in the order of first mention."""
    paths: dict[str, int] = {}
    typed = invariant.typed
    expr = None if typed is None else resolve(typed, lambda path: paths.setdefault(path, len(paths)), micros=True)
    return p.Invariant(
        name=invariant.name, text=invariant.text, expr=expr, paths=tuple(paths), place=invariant.span.place
    )


def _pool(pool: r.Pool, rules: r.Rules, kinds: tuple[p.AccountKind, ...]) -> p.Pool:
    parts = Parts(kinds, SlotAllocator(rules, kinds, (), 0))
    return p.Pool(
        name=pool.name,
        unit=pool.unit,
        kind=parts.kind(pool.account),
        per=tuple(path.field for path in pool.per),
        order=_order(pool),
        lots_expire_after=pool.lots_expire_after,
        price=pool.price,
        top_up=None if pool.top_up is None else _top_up(pool.top_up, parts),
    )


def _top_up(top_up: r.TopUp, parts: Parts) -> p.TopUp:
    """Its condition has slots of its own: it is tested without a request."""
    when = parts.optional(top_up.when)
    return p.TopUp(partial=top_up.on_top_up_cap.word == "partial", slots=tuple(parts.slots.slots), when=when)


def _order(pool: r.Pool) -> tuple[str, ...]:
    """Empty: the default order, in which states keep lots anyway."""
    return () if pool.order == r.DEFAULT_ORDER else pool.order


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
        names = [draw.layer.name for draw in waterfall.draws]
        rest = residual(waterfall, self.field)
        serves = None if rest is None else self.parts.condition(rest, waterfall.serves[0].span)
        base = self.base(waterfall)
        guards = tuple(
            p.Guard(
                name=guard.name, when=self.parts.condition(guard.when.expr, guard.when.span), place=guard.span.place
            )
            for guard in waterfall.guards
        )
        occupies = tuple(self.occupancy(occupy) for occupy in waterfall.occupies)
        layers = tuple(self.layer(draw) for draw in waterfall.draws)
        offers = tuple(p.Offer(name=offer, layer=_offered(offer, names)) for offer in waterfall.offers)
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
            occupies=occupies,
            layers=layers,
            otherwise=waterfall.otherwise,
            otherwise_place=waterfall.otherwise_span.place,
            offers=offers,
            fill_whole=waterfall.fill == "whole",
            partial=waterfall.reactions["on_shortfall"].word == "partial",
            verify_only=waterfall.admission == "verify_only",
            reversal_transfers=waterfall.reactions["closed_window"].word == "transfer",
            reversal_reissue=waterfall.reactions["expired_lot"].length,
            unavailable=waterfall.reactions["on_unavailable"].up_to or 0,
            hold_length=waterfall.holds_expire_after,
            late_length=waterfall.late_capture,
            has_funded=any(isinstance(layer, p.GraceLayer) and layer.started_funded for layer in layers),
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

    def occupancy(self, occupy: r.Occupy) -> p.Occupancy:
        concurrency = occupy.concurrency
        counter = p.Counter(
            name=concurrency.name,
            key=f"{concurrency.name}.holds",
            account=self.parts.kind(concurrency.account),
            per=self.parts.per(concurrency.per),
            kind=p.Forever(),
            up_to=None,
        )
        return p.Occupancy(
            counter=counter,
            at_most=self.parts.table(concurrency.at_most, same),
            when=self.parts.optional(occupy.when),
            place=occupy.span.place,
        )

    def layer(self, draw: r.Draw) -> p.Layer:
        layer, parts = draw.layer, self.parts
        skips = () if isinstance(layer, r.Grace) else parts.skips(layer.skips)
        own = self.own(layer)
        common = LayerParts(
            name=layer.name,
            label=layer.label,
            place=draw.span.place,
            unit=layer.unit,
            account=parts.kind(layer.account),
            per=parts.per(layer.per),
            ratio=parts.ratio(draw.ratio),
            when=parts.optional(draw.when),
            skips=skips,
            on_error=draw.on_error,
            counters=(*own, *(parts.cap(cap) for cap in draw.within)),
            caps_from=len(own),
        )
        match layer:
            case r.Limit():
                return p.LimitLayer(
                    **common,
                    capacity=parts.table(layer.capacity, same),
                    capacity_times=tuple(
                        p.CapacityTimes(starts=one.starts, ends=one.ends, factor=ratio_of(one.factor))
                        for one in layer.capacity_times
                    ),
                    resets=tuple(self.reset(reset) for reset in sorted(layer.resets, key=lambda reset: reset.at)),
                    banked_reset=None
                    if layer.banked_reset is None
                    else p.BankedReset(valid=layer.banked_reset.valid, restart=layer.banked_reset.restart),
                    warn_at=layer.warn_at,
                )
            case r.Pool():
                return p.PoolLayer(
                    **common,
                    order=_order(layer),
                    free=layer.free,
                    debt=layer.on_overshoot.up_to or 0,
                    lapses=layer.on_expired_in_hold.word == "lapse",
                    reissue=layer.on_expired_in_hold.length,
                )
            case r.Entitlement():
                return p.EntitlementLayer(
                    **common, starts=layer.starts, ends=layer.ends, billed_in_arrears=layer.billed_in_arrears
                )
            case r.Grace():
                return p.GraceLayer(**common, started_funded=layer.started_funded)
            case _:
                assert_never(layer)

    def own(self, layer: r.Layer) -> tuple[p.Counter, ...]:
        """The layer's own counters."""
        match layer:
            case r.Limit():
                return self.parts.windows(layer)
            case r.Pool():
                overage = layer.overage
                return () if overage is None else (self.parts.allowance(layer, overage, "overage"),)
            case r.Entitlement():
                return (self.parts.allowance(layer, layer.allowance, "allowance"),)
            case r.Grace():
                return (self.parts.grace(layer),)
            case _:
                assert_never(layer)

    def reset(self, reset: r.Reset) -> p.Reset:
        return p.Reset(
            name=reset.name,
            label=reset.label,
            windows=reset.windows,
            at=reset.at,
            restart=reset.restart,
            when=self.parts.optional(reset.when),
        )


class LayerParts(TypedDict):
    """What all layers have in common, as keywords."""

    name: str
    label: str | None
    place: str
    unit: Unit
    account: int
    per: tuple[int, ...]
    ratio: p.Table[p.Ratio]
    when: p.Condition | None
    skips: tuple[p.Skip, ...]
    on_error: str
    counters: tuple[p.Counter, ...]
    caps_from: int


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

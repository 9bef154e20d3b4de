"""Plan → the names that a test may say: layers, windows, pools, units, offers, inputs, each with what it needs to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from overspill.plan.plan import AccountKind, Input, Layer, LimitLayer, Plan, WindowKind
from overspill.words.amounts import Unit
from overspill.words.codec import Struct


class Kept(Struct, frozen=True):
    """What an account of kind `kind` keeps, in `unit`; `window` is how a counter begins anew."""

    kind: int
    unit: Unit
    window: WindowKind | None = None


HOLDS = Unit("holds", 0, "hold")
"""What a concurrency counts."""


class Vocabulary(Struct, frozen=True):
    """`windows` by `limit.window`, `pools` by name; `units` by name and singular."""

    plan: Plan
    layers: tuple[str, ...]
    windows: Mapping[str, Kept]
    pools: Mapping[str, Kept]
    limits: Mapping[str, Kept]
    banking: Mapping[str, Kept]
    """Those whose resets can be kept."""
    topped_up: Mapping[str, Kept]
    """Pools that are topped up."""
    units: Mapping[str, Unit]
    offers: tuple[str, ...]

    def windows_of(self, limit: str) -> list[str]:
        """The names of a limit's windows."""
        return [name for own, _, name in (key.partition(".") for key in self.windows) if own == limit]

    def kind(self, name: str) -> AccountKind | None:
        return next((kind for kind in self.plan.kinds if kind.name == name), None)

    def attribute(self, kind: str, name: str) -> Input | None:
        found = self.kind(kind)
        return None if found is None else found.attributes.get(name)


def vocabulary_of(plan: Plan) -> Vocabulary:
    """The names of one plan."""
    layers = list(layers_of(plan))
    limits = [layer for layer in layers if isinstance(layer, LimitLayer)]
    pools = {pool.name: Kept(pool.kind, pool.unit) for pool in plan.pools.values()}
    units = [*(layer.unit for layer in layers), *(waterfall.unit for waterfall in plan.waterfalls)]
    units += [kept.unit for kept in pools.values()]
    units += [HOLDS] if any(waterfall.occupies for waterfall in plan.waterfalls) else []
    return Vocabulary(
        plan=plan,
        layers=tuple(dict.fromkeys(layer.name for layer in layers)),
        windows=dict(_counters(plan)),
        pools=pools,
        limits={layer.name: Kept(layer.account, layer.unit) for layer in limits},
        banking={layer.name: Kept(layer.account, layer.unit) for layer in limits if layer.banked_reset is not None},
        topped_up={name: pools[name] for name, pool in plan.pools.items() if pool.top_up is not None},
        units={name: unit for unit in units for name in (unit.name, unit.singular) if name is not None},
        offers=tuple(dict.fromkeys(offer.name for waterfall in plan.waterfalls for offer in waterfall.offers)),
    )


def layers_of(plan: Plan) -> Iterator[Layer]:
    """All layers, as often as they are drawn."""
    for waterfall in plan.waterfalls:
        yield from waterfall.layers


def _counters(plan: Plan) -> Iterator[tuple[str, Kept]]:
    """All that is counted, by key: windows, caps, allowances, graces, concurrency."""
    for waterfall in plan.waterfalls:
        for layer in waterfall.layers:
            for counter in layer.counters:
                yield counter.key, Kept(counter.account, layer.unit, counter.kind)
        for occupancy in waterfall.occupies:
            yield occupancy.counter.key, Kept(occupancy.counter.account, HOLDS, occupancy.counter.kind)


def base_key(key: str) -> str:
    """`plan_windows.day|gpt-5.5` → `plan_windows.day`: the name without the values of further fields."""
    return key.split("|", 1)[0]

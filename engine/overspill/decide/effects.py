"""A decision's draws → effects on accounts, and the legs that a hold remembers them by."""

from __future__ import annotations

from collections.abc import Sequence

from overspill.account.effects import Effect, SetLot, SetWindow
from overspill.account.state import Leg
from overspill.decide.decide import Decided, drawn
from overspill.plan.plan import LimitLayer, state_key
from overspill.plan.shapes import LOT_LEFT, Lot


def effects_of(decided: Decided, keys: Sequence[str | None]) -> dict[str, list[Effect]]:
    """Account key → what the draws change there, in the order drawn: each window counts its layer's amount, each lot
    loses its part. `keys` are the accounts' by kind."""
    effects: dict[str, list[Effect]] = {}
    facts, steps, layers = decided.raw[4], decided.raw[5], decided.waterfall.layers
    for index in decided.drawing:
        layer, step = layers[index], steps[index]
        key = keys[layer.kind]
        assert key is not None
        found = effects.setdefault(key, [])
        values = tuple([str(facts[slot]) for slot in layer.per]) if layer.per else ()
        if isinstance(layer, LimitLayer) and len(step) == 5:
            amount = step[2]
            for window, (generation, opened_at, ends_at, used) in zip(layer.windows, step[3], strict=True):
                name = state_key(window.key, values) if values else window.key
                found.append(SetWindow(name, (generation, opened_at, ends_at, used + amount)))
        elif len(step) == 4:
            pool = state_key(layer.name, values) if values else layer.name
            for lot, part in step[3]:
                found.append(SetLot(pool, lot_with(lot, lot[LOT_LEFT] - part)))
    return effects


def lot_with(lot: Lot, left: int) -> Lot:
    """The lot with `left` free to draw."""
    return (lot[0], left, *lot[2:])


def legs_of(decided: Decided) -> tuple[Leg, ...]:
    """The draws as a hold keeps them, in the waterfall's order."""
    facts = decided.raw[4]
    legs = []
    for _, layer, step in drawn(decided):
        values = tuple(str(facts[slot]) for slot in layer.per)
        windows: tuple[tuple[str, int], ...] = ()
        lots: tuple[tuple[str, Lot, int], ...] = ()
        if isinstance(layer, LimitLayer) and len(step) == 5:
            windows = tuple(
                (state_key(window.key, values), state[0]) for window, state in zip(layer.windows, step[3], strict=True)
            )
        elif len(step) == 4:
            pool = state_key(layer.name, values)
            lots = tuple((pool, lot, part) for lot, part in step[3])
        legs.append(Leg(layer.name, layer.kind, step[1], step[2], windows, lots))
    return tuple(legs)
